//! The keys that a verifier trusts: the one it was given, and those that the ledger's history leads to from there.
//!
//! Trust goes forward over a rotation because the trusted key signed it, and backward because the trusted successor
//! did: for the trees before the successor's own, and no others, since it signs all of those itself. Whoever has an older
//! key can leave out of a history that it was retired or given up, but can't make the successor's signature. It does not go forward over a rotation that was made beyond the point from which on the older key is known to
//! be in other hands: then that rotation may be the thief's.

use super::{
    history::{KeyHistory, KeySpan},
    statement::KeyChange,
};
use crate::ledger::{
    checkpoint::{CheckpointError, SignedCheckpoint},
    hash::RootHash,
    note::{KeyName, KeyType, VerifierKey},
    position::TreeSize,
};

/// The keys that a verifier trusts, each for the trees that it was to sign.
#[derive(Debug, Clone)]
pub struct Keyring {
    trusted: VerifierKey,
    /// The keys of the history that trust reaches, from the oldest; none where the history does not know the trusted key.
    /// One that is older than the trusted key signs alone as long as its successor does not sign.
    spans: Vec<KeySpan>,
    steps: Vec<Step>,
    broken: Option<BrokenTrust>,
    /// Whether there is a history, and the trusted key is not in it.
    stranger: bool,
}

/// One step by which trust went from a key to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The key that was trusted.
    pub by: VerifierKey,
    /// The key that is trusted by that.
    pub to: VerifierKey,
    /// The number of the statement that both signed.
    pub statement: u64,
    /// The size of the tree when it was made.
    pub size: TreeSize,
    /// The root of the tree when it was made. It holds only in that history.
    pub root: RootHash,
}

/// Where trust ends, although the history goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenTrust {
    /// The key that somebody else may have.
    pub key: VerifierKey,
    /// The largest tree for which its signature stands.
    pub from: TreeSize,
    /// The size of the tree when it was rotated, which is beyond that.
    pub rotated: TreeSize,
}

impl Keyring {
    /// One key, and no history.
    pub fn alone(key: &VerifierKey) -> Self {
        Self {
            trusted: key.clone(),
            spans: Vec::new(),
            steps: Vec::new(),
            broken: None,
            stranger: false,
        }
    }

    /// As [`Self::carried`], to judge a checkpoint of this size by itself: what was stated since says nothing about its tree.
    pub fn of_tree(key: &VerifierKey, history: &KeyHistory, size: TreeSize) -> Self {
        Self::carried(key, &history.before(size))
    }

    /// The keys that trust in one of them leads to by a ledger's history.
    pub fn carried(key: &VerifierKey, history: &KeyHistory) -> Self {
        let mut ring = Self::alone(key);
        let spans = history.keys();
        let Some(at) = spans.iter().position(|span| span.key == *key) else {
            ring.stranger = !history.is_empty();
            return ring;
        };
        let rotations: Vec<Step> = history
            .statements()
            .iter()
            .filter_map(|signed| match &signed.statement().change {
                KeyChange::Rotated { old, new } => Some(Step {
                    by: old.clone(),
                    to: new.as_ref().clone(),
                    statement: signed.statement().number,
                    size: signed.statement().size,
                    root: signed.statement().root,
                }),
                _ => None,
            })
            .collect();
        // The rotation number `n` leads from key `n` to the one after it.
        let back = rotations.iter().take(at).rev();
        ring.steps = back
            .map(|step| Step {
                by: step.to.clone(),
                to: step.by.clone(),
                ..step.clone()
            })
            .collect();
        let mut reached = at;
        for (span, step) in spans.iter().zip(&rotations).skip(at) {
            if let Some(from) = span.compromised.filter(|from| step.size > *from) {
                ring.broken = Some(BrokenTrust {
                    key: span.key.clone(),
                    from,
                    rotated: step.size,
                });
                break;
            }
            reached = reached.saturating_add(1);
            ring.steps.push(step.clone());
        }
        ring.spans = spans
            .iter()
            .take(reached.saturating_add(1))
            .cloned()
            .collect();
        let successors = spans.iter().skip(1).map(|span| span.from);
        for (older, from) in ring.spans.iter_mut().zip(successors).take(at) {
            older.until = Some(older.until.map_or(from, |until| until.min(from)));
        }
        ring
    }

    /// The key that was given.
    pub const fn trusted(&self) -> &VerifierKey {
        &self.trusted
    }

    /// The newest key that trust reaches.
    pub fn current(&self) -> &VerifierKey {
        self.spans.last().map_or(&self.trusted, |span| &span.key)
    }

    /// The ledger's name.
    pub fn name(&self) -> &KeyName {
        self.trusted.name()
    }

    /// The keys of the history that trust reaches, from the oldest; none where there is no history, or it does not know
    /// the trusted key.
    pub fn spans(&self) -> &[KeySpan] {
        &self.spans
    }

    /// The steps by which trust went, first those to older keys.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Where trust ends, although the history goes on.
    pub const fn broken(&self) -> Option<&BrokenTrust> {
        self.broken.as_ref()
    }

    /// Whether there is a history that does not know the trusted key.
    pub const fn is_stranger(&self) -> bool {
        self.stranger
    }

    /// Reads a checkpoint, and checks that a trusted key made it.
    ///
    /// # Errors
    /// When the form, the origin or the signature is wrong.
    pub fn open(&self, bytes: &[u8]) -> Result<SignedCheckpoint, CheckpointError> {
        let signed = SignedCheckpoint::parse(bytes)?;
        self.verify(&signed)?;
        Ok(signed)
    }

    /// Checks that a trusted key made the checkpoint, and was to sign trees of its size. One such signature is enough, and
    /// one by a key of the ring that does not verify refuses it, whatever other keys signed.
    ///
    /// # Errors
    /// When the origin or a signature is wrong, or no such key signed it.
    pub fn verify(&self, signed: &SignedCheckpoint) -> Result<(), CheckpointError> {
        let named = |key: &VerifierKey| signed.note().names(key);
        let given =
            Some(&self.trusted).filter(|key| !self.spans.iter().any(|span| span.key == **key));
        let mut is_named = false;
        for key in self.spans.iter().map(|span| &span.key).chain(given) {
            if named(key) {
                signed.verify(key)?;
                is_named = true;
            }
        }
        if !is_named {
            return signed.verify(&self.trusted);
        }
        let size = signed.checkpoint().size;
        let mut refused = None;
        for span in self.spans.iter().rev().filter(|span| named(&span.key)) {
            if span.contains(size) && span.stands(size) {
                return Ok(());
            }
            let key = span.key.id().to_string();
            refused = Some(match span.compromised.filter(|from| size > *from) {
                Some(from) => CheckpointError::KeyCompromised { key, from, size },
                None => CheckpointError::OutOfRange {
                    key,
                    range: range_of(span),
                    size,
                },
            });
        }
        // Without a span, it is the given key's, which the history does not know.
        refused.map_or(Ok(()), Err)
    }

    /// The newest trusted key that a verified checkpoint is signed by.
    pub fn signer_of(&self, signed: &SignedCheckpoint) -> &VerifierKey {
        let named = |span: &&KeySpan| signed.note().names(&span.key);
        let newest = self.spans.iter().rev().find(named);
        newest.map_or(&self.trusted, |span| &span.key)
    }

    /// Whether the given key is one that a ledger signs with by itself.
    pub fn is_own(&self) -> bool {
        self.trusted.key_type() == KeyType::Ed25519
    }
}

fn range_of(span: &KeySpan) -> String {
    match span.until {
        Some(until) => format!("{} to {until}", span.from),
        None => format!("{} on", span.from),
    }
}
