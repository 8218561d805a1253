//! What a verification reports: what was looked at, what was not, what is wrong, and the verdict.
//!
//! As JSON it is versioned and promised. It never says that nothing verifies: without a single entry checked the
//! verdict is [`Verdict::Incomplete`].

use std::fmt;

use serde::Serialize;

use super::{breaks::BreaksStatement, sequence::SourcesStatement, verify::WitnessSeen};
use crate::ledger::{
    checkpoint::SignedCheckpoint,
    finding::{Finding, FindingKind},
    hash::{LeafHash, RootHash},
    note::VerifierKey,
    position::{EntryIndex, TreeSize, UnixNanos},
    timestamp::VerifiedTimestamp,
    verify::{Counts, Findings},
};

/// The version of the report's JSON form.
pub const REPORT_FORMAT: &str = "exhibit-report/1";

/// What was verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// An audit pack, zipped or unpacked.
    Pack,
    /// A ledger's data directory.
    DataDirectory,
    /// One receipt.
    Receipt,
    /// A log that is read over HTTP: entries and tree, no payloads.
    Log,
}

/// The answer in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every check that was made passed, and nothing is known to be missing.
    Verified,
    /// Every check that was made passed, but for damage that the ledger itself admits: see the confirmed breaks.
    VerifiedWithConfirmedBreaks,
    /// Something is wrong: see the findings.
    Altered,
    /// What was checked verifies, but it is not everything: see the reasons.
    Incomplete,
}

/// Consecutive entries, `start` up to but without `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IndexRange {
    /// The first entry.
    pub start: EntryIndex,
    /// The entry after the last one.
    pub end: EntryIndex,
}

impl IndexRange {
    /// Whether this entry is one of them.
    pub fn contains(self, index: EntryIndex) -> bool {
        (self.start..self.end).contains(&index)
    }
}

/// How much beside entries and payloads was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct MoreCounts {
    /// Hash tiles, each hash of which was compared.
    pub tiles: u64,
    /// Lines of `events.jsonl` that were made again and compared.
    pub jsonl_lines: u64,
    /// Rows of `events.csv`, its header not counted, that were made again and compared.
    pub csv_rows: u64,
    /// Checkpoints whose signature was checked.
    pub checkpoints: u64,
    /// Kept checkpoints that were found to be a beginning of this history.
    pub trusted_checkpoints: u64,
    /// What was remembered from an earlier verification and found to be a beginning of this history.
    pub remembered_checkpoints: u64,
    /// Kept receipts whose entry was found where they say.
    pub receipts: u64,
    /// Batches of a journal whose root was recomputed.
    pub batches: u64,
}

/// The result of a verification.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Always [`REPORT_FORMAT`].
    pub format: &'static str,
    /// What was verified.
    pub subject: Subject,
    /// The file or directory, as it was named.
    pub path: Option<String>,
    /// The answer in one word.
    pub verdict: Verdict,
    /// The ledger's name, as the trusted key has it.
    pub origin: String,
    /// The trusted key.
    pub key: String,
    /// The size that the checkpoint signs.
    pub size: Option<TreeSize>,
    /// The root that the checkpoint signs.
    pub root: Option<RootHash>,
    /// The entries that are there, bundles on the edges whole.
    pub range: Option<IndexRange>,
    /// The witnesses of the policy that was given, and what each has seen; empty without one.
    pub witnesses: Vec<WitnessSeen>,
    /// What is wrong.
    pub findings: Findings,
    /// What is wrong and admitted by the ledger itself; none of it is among the findings.
    pub breaks: BreaksStatement,
    /// Why it is not everything.
    pub incomplete: Vec<String>,
    /// How many entries and payloads were looked at.
    pub counts: Counts,
    /// How much else was looked at.
    pub more: MoreCounts,
    /// What was checked, a line each.
    pub checked: Vec<String>,
    /// What was not checked, and why, a line each.
    pub not_checked: Vec<String>,
    /// Whether the producers' own counts have gaps.
    pub sources: SourcesStatement,
    /// Numbers that never arrived and that nobody confirmed, exactly: the sums above and among the breaks stop at 2^64-1.
    #[serde(skip)]
    pub unconfirmed: u128,
    /// The checkpoint that covers what was verified, if the trusted key signed it.
    #[serde(skip)]
    pub signed: Option<SignedCheckpoint>,
    /// The ledger's own keys, from the first; empty where it has had one alone, or what was verified does not tell.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<KeyReport>,
    /// The newest of the ledger's keys that the trusted one leads to.
    #[serde(skip)]
    pub current_key: Option<VerifierKey>,
    /// The leaf of the ledger's first entry, if that was seen.
    #[serde(skip)]
    pub first_leaf: Option<LeafHash>,
    /// Time stamps that hold, of authorities that the caller trusts.
    pub timestamps: Vec<TimestampReport>,
    /// Until when entries must have existed, by these time stamps, in the order of the entries.
    pub existed: Vec<Existed>,
}

/// One of a ledger's own keys, by the history of keys beside what was verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyReport {
    /// The verifier key.
    pub key: String,
    /// Its id.
    pub key_id: String,
    /// The smallest tree it signs.
    pub from: TreeSize,
    /// The largest tree it signs; `None` while it signs.
    pub until: Option<TreeSize>,
    /// The largest tree for which its signature stands, where somebody else may have it.
    pub compromised_from: Option<TreeSize>,
    /// Whether it is the trusted key, or that leads to it.
    pub trusted: bool,
}

/// A time stamp that holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TimestampReport {
    /// Where it stands in the pack or data directory.
    pub place: String,
    /// It covers the entries up to, not with, this one.
    pub tree_size: TreeSize,
    /// The time that the authority states, RFC 3339.
    pub time: String,
    /// How far it may be off, in nanoseconds, as the authority says.
    pub accuracy_nanos: u64,
    /// Both together: the entries existed no later than this, RFC 3339.
    pub no_later_than: String,
    #[serde(skip)]
    pub(super) latest: UnixNanos,
    /// Whose certificate signed it.
    pub authority: String,
    /// The serial number of that certificate, in hexadecimal.
    pub certificate_serial: String,
    /// The serial number of the time stamp, in hexadecimal.
    pub serial: String,
    /// The authority's policy, an object identifier.
    pub policy: String,
}

/// Entries, and the time at which they existed at the latest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Existed {
    /// The entries.
    pub entries: IndexRange,
    /// RFC 3339.
    pub no_later_than: String,
    /// Whose certificate says so.
    pub authority: String,
    /// The serial number of that certificate, in hexadecimal.
    pub certificate_serial: String,
    /// Where the time stamp stands.
    pub time_stamp: String,
}

impl TimestampReport {
    pub(super) fn new(tree_size: TreeSize, place: &str, verified: &VerifiedTimestamp) -> Self {
        let latest = verified.no_later_than();
        Self {
            place: place.to_owned(),
            tree_size,
            time: verified.time.to_rfc3339(),
            accuracy_nanos: verified.accuracy_nanos,
            no_later_than: latest.to_rfc3339(),
            latest,
            authority: verified.authority.clone(),
            certificate_serial: verified.certificate_serial.clone(),
            serial: verified.serial.clone(),
            policy: verified.policy.clone(),
        }
    }
}

impl fmt::Display for Existed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, next) = (self.entries.start.value(), self.entries.end.value());
        match next.saturating_sub(1) {
            last if last == first => write!(f, "entry {first}")?,
            last => write!(f, "entries {first} to {last}")?,
        }
        write!(
            f,
            ": existed no later than {}, by {}, certificate {}",
            self.no_later_than, self.authority, self.certificate_serial
        )
    }
}

impl Report {
    /// Whether a finding of this kind is listed.
    pub fn has(&self, kind: FindingKind) -> bool {
        self.findings.listed.iter().any(|f| f.kind == kind)
    }

    /// The first finding, in the order of the entries.
    pub fn first_finding(&self) -> Option<&Finding> {
        self.findings.listed.first()
    }
}
