//! Reading: single entries and proofs, lists, and watching for what is committed.

use std::{sync::LazyLock, time::Duration};

use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::{
    errors::{
        Reason, beyond_the_end, damaged, invalid_field, invalid_fields, refusal, shutting_down,
    },
    listing::{Listing, Wanted},
    pages::{PageSender, Pages, pages},
    witnessed::published,
};
use crate::{
    ledger::{
        filter::Filter,
        position::{EntryIndex, TreeSize},
    },
    service::{
        convert::{entry_to_proto, filter_from_proto},
        ledger::{Ledger, ReadError},
        places::Places,
        proto::{self, get_entry_request, get_receipt_request},
    },
};

/// Reads that block, of all calls of the process: as many as leave most of its threads to others.
const READS_MAX: usize = 64;
static READS: LazyLock<Places> = LazyLock::new(|| Places::new(READS_MAX));

/// Which entry is asked for.
pub(super) enum Selector {
    Index(u64),
    Event(proto::EventKey),
}

pub(super) async fn get_entry(
    ledger: Ledger,
    request: proto::GetEntryRequest,
) -> Result<proto::GetEntryResponse, Status> {
    let selector = selector(request.selector.map(|selector| match selector {
        get_entry_request::Selector::Index(index) => Selector::Index(index),
        get_entry_request::Selector::Event(event) => Selector::Event(event),
    }))?;
    blocking(move || {
        let index = find(&ledger, &selector)?;
        let stored = ledger.entry(index).map_err(|error| read_failed(&error))?;
        let entry = entry_to_proto(stored.entry, Some(stored.payload.into()))
            .map_err(|error| damaged(&format!("entry {index}: {error}")))?;
        Ok(proto::GetEntryResponse { entry: Some(entry) })
    })
    .await
}

pub(super) async fn get_receipt(
    ledger: Ledger,
    request: proto::GetReceiptRequest,
) -> Result<proto::GetReceiptResponse, Status> {
    let selector = selector(request.selector.map(|selector| match selector {
        get_receipt_request::Selector::Index(index) => Selector::Index(index),
        get_receipt_request::Selector::Event(event) => Selector::Event(event),
    }))?;
    blocking(move || {
        let index = find(&ledger, &selector)?;
        let receipt = ledger.receipt(index).map_err(|error| read_failed(&error))?;
        Ok(proto::GetReceiptResponse {
            receipt: receipt.to_string(),
        })
    })
    .await
}

pub(super) async fn get_consistency_proof(
    ledger: Ledger,
    request: proto::GetConsistencyProofRequest,
) -> Result<proto::GetConsistencyProofResponse, Status> {
    let published = published(&ledger)?;
    let (size, of_published) = (
        ledger.checkpoint().checkpoint().size,
        published.checkpoint().size,
    );
    let (old, new) = match (request.old_size, request.new_size) {
        (0, _) => return Err(invalid_field("old_size", "is 0; it is at least 1")),
        (old, 0) => (old, of_published.value()),
        (old, new) => (old, new),
    };
    if new > size.value() {
        return Err(beyond_the_end("the size", new, size));
    }
    if old > new {
        return Err(if request.new_size == 0 {
            beyond_the_end("the size", old, of_published)
        } else {
            invalid_field("old_size", format!("is {old}, larger than new_size, {new}"))
        });
    }
    blocking(move || {
        let hashes = ledger
            .consistency(TreeSize::new(old), TreeSize::new(new))
            .map_err(|error| read_failed(&error))?;
        let hashes = hashes.iter().map(|hash| hash.as_bytes().to_vec().into());
        Ok(proto::GetConsistencyProofResponse {
            new_size: new,
            hashes: hashes.collect(),
            checkpoint: published.note().to_string(),
        })
    })
    .await
}

pub(super) fn list_entries(
    ledger: Ledger,
    request: proto::ListEntriesRequest,
    patience: Duration,
) -> Result<Pages<proto::ListEntriesResponse>, Status> {
    let size = ledger.checkpoint().checkpoint().size;
    let (start, end) = range(request.start, request.end, size)?;
    let wanted = Wanted {
        filter: filter(request.filter, "filter")?,
        omit_payloads: request.omit_payloads,
        left: match request.limit {
            0 => u64::MAX,
            limit => limit,
        },
    };
    let mut listing = Listing::new(ledger, wanted, start);
    listing.extend(TreeSize::new(end.value()));
    let (sender, taken) = pages(patience);
    let respond = |entry| proto::ListEntriesResponse { entry: Some(entry) };
    tokio::spawn(async move {
        send_all(listing, &sender, respond).await;
    });
    Ok(taken)
}

pub(super) fn watch(
    ledger: Ledger,
    request: proto::WatchRequest,
    patience: Duration,
    stopping: CancellationToken,
) -> Result<Pages<proto::WatchResponse>, Status> {
    let wanted = Wanted {
        filter: filter(request.filter, "filter")?,
        omit_payloads: request.omit_payloads,
        left: u64::MAX,
    };
    let mut committed = ledger.committed();
    let mut listing = Listing::new(ledger, wanted, EntryIndex::new(request.start));
    let (sender, taken) = pages(patience);
    let respond = |entry| proto::WatchResponse { entry: Some(entry) };
    let watching = async move {
        loop {
            let size = *committed.borrow_and_update();
            listing.extend(size);
            listing = send_all(listing, &sender, respond).await?;
            tokio::select! {
                changed = committed.changed() => if changed.is_err() {
                    sender.end_with(shutting_down());
                    return None;
                },
                () = stopping.cancelled() => {
                    sender.end_with(shutting_down());
                    return None;
                }
                () = sender.gone() => return None,
            }
        }
    };
    tokio::spawn(async move { watching.await.unwrap_or(()) });
    Ok(taken)
}

/// Sends what a listing has, and gives it back; `None` when the stream is over.
async fn send_all<T: Send + 'static>(
    mut listing: Listing,
    sender: &PageSender<T>,
    respond: fn(proto::Entry) -> T,
) -> Option<Listing> {
    loop {
        let read = blocking(move || listing.page().map(|page| (listing, page))).await;
        let page;
        (listing, page) = match read {
            Ok((listing, Some(page))) => (listing, page),
            Ok((listing, None)) => return Some(listing),
            Err(status) => {
                sender.end_with(status);
                return None;
            }
        };
        if !page.is_empty() {
            let page = page.into_iter().map(respond).collect();
            sender.send(page).await.ok()?;
        }
    }
}

/// Checks a range against the ledger: `end` may be left out.
pub(super) fn range(
    start: u64,
    end: u64,
    size: TreeSize,
) -> Result<(EntryIndex, EntryIndex), Status> {
    let end = if end == 0 { size.value() } else { end };
    if start > size.value() {
        return Err(beyond_the_end("the index", start, size));
    }
    if end > size.value() {
        return Err(beyond_the_end("the index", end, size));
    }
    if start > end {
        return Err(invalid_field(
            "end",
            format!("is {end}, before start, {start}"),
        ));
    }
    Ok((EntryIndex::new(start), EntryIndex::new(end)))
}

pub(super) fn filter(filter: Option<proto::Filter>, field: &'static str) -> Result<Filter, Status> {
    filter_from_proto(filter, field).map_err(invalid_fields)
}

fn selector(selector: Option<Selector>) -> Result<Selector, Status> {
    let missing = || {
        invalid_field(
            "selector",
            "is missing; give an index, or source and event_id",
        )
    };
    let selector = selector.ok_or_else(missing)?;
    if let Selector::Event(event) = &selector {
        for (field, value) in [
            ("event.source", &event.source),
            ("event.event_id", &event.event_id),
        ] {
            if value.is_empty() {
                return Err(invalid_field(field, "is empty; it must be given"));
            }
        }
    }
    Ok(selector)
}

fn find(ledger: &Ledger, selector: &Selector) -> Result<EntryIndex, Status> {
    match selector {
        Selector::Index(index) => Ok(EntryIndex::new(*index)),
        Selector::Event(event) => ledger
            .find(&event.source, &event.event_id)
            .map_err(|error| read_failed(&error))?
            .ok_or_else(|| {
                refusal(
                    Reason::EntryNotFound,
                    "no entry has this source and event id; they are compared byte by byte",
                )
            }),
    }
}

/// Says why the ledger could not be read.
pub(super) fn read_failed(error: &ReadError) -> Status {
    match error {
        ReadError::NoSuchEntry { index, size } => beyond_the_end("the index", index.value(), *size),
        ReadError::NoSuchSizes { new, size, .. } => beyond_the_end("the size", new.value(), *size),
        ReadError::IndexStopped => refusal(Reason::LedgerStopped, error.to_string()),
        ReadError::Journal(_) | ReadError::Index(_) | ReadError::Malformed(_) => damaged(error),
    }
}

/// Does something that blocks, where blocking holds up nobody but other readers. More wait.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Status> + Send + 'static,
) -> Result<T, Status> {
    match READS.take(work).await {
        Ok(result) => result,
        Err(error) => {
            tracing::error!(%error, "reading the ledger panicked");
            Err(refusal(
                Reason::Defect,
                "reading failed by a defect of the server; its log says more",
            ))
        }
    }
}
