//! All the keys that sign for a ledger: its own, and those beside it.
//!
//! Every checkpoint carries a signature of each. Whoever trusts one of them verifies with that one alone, so a key
//! beside the ledger's own, of another kind, keeps evidence standing when the first kind of signature no longer does.

use super::{
    checkpoint::{Checkpoint, CheckpointError, SignedCheckpoint},
    note::{CosignedAt, CosigningKey, KeyType, SigningKey, VerifierKey},
    position::UnixNanos,
};

/// The most keys beside a ledger's own.
pub const KEYS_BESIDE_MAX: usize = 8;

/// The keys that sign a ledger's checkpoints.
#[derive(Debug)]
pub struct Signers {
    own: SigningKey,
    /// The key that the own one succeeds, until it is retired.
    before: Option<SigningKey>,
    beside: Vec<CosigningKey>,
}

/// A key that can't sign beside a ledger's own.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignersError {
    /// Its name is not the ledger's.
    #[error("{key} is named otherwise than the ledger {origin}; a ledger's keys have its name")]
    OtherName {
        /// The key.
        key: Box<VerifierKey>,
        /// The ledger's name.
        origin: String,
    },
    /// It is of a type that does not speak for a ledger.
    #[error("{0} is a witness's key (0x04); a key beside a ledger's own is ML-DSA-44 (0x06)")]
    OtherType(Box<VerifierKey>),
    /// It is there already.
    #[error("{0} is given twice")]
    Repeated(Box<VerifierKey>),
    /// There are more than [`KEYS_BESIDE_MAX`].
    #[error("there are over {KEYS_BESIDE_MAX} keys beside the ledger's own")]
    TooMany,
}

impl Signers {
    /// Puts the keys of a ledger together.
    ///
    /// # Errors
    /// Refuses keys of another name or type, one that is given twice, and over [`KEYS_BESIDE_MAX`].
    pub fn new(own: SigningKey, beside: Vec<CosigningKey>) -> Result<Self, SignersError> {
        if beside.len() > KEYS_BESIDE_MAX {
            return Err(SignersError::TooMany);
        }
        let mut seen: Vec<&VerifierKey> = Vec::new();
        for key in beside.iter().map(CosigningKey::verifier) {
            let boxed = || Box::new(key.clone());
            if key.name() != own.verifier().name() {
                let origin = own.verifier().name().to_string();
                return Err(SignersError::OtherName {
                    key: boxed(),
                    origin,
                });
            }
            if key.key_type() != KeyType::MlDsa44 {
                return Err(SignersError::OtherType(boxed()));
            }
            if seen.contains(&key) {
                return Err(SignersError::Repeated(boxed()));
            }
            seen.push(key);
        }
        Ok(Self {
            own,
            before: None,
            beside,
        })
    }

    /// Lets the key that the ledger's own one succeeds sign too.
    ///
    /// # Errors
    /// Refuses a key of another name, and the own one.
    pub fn with_predecessor(self, before: SigningKey) -> Result<Self, SignersError> {
        let key = before.verifier();
        if key.name() != self.own.verifier().name() {
            return Err(SignersError::OtherName {
                key: Box::new(key.clone()),
                origin: self.own.verifier().name().to_string(),
            });
        }
        if key == self.own.verifier() {
            return Err(SignersError::Repeated(Box::new(key.clone())));
        }
        Ok(Self {
            before: Some(before),
            ..self
        })
    }

    /// Whether one of the ledger's own keys that sign now signed a checkpoint, and none of them wrongly.
    ///
    /// # Errors
    /// Says why not.
    pub fn verify(&self, signed: &SignedCheckpoint) -> Result<(), CheckpointError> {
        let own = [Some(&self.own), self.before.as_ref()];
        let own = own.into_iter().flatten().map(SigningKey::verifier);
        let mut named = own.filter(|key| signed.note().names(key)).peekable();
        if named.peek().is_none() {
            return signed.verify(self.verifier());
        }
        named.try_for_each(|key| signed.verify(key))
    }

    /// The public half of the ledger's own key.
    pub fn verifier(&self) -> &VerifierKey {
        self.own.verifier()
    }

    /// Signs a checkpoint with every key. `at` is the ledger's clock, to which a timed signature is cut to seconds.
    ///
    /// # Errors
    /// When a key beside fails to sign, which is a defect: no checkpoint goes out with fewer signatures than it is
    /// to have.
    pub fn sign(
        &self,
        checkpoint: Checkpoint,
        at: UnixNanos,
    ) -> Result<SignedCheckpoint, CheckpointError> {
        let mut signed = checkpoint.sign(&self.own);
        if let Some(before) = &self.before {
            let line = before.signature(signed.note().text());
            signed = signed.with_signatures([line])?;
        }
        if self.beside.is_empty() {
            return Ok(signed);
        }
        let seconds = std::time::Duration::from_nanos(at.value()).as_secs();
        let at = CosignedAt::from_seconds(seconds).unwrap_or_default();
        let text = signed.note().text();
        let lines = self.beside.iter().map(|key| key.cosign(text, at));
        let lines = lines.collect::<Result<Vec<_>, _>>()?;
        signed.with_signatures(lines)
    }
}

/// A ledger with its own key alone.
impl From<SigningKey> for Signers {
    fn from(own: SigningKey) -> Self {
        Self {
            own,
            before: None,
            beside: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::sample::{key, ledger};

    const AT: UnixNanos = UnixNanos::new(1_700_000_000_999_999_999);

    fn beside(seed: u8, name: &str, kind: KeyType) -> CosigningKey {
        CosigningKey::from_seed(name.parse().unwrap(), kind, &[seed; 32]).unwrap()
    }

    fn of_ledger(seed: u8, kind: KeyType) -> CosigningKey {
        beside(seed, key().verifier().name().as_str(), kind)
    }

    #[test]
    fn every_key_signs_and_each_is_enough_to_verify() {
        let second = of_ledger(7, KeyType::MlDsa44);
        let trusted = second.verifier().clone();
        let signers = Signers::new(key(), vec![second]).unwrap();
        let signed = signers.sign(ledger(3).checkpoint, AT).unwrap();
        let bytes = signed.note().to_string();
        for trusted in [key().verifier(), &trusted] {
            let read = SignedCheckpoint::open(bytes.as_bytes(), trusted).unwrap();
            assert_eq!(read, signed);
        }
        let at = signed.note().cosigned_at(&trusted).unwrap();
        assert_eq!(at.seconds(), 1_700_000_000);
        let stranger = of_ledger(8, KeyType::MlDsa44);
        assert!(signed.verify(stranger.verifier()).is_err());
    }

    #[test]
    fn neither_of_two_own_keys_may_have_signed_wrongly() {
        let of_seed = |seed| SigningKey::from_seed(key().verifier().name().clone(), &[seed; 32]);
        let before = of_seed(9);
        let signers = Signers::from(key()).with_predecessor(of_seed(9)).unwrap();
        let signed = ledger(3).checkpoint.sign(&key());
        assert_eq!(signers.verify(&signed), Ok(()));
        let mut line = before.signature(signed.note().text());
        let both = signed.clone().with_signatures([line.clone()]).unwrap();
        assert_eq!(signers.verify(&both), Ok(()));
        line.signature[3] ^= 1;
        let forged = signed.with_signatures([line]).unwrap();
        assert!(signers.verify(&forged).is_err());
        let stranger = SigningKey::from_seed(key().verifier().name().clone(), &[8; 32]);
        assert!(
            signers
                .verify(&ledger(3).checkpoint.sign(&stranger))
                .is_err()
        );
    }

    #[test]
    fn a_ledger_without_a_key_beside_signs_as_it_always_did() {
        let checkpoint = ledger(3).checkpoint;
        let signed = Signers::from(key()).sign(checkpoint.clone(), AT).unwrap();
        assert_eq!(signed, checkpoint.sign(&key()));
    }

    #[test]
    fn keys_that_do_not_speak_for_the_ledger_are_refused() {
        let refused = |beside| Signers::new(key(), beside).unwrap_err();
        let other = refused(vec![beside(7, "other.example", KeyType::MlDsa44)]);
        assert!(matches!(other, SignersError::OtherName { .. }), "{other}");
        let witness = refused(vec![of_ledger(7, KeyType::CosignatureV1)]);
        assert!(matches!(witness, SignersError::OtherType(_)), "{witness}");
        let twice = refused(vec![
            of_ledger(7, KeyType::MlDsa44),
            of_ledger(7, KeyType::MlDsa44),
        ]);
        assert!(matches!(twice, SignersError::Repeated(_)), "{twice}");
        let many = (0..=8)
            .map(|seed| of_ledger(seed, KeyType::MlDsa44))
            .collect();
        assert_eq!(refused(many), SignersError::TooMany);
    }
}
