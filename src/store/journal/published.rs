//! The published checkpoint: the last one that left the ledger, beside the journal in the data directory.
//!
//! It is no part of the commit, and always behind or level with the journal. What it is for: a journal that holds
//! less than a checkpoint that others have seen has lost entries, and must not go on as if it had not.

use std::{io, path::Path};

use crate::{
    ledger::{
        checkpoint::{CheckpointError, SignedCheckpoint},
        note::{KeyName, NOTE_BYTES_MAX},
        position::length,
    },
    store::disk::{Access, Disk},
};

use super::{
    error::{During, JournalError},
    reader::JournalReader,
};

/// The file in the data directory.
const FILE: &str = "checkpoint";
/// Its next content, until it is whole.
const NEXT: &str = "checkpoint.next";

/// Replaces the published checkpoint, whole or not at all. The caller publishes committed checkpoints only, in
/// ascending order, from one thread.
///
/// # Errors
/// When the disk fails; the old one is then still there.
pub fn publish_checkpoint(
    disk: &dyn Disk,
    data_directory: &Path,
    checkpoint: &SignedCheckpoint,
) -> Result<(), JournalError> {
    let (path, next) = (data_directory.join(FILE), data_directory.join(NEXT));
    match disk.remove(&next) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(error).during("remove", &next);
        }
        _ => {}
    }
    let file = disk.create(&next).during("create", &next)?;
    file.write_at(0, checkpoint.note().to_string().as_bytes())
        .during("write", &next)?;
    file.sync().during("sync", &next)?;
    disk.rename(&next, &path).during("replace", &path)
}

/// Reads the published checkpoint, if one has been published.
///
/// # Errors
/// When it can't be read, or is not a checkpoint of the ledger. Its signature is not verified.
pub fn published_checkpoint(
    disk: &dyn Disk,
    data_directory: &Path,
    origin: &KeyName,
) -> Result<Option<SignedCheckpoint>, JournalError> {
    let path = data_directory.join(FILE);
    let file = match disk.open(&path, Access::Read) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.during("open", &path)?,
    };
    let bytes = file.length().during("read the length of", &path)?;
    let mut note = vec![0; length(bytes).min(NOTE_BYTES_MAX.saturating_add(1))];
    let read = file.read_at(0, &mut note).during("read", &path)?;
    let refuse = |error| JournalError::PublishedCheckpoint {
        path: path.clone(),
        origin: origin.clone(),
        error,
    };
    let checkpoint =
        SignedCheckpoint::parse(note.get(..read).unwrap_or_default()).map_err(refuse)?;
    if checkpoint.checkpoint().origin != *origin {
        return Err(refuse(CheckpointError::OtherOrigin {
            expected: origin.to_string(),
            found: checkpoint.checkpoint().origin.to_string(),
        }));
    }
    Ok(Some(checkpoint))
}

/// Checks that a journal holds what a checkpoint covers; the root where a batch of the journal ends at that size.
pub(super) fn check_holds(
    reader: &JournalReader,
    checkpoint: &SignedCheckpoint,
) -> Result<(), JournalError> {
    let (held, published) = (reader.size(), checkpoint.checkpoint());
    if published.size > held {
        return Err(JournalError::BehindCheckpoint {
            held,
            published: published.size,
        });
    }
    let Some(last) = published.size.last() else {
        return Ok(());
    };
    let of_batch = reader.checkpoint_at(last)?;
    let of_batch = of_batch.checkpoint();
    if of_batch.size == published.size && of_batch.root != published.root {
        return Err(JournalError::ForkedFromCheckpoint {
            size: published.size,
            published: published.root,
            held: of_batch.root,
        });
    }
    Ok(())
}
