//! The completeness statement: what the producers' own counts say about events that never arrived.
//!
//! A producer that counts its events from 1 lets the ledger answer "is this all of it?" for its source. Gaps, repeats
//! and late arrivals make a history incomplete, not altered: the ledger holds what it was given.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

/// The most sources that are followed.
pub const SOURCES_MAX: usize = 100_000;
/// The most sources that a statement lists.
pub const SOURCES_LISTED_MAX: usize = 1_000;
/// The most separate gaps that are remembered of one source.
pub const GAPS_MAX: usize = 1_000;
/// The most gaps of one source that a statement lists.
pub const GAPS_LISTED_MAX: usize = 20;

/// What the counts of all sources say.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourcesStatement {
    /// Sources that count their events.
    pub counting: u64,
    /// Events of these sources.
    pub events: u64,
    /// Events without a count.
    pub uncounted: u64,
    /// Numbers that never arrived, all sources together.
    pub missing: u64,
    /// Events whose number had been there before.
    pub repeated: u64,
    /// Events that arrived after one with a higher number.
    pub late: u64,
    /// Whether there were more sources or gaps than are followed, so that the numbers above are lower bounds.
    pub truncated: bool,
    /// The sources by name, at most [`SOURCES_LISTED_MAX`]; those with something missing or repeated first.
    pub listed: Vec<SourceSequence>,
}

/// What the counts of one source say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceSequence {
    /// The source.
    pub source: String,
    /// Its events.
    pub events: u64,
    /// The lowest number.
    pub first: u64,
    /// The highest number.
    pub last: u64,
    /// Numbers between that never arrived.
    pub missing: u64,
    /// Events whose number had been there before.
    pub repeated: u64,
    /// Events that arrived after one with a higher number.
    pub late: u64,
    /// The gaps, first and last missing number each, at most [`GAPS_LISTED_MAX`].
    pub gaps: Vec<(u64, u64)>,
}
