//! Events that were recorded twice, found in bounded memory.
//!
//! The identity of every event is a keyed hash under a key that nobody could know when the events were made. They are
//! dealt out by their first bits to lists of fixed size, which are sorted and written to one temporary file, run by run.
//! At the end the runs of each list are merged, on every core. The file takes 24 bytes an entry; up to some 120,000
//! entries need none.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, binary_heap::PeekMut},
    fs::File,
    io::{self, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};

use crate::{
    ledger::position::{EntryIndex, count, length},
    pack::read::read_exact_at,
};

/// By how many first bits of an identity its list is chosen.
const LIST_BITS: u32 = 4;
const LISTS: usize = 1 << LIST_BITS;
/// The most identities that a list holds in memory.
const BUFFERED_MAX: usize = 1 << 13;
/// Bytes of an identity and its index in the temporary file.
const RECORD_BYTES: usize = 24;
/// The least identities of a run that are held while the runs are merged.
const HELD_MIN: usize = 16;
/// Identities that are written to or read from the temporary file at a time.
const AT_ONCE: usize = 1 << 10;

/// The identity, as two integers because these are compared much faster than bytes, and the index.
type Record = ([u64; 2], u64);

/// Records as they stand in the file.
type Bytes = [[u8; RECORD_BYTES]; AT_ONCE];

/// Gathers the identities of events.
pub(super) struct Duplicates {
    directory: PathBuf,
    buffered_max: usize,
    lists: [List; LISTS],
    file: Option<File>,
    /// Bytes of the file.
    end: u64,
}

/// Identities that begin alike.
#[derive(Default)]
struct List {
    buffer: Vec<Record>,
    /// Where sorted runs begin in the file, and how many records each has.
    runs: Vec<(u64, u64)>,
}

impl Duplicates {
    pub(super) fn new(directory: Option<&Path>) -> Self {
        Self {
            directory: directory.map_or_else(std::env::temp_dir, Path::to_owned),
            buffered_max: BUFFERED_MAX,
            lists: Default::default(),
            file: None,
            end: 0,
        }
    }

    /// Takes the identity of the event at this index.
    pub(super) fn push(&mut self, identity: [u8; 16], index: EntryIndex) -> io::Result<()> {
        let (halves, _) = identity.as_chunks();
        let mut halves = halves.iter().map(|half| u64::from_be_bytes(*half));
        let identity = [0; 2].map(|_: u64| halves.next().unwrap_or_default());
        let [first, _] = identity;
        let list = first.checked_shr(u64::BITS.saturating_sub(LIST_BITS));
        let Some(list) = list.and_then(|list| self.lists.get_mut(length(list))) else {
            return Ok(());
        };
        list.buffer.push((identity, index.value()));
        if list.buffer.len() < self.buffered_max {
            return Ok(());
        }
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile_in(&self.directory)?),
        };
        self.end = list.spill(file, self.end)?;
        Ok(())
    }

    /// Gives each event that was there before, with the first place of it and this one.
    pub(super) fn finish(
        self,
        mut found: impl FnMut(EntryIndex, EntryIndex) + Send,
    ) -> io::Result<()> {
        let found = Mutex::new(&mut found);
        let file = self.file.as_ref();
        self.lists.into_par_iter().try_for_each(|list| {
            let mut last: Option<Record> = None;
            list.in_order(file, self.buffered_max, |record| match last {
                Some((identity, first)) if identity == record.0 => {
                    if first != record.1 {
                        let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                        found(EntryIndex::new(first), EntryIndex::new(record.1));
                    }
                }
                _ => last = Some(record),
            })
        })
    }
}

impl List {
    /// Writes what is in memory to the end of the file, sorted, and gives its new end.
    fn spill(&mut self, file: &mut File, end: u64) -> io::Result<u64> {
        self.buffer.sort_unstable();
        file.seek(SeekFrom::Start(end))?;
        let mut bytes = [[0; RECORD_BYTES]; AT_ONCE];
        for records in self.buffer.chunks(AT_ONCE) {
            for (([high, low], index), bytes) in records.iter().zip(&mut bytes) {
                let numbers = [*high, *low, *index].map(u64::to_ne_bytes);
                bytes.copy_from_slice(numbers.as_flattened());
            }
            let bytes = bytes.get(..records.len()).unwrap_or_default();
            file.write_all(bytes.as_flattened())?;
        }
        let records = count(self.buffer.len());
        self.runs.push((end, records));
        self.buffer.clear();
        Ok(end.saturating_add(records.saturating_mul(count(RECORD_BYTES))))
    }

    /// Gives all records in their order. Of the runs in the file as much is held as was gathered in memory, and of more
    /// runs than it can be shared among a little of each.
    fn in_order(
        mut self,
        file: Option<&File>,
        buffered_max: usize,
        mut follow: impl FnMut(Record),
    ) -> io::Result<()> {
        self.buffer.sort_unstable();
        let Some(file) = file else {
            self.buffer.into_iter().for_each(follow);
            return Ok(());
        };
        let share = buffered_max.checked_div(self.runs.len()).unwrap_or(0);
        let share = share.max(HELD_MIN);
        let mut room = vec![Record::default(); share.saturating_mul(self.runs.len())];
        let in_file = self.runs.iter().zip(room.chunks_mut(share));
        let mut runs: Vec<Run<'_>> = in_file
            .map(|((at, records), held)| Run {
                at: *at,
                left: *records,
                held,
                next: 0,
                end: 0,
            })
            .collect();
        let end = self.buffer.len();
        runs.push(Run {
            at: 0,
            left: 0,
            held: &mut self.buffer,
            next: 0,
            end,
        });
        let mut bytes = [[0; RECORD_BYTES]; AT_ONCE];
        let mut heads = BinaryHeap::with_capacity(runs.len());
        for (number, run) in runs.iter_mut().enumerate() {
            if let Some(record) = run.next(file, &mut bytes)? {
                heads.push(Reverse((record, number)));
            }
        }
        while let Some(mut head) = heads.peek_mut() {
            let Reverse((record, number)) = *head;
            follow(record);
            let run = runs.get_mut(number);
            let next = run.map(|run| run.next(file, &mut bytes)).transpose()?;
            match next.flatten() {
                Some(next) => *head = Reverse((next, number)),
                None => drop(PeekMut::pop(head)),
            }
        }
        Ok(())
    }
}

/// One sorted run, held as far as there is room for it.
struct Run<'a> {
    /// Where the rest of it stands in the file.
    at: u64,
    left: u64,
    held: &'a mut [Record],
    /// Those of the held ones that have not been given.
    next: usize,
    end: usize,
}

impl Run<'_> {
    /// The next record. The buffer is for reading the file.
    fn next(&mut self, file: &File, bytes: &mut Bytes) -> io::Result<Option<Record>> {
        if self.next == self.end {
            self.fill(file, bytes)?;
        }
        let held = self.held.get(self.next..self.end);
        let next = held.and_then(<[Record]>::first).copied();
        self.next = self.next.saturating_add(usize::from(next.is_some()));
        Ok(next)
    }

    fn fill(&mut self, file: &File, bytes: &mut Bytes) -> io::Result<()> {
        (self.next, self.end) = (0, self.held.len().min(length(self.left)));
        let held = self.held.get_mut(..self.end).unwrap_or_default();
        for records in held.chunks_mut(AT_ONCE) {
            let bytes = bytes.get_mut(..records.len()).unwrap_or_default();
            read_exact_at(file, bytes.as_flattened_mut(), self.at)?;
            for (record, bytes) in records.iter_mut().zip(&*bytes) {
                let (numbers, _) = bytes.as_chunks();
                let mut numbers = numbers.iter().map(|number| u64::from_ne_bytes(*number));
                let [high, low, index] = [0; 3].map(|_: u64| numbers.next().unwrap_or_default());
                *record = ([high, low], index);
            }
            let (records, each) = (count(records.len()), count(RECORD_BYTES));
            self.at = self.at.saturating_add(records.saturating_mul(each));
            self.left = self.left.saturating_sub(records);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects, clippy::as_conversions)]

    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn repeated_identities_are_found_within_runs_and_across_them() {
        let identity = |n: u64| {
            *blake3::hash(&n.to_le_bytes())
                .as_bytes()
                .first_chunk()
                .unwrap()
        };
        let entries = (LISTS * BUFFERED_MAX * 3) as u64;
        let mut duplicates = Duplicates::new(None);
        // Every 1000th event is that of an entry shortly before, and every 1001st that of one long before.
        let event = |n: u64| match n {
            1000.. if n.is_multiple_of(1000) => n - 7,
            1001.. if n.is_multiple_of(1001) => n / 2,
            _ => n,
        };
        let first = |n: u64| {
            std::iter::successors(Some(n), |n| Some(event(*n)))
                .nth(20)
                .unwrap()
        };
        let mut expected = Vec::new();
        for n in 0..entries {
            duplicates
                .push(identity(first(n)), EntryIndex::new(n))
                .unwrap();
            if first(n) != n {
                expected.push((first(n), n));
            }
        }
        assert!(duplicates.lists.iter().all(|list| list.runs.len() >= 2));
        let mut found = Vec::new();
        duplicates
            .finish(|first, again| found.push((first.value(), again.value())))
            .unwrap();
        found.sort_by_key(|(_, again)| *again);
        assert!(expected.len() > 700 && found == expected);
    }

    proptest! {
        #[test]
        fn repeated_identities_are_found_whether_they_fit_the_buffer_or_not(
            identities in prop::collection::vec((0u8..40).prop_map(|n| n * 6), 0..400), buffered_max in 1usize..40) {
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
