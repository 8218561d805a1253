//! The full tiles of level 0, in a file of their own beside the database: tile `n` lies at `n` times its length.
//!
//! A proof reads one tile from anywhere in the tree. In sled it would lie in a node with eight to sixteen others, all of
//! which sled reads, and of which its cache keeps at least one for each of its 256 shards, whatever its limit is: proofs
//! from all over a large ledger took 170 MB of memory. Here one tile is read, and the system's cache has the rest.
//!
//! Every tile ends with a checksum over its number and content, so one that is damaged, lost or stands in another's place
//! is noticed when it is read. The file is synced before a manifest names what is in it.

use std::{
    io,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use super::{HASH_BYTES, error::IndexError, pages::checksum};
use crate::{
    ledger::{position::length, tile::TILE_WIDTH},
    store::disk::{Access, Disk as _, DiskFile, FsDisk, Readers},
};

/// The file's name.
const FILE: &str = "tiles";
const CHECKSUM_BYTES: usize = 16;
/// Tiles that were read of late: the nodes of one proof come from one or two of them.
const CACHE_SLOTS: u64 = 32;

/// The tiles of one database.
pub(super) struct Tiles {
    file: Arc<dyn DiskFile>,
    cache: Vec<Mutex<Option<Cached>>>,
}

/// A tile's number and its hashes.
type Cached = (u64, Arc<[u8]>);

impl Tiles {
    /// Opens the file in the database's directory, and makes it if it is not there.
    pub(super) fn open(directory: &Path) -> Result<Self, IndexError> {
        let path = directory.join(FILE);
        let file = match FsDisk.open(&path, Access::Write) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                FsDisk.create(&path, Readers::Owner)
            }
            file => file,
        };
        Ok(Self {
            file: file.map_err(failed)?,
            cache: (0..CACHE_SLOTS).map(|_| Mutex::new(None)).collect(),
        })
    }

    /// Stores the hashes of neighbouring tiles.
    pub(super) fn write<'t>(
        &self,
        first: u64,
        tiles: impl Iterator<Item = &'t [u8]>,
    ) -> Result<(), IndexError> {
        let mut bytes = Vec::new();
        for (number, tile) in (first..).zip(tiles) {
            bytes.extend_from_slice(tile);
            bytes.extend_from_slice(&checksum(&number.to_be_bytes(), tile));
        }
        self.file.write_at(offset(first), &bytes).map_err(failed)
    }

    /// Makes what was written durable.
    pub(super) fn sync(&self) -> Result<(), IndexError> {
        self.file.sync().map_err(failed)
    }

    /// Reads a tile that must be there.
    pub(super) fn read(&self, number: u64) -> Result<Arc<[u8]>, IndexError> {
        let slot = self.cache.get(length(number % CACHE_SLOTS));
        let cached = slot.map(|slot| slot.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some((other, content)) = cached.as_deref().and_then(Option::as_ref)
            && *other == number
        {
            return Ok(Arc::clone(content));
        }
        let content = self.read_file(number)?;
        if let Some(mut slot) = cached {
            *slot = Some((number, Arc::clone(&content)));
        }
        Ok(content)
    }

    fn read_file(&self, number: u64) -> Result<Arc<[u8]>, IndexError> {
        let damaged = |what| IndexError::Damaged(format!("tile {number}: {what}"));
        let mut bytes = vec![0; stored_bytes()];
        let read = self.file.read_at(offset(number), &mut bytes);
        if read.map_err(failed)? < bytes.len() {
            return Err(damaged("missing"));
        }
        let (content, sum) = bytes
            .split_last_chunk::<CHECKSUM_BYTES>()
            .ok_or_else(|| damaged("missing"))?;
        if checksum(&number.to_be_bytes(), content) == *sum {
            Ok(Arc::from(content))
        } else {
            Err(damaged("does not fit its checksum"))
        }
    }

    /// Removes the tiles from this number on.
    pub(super) fn remove(&self, from: u64) -> Result<(), IndexError> {
        let end = offset(from);
        if self.file.length().map_err(failed)? > end {
            self.file.set_length(end).map_err(failed)?;
        }
        Ok(())
    }
}

fn stored_bytes() -> usize {
    length(TILE_WIDTH)
        .saturating_mul(HASH_BYTES)
        .saturating_add(CHECKSUM_BYTES)
}

fn offset(number: u64) -> u64 {
    let bytes = u64::try_from(stored_bytes()).unwrap_or(u64::MAX);
    number.saturating_mul(bytes)
}

fn failed(error: io::Error) -> IndexError {
    IndexError::io("the tiles' file", &error)
}
