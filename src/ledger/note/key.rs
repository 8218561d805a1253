//! The keys of notes: their names, ids and text forms, and Ed25519, type `0x01`.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use ed25519_dalek::Signer as _;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{Note, NoteError, SignatureLine};

/// The most bytes of a key name, and so of an origin.
pub const KEY_NAME_BYTES_MAX: usize = 255;

const ED25519: u8 = 0x01;

/// The first four bytes of a hash over a key's name, type and bytes: which key made a signature.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId(pub(super) [u8; 4]);

/// Names a ledger, and the key that signs for it: non-empty, without white space or `+`, at most 255 bytes.
/// A URL without its scheme is recommended.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct KeyName(String);

/// The public half of a note key, and its name.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: KeyName,
    id: KeyId,
    key: ed25519_dalek::VerifyingKey,
}

/// The secret half of a note key. Its memory is wiped when it is dropped.
pub struct SigningKey {
    verifier: VerifierKey,
    key: ed25519_dalek::SigningKey,
}

impl KeyName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for KeyName {
    type Err = NoteError;

    fn from_str(name: &str) -> Result<Self, NoteError> {
        let fits = (1..=KEY_NAME_BYTES_MAX).contains(&name.len());
        let clean = !name
            .chars()
            .any(|c| c.is_whitespace() || c.is_control() || c == '+');
        if fits && clean {
            Ok(Self(name.to_owned()))
        } else {
            Err(NoteError::KeyName(name.chars().take(80).collect()))
        }
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

impl VerifierKey {
    fn new(name: KeyName, key: ed25519_dalek::VerifyingKey) -> Self {
        let hash = Sha256::new()
            .chain_update(name.as_str())
            .chain_update([b'\n', ED25519])
            .chain_update(key.as_bytes())
            .finalize();
        let [a, b, c, d, ..] = <[u8; 32]>::from(hash);
        Self {
            name,
            id: KeyId([a, b, c, d]),
            key,
        }
    }

    /// The key's name; for a ledger's key, its origin.
    pub fn name(&self) -> &KeyName {
        &self.name
    }

    /// The key's id.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// Whether this key made the signature of the text.
    pub(super) fn verifies(&self, text: &str, signature: &[u8]) -> bool {
        ed25519_dalek::Signature::from_slice(signature)
            .is_ok_and(|signature| self.key.verify_strict(text.as_bytes(), &signature).is_ok())
    }
}

/// `<name>+<key id>+<base64(type || public key)>`
impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}+{}+{}",
            self.name,
            self.id,
            encode_key(self.key.as_bytes()).as_str()
        )
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifierKey({self})")
    }
}

impl FromStr for VerifierKey {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(NoteError::VerifierKey(
                "it has the form <name>+<key id>+<base64>",
            ));
        };
        let bytes = decode_key(key).map_err(NoteError::VerifierKey)?;
        // A weak key verifies signatures that nobody made, and a point has one spelling.
        let key = ed25519_dalek::VerifyingKey::from_bytes(&bytes)
            .ok()
            .filter(|key| !key.is_weak() && key.to_edwards().compress().to_bytes() == bytes)
            .ok_or(NoteError::VerifierKey(
                "these 32 bytes are not an Ed25519 public key",
            ))?;
        let verifier = Self::new(name.parse()?, key);
        if verifier.id.to_string() != id {
            return Err(NoteError::VerifierKey(
                "the key id does not belong to this name and key; was it mistyped?",
            ));
        }
        Ok(verifier)
    }
}

impl SigningKey {
    /// Makes the key of this name from its 32 secret bytes.
    pub fn from_seed(name: KeyName, seed: &[u8; 32]) -> Self {
        let key = ed25519_dalek::SigningKey::from_bytes(seed);
        Self {
            verifier: VerifierKey::new(name, key.verifying_key()),
            key,
        }
    }

    /// The public half.
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// Signs a text, every line of which ends in a newline, as a note with this one signature.
    pub fn sign(&self, text: &str) -> Note {
        let signature = SignatureLine {
            name: self.verifier.name.to_string(),
            id: self.verifier.id,
            signature: self.key.sign(text.as_bytes()).to_vec(),
        };
        Note {
            text: text.to_owned(),
            signatures: vec![signature],
        }
    }

    /// The key as Go's tools write it: `PRIVATE+KEY+<name>+<key id>+<base64(type || seed)>`. Keep it secret.
    pub fn to_secret_text(&self) -> Zeroizing<String> {
        let base64 = encode_key(&Zeroizing::new(self.key.to_bytes()));
        let public = format!("PRIVATE+KEY+{}+{}+", self.verifier.name, self.verifier.id);
        // Room for all of it at once: a string that grows leaves copies of the secret behind.
        let room = public.len().saturating_add(base64.len());
        let mut text = Zeroizing::new(String::with_capacity(room));
        text.push_str(&public);
        text.push_str(&base64);
        text
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
        let shape = NoteError::SigningKey("it has the form PRIVATE+KEY+<name>+<key id>+<base64>");
        let Some(rest) = text.strip_prefix("PRIVATE+KEY+") else {
            return Err(shape);
        };
        let mut parts = rest.splitn(3, '+');
        let (Some(name), Some(id), Some(seed)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(shape);
        };
        let seed = Zeroizing::new(decode_key(seed).map_err(NoteError::SigningKey)?);
        let key = Self::from_seed(name.parse()?, &seed);
        if key.verifier.id.to_string() != id {
            return Err(NoteError::SigningKey(
                "the key id does not belong to this name and key",
            ));
        }
        Ok(key)
    }
}

fn encode_key(key: &[u8; 32]) -> Zeroizing<String> {
    let mut typed = Zeroizing::new([ED25519; 33]);
    let (_, to_key) = typed.split_at_mut(1);
    to_key.copy_from_slice(key);
    Zeroizing::new(BASE64.encode(typed.as_slice()))
}

fn decode_key(base64: &str) -> Result<[u8; 32], &'static str> {
    let bytes = Zeroizing::new(
        BASE64
            .decode(base64)
            .map_err(|_| "its last field is not base64")?,
    );
    match bytes.split_first() {
        Some((&ED25519, key)) => key.try_into().map_err(|_| "an Ed25519 key has 32 bytes"),
        _ => Err("its type is not Ed25519 (0x01)"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects)]

    use super::*;

    fn key() -> SigningKey {
        SigningKey::from_seed("log.example.com/a".parse().unwrap(), &[7; 32])
    }

    /// A verifier key text with a right key id, whatever the 32 bytes are.
    fn vkey_of(bytes: [u8; 32]) -> String {
        let hash = Sha256::new()
            .chain_update("weak.example.com\n\x01")
            .chain_update(bytes)
            .finalize();
        let id = hex::encode(hash.first_chunk::<4>().unwrap());
        format!("weak.example.com+{id}+{}", encode_key(&bytes).as_str())
    }

    #[test]
    fn weak_and_oddly_spelled_public_keys_are_refused() {
        let mut identity = [0; 32];
        identity[0] = 1;
        let order_four = [0; 32];
        // y = p + 3 stands for y = 3, which is a point of full order.
        let mut odd = [0xff; 32];
        odd[0] = 0xf0;
        odd[31] = 0x7f;
        for (bytes, what) in [
            (identity, "identity"),
            (order_four, "order four"),
            (odd, "y over p"),
        ] {
            assert!(
                ed25519_dalek::VerifyingKey::from_bytes(&bytes).is_ok(),
                "{what} decodes"
            );
            let refused = vkey_of(bytes).parse::<VerifierKey>();
            assert!(matches!(refused, Err(NoteError::VerifierKey(_))), "{what}");
        }
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
