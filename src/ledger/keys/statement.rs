//! One statement about a ledger's keys: a note of [C2SP signed-note](https://c2sp.org/signed-note) with a text of its own.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};

use crate::ledger::{
    hash::{FileHash, RootHash},
    note::{KeyName, KeyType, Note, NoteError, SigningKey, VerifierKey},
    position::{EntryIndex, TreeSize, UnixNanos, decimal},
};

/// The first line of every statement. It has blanks, so no checkpoint can begin with it.
pub(super) const CONTEXT: &str = "exhibit key statement v1";
/// The source of the entries that record changes of keys. Nobody can post it over the network.
pub const KEYS_SOURCE: &str = "exhibit:keys";
/// The most bytes of a reason.
pub const REASON_BYTES_MAX: usize = 1000;

/// What happened to a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyChange {
    /// A new key was made, and signs beside the old one until that is retired.
    Rotated {
        /// The key so far.
        old: VerifierKey,
        /// Its successor.
        new: Box<VerifierKey>,
    },
    /// A key that has a successor signs no more.
    Retired {
        /// The key.
        key: VerifierKey,
    },
    /// Somebody else may have the key.
    Compromised {
        /// The key.
        key: VerifierKey,
        /// Its signatures of trees up to this size stand; those of larger ones don't.
        from: TreeSize,
    },
}

/// A statement about a ledger's keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The ledger's name.
    pub origin: KeyName,
    /// Its place among the ledger's statements, from 1.
    pub number: u64,
    /// The digest of the statement before; `None` for the first.
    pub previous: Option<FileHash>,
    /// What happened.
    pub change: KeyChange,
    /// How many entries the ledger had. The entry that records the statement has this index.
    pub size: TreeSize,
    /// The root over them.
    pub root: RootHash,
    /// The ledger's clock.
    pub time: UnixNanos,
    /// Why: one line of 1 to [`REASON_BYTES_MAX`] bytes.
    pub reason: String,
}

/// A statement with the note it was read from or signed as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedStatement {
    statement: Statement,
    note: Note,
}

/// A note that is not a statement about keys, or one that nobody may make.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// The note itself, or a key in it.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The text lacks a line, or a line is not what it should be.
    #[error("not a statement about keys: {0}")]
    Malformed(&'static str),
    /// A key is of another ledger, or not of the type that a ledger signs with by itself.
    #[error("{0} is not an Ed25519 key (0x01) with the ledger's name")]
    OtherKey(Box<VerifierKey>),
    /// The signatures are not those of the keys that must make them, one each and in order.
    #[error("it is not signed by {0}, as it must be, and by them alone")]
    OtherSigners(String),
}

impl KeyChange {
    /// The word for it in the statement's text.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Rotated { .. } => "rotated",
            Self::Retired { .. } => "retired",
            Self::Compromised { .. } => "compromised",
        }
    }

    /// The type of the entry that records it.
    pub const fn event_type(&self) -> &'static str {
        match self {
            Self::Rotated { .. } => "ledger.key-rotated.v1",
            Self::Retired { .. } => "ledger.key-retired.v1",
            Self::Compromised { .. } => "ledger.key-compromised.v1",
        }
    }

    /// The key that it happened to.
    pub const fn key(&self) -> &VerifierKey {
        match self {
            Self::Rotated { old: key, .. }
            | Self::Retired { key }
            | Self::Compromised { key, .. } => key,
        }
    }
}

/// Whether entries of this type and source record statements, so that each must have one.
pub fn is_change_type(event_type: &str, source: &str) -> bool {
    source == KEYS_SOURCE
        && matches!(
            event_type,
            "ledger.key-rotated.v1" | "ledger.key-retired.v1" | "ledger.key-compromised.v1"
        )
}

impl Statement {
    /// The text that is signed.
    pub fn to_text(&self) -> String {
        let previous = match &self.previous {
            Some(digest) => digest.to_string(),
            None => "none".to_owned(),
        };
        let change = match &self.change {
            KeyChange::Rotated { old, new } => format!("rotated {old}\nto {new}"),
            KeyChange::Retired { key } => format!("retired {key}"),
            KeyChange::Compromised { key, from } => format!("compromised {key}\nfrom {from}"),
        };
        format!(
            "{CONTEXT}\norigin {}\nnumber {}\nprevious {previous}\n{change}\nsize {}\nroot {}\ntime {}\nreason {}\n",
            self.origin,
            self.number,
            self.size,
            BASE64.encode(self.root.as_bytes()),
            self.time,
            self.reason,
        )
    }

    /// Reads the text of a statement.
    ///
    /// # Errors
    /// Says which line is wrong.
    pub fn from_text(text: &str) -> Result<Self, StatementError> {
        let mut lines = Lines(text.split('\n'));
        if lines.0.next() != Some(CONTEXT) {
            return Err(StatementError::Malformed(
                "its first line is another than `exhibit key statement v1`",
            ));
        }
        let statement = Self {
            origin: lines.after("origin ")?.parse()?,
            number: lines.number("number ")?,
            previous: match lines.after("previous ")? {
                "none" => None,
                digest => Some(digest.parse().map_err(|_| {
                    StatementError::Malformed("the digest of the statement before is none")
                })?),
            },
            change: lines.change()?,
            size: TreeSize::new(lines.number("size ")?),
            root: lines.root()?,
            time: UnixNanos::new(lines.number("time ")?),
            reason: lines.after("reason ")?.to_owned(),
        };
        statement.check()?;
        if statement.to_text() == text {
            Ok(statement)
        } else {
            Err(StatementError::Malformed(
                "it is not written in its one form",
            ))
        }
    }

    /// What the form does not say.
    fn check(&self) -> Result<(), StatementError> {
        let reason = &self.reason;
        if !(1..=REASON_BYTES_MAX).contains(&reason.len()) || reason.chars().any(char::is_control) {
            return Err(StatementError::Malformed(
                "the reason is not one line of 1 to 1,000 bytes",
            ));
        }
        let successor = match &self.change {
            KeyChange::Rotated { new, .. } => Some(new.as_ref()),
            KeyChange::Retired { .. } | KeyChange::Compromised { .. } => None,
        };
        for key in [Some(self.change.key()), successor].into_iter().flatten() {
            if *key.name() != self.origin || key.key_type() != KeyType::Ed25519 {
                return Err(StatementError::OtherKey(Box::new(key.clone())));
            }
        }
        if let KeyChange::Compromised { from, .. } = self.change
            && from > self.size
        {
            return Err(StatementError::Malformed(
                "the key is compromised from beyond the ledger's end",
            ));
        }
        Ok(())
    }

    /// What the statement is named by elsewhere: the plain BLAKE3 hash of its text. It is the event id of the entry
    /// that records it.
    pub fn digest(&self) -> FileHash {
        FileHash::of(self.to_text().as_bytes())
    }

    /// The index of the entry that records it.
    pub const fn entry(&self) -> EntryIndex {
        self.size.next_index()
    }

    /// Signs it with the keys that must, in their order.
    ///
    /// # Errors
    /// When the text could not be read back: a field breaks its rules.
    pub fn sign(self, keys: &[&SigningKey]) -> Result<SignedStatement, StatementError> {
        let text = self.to_text();
        let lines = keys.iter().map(|key| key.signature(&text)).collect();
        let note = Note::new(text, lines)?;
        SignedStatement::parse(note.to_string().as_bytes())
    }
}

/// The lines of a text, each of which must be there.
struct Lines<'a>(std::str::Split<'a, char>);

impl<'a> Lines<'a> {
    /// What follows this beginning in the next line.
    fn after(&mut self, beginning: &'static str) -> Result<&'a str, StatementError> {
        self.0
            .next()
            .and_then(|line| line.strip_prefix(beginning))
            .ok_or(StatementError::Malformed(beginning_missing(beginning)))
    }

    fn number(&mut self, beginning: &'static str) -> Result<u64, StatementError> {
        decimal(self.after(beginning)?).ok_or(StatementError::Malformed(
            "a number is not decimal in its one form",
        ))
    }

    fn root(&mut self) -> Result<RootHash, StatementError> {
        BASE64
            .decode(self.after("root ")?)
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .map(RootHash::from_bytes)
            .ok_or(StatementError::Malformed(
                "the root is not 32 bytes in base64",
            ))
    }

    fn change(&mut self) -> Result<KeyChange, StatementError> {
        let line = self.after("")?;
        let (word, key) = line.split_once(' ').unwrap_or((line, ""));
        Ok(match word {
            "rotated" => KeyChange::Rotated {
                old: key.parse()?,
                new: Box::new(self.after("to ")?.parse()?),
            },
            "retired" => KeyChange::Retired { key: key.parse()? },
            "compromised" => KeyChange::Compromised {
                key: key.parse()?,
                from: TreeSize::new(self.number("from ")?),
            },
            _ => {
                return Err(StatementError::Malformed(
                    "what happened is none of `rotated`, `retired` and `compromised`",
                ));
            }
        })
    }
}

fn beginning_missing(beginning: &str) -> &'static str {
    match beginning {
        "origin " => "its `origin` line is missing",
        "number " => "its `number` line is missing",
        "previous " => "its `previous` line is missing",
        "to " => "its `to` line is missing",
        "from " => "its `from` line is missing",
        "size " => "its `size` line is missing",
        "root " => "its `root` line is missing",
        "time " => "its `time` line is missing",
        "reason " => "its `reason` line is missing",
        _ => "a line is missing",
    }
}

impl SignedStatement {
    /// Reads a statement, and checks its form, not its signatures.
    ///
    /// # Errors
    /// Says what of the form is not kept.
    pub fn parse(bytes: &[u8]) -> Result<Self, StatementError> {
        let note = Note::parse(bytes)?;
        let statement = Statement::from_text(note.text())?;
        if note.to_string().as_bytes() != bytes {
            return Err(StatementError::Malformed(
                "it is not written in its one form",
            ));
        }
        Ok(Self { statement, note })
    }

    /// Checks that these keys signed it, in this order, and nobody else.
    ///
    /// # Errors
    /// When a signature is missing, does not verify, or is one too many.
    pub fn verify(&self, keys: &[&VerifierKey]) -> Result<(), StatementError> {
        let lines = self.note.signatures();
        let theirs = lines.len() == keys.len()
            && lines
                .iter()
                .zip(keys)
                .all(|(line, key)| line.id == key.id() && line.name == key.name().as_str());
        if !theirs {
            let ids: Vec<String> = keys.iter().map(|key| key.id().to_string()).collect();
            return Err(StatementError::OtherSigners(ids.join(" and ")));
        }
        keys.iter().try_for_each(|key| Ok(self.note.verify(key)?))
    }

    /// What it says.
    pub const fn statement(&self) -> &Statement {
        &self.statement
    }

    /// The note, with its signatures.
    pub const fn note(&self) -> &Note {
        &self.note
    }
}
