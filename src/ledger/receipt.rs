//! Receipts: offline proofs of [C2SP tlog-proof](https://c2sp.org/tlog-proof) that carry their entry.
//!
//! A receipt is a text file: the entry in the `extra` line, its index, the inclusion proof, and the checkpoint it
//! leads to. Whoever holds it and the ledger's key can show, without the ledger, that the entry stood in it; and a
//! ledger that has since lost or changed the entry can't explain the receipt away.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};

use super::{
    checkpoint::{CheckpointError, SignedCheckpoint},
    entry::{Entry, MalformedEntry},
    hash::{LeafHash, NodeHash},
    note::VerifierKey,
    position::EntryIndex,
    tree::inclusion_holds,
};

const HEADER: &str = "c2sp.org/tlog-proof@v1";
/// The most hashes an inclusion proof can have: one a bit of the tree's size.
const PROOF_HASHES_MAX: usize = 64;

/// An entry, and the proof that it stands in the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The entry's bytes, verbatim.
    pub entry: Vec<u8>,
    /// Its index.
    pub index: EntryIndex,
    /// The inclusion proof, the leaf's sibling first.
    pub proof: Vec<NodeHash>,
    /// The checkpoint the proof leads to.
    pub checkpoint: SignedCheckpoint,
}

/// Text that is not a receipt, or a receipt that proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// A line is not what it should be.
    #[error("not a receipt: {0}")]
    Malformed(&'static str),
    /// The checkpoint's form, origin or signature.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The entry does not decode.
    #[error(transparent)]
    Entry(#[from] MalformedEntry),
    /// The entry says another index than the receipt.
    #[error("the receipt is for entry {receipt}, and the entry in it says it is number {entry}")]
    OtherEntry {
        /// The index the receipt gives.
        receipt: EntryIndex,
        /// The index in the entry.
        entry: EntryIndex,
    },
    /// The proof does not lead from the entry to the checkpoint's root.
    #[error("the proof does not lead from entry {0} to the checkpoint's root")]
    ProofFails(EntryIndex),
}

impl Receipt {
    /// Reads a receipt, and checks its form, not what it proves.
    ///
    /// # Errors
    /// Says what of the form is not kept.
    pub fn parse(bytes: &[u8]) -> Result<Self, ReceiptError> {
        let malformed = ReceiptError::Malformed;
        let text = std::str::from_utf8(bytes).map_err(|_| malformed("it is not UTF-8 text"))?;
        let (head, checkpoint) = text
            .split_once("\n\n")
            .ok_or(malformed("it has no blank line before its checkpoint"))?;
        let mut lines = head.split('\n');
        if lines.next() != Some(HEADER) {
            return Err(malformed("its first line is not `c2sp.org/tlog-proof@v1`"));
        }
        let entry = lines
            .next()
            .and_then(|line| line.strip_prefix("extra "))
            .ok_or(malformed(
                "it has no `extra` line, so it does not carry its entry",
            ))?;
        let entry = BASE64
            .decode(entry)
            .map_err(|_| malformed("the `extra` line is not base64"))?;
        let digits = lines
            .next()
            .and_then(|line| line.strip_prefix("index "))
            .ok_or(malformed("it has no `index` line"))?;
        let index: u64 = digits
            .parse()
            .map_err(|_| malformed("the index is not a decimal number"))?;
        if index.to_string() != digits {
            return Err(malformed("the index is not written in its one form"));
        }
        let proof = lines
            .map(|line| {
                Some(NodeHash::from_bytes(
                    BASE64.decode(line).ok()?.try_into().ok()?,
                ))
            })
            .collect::<Option<Vec<_>>>()
            .filter(|proof| proof.len() <= PROOF_HASHES_MAX)
            .ok_or(malformed(
                "a line of the proof is not a hash in base64, or there are over 64",
            ))?;
        let checkpoint = SignedCheckpoint::parse(checkpoint.as_bytes())?;
        Ok(Self {
            entry,
            index: EntryIndex::new(index),
            proof,
            checkpoint,
        })
    }

    /// Checks that the entry stands in the ledger whose key is trusted, and gives it.
    ///
    /// # Errors
    /// Says what does not hold.
    pub fn verify(&self, key: &VerifierKey) -> Result<Entry<'_>, ReceiptError> {
        self.checkpoint.verify(key)?;
        let entry = Entry::decode(&self.entry)?;
        if entry.index != self.index {
            return Err(ReceiptError::OtherEntry {
                receipt: self.index,
                entry: entry.index,
            });
        }
        let signed = self.checkpoint.checkpoint();
        let leaf = LeafHash::of_entry(&self.entry);
        if inclusion_holds(self.index, signed.size, leaf, &self.proof, signed.root) {
            Ok(entry)
        } else {
            Err(ReceiptError::ProofFails(self.index))
        }
    }
}

/// The bytes of the `.tlog-proof` file.
impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{HEADER}\nextra {}\nindex {}",
            BASE64.encode(&self.entry),
            self.index
        )?;
        for hash in &self.proof {
            writeln!(f, "{}", BASE64.encode(hash.as_bytes()))?;
        }
        write!(f, "\n{}", self.checkpoint.note())
    }
}
