//! The disk's own figure: how long an append and its `fdatasync` take, where the ledger would lie.

use std::{fs::File, io::Write, path::Path, time::Instant};

use hdrhistogram::Histogram;

use super::load::histogram;

/// The bytes of one write: about a batch of a few events.
const WRITE_BYTES: usize = 4096;

/// Appends and syncs so many times in a file of its own, which is removed again. Microseconds.
///
/// # Errors
/// When the disk fails.
pub(super) fn fdatasync(directory: &Path, times: u32) -> std::io::Result<Histogram<u64>> {
    let path = directory.join("fdatasync.probe");
    let mut file = File::create_new(&path)?;
    let mut latencies = histogram();
    let measured = (0..times).try_for_each(|_| {
        let started = Instant::now();
        file.write_all(&[0x5a; WRITE_BYTES])?;
        file.sync_data()?;
        latencies
            .saturating_record(u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX));
        Ok(())
    });
    std::fs::remove_file(&path)?;
    measured.map(|()| latencies)
}
