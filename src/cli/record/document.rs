//! Events from files: the JSON that takes the place of a kind's flags.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    str::FromStr,
};

use serde::de::DeserializeOwned;

use super::super::{args, error::CliError};
use crate::ledger::payload::PAYLOAD_BYTES_MAX;

/// Where the evidence comes from, if not from flags.
#[derive(Debug, clap::Args)]
pub(super) struct JsonArgs {
    /// Take what happened from a JSON object with the fields of the API and words as in the flags,
    /// in place of the flags under
    /// "What happened"; - for standard input
    #[arg(long, value_name = "FILE|-")]
    pub(super) json: Option<JsonFile>,
}

/// A file with what happened.
#[derive(Debug, Clone)]
pub(super) struct JsonFile(PathBuf);

impl FromStr for JsonFile {
    type Err = String;

    fn from_str(value: &str) -> Result<Self, String> {
        args::path(value).map(Self)
    }
}

impl JsonFile {
    /// Reads the evidence of one kind.
    pub(super) fn read<E: DeserializeOwned>(&self, what: &str) -> Result<E, CliError> {
        let json = read(&self.0)?;
        serde_json::from_slice(&json).map_err(|error| {
            CliError::failed(format!("{} is not {what}", shown(&self.0)))
                .because(error)
                .with_help("`exhibit record --help` names the kinds, and their flags are the fields' names")
        })
    }
}

/// Reads a whole file, or standard input for `-`; not more than an event may have.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, CliError> {
    let limit = PAYLOAD_BYTES_MAX.saturating_mul(2);
    let mut content = Vec::new();
    let mut take = |source: &mut dyn Read| -> io::Result<usize> {
        source
            .take(crate::ledger::position::count(limit).saturating_add(1))
            .read_to_end(&mut content)
    };
    let read = if path == Path::new("-") {
        take(&mut io::stdin().lock())
    } else {
        File::open(path).and_then(|mut file| take(&mut file))
    };
    read.map_err(CliError::read(path))?;
    if content.len() > limit {
        return Err(CliError::failed(format!(
            "{} has over {limit} bytes, more than an event may have",
            shown(path)
        ))
        .with_help("name large files by digest, with --artifact-file or --report-file"));
    }
    Ok(content)
}

fn shown(path: &Path) -> String {
    if path == Path::new("-") {
        "standard input".to_owned()
    } else {
        path.display().to_string()
    }
}
