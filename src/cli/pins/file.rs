//! The file: JSON, replaced whole, changed under a lock that lies beside it.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{super::error::CliError, Pin};
use crate::ledger::{
    checkpoint::SignedCheckpoint,
    hash::{LeafHash, NodeHash},
    position::TreeSize,
};

const FORMAT: &str = "exhibit-pins/1";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: String,
    ledgers: Vec<Line>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    checkpoint: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    first_leaf: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    verified: Option<u64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    subtrees: Vec<String>,
    #[serde(default, skip_serializing_if = "is_zero")]
    breaks: u64,
}

// Serde passes a reference.
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Line {
    fn of(pin: &Pin) -> Self {
        Self {
            key: pin.key.to_string(),
            checkpoint: pin
                .checkpoint
                .as_ref()
                .map(|signed| signed.note().to_string()),
            first_leaf: pin.first_leaf.map(|leaf| leaf.to_string()),
            verified: pin.verified.map(TreeSize::value),
            subtrees: pin.subtrees.iter().map(ToString::to_string).collect(),
            breaks: pin.breaks,
        }
    }

    fn read(self) -> Result<Pin, String> {
        let key = self
            .key
            .parse()
            .map_err(|error| format!("{}: {error}", self.key))?;
        let signed = |note: String| {
            let signed =
                SignedCheckpoint::parse(note.as_bytes()).map_err(|error| error.to_string())?;
            signed.verify(&key).map_err(|error| error.to_string())?;
            Ok::<_, String>(signed)
        };
        let checkpoint = self.checkpoint.map(signed).transpose()?;
        let leaf = |text: String| text.parse::<LeafHash>().map_err(|error| error.to_string());
        let node = |text: String| text.parse::<NodeHash>().map_err(|error| error.to_string());
        let first_leaf = self.first_leaf.map(leaf).transpose()?;
        let verified = self.verified.map(TreeSize::new);
        let size = checkpoint
            .as_ref()
            .map(|signed: &SignedCheckpoint| signed.checkpoint().size);
        if verified.is_some_and(|verified| verified == TreeSize::EMPTY || Some(verified) >= size) {
            return Err("`verified` is not between 0 and the size of the checkpoint".to_owned());
        }
        let subtrees = self
            .subtrees
            .into_iter()
            .map(node)
            .collect::<Result<_, _>>()?;
        Ok(Pin {
            key,
            checkpoint,
            first_leaf,
            verified,
            subtrees,
            breaks: self.breaks,
        })
    }
}

/// A file below `$XDG_STATE_HOME/exhibit`, by default below `~/.local/state`.
pub(super) fn default_path(name: &str) -> Option<PathBuf> {
    let absolute = |name: &str| {
        let path = PathBuf::from(std::env::var_os(name)?);
        path.is_absolute().then_some(path)
    };
    let state = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")));
    state.map(|state| state.join("exhibit").join(name))
}

pub(super) fn no_place() -> CliError {
    CliError::failed("there is no place to remember ledgers in: HOME is not set")
        .with_help("name a file with --pins FILE")
}

const WITHOUT: &str = "go on without what was remembered: --no-pins, or --pins OTHER";

fn unwritable(path: &Path) -> impl FnOnce(io::Error) -> CliError {
    let what = format!("can't write {}", path.display());
    |error| {
        CliError::failed(what).because(error).with_help(
            "make it writable, or name another file with --pins, or --state of the monitor; `exhibit verify --no-pins` remembers \
             nothing",
        )
    }
}

/// Reads all pins; no file is as good as an empty one.
pub(super) fn read(path: &Path) -> Result<Vec<Pin>, CliError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => {
            return Err(CliError::failed(format!("can't read {}", path.display()))
                .because(error)
                .with_help(WITHOUT));
        }
    };
    let damaged = |why: String| {
        CliError::failed(format!("{} is damaged", path.display()))
            .because(why)
            .with_help(format!("restore it from a backup, or {WITHOUT}"))
    };
    let document: Document =
        serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?;
    if document.format != FORMAT {
        return Err(damaged(format!(
            "its format is {:?}, not {FORMAT}",
            document.format
        )));
    }
    let pins = document.ledgers.into_iter().map(Line::read);
    pins.collect::<Result<_, _>>().map_err(damaged)
}

/// Waits for the lock, which is held until what is given is dropped. The lock's file stays.
pub(super) fn lock(path: &Path) -> Result<File, CliError> {
    if let Some(parent) = folder(path) {
        fs::create_dir_all(parent).map_err(unwritable(parent))?;
    }
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let name = PathBuf::from(name);
    let locked = File::create(&name).and_then(|file| file.lock().map(|()| file));
    locked.map_err(unwritable(&name))
}

/// Replaces the file, whole and synced or not at all.
pub(super) fn write(path: &Path, pins: &[Pin]) -> Result<(), CliError> {
    let document = Document {
        format: FORMAT.to_owned(),
        ledgers: pins.iter().map(Line::of).collect(),
    };
    let parent = folder(path).unwrap_or(Path::new("."));
    let replace = || {
        let mut file = tempfile::NamedTempFile::new_in(parent)?;
        serde_json::to_writer_pretty(&mut file, &document)?;
        file.write_all(b"\n")?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        // The name, too, is to outlast a power cut.
        if cfg!(unix) {
            File::open(parent)?.sync_all()?;
        }
        Ok(())
    };
    replace().map_err(unwritable(path))
}

fn folder(path: &Path) -> Option<&Path> {
    path.parent()
        .filter(|parent| !parent.as_os_str().is_empty())
}
