//! What a verification reports: what was looked at, what was not, what is wrong, and the verdict.
//!
//! As JSON it is versioned and promised. It never says that nothing verifies: without a single entry checked the
//! verdict is [`Verdict::Incomplete`].

use serde::Serialize;

use super::{sequence::SourcesStatement, verify::WitnessSeen};
use crate::ledger::{
    checkpoint::SignedCheckpoint,
    finding::{Finding, FindingKind},
    hash::{LeafHash, RootHash},
    position::{EntryIndex, TreeSize},
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
    /// The checkpoint that covers what was verified, if the trusted key signed it.
    #[serde(skip)]
    pub signed: Option<SignedCheckpoint>,
    /// The leaf of the ledger's first entry, if that was seen.
    #[serde(skip)]
    pub first_leaf: Option<LeafHash>,
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
