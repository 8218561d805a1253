//! A witness's directory: its key, the logs it knows, and the last checkpoint of each that it cosigned.
//!
//! | name | what it is |
//! | --- | --- |
//! | `format` | `exhibit-witness/1`: put in place last |
//! | `witness.key`, `witness.vkey` | its cosigning key, readable by its owner alone, and the public half |
//! | `logs` | the logs it cosigns for, as the `log` lines of a policy; for the operator to edit |
//! | `state/<hex of SHA-256 of the origin>` | the last cosigned checkpoint of a log, with the cosignature |
//! | `lock` | held while a witness runs: two that remember apart would let a log fork between them |
//!
//! The state is what a witness is trusted for. It must never go back: restoring the directory from a copy lets a log
//! show a second history once.

use std::{
    fs,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{
    directory::{DirectoryError, FORMAT, UNFINISHED, begin, finish, refuse_exposed, write_file},
    disk::{Disk, FsDisk, Lock, Readers},
    durable::{DiskError, During as _, make_directory, read_file, replace_file},
};
use crate::ledger::{
    checkpoint::{CheckpointError, SignedCheckpoint},
    note::{CosigningKey, KeyName, NOTE_BYTES_MAX, VerifierKey},
    policy::{InvalidPolicy, Policy},
};

const FORMAT_TEXT: &str = "exhibit-witness/1\n";
const KEY: &str = "witness.key";
const VERIFIER_KEY: &str = "witness.vkey";
const LOGS: &str = "logs";
const STATE: &str = "state";
const LOCK: &str = "lock";
const LOGS_HEAD: &str = "\
# The logs this witness cosigns for, a line each: log VKEY
# The name in the key is the log's origin. Read when the witness starts.
";

/// A directory that one witness works in.
#[derive(Debug)]
pub struct WitnessDirectory {
    path: PathBuf,
    _lock: Lock,
}

/// Why a witness's directory can't be made or used.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    /// The system, or a key file.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// There is something already.
    #[error("{} is not empty; choose a new or an empty directory", .0.display())]
    NotEmpty(PathBuf),
    /// Not what `exhibit witness init` makes.
    #[error("{} is not a witness's directory of this version; `exhibit witness init` makes one", .0.display())]
    NotAWitness(PathBuf),
    /// `exhibit witness init` did not come to its end.
    #[error("{} was not made to the end, and has cosigned nothing; run `exhibit witness init` on it again", .0.display())]
    Unfinished(PathBuf),
    /// Made by a later version of this program.
    #[error("{} is of a later version ({found:?}, and this program reads {:?}); use a newer exhibit", .path.display(), FORMAT_TEXT.trim_end())]
    OtherVersion {
        /// The directory.
        path: PathBuf,
        /// What its `format` says.
        found: String,
    },
    /// Another process works in it.
    #[error("a witness runs in {} already", .0.display())]
    InUse(PathBuf),
    /// The list of logs.
    #[error("{}: {error}", .path.display())]
    Logs {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: InvalidPolicy,
    },
    /// What is remembered of a log can't be read. To forget it would let the log show another history.
    #[error("{} does not hold a checkpoint: {error}; restore the newest copy of it", .path.display())]
    State {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: CheckpointError,
    },
    /// The last checkpoint could not be kept, so it is not cosigned.
    #[error(transparent)]
    NotKept(#[from] DiskError),
}

impl WitnessDirectory {
    /// Makes the directory of a new witness that knows these logs. When this is interrupted, calling it again makes a fresh
    /// start.
    ///
    /// # Errors
    /// When there is anything in the directory already, or the disk fails.
    pub fn create(
        path: &Path,
        key: &CosigningKey,
        logs: &[VerifierKey],
    ) -> Result<(), WitnessError> {
        Self::create_on(&FsDisk, path, key, logs)
    }

    fn create_on(
        disk: &dyn Disk,
        path: &Path,
        key: &CosigningKey,
        logs: &[VerifierKey],
    ) -> Result<(), WitnessError> {
        begin(disk, path, FORMAT_TEXT).map_err(|error| match error {
            DirectoryError::Exists(path) | DirectoryError::NotEmpty(path) => {
                WitnessError::NotEmpty(path)
            }
            error => error.into(),
        })?;
        let secret = Zeroizing::new(format!("{}\n", *key.to_secret_text()));
        let public = format!("{}\n", key.verifier());
        let mut list = LOGS_HEAD.to_owned();
        for log in logs {
            list.push_str(&format!("log {log}\n"));
        }
        for (name, content, readers) in [
            (KEY, secret.as_str(), Readers::Owner),
            (VERIFIER_KEY, public.as_str(), Readers::All),
            (LOGS, list.as_str(), Readers::All),
        ] {
            write_file(disk, &path.join(name), content.as_bytes(), readers)?;
        }
        make_directory(disk, &path.join(STATE)).map_err(DirectoryError::from)?;
        Ok(finish(disk, path)?)
    }

    /// Opens a witness's directory, for one process.
    ///
    /// # Errors
    /// When it is not one, or is in use.
    pub fn open(path: &Path) -> Result<Self, WitnessError> {
        match fs::read_to_string(path.join(FORMAT)) {
            Ok(text) if text == FORMAT_TEXT => {}
            Ok(text) if text.starts_with("exhibit-witness/") && text.len() < 80 => {
                return Err(WitnessError::OtherVersion {
                    path: path.to_owned(),
                    found: text.trim_end().to_owned(),
                });
            }
            Err(_) if path.join(UNFINISHED).exists() => {
                return Err(WitnessError::Unfinished(path.to_owned()));
            }
            _ => return Err(WitnessError::NotAWitness(path.to_owned())),
        }
        let lock = FsDisk.lock(&path.join(LOCK));
        let lock = lock.map_err(|error| match error.kind() {
            std::io::ErrorKind::WouldBlock => WitnessError::InUse(path.to_owned()),
            _ => WitnessError::Directory(DirectoryError::Io {
                action: "lock",
                path: path.join(LOCK),
                source: error,
            }),
        })?;
        Ok(Self {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    /// Reads the cosigning key.
    ///
    /// # Errors
    /// When others may read the file, or it holds no such key.
    pub fn key(&self) -> Result<CosigningKey, WitnessError> {
        let path = self.path.join(KEY);
        refuse_exposed(&path)?;
        let text = Zeroizing::new(fs::read_to_string(&path).during("read", &path)?);
        let key = text.trim_end().parse();
        Ok(key.map_err(|error| DirectoryError::Key { path, error })?)
    }

    /// Reads the keys of the logs it knows.
    ///
    /// # Errors
    /// Names the line that is not as it should be.
    pub fn logs(&self) -> Result<Vec<VerifierKey>, WitnessError> {
        let path = self.path.join(LOGS);
        let mut file = fs::read(&path).during("read", &path)?;
        file.extend_from_slice(b"\nquorum none\n");
        let policy = Policy::parse(&file).map_err(|error| WitnessError::Logs { path, error })?;
        Ok(policy.logs().iter().map(|log| log.key.clone()).collect())
    }

    /// The last checkpoint of a log that was cosigned, with the cosignature.
    ///
    /// # Errors
    /// When it can't be read, or is not one of this log.
    pub fn last(&self, origin: &KeyName) -> Result<Option<SignedCheckpoint>, WitnessError> {
        let path = self.path.join(STATE).join(file_of(origin));
        let bytes = read_file(&FsDisk, &path, NOTE_BYTES_MAX).during("read", &path)?;
        let Some(bytes) = bytes else { return Ok(None) };
        let last = SignedCheckpoint::parse(&bytes).and_then(|last| {
            if last.checkpoint().origin == *origin {
                Ok(last)
            } else {
                Err(CheckpointError::OtherOrigin {
                    expected: origin.to_string(),
                    found: last.checkpoint().origin.to_string(),
                })
            }
        });
        last.map(Some)
            .map_err(|error| WitnessError::State { path, error })
    }

    /// Keeps a cosigned checkpoint as the last of its log, durably. One caller a log at a time.
    ///
    /// # Errors
    /// When the disk fails: the cosignature must then not leave.
    pub fn keep(&self, cosigned: &SignedCheckpoint) -> Result<(), WitnessError> {
        let name = file_of(&cosigned.checkpoint().origin);
        let content = cosigned.note().to_string();
        Ok(replace_file(
            &FsDisk,
            &self.path.join(STATE),
            &name,
            content.as_bytes(),
        )?)
    }
}

#[cfg(test)]
mod tests;

/// The name under which a log is known: SHA-256 of its origin in hexadecimal, as in the protocol's read path.
pub fn file_of(origin: &KeyName) -> String {
    hex::encode(Sha256::digest(origin.as_str()))
}
