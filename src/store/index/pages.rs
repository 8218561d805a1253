//! The stored values: the only file that knows sled.
//!
//! Every value ends with a checksum over its key and content, so a value that is damaged, or was stored for
//! another key, is noticed when it is read. Values have about 8 KiB. sled holds eight to sixteen of them to a
//! node, and reads and caches whole nodes, so larger values cost memory and smaller ones speed.
//!
//! sled lies in a numbered directory, a new one after each reset, because a damaged one can't always be opened
//! or emptied. The others are deleted.

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use super::{error::IndexError, tiles::Tiles};
use crate::store::{disk::FsDisk, durable::make_directory};

/// Bytes of content in a value.
pub(super) const VALUE_BYTES: usize = 8192;

const CHECKSUM_BYTES: usize = 16;
/// Least multiple at which nodes of eight values become files of their own. Rewriting them within the log would
/// take up a sixth more space.
const SEGMENT_BYTES: usize = 256 * 1024;
const SLED_CACHE_BYTES: u64 = 4 * 1024 * 1024;
/// sled looks at the size of its cache only after 64 accesses to one of its 256 shards. Single reads of many
/// nodes would fill the memory before; so each read of a node counts as several.
const ACCESSES_PER_READ: usize = 16;
const CACHE_SLOTS: usize = 128;
const LOCK_TRIES: usize = 100;

/// A run of postings: the entries it covers, which say all there is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct RunId {
    /// Its first entry.
    pub(super) first: u64,
    /// How many entries it covers.
    pub(super) entries: u64,
}

/// All keys of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    /// `M`: what there is. Written after everything that it names.
    Manifest,
    /// `S`, number of its first tile: root and time of each of the next tiles.
    Summary(u64),
    /// `D`, run, number: a piece of the run's directory.
    Directory(RunId, u32),
    /// `P`, run, number: a page of the run's postings.
    Postings(RunId, u32),
}

/// The database, of one generation.
pub(super) struct Pages {
    db: sled::Db,
    /// What lies beside it.
    pub(super) tiles: Tiles,
    cache: Vec<Mutex<Option<Cached>>>,
}

type Cached = (Vec<u8>, Arc<[u8]>);

impl Pages {
    /// Opens the newest database in the directory. When there is none, or it can't be opened, it is a new one, and
    /// the reason comes with it.
    pub(super) fn open(index: &Path) -> Result<(Self, Option<IndexError>), IndexError> {
        let Some(number) = generations(index).into_iter().max() else {
            return Ok((Self::create(index)?, None));
        };
        match Self::open_generation(index, number) {
            Ok(pages) => {
                remove_others(index, number);
                Ok((pages, None))
            }
            Err(error @ IndexError::Damaged(_)) => Ok((Self::create(index)?, Some(error))),
            Err(error) => Err(error),
        }
    }

    /// Creates an empty database and removes those before.
    pub(super) fn create(index: &Path) -> Result<Self, IndexError> {
        let newest = generations(index).into_iter().max();
        let number = newest.map_or(1, |newest| newest.saturating_add(1));
        let pages = Self::open_generation(index, number)?;
        remove_others(index, number);
        Ok(pages)
    }

    fn open_generation(index: &Path, number: u64) -> Result<Self, IndexError> {
        let directory = index.join(number.to_string());
        make_directory(&FsDisk, &directory)
            .map_err(|error| IndexError::io("its directory", &error.source))?;
        Ok(Self {
            db: open_unlocked(&directory)?,
            tiles: Tiles::open(&directory)?,
            cache: (0..CACHE_SLOTS).map(|_| Mutex::new(None)).collect(),
        })
    }

    /// Whether nothing was ever stored.
    pub(super) fn is_empty(&self) -> bool {
        self.db.is_empty()
    }

    /// Stores a value.
    pub(super) fn write(&self, key: Key, mut content: Vec<u8>) -> Result<(), IndexError> {
        let key = key.bytes();
        content.extend_from_slice(&checksum(&key, &content));
        guarded(|| self.db.insert(key, content)).map(drop)
    }

    /// Reads a value that must be there.
    pub(super) fn read(&self, key: Key) -> Result<Arc<[u8]>, IndexError> {
        let missing = || IndexError::Damaged(format!("{key:?}: missing"));
        self.find(key)?.ok_or_else(missing)
    }

    /// Reads a value, from the cache if it was read of late.
    pub(super) fn read_cached(&self, key: Key) -> Result<Arc<[u8]>, IndexError> {
        let bytes = key.bytes();
        let Some(slot) = slot(&bytes, self.cache.len()).and_then(|slot| self.cache.get(slot))
        else {
            return self.read(key);
        };
        if let Some((cached, content)) = &*slot.lock().unwrap_or_else(PoisonError::into_inner)
            && *cached == bytes
        {
            return Ok(Arc::clone(content));
        }
        let content = self.read(key)?;
        *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some((bytes, Arc::clone(&content)));
        Ok(content)
    }

    /// Reads a value if it is there.
    pub(super) fn find(&self, key: Key) -> Result<Option<Arc<[u8]>>, IndexError> {
        let bytes = key.bytes();
        let stored = guarded(|| {
            for _ in 1..ACCESSES_PER_READ {
                self.db.contains_key(&bytes)?;
            }
            self.db.get(&bytes)
        })?;
        let Some(stored) = stored else {
            return Ok(None);
        };
        let damaged = || IndexError::Damaged(format!("{key:?}: does not fit its checksum"));
        let (content, sum) = stored
            .split_last_chunk::<CHECKSUM_BYTES>()
            .ok_or_else(damaged)?;
        if checksum(&bytes, content) == *sum {
            Ok(Some(Arc::from(content)))
        } else {
            Err(damaged())
        }
    }

    /// Removes the values of a run.
    pub(super) fn remove_run(&self, run: RunId) -> Result<(), IndexError> {
        for (first, last) in [
            (Key::Directory(run, 0), Key::Directory(run, u32::MAX)),
            (Key::Postings(run, 0), Key::Postings(run, u32::MAX)),
        ] {
            self.remove_range(&first.bytes(), &last.bytes())?;
        }
        Ok(())
    }

    /// Removes the tiles from this number on, and their summaries.
    pub(super) fn remove_tiles(&self, from: u64) -> Result<(), IndexError> {
        let (first, last) = (Key::Summary(from), Key::Summary(u64::MAX));
        self.remove_range(&first.bytes(), &last.bytes())?;
        self.tiles.remove(from)
    }

    fn remove_range(&self, first: &[u8], last: &[u8]) -> Result<(), IndexError> {
        guarded(|| {
            for stored in self.db.range(first..=last) {
                self.db.remove(stored?.0)?;
            }
            Ok(())
        })
    }

    /// The runs of which anything is stored.
    pub(super) fn runs(&self) -> Result<Vec<RunId>, IndexError> {
        let mut found = Vec::new();
        for tag in [b'D', b'P'] {
            let mut from = vec![tag];
            while let Some((key, _)) = guarded(|| self.db.get_gt(&from))? {
                let Some(run) = run_of(&key).filter(|_| key.first() == Some(&tag)) else {
                    break;
                };
                found.push(run);
                from = match tag {
                    b'D' => Key::Directory(run, u32::MAX).bytes(),
                    _ => Key::Postings(run, u32::MAX).bytes(),
                };
            }
        }
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    /// Hands everything to the operating system. Not an fsync: sled has none that could be trusted.
    pub(super) fn flush(&self) -> Result<(), IndexError> {
        guarded(|| self.db.flush()).map(drop)
    }
}

impl Key {
    fn bytes(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(21);
        let mut run = |tag, run: RunId, number: u32| {
            bytes.push(tag);
            bytes.extend_from_slice(&run.first.to_be_bytes());
            bytes.extend_from_slice(&run.entries.to_be_bytes());
            bytes.extend_from_slice(&number.to_be_bytes());
        };
        match self {
            Self::Directory(id, number) => run(b'D', id, number),
            Self::Postings(id, number) => run(b'P', id, number),
            Self::Manifest => bytes.push(b'M'),
            Self::Summary(number) => {
                bytes.push(b'S');
                bytes.extend_from_slice(&number.to_be_bytes());
            }
        }
        bytes
    }
}

fn run_of(key: &[u8]) -> Option<RunId> {
    let (first, rest) = key.get(1..)?.split_first_chunk()?;
    Some(RunId {
        first: u64::from_be_bytes(*first),
        entries: u64::from_be_bytes(*rest.first_chunk()?),
    })
}

/// Over what a value is stored under and what it is.
pub(super) fn checksum(key: &[u8], content: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(key).update(content);
    let mut sum = [0; CHECKSUM_BYTES];
    hasher.finalize_xof().fill(&mut sum);
    sum
}

fn slot(key: &[u8], slots: usize) -> Option<usize> {
    usize::try_from(u32::from_be_bytes(*key.last_chunk()?))
        .ok()?
        .checked_rem(slots)
}

/// What can't be removed now will be the next time.
fn remove_others(index: &Path, number: u64) {
    for other in generations(index)
        .into_iter()
        .filter(|other| *other != number)
    {
        let _ = fs::remove_dir_all(index.join(other.to_string()));
    }
}

fn generations(index: &Path) -> Vec<u64> {
    fs::read_dir(index)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect()
}

/// Opens sled, waiting a moment for one that is just being closed. Anything wrong with the files, and sled panics
/// at some of it, is damage; a disk that can't be written is not, nor a lock that stays held.
fn open_unlocked(directory: &Path) -> Result<sled::Db, IndexError> {
    let config = sled::Config::new()
        .path(directory)
        .cache_capacity(SLED_CACHE_BYTES)
        .segment_size(SEGMENT_BYTES)
        .mode(sled::Mode::HighThroughput)
        .flush_every_ms(Some(500));
    for _ in 0..LOCK_TRIES {
        match guarded(|| config.open()) {
            Err(IndexError::Database(text)) if text.contains("could not acquire lock") => {
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(error @ IndexError::Disk { .. }) => return Err(error),
            Err(error) => return Err(IndexError::Damaged(error.to_string())),
            Ok(db) => return Ok(db),
        }
    }
    let text = format!("{} is in use by another process", directory.display());
    Err(IndexError::Database(text))
}

/// Calls sled, which panics at some kinds of damage instead of saying so.
fn guarded<T>(call: impl FnOnce() -> sled::Result<T>) -> Result<T, IndexError> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => result.map_err(IndexError::from),
        Err(_) => Err(IndexError::Damaged("the database's own files".to_owned())),
    }
}
