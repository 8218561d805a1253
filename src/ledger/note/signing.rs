//! The secret keys that sign for a ledger: Ed25519, type `0x01`.

use std::{fmt, str::FromStr};

use ed25519_dalek::Signer as _;
use zeroize::Zeroizing;

use super::{
    KeyName, KeyType, Note, NoteError, SignatureLine, VerifierKey,
    key::PublicKey,
    secret::{read_secret, secret_text},
};

/// The secret half of a note key. Its memory is wiped when it is dropped.
pub struct SigningKey {
    verifier: VerifierKey,
    key: ed25519_dalek::SigningKey,
}

impl SigningKey {
    /// Makes the key of this name from its 32 secret bytes.
    pub fn from_seed(name: KeyName, seed: &[u8; 32]) -> Self {
        let key = ed25519_dalek::SigningKey::from_bytes(seed);
        Self {
            verifier: VerifierKey::new(name, PublicKey::Ed25519(key.verifying_key())),
            key,
        }
    }

    /// The public half.
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// Signs a text, every line of which ends in a newline, as a note with this one signature.
    pub fn sign(&self, text: &str) -> Note {
        Note {
            text: text.to_owned(),
            signatures: vec![self.signature(text)],
        }
    }

    /// The line that signs a text.
    pub fn signature(&self, text: &str) -> SignatureLine {
        SignatureLine {
            name: self.verifier.name().to_string(),
            id: self.verifier.id(),
            signature: self.key.sign(text.as_bytes()).to_vec(),
        }
    }

    /// The key as Go's tools write it: `PRIVATE+KEY+<name>+<key id>+<base64(type || seed)>`. Keep it secret.
    pub fn to_secret_text(&self) -> Zeroizing<String> {
        secret_text(&self.verifier, &Zeroizing::new(self.key.to_bytes()))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, secret)", self.verifier)
    }
}

impl FromStr for SigningKey {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let secret = read_secret(text)?;
        if secret.kind != KeyType::Ed25519 {
            return Err(NoteError::SigningKey(
                "its type is not Ed25519 (0x01), which a ledger's own key is of",
            ));
        }
        let key = Self::from_seed(secret.name, &secret.seed);
        secret.id.check(&key.verifier)?;
        Ok(key)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects)]

    use super::*;

    fn key() -> SigningKey {
        SigningKey::from_seed("log.example.com/a".parse().unwrap(), &[7; 32])
    }

    #[test]
    fn a_signature_with_a_scalar_over_the_group_order_is_refused() {
        let key = key();
        let mut note = key.sign("a\n");
        // Adding the group order to S gives the other signature that a lax verifier takes.
        let order = hex::decode("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010")
            .unwrap();
        let mut carry = 0u16;
        for (byte, add) in note.signatures[0].signature[32..].iter_mut().zip(order) {
            carry = carry + u16::from(*byte) + u16::from(add);
            *byte = carry.to_le_bytes()[0];
            carry >>= 8;
        }
        let refused = note.verify(key.verifier());
        assert!(matches!(refused, Err(NoteError::BadSignature(_))));
    }

    #[test]
    fn secret_keys_are_not_printed_by_debug() {
        let secret = key().to_secret_text();
        let seed = secret.rsplit('+').next().unwrap();
        assert!(!format!("{:?}", key()).contains(seed));
        assert_eq!(
            secret.parse::<SigningKey>().unwrap().to_secret_text(),
            secret
        );
    }
}
