//! Keys that were trusted at first use: a file of the user's, a verifier key a line, one key a ledger's name.
//!
//! It is consulted only where no key is given. A name that is there is never given another key.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    path::PathBuf,
};

use super::error::CliError;
use crate::ledger::note::{KeyName, VerifierKey};

/// The keys that this user trusts since their first use.
#[derive(Debug)]
pub(super) struct Pins {
    path: PathBuf,
    keys: Vec<VerifierKey>,
}

impl Pins {
    /// Reads the user's file; none is as good as an empty one.
    pub(super) fn read() -> Result<Self, CliError> {
        let path = path().ok_or_else(|| {
            CliError::failed("there is no place to remember the ledger's key in: HOME is not set")
                .with_help("give the key with --vkey")
        })?;
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(source) => return Err(CliError::Read { path, source }),
        };
        let lines = text
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'));
        let keys = lines.map(str::parse).collect::<Result<_, _>>();
        let keys = keys.map_err(|error: crate::ledger::note::NoteError| {
            CliError::failed(format!("{} holds a line that is not a key", path.display()))
                .because(error)
                .with_help("correct the line, or give the key with --vkey")
        })?;
        Ok(Self { path, keys })
    }

    /// The key trusted under a name.
    pub(super) fn find(&self, origin: &KeyName) -> Option<&VerifierKey> {
        self.keys.iter().find(|key| key.name() == origin)
    }

    /// Where they are kept.
    pub(super) fn path(&self) -> &PathBuf {
        &self.path
    }

    /// Remembers a key.
    pub(super) fn add(&mut self, key: &VerifierKey) -> Result<(), CliError> {
        if self.find(key.name()).is_some() {
            return Ok(());
        }
        if let Some(parent) = self.path.parent() {
            fs::create_dir_all(parent).map_err(CliError::write(parent))?;
        }
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        // One write of one line: two programs at a time leave two whole lines.
        let added = options
            .open(&self.path)
            .and_then(|mut file| file.write_all(format!("{key}\n").as_bytes()));
        added.map_err(CliError::write(&self.path))?;
        self.keys.push(key.clone());
        Ok(())
    }
}

/// `$XDG_STATE_HOME/exhibit/known-ledgers`, by default under `~/.local/state`.
fn path() -> Option<PathBuf> {
    let absolute = |name: &str| {
        let path = PathBuf::from(std::env::var_os(name)?);
        path.is_absolute().then_some(path)
    };
    let state = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")));
    state.map(|state| state.join("exhibit").join("known-ledgers"))
}
