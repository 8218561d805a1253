//! All statements about a ledger's keys, and which key signed when by them.

use std::fmt;

use crate::ledger::{
    hash::FileHash,
    keys::statement::{KeyChange, SignedStatement, Statement, StatementError},
    note::{KeyId, KeyName, VerifierKey},
    position::TreeSize,
};

/// The most bytes of a history.
pub const HISTORY_BYTES_MAX: usize = 1 << 20;
/// The most statements of a history.
pub const STATEMENTS_MAX: usize = 500;

/// The statements about a ledger's keys, from the first. Each is signed by the keys that it must be signed by, fits those
/// before it, and names the one before it. Whether the first key is the ledger's is for a
/// [`Keyring`](super::Keyring) to say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeyHistory {
    statements: Vec<SignedStatement>,
    keys: Vec<KeySpan>,
}

/// One of a ledger's keys, and what it signed by the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySpan {
    /// The key.
    pub key: VerifierKey,
    /// The smallest tree it signs.
    pub from: TreeSize,
    /// The largest tree it signs; `None` while it signs.
    pub until: Option<TreeSize>,
    /// Where somebody else may have it: the largest tree for which its signature stands.
    pub compromised: Option<TreeSize>,
}

/// A text that is no history of keys, or one that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    /// Longer than [`HISTORY_BYTES_MAX`], or more than [`STATEMENTS_MAX`].
    #[error(
        "the history is over its limits of {HISTORY_BYTES_MAX} bytes and {STATEMENTS_MAX} statements"
    )]
    TooLong,
    /// Not statements, one after the other.
    #[error("the history is not a list of statements in its one form")]
    Form,
    /// A statement can't be read, or is not signed by the keys that it must be signed by.
    #[error("statement {number}: {error}")]
    Statement {
        /// Which, from 1.
        number: usize,
        /// What is wrong with it.
        error: StatementError,
    },
    /// A statement does not fit those before it.
    #[error("statement {number}: {why}")]
    Unfit {
        /// Which, from 1.
        number: usize,
        /// Why not.
        why: &'static str,
    },
}

impl KeySpan {
    /// Whether the key signs trees of this size.
    pub fn contains(&self, size: TreeSize) -> bool {
        self.from <= size && self.until.is_none_or(|until| size <= until)
    }

    /// Whether its signature of a tree of this size stands.
    pub fn stands(&self, size: TreeSize) -> bool {
        self.compromised.is_none_or(|from| size <= from)
    }
}

impl KeyHistory {
    /// Reads a history, and checks all of it that needs no trust.
    ///
    /// # Errors
    /// Names the first statement that does not hold.
    pub fn parse(bytes: &[u8]) -> Result<Self, HistoryError> {
        if bytes.len() > HISTORY_BYTES_MAX {
            return Err(HistoryError::TooLong);
        }
        let mut history = Self::default();
        if bytes.is_empty() {
            return Ok(history);
        }
        let text = str::from_utf8(bytes).map_err(|_| HistoryError::Form)?;
        let text = text.strip_suffix('\n').ok_or(HistoryError::Form)?;
        // Neither a text nor its signatures hold a blank line, so these stand between them alone.
        let blocks: Vec<&str> = text.split("\n\n").collect();
        for pair in blocks.chunks(2) {
            let [text, signatures] = pair else {
                return Err(HistoryError::Form);
            };
            let number = history.statements.len().saturating_add(1);
            let note = format!("{text}\n\n{signatures}\n");
            let signed = SignedStatement::parse(note.as_bytes())
                .map_err(|error| HistoryError::Statement { number, error })?;
            history = history.with(signed)?;
        }
        if history.to_string().as_bytes() == bytes {
            Ok(history)
        } else {
            Err(HistoryError::Form)
        }
    }

    /// The history with one more statement.
    ///
    /// # Errors
    /// When it does not fit, or is not signed by the keys that it must be signed by.
    pub fn with(mut self, signed: SignedStatement) -> Result<Self, HistoryError> {
        let number = self.statements.len().saturating_add(1);
        if number > STATEMENTS_MAX {
            return Err(HistoryError::TooLong);
        }
        let unfit = |why| HistoryError::Unfit { number, why };
        let statement = signed.statement();
        if usize::try_from(statement.number) != Ok(number) {
            return Err(unfit("its number is not its place"));
        }
        if statement.previous != self.last_digest() {
            return Err(unfit("it names another statement as the one before it"));
        }
        if let Some(last) = self.last() {
            if last.origin != statement.origin {
                return Err(unfit("it is of another ledger"));
            }
            if last.size >= statement.size {
                return Err(unfit("it is not of a larger tree than the one before it"));
            }
        } else if let KeyChange::Rotated { old, .. } = &statement.change {
            self.keys.push(KeySpan::from(old.clone(), TreeSize::EMPTY));
        }
        let signers = self.signers_of(statement).map_err(unfit)?;
        signed
            .verify(&signers.iter().collect::<Vec<_>>())
            .map_err(|error| HistoryError::Statement { number, error })?;
        self.apply(statement.clone());
        self.statements.push(signed);
        Ok(self)
    }

    /// The keys that must sign a statement, if it fits.
    fn signers_of(&self, statement: &Statement) -> Result<Vec<VerifierKey>, &'static str> {
        let Some(own) = self.keys.last() else {
            return Err("the first statement is not of a rotation");
        };
        match &statement.change {
            KeyChange::Rotated { old, new } => {
                if own.key != *old {
                    return Err("it rotates another key than the ledger's own at that time");
                }
                if self.signing().count() > 1 {
                    return Err("it rotates a key whose own predecessor still signs");
                }
                if self.keys.iter().any(|known| known.key.is_same_key(new)) {
                    return Err("its new key is one that the ledger has had");
                }
                Ok(vec![old.clone(), new.as_ref().clone()])
            }
            KeyChange::Retired { key } => match self.find(key.id()) {
                Some(span) if span.key == *key && *key != own.key && span.until.is_none() => {
                    Ok(vec![own.key.clone()])
                }
                _ => Err("it retires a key that has no successor, or signs no more"),
            },
            KeyChange::Compromised { key, .. } => match self.find(key.id()) {
                Some(span) if span.key == *key && *key != own.key && span.compromised.is_none() => {
                    Ok(vec![own.key.clone()])
                }
                _ => Err(
                    "it gives up a key that has no successor, or was given up before, or is unknown",
                ),
            },
        }
    }

    fn apply(&mut self, statement: Statement) {
        let size = statement.size;
        match statement.change {
            KeyChange::Rotated { new, .. } => self.keys.push(KeySpan::from(*new, size)),
            KeyChange::Retired { key } => {
                for span in self.keys.iter_mut().filter(|span| span.key == key) {
                    span.until = Some(size);
                }
            }
            KeyChange::Compromised { key, from } => {
                for span in self.keys.iter_mut().filter(|span| span.key == key) {
                    span.until = span.until.or(Some(size));
                    span.compromised = Some(from);
                }
            }
        }
    }

    /// The statements, from the first.
    pub fn statements(&self) -> &[SignedStatement] {
        &self.statements
    }

    /// Whether nothing ever happened to the ledger's key.
    pub fn is_empty(&self) -> bool {
        self.statements.is_empty()
    }

    /// The ledger's name, where there is a statement.
    pub fn origin(&self) -> Option<&KeyName> {
        self.last().map(|last| &last.origin)
    }

    /// The ledger's own keys, from the first; none where there is no statement.
    pub fn keys(&self) -> &[KeySpan] {
        &self.keys
    }

    /// The keys that sign now, from the oldest; none where there is no statement.
    pub fn signing(&self) -> impl Iterator<Item = &KeySpan> {
        self.keys.iter().filter(|span| span.until.is_none())
    }

    /// The key of this id.
    pub fn find(&self, id: KeyId) -> Option<&KeySpan> {
        self.keys.iter().find(|span| span.key.id() == id)
    }

    /// The statements that were made before a tree had this size: what a checkpoint of that size covers the entries of.
    #[must_use]
    pub fn before(&self, size: TreeSize) -> Self {
        let covered = |signed: &&SignedStatement| signed.statement().size < size;
        let mut history = Self::default();
        for signed in self.statements.iter().take_while(covered) {
            // What fitted once fits again.
            history = history.with(signed.clone()).unwrap_or_default();
        }
        history
    }

    /// The ledger's own key when its tree had this size; `None` where there is no statement at all.
    pub fn own_at(&self, size: TreeSize) -> Option<&VerifierKey> {
        let begun = self.keys.iter().rev().find(|span| span.from < size);
        begun.or(self.keys.first()).map(|span| &span.key)
    }

    /// The digest that the next statement names as the one before it.
    pub fn last_digest(&self) -> Option<FileHash> {
        self.last().map(Statement::digest)
    }

    fn last(&self) -> Option<&Statement> {
        self.statements.last().map(SignedStatement::statement)
    }
}

impl KeySpan {
    const fn from(key: VerifierKey, from: TreeSize) -> Self {
        Self {
            key,
            from,
            until: None,
            compromised: None,
        }
    }
}

/// The statements, a blank line between each two. A history without any is empty.
impl fmt::Display for KeyHistory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, signed) in self.statements.iter().enumerate() {
            if place > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{}", signed.note())?;
        }
        Ok(())
    }
}
