//! Signed notes of [C2SP signed-note](https://c2sp.org/signed-note): text that names who signed it.
//!
//! A note is text whose lines all end in a newline, a blank line, and signature lines
//! `— <key name> <base64(key id || signature)>`. What a text means is not this layer's business. Keys are found by
//! name and id; lines of unknown keys are ignored, and a line of a known key that does not verify refuses the
//! whole note.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use ed25519_dalek::Signer as _;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// The most bytes of a note.
pub const NOTE_BYTES_MAX: usize = 1_000_000;
/// The most signature lines of a note.
pub const SIGNATURES_MAX: usize = 100;
/// The most bytes of a key name, and so of an origin.
pub const KEY_NAME_BYTES_MAX: usize = 255;

const ED25519: u8 = 0x01;
const SEPARATOR: &str = "\n\n";

/// The first four bytes of a hash over a key's name, type and bytes: which key made a signature.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId([u8; 4]);

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

/// One signature line of a note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureLine {
    /// The key's name.
    pub name: String,
    /// The key's id.
    pub id: KeyId,
    /// What follows the id: for Ed25519 the 64 bytes of the signature.
    pub signature: Vec<u8>,
}

/// A note whose form has been checked, and whose signatures have not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<SignatureLine>,
}

/// Text that is not a note or a key, or a note that can't be trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Longer than [`NOTE_BYTES_MAX`].
    #[error("the note has {0} bytes, over the limit of {NOTE_BYTES_MAX}")]
    TooLong(usize),
    /// Not UTF-8, or with control characters.
    #[error("the note is not UTF-8 text without control characters")]
    NotText,
    /// No blank line before signature lines, or nothing after it.
    #[error("the note has no signature block behind a blank line")]
    Unsigned,
    /// A line of the signature block is not a signature.
    #[error("line {0} of the signature block is not `— <name> <base64>`")]
    SignatureLine(usize),
    /// More than [`SIGNATURES_MAX`].
    #[error("the note has over {SIGNATURES_MAX} signatures")]
    TooManySignatures,
    /// A line names a key that is known, and does not verify.
    #[error("the signature by {0} does not verify")]
    BadSignature(String),
    /// No line names the key that was asked for.
    #[error("the note is not signed by {0}")]
    NotSignedBy(String),
    /// A key name breaks its rules.
    #[error("{0:?} is not a key name: 1 to {KEY_NAME_BYTES_MAX} bytes, no white space, no `+`")]
    KeyName(String),
    /// Not a verifier key.
    #[error("not a verifier key: {0}")]
    VerifierKey(&'static str),
    /// Not a signing key.
    #[error("not a signing key: {0}")]
    SigningKey(&'static str),
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
    fn verifies(&self, text: &str, signature: &[u8]) -> bool {
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
            encode_key(self.key.as_bytes())
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
        let key = decode_key(key).map_err(NoteError::VerifierKey)?;
        let key = ed25519_dalek::VerifyingKey::from_bytes(&key)
            .map_err(|_| NoteError::VerifierKey("these 32 bytes are not an Ed25519 public key"))?;
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
        let seed = Zeroizing::new(self.key.to_bytes());
        Zeroizing::new(format!(
            "PRIVATE+KEY+{}+{}+{}",
            self.verifier.name,
            self.verifier.id,
            encode_key(&seed)
        ))
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

impl Note {
    /// Puts a text and its signatures together.
    ///
    /// # Errors
    /// Refuses what [`Note::parse`] would refuse.
    pub fn new(text: String, signatures: Vec<SignatureLine>) -> Result<Self, NoteError> {
        let note = Self { text, signatures };
        if Self::parse(note.to_string().as_bytes())? == note {
            Ok(note)
        } else {
            Err(NoteError::NotText)
        }
    }

    /// Reads a note, and checks its form, not its signatures.
    ///
    /// # Errors
    /// Says what of the form is not kept.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        if bytes.len() > NOTE_BYTES_MAX {
            return Err(NoteError::TooLong(bytes.len()));
        }
        let note = std::str::from_utf8(bytes).map_err(|_| NoteError::NotText)?;
        if note.bytes().any(|b| b < 0x20 && b != b'\n') {
            return Err(NoteError::NotText);
        }
        let (text, block) = note.rsplit_once(SEPARATOR).ok_or(NoteError::Unsigned)?;
        let block = block
            .strip_suffix('\n')
            .filter(|block| !block.is_empty())
            .ok_or(NoteError::Unsigned)?;
        if block.split('\n').count() > SIGNATURES_MAX {
            return Err(NoteError::TooManySignatures);
        }
        let signatures = block
            .split('\n')
            .enumerate()
            .map(|(number, line)| {
                SignatureLine::parse(line).ok_or(NoteError::SignatureLine(number.saturating_add(1)))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            text: format!("{text}\n"),
            signatures,
        })
    }

    /// What was signed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signature lines, as they stand.
    pub fn signatures(&self) -> &[SignatureLine] {
        &self.signatures
    }

    /// Checks that the key signed the note.
    ///
    /// # Errors
    /// When no line is of this key, or one is and does not verify.
    pub fn verify(&self, key: &VerifierKey) -> Result<(), NoteError> {
        let mut lines = self
            .signatures
            .iter()
            .filter(|line| line.id == key.id && line.name == key.name.as_str())
            .peekable();
        if lines.peek().is_none() {
            return Err(NoteError::NotSignedBy(key.to_string()));
        }
        if lines.all(|line| key.verifies(&self.text, &line.signature)) {
            Ok(())
        } else {
            Err(NoteError::BadSignature(key.name.to_string()))
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures
            .iter()
            .try_for_each(|line| writeln!(f, "{line}"))
    }
}

impl SignatureLine {
    fn parse(line: &str) -> Option<Self> {
        let (name, base64) = line.strip_prefix("— ")?.split_once(' ')?;
        let name: KeyName = name.parse().ok()?;
        let bytes = BASE64.decode(base64).ok()?;
        let (id, signature) = bytes.split_first_chunk::<4>()?;
        if signature.is_empty() {
            return None;
        }
        Some(Self {
            name: name.0,
            id: KeyId(*id),
            signature: signature.to_vec(),
        })
    }
}

impl fmt::Display for SignatureLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.id.0.to_vec();
        bytes.extend_from_slice(&self.signature);
        write!(f, "— {} {}", self.name, BASE64.encode(bytes))
    }
}

fn encode_key(key: &[u8; 32]) -> String {
    let mut typed = Zeroizing::new(vec![ED25519]);
    typed.extend_from_slice(key);
    BASE64.encode(typed.as_slice())
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
