//! The public keys of notes: their names, ids, types and text form.
//!
//! A key's type says what its signatures are over, see [`KeyType`]. Its id is a hash over name, type and public key, so
//! one key under two types or two names is two keys.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use sha2::{Digest, Sha256};

use super::{
    NoteError,
    cosigning::{CosignedAt, cosignature_message, subtree_message},
};

/// The most bytes of a key name, and so of an origin.
pub const KEY_NAME_BYTES_MAX: usize = 255;

/// What a key's signatures are over, and by which algorithm: the signature types of
/// [C2SP signed-note](https://c2sp.org/signed-note) that are known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyType {
    /// `0x01`: Ed25519 over the note's text.
    Ed25519,
    /// `0x04`: an Ed25519 cosignature with a time, of [C2SP tlog-cosignature](https://c2sp.org/tlog-cosignature).
    CosignatureV1,
    /// `0x06`: an ML-DSA-44 cosignature with a time, of the same, over origin, size and root of a checkpoint.
    MlDsa44,
}

/// The first four bytes of a hash over a key's name, type and bytes: which key made a signature.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId(pub(super) [u8; 4]);

/// Names a ledger, and the key that signs for it: non-empty, without white space or `+`, at most 255 bytes.
/// A URL without its scheme is recommended.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct KeyName(String);

/// The public half of a note key, and its name.
#[derive(Clone)]
pub struct VerifierKey {
    name: KeyName,
    id: KeyId,
    public: PublicKey,
}

/// A public key that is known to be one.
#[derive(Clone)]
pub(super) enum PublicKey {
    Ed25519(ed25519_dalek::VerifyingKey),
    CosignatureV1(ed25519_dalek::VerifyingKey),
    MlDsa44(Box<ml_dsa::VerifyingKey<ml_dsa::MlDsa44>>),
}

impl KeyType {
    /// The byte that stands for the type in keys and key ids.
    pub const fn byte(self) -> u8 {
        match self {
            Self::Ed25519 => 0x01,
            Self::CosignatureV1 => 0x04,
            Self::MlDsa44 => 0x06,
        }
    }

    /// The type that a byte stands for, if it is known here.
    pub const fn of_byte(byte: u8) -> Option<Self> {
        match byte {
            0x01 => Some(Self::Ed25519),
            0x04 => Some(Self::CosignatureV1),
            0x06 => Some(Self::MlDsa44),
            _ => None,
        }
    }

    /// Whether its signatures carry the time they were made.
    pub const fn is_timed(self) -> bool {
        !matches!(self, Self::Ed25519)
    }
}

/// The name of the type in settings, flags and reports.
impl fmt::Display for KeyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ed25519 => "ed25519",
            Self::CosignatureV1 => "cosignature-v1",
            Self::MlDsa44 => "ml-dsa-44",
        })
    }
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

impl PublicKey {
    fn from_bytes(kind: KeyType, bytes: &[u8]) -> Result<Self, &'static str> {
        match kind {
            KeyType::Ed25519 => Ok(Self::Ed25519(ed25519_key(bytes)?)),
            KeyType::CosignatureV1 => Ok(Self::CosignatureV1(ed25519_key(bytes)?)),
            KeyType::MlDsa44 => {
                let bytes = bytes
                    .try_into()
                    .map_err(|_| "an ML-DSA-44 public key has 1312 bytes")?;
                Ok(Self::MlDsa44(Box::new(ml_dsa::VerifyingKey::decode(bytes))))
            }
        }
    }

    fn key_type(&self) -> KeyType {
        match self {
            Self::Ed25519(_) => KeyType::Ed25519,
            Self::CosignatureV1(_) => KeyType::CosignatureV1,
            Self::MlDsa44(_) => KeyType::MlDsa44,
        }
    }

    fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Ed25519(key) | Self::CosignatureV1(key) => key.as_bytes().to_vec(),
            Self::MlDsa44(key) => key.encode().to_vec(),
        }
    }
}

/// A weak key verifies signatures that nobody made, and a point has one spelling.
fn ed25519_key(bytes: &[u8]) -> Result<ed25519_dalek::VerifyingKey, &'static str> {
    let bytes: [u8; 32] = bytes
        .try_into()
        .map_err(|_| "an Ed25519 key has 32 bytes")?;
    ed25519_dalek::VerifyingKey::from_bytes(&bytes)
        .ok()
        .filter(|key| !key.is_weak() && key.to_edwards().compress().to_bytes() == bytes)
        .ok_or("these 32 bytes are not an Ed25519 public key")
}

impl VerifierKey {
    pub(super) fn new(name: KeyName, public: PublicKey) -> Self {
        let hash = Sha256::new()
            .chain_update(name.as_str())
            .chain_update([b'\n', public.key_type().byte()])
            .chain_update(public.to_bytes())
            .finalize();
        let [a, b, c, d, ..] = <[u8; 32]>::from(hash);
        Self {
            name,
            id: KeyId([a, b, c, d]),
            public,
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

    /// What its signatures are over.
    pub fn key_type(&self) -> KeyType {
        self.public.key_type()
    }

    /// Whether the two are one public key, whatever their names, and so their ids, are.
    pub fn is_same_key(&self, other: &Self) -> bool {
        self.public.to_bytes() == other.public.to_bytes()
    }

    /// Whether this key made the signature of the text: `Some`, and the time that a timed signature carries.
    pub(super) fn verifies(&self, text: &str, signature: &[u8]) -> Option<Option<CosignedAt>> {
        match &self.public {
            PublicKey::Ed25519(key) => strictly(key, text.as_bytes(), signature).then_some(None),
            PublicKey::CosignatureV1(key) => {
                let (at, signature) = CosignedAt::split_from(signature)?;
                strictly(key, &cosignature_message(text, at), signature).then_some(Some(at))
            }
            PublicKey::MlDsa44(key) => {
                let (at, signature) = CosignedAt::split_from(signature)?;
                let message = subtree_message(&self.name, text, at)?;
                let signature = ml_dsa::Signature::try_from(signature).ok()?;
                key.verify_with_context(&message, &[], &signature)
                    .then_some(Some(at))
            }
        }
    }
}

/// Small orders, and scalars and points of another spelling, are refused.
fn strictly(key: &ed25519_dalek::VerifyingKey, message: &[u8], signature: &[u8]) -> bool {
    ed25519_dalek::Signature::from_slice(signature)
        .is_ok_and(|signature| key.verify_strict(message, &signature).is_ok())
}

/// Whether a signature holds as those of notes must, for the tests: `None` where the bytes are no public key.
#[doc(hidden)]
pub fn ed25519_holds(public: &[u8], message: &[u8], signature: &[u8]) -> Option<bool> {
    let key = ed25519_key(public).ok()?;
    Some(strictly(&key, message, signature))
}

/// Keys are the same when their texts are.
impl PartialEq for VerifierKey {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
            && self.name == other.name
            && self.key_type() == other.key_type()
            && self.public.to_bytes() == other.public.to_bytes()
    }
}

impl Eq for VerifierKey {}

/// `<name>+<key id>+<base64(type || public key)>`
impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut typed = vec![self.key_type().byte()];
        typed.extend(self.public.to_bytes());
        write!(f, "{}+{}+{}", self.name, self.id, BASE64.encode(typed))
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
        let typed = BASE64
            .decode(key)
            .map_err(|_| NoteError::VerifierKey("its last field is not base64"))?;
        let (kind, bytes) = typed
            .split_first()
            .and_then(|(byte, bytes)| Some((KeyType::of_byte(*byte)?, bytes)))
            .ok_or(NoteError::VerifierKey(UNKNOWN_TYPE))?;
        let public = PublicKey::from_bytes(kind, bytes).map_err(NoteError::VerifierKey)?;
        let verifier = Self::new(name.parse()?, public);
        if verifier.id.to_string() != id {
            return Err(NoteError::VerifierKey(
                "the key id does not belong to this name and key; was it mistyped?",
            ));
        }
        Ok(verifier)
    }
}

const UNKNOWN_TYPE: &str =
    "its type is none of Ed25519 (0x01), cosignature/v1 (0x04) and ML-DSA-44 (0x06)";

#[cfg(test)]
mod tests {
    use super::*;

    /// A verifier key text with a right key id, whatever the 32 bytes are.
    fn vkey_of(bytes: [u8; 32]) -> String {
        let hash = Sha256::new()
            .chain_update("weak.example.com\n\x01")
            .chain_update(bytes)
            .finalize();
        let id = hex::encode(hash.first_chunk::<4>().unwrap());
        format!(
            "weak.example.com+{id}+{}",
            BASE64.encode([&[1], bytes.as_slice()].concat())
        )
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
}
