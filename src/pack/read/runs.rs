//! The runs of a large deflated file, found by their ends.
//!
//! [`END_OF_RUN`] is nine bytes that a run ends with. Should they stand within one by chance, or be missing because
//! another program packed the file, the runs do not inflate as they should, and the file is read as a stream instead:
//! finding runs is only ever a way to be quick.

use std::io::{self, Read};

use memchr::memmem;

use super::{
    inflate::{Run, SEALED_BYTES},
    zip::Part,
};
use crate::{
    ledger::position::length,
    pack::container::{END_OF_RUN, LAST_BLOCK},
};

/// The most bytes of a run that is looked for: those of a bundle have some hundred thousand.
const RUN_BYTES_MAX: usize = 16 << 20;
/// How much is read at a time.
const STEP: u64 = 1 << 18;

/// A deflated file, run by run.
pub struct Runs<'a> {
    part: Part<'a>,
    buffer: Vec<u8>,
    /// Bytes of the buffer that runs have been made of.
    taken: usize,
    /// CRC-32 and bytes of the file.
    crc: u32,
    length: u64,
}

impl<'a> Runs<'a> {
    pub(super) fn new(part: Part<'a>, crc: u32, length: u64) -> Self {
        Self {
            part,
            buffer: Vec::new(),
            taken: 0,
            crc,
            length,
        }
    }

    /// The next run; `None` where no end of one is found.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn next_run(&mut self) -> io::Result<Option<Run>> {
        let mut searched = 0usize;
        loop {
            let from = searched.saturating_sub(END_OF_RUN.len());
            let ahead = self.ahead();
            let rest = ahead.get(from..).unwrap_or_default();
            if let Some(at) = memmem::find(rest, &END_OF_RUN) {
                let end = from.saturating_add(at).saturating_add(END_OF_RUN.len());
                let mut run = Vec::with_capacity(end.saturating_add(SEALED_BYTES));
                run.extend_from_slice(ahead.get(..end).unwrap_or_default());
                self.taken = self.taken.saturating_add(end);
                return Ok(Some(Run::new(run)));
            }
            searched = ahead.len();
            if searched > RUN_BYTES_MAX || !self.read_ahead()? {
                return Ok(None);
            }
        }
    }

    /// Whether nothing but the file's last block is left, and the file has this checksum and length.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn ends(&mut self, crc: u32, length: u64) -> io::Result<bool> {
        while self.ahead().len() <= LAST_BLOCK.len() && self.read_ahead()? {}
        Ok(self.ahead() == LAST_BLOCK && (crc, length) == (self.crc, self.length))
    }

    /// What was read and has not been taken.
    fn ahead(&self) -> &[u8] {
        self.buffer.get(self.taken..).unwrap_or_default()
    }

    fn read_ahead(&mut self) -> io::Result<bool> {
        self.buffer.drain(..self.taken.min(self.buffer.len()));
        self.taken = 0;
        let step = self.part.left.min(STEP);
        self.buffer.reserve(length(step));
        let read = Read::by_ref(&mut self.part)
            .take(step)
            .read_to_end(&mut self.buffer)?;
        Ok(read > 0)
    }
}
