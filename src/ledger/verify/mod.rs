//! Verifying entries and payloads: the part that is the same for a pack, a data directory and a running server.
//!
//! The work is cut in two. [`check_chunk`] does everything that needs one chunk of consecutive entries alone, which
//! is nearly all of it, so chunks can be checked on every core; [`LedgerCheck`] takes the results in order and does
//! what needs the neighbours: index, chain, clock and tree from chunk to chunk. Chain and tree are always checked
//! over the same entries. Memory does not grow with the ledger.

mod order;
#[cfg(test)]
mod tests;

use serde::Serialize;

use super::{
    breaks::BreakConfirmation,
    entry::Entry,
    finding::{Finding, FindingKind},
    hash::{ChainHash, LeafHash, NodeHash},
    keys::is_change_type,
    payload::{Part, decode_kept, payload_commitment},
    position::{EntryIndex, UnixNanos, count},
    tile::{TILE_WIDTH, perfect_root},
};

pub use order::{Findings, LedgerCheck};

/// What is found where a payload was lost.
pub const LOST_PAYLOAD: &str = "a payload that was lost";

/// Consecutive entries and, where they are at hand, their payloads.
#[derive(Debug, Clone, Copy)]
pub struct Chunk<'a> {
    /// Where the first entry should stand.
    pub first: EntryIndex,
    /// The entries' bytes.
    pub entries: &'a [&'a [u8]],
    /// The payloads, one after the other as in a payload bundle; `None` where none are included.
    pub payloads: Option<&'a [u8]>,
}

/// How much was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counts {
    /// Entries whose bytes, place, chain and leaf were checked.
    pub entries: u64,
    /// Payloads of which every part was there and checked.
    pub payloads_whole: u64,
    /// Payloads of which some part was withheld or erased.
    pub payloads_partial: u64,
    /// Entries whose payload was not included at all, or was lost.
    pub payloads_absent: u64,
    /// Disclosed parts, checked against their commitment.
    pub parts_disclosed: u64,
    /// Withheld or erased parts, of which only the commitment was checked.
    pub parts_withheld: u64,
    /// Bytes of entries and disclosed content that were hashed.
    pub bytes: u64,
}

impl Counts {
    fn add(&mut self, other: &Self) {
        for (mine, theirs) in [
            (&mut self.entries, other.entries),
            (&mut self.payloads_whole, other.payloads_whole),
            (&mut self.payloads_partial, other.payloads_partial),
            (&mut self.payloads_absent, other.payloads_absent),
            (&mut self.parts_disclosed, other.parts_disclosed),
            (&mut self.parts_withheld, other.parts_withheld),
            (&mut self.bytes, other.bytes),
        ] {
            *mine = mine.saturating_add(theirs);
        }
    }
}

/// What one chunk's entries say that must be compared with other chunks: given for each entry, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The index the entry says it has.
    pub index: EntryIndex,
    /// When it was recorded.
    pub recorded_at: UnixNanos,
    /// The chain hash it carries.
    pub previous: ChainHash,
    /// Its own chain hash.
    pub chain: ChainHash,
    /// Keyed hash of (source, event_id), to find events recorded twice.
    pub identity: [u8; 16],
    /// The producer's count and its source, where it counts.
    pub sequence: Option<(String, u64)>,
    /// Type and event id, where the entry records a change of the ledger's keys.
    pub key_change: Option<(String, String)>,
}

impl Line {
    fn of(entry: &Entry<'_>, bytes: &[u8], key: &IdentityKey) -> Self {
        Self {
            index: entry.index,
            recorded_at: entry.recorded_at,
            previous: entry.previous,
            chain: ChainHash::of_entry(bytes),
            identity: key.identity(entry.source, entry.event_id),
            sequence: (entry.source_sequence > 0)
                .then(|| (entry.source.to_owned(), entry.source_sequence)),
            key_change: is_change_type(entry.event_type, entry.source)
                .then(|| (entry.event_type.to_owned(), entry.event_id.to_owned())),
        }
    }
}

/// The result of checking one chunk.
#[derive(Debug, Clone)]
pub struct ChunkReport {
    /// Where the first entry should stand.
    pub first: EntryIndex,
    /// A line for each entry that decodes; `None` for one that does not.
    pub lines: Vec<Option<Line>>,
    /// The leaf hash of each entry.
    pub leaves: Vec<LeafHash>,
    /// The root over the leaves, where they should be all of a level-0 tile.
    pub tile_root: Option<NodeHash>,
    /// What is wrong within the chunk.
    pub findings: Vec<Finding>,
    /// How much was looked at.
    pub counts: Counts,
    /// Confirmed breaks: entries and payloads that agree, and are well formed.
    pub breaks: Vec<BreakConfirmation>,
}

/// A random key for [`Line::identity`]: nobody can prepare events whose identities collide under it.
#[derive(Clone)]
pub struct IdentityKey([u8; 32]);

impl IdentityKey {
    /// Takes 32 random bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The identity of an event.
    pub fn identity(&self, source: &str, event_id: &str) -> [u8; 16] {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(&count(source.len()).to_le_bytes());
        hasher.update(source.as_bytes()).update(event_id.as_bytes());
        let hash = *hasher.finalize().as_bytes();
        hash.first_chunk().copied().unwrap_or_default()
    }
}

/// One entry of a chunk while it is checked, for whoever wants to make something of it.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// Where it should stand.
    pub place: EntryIndex,
    /// The entry; `None` when it does not decode.
    pub entry: Option<&'a Entry<'a>>,
    /// Its leaf hash.
    pub leaf: LeafHash,
    /// Its payload; `None` when it is not included or does not decode.
    pub parts: Option<&'a [Part<'a>]>,
}

/// Checks everything about a chunk that needs no neighbour: every entry decodes, every leaf and chain hash is
/// computed, every payload part is hashed and compared with its entry's commitment.
pub fn check_chunk(chunk: Chunk<'_>, key: &IdentityKey) -> ChunkReport {
    check_chunk_with(chunk, key, |_| {})
}

/// As [`check_chunk`], and shows each entry as it goes, so that nothing has to be decoded twice.
pub fn check_chunk_with(
    chunk: Chunk<'_>,
    key: &IdentityKey,
    mut show: impl FnMut(Seen<'_>),
) -> ChunkReport {
    let mut report = ChunkReport {
        first: chunk.first,
        lines: Vec::with_capacity(chunk.entries.len()),
        leaves: Vec::with_capacity(chunk.entries.len()),
        tile_root: None,
        findings: Vec::new(),
        counts: Counts {
            entries: count(chunk.entries.len()),
            ..Counts::default()
        },
        breaks: Vec::new(),
    };
    let mut payloads = chunk.payloads;
    for (place, bytes) in (0..).zip(chunk.entries) {
        let index = chunk.first.plus(place);
        report.counts.bytes = report.counts.bytes.saturating_add(count(bytes.len()));
        let leaf = LeafHash::of_entry(bytes);
        report.leaves.push(leaf);
        let entry = match Entry::decode(bytes) {
            Ok(entry) => Some(entry),
            Err(error) => {
                report.findings.push(Finding::at(
                    FindingKind::EntryMalformed,
                    index,
                    "an entry",
                    error,
                ));
                None
            }
        };
        let line = entry.as_ref().map(|entry| Line::of(entry, bytes, key));
        report.lines.push(line);
        let payload = match payloads {
            None => {
                report.counts.payloads_absent = report.counts.payloads_absent.saturating_add(1);
                None
            }
            Some(rest) => check_payload(&mut report, index, entry.as_ref(), rest),
        };
        payloads = payload.as_ref().map(|(_, rest)| *rest);
        if let (Some(entry), Some((parts, _))) = (&entry, &payload) {
            report.breaks.extend(confirmation(entry, parts));
        }
        show(Seen {
            place: index,
            entry: entry.as_ref(),
            leaf,
            parts: payload.as_ref().map(|(parts, _)| parts.as_slice()),
        });
    }
    report.tile_root = tile_root(chunk.first, &report.leaves);
    if let Some(rest) = payloads.filter(|rest| !rest.is_empty()) {
        let last = chunk
            .first
            .plus(count(chunk.entries.len()).saturating_sub(1));
        let found = format!("{} bytes more", rest.len());
        report.findings.push(Finding::at(
            FindingKind::PayloadMalformed,
            last,
            "the end of the bundle",
            found,
        ));
    }
    report
}

fn tile_root(first: EntryIndex, leaves: &[LeafHash]) -> Option<NodeHash> {
    let whole = first.value().is_multiple_of(TILE_WIDTH) && count(leaves.len()) == TILE_WIDTH;
    let nodes = leaves.iter().map(|leaf| NodeHash::from(*leaf));
    whole.then(|| perfect_root(nodes.collect())).flatten()
}

/// The confirmed break in an entry whose payload is the one that it commits to.
fn confirmation(entry: &Entry<'_>, parts: &[Part<'_>]) -> Option<BreakConfirmation> {
    (BreakConfirmation::is_claimed_by(entry) && payload_commitment(parts) == entry.commitment)
        .then(|| BreakConfirmation::read(entry, parts))
        .flatten()
}

/// Checks the payload at the front of `rest`, and gives its parts and what follows it; `None` where the next can't be
/// found.
fn check_payload<'a>(
    report: &mut ChunkReport,
    index: EntryIndex,
    entry: Option<&Entry<'_>>,
    rest: &'a [u8],
) -> Option<(Vec<Part<'a>>, &'a [u8])> {
    if rest.is_empty() {
        let found = "the end of the payloads";
        let finding = Finding::at(FindingKind::PayloadMissing, index, "a payload", found);
        report.findings.push(finding);
        return None;
    }
    let (parts, rest) = match decode_kept(rest) {
        Ok(read) => read,
        Err(error) => {
            report.findings.push(Finding::at(
                FindingKind::PayloadMalformed,
                index,
                "a payload",
                error,
            ));
            return None;
        }
    };
    let counts = &mut report.counts;
    if parts.is_empty() {
        counts.payloads_absent = counts.payloads_absent.saturating_add(1);
        if let Some(entry) = entry {
            let lost = Finding::at(
                FindingKind::PayloadMissing,
                index,
                entry.commitment,
                LOST_PAYLOAD,
            );
            report.findings.push(lost);
        }
        return Some((parts, rest));
    }
    let whole = parts.iter().all(|part| matches!(part, Part::Disclosed(_)));
    let kind = if whole {
        &mut counts.payloads_whole
    } else {
        &mut counts.payloads_partial
    };
    *kind = kind.saturating_add(1);
    for part in &parts {
        match part {
            Part::Withheld(_) => counts.parts_withheld = counts.parts_withheld.saturating_add(1),
            Part::Disclosed(part) => {
                counts.parts_disclosed = counts.parts_disclosed.saturating_add(1);
                counts.bytes = counts.bytes.saturating_add(count(part.content.len()));
            }
        }
    }
    let commitment = payload_commitment(&parts);
    if let Some(entry) = entry.filter(|entry| entry.commitment != commitment) {
        report.findings.push(Finding::at(
            FindingKind::PayloadAltered,
            index,
            entry.commitment,
            commitment,
        ));
    }
    Some((parts, rest))
}
