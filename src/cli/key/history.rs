//! `exhibit key history`: which keys a ledger has had, from a data directory or a pack.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use super::super::{
    args,
    error::CliError,
    exit::Exit,
    output::{Output, Render},
    reading::directory_error,
    text::{markdown, safe},
    verify::open_pack,
};
use crate::{
    ledger::{
        keys::{HISTORY_BYTES_MAX, KeyChange, KeyHistory, KeySpan, Statement},
        note::VerifierKey,
        position::{TreeSize, count},
    },
    pack::{
        manifest::{KEY_HISTORY, VERIFIER_KEY},
        read::{FileError, TEXT_BYTES_MAX},
    },
    store::directory::DataDirectory,
};

/// Show which keys a ledger has had, when each signed, and the statements that say so (offline)
///
/// The statements' own signatures and their order are checked. That the first key is the ledger's, and that entries and
/// tree bear the statements out, is for `exhibit verify` to say.
#[derive(Debug, clap::Args)]
pub(super) struct History {
    /// A data directory, an audit pack, or the directory one was unpacked to
    #[arg(value_name = "DIR|PACK", value_parser = args::path)]
    path: PathBuf,
}

impl History {
    pub(super) fn run(self, output: &mut Output) -> Result<Exit, CliError> {
        let shown = if self.path.join("journal").exists() {
            let directory = DataDirectory::open(&self.path).map_err(directory_error)?;
            Shown {
                own: directory.verifier().clone(),
                history: directory.history().clone(),
            }
        } else {
            in_pack(&self.path)?
        };
        output.print(&shown)?;
        Ok(Exit::Done)
    }
}

fn in_pack(path: &Path) -> Result<Shown, CliError> {
    let files = open_pack(path).map_err(CliError::read(path))?;
    let files = files.ok_or_else(|| no_pack(path))?;
    let bytes = match files.read(KEY_HISTORY, count(HISTORY_BYTES_MAX)) {
        Ok(bytes) => bytes,
        Err(FileError::Missing) => Vec::new(),
        Err(error) => {
            return Err(CliError::failed(format!("{KEY_HISTORY} can't be read")).because(error));
        }
    };
    let history = KeyHistory::parse(&bytes).map_err(|error| {
        CliError::failed(format!("{KEY_HISTORY} does not hold"))
            .because(error)
            .with_help("`exhibit verify PACK --vkey VKEY` says what else is wrong")
    })?;
    let own = files.read(VERIFIER_KEY, TEXT_BYTES_MAX).ok();
    let own = own.and_then(|text| str::from_utf8(&text).ok()?.trim().parse().ok());
    let own = own.ok_or_else(|| no_pack(path))?;
    Ok(Shown { own, history })
}

fn no_pack(path: &Path) -> CliError {
    CliError::failed(format!(
        "{} is neither a data directory nor an audit pack",
        path.display()
    ))
    .with_help("name the data directory, the .zip file, or the directory it was unpacked to")
}

/// The keys of a ledger.
struct Shown {
    own: VerifierKey,
    history: KeyHistory,
}

/// A statement, as JSON has it.
pub(super) fn statement_json(statement: &Statement) -> Value {
    let change = &statement.change;
    let (successor, stands) = match change {
        KeyChange::Rotated { new, .. } => (Some(new), None),
        KeyChange::Retired { .. } => (None, None),
        KeyChange::Compromised { from, .. } => (None, Some(from.value())),
    };
    json!({
        "origin": statement.origin.as_str(),
        "number": statement.number,
        "what": change.word(),
        "key": change.key().to_string(),
        "key_id": change.key().id().to_string(),
        "successor": successor.map(|key| key.to_string()),
        "successor_id": successor.map(|key| key.id().to_string()),
        "stands_up_to": stands,
        "tree_size": statement.size.value(),
        "root": statement.root.to_string(),
        "entry": statement.entry().value(),
        "time": statement.time.to_rfc3339(),
        "reason": statement.reason,
        "digest": statement.digest().to_string(),
    })
}

impl Shown {
    fn statements(&self) -> impl Iterator<Item = &Statement> {
        self.history.statements().iter().map(|s| s.statement())
    }

    /// A line for each key.
    fn keys(&self) -> Vec<String> {
        if self.history.is_empty() {
            return vec![format!("{}  signs, and always did", self.own.id())];
        }
        self.history.keys().iter().map(key_line).collect()
    }

    fn changes(&self) -> Vec<String> {
        self.statements()
            .map(|statement| {
                let what = match &statement.change {
                    KeyChange::Rotated { new, .. } => format!("rotated to {}", new.id()),
                    KeyChange::Retired { .. } => "retired".to_owned(),
                    KeyChange::Compromised { from, .. } => {
                        format!("compromised, its signatures stand up to size {from}")
                    }
                };
                format!(
                    "{}. {} {what}: entry {}, {}: {}",
                    statement.number,
                    statement.change.key().id(),
                    statement.entry(),
                    statement.time.to_rfc3339(),
                    statement.reason
                )
            })
            .collect()
    }
}

fn key_line(span: &KeySpan) -> String {
    let mut line = match span.until {
        None => format!("{}  signs trees of size {} on", span.key.id(), span.from),
        Some(until) => format!(
            "{}  signed trees of size {} to {until}",
            span.key.id(),
            span.from
        ),
    };
    if let Some(from) = span.compromised {
        line.push_str(&format!("; COMPROMISED, stands up to size {from}"));
    }
    line
}

impl Render for Shown {
    const FORMAT: &'static str = "exhibit-key-history/1";

    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "keys of {}", self.own.name())?;
        for line in self.keys() {
            writeln!(out, "  {}", safe(&line))?;
        }
        if !self.history.is_empty() {
            writeln!(out, "\nchanges")?;
        }
        for line in self.changes() {
            writeln!(out, "  {}", safe(&line))?;
        }
        writeln!(out, "\nverifier key  {}", self.own)
    }

    fn markdown(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "## Keys of {}\n", markdown(self.own.name().as_str()))?;
        for line in self.keys().iter().chain(&self.changes()) {
            writeln!(out, "- {}", markdown(line))?;
        }
        Ok(())
    }

    fn json(&self) -> serde_json::Result<Value> {
        // Without a history the ledger has had one key, from the beginning on.
        let only = KeySpan {
            key: self.own.clone(),
            from: TreeSize::EMPTY,
            until: None,
            compromised: None,
        };
        let keys = match self.history.keys() {
            [] => std::slice::from_ref(&only),
            keys => keys,
        };
        let keys = keys.iter().map(|span| {
            json!({
                "key": span.key.to_string(),
                "key_id": span.key.id().to_string(),
                "from": span.from.value(),
                "until": span.until.map(|size| size.value()),
                "compromised_from": span.compromised.map(|size| size.value()),
            })
        });
        Ok(json!({
            "origin": self.own.name().as_str(),
            "own": self.own.to_string(),
            "keys": keys.collect::<Vec<_>>(),
            "statements": self.statements().map(statement_json).collect::<Vec<_>>(),
        }))
    }
}
