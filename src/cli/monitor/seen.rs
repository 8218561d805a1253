//! The events that a monitor has seen in all its rounds, so that one that is recorded again is noticed.
//!
//! What is kept of an event is its identity, a hash of source and id under a key that nobody else has, and the index of
//! its entry: 24 bytes, in sorted runs beside the file with the positions. What must always be true:
//!
//! - An event is kept before the position is saved beyond its entry, durably, so none is forgotten. One that is kept and
//!   comes again at the same index, as after a kill, is the same.
//! - A run is written whole, and removed only when another holds what was in it.
//! - Memory is bounded: runs are read a piece at a time, all together, and there are a few dozen of them at most.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    fs::{self, File},
    io::{self, BufReader, BufWriter, ErrorKind, Read, Write},
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

use crate::ledger::{note::KeyName, position::EntryIndex, verify::IdentityKey};

/// The file with the key of the identities.
const KEY: &str = "key";
/// Bytes of an identity and its index.
const RECORD_BYTES: usize = 24;
/// As many runs of about the same length become one. An event is so rewritten four times in five million.
const RUNS_MERGED: usize = 16;
/// Bytes of a run that are read at a time.
const READ_BYTES: usize = 16 << 10;

/// An identity, and the index of its entry.
type Record = ([u8; 16], u64);

/// The events of one ledger.
pub(super) struct Seen {
    folder: PathBuf,
    key: IdentityKey,
    /// Those that are not kept yet.
    new: Vec<Record>,
}

impl Seen {
    /// Opens what was kept beside the positions of a ledger with so many entries verified. Where there are none yet, it
    /// begins anew; otherwise an event of each of them must be there, because one that is not would not be recognised.
    pub(super) fn open(positions: &Path, origin: &KeyName, verified: u64) -> io::Result<Self> {
        let mut folder = positions.as_os_str().to_owned();
        folder.push(".events");
        let folder = PathBuf::from(folder).join(hex::encode(Sha256::digest(origin.as_str())));
        if verified == 0 {
            match fs::remove_dir_all(&folder) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        fs::create_dir_all(&folder)?;
        let kept = runs(&folder)?
            .iter()
            .fold(0u64, |sum, run| sum.saturating_add(run.records()));
        if kept < verified {
            let why = format!("it holds {kept} events of the {verified} entries that are verified");
            return Err(damaged(&folder, &why));
        }
        let key = match fs::read(folder.join(KEY)) {
            Ok(key) => key
                .try_into()
                .map_err(|_| damaged(&folder, "its key does not have 32 bytes"))?,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                if !runs(&folder)?.is_empty() {
                    return Err(damaged(&folder, "its key is missing"));
                }
                let mut key = [0; 32];
                getrandom::fill(&mut key).map_err(|error| io::Error::other(error.to_string()))?;
                write(&folder, KEY, |out| out.write_all(&key))?;
                key
            }
            Err(error) => return Err(error),
        };
        Ok(Self {
            folder,
            key: IdentityKey::new(key),
            new: Vec::new(),
        })
    }

    /// The key of the identities.
    pub(super) const fn key(&self) -> &IdentityKey {
        &self.key
    }

    /// Takes the identity of the event at an index.
    pub(super) fn push(&mut self, identity: [u8; 16], index: EntryIndex) {
        self.new.push((identity, index.value()));
    }

    /// Lets go of what is not kept.
    pub(super) fn drop_new(&mut self) {
        self.new.clear();
    }

    /// Keeps what was taken, durably, and merges runs where there are many.
    pub(super) fn keep(&mut self) -> io::Result<()> {
        if self.new.is_empty() {
            return Ok(());
        }
        self.new.sort_unstable();
        let next = runs(&self.folder)?.last().map_or(0, |run| run.number);
        let next = next.saturating_add(1);
        write(&self.folder, &name(next), |out| {
            self.new.iter().try_for_each(|record| put(out, record))
        })?;
        self.new.clear();
        self.merge_some()
    }

    /// Gives each event that is there again, with the first place of it and this one, in the order of their identities.
    pub(super) fn repeated(
        &mut self,
        mut found: impl FnMut(EntryIndex, EntryIndex),
    ) -> io::Result<()> {
        self.new.sort_unstable();
        let mut last: Option<Record> = None;
        merged(&self.folder, &runs(&self.folder)?, &self.new, |record| {
            match last {
                Some((identity, first)) if identity == record.0 => {
                    if first != record.1 {
                        found(EntryIndex::new(first), EntryIndex::new(record.1));
                    }
                }
                _ => last = Some(record),
            }
            Ok(())
        })
    }

    /// Merges runs of about the same length, as long as there are enough of them.
    fn merge_some(&self) -> io::Result<()> {
        loop {
            let runs = runs(&self.folder)?;
            let class = |run: &Run| run.records().checked_ilog2().unwrap_or(0) / 4;
            let many = runs
                .iter()
                .map(class)
                .find(|of| runs.iter().filter(|run| class(run) == *of).count() >= RUNS_MERGED);
            let Some(many) = many else { return Ok(()) };
            let next = runs.last().map_or(0, |run| run.number).saturating_add(1);
            let old: Vec<Run> = runs.into_iter().filter(|run| class(run) == many).collect();
            let mut last = None;
            write(&self.folder, &name(next), |out| {
                merged(&self.folder, &old, &[], |record| {
                    // A record is there twice where a round was killed after it was kept.
                    if last.replace(record) == Some(record) {
                        return Ok(());
                    }
                    put(out, &record)
                })
            })?;
            for run in old {
                fs::remove_file(self.folder.join(name(run.number)))?;
            }
        }
    }
}

/// A sorted run of records.
struct Run {
    number: u64,
    bytes: u64,
}

impl Run {
    fn records(&self) -> u64 {
        self.bytes / 24
    }
}

fn name(number: u64) -> String {
    format!("{number}.run")
}

/// The runs, in order of their numbers.
fn runs(folder: &Path) -> io::Result<Vec<Run>> {
    let mut runs = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".run"));
        let Some(number) = number.and_then(|number| number.parse().ok()) else {
            continue;
        };
        let bytes = entry.metadata()?.len();
        if bytes % 24 != 0 {
            return Err(damaged(&entry.path(), "it is cut short"));
        }
        runs.push(Run { number, bytes });
    }
    runs.sort_unstable_by_key(|run| run.number);
    Ok(runs)
}

/// Goes through all records of runs, and others that are sorted, in order.
fn merged(
    folder: &Path,
    runs: &[Run],
    others: &[Record],
    mut take: impl FnMut(Record) -> io::Result<()>,
) -> io::Result<()> {
    let mut files = Vec::with_capacity(runs.len());
    for run in runs {
        let file = File::open(folder.join(name(run.number)))?;
        files.push(BufReader::with_capacity(READ_BYTES, file));
    }
    let mut others = others.iter().copied();
    let end = files.len();
    let mut heads = BinaryHeap::with_capacity(files.len().saturating_add(1));
    let mut next_of = |source: usize| match files.get_mut(source) {
        Some(file) => next(file),
        None => Ok(others.next()),
    };
    for source in 0..=end {
        if let Some(record) = next_of(source)? {
            heads.push(Reverse((record, source)));
        }
    }
    while let Some(Reverse((record, source))) = heads.pop() {
        take(record)?;
        if let Some(record) = next_of(source)? {
            heads.push(Reverse((record, source)));
        }
    }
    Ok(())
}

fn next(file: &mut BufReader<File>) -> io::Result<Option<Record>> {
    let mut bytes = [0; RECORD_BYTES];
    match file.read_exact(&mut bytes) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let (identity, index) = bytes.split_at(16);
    Ok(Some((
        identity.try_into().unwrap_or_default(),
        u64::from_be_bytes(index.try_into().unwrap_or_default()),
    )))
}

fn put(out: &mut impl Write, (identity, index): &Record) -> io::Result<()> {
    out.write_all(identity)?;
    out.write_all(&index.to_be_bytes())
}

/// Writes a file, whole and synced or not at all.
fn write(
    folder: &Path,
    name: &str,
    content: impl FnOnce(&mut BufWriter<&mut File>) -> io::Result<()>,
) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    let mut out = BufWriter::new(file.as_file_mut());
    content(&mut out)?;
    out.flush()?;
    drop(out);
    file.as_file().sync_all()?;
    file.persist(folder.join(name))
        .map_err(|error| error.error)?;
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

fn damaged(path: &Path, why: &str) -> io::Error {
    io::Error::other(format!("{} is damaged: {why}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn try_open(home: &Path, verified: u64) -> io::Result<Seen> {
        let origin = "a.example".parse().unwrap();
        Seen::open(&home.join("state.json"), &origin, verified)
    }

    fn open(home: &Path, verified: u64) -> Seen {
        try_open(home, verified).unwrap()
    }

    fn identity(seen: &Seen, event: u64) -> [u8; 16] {
        seen.key().identity("ci", &event.to_string())
    }

    fn take(seen: &mut Seen, events: impl IntoIterator<Item = (u64, u64)>) {
        for (event, index) in events {
            let identity = identity(seen, event);
            seen.push(identity, EntryIndex::new(index));
        }
    }

    fn repeated(seen: &mut Seen) -> Vec<(u64, u64)> {
        let mut pairs = Vec::new();
        seen.repeated(|first, again| pairs.push((first.value(), again.value())))
            .unwrap();
        pairs
    }

    #[test]
    fn an_event_of_any_earlier_round_is_recognised_however_runs_were_merged() {
        let home = tempfile::tempdir().unwrap();
        for round in 0..300u64 {
            let mut seen = open(home.path(), round * 3);
            take(&mut seen, (round * 3..round * 3 + 3).map(|n| (n, n)));
            assert_eq!(repeated(&mut seen), []);
            seen.keep().unwrap();
        }
        let files = fs::read_dir(&open(home.path(), 900).folder).unwrap();
        assert!(files.count() < 60, "runs are merged");
        for event in [0, 1, 450, 899] {
            let mut seen = open(home.path(), 900);
            take(&mut seen, [(event, 900), (900, 901)]);
            assert_eq!(repeated(&mut seen), [(event, 900)]);
            // It is not kept: the position stays, and the next round finds it again.
        }
        // Within one round, too.
        let mut seen = open(home.path(), 900);
        take(&mut seen, [(900, 900), (901, 901), (900, 902)]);
        assert_eq!(repeated(&mut seen), [(900, 902)]);
        seen.drop_new();
        assert_eq!(repeated(&mut seen), []);
    }

    #[test]
    fn what_was_kept_before_a_kill_and_comes_again_is_no_repetition() {
        let home = tempfile::tempdir().unwrap();
        for verified in 0..40 {
            let mut seen = open(home.path(), u64::from(verified > 0));
            take(&mut seen, [(7, 7), (8, 8)]);
            assert_eq!(repeated(&mut seen), []);
            seen.keep().unwrap();
        }
        let mut seen = open(home.path(), 0);
        take(&mut seen, [(7, 3)]);
        assert_eq!(repeated(&mut seen), [], "it begins anew");
    }

    #[test]
    fn a_damaged_folder_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let mut seen = open(home.path(), 0);
        take(&mut seen, [(1, 1)]);
        seen.keep().unwrap();
        let run = seen.folder.join("1.run");
        let whole = fs::read(&run).unwrap();
        fs::write(&run, &whole[..23]).unwrap();
        assert!(seen.repeated(|_, _| {}).is_err());
        fs::write(&run, whole).unwrap();
        fs::remove_file(seen.folder.join(KEY)).unwrap();
        assert!(try_open(home.path(), 1).is_err());
    }

    #[test]
    fn events_that_are_gone_are_noticed_where_entries_were_verified() {
        let home = tempfile::tempdir().unwrap();
        for (event, verified) in [(1, 0), (2, 1)] {
            let mut seen = open(home.path(), verified);
            take(&mut seen, [(event, event)]);
            seen.keep().unwrap();
        }
        let folder = open(home.path(), 2).folder;
        fs::remove_file(folder.join("1.run")).unwrap();
        let error = try_open(home.path(), 2).err().unwrap().to_string();
        assert!(error.contains("1 events of the 2 entries"), "{error}");
        fs::remove_dir_all(home.path().join("state.json.events")).unwrap();
        assert!(try_open(home.path(), 2).is_err());
        assert!(try_open(home.path(), 0).is_ok());
    }
}
