//! Test vectors that other implementations made: of the hashed formats, of RFC 6962 proofs, and of the C2SP formats.

use std::{cell::RefCell, convert::Infallible};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use exhibit::ledger::{
    hash::{LeafHash, NodeHash, RootHash},
    position::TreeSize,
    tile::{Span, TileId, TileNodes, encode_tile, perfect_root},
    tree::Frontier,
};
use sha2::{Digest, Sha256};

mod c2sp;
mod ledger;
mod ledger_v1;
mod rfc6962;
mod statements;
mod tables;
mod tiles;
mod witness;

/// The tree over some leaves: its root at any size, and its tiles.
struct Tree {
    leaves: Vec<LeafHash>,
    /// The hashes of each tile level.
    levels: Vec<Vec<NodeHash>>,
    roots: Vec<RootHash>,
}

impl Tree {
    fn over<B: AsRef<[u8]>>(entries: impl IntoIterator<Item = B>) -> Self {
        let leaves: Vec<LeafHash> = entries
            .into_iter()
            .map(|e| LeafHash::of_entry(e.as_ref()))
            .collect();
        let mut frontier = Frontier::new();
        let mut roots = vec![frontier.root()];
        for leaf in &leaves {
            frontier.push(*leaf, |_, _| {});
            roots.push(frontier.root());
        }
        let mut levels: Vec<Vec<NodeHash>> =
            vec![leaves.iter().map(|leaf| (*leaf).into()).collect()];
        while levels.last().unwrap().len() >= 256 {
            let full = levels.last().unwrap().as_chunks::<256>().0;
            levels.push(
                full.iter()
                    .map(|tile| perfect_root(tile.to_vec()).unwrap())
                    .collect(),
            );
        }
        Self {
            leaves,
            levels,
            roots,
        }
    }

    fn size(&self) -> TreeSize {
        size(self.leaves.len())
    }

    fn tile(&self, id: TileId) -> Vec<u8> {
        let first = id.span.first() as usize;
        encode_tile(&self.levels[id.level as usize][first..first + usize::from(id.span.width)])
    }

    /// The nodes of the tree at a size, read from its tiles, of which only those of this size may be read.
    fn nodes(&self, at: TreeSize) -> TileNodes<impl Fn(TileId) -> Result<Vec<u8>, Infallible>> {
        let known = RefCell::new(None);
        TileNodes::new(at, move |id| {
            let mut known = known.borrow_mut();
            assert!(
                known
                    .get_or_insert_with(|| TileId::all(at).collect::<Vec<_>>())
                    .contains(&id)
            );
            Ok(self.tile(id))
        })
    }
}

fn size(entries: usize) -> TreeSize {
    TreeSize::new(entries as u64)
}

fn node(base64: &str) -> NodeHash {
    NodeHash::from_bytes(STANDARD.decode(base64).unwrap().try_into().unwrap())
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// A span by its text, such as `000.p/3`.
fn span(text: &str) -> Span {
    text.parse().unwrap()
}
