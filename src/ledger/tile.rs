//! Tiles and entry bundles of [C2SP tlog-tiles](https://c2sp.org/tlog-tiles): their places, paths and bytes.
//!
//! A hash tile holds up to 256 nodes of one level, 32 bytes each; levels go in steps of eight, and the nodes
//! between are recomputed. An entry bundle holds the up to 256 entries of the level-0 tile of the same number,
//! each behind its length in 16 bits, big-endian.

use std::{fmt, str::FromStr};

use super::{
    entry::ENTRY_BYTES_MAX,
    hash::NodeHash,
    position::{EntryIndex, TreeSize, count, length},
    tree::{NodeAt, NodeSource},
};

/// Nodes in a full tile, and entries in a full bundle.
pub const TILE_WIDTH: u64 = 256;
/// Tree levels from one tile level to the next.
pub const TILE_HEIGHT: u32 = 8;

/// The number and width of a tile or bundle within its level: how far it is filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// Number of the tile, from zero.
    pub number: u64,
    /// How many nodes or entries it holds: 1 to 256.
    pub width: u16,
}

/// Names one hash tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TileId {
    /// Tile level: a node of tree level `8 * level` a slot. Paths allow 0 to 63, and no tree needs more than 7.
    pub level: u32,
    /// Which tile of the level, and how full.
    pub span: Span,
}

/// Text that is not the path of a tile or bundle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not the path of a tile: {0:?}")]
pub struct InvalidTilePath(pub String);

/// Bytes that are not the entry bundle they should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MalformedBundle {
    /// A length points beyond the end.
    #[error("the bundle ends within its entry number {0}")]
    Truncated(usize),
    /// Bytes are left after the last entry.
    #[error("{0} bytes follow the last entry of the bundle")]
    TrailingBytes(usize),
    /// An entry does not fit the 16-bit length.
    #[error("an entry of {0} bytes does not fit a bundle")]
    EntryTooLong(usize),
}

impl Span {
    /// The spans that hold the slots `0..total`: full ones, then perhaps a partial one.
    pub fn cover(total: u64) -> impl Iterator<Item = Self> {
        (0..total.div_ceil(TILE_WIDTH)).filter_map(move |number| Self::of(number, total))
    }

    /// The span of this number when its level has `total` slots; `None` when it lies beyond them.
    pub fn of(number: u64, total: u64) -> Option<Self> {
        let left = total
            .checked_sub(number.checked_mul(TILE_WIDTH)?)?
            .min(TILE_WIDTH);
        let width = u16::try_from(left).ok().filter(|width| *width > 0)?;
        Some(Self { number, width })
    }

    /// The first slot, counted over the whole level.
    pub fn first(self) -> u64 {
        self.number.saturating_mul(TILE_WIDTH)
    }

    /// Whether all slots are filled.
    pub fn is_full(self) -> bool {
        u64::from(self.width) == TILE_WIDTH
    }

    /// The path of the entry bundle with this span: `tile/entries/<N>[.p/<W>]`.
    pub fn entries_path(self) -> String {
        format!("tile/entries/{self}")
    }

    /// The path of the payload bundle with this span: `payload/<N>[.p/<W>]`.
    pub fn payload_path(self) -> String {
        format!("payload/{self}")
    }
}

/// `<N>[.p/<W>]`: groups of three digits, all but the last behind an `x`.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.number.to_string();
        let padded = format!(
            "{digits:0>width$}",
            width = digits.len().next_multiple_of(3)
        );
        let groups: Vec<&str> = padded
            .as_bytes()
            .chunks(3)
            .filter_map(|g| std::str::from_utf8(g).ok())
            .collect();
        let (last, before) = groups.split_last().unwrap_or((&"000", &[]));
        for group in before {
            write!(f, "x{group}/")?;
        }
        f.write_str(last)?;
        if !self.is_full() {
            write!(f, ".p/{}", self.width)?;
        }
        Ok(())
    }
}

impl FromStr for Span {
    type Err = InvalidTilePath;

    fn from_str(text: &str) -> Result<Self, InvalidTilePath> {
        let parse = || {
            let (name, width) = match text.split_once(".p/") {
                None => (text, 256),
                Some((name, width)) => (
                    name,
                    width
                        .parse::<u16>()
                        .ok()
                        .filter(|w| (1..=255).contains(w))?,
                ),
            };
            let digits: String = name
                .split('/')
                .map(|group| group.trim_start_matches('x'))
                .collect();
            let number: u64 = digits.parse().ok()?;
            // The indexes of its slots fit 64 bits.
            number.checked_mul(TILE_WIDTH)?;
            let span = Self { number, width };
            // Every number has one spelling: what does not print the same was not it.
            (span.to_string() == text).then_some(span)
        };
        parse().ok_or_else(|| InvalidTilePath(text.chars().take(80).collect()))
    }
}

impl TileId {
    /// All tiles of a tree, level by level.
    pub fn all(size: TreeSize) -> impl Iterator<Item = Self> {
        (0..TILE_HEIGHT).flat_map(move |level| {
            let nodes = size
                .value()
                .checked_shr(level.saturating_mul(TILE_HEIGHT))
                .unwrap_or(0);
            Span::cover(nodes).map(move |span| Self { level, span })
        })
    }

    /// The tile that holds a node, or the nodes it is computed from, in a tree of this size. `None` when the
    /// tree does not hold the node.
    pub fn holding(at: NodeAt, size: TreeSize) -> Option<Self> {
        if at.index >= size.value().checked_shr(at.level)? {
            return None;
        }
        let level = at.level / TILE_HEIGHT;
        let number = at.index.checked_shl(at.level % TILE_HEIGHT)? / TILE_WIDTH;
        let nodes = size.value().checked_shr(level.checked_mul(TILE_HEIGHT)?)?;
        Some(Self {
            level,
            span: Span::of(number, nodes)?,
        })
    }
}

impl fmt::Display for TileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tile/{}/{}", self.level, self.span)
    }
}

impl FromStr for TileId {
    type Err = InvalidTilePath;

    fn from_str(text: &str) -> Result<Self, InvalidTilePath> {
        let parse = || {
            let (level, span) = text.strip_prefix("tile/")?.split_once('/')?;
            let id = Self {
                level: level.parse().ok().filter(|level| *level < 64)?,
                span: span.parse().ok()?,
            };
            (id.to_string() == text).then_some(id)
        };
        parse().ok_or_else(|| InvalidTilePath(text.chars().take(80).collect()))
    }
}

/// Why a node could not be read from tiles.
#[derive(Debug, thiserror::Error)]
pub enum TileError<E> {
    /// The tree is too small to hold the node.
    #[error("the tree has no node at level {} index {}", .0.level, .0.index)]
    NoSuchNode(NodeAt),
    /// A tile is shorter than its width, or not a whole number of hashes.
    #[error("{0} has {1} bytes, not 32 for each of its hashes")]
    Malformed(TileId, usize),
    /// The tile could not be had.
    #[error(transparent)]
    Unavailable(#[from] E),
}

/// The nodes of a tree, read from its tiles.
pub struct TileNodes<F> {
    size: TreeSize,
    read_tile: F,
}

impl<F, E> TileNodes<F>
where
    F: Fn(TileId) -> Result<Vec<u8>, E>,
{
    /// Reads the tiles of a tree of this size with the function.
    pub fn new(size: TreeSize, read_tile: F) -> Self {
        Self { size, read_tile }
    }
}

impl<F, E> NodeSource for TileNodes<F>
where
    F: Fn(TileId) -> Result<Vec<u8>, E>,
{
    type Error = TileError<E>;

    fn node(&self, at: NodeAt) -> Result<NodeHash, TileError<E>> {
        let id = TileId::holding(at, self.size).ok_or(TileError::NoSuchNode(at))?;
        let bytes = (self.read_tile)(id)?;
        let malformed = || TileError::Malformed(id, bytes.len());
        // A full tile may stand for a partial one that is no longer kept.
        let hashes = decode_tile(&bytes)
            .filter(|hashes| hashes.len() >= usize::from(id.span.width))
            .ok_or_else(malformed)?;
        let height = at.level % TILE_HEIGHT;
        let first = length((at.index << height) % TILE_WIDTH);
        let slots = hashes
            .get(first..first.saturating_add(1 << height))
            .ok_or(TileError::NoSuchNode(at))?;
        perfect_root(slots.to_vec()).ok_or_else(malformed)
    }
}

/// The hashes of a tile; `None` unless there is a whole number of them, 1 to 256.
pub fn decode_tile(bytes: &[u8]) -> Option<Vec<NodeHash>> {
    let (hashes, rest) = bytes.as_chunks::<32>();
    let fits = rest.is_empty() && (1..=TILE_WIDTH).contains(&count(hashes.len()));
    fits.then(|| {
        hashes
            .iter()
            .map(|hash| NodeHash::from_bytes(*hash))
            .collect()
    })
}

/// The bytes of a tile with these hashes.
pub fn encode_tile(hashes: &[NodeHash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
}

/// The root over a power of two of nodes, `None` for any other number of them. For the hashes of a full tile it is
/// the slot of the tile above.
pub fn perfect_root(mut nodes: Vec<NodeHash>) -> Option<NodeHash> {
    if !nodes.len().is_power_of_two() {
        return None;
    }
    while nodes.len() > 1 {
        nodes = nodes
            .as_chunks::<2>()
            .0
            .iter()
            .map(|[left, right]| NodeHash::of_children(left, right))
            .collect();
    }
    nodes.pop()
}

/// Appends an entry to a bundle.
///
/// # Errors
/// Refuses one that does not fit the 16-bit length.
pub fn push_entry(bundle: &mut Vec<u8>, entry: &[u8]) -> Result<(), MalformedBundle> {
    let length =
        u16::try_from(entry.len()).map_err(|_| MalformedBundle::EntryTooLong(entry.len()))?;
    bundle.extend_from_slice(&length.to_be_bytes());
    bundle.extend_from_slice(entry);
    Ok(())
}

/// Splits a bundle into exactly `entries` entries.
///
/// # Errors
/// Refuses a bundle that ends early or goes on.
pub fn decode_entry_bundle(bundle: &[u8], entries: usize) -> Result<Vec<&[u8]>, MalformedBundle> {
    let mut rest = bundle;
    let mut all = Vec::with_capacity(entries.min(256));
    for number in 0..entries {
        let (entry, left) = rest
            .split_first_chunk::<2>()
            .and_then(|(length, rest)| {
                rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
            })
            .ok_or(MalformedBundle::Truncated(number))?;
        all.push(entry);
        rest = left;
    }
    match rest.len() {
        0 => Ok(all),
        left => Err(MalformedBundle::TrailingBytes(left)),
    }
}

/// The bundle that holds an entry, in a ledger of this size.
pub fn bundle_of(index: EntryIndex, size: TreeSize) -> Option<Span> {
    size.contains(index)
        .then(|| Span::of(index.value() / TILE_WIDTH, size.value()))?
}

const _: () = assert!(
    ENTRY_BYTES_MAX <= 0xffff,
    "an entry must fit the 16-bit length of a bundle"
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{hash::LeafHash, tree::Frontier};

    fn at(level: u32, index: u64) -> NodeAt {
        NodeAt { level, index }
    }

    #[test]
    fn a_tile_is_named_only_for_nodes_the_tree_holds() {
        let size = TreeSize::new(257);
        assert_eq!(
            TileId::holding(at(0, 256), size).map(|id| id.to_string()),
            Some("tile/0/001.p/1".to_owned())
        );
        assert_eq!(
            TileId::holding(at(8, 0), size).map(|id| id.to_string()),
            Some("tile/1/000.p/1".to_owned())
        );
        for outside in [
            at(0, 257),
            at(3, 32),
            at(8, 1),
            at(9, 0),
            at(64, 0),
            at(u32::MAX, 0),
        ] {
            assert_eq!(TileId::holding(outside, size), None, "{outside:?}");
        }
    }

    #[test]
    fn a_node_index_that_overflows_when_shifted_names_no_tile() {
        let all = TreeSize::new(u64::MAX);
        assert_eq!(TileId::holding(at(1, 1 << 63), all), None);
        assert_eq!(TileId::holding(at(7, u64::MAX), all), None);
        assert!(TileId::holding(at(63, 0), all).is_some());
        assert!(TileId::holding(at(0, u64::MAX - 1), all).is_some());
    }

    #[test]
    fn a_tile_number_is_read_up_to_the_last_whose_slots_can_be_counted() {
        for number in [0, 999, 1000, (1 << 56) - 1] {
            let span = Span { number, width: 1 };
            assert_eq!(span.to_string().parse(), Ok(span));
        }
        let beyond = Span {
            number: 1 << 56,
            width: 1,
        };
        assert!(beyond.to_string().parse::<Span>().is_err());
    }

    #[test]
    fn a_tile_shorter_than_its_width_is_malformed() {
        let hash = NodeHash::from_bytes([7; 32]);
        let short = TileNodes::new(TreeSize::new(4), |_| Ok::<_, ()>(encode_tile(&[hash; 3])));
        assert!(matches!(
            short.node(at(0, 0)),
            Err(TileError::Malformed(_, 96))
        ));
        let longer = TileNodes::new(TreeSize::new(4), |_| Ok::<_, ()>(encode_tile(&[hash; 256])));
        assert!(longer.node(at(2, 0)).is_ok());
    }

    #[test]
    fn only_a_power_of_two_of_nodes_has_a_perfect_root() {
        let node = NodeHash::from_bytes([1; 32]);
        for (nodes, has_root) in [
            (0, false),
            (1, true),
            (2, true),
            (3, false),
            (5, false),
            (256, true),
        ] {
            assert_eq!(
                perfect_root(vec![node; nodes]).is_some(),
                has_root,
                "{nodes}"
            );
        }
    }

    #[test]
    fn the_largest_tree_there_can_be_takes_a_leaf_without_a_panic() {
        let node = NodeHash::from_bytes([1; 32]);
        let mut full = Frontier::resume(TreeSize::new(u64::MAX), vec![node; 64]).unwrap();
        full.push(LeafHash::from_bytes([2; 32]), |_, _| {});
        assert_eq!(
            TileId::all(TreeSize::new(u64::MAX))
                .next()
                .unwrap()
                .to_string(),
            "tile/0/000"
        );
    }
}
