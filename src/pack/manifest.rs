//! `manifest.json`: what a pack says it is.
//!
//! It is the last file of the zip, and nobody signs it: everything in it that can be checked is checked against the
//! rest, and the rest of it (which filter was asked for, which program wrote it) is the word of who made the pack.

pub mod timestamp;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{report::IndexRange, sequence::SourcesStatement};
use crate::ledger::{
    filter::Filter,
    hash::{FileHash, RootHash},
    position::TreeSize,
    verify::Counts,
};

/// The version of the pack's form.
pub const PACK_FORMAT: &str = "exhibit-pack/1";
/// Where the manifest stands in the pack.
pub const MANIFEST: &str = "manifest.json";
/// Where the checkpoint stands in the pack.
pub const CHECKPOINT: &str = "checkpoint";
/// Where the ledger's key stands in the pack.
pub const VERIFIER_KEY: &str = "log.vkey";
/// Where the history of the ledger's keys stands in the pack, and in a data directory; only where there is one.
pub const KEY_HISTORY: &str = "keys/history";
/// Where the listing for programs stands in the pack.
pub const EVENTS_JSONL: &str = "events.jsonl";
/// Where the listing for spreadsheets stands in the pack.
pub const EVENTS_CSV: &str = "events.csv";
/// Where the page that opens the pack in a browser stands in it.
pub const INDEX_HTML: &str = "index.html";
/// Where the explanation stands in the pack.
pub const README: &str = "README.txt";

/// This program and its version, as a manifest that it writes names it.
pub const fn tool() -> &'static str {
    concat!("exhibit ", env!("CARGO_PKG_VERSION"))
}

/// What a pack says it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Always [`PACK_FORMAT`].
    pub format: String,
    /// The program that wrote it, and its version.
    pub tool: String,
    /// The ledger's name.
    pub origin: String,
    /// The ledger's key, as in `log.vkey`.
    pub key: String,
    /// The size that the checkpoint signs.
    pub tree_size: TreeSize,
    /// The root that the checkpoint signs.
    pub root: RootHash,
    /// The checkpoint, verbatim.
    pub checkpoint: String,
    /// The entries that were asked for.
    pub requested: IndexRange,
    /// The entries that are here: those that were asked for, bundles on the edges whole.
    pub range: IndexRange,
    /// When the first and the last of them were recorded.
    pub recorded: Option<Period>,
    /// Whose payloads were to be disclosed; `None` for all.
    pub filter: Option<Filter>,
    /// Names of the parts that were withheld everywhere.
    pub withhold_parts: Vec<String>,
    /// How much is here.
    pub counts: PackCounts,
    /// What the producers' own counts say of the range.
    pub sources: SourcesStatement,
    /// The files that no hash tree covers.
    pub files: BTreeMap<String, FileDigest>,
    /// BLAKE3 of the zip's bytes before the local header of this manifest.
    pub container: FileHash,
}

/// A first and a last time, RFC 3339.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Period {
    /// The first.
    pub first: String,
    /// The last.
    pub last: String,
}

/// How much a pack holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackCounts {
    /// Entries.
    pub entries: u64,
    /// Payloads of which every part is disclosed.
    pub payloads_whole: u64,
    /// Payloads of which some part is withheld or erased.
    pub payloads_partial: u64,
    /// Parts that are disclosed.
    pub parts_disclosed: u64,
    /// Parts that are withheld or erased.
    pub parts_withheld: u64,
    /// Hash tiles.
    pub tiles: u64,
}

impl PackCounts {
    /// The counts of a verification, as the manifest has them.
    pub fn of(counts: &Counts, tiles: u64) -> Self {
        Self {
            entries: counts.entries,
            payloads_whole: counts.payloads_whole,
            payloads_partial: counts.payloads_partial,
            parts_disclosed: counts.parts_disclosed,
            parts_withheld: counts.parts_withheld,
            tiles,
        }
    }
}

/// A file's length and hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileDigest {
    /// Its length.
    pub bytes: u64,
    /// Its plain BLAKE3 hash, as `b3sum` prints it.
    pub blake3: FileHash,
}

impl Manifest {
    /// The bytes of `manifest.json`.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    /// The manifest as `index.html` has it inside: without what is known only once that page is written, its own
    /// digest and that of the container.
    pub(super) fn within_page(&self) -> Self {
        let mut inner = self.clone();
        inner.files.remove(INDEX_HTML);
        inner.container = FileHash::from_bytes([0; 32]);
        inner
    }

    /// Reads `manifest.json`.
    ///
    /// # Errors
    /// Says what is not as the format has it.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let manifest: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if manifest.format != PACK_FORMAT {
            return Err(format!(
                "its format is {:?}; this program reads {PACK_FORMAT:?}",
                manifest.format
            ));
        }
        if manifest.to_bytes() != bytes {
            return Err("it is not written in its one form".to_owned());
        }
        Ok(manifest)
    }
}
