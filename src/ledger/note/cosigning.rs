//! Cosignatures of [C2SP tlog-cosignature](https://c2sp.org/tlog-cosignature): signatures that say when.
//!
//! A cosigner states: as of this time, the largest consistent tree I have seen for this origin has this root. Its
//! signature line holds `key id || time, 8 bytes, big-endian, in seconds since 1970 || signature`.
//!
//! | type | message that is signed |
//! | --- | --- |
//! | `0x04`, Ed25519 | `cosignature/v1\ntime <time>\n`, then the note's whole text |
//! | `0x06`, ML-DSA-44 | `subtree/v1\n\0`, cosigner, time, origin, 0, tree size, root; extension lines are not covered |
//!
//! The `0x04` message does not hold the cosigner's name, so a key serves under one name only.

use std::{fmt, str::FromStr};

use ed25519_dalek::Signer as _;
use ml_dsa::signature::Keypair as _;
use zeroize::Zeroizing;

use super::{
    KeyName, KeyType, NoteError, SignatureLine, VerifierKey,
    key::PublicKey,
    secret::{read_secret, secret_text},
};
use crate::ledger::checkpoint::Checkpoint;

/// When a cosignature was made, by its cosigner's clock: seconds since 1970, at most 2^63 - 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct CosignedAt(u64);

/// The secret half of a cosigner's key. Its memory is wiped when it is dropped.
pub struct CosigningKey {
    verifier: VerifierKey,
    key: SecretKey,
}

enum SecretKey {
    CosignatureV1(Box<ed25519_dalek::SigningKey>),
    MlDsa44(Box<ml_dsa::SigningKey<ml_dsa::MlDsa44>>),
}

impl CosignedAt {
    const MAX: u64 = i64::MAX.unsigned_abs();

    /// The time of so many seconds since 1970; none past 2^63 - 1.
    pub const fn from_seconds(seconds: u64) -> Option<Self> {
        if seconds <= Self::MAX {
            Some(Self(seconds))
        } else {
            None
        }
    }

    /// Seconds since 1970.
    pub const fn seconds(self) -> u64 {
        self.0
    }

    /// Takes the time off the front of a signature that carries one.
    pub(super) fn split_from(signature: &[u8]) -> Option<(Self, &[u8])> {
        let (time, signature) = signature.split_first_chunk::<8>()?;
        Some((Self::from_seconds(u64::from_be_bytes(*time))?, signature))
    }
}

/// What an Ed25519 cosigner signs.
pub(super) fn cosignature_message(text: &str, at: CosignedAt) -> Vec<u8> {
    format!("cosignature/v1\ntime {}\n{text}", at.0).into_bytes()
}

/// What an ML-DSA cosigner signs of a checkpoint; nothing where the text is not one.
pub(super) fn subtree_message(cosigner: &KeyName, text: &str, at: CosignedAt) -> Option<Vec<u8>> {
    let checkpoint = Checkpoint::from_text(text).ok()?;
    let mut message = b"subtree/v1\n\0".to_vec();
    push_name(&mut message, cosigner)?;
    message.extend(at.0.to_be_bytes());
    push_name(&mut message, &checkpoint.origin)?;
    message.extend(0u64.to_be_bytes());
    message.extend(checkpoint.size.value().to_be_bytes());
    message.extend(checkpoint.root.as_bytes());
    Some(message)
}

fn push_name(message: &mut Vec<u8>, name: &KeyName) -> Option<()> {
    message.push(u8::try_from(name.as_str().len()).ok()?);
    message.extend(name.as_str().as_bytes());
    Some(())
}

impl CosigningKey {
    /// Makes the key of this name and type from its 32 secret bytes.
    ///
    /// # Errors
    /// When the type is not one of cosignatures.
    pub fn from_seed(name: KeyName, kind: KeyType, seed: &[u8; 32]) -> Result<Self, NoteError> {
        let (public, key) = match kind {
            KeyType::Ed25519 => {
                return Err(NoteError::SigningKey(
                    "its type is Ed25519 (0x01), whose signatures do not say when; a cosigner's is 0x04 or 0x06",
                ));
            }
            KeyType::CosignatureV1 => {
                let key = Box::new(ed25519_dalek::SigningKey::from_bytes(seed));
                let public = PublicKey::CosignatureV1(key.verifying_key());
                (public, SecretKey::CosignatureV1(key))
            }
            KeyType::MlDsa44 => {
                let key = Box::new(ml_dsa::SigningKey::from_seed(&(*seed).into()));
                let public = PublicKey::MlDsa44(Box::new(key.verifying_key()));
                (public, SecretKey::MlDsa44(key))
            }
        };
        Ok(Self {
            verifier: VerifierKey::new(name, public),
            key,
        })
    }

    /// The public half.
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// Cosigns the text of a checkpoint.
    ///
    /// # Errors
    /// When the text is not a checkpoint.
    pub fn cosign(&self, text: &str, at: CosignedAt) -> Result<SignatureLine, NoteError> {
        let message =
            subtree_message(self.verifier.name(), text, at).ok_or(NoteError::NotACheckpoint)?;
        let mut signature = at.0.to_be_bytes().to_vec();
        match &self.key {
            SecretKey::CosignatureV1(key) => {
                signature.extend(key.sign(&cosignature_message(text, at)).to_bytes());
            }
            SecretKey::MlDsa44(key) => {
                let made = key.expanded_key().sign_deterministic(&message, &[]);
                signature.extend(made.map_err(|_| NoteError::SigningFailed)?.encode());
            }
        }
        Ok(SignatureLine {
            name: self.verifier.name().to_string(),
            id: self.verifier.id(),
            signature,
        })
    }

    /// The key as text: `PRIVATE+KEY+<name>+<key id>+<base64(type || seed)>`. Keep it secret.
    pub fn to_secret_text(&self) -> Zeroizing<String> {
        let seed = Zeroizing::new(match &self.key {
            SecretKey::CosignatureV1(key) => key.to_bytes(),
            SecretKey::MlDsa44(key) => (*key.as_seed()).into(),
        });
        secret_text(&self.verifier, &seed)
    }
}

impl fmt::Debug for CosigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CosigningKey({}, secret)", self.verifier)
    }
}

impl FromStr for CosigningKey {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let secret = read_secret(text)?;
        let key = Self::from_seed(secret.name, secret.kind, &secret.seed)?;
        secret.id.check(&key.verifier)?;
        Ok(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{
        note::{Note, SigningKey},
        sample::ledger,
    };

    const TYPES: [KeyType; 2] = [KeyType::CosignatureV1, KeyType::MlDsa44];

    fn cosigner(kind: KeyType) -> CosigningKey {
        let name = "witness.example.com/w1".parse().unwrap();
        CosigningKey::from_seed(name, kind, &[9; 32]).unwrap()
    }

    fn at(seconds: u64) -> CosignedAt {
        CosignedAt::from_seconds(seconds).unwrap()
    }

    fn note(text: &str, line: SignatureLine) -> Note {
        Note::new(text.to_owned(), vec![line]).unwrap()
    }

    #[test]
    fn a_cosignature_holds_for_its_text_and_time_alone() {
        let text = ledger(3).checkpoint.to_text();
        let other = ledger(4).checkpoint.to_text();
        for kind in TYPES {
            let key = cosigner(kind);
            let line = key.cosign(&text, at(1_700_000_000)).unwrap();
            let signed = note(&text, line.clone());
            assert_eq!(signed.verify(key.verifier()), Ok(()));
            assert_eq!(signed.cosigned_at(key.verifier()), Ok(at(1_700_000_000)));
            assert!(note(&other, line.clone()).verify(key.verifier()).is_err());
            for byte in 0..line.signature.len() {
                let mut changed = line.clone();
                changed.signature[byte] ^= 1;
                let refused = note(&text, changed).verify(key.verifier());
                assert!(
                    matches!(refused, Err(NoteError::BadSignature(_))),
                    "{kind} {byte}"
                );
            }
            for length in [1, 7, 8, 71, line.signature.len() - 1] {
                let mut short = line.clone();
                short.signature.truncate(length);
                assert!(
                    note(&text, short).verify(key.verifier()).is_err(),
                    "{kind} {length}"
                );
            }
        }
    }

    #[test]
    fn a_time_past_the_largest_is_refused() {
        assert_eq!(CosignedAt::from_seconds(1 << 63), None);
        assert!(CosignedAt::from_seconds((1 << 63) - 1).is_some());
        let text = ledger(3).checkpoint.to_text();
        let key = ed25519_dalek::SigningKey::from_bytes(&[9; 32]);
        let message = format!("cosignature/v1\ntime {}\n{text}", u64::MAX);
        let mut signature = u64::MAX.to_be_bytes().to_vec();
        signature.extend(key.sign(message.as_bytes()).to_bytes());
        let verifier = cosigner(KeyType::CosignatureV1).verifier().clone();
        let line = SignatureLine {
            name: verifier.name().to_string(),
            id: verifier.id(),
            signature,
        };
        assert!(note(&text, line).verify(&verifier).is_err());
    }

    #[test]
    fn the_latest_of_several_times_is_told_and_one_bad_line_refuses_all() {
        let text = ledger(3).checkpoint.to_text();
        let key = cosigner(KeyType::CosignatureV1);
        let [first, last] = [5, 8].map(|seconds| key.cosign(&text, at(seconds)).unwrap());
        let both = Note::new(text.clone(), vec![last.clone(), first.clone()]).unwrap();
        assert_eq!(both.cosigned_at(key.verifier()), Ok(at(8)));
        let mut bad = first;
        bad.signature[20] ^= 1;
        let mixed = Note::new(text, vec![last, bad]).unwrap();
        assert!(mixed.cosigned_at(key.verifier()).is_err());
    }

    #[test]
    fn secret_keys_are_read_back_and_not_printed() {
        for kind in TYPES {
            let key = cosigner(kind);
            let secret = key.to_secret_text();
            let read: CosigningKey = secret.parse().unwrap();
            assert_eq!(read.verifier(), key.verifier());
            assert_eq!(read.to_secret_text(), secret);
            assert!(!format!("{key:?}").contains(secret.rsplit('+').next().unwrap()));
            let text = key.verifier().to_string();
            assert_eq!(text.parse::<VerifierKey>().as_ref(), Ok(key.verifier()));
            // Neither kind of key is taken for the other.
            assert!(secret.parse::<SigningKey>().is_err());
        }
        let log = SigningKey::from_seed("a".parse().unwrap(), &[1; 32]);
        assert!(log.to_secret_text().parse::<CosigningKey>().is_err());
    }

    #[test]
    fn only_checkpoints_are_cosigned() {
        for kind in TYPES {
            let refused = cosigner(kind).cosign("a\nb\n", at(1));
            assert_eq!(refused, Err(NoteError::NotACheckpoint));
        }
    }
}
