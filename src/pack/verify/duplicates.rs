//! Events that were recorded twice, found in bounded memory.
//!
//! The identity of every event is a keyed hash under a key that nobody could know when the events were made. They are
//! gathered in a buffer of fixed size, sorted, written to one temporary file run by run, and merged at the end. The
//! file takes 24 bytes an entry; up to [`BUFFERED_MAX`] entries need none.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, binary_heap::PeekMut},
    fs::File,
    io::{self, BufWriter, Read, Seek, SeekFrom, Write},
    path::Path,
};

use rayon::slice::ParallelSliceMut as _;

use crate::ledger::position::{EntryIndex, count, length};

/// The most identities that are held in memory.
const BUFFERED_MAX: usize = 1 << 17;
/// Bytes of an identity and its index in the temporary file.
const RECORD_BYTES: usize = 24;
/// Bytes of the temporary file that are read at a time, all runs together.
const MERGE_BYTES: usize = 2 << 20;
/// Bytes of the temporary file that are written at a time.
const WRITE_BYTES: usize = 1 << 16;

/// The identity, as two integers because these are compared much faster than bytes, and the index.
type Record = ([u64; 2], u64);

/// Gathers the identities of events.
pub(super) struct Duplicates {
    directory: std::path::PathBuf,
    buffer: Vec<Record>,
    buffered_max: usize,
    file: Option<File>,
    /// Records in each run of the file.
    runs: Vec<u64>,
}

impl Duplicates {
    pub(super) fn new(directory: Option<&Path>) -> Self {
        Self {
            directory: directory.map_or_else(std::env::temp_dir, Path::to_owned),
            buffer: Vec::new(),
            buffered_max: BUFFERED_MAX,
            file: None,
            runs: Vec::new(),
        }
    }

    /// Takes the identity of the event at this index.
    pub(super) fn push(&mut self, identity: [u8; 16], index: EntryIndex) -> io::Result<()> {
        let (halves, _) = identity.as_chunks();
        let mut halves = halves.iter().map(|half| u64::from_be_bytes(*half));
        let identity = [0; 2].map(|_: u64| halves.next().unwrap_or_default());
        self.buffer.push((identity, index.value()));
        if self.buffer.len() < self.buffered_max {
            return Ok(());
        }
        self.spill()
    }

    /// Gives each event that was there before, with the first place of it and this one.
    pub(super) fn finish(
        mut self,
        mut found: impl FnMut(EntryIndex, EntryIndex),
    ) -> io::Result<()> {
        let mut last: Option<Record> = None;
        let mut follow = |record: Record| match last {
            Some((identity, first)) if identity == record.0 => {
                if first != record.1 {
                    found(EntryIndex::new(first), EntryIndex::new(record.1));
                }
            }
            _ => last = Some(record),
        };
        if self.runs.is_empty() {
            self.buffer.par_sort_unstable();
            self.buffer.into_iter().for_each(follow);
            return Ok(());
        }
        self.spill()?;
        self.buffer = Vec::new();
        self.merge(&mut follow)
    }

    fn spill(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        self.buffer.par_sort_unstable();
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile_in(&self.directory)?),
        };
        let mut out = BufWriter::with_capacity(WRITE_BYTES, file);
        for ([high, low], index) in &self.buffer {
            out.write_all([*high, *low, *index].map(u64::to_ne_bytes).as_flattened())?;
        }
        out.flush()?;
        drop(out);
        self.runs.push(count(self.buffer.len()));
        self.buffer.clear();
        Ok(())
    }

    fn merge(self, follow: &mut impl FnMut(Record)) -> io::Result<()> {
        let Some(mut file) = self.file else {
            return Ok(());
        };
        let records = MERGE_BYTES / RECORD_BYTES;
        let step = records.checked_div(self.runs.len()).unwrap_or(0).max(16);
        let mut at = 0;
        let mut runs = Vec::with_capacity(self.runs.len());
        for records in self.runs {
            runs.push(Run {
                at,
                left: records,
                buffer: Vec::new().into_iter(),
            });
            at = at.saturating_add(records.saturating_mul(count(RECORD_BYTES)));
        }
        let mut heads = BinaryHeap::with_capacity(runs.len());
        for (number, run) in runs.iter_mut().enumerate() {
            if let Some(record) = run.next(&mut file, step)? {
                heads.push(Reverse((record, number)));
            }
        }
        while let Some(mut head) = heads.peek_mut() {
            let Reverse((record, number)) = *head;
            follow(record);
            let run = runs.get_mut(number);
            let next = run.map(|run| run.next(&mut file, step)).transpose()?;
            match next.flatten() {
                Some(next) => *head = Reverse((next, number)),
                None => drop(PeekMut::pop(head)),
            }
        }
        Ok(())
    }
}

/// One sorted run of the file, read a step at a time.
struct Run {
    at: u64,
    left: u64,
    buffer: std::vec::IntoIter<Record>,
}

impl Run {
    fn next(&mut self, file: &mut File, step: usize) -> io::Result<Option<Record>> {
        if self.buffer.as_slice().is_empty() && self.left > 0 {
            let records = step.min(length(self.left));
            let mut bytes = vec![0; records.saturating_mul(RECORD_BYTES)];
            file.seek(SeekFrom::Start(self.at))?;
            file.read_exact(&mut bytes)?;
            self.at = self.at.saturating_add(count(bytes.len()));
            self.left = self.left.saturating_sub(count(records));
            let parsed = bytes.as_chunks::<RECORD_BYTES>().0.iter().map(|record| {
                let (numbers, _) = record.as_chunks();
                let mut numbers = numbers.iter().map(|number| u64::from_ne_bytes(*number));
                let [high, low, index] = [0; 3].map(|_: u64| numbers.next().unwrap_or_default());
                ([high, low], index)
            });
            self.buffer = parsed.collect::<Vec<_>>().into_iter();
        }
        Ok(self.buffer.next())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::as_conversions)]

    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn repeated_identities_are_found_whether_they_fit_the_buffer_or_not(
            identities in prop::collection::vec(0u8..40, 0..200), buffered_max in 1usize..300) {
            let mut duplicates = Duplicates::new(None);
            duplicates.buffered_max = buffered_max;
            let mut expected = Vec::new();
            let mut first = HashMap::new();
            for (index, identity) in identities.iter().enumerate() {
                duplicates.push([*identity; 16], EntryIndex::new(index as u64)).unwrap();
                if let Some(first) = first.get(identity) {
                    expected.push((*first, index as u64));
                } else {
                    first.insert(identity, index as u64);
                }
            }
            let mut found = Vec::new();
            duplicates.finish(|first, again| found.push((first.value(), again.value()))).unwrap();
            found.sort_unstable();
            expected.sort_unstable();
            prop_assert_eq!(found, expected);
        }
    }
}
