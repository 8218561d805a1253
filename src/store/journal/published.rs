//! The published checkpoint: the last one that left the ledger, beside the journal in the data directory.
//!
//! It is no part of the commit, and always behind or level with the journal. What it is for: a journal that holds
//! less than a checkpoint that others have seen has lost entries, and must not go on as if it had not. So that its being
//! gone is told from its not being there yet, the journal is made with the checkpoint of the empty ledger in place.

use std::path::Path;

use crate::{
    ledger::{
        checkpoint::{CheckpointError, SignedCheckpoint},
        note::{KeyName, NOTE_BYTES_MAX},
        position::TreeSize,
    },
    store::{
        disk::Disk,
        durable::{During as _, read_file, replace_file},
    },
};

use super::{error::JournalError, reader::JournalReader, recover::Examined};

/// The file in the data directory.
const FILE: &str = "checkpoint";

/// Replaces the published checkpoint, whole or not at all, and durably. The caller publishes committed checkpoints only,
/// in ascending order, from one thread.
///
/// # Errors
/// When the disk fails; the old one is then still there.
pub fn publish_checkpoint(
    disk: &dyn Disk,
    data_directory: &Path,
    checkpoint: &SignedCheckpoint,
) -> Result<(), JournalError> {
    let note = checkpoint.note().to_string();
    Ok(replace_file(disk, data_directory, FILE, note.as_bytes())?)
}

/// Reads the published checkpoint. There has always been one since the journal was made, except in a directory of an
/// earlier version, which published the first one after the first batches.
///
/// # Errors
/// When it can't be read, or is not a checkpoint of the ledger. Its signature is not verified.
pub fn published_checkpoint(
    disk: &dyn Disk,
    data_directory: &Path,
    origin: &KeyName,
) -> Result<Option<SignedCheckpoint>, JournalError> {
    let path = data_directory.join(FILE);
    let Some(note) = read_file(disk, &path, NOTE_BYTES_MAX).during("read", &path)? else {
        return Ok(None);
    };
    let refuse = |error| JournalError::PublishedCheckpoint {
        path: path.clone(),
        origin: origin.clone(),
        error,
    };
    let checkpoint = SignedCheckpoint::parse(&note).map_err(refuse)?;
    if checkpoint.checkpoint().origin != *origin {
        return Err(refuse(CheckpointError::OtherOrigin {
            expected: origin.to_string(),
            found: checkpoint.checkpoint().origin.to_string(),
        }));
    }
    Ok(Some(checkpoint))
}

/// Refuses a journal that was written to where no checkpoint says how far it went: less than was acknowledged would
/// look like all of it.
pub(super) fn check_there(
    data_directory: &Path,
    published: Option<&SignedCheckpoint>,
    examined: &Examined,
) -> Result<(), JournalError> {
    let held = TreeSize::new(examined.next.index.value());
    let torn = examined
        .tail
        .as_ref()
        .is_some_and(|tail| tail.torn.is_some());
    if published.is_some() || (held == TreeSize::EMPTY && !torn) {
        return Ok(());
    }
    Err(JournalError::NoCheckpoint {
        path: data_directory.join(FILE),
        held,
    })
}

/// Checks that a journal holds what a checkpoint covers; the root where a batch of the journal ends at that size.
///
/// # Errors
/// When it holds less, has another root there, or can't be read.
pub fn check_holds(
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
