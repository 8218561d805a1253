//! Signed notes of [C2SP signed-note](https://c2sp.org/signed-note): text that names who signed it.
//!
//! A note is text whose lines all end in a newline, a blank line, and signature lines
//! `— <key name> <base64(key id || signature)>`. What a text means is not this layer's business. Keys are found by
//! name and id; lines of unknown keys are ignored, and a line of a known key that does not verify refuses the
//! whole note.

mod cosigning;
mod key;
mod secret;
mod signing;

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};

pub use cosigning::{CosignedAt, CosigningKey};
pub use key::{KEY_NAME_BYTES_MAX, KeyId, KeyName, KeyType, VerifierKey, ed25519_holds};
pub use signing::SigningKey;

/// The most bytes of a note.
pub const NOTE_BYTES_MAX: usize = 1_000_000;
/// The most signature lines of a note.
pub const SIGNATURES_MAX: usize = 100;
const SEPARATOR: &str = "\n\n";

/// One signature line of a note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureLine {
    /// The key's name.
    pub name: String,
    /// The key's id.
    pub id: KeyId,
    /// What follows the id: for Ed25519 the 64 bytes of the signature, for cosignatures 8 bytes of time before it.
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
    /// A cosigner signs checkpoints and nothing else.
    #[error("the text is not a checkpoint, so it is not cosigned")]
    NotACheckpoint,
    /// The key's signatures carry no time.
    #[error("{0} is an Ed25519 key (0x01), whose signatures do not say when they were made")]
    Untimed(String),
    /// ML-DSA gave up, which happens by chance once in more than 2^128 times: a defect.
    #[error("the signature could not be made")]
    SigningFailed,
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

    /// Adds signature lines behind those that are there; a line that is there already is not added again.
    ///
    /// # Errors
    /// When a line is not of the form, or there are too many.
    pub fn with_signatures(
        mut self,
        lines: impl IntoIterator<Item = SignatureLine>,
    ) -> Result<Self, NoteError> {
        for line in lines {
            if !self.signatures.contains(&line) {
                self.signatures.push(line);
            }
        }
        Self::new(self.text, self.signatures)
    }

    /// Whether a line names the key, verified or not.
    pub fn names(&self, key: &VerifierKey) -> bool {
        self.lines_of(key).next().is_some()
    }

    /// Checks that the key signed the note.
    ///
    /// # Errors
    /// When no line is of this key, or one is and does not verify.
    pub fn verify(&self, key: &VerifierKey) -> Result<(), NoteError> {
        self.verified(key).map(drop)
    }

    /// Checks that a cosigner signed the note, and gives the latest time that its signatures carry.
    ///
    /// # Errors
    /// As [`Note::verify`], and when the key's signatures carry no time.
    pub fn cosigned_at(&self, key: &VerifierKey) -> Result<CosignedAt, NoteError> {
        self.verified(key)?
            .ok_or_else(|| NoteError::Untimed(key.to_string()))
    }

    fn lines_of(&self, key: &VerifierKey) -> impl Iterator<Item = &SignatureLine> {
        self.signatures
            .iter()
            .filter(|line| line.id == key.id() && line.name == key.name().as_str())
    }

    /// The latest time of the key's signatures, all of which must verify.
    fn verified(&self, key: &VerifierKey) -> Result<Option<CosignedAt>, NoteError> {
        if !self.names(key) {
            return Err(NoteError::NotSignedBy(key.to_string()));
        }
        let times: Option<Vec<Option<CosignedAt>>> = self
            .lines_of(key)
            .map(|line| key.verifies(&self.text, &line.signature))
            .collect();
        let times = times.ok_or_else(|| NoteError::BadSignature(key.name().to_string()))?;
        Ok(times.into_iter().max().flatten())
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
            name: name.to_string(),
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

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects)]

    use super::*;

    fn key() -> SigningKey {
        SigningKey::from_seed("log.example.com/a".parse().unwrap(), &[7; 32])
    }

    #[test]
    fn the_text_may_hold_blank_lines() {
        let key = key();
        for text in [
            "a\n",
            "a\n\nb\n",
            "a\n\n",
            "\n",
            "\n\n\n",
            "— not a signature\n\nx\n",
        ] {
            let note = key.sign(text);
            let read = Note::parse(note.to_string().as_bytes()).unwrap();
            assert_eq!(read.text(), text);
            assert_eq!(read.verify(key.verifier()), Ok(()));
        }
    }

    #[test]
    fn base64_has_one_spelling() {
        let text = key().sign("a\n").to_string();
        assert!(text.ends_with("=\n"));
        let line = text.trim_end();
        let without_padding = format!("{}\n", line.trim_end_matches('='));
        let (before, _) = line
            .trim_end_matches('=')
            .split_at(line.trim_end_matches('=').len() - 1);
        let other_bits = ['B', 'C', 'D'].map(|last| format!("{before}{last}=\n"));
        let spaces = [format!("{line} \n"), format!("{line}\r\n")];
        for bad in [without_padding].iter().chain(&other_bits).chain(&spaces) {
            assert!(Note::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn one_bad_line_of_a_known_key_refuses_the_note_and_unknown_keys_do_not() {
        let key = key();
        let good = key.sign("a\n");
        let mut bad = good.signatures()[0].clone();
        bad.signature[0] ^= 1;
        let both = Note::new(
            "a\n".into(),
            vec![good.signatures()[0].clone(), bad.clone()],
        )
        .unwrap();
        assert!(matches!(
            both.verify(key.verifier()),
            Err(NoteError::BadSignature(_))
        ));
        let unknown = SignatureLine {
            name: "other.example.com".into(),
            ..bad
        };
        let mixed = Note::new("a\n".into(), vec![unknown, good.signatures()[0].clone()]).unwrap();
        assert_eq!(mixed.verify(key.verifier()), Ok(()));
    }

    #[test]
    fn notes_of_another_form_are_refused() {
        let line = key().sign("a\n").signatures()[0].to_string();
        let many = format!("a\n\n{}", format!("{line}\n").repeat(SIGNATURES_MAX + 1));
        for (bytes, why) in [
            (String::new(), NoteError::Unsigned),
            ("a\n".into(), NoteError::Unsigned),
            ("a\n\n".into(), NoteError::Unsigned),
            (format!("a\n{line}\n"), NoteError::Unsigned),
            (format!("a\n\n{line}"), NoteError::Unsigned),
            (format!("a\n\n{line}\nx\n"), NoteError::SignatureLine(2)),
            (
                format!("a\n\n-{}\n", line.trim_start_matches('—')),
                NoteError::SignatureLine(1),
            ),
            (
                format!("a\n\n{}\n", line.replacen(' ', "\u{a0}", 1)),
                NoteError::SignatureLine(1),
            ),
            ("a\n\n— x AAAAAA==\n".into(), NoteError::SignatureLine(1)),
            ("a\n\n— x+y AAAAAAA=\n".into(), NoteError::SignatureLine(1)),
            ("a\n\n—  AAAAAAA=\n".into(), NoteError::SignatureLine(1)),
            (format!("a\t\n\n{line}\n"), NoteError::NotText),
            (many, NoteError::TooManySignatures),
        ] {
            assert_eq!(Note::parse(bytes.as_bytes()), Err(why), "{bytes:?}");
        }
        assert_eq!(Note::parse(b"a\xff\n\n"), Err(NoteError::NotText));
    }
}
