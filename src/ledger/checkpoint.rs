//! Checkpoints of [C2SP tlog-checkpoint](https://c2sp.org/tlog-checkpoint): a ledger's statement of its size and root.
//!
//! The text is three lines, origin, decimal size and base64 root, and is signed as a note by the key whose name is
//! the origin. Extension lines of other logs are kept and mean nothing here; this ledger writes none.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};

use super::{
    finding::FindingKind,
    hash::RootHash,
    note::{KeyName, KeyType, Note, NoteError, SignatureLine, SigningKey, VerifierKey},
    position::{TreeSize, decimal},
};

/// What a ledger says of itself: how many entries it has, and the root over them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The ledger's name.
    pub origin: KeyName,
    /// How many entries it has.
    pub size: TreeSize,
    /// The root over them.
    pub root: RootHash,
}

/// A checkpoint with the note it was read from or signed as. A copy shares both: every receipt of a batch has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint(Arc<Signed>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Signed {
    checkpoint: Checkpoint,
    note: Note,
}

/// A note that is not a checkpoint, or one that can't be trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The note itself.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The text lacks a line, or a line is not what it should be.
    #[error("not a checkpoint: {0}")]
    Malformed(&'static str),
    /// It speaks of an empty ledger, with another root than that of nothing.
    #[error("not a checkpoint: the root of an empty ledger is not the hash of nothing")]
    EmptyRoot,
    /// The key is one of cosigners, and a cosigner does not speak for a ledger.
    #[error(
        "{0} is a cosigner's key (0x04), not a ledger's; give the key that the ledger's operator published"
    )]
    NotALedgersKey(String),
    /// It speaks of another ledger.
    #[error("this is a checkpoint of {found}, not of {expected}")]
    OtherOrigin {
        /// The name of the trusted key.
        expected: String,
        /// The origin the checkpoint names.
        found: String,
    },
    /// A key of the ledger signed it that was not to sign trees of this size.
    #[error("the ledger's key {key} was to sign trees of size {range}, and this is of size {size}")]
    OutOfRange {
        /// The key's id.
        key: String,
        /// The sizes of the trees that it was to sign.
        range: String,
        /// The size of the tree it signed.
        size: TreeSize,
    },
    /// Somebody else may have the key that signed it.
    #[error(
        "the ledger's key {key} is compromised: its signatures stand up to size {from}, and this is of size {size}"
    )]
    KeyCompromised {
        /// The key's id.
        key: String,
        /// The largest tree for which its signature stands.
        from: TreeSize,
        /// The size of the tree it signed.
        size: TreeSize,
    },
}

impl CheckpointError {
    /// The kind of finding that it is where a checkpoint is verified.
    pub const fn finding(&self) -> FindingKind {
        match self {
            Self::OtherOrigin { .. } => FindingKind::OtherLedger,
            Self::Note(NoteError::BadSignature(_) | NoteError::NotSignedBy(_)) => {
                FindingKind::CheckpointUntrusted
            }
            Self::OutOfRange { .. } => FindingKind::KeyOutOfRange,
            Self::KeyCompromised { .. } => FindingKind::KeyCompromised,
            _ => FindingKind::CheckpointMalformed,
        }
    }
}

impl Checkpoint {
    /// The text that is signed.
    pub fn to_text(&self) -> String {
        format!(
            "{}\n{}\n{}\n",
            self.origin,
            self.size,
            BASE64.encode(self.root.as_bytes())
        )
    }

    /// Reads the text of a checkpoint.
    ///
    /// # Errors
    /// Says which line is wrong.
    pub fn from_text(text: &str) -> Result<Self, CheckpointError> {
        let checkpoint = Self::of_form(text)?;
        if checkpoint.has_possible_root() {
            Ok(checkpoint)
        } else {
            Err(CheckpointError::EmptyRoot)
        }
    }

    /// Whether there can be a ledger like that: an empty one has the hash of nothing for its root.
    pub(super) fn has_possible_root(&self) -> bool {
        self.size != TreeSize::EMPTY || self.root == RootHash::empty()
    }

    fn of_form(text: &str) -> Result<Self, CheckpointError> {
        let malformed = CheckpointError::Malformed;
        let body = text
            .strip_suffix('\n')
            .ok_or(malformed("its last line does not end"))?;
        let mut lines = body.split('\n');
        let mut line = |what| lines.next().ok_or(malformed(what));
        let origin = line("it has no origin")?.parse()?;
        let size = line("it has no size")?;
        let root = line("it has no root")?;
        if lines.any(str::is_empty) {
            return Err(malformed("an extension line is empty"));
        }
        let size = decimal(size).ok_or(malformed(
            "the size is not a decimal number in its one form",
        ))?;
        let root = BASE64
            .decode(root)
            .map_err(|_| malformed("the root is not base64"))?;
        let root = root
            .try_into()
            .map_err(|_| malformed("the root does not have 32 bytes"))?;
        Ok(Self {
            origin,
            size: TreeSize::new(size),
            root: RootHash::from_bytes(root),
        })
    }

    /// Signs the checkpoint with the ledger's key.
    pub fn sign(self, key: &SigningKey) -> SignedCheckpoint {
        let note = key.sign(&self.to_text());
        SignedCheckpoint::of(self, note)
    }
}

impl SignedCheckpoint {
    fn of(checkpoint: Checkpoint, note: Note) -> Self {
        Self(Arc::new(Signed { checkpoint, note }))
    }

    /// Reads a checkpoint, and checks its form, not its signatures.
    ///
    /// # Errors
    /// Says what of the form is not kept.
    pub fn parse(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let note = Note::parse(bytes)?;
        Ok(Self::of(Checkpoint::from_text(note.text())?, note))
    }

    /// Reads a checkpoint as [`Self::parse`] does, whatever root it gives an empty ledger: for whoever has more to say
    /// about it before that.
    pub(super) fn parse_form(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let note = Note::parse(bytes)?;
        Ok(Self::of(Checkpoint::of_form(note.text())?, note))
    }

    /// Reads a checkpoint, and checks that the ledger whose key is trusted made it.
    ///
    /// # Errors
    /// When the form, the origin or the signature is wrong.
    pub fn open(bytes: &[u8], key: &VerifierKey) -> Result<Self, CheckpointError> {
        let signed = Self::parse(bytes)?;
        signed.verify(key)?;
        Ok(signed)
    }

    /// Checks that the ledger whose key is trusted made the checkpoint.
    ///
    /// # Errors
    /// When the origin or the signature is wrong, or the key is a cosigner's.
    pub fn verify(&self, key: &VerifierKey) -> Result<(), CheckpointError> {
        if key.key_type() == KeyType::CosignatureV1 {
            return Err(CheckpointError::NotALedgersKey(key.to_string()));
        }
        if self.0.checkpoint.origin != *key.name() {
            return Err(CheckpointError::OtherOrigin {
                expected: key.name().to_string(),
                found: self.0.checkpoint.origin.to_string(),
            });
        }
        Ok(self.0.note.verify(key)?)
    }

    /// What it says.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.0.checkpoint
    }

    /// The checkpoint with more signatures behind those that are there.
    ///
    /// # Errors
    /// As [`Note::with_signatures`].
    pub fn with_signatures(
        self,
        lines: impl IntoIterator<Item = SignatureLine>,
    ) -> Result<Self, CheckpointError> {
        let Signed { checkpoint, note } = Arc::unwrap_or_clone(self.0);
        Ok(Self::of(checkpoint, note.with_signatures(lines)?))
    }

    /// The note, with all its signatures.
    pub fn note(&self) -> &Note {
        &self.0.note
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::sample::{key, ledger};

    const ROOT: &str = "h8vTSc8GseMKlE90Y83hXr24Z3nLyYasn9zPsz+e6sU=";

    #[test]
    fn texts_of_another_form_are_refused() {
        for (text, why) in [
            ("", "last line does not end"),
            ("log\n1\n", "no root"),
            ("log\n", "no size"),
            (&format!("log\n1\n{ROOT}"), "last line does not end"),
            (&format!("log\n+1\n{ROOT}\n"), "one form"),
            (&format!("log\n01\n{ROOT}\n"), "one form"),
            (&format!("log\n-1\n{ROOT}\n"), "not a decimal"),
            (&format!("log\n 1\n{ROOT}\n"), "not a decimal"),
            (&format!("log\n\n{ROOT}\n"), "not a decimal"),
            (
                &format!("log\n18446744073709551616\n{ROOT}\n"),
                "not a decimal",
            ),
            (
                &format!("log\n1\n{}\n", ROOT.trim_end_matches('=')),
                "not base64",
            ),
            (
                &format!("log\n1\n{}V=\n", ROOT.trim_end_matches("U=")),
                "not base64",
            ),
            (&format!("log\n1\n{ROOT} \n"), "not base64"),
            ("log\n1\nAAAA\n", "32 bytes"),
            (&format!("log\n1\n{ROOT}\n\n"), "extension line is empty"),
            (&format!("log\n1\n{ROOT}\n\nx\n"), "extension line is empty"),
            (&format!("log\n0\n{ROOT}\n"), "empty ledger"),
            (&format!("\n1\n{ROOT}\n"), "not a key name"),
            (&format!("a log\n1\n{ROOT}\n"), "not a key name"),
            (&format!("a+log\n1\n{ROOT}\n"), "not a key name"),
        ] {
            let error = Checkpoint::from_text(text).unwrap_err().to_string();
            assert!(error.contains(why), "{text:?}: {error}");
        }
        let largest = Checkpoint::from_text(&format!("log\n{}\n{ROOT}\n", u64::MAX)).unwrap();
        assert_eq!(largest.size, TreeSize::new(u64::MAX));
    }

    #[test]
    fn extension_lines_are_kept_in_the_note() {
        let text = format!("{}\n1\n{ROOT}\nsomething else\n", key().verifier().name());
        let note = key().sign(&text);
        let read = SignedCheckpoint::open(note.to_string().as_bytes(), key().verifier()).unwrap();
        assert_eq!(read.note().text(), text);
        assert_eq!(read.checkpoint().size, TreeSize::new(1));
    }

    #[test]
    fn a_checkpoint_of_another_ledger_or_key_is_refused() {
        let signed = ledger(2).checkpoint.sign(&key());
        let bytes = signed.note().to_string();
        let key_of = |name: &str, seed| SigningKey::from_seed(name.parse().unwrap(), &[seed; 32]);
        let other_ledger = SignedCheckpoint::open(bytes.as_bytes(), key_of("other", 42).verifier());
        assert!(matches!(
            other_ledger,
            Err(CheckpointError::OtherOrigin { .. })
        ));
        let name = key().verifier().name().to_string();
        let other_key = SignedCheckpoint::open(bytes.as_bytes(), key_of(&name, 1).verifier());
        assert!(matches!(
            other_key,
            Err(CheckpointError::Note(NoteError::NotSignedBy(_)))
        ));
        // Another ledger's key signs this ledger's name: the note is good, and the checkpoint is not its to make.
        let foreign = ledger(2).checkpoint.sign(&key_of("other", 42));
        assert!(foreign.verify(key_of("other", 42).verifier()).is_err());
        assert!(foreign.verify(key().verifier()).is_err());
    }
}
