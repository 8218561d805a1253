//! Contents: got from the ledger, encoded, and kept ready.

use std::sync::Arc;

use axum::{
    body::Bytes,
    http::{HeaderMap, HeaderValue},
};
use sha2::{Digest, Sha256};

use super::{
    answer::{Encoding, Refused, head},
    kept::{Kept, Weighed},
    published,
    resource::Resource,
};
use crate::{
    ledger::{
        position::{EntryIndex, count, length},
        tile::{Span, TileId, decode_entry_bundle, push_entry},
    },
    service::{
        ledger::{Ledger, ReadError},
        places::Places,
    },
    store::index::IndexError,
};

/// Reads of the disk at a time. More wait, so that readers leave threads to those who write.
const LOADS_MAX: usize = 8;
/// What a kept content takes beside its bytes, about.
const OVERHEAD_BYTES: usize = 1024;

/// Bytes with the head of the answer that brings them.
pub(super) struct Content {
    pub(super) bytes: Bytes,
    /// All of the head but the length, the entity tag included.
    pub(super) head: HeaderMap,
    pub(super) tag: HeaderValue,
}

impl Content {
    fn new(resource: Resource, encoding: Encoding, bytes: Vec<u8>) -> Self {
        let digest = Sha256::digest(&bytes);
        let tag = hex::encode(digest.get(..16).unwrap_or_default());
        // Hexadecimal digits in quotes are always a value of a header.
        let tag = HeaderValue::try_from(format!("\"{tag}\""))
            .unwrap_or_else(|_| HeaderValue::from_static("\"\""));
        Self {
            head: head(resource, encoding, &tag),
            bytes: Bytes::from(bytes),
            tag,
        }
    }
}

impl Weighed for Content {
    fn bytes(&self) -> usize {
        self.bytes.len().saturating_add(OVERHEAD_BYTES)
    }
}

/// All that is served, and what of it is ready.
pub(super) struct Contents {
    ledger: Ledger,
    page: Arc<Content>,
    key: Arc<Content>,
    key_history: Arc<Content>,
    /// Tiles and bundles as they were sent, which never change.
    kept: Kept<(Resource, Encoding), Content>,
    loads: Places,
}

impl Contents {
    pub(super) fn new(ledger: Ledger, kept_bytes_max: usize) -> Self {
        let fixed = |resource, text: String| {
            Arc::new(Content::new(
                resource,
                Encoding::Identity,
                text.into_bytes(),
            ))
        };
        Self {
            page: fixed(Resource::Page, page(&ledger)),
            key: fixed(Resource::Key, format!("{}\n", ledger.verifier())),
            key_history: fixed(Resource::KeyHistory, ledger.key_history().to_string()),
            kept: Kept::new(kept_bytes_max),
            loads: Places::new(LOADS_MAX),
            ledger,
        }
    }

    /// What can be had without waiting.
    pub(super) fn at_hand(&self, resource: Resource, encoding: Encoding) -> Option<Arc<Content>> {
        match resource {
            Resource::Page => Some(Arc::clone(&self.page)),
            Resource::Key => Some(Arc::clone(&self.key)),
            Resource::KeyHistory => Some(Arc::clone(&self.key_history)),
            Resource::Checkpoint => {
                let note = published(&self.ledger)?.note().to_string().into_bytes();
                Some(Arc::new(Content::new(resource, encoding, note)))
            }
            Resource::Tile(_) | Resource::Entries(_) => self.kept.find(&(resource, encoding)),
        }
    }

    /// Reads what is not ready, and keeps it.
    pub(super) async fn load(
        self: &Arc<Self>,
        resource: Resource,
        encoding: Encoding,
    ) -> Result<Arc<Content>, Refused> {
        let contents = Arc::clone(self);
        let read = self.loads.take(move || contents.read(resource, encoding));
        read.await.unwrap_or_else(|error| {
            tracing::error!(%error, "reading the ledger panicked");
            Err(Refused::Damaged)
        })
    }

    fn read(&self, resource: Resource, encoding: Encoding) -> Result<Arc<Content>, Refused> {
        // Somebody else may have read it while this one waited.
        if let Some(content) = self.at_hand(resource, encoding) {
            return Ok(content);
        }
        let bytes = match resource {
            Resource::Tile(id) => self.tile(id)?,
            Resource::Entries(span) => self.entries(span)?,
            Resource::Checkpoint => return Err(Refused::NotWitnessed),
            Resource::Page | Resource::Key | Resource::KeyHistory => return Err(Refused::Unknown),
        };
        let (bytes, used) = encoding.apply(bytes);
        let content = Arc::new(Content::new(resource, used, bytes));
        self.kept.keep((resource, encoding), Arc::clone(&content));
        Ok(content)
    }

    fn tile(&self, id: TileId) -> Result<Vec<u8>, Refused> {
        self.ledger.tile(id).map_err(|error| match error {
            ReadError::Index(IndexError::NoSuchTile { size, .. }) => Refused::NotThere { size },
            error => explain(&error),
        })
    }

    fn entries(&self, span: Span) -> Result<Vec<u8>, Refused> {
        let size = self.ledger.checkpoint().checkpoint().size;
        let first = EntryIndex::new(span.first());
        let end = first.plus(u64::from(span.width));
        if end > size.next_index()
            || end.value().checked_sub(u64::from(span.width)) != Some(span.first())
        {
            return Err(Refused::NotThere { size });
        }
        let (mut bundle, mut next) = (Vec::new(), first);
        for batch in self.ledger.reader().batches(first) {
            let batch = batch.map_err(|error| explain(&ReadError::Journal(error)))?;
            for block in batch.blocks {
                if block.first.plus(block.count) <= first {
                    continue;
                }
                let entries = decode_entry_bundle(&block.entries, length(block.count))
                    .map_err(|_| explain(&ReadError::Malformed(block.first)))?;
                for (place, entry) in entries.into_iter().enumerate() {
                    if block.first.plus(count(place)) == next && next < end {
                        push_entry(&mut bundle, entry)
                            .map_err(|_| explain(&ReadError::Malformed(next)))?;
                        next = next.plus(1);
                    }
                }
            }
            if next == end {
                return Ok(bundle);
            }
        }
        Err(explain(&ReadError::Malformed(next)))
    }
}

/// What a reader hears, and what the log says.
fn explain(error: &ReadError) -> Refused {
    if matches!(error, ReadError::IndexStopped) {
        return Refused::Stopped;
    }
    tracing::error!(%error, "the ledger could not be read");
    Refused::Damaged
}

fn page(ledger: &Ledger) -> String {
    format!(
        "This is {}, an append-only ledger of audit evidence, served by Exhibit {}.\n\
         \n\
         It is a tiled transparency log, https://c2sp.org/tlog-tiles:\n\
         \n\
         /checkpoint                    what the ledger says of itself, signed\n\
         /tile/<L>/<N>[.p/<W>]          hash tiles\n\
         /tile/entries/<N>[.p/<W>]      entries\n\
         /log.vkey                      the key that checkpoints are signed with; compare it with one from elsewhere\n\
         /keys/history                  which keys the ledger has had; empty where it is one alone\n\
         \n\
         Events are posted, and payloads, receipts and audit packs taken away, over gRPC at exhibit.v1.Ledger.\n",
        ledger.origin(),
        env!("CARGO_PKG_VERSION"),
    )
}
