//! What a witness is asked and what it decides: [C2SP tlog-witness](https://c2sp.org/tlog-witness), without the network.
//!
//! ```text
//! old <size>
//! <base64 hash>        0 to 63 lines: the consistency proof from the old size
//!
//! <checkpoint>         a signed note, verbatim
//! ```
//!
//! A witness cosigns a checkpoint only if it continues the last one that it cosigned for the same origin. So whoever
//! trusts it knows that the log has one history, as long as the witness remembers: what it remembers is made durable
//! before it answers, and compared and replaced as one step. That is the server's part; the decision is here.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};

use super::{
    checkpoint::{Checkpoint, SignedCheckpoint},
    hash::NodeHash,
    note::{NOTE_BYTES_MAX, NoteError, VerifierKey},
    position::{TreeSize, decimal},
    tree::consistency_holds,
};

/// The most hashes of a consistency proof.
pub const PROOF_HASHES_MAX: usize = 63;
/// The most bytes of a request.
pub const REQUEST_BYTES_MAX: usize = NOTE_BYTES_MAX + 4096;
/// The media type of the size in an answer of status 409.
pub const SIZE_MEDIA_TYPE: &str = "text/x.tlog.size";

/// A request to cosign a checkpoint: the body of `POST <prefix>/add-checkpoint`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// The size of the last checkpoint that the witness cosigned, as far as the sender knows; 0 for none.
    pub old: TreeSize,
    /// The proof that the tree of the old size is the beginning of the new one; empty from 0, and where nothing is new.
    pub proof: Vec<NodeHash>,
    /// The checkpoint, with the log's signature. Where it was read, [`Self::decide`] is first to look at what it says.
    pub checkpoint: SignedCheckpoint,
}

/// Why a witness does not cosign.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WitnessRefusal {
    /// Status 400: the request is not of the form, or contradicts itself.
    #[error("{0}")]
    Malformed(String),
    /// Status 404: the origin is not that of a log this witness knows.
    #[error("this witness does not know the log {0}")]
    UnknownLog(String),
    /// Status 403: not signed by a key that is trusted for the origin.
    #[error("{0}")]
    NotTrusted(NoteError),
    /// Status 409: the old size is not the last one that was cosigned.
    #[error("the last size that this witness cosigned is {0}")]
    OtherSize(TreeSize),
    /// Status 422: the checkpoint does not continue the last one.
    #[error("{0}")]
    NotConsistent(&'static str),
}

impl WitnessRefusal {
    /// The HTTP status that says it.
    pub const fn status(&self) -> u16 {
        match self {
            Self::Malformed(_) => 400,
            Self::NotTrusted(_) => 403,
            Self::UnknownLog(_) => 404,
            Self::OtherSize(_) => 409,
            Self::NotConsistent(_) => 422,
        }
    }
}

impl AddCheckpoint {
    /// Reads a request: its form, and nothing of what it says.
    ///
    /// # Errors
    /// [`WitnessRefusal::Malformed`] says what of the form is not kept.
    pub fn parse(bytes: &[u8]) -> Result<Self, WitnessRefusal> {
        let malformed = |problem: &str| WitnessRefusal::Malformed(problem.to_owned());
        if bytes.len() > REQUEST_BYTES_MAX {
            return Err(malformed("the request is too long"));
        }
        let text =
            std::str::from_utf8(bytes).map_err(|_| malformed("the request is not UTF-8 text"))?;
        let (head, note) = text
            .split_once("\n\n")
            .ok_or_else(|| malformed("there is no blank line before the checkpoint"))?;
        let mut lines = head.split('\n');
        let old = lines
            .next()
            .and_then(|line| line.strip_prefix("old "))
            .and_then(parse_size)
            .ok_or_else(|| malformed("the first line is not `old <size>`"))?;
        let proof = lines
            .map(|line| {
                let bytes = BASE64.decode(line).ok()?.try_into().ok()?;
                Some(NodeHash::from_bytes(bytes))
            })
            .collect::<Option<Vec<_>>>()
            .filter(|proof| proof.len() <= PROOF_HASHES_MAX)
            .ok_or_else(|| {
                malformed("a line of the proof is not a hash in base64, or there are over 63")
            })?;
        let checkpoint = SignedCheckpoint::parse_form(note.as_bytes())
            .map_err(|error| WitnessRefusal::Malformed(error.to_string()))?;
        Ok(Self {
            old,
            proof,
            checkpoint,
        })
    }

    /// Decides whether a witness cosigns, knowing the log's keys and the last checkpoint that it cosigned for it.
    ///
    /// It is judged in the protocol's order, and the first thing that is wrong is the answer: whether the log is known,
    /// its signature, the old size against the new one, the old size against what was cosigned, the proof. So whoever
    /// can't sign for a log hears nothing of what the witness knows of it.
    ///
    /// # Errors
    /// Says why not, with the status that the protocol has for it.
    pub fn decide(
        &self,
        keys: &[VerifierKey],
        last: Option<&Checkpoint>,
    ) -> Result<(), WitnessRefusal> {
        self.check_signature(keys)?;
        if self.old > self.checkpoint.checkpoint().size {
            let why = "the old size is larger than the checkpoint's".to_owned();
            return Err(WitnessRefusal::Malformed(why));
        }
        let known = last.map_or(TreeSize::EMPTY, |last| last.size);
        if self.old != known {
            return Err(WitnessRefusal::OtherSize(known));
        }
        self.check_proof(last.filter(|_| known != TreeSize::EMPTY))
            .map_err(WitnessRefusal::NotConsistent)
    }

    fn check_signature(&self, keys: &[VerifierKey]) -> Result<(), WitnessRefusal> {
        if keys.is_empty() {
            let origin = self.checkpoint.checkpoint().origin.to_string();
            return Err(WitnessRefusal::UnknownLog(origin));
        }
        let mut trusted = false;
        for key in keys {
            match self.checkpoint.note().verify(key) {
                Ok(()) => trusted = true,
                Err(NoteError::NotSignedBy(_)) => {}
                Err(error) => return Err(WitnessRefusal::NotTrusted(error)),
            }
        }
        if trusted {
            return Ok(());
        }
        let nobody = "a key that this witness trusts for it".to_owned();
        Err(WitnessRefusal::NotTrusted(NoteError::NotSignedBy(nobody)))
    }

    /// Checks that the checkpoint continues the one of the old size; `None` where that is an empty log.
    fn check_proof(&self, last: Option<&Checkpoint>) -> Result<(), &'static str> {
        let new = self.checkpoint.checkpoint();
        if !new.has_possible_root() {
            return Err("the root of an empty log is not the hash of nothing");
        }
        match last {
            None if !self.proof.is_empty() => {
                Err("the proof is to be empty where the old size is 0")
            }
            None => Ok(()),
            Some(last) if new.size == last.size && new.root != last.root => {
                Err("the log signed another root at the size that was cosigned")
            }
            Some(last) if new.size == last.size && !self.proof.is_empty() => {
                Err("the proof is to be empty where the size is the same")
            }
            Some(last) if new.size == last.size => Ok(()),
            Some(last) => {
                let (old, new) = ((last.size, last.root), (new.size, new.root));
                consistency_holds(old, new, &self.proof)
                    .then_some(())
                    .ok_or("the proof does not lead from the cosigned root to the new one")
            }
        }
    }
}

/// The body of a request.
impl fmt::Display for AddCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old)?;
        for hash in &self.proof {
            writeln!(f, "{}", BASE64.encode(hash.as_bytes()))?;
        }
        write!(f, "\n{}", self.checkpoint.note())
    }
}

/// Reads a decimal size in its one form.
pub fn parse_size(text: &str) -> Option<TreeSize> {
    decimal(text).map(TreeSize::new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{
        note::SigningKey,
        sample::{key, ledger},
    };

    fn signed(size: u64) -> SignedCheckpoint {
        ledger(size).checkpoint.sign(&key())
    }

    fn request(old: u64, checkpoint: SignedCheckpoint) -> AddCheckpoint {
        AddCheckpoint {
            old: TreeSize::new(old),
            proof: Vec::new(),
            checkpoint,
        }
    }

    fn status(request: &AddCheckpoint, last: Option<u64>) -> u16 {
        let keys = [key().verifier().clone()];
        let last = last.map(|size| ledger(size).checkpoint);
        let decided = request.decide(&keys, last.as_ref());
        decided.map_or_else(|refusal| refusal.status(), |()| 200)
    }

    #[test]
    fn the_first_checkpoint_and_the_same_again_are_cosigned() {
        assert_eq!(status(&request(0, signed(3)), None), 200);
        assert_eq!(status(&request(3, signed(3)), Some(3)), 200);
        assert_eq!(status(&request(0, signed(3)), Some(0)), 200);
    }

    #[test]
    fn what_does_not_continue_the_last_one_is_refused_with_its_status() {
        assert_eq!(status(&request(1, signed(3)), None), 409);
        assert_eq!(status(&request(2, signed(5)), Some(3)), 409);
        assert_eq!(status(&request(3, signed(5)), Some(3)), 422);
        let mut with_proof = request(0, signed(3));
        with_proof.proof.push(NodeHash::from_bytes([1; 32]));
        assert_eq!(status(&with_proof, None), 422);
        with_proof.old = TreeSize::new(3);
        assert_eq!(status(&with_proof, Some(3)), 422);
        // The same size with another root: the log forked.
        let mut forked = ledger(3).checkpoint;
        forked.root = ledger(2).checkpoint.root;
        assert_eq!(status(&request(3, forked.sign(&key())), Some(3)), 422);
    }

    /// Each request is wrong in every way from some point of the order on; the first of them is the answer.
    #[test]
    fn the_first_thing_that_is_wrong_is_the_answer() {
        let origin = key().verifier().name().clone();
        let stranger = SigningKey::from_seed(origin, &[1; 32]);
        let mut impossible = ledger(0).checkpoint;
        impossible.root = ledger(2).checkpoint.root;
        let mut asked = request(6, impossible.clone().sign(&stranger));
        asked.proof.push(NodeHash::from_bytes([1; 32]));
        let asked = AddCheckpoint::parse(asked.to_string().as_bytes()).unwrap();
        assert_eq!(asked.decide(&[], None).unwrap_err().status(), 404);
        assert_eq!(status(&asked, Some(3)), 403);
        let mut asked = request(6, impossible.sign(&key()));
        asked.proof.push(NodeHash::from_bytes([1; 32]));
        assert_eq!(status(&asked, Some(3)), 400);
        asked.old = TreeSize::EMPTY;
        assert_eq!(status(&asked, Some(3)), 409);
        assert_eq!(status(&asked, None), 422);
        asked.proof.clear();
        let asked = AddCheckpoint::parse(asked.to_string().as_bytes()).unwrap();
        assert_eq!(status(&asked, None), 422);
    }

    #[test]
    fn only_the_logs_own_keys_are_heard() {
        let asked = request(0, signed(3));
        let origin = key().verifier().name().clone();
        let other = SigningKey::from_seed(origin, &[1; 32]);
        let decided = asked.decide(&[other.verifier().clone()], None);
        assert_eq!(decided.unwrap_err().status(), 403);
        assert_eq!(asked.decide(&[], None).unwrap_err().status(), 404);
        let mut line = asked.checkpoint.note().signatures()[0].clone();
        line.signature[0] ^= 1;
        let damaged = signed(3).with_signatures([line]).unwrap();
        assert_eq!(status(&request(0, damaged), None), 403);
        let both =
            signed(3).with_signatures(other.sign(signed(3).note().text()).signatures().to_vec());
        let keys = [other.verifier().clone(), key().verifier().clone()];
        assert_eq!(request(0, both.unwrap()).decide(&keys, None), Ok(()));
    }

    #[test]
    fn requests_of_another_form_are_refused() {
        let mut good = request(3, signed(5));
        good.proof = vec![NodeHash::from_bytes([7; 32]); 2];
        let text = good.to_string();
        assert_eq!(AddCheckpoint::parse(text.as_bytes()), Ok(good.clone()));
        good.proof = vec![NodeHash::from_bytes([7; 32]); 64];
        let hash = BASE64.encode([7; 32]);
        for (text, why) in [
            (String::new(), "no blank line"),
            (text.replace("old 3", "old 03"), "old <size>"),
            (text.replace("old 3", "old -3"), "old <size>"),
            (text.replace("old 3", "Old 3"), "old <size>"),
            (text.replacen(&hash, "AAAA", 1), "not a hash"),
            (
                text.replacen(&format!("{hash}\n"), "", 2)
                    .replace("old 3\n\n", "old 3\n"),
                "not a hash",
            ),
            (good.to_string(), "over 63"),
            (text.replace("\n5\n", "\n05\n"), "one form"),
            (format!("{text}\n"), "signature block"),
        ] {
            let refused = AddCheckpoint::parse(text.as_bytes()).unwrap_err();
            assert_eq!(refused.status(), 400, "{text}");
            assert!(refused.to_string().contains(why), "{text}: {refused}");
        }
    }
}
