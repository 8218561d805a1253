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
    keys::Keyring,
    note::VerifierKey,
    position::{EntryIndex, decimal},
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
        if text.contains('\r') {
            return Err(malformed(
                "its lines end in CR LF, or it has a carriage return elsewhere: something changed it on its way; its lines \
                 end in LF alone",
            ));
        }
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
        let index = decimal(digits).ok_or(malformed(
            "the index is not a decimal number in its one form",
        ))?;
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
        self.verify_with(&Keyring::alone(key))
    }

    /// Checks that the entry stands in the ledger one of whose keys is trusted, and gives it.
    ///
    /// # Errors
    /// Says what does not hold.
    pub fn verify_with(&self, keys: &Keyring) -> Result<Entry<'_>, ReceiptError> {
        keys.verify(&self.checkpoint)?;
        self.proven()
    }

    /// Checks that the entry stands in the tree of the receipt's checkpoint, whoever signed that, and gives it.
    ///
    /// # Errors
    /// Says what does not hold.
    pub fn proven(&self) -> Result<Entry<'_>, ReceiptError> {
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
        // One piece of memory for all lines: every recorded event may ask for this.
        const HASH_LINE_BYTES: usize = 45;
        let entry_bytes = self.entry.len().saturating_mul(2);
        let proof_bytes = self.proof.len().saturating_mul(HASH_LINE_BYTES);
        let mut lines = String::with_capacity(entry_bytes.saturating_add(proof_bytes));
        BASE64.encode_string(&self.entry, &mut lines);
        write!(f, "{HEADER}\nextra {lines}\nindex {}\n", self.index)?;
        lines.clear();
        for hash in &self.proof {
            BASE64.encode_string(hash.as_bytes(), &mut lines);
            lines.push('\n');
        }
        write!(f, "{lines}\n{}", self.checkpoint.note())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{
        sample::{key, ledger},
        tree::{Frontier, prove_inclusion},
    };

    struct Nodes(Vec<LeafHash>);

    impl crate::ledger::tree::NodeSource for Nodes {
        type Error = std::convert::Infallible;

        fn node(&self, at: crate::ledger::tree::NodeAt) -> Result<NodeHash, Self::Error> {
            let mut found = None;
            let mut tree = Frontier::new();
            for leaf in &self.0 {
                tree.push(*leaf, |made, node| {
                    if made == at {
                        found = Some(node);
                    }
                });
            }
            Ok(found.unwrap())
        }
    }

    fn receipt(entries: u64, index: u64) -> Receipt {
        let batch = ledger(entries);
        let index = EntryIndex::new(index);
        let at = usize::try_from(index.value()).unwrap();
        let proof = prove_inclusion(&Nodes(batch.leaves), index, batch.checkpoint.size);
        Receipt {
            entry: batch.entries[at].clone(),
            index,
            proof: proof.unwrap().unwrap(),
            checkpoint: batch.checkpoint.sign(&key()),
        }
    }

    #[test]
    fn receipts_verify_from_the_first_entry_on() {
        for (entries, index) in [(1, 0), (2, 0), (2, 1), (3, 2), (9, 4), (9, 8)] {
            let receipt = receipt(entries, index);
            let read = Receipt::parse(receipt.to_string().as_bytes()).unwrap();
            assert_eq!(read, receipt);
            assert_eq!(read.verify(key().verifier()).unwrap().index, receipt.index);
        }
        assert!(receipt(1, 0).proof.is_empty());
    }

    #[test]
    fn a_receipt_for_another_entry_is_refused() {
        let (mine, other) = (receipt(9, 4), receipt(9, 5));
        let verify = |receipt: Receipt| receipt.verify(key().verifier()).map(drop);
        let swapped = Receipt {
            entry: other.entry.clone(),
            ..mine.clone()
        };
        assert!(matches!(
            verify(swapped),
            Err(ReceiptError::OtherEntry { .. })
        ));
        let renamed = Receipt {
            entry: other.entry,
            index: other.index,
            ..mine.clone()
        };
        assert!(matches!(verify(renamed), Err(ReceiptError::ProofFails(_))));
        let other_proof = Receipt {
            proof: other.proof,
            ..mine.clone()
        };
        assert!(matches!(
            verify(other_proof),
            Err(ReceiptError::ProofFails(_))
        ));
        let other_size = Receipt {
            checkpoint: receipt(8, 4).checkpoint,
            ..mine.clone()
        };
        assert!(matches!(
            verify(other_size),
            Err(ReceiptError::ProofFails(_))
        ));
        let not_an_entry = Receipt {
            entry: vec![2],
            ..mine
        };
        assert!(matches!(verify(not_an_entry), Err(ReceiptError::Entry(_))));
    }

    #[test]
    fn texts_of_another_form_are_refused() {
        let good = receipt(3, 2).to_string();
        let hash = "h8vTSc8GseMKlE90Y83hXr24Z3nLyYasn9zPsz+e6sU=";
        let proof_of = |hashes: usize| {
            good.replace(
                "index 2\n",
                &format!("index 2\n{}", format!("{hash}\n").repeat(hashes)),
            )
        };
        assert!(Receipt::parse(proof_of(63).as_bytes()).is_ok());
        for (text, why) in [
            (good.replace("@v1", "@v2"), "first line"),
            (good.replace("extra ", "Extra "), "no `extra` line"),
            (good.replace("extra ", "extra  "), "not base64"),
            (good.replace("index 2", "index 02"), "one form"),
            (good.replace("index 2", "index +2"), "one form"),
            (good.replace("index 2", "index two"), "not a decimal"),
            (good.replace("index 2\n", ""), "no `index` line"),
            (good.replace("index 2\n", "index 2\nAAAA\n"), "not a hash"),
            (proof_of(64), "over 64"),
            (good.replace("\n\nledger", "\nledger"), "not a hash"),
            (good.replace('\n', "\r\n"), "end in CR LF"),
            (good.replace("\n\n", "\n \n"), "blank line"),
            (format!("{good}\n"), "signature block"),
        ] {
            assert_ne!(text, good);
            let error = Receipt::parse(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
