//! Writing an audit pack as a stream: no seeking, memory that does not grow with the ledger, and the same bytes
//! whenever the same range is exported under the same checkpoint by the same version.

mod bundles;
mod disclosure;
pub(super) mod page;
mod prepare;
pub(super) mod readme;
mod session;
mod timestamps;

use std::io::Write;

pub use disclosure::{Disclosed, Unmatched};

use super::{
    report::IndexRange,
    source::{PackSource, SourceError},
};
use crate::ledger::{
    checkpoint::SignedCheckpoint,
    filter::Filter,
    hash::RootHash,
    keys::KeyHistory,
    note::VerifierKey,
    position::{EntryIndex, TreeSize},
    timestamp::StampedCheckpoint,
    verify::Counts,
};

/// What to export.
#[derive(Debug, Clone)]
pub struct PackRequest {
    /// The checkpoint the pack is proven by; the source must hold its whole tree.
    pub checkpoint: SignedCheckpoint,
    /// The ledger's key, put in for convenience.
    pub key: VerifierKey,
    /// The history of its keys. What of it was before the checkpoint goes into the pack.
    pub history: KeyHistory,
    /// The first entry. Those before it in its bundle go into the pack without their payloads.
    pub start: EntryIndex,
    /// The entry after the last one; `None` for all the checkpoint covers. Those behind it in its bundle go into the
    /// pack without their payloads.
    pub end: Option<EntryIndex>,
    /// Whose payloads to disclose. Entries are never left out.
    pub filter: Filter,
    /// Names of parts to withhold everywhere.
    pub withhold_parts: Vec<String>,
    /// Whether a name to withhold, or a value of the filter, may fit nothing. Otherwise that is refused: it is most
    /// often a slip of the pen.
    pub allow_unmatched: bool,
    /// Time stamps of the ledger; those that say something about the range go into the pack.
    pub timestamps: Vec<StampedCheckpoint>,
}

impl PackRequest {
    /// Everything a checkpoint covers, nothing withheld.
    pub fn full(checkpoint: SignedCheckpoint, key: VerifierKey) -> Self {
        Self {
            checkpoint,
            key,
            history: KeyHistory::default(),
            start: EntryIndex::default(),
            end: None,
            filter: Filter::default(),
            withhold_parts: Vec::new(),
            allow_unmatched: false,
            timestamps: Vec::new(),
        }
    }

    /// The entries that are asked for.
    fn range(&self) -> IndexRange {
        let size = self.checkpoint.checkpoint().size;
        IndexRange {
            start: self.start,
            end: self.end.unwrap_or(size.next_index()),
        }
    }

    /// The ledger's own key when its tree had the size of the checkpoint.
    fn key_then(&self) -> &VerifierKey {
        let size = self.checkpoint.checkpoint().size;
        self.history.own_at(size).unwrap_or(&self.key)
    }
}

/// What was exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The size that the checkpoint signs.
    pub size: TreeSize,
    /// The root that the checkpoint signs.
    pub root: RootHash,
    /// The entries that were asked for.
    pub requested: IndexRange,
    /// The entries in the pack, bundles on the edges whole.
    pub range: IndexRange,
    /// How many entries and payloads went in.
    pub counts: Counts,
    /// What became of the payloads.
    pub disclosed: Disclosed,
    /// What was asked for and fits nothing, where that is allowed.
    pub unmatched: Vec<Unmatched>,
    /// Bytes of the zip file.
    pub bytes: u64,
}

/// Why a pack could not be written.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// The range is empty, or goes beyond the checkpoint.
    #[error("the range {start}..{end} can't be exported; the checkpoint covers entries 0..{size}")]
    Range {
        /// The first entry asked for.
        start: EntryIndex,
        /// The entry after the last one asked for.
        end: EntryIndex,
        /// What the checkpoint covers.
        size: TreeSize,
    },
    /// A name to withhold, or a value of the filter, fits nothing, and that is not allowed.
    #[error("{}", unmatched(.0))]
    Unmatched(Vec<Unmatched>),
    /// The output could not be written.
    #[error("the pack can't be written: {0}")]
    Output(#[from] std::io::Error),
    /// The ledger could not be read.
    #[error("the ledger can't be read: {0}")]
    Source(SourceError),
    /// What the ledger holds is not what its checkpoint signs: nobody would accept the pack.
    #[error("the ledger is damaged, so the pack would not verify: {0}; run `exhibit verify` on it")]
    Damaged(String),
}

fn unmatched(all: &[Unmatched]) -> String {
    let problems = all.iter().map(|unmatched| unmatched.problem.as_str());
    problems.collect::<Vec<_>>().join("; ")
}

/// Writes an audit pack as a zip file. Everything is verified on its way out, so what was written verifies.
///
/// The two listings wait in temporary files until the entries are through; beside these, memory and disk hold a few
/// bundles a core.
///
/// # Errors
/// When the range can't be exported, the ledger or the output fails, or the ledger is damaged. What was written so
/// far is then no pack.
pub fn write_pack<W: Write + Send>(
    out: W,
    source: &dyn PackSource,
    request: &PackRequest,
) -> Result<Summary, PackError> {
    session::write(out, source, request)
}
