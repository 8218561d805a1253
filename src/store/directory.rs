//! The data directory: what lies where, its key, its format version.
//!
//! | name | what it is | trusted |
//! | --- | --- | --- |
//! | `format` | `exhibit-data/1`: the version of this layout; put in place last, so where it is, everything is | yes |
//! | `exhibit.toml` | settings, for the operator to edit | yes |
//! | `log.key` | the ledger's first signing key, readable by its owner alone | yes |
//! | `log.vkey` | the public half of the key that the ledger has now; its name is the origin | yes |
//! | `keys/` | further keys, and their history; only where there are any | yes |
//! | `journal/` | the truth, see [`crate::store::journal`] | as far as it verifies |
//! | `checkpoint` | the last checkpoint that was published, at first that of the empty ledger | as far as it verifies |
//! | `witnessed` | the last checkpoint that the witnesses of a policy cosigned | as far as it verifies |
//! | `timestamps/` | checkpoints with the time stamps of authorities, see [`crate::store::timestamps`] | as far as they verify |
//! | `index/` | derived from the journal; may be deleted while nothing runs | no |

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use zeroize::Zeroizing;

use crate::ledger::{
    checkpoint::SignedCheckpoint,
    keys::KeyHistory,
    note::{KeyName, NoteError, SigningKey, VerifierKey},
    signers::SignersError,
    state::State,
};

use super::{
    disk::{Disk, FsDisk, Readers},
    durable::{DiskError, During as _},
    journal::{
        Journal, JournalError, JournalOptions, JournalReader, check_holds, publish_checkpoint,
        published_checkpoint,
    },
};

mod keys;
mod making;
mod succession;
#[cfg(test)]
mod tests;

/// The last checkpoint under which the ledger's witness policy was met.
pub const WITNESSED_FILE: &str = "witnessed";
/// The version of the layout that this program writes, and the only one it reads.
pub const DIRECTORY_VERSION: u32 = 1;

pub(super) use making::{begin, finish, write_file};
pub use succession::read_history;

pub(super) const FORMAT: &str = "format";
/// Has the content of `format`, until everything else is in place and it is renamed.
pub(super) const UNFINISHED: &str = "format.unfinished";
const FORMAT_PREFIX: &str = "exhibit-data/";
const CONFIG: &str = "exhibit.toml";
const KEY: &str = "log.key";
const VERIFIER_KEY: &str = "log.vkey";
const INDEX: &str = "index";
const JOURNAL: &str = "journal";

/// A directory that holds one ledger.
#[derive(Debug, Clone)]
pub struct DataDirectory {
    path: PathBuf,
    verifier: VerifierKey,
    history: KeyHistory,
}

/// Why a data directory can't be made or opened.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// The system failed an operation.
    #[error("could not {action} {}: {source}", .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is a ledger already.
    #[error("{} holds a ledger already, which is never overwritten; choose another directory", .0.display())]
    Exists(PathBuf),
    /// Something else is in the directory.
    #[error("{} is not empty; choose a new or an empty directory", .0.display())]
    NotEmpty(PathBuf),
    /// Not what `exhibit init` makes.
    #[error("{} is not a data directory; `exhibit init` makes one", .0.display())]
    NotADataDirectory(PathBuf),
    /// `exhibit init` did not come to its end.
    #[error("{} was not made to the end, and holds no entry; run `exhibit init` on it again", .0.display())]
    Unfinished(PathBuf),
    /// What names the layout is gone.
    #[error("{} was a data directory, and its `format` is missing; restore it from a copy, or where the rest is whole, write {FORMAT_PREFIX}{DIRECTORY_VERSION} there", .0.display())]
    WithoutFormat(PathBuf),
    /// Written by a later version of this program.
    #[error("{} has layout {found:?}, and this program reads {FORMAT_PREFIX}{DIRECTORY_VERSION}; use a newer exhibit", .path.display())]
    OtherFormat {
        /// The directory.
        path: PathBuf,
        /// What its `format` says.
        found: String,
    },
    /// What should name the layout does not.
    #[error("{} says {found:?}, which is no layout; restore it from a copy", .path.display())]
    FormatDamaged {
        /// The file.
        path: PathBuf,
        /// What it says.
        found: String,
    },
    /// The signing key is gone.
    #[error("{} is missing; restore it from a copy: without it the ledger takes no more entries, and what it has can still be read and verified", .0.display())]
    NoKey(PathBuf),
    /// A key file does not hold a key.
    #[error("{} does not hold a key: {error}; restore it from a copy", .path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: NoteError,
    },
    /// A signing key is not the one that it should be.
    #[error("{} is the key {found}, and the ledger's is {expected}; put the ledger's own key back", .path.display())]
    OtherKey {
        /// The key file.
        path: PathBuf,
        /// The key the directory is of.
        expected: Box<VerifierKey>,
        /// The public half of the key that is there.
        found: Box<VerifierKey>,
    },
    /// Others than its owner may read or write the signing key.
    #[error("{path} may be read or written by others (mode {mode:03o}); run `chmod 600 {path}`, and if anyone may have copied it, begin a new ledger", path = .path.display())]
    KeyExposed {
        /// The key file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The history of the ledger's keys does not hold, or is not of this ledger.
    #[error("{} can't be used: {why}; restore it from a copy or from an audit pack", .path.display())]
    History {
        /// The history.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A change of keys was interrupted.
    #[error("a change of keys was not brought to its end; run `exhibit key {command}` on {} again first", .path.display())]
    Unchanged {
        /// The data directory.
        path: PathBuf,
        /// The command that was interrupted.
        command: &'static str,
    },
    /// A key in `keys/` can't sign for the ledger.
    #[error("{}: {error}; take it away, or put the right one there", .path.display())]
    Beside {
        /// The directory of the keys.
        path: PathBuf,
        /// What is wrong with it.
        error: SignersError,
    },
    /// The journal in it.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl DataDirectory {
    /// Makes a new ledger, named as its key: settings, keys and an empty journal. The directory may be there if it is
    /// empty. When this is interrupted, calling it again makes a fresh start.
    ///
    /// # Errors
    /// When there is anything in the directory already, or the disk fails.
    pub fn create(path: &Path, key: &SigningKey, config: &str) -> Result<Self, DirectoryError> {
        Self::create_on(Arc::new(FsDisk), path, key, config)
    }

    fn create_on(
        disk: Arc<dyn Disk>,
        path: &Path,
        key: &SigningKey,
        config: &str,
    ) -> Result<Self, DirectoryError> {
        begin(&*disk, path, &format!("{}\n", this_format()))?;
        let empty = State::new(key.verifier().name().clone());
        let empty = empty.checkpoint().sign(key);
        // First, as it refuses a journal that holds anything, whose key must stay.
        Journal::create(Arc::clone(&disk), path, &empty, JournalOptions::default())?;
        let secret = secret(key);
        let verifier = format!("{}\n", key.verifier());
        for (name, content, readers) in [
            (KEY, secret.as_bytes(), Readers::Owner),
            (VERIFIER_KEY, verifier.as_bytes(), Readers::All),
            (CONFIG, config.as_bytes(), Readers::All),
        ] {
            write_file(&*disk, &path.join(name), content, readers)?;
        }
        finish(&*disk, path)?;
        Ok(Self {
            path: path.to_owned(),
            verifier: key.verifier().clone(),
            history: KeyHistory::default(),
        })
    }

    /// Opens a data directory: its format, its verifier key and the history of its keys are read, and nothing else.
    ///
    /// # Errors
    /// When it is not a data directory, is one of another version, or its verifier key can't be read.
    pub fn open(path: &Path) -> Result<Self, DirectoryError> {
        check_format(path)?;
        let file = path.join(VERIFIER_KEY);
        let text = fs::read_to_string(&file).during("read", &file)?;
        let verifier: VerifierKey = text
            .trim_end()
            .parse()
            .map_err(|error| DirectoryError::Key { path: file, error })?;
        let history = succession::open_history(path, &verifier)?;
        let own = history.keys().last().map(|span| span.key.clone());
        Ok(Self {
            path: path.to_owned(),
            verifier: own.unwrap_or(verifier),
            history,
        })
    }

    /// Reads the ledger's own signing key of today.
    ///
    /// # Errors
    /// When others may read or write the file, or it holds another ledger's key or none.
    pub fn signing_key(&self) -> Result<SigningKey, DirectoryError> {
        self.secret_of(&self.verifier)
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The ledger's name.
    pub fn origin(&self) -> &KeyName {
        self.verifier.name()
    }

    /// The key that the ledger's signatures of today verify with.
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// The history of the ledger's own keys; empty where it has had one alone.
    pub fn history(&self) -> &KeyHistory {
        &self.history
    }

    /// The settings file.
    pub fn config_path(&self) -> PathBuf {
        self.path.join(CONFIG)
    }

    /// The directory of the index, which the index makes.
    pub fn index_path(&self) -> PathBuf {
        self.path.join(INDEX)
    }

    /// A reader of the journal that takes no lock and changes nothing.
    ///
    /// # Errors
    /// As [`JournalReader::open`].
    pub fn reader(&self) -> Result<JournalReader, JournalError> {
        JournalReader::open(&self.path)
    }

    /// As [`Self::reader`], for what vouches for the ledger, as a pack or a receipt does: refuses a journal that lost
    /// entries of the published checkpoint, or has another history. Without that file it can't tell.
    ///
    /// # Errors
    /// As [`Self::reader`] and [`Self::published_checkpoint`], and when the journal has not what was published.
    pub fn whole_reader(&self) -> Result<JournalReader, JournalError> {
        // Read first: a server may go on meanwhile.
        let published = self.published_checkpoint()?;
        let reader = self.reader()?;
        if let Some(published) = published {
            check_holds(&reader, &published)?;
        }
        Ok(reader)
    }

    /// The published checkpoint, if one has been published. Its signature is not verified.
    ///
    /// # Errors
    /// When it can't be read, or is not a checkpoint of this ledger.
    pub fn published_checkpoint(&self) -> Result<Option<SignedCheckpoint>, JournalError> {
        published_checkpoint(&FsDisk, &self.path, self.origin())
    }

    /// Replaces the published checkpoint with a committed one, whole or not at all.
    ///
    /// # Errors
    /// When the disk fails; the old one is then still there.
    pub fn publish_checkpoint(&self, checkpoint: &SignedCheckpoint) -> Result<(), JournalError> {
        publish_checkpoint(&FsDisk, &self.path, checkpoint)
    }
}

fn secret(key: &SigningKey) -> Zeroizing<String> {
    Zeroizing::new(format!("{}\n", *key.to_secret_text()))
}

/// Refuses a directory whose layout this program does not know. One that says nothing of a layout is let through: a
/// journal that was copied alone can still be verified. Gives whether it says.
///
/// # Errors
/// When `format` names another layout or none, or can't be read.
pub fn refuse_other_layout(path: &Path) -> Result<bool, DirectoryError> {
    match check_format(path) {
        Err(
            DirectoryError::NotADataDirectory(_)
            | DirectoryError::Unfinished(_)
            | DirectoryError::WithoutFormat(_),
        ) => Ok(false),
        checked => checked.map(|()| true),
    }
}

/// Whether a directory was one of a ledger's, whatever it has lost since: it has something that nothing else has. An
/// audit pack has none of it.
pub fn is_remnant(path: &Path) -> bool {
    let there = |name: &str| path.join(name).symlink_metadata().is_ok();
    let says = read_format(&path.join(FORMAT)).is_ok_and(|said| said.starts_with(FORMAT_PREFIX));
    says || [JOURNAL, KEY, CONFIG].into_iter().any(there)
}

fn check_format(path: &Path) -> Result<(), DirectoryError> {
    let file = path.join(FORMAT);
    let found = match read_format(&file) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(if path.join(UNFINISHED).exists() {
                DirectoryError::Unfinished(path.to_owned())
            } else if is_remnant(path) {
                DirectoryError::WithoutFormat(path.to_owned())
            } else {
                DirectoryError::NotADataDirectory(path.to_owned())
            });
        }
        Err(error) => return Err(DiskError::new("read", &file, error).into()),
    };
    let found = found.trim_end().to_owned();
    match found.strip_prefix(FORMAT_PREFIX).map(str::parse::<u32>) {
        Some(Ok(DIRECTORY_VERSION)) if found == this_format() => Ok(()),
        Some(Ok(version)) if version > DIRECTORY_VERSION => Err(DirectoryError::OtherFormat {
            path: path.to_owned(),
            found,
        }),
        _ => Err(DirectoryError::FormatDamaged { path: file, found }),
    }
}

/// The start of the file; more than a name of a layout is none.
fn read_format(file: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut io::Read::take(fs::File::open(file)?, 80), &mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn this_format() -> String {
    format!("{FORMAT_PREFIX}{DIRECTORY_VERSION}")
}

/// Refuses a file with a secret that others than its owner can read.
///
/// # Errors
/// When they can, or its permissions can't be read.
#[cfg(unix)]
pub fn refuse_exposed(path: &Path) -> Result<(), DirectoryError> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = fs::metadata(path)
        .during("read the permissions of", path)?
        .permissions()
        .mode()
        & 0o777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(DirectoryError::KeyExposed {
        path: path.to_owned(),
        mode,
    })
}

/// Permissions are not looked at here.
///
/// # Errors
/// None.
#[cfg(not(unix))]
pub fn refuse_exposed(_path: &Path) -> Result<(), DirectoryError> {
    Ok(())
}

pub(super) fn sync_directory(path: &Path) -> Result<(), DirectoryError> {
    Ok(FsDisk.sync_directory(path).during("sync", path)?)
}

impl From<DiskError> for DirectoryError {
    fn from(error: DiskError) -> Self {
        Self::Io {
            action: error.action,
            path: error.path,
            source: error.source,
        }
    }
}
