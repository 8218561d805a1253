//! Every hash of the ledger, each with a type and a context of its own.
//!
//! BLAKE3 in `derive_key` mode makes the chain and the payload commitments; SHA-256 as in
//! [RFC 6962 §2.1](https://www.rfc-editor.org/rfc/rfc6962#section-2.1) makes the Merkle tree. The contexts below
//! are the only ones, and they never change: a new meaning gets a new context.

use std::{fmt, str::FromStr, sync::LazyLock};

use blake3::hazmat::{ContextKey, HasherExt, hash_derive_key_context};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

use super::position::count;

/// Context of the chain hash that stands before entry 0.
pub const GENESIS_CONTEXT: &str = "exhibit 2026-11-22 chain genesis v1";
/// Context of the hash of one entry's bytes.
pub const CHAIN_CONTEXT: &str = "exhibit 2026-11-22 entry chain v1";
/// Context of the commitment to one payload part.
pub const PART_CONTEXT: &str = "exhibit 2026-11-22 payload part v1";
/// Context of the commitment to a whole payload.
pub const PAYLOAD_CONTEXT: &str = "exhibit 2026-11-22 payload v1";

static GENESIS: LazyLock<ContextKey> = LazyLock::new(|| hash_derive_key_context(GENESIS_CONTEXT));
static CHAIN: LazyLock<ContextKey> = LazyLock::new(|| hash_derive_key_context(CHAIN_CONTEXT));
static PART: LazyLock<ContextKey> = LazyLock::new(|| hash_derive_key_context(PART_CONTEXT));
static PAYLOAD: LazyLock<ContextKey> = LazyLock::new(|| hash_derive_key_context(PAYLOAD_CONTEXT));

/// A hash was not 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a hash is 64 lower-case hexadecimal digits, not {0:?}")]
pub struct InvalidHash(String);

/// 32 bytes as they stand, in layouts of little-endian integers without variable lengths: written as two integers
/// of 16 bytes, which are the same bytes and cost a sixteenth of writing or reading them one by one.
pub(super) mod thirty_two {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(in crate::ledger) fn serialize<S: Serializer>(
        bytes: &[u8; 32],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let (halves, _) = bytes.as_chunks::<16>();
        let mut halves = halves.iter().map(|half| u128::from_le_bytes(*half));
        (
            halves.next().unwrap_or_default(),
            halves.next().unwrap_or_default(),
        )
            .serialize(serializer)
    }

    pub(in crate::ledger) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<[u8; 32], D::Error> {
        let (first, second) = <(u128, u128)>::deserialize(deserializer)?;
        let mut bytes = [0; 32];
        let (to_first, to_second) = bytes.split_at_mut(16);
        to_first.copy_from_slice(&first.to_le_bytes());
        to_second.copy_from_slice(&second.to_le_bytes());
        Ok(bytes)
    }
}

macro_rules! hash {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 32]);

        impl $name {
            /// Takes the 32 bytes as they stand on the wire or on disk.
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The 32 bytes.
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl FromStr for $name {
            type Err = InvalidHash;

            fn from_str(text: &str) -> Result<Self, InvalidHash> {
                let mut bytes = [0; 32];
                match hex::decode_to_slice(text, &mut bytes) {
                    Ok(()) if !text.bytes().any(|b| b.is_ascii_uppercase()) => Ok(Self(bytes)),
                    _ => Err(InvalidHash(text.chars().take(80).collect())),
                }
            }
        }

        /// Hexadecimal in formats for people, the bare bytes in the binary layouts.
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.collect_str(self)
                } else {
                    thirty_two::serialize(&self.0, serializer)
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    let text = String::deserialize(deserializer)?;
                    text.parse().map_err(serde::de::Error::custom)
                } else {
                    thirty_two::deserialize(deserializer).map(Self)
                }
            }
        }
    };
}

hash! {
    /// BLAKE3 over one entry's bytes; the next entry carries it as `previous`.
    ChainHash
}
hash! {
    /// BLAKE3 over one payload part with its salt; stays when the part is withheld or erased.
    PartCommitment
}
hash! {
    /// BLAKE3 over the part commitments of a payload; stands in the entry.
    PayloadCommitment
}
hash! {
    /// SHA-256 over `0x00` and one entry's bytes: the entry as a leaf of the Merkle tree.
    LeafHash
}
hash! {
    /// SHA-256 over `0x01` and two children, or a leaf hash taken as a node.
    NodeHash
}
hash! {
    /// The Merkle tree's root: what a checkpoint signs.
    RootHash
}
hash! {
    /// Plain BLAKE3 of a file, as `b3sum` prints it.
    FileHash
}

impl From<LeafHash> for NodeHash {
    fn from(leaf: LeafHash) -> Self {
        Self(leaf.0)
    }
}

impl From<NodeHash> for RootHash {
    fn from(node: NodeHash) -> Self {
        Self(node.0)
    }
}

impl From<RootHash> for NodeHash {
    fn from(root: RootHash) -> Self {
        Self(root.0)
    }
}

impl ChainHash {
    /// The hash that entry 0 carries as `previous`: it binds the chain to the ledger's origin.
    pub fn genesis(origin: &str) -> Self {
        Self(derived(&GENESIS, origin.as_bytes()))
    }

    /// The chain hash of an entry, from its bytes.
    pub fn of_entry(entry: &[u8]) -> Self {
        Self(derived(&CHAIN, entry))
    }
}

impl PartCommitment {
    /// Commits to one part: salt, name, content type and content.
    pub fn of_part(salt: &[u8; 32], name: &str, content_type: &str, content: &[u8]) -> Self {
        let mut hasher = blake3::Hasher::new_from_context_key(&PART);
        hasher.update(salt);
        for text in [name, content_type] {
            hasher.update(&count(text.len()).to_le_bytes());
            hasher.update(text.as_bytes());
        }
        hasher.update(content);
        Self(*hasher.finalize().as_bytes())
    }
}

impl PayloadCommitment {
    /// Commits to a payload: the commitments of its parts, in order.
    pub fn of_parts(parts: impl IntoIterator<Item = PartCommitment>) -> Self {
        let mut hasher = blake3::Hasher::new_from_context_key(&PAYLOAD);
        for part in parts {
            hasher.update(&part.0);
        }
        Self(*hasher.finalize().as_bytes())
    }
}

impl LeafHash {
    /// The leaf hash of an entry, from its bytes.
    pub fn of_entry(entry: &[u8]) -> Self {
        Self(
            Sha256::new()
                .chain_update([0])
                .chain_update(entry)
                .finalize()
                .into(),
        )
    }
}

impl NodeHash {
    /// The node over two children.
    pub fn of_children(left: &Self, right: &Self) -> Self {
        let mut preimage = [1; 65];
        let (_, children) = preimage.split_at_mut(1);
        let (to_left, to_right) = children.split_at_mut(32);
        to_left.copy_from_slice(&left.0);
        to_right.copy_from_slice(&right.0);
        Self(Sha256::digest(preimage).into())
    }
}

impl RootHash {
    /// The root of the tree without any entry: SHA-256 of nothing.
    pub fn empty() -> Self {
        Self(Sha256::digest([]).into())
    }
}

impl FileHash {
    /// The hash of a whole file in memory.
    pub fn of(content: &[u8]) -> Self {
        Self(*blake3::hash(content).as_bytes())
    }
}

fn derived(context: &ContextKey, input: &[u8]) -> [u8; 32] {
    *blake3::Hasher::new_from_context_key(context)
        .update(input)
        .finalize()
        .as_bytes()
}
