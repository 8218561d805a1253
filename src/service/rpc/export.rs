//! Audit packs, written by a thread of their own and sent as they are written.
//!
//! The thread may be one chunk ahead of the client. A client that goes away, or takes nothing for longer than the
//! server's patience, makes its next write fail, and that ends it. There are so many such threads at a time; who comes
//! when all are taken is told to come back. The cores, which exports share with everybody, wait for no client.

use std::{
    io::{self, Write},
    sync::Arc,
    time::Duration,
};

use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tonic::Status;

use super::{
    errors::{
        Reason, beyond_the_end, damaged, invalid_field, invalid_fields, refusal, refusal_about,
        retry_later,
    },
    pages::{PageSender, Pages, pages},
    read::{filter, range},
};
use crate::{
    ledger::{
        checkpoint::SignedCheckpoint,
        event::InvalidEvent,
        payload::PART_NAME_BYTES_MAX,
        position::{EntryIndex, TreeSize},
        tile::TileId,
    },
    pack::{
        Block, PackError, PackRequest, PackSource, SourceError, Summary, Unmatched, write_pack,
    },
    service::{convert::time_to_proto, ledger::Ledger, proto},
};

/// Bytes of a chunk.
const CHUNK_BYTES: usize = 64 << 10;
/// The most names of parts to withhold.
const WITHHELD_MAX: usize = 64;

/// When to come back where all places are taken.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// A place for an export; it is taken until the pack is written or given up.
pub(super) fn place(places: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Status> {
    Arc::clone(places).try_acquire_owned().map_err(|_| {
        let told = "as many packs are being exported as may be at a time (limits.exports_max); try again later";
        retry_later(Reason::TooManyExports, told, RETRY_AFTER)
    })
}

/// Refuses what is committed and waits for witnesses.
pub(super) fn check_published(
    ledger: &Ledger,
    checkpoint: &SignedCheckpoint,
    request: &proto::ExportPackRequest,
) -> Result<(), Status> {
    let size = checkpoint.checkpoint().size;
    let committed = ledger.checkpoint().checkpoint().size;
    let asked = request.start.saturating_add(1).max(request.end);
    if asked <= size.value() || asked > committed.value() {
        return Ok(());
    }
    Err(refusal_about(
        Reason::NotWitnessed,
        format!(
            "the published checkpoint has {size} entries, and those after it wait for witnesses; try again, or export up to there"
        ),
        [("tree_size", size.to_string())],
    ))
}

pub(super) fn export_pack(
    ledger: Ledger,
    checkpoint: &SignedCheckpoint,
    request: proto::ExportPackRequest,
    patience: Duration,
    place: OwnedSemaphorePermit,
) -> Result<Pages<proto::ExportPackResponse>, Status> {
    let size = checkpoint.checkpoint().size;
    if size == TreeSize::EMPTY {
        let told = "the ledger has no entry to export yet";
        let about = [("tree_size", size.to_string())];
        return Err(refusal_about(Reason::BeyondTheEnd, told, about));
    }
    let (start, end) = range(request.start, request.end, size)?;
    if start == size.next_index() {
        return Err(beyond_the_end("the index", start.value(), size));
    }
    if start == end {
        return Err(invalid_field("end", "leaves no entry to export"));
    }
    check_withheld(&request.withhold_parts)?;
    let request = PackRequest {
        checkpoint: checkpoint.clone(),
        key: ledger.verifier().clone(),
        history: ledger.key_history().clone(),
        start,
        end: Some(end),
        filter: filter(request.disclose, "disclose")?,
        withhold_parts: request.withhold_parts,
        allow_unmatched: request.allow_unmatched,
        timestamps: Vec::new(),
    };
    let kept = ledger.timestamps().clone();
    let (sender, taken) = pages(patience);
    let mut chunks = Chunks {
        sender,
        runtime: Handle::current(),
        buffer: Vec::with_capacity(CHUNK_BYTES),
    };
    tokio::task::spawn_blocking(move || {
        let written = kept
            .list()
            .map_err(|error| PackError::Source(error.into()))
            .and_then(|timestamps| {
                let request = PackRequest {
                    timestamps,
                    ..request
                };
                write_pack(&mut chunks, &Source(ledger), &request)
            })
            .and_then(|summary| Ok(chunks.finish(&summary, (start, end))?));
        if let Err(error) = written {
            chunks.sender.end_with(failed(&error));
        }
        drop(place);
    });
    Ok(taken)
}

fn check_withheld(names: &[String]) -> Result<(), Status> {
    if names.len() > WITHHELD_MAX {
        let told = format!("has {} names; give at most {WITHHELD_MAX}", names.len());
        return Err(invalid_field("withhold_parts", told));
    }
    for (place, name) in names.iter().enumerate() {
        if !(1..=PART_NAME_BYTES_MAX).contains(&name.len()) {
            return Err(invalid_field(
                &format!("withhold_parts[{place}]"),
                format!(
                    "has {} bytes; a name has 1 to {PART_NAME_BYTES_MAX}",
                    name.len()
                ),
            ));
        }
    }
    Ok(())
}

fn told_of(unmatched: &Unmatched) -> String {
    format!(
        "{}; correct it, or set allow_unmatched where it may fit nothing",
        unmatched.problem
    )
}

fn failed(error: &PackError) -> Status {
    match error {
        PackError::Range { .. } => refusal(Reason::InvalidField, error.to_string()),
        PackError::Unmatched(unmatched) => invalid_fields(
            unmatched
                .iter()
                .map(|unmatched| InvalidEvent::new(unmatched.field.as_str(), told_of(unmatched)))
                .collect(),
        ),
        // The client is gone, or was given up and told so.
        PackError::Output(_) => refusal(Reason::AnswersNotTaken, error.to_string()),
        PackError::Source(_) | PackError::Damaged(_) => damaged(error),
    }
}

/// Sends what is written, in chunks. Blocks while the client is behind.
struct Chunks {
    sender: PageSender<proto::ExportPackResponse>,
    runtime: Handle,
    buffer: Vec<u8>,
}

impl Chunks {
    fn send(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let buffer = std::mem::replace(&mut self.buffer, Vec::with_capacity(CHUNK_BYTES));
        self.send_message(proto::ExportPackResponse {
            chunk: buffer.into(),
            summary: None,
        })
    }

    /// Sends what is left of the pack, and what was exported.
    fn finish(
        &mut self,
        summary: &Summary,
        (start, end): (EntryIndex, EntryIndex),
    ) -> io::Result<()> {
        self.send()?;
        let disclosed = &summary.disclosed;
        let summary = proto::ExportSummary {
            start: start.value(),
            end: end.value(),
            entries: summary.counts.entries,
            payloads_disclosed: disclosed.payloads,
            parts_disclosed: summary.counts.parts_disclosed,
            parts_withheld: disclosed.withheld.clone().into_iter().collect(),
            parts_withheld_of_other_names: disclosed.withheld_of_other_names,
            parts_withheld_before: disclosed.withheld_before,
            first_recorded_at: disclosed.recorded.map(|(first, _)| time_to_proto(first)),
            last_recorded_at: disclosed.recorded.map(|(_, last)| time_to_proto(last)),
            unmatched: (summary.unmatched.iter())
                .map(|unmatched| unmatched.problem.clone())
                .collect(),
        };
        self.send_message(proto::ExportPackResponse {
            chunk: Vec::new().into(),
            summary: Some(summary),
        })
    }

    fn send_message(&mut self, message: proto::ExportPackResponse) -> io::Result<()> {
        self.runtime
            .block_on(self.sender.send(vec![message]))
            .map_err(|_| io::Error::new(io::ErrorKind::BrokenPipe, "the client takes no more"))
    }
}

impl Write for Chunks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = CHUNK_BYTES.saturating_sub(self.buffer.len());
        let taken = bytes.get(..room).unwrap_or(bytes);
        self.buffer.extend_from_slice(taken);
        if self.buffer.len() >= CHUNK_BYTES {
            self.send()?;
        }
        Ok(taken.len())
    }

    /// Chunks are sent when they are full, and the last one at the end.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A running ledger as the source of a pack.
struct Source(Ledger);

impl PackSource for Source {
    fn blocks(
        &self,
        from: EntryIndex,
    ) -> Box<dyn Iterator<Item = Result<Block, SourceError>> + Send + '_> {
        let batches = self.0.reader().batches(from);
        let blocks = batches.flat_map(move |batch| match batch {
            Err(error) => vec![Err(SourceError::from(error))],
            Ok(batch) => {
                let blocks = batch.blocks.into_iter();
                blocks
                    .filter(|block| block.first.plus(block.count) > from)
                    .map(|block| {
                        Ok(Block {
                            first: block.first,
                            count: block.count,
                            entries: block.entries,
                            payloads: block.payloads,
                        })
                    })
                    .collect()
            }
        });
        Box::new(blocks)
    }

    fn tile(&self, id: TileId) -> Result<Vec<u8>, SourceError> {
        Ok(self.0.tile(id)?)
    }
}
