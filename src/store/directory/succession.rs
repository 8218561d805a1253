//! The ledger's own keys after the first, in `keys/`: `history`, all statements about them; for each its secret half
//! `<key id>.key` and its public half `<key id>.vkey`; `statement-<number>.tlog-proof`, the receipt of the entry that
//! records a statement; and `pending`, a statement whose entry may not be there yet.
//!
//! Secrets never move: the first key's stays in `log.key`, every other in the file of its id, and the history alone says
//! which of them sign. A change takes these steps, each of them durable before the next:
//!
//! | step | a kill after it leaves | run again |
//! | --- | --- | --- |
//! | the new key's files | a key that nothing speaks of | makes another |
//! | `pending` | a ledger that does not open, but for the same command | goes on with the next step |
//! | the entry | the same | finds the entry, and goes on |
//! | `history` replaced | the same | goes on |
//! | `log.vkey` replaced, `pending` removed | nothing | says that it is done |

use std::{fs, io, path::Path};

use zeroize::Zeroizing;

use super::{
    DataDirectory, DirectoryError, KEY, VERIFIER_KEY, keys::KEYS, keys::SECRET, refuse_exposed,
    sync_directory, write_file,
};
use crate::{
    ledger::{
        keys::{HISTORY_BYTES_MAX, KeyChange, KeyHistory, SignedStatement},
        note::{SigningKey, VerifierKey},
        receipt::Receipt,
    },
    store::{
        disk::{FsDisk, Readers},
        durable::{DiskError, During as _, make_directory, read_file, replace_file},
    },
};

const HISTORY: &str = "history";
const PENDING: &str = "pending";

/// Reads the history of a ledger's keys from its data directory; empty where there is none. Nothing of it is checked.
///
/// # Errors
/// When it can't be read, or is longer than any history.
pub fn read_history(path: &Path) -> io::Result<Vec<u8>> {
    let file = path.join(KEYS).join(HISTORY);
    Ok(read_file(&FsDisk, &file, HISTORY_BYTES_MAX)?.unwrap_or_default())
}

/// Reads the history, and checks that it is of the ledger with this verifier key.
pub(super) fn open_history(
    path: &Path,
    verifier: &VerifierKey,
) -> Result<KeyHistory, DirectoryError> {
    let file = path.join(KEYS).join(HISTORY);
    let bytes = read_history(path).during("read", &file)?;
    let unusable = |why| DirectoryError::History { path: file, why };
    let history = match KeyHistory::parse(&bytes) {
        Ok(history) => history,
        Err(error) => return Err(unusable(error.to_string())),
    };
    let known = history.keys().iter().any(|span| span.key == *verifier);
    if known || history.is_empty() {
        Ok(history)
    } else {
        Err(unusable(format!("the key {verifier} is not in it")))
    }
}

impl DataDirectory {
    /// Reads the secret half of one of the ledger's own keys.
    ///
    /// # Errors
    /// When it is not there, others may read or write its file, or the file holds another key or none.
    pub fn secret_of(&self, key: &VerifierKey) -> Result<SigningKey, DirectoryError> {
        let own = self.key_file(key, SECRET);
        let path = if own.exists() {
            own
        } else {
            self.path().join(KEY)
        };
        if !path.exists() {
            return Err(DirectoryError::NoKey(path));
        }
        refuse_exposed(&path)?;
        let text = Zeroizing::new(fs::read_to_string(&path).during("read", &path)?);
        let found: SigningKey = match text.trim_end().parse() {
            Ok(key) => key,
            Err(error) => return Err(DirectoryError::Key { path, error }),
        };
        if found.verifier() == key {
            return Ok(found);
        }
        Err(DirectoryError::OtherKey {
            path,
            expected: Box::new(key.clone()),
            found: Box::new(found.verifier().clone()),
        })
    }

    /// The statement whose change of keys was not brought to its end, if there is one.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn pending_change(&self) -> Result<Option<SignedStatement>, DirectoryError> {
        let path = self.keys_path().join(PENDING);
        let bytes = read_file(&FsDisk, &path, HISTORY_BYTES_MAX).during("read", &path)?;
        let read = bytes
            .map(|bytes| SignedStatement::parse(&bytes))
            .transpose();
        read.map_err(|error| DirectoryError::History {
            path,
            why: error.to_string(),
        })
    }

    /// Begins a change of keys: from here on the ledger opens for this change alone, until it is ended.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn begin_change(
        &self,
        statement: &SignedStatement,
        new: Option<&SigningKey>,
    ) -> Result<(), DirectoryError> {
        let directory = self.keys_path();
        make_directory(&FsDisk, &directory)?;
        if let Some(new) = new {
            let verifier = new.verifier();
            let text = Zeroizing::new(format!("{}\n", *new.to_secret_text()));
            let public = format!("{verifier}\n");
            write_file(
                &FsDisk,
                &self.key_file(verifier, "vkey"),
                public.as_bytes(),
                Readers::All,
            )?;
            write_file(
                &FsDisk,
                &self.key_file(verifier, SECRET),
                text.as_bytes(),
                Readers::Owner,
            )?;
            sync_directory(&directory)?;
        }
        let note = statement.note().to_string();
        Ok(replace_file(&FsDisk, &directory, PENDING, note.as_bytes())?)
    }

    /// Ends a change of keys, whose entry is recorded: the history is this from now on.
    ///
    /// # Errors
    /// When the disk fails; calling it again goes on.
    pub fn end_change(&self, history: &KeyHistory) -> Result<(), DirectoryError> {
        let directory = self.keys_path();
        let text = history.to_string();
        replace_file(&FsDisk, &directory, HISTORY, text.as_bytes())?;
        if let Some(own) = history.keys().last() {
            let public = format!("{}\n", own.key);
            replace_file(&FsDisk, self.path(), VERIFIER_KEY, public.as_bytes())?;
        }
        let pending = directory.join(PENDING);
        match fs::remove_file(&pending) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(DiskError::new("remove", &pending, error).into())
            }
            _ => sync_directory(&directory),
        }
    }

    /// Keeps the receipt of the entry that records a statement.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn keep_statement_receipt(
        &self,
        number: u64,
        receipt: &Receipt,
    ) -> Result<(), DirectoryError> {
        let path = self
            .keys_path()
            .join(format!("statement-{number}.tlog-proof"));
        write_file(&FsDisk, &path, receipt.to_string().as_bytes(), Readers::All)
    }

    /// Refuses while a change of keys is not brought to its end.
    pub(super) fn refuse_unchanged(&self) -> Result<(), DirectoryError> {
        match self.pending_change()? {
            None => Ok(()),
            Some(signed) => Err(DirectoryError::Unchanged {
                path: self.path().to_owned(),
                command: match signed.statement().change {
                    KeyChange::Rotated { .. } => "rotate",
                    KeyChange::Retired { .. } => "retire",
                    KeyChange::Compromised { .. } => "compromised",
                },
            }),
        }
    }
}
