//! The 196 proof vectors of transparency-dev/merkle, good ones and bad ones.

use std::path::PathBuf;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use exhibit::ledger::{
    hash::{LeafHash, NodeHash, RootHash},
    position::{EntryIndex, TreeSize},
    tree::{consistency_holds, inclusion_holds},
};
use serde::Deserialize;

/// Its roots are the words "don't care", which are no hashes: a verifier that has types for them can't be asked.
const ROOTS_ARE_NO_HASHES: &str =
    "testdata/consistency/additional/sizes-are-equal-one-and-proof-is-empty.json";

#[derive(Deserialize)]
struct Vectors {
    inclusion: Vec<Inclusion>,
    consistency: Vec<Consistency>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Inclusion {
    file: String,
    leaf_idx: u64,
    tree_size: u64,
    root: Option<String>,
    leaf_hash: Option<String>,
    proof: Option<Vec<String>>,
    want_err: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Consistency {
    file: String,
    size1: u64,
    size2: u64,
    root1: Option<String>,
    root2: Option<String>,
    proof: Option<Vec<String>>,
    want_err: bool,
}

/// The vectors, where they are: beside the sources, or in `EXHIBIT_TEST_DATA`.
fn vectors() -> Option<Vectors> {
    let folder = std::env::var_os("EXHIBIT_TEST_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"),
        PathBuf::from,
    );
    let path = folder.join("vectors/rfc6962-proof-vectors.json");
    let Ok(text) = std::fs::read(&path) else {
        eprintln!(
            "skipped: the RFC 6962 proof vectors are not here; EXHIBIT_TEST_DATA says where they are"
        );
        return None;
    };
    Some(serde_json::from_slice(&text).unwrap())
}

fn bytes(base64: Option<&String>) -> Option<[u8; 32]> {
    STANDARD.decode(base64?).ok()?.try_into().ok()
}

fn proof(hashes: Option<&Vec<String>>) -> Option<Vec<NodeHash>> {
    hashes
        .into_iter()
        .flatten()
        .map(|hash| bytes(Some(hash)).map(NodeHash::from_bytes))
        .collect()
}

/// What is no hash does not get as far as the proof.
fn included(vector: &Inclusion) -> Option<bool> {
    Some(inclusion_holds(
        EntryIndex::new(vector.leaf_idx),
        TreeSize::new(vector.tree_size),
        LeafHash::from_bytes(bytes(vector.leaf_hash.as_ref())?),
        &proof(vector.proof.as_ref())?,
        RootHash::from_bytes(bytes(vector.root.as_ref())?),
    ))
}

fn consistent(vector: &Consistency) -> Option<bool> {
    let tree = |size, root: &Option<String>| {
        Some((
            TreeSize::new(size),
            RootHash::from_bytes(bytes(root.as_ref())?),
        ))
    };
    Some(consistency_holds(
        tree(vector.size1, &vector.root1)?,
        tree(vector.size2, &vector.root2)?,
        &proof(vector.proof.as_ref())?,
    ))
}

#[test]
fn inclusion_proofs_hold_exactly_where_the_vectors_say_so() {
    let Some(vectors) = vectors() else { return };
    assert_eq!(vectors.inclusion.len(), 98);
    assert!(vectors.inclusion.iter().any(|vector| !vector.want_err));
    for vector in &vectors.inclusion {
        let holds = included(vector).unwrap_or(false);
        assert_eq!(holds, !vector.want_err, "{}", vector.file);
    }
}

#[test]
fn consistency_proofs_hold_exactly_where_the_vectors_say_so() {
    let Some(vectors) = vectors() else { return };
    assert_eq!(vectors.consistency.len(), 98);
    let (exceptions, vectors): (Vec<_>, Vec<_>) = vectors
        .consistency
        .iter()
        .partition(|vector| vector.file == ROOTS_ARE_NO_HASHES);
    for vector in &vectors {
        let holds = consistent(vector).unwrap_or(false);
        assert_eq!(holds, !vector.want_err, "{}", vector.file);
    }
    assert!(vectors.iter().any(|vector| !vector.want_err));
    // The one that expects success of something else than hashes: with hashes for the words, it holds.
    let [exception] = exceptions[..] else {
        panic!("the exception is not among the vectors")
    };
    assert_eq!((consistent(exception), exception.want_err), (None, false));
    let any = RootHash::from_bytes([7; 32]);
    let (one, two) = (
        TreeSize::new(exception.size1),
        TreeSize::new(exception.size2),
    );
    assert!(consistency_holds((one, any), (two, any), &[]));
}
