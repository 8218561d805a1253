//! What can be done for one bundle alone, on any core: withholding, verifying, listing, deflating.

use std::io;

use super::{
    PackError,
    bundles::Bundle,
    disclosure::{Disclosure, Tally},
};
use crate::{
    ledger::{
        position::EntryIndex,
        tile::decode_entry_bundle,
        verify::{Chunk, ChunkReport, IdentityKey, Seen, check_chunk_with},
    },
    pack::{
        container::{Packed, Run},
        derived::{CsvRows, JsonLines, csv_bytes, jsonl_bytes},
        page,
    },
};

/// One bundle, ready for the container.
pub(super) struct Prepared {
    pub(super) entries: Packed,
    pub(super) payloads: Packed,
    pub(super) report: ChunkReport,
    pub(super) tally: Tally,
    pub(super) jsonl: Listing,
    pub(super) csv: Listing,
    /// The bundle's share of `index.html`, where that carries the pack's files.
    pub(super) page: Option<Listing>,
    /// When its first and last entry were recorded.
    pub(super) recorded: Option<(String, String)>,
}

/// A bundle's share of a listing.
pub(super) struct Listing {
    pub(super) text: Vec<u8>,
    pub(super) run: Run,
}

impl Listing {
    pub(super) fn of(text: Vec<u8>) -> io::Result<Self> {
        let run = Run::of(&text)?;
        Ok(Self { text, run })
    }
}

pub(super) fn prepare(
    bundle: Bundle,
    disclosure: &Disclosure<'_>,
    key: &IdentityKey,
    with_page: bool,
) -> Result<Prepared, PackError> {
    let damaged = |error: &dyn std::fmt::Display| PackError::Damaged(error.to_string());
    let span = bundle.span;
    let entries = decode_entry_bundle(&bundle.entries, usize::from(span.width))
        .map_err(|error| damaged(&error))?;
    let first = EntryIndex::new(span.first());
    let mut tally = Tally::default();
    let payloads = disclosure.apply(first, &entries, bundle.payloads, &mut tally)?;
    let (mut lines, mut rows) = (JsonLines::default(), CsvRows::default());
    let bytes = bundle.entries.len();
    let both = bytes.saturating_add(payloads.len());
    let mut jsonl = Vec::with_capacity(jsonl_bytes(entries.len(), both));
    let mut csv = Vec::with_capacity(csv_bytes(entries.len(), bytes));
    let mut recorded: Option<(String, String)> = None;
    let chunk = Chunk {
        first,
        entries: &entries,
        payloads: Some(&payloads),
    };
    let report = check_chunk_with(chunk, key, |seen: Seen<'_>| {
        if let (Some(entry), Some(parts)) = (seen.entry, seen.parts) {
            lines.line(entry, &seen.leaf, parts, &mut jsonl);
            rows.row(entry, parts, &mut csv);
            tally.see(disclosure.range(), entry, parts);
        }
    });
    let time = |line: &Option<crate::ledger::verify::Line>| {
        line.as_ref().map(|line| line.recorded_at.to_rfc3339())
    };
    if let (Some(first), Some(last)) = (report.lines.first(), report.lines.last()) {
        recorded = time(first).zip(time(last));
    }
    let entries = Packed::deflated(span.entries_path(), &bundle.entries)?;
    let payloads = Packed::deflated(span.payload_path(), &payloads)?;
    let page = with_page
        .then(|| elements(&entries, &payloads))
        .transpose()?;
    Ok(Prepared {
        entries,
        payloads,
        report,
        tally,
        jsonl: Listing::of(jsonl)?,
        csv: Listing::of(csv)?,
        page,
        recorded,
    })
}

fn elements(entries: &Packed, payloads: &Packed) -> io::Result<Listing> {
    let mut lines = String::new();
    page::push_element(entries, &mut lines);
    page::push_element(payloads, &mut lines);
    Listing::of(lines.into_bytes())
}
