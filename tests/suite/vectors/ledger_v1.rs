//! The shape of `tests/vectors/ledger-v1.json`.

use std::collections::BTreeMap;

use exhibit::ledger::{
    hash::{ChainHash, LeafHash, NodeHash, PartCommitment, PayloadCommitment, RootHash},
    note::KeyName,
    position::{EntryIndex, TreeSize, UnixNanos},
};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Vectors {
    #[serde(rename = "about")]
    pub(super) _about: String,
    pub(super) contexts: BTreeMap<String, String>,
    pub(super) origin: Origin,
    pub(super) log_seed: Hex,
    pub(super) log_vkey: String,
    pub(super) genesis: ChainHash,
    pub(super) entries: Vec<EntryVector>,
    pub(super) roots: BTreeMap<u64, RootHash>,
    pub(super) checkpoints: BTreeMap<u64, String>,
    pub(super) inclusion: Vec<Inclusion>,
    pub(super) consistency: Vec<Consistency>,
    pub(super) files: BTreeMap<String, File>,
    pub(super) payload_of_entry_10_with_actor_withheld: Hex,
    pub(super) must_reject: Vec<Rejected>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EntryVector {
    pub(super) index: EntryIndex,
    pub(super) recorded_at: UnixNanos,
    pub(super) occurred_at: UnixNanos,
    pub(super) source_sequence: u64,
    pub(super) previous: ChainHash,
    pub(super) commitment: PayloadCommitment,
    pub(super) event_type: String,
    pub(super) source: String,
    pub(super) event_id: String,
    pub(super) subject: String,
    pub(super) producer: String,
    pub(super) parts: Vec<PartVector>,
    pub(super) entry: Hex,
    pub(super) chain_hash: ChainHash,
    pub(super) leaf_hash: LeafHash,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PartVector {
    pub(super) salt: Hex,
    pub(super) name: String,
    pub(super) content_type: String,
    pub(super) content: Hex,
    pub(super) commitment: PartCommitment,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Inclusion {
    pub(super) index: EntryIndex,
    pub(super) size: TreeSize,
    pub(super) proof: Vec<NodeHash>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Consistency {
    pub(super) from: TreeSize,
    pub(super) to: TreeSize,
    pub(super) proof: Vec<NodeHash>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) bytes: usize,
    pub(super) sha256: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rejected {
    pub(super) why: String,
    pub(super) entry: Hex,
}

/// A byte string in hexadecimal.
#[derive(Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Hex(pub(super) Vec<u8>);

impl TryFrom<String> for Hex {
    type Error = hex::FromHexError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        hex::decode(text).map(Self)
    }
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Origin(pub(super) KeyName);

impl TryFrom<String> for Origin {
    type Error = exhibit::ledger::note::NoteError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self)
    }
}
