//! `exhibit checkpoint`: what the ledger says of itself, signed.

use std::{
    io::{self, Write},
    path::Path,
};

use super::{
    args,
    connect::{ServerUrl, Session},
    error::{CliError, say},
    exit::Exit,
    output::{Output, Render},
    reading::{LedgerArgs, Place, directory_error, journal_error},
    text::safe_lines,
};
use crate::{
    ledger::{
        checkpoint::{Checkpoint, SignedCheckpoint},
        keys::{KeyHistory, Keyring},
        note::VerifierKey,
        receipt::Receipt,
    },
    service::proto::{GetCheckpointRequest, Witnessing},
    store::directory::DataDirectory,
};

/// Get the ledger's latest checkpoint: its size and root, signed (offline with --dir)
///
/// Keep it where the ledger's operator can't change it: `exhibit verify --checkpoint` then shows whether history was
/// rewritten or cut short since.
#[derive(Debug, clap::Args)]
pub(super) struct CheckpointCommand {
    /// Check the signature with the ledger's verifier key, or the file it stands in
    #[arg(long, value_name = "VKEY|@FILE", value_parser = args::verifier_key, env = "EXHIBIT_VKEY", hide_env_values = true)]
    vkey: Option<VerifierKey>,
    #[command(flatten)]
    ledger: LedgerArgs,
}

impl CheckpointCommand {
    pub(super) fn run(self, output: &mut Output) -> Result<Exit, CliError> {
        let (note, history) = match self.ledger.place()? {
            Place::Server(url) => of_server(&url)?,
            Place::Directory(dir) => of_directory(&dir)?,
        };
        if let Some(key) = &self.vkey {
            let untrusted = |source| CliError::Untrusted {
                what: "the checkpoint is not to be trusted".to_owned(),
                source,
                help: "is this the right ledger and the right --vkey?",
            };
            let history = KeyHistory::parse(history.as_bytes())
                .map_err(|source| untrusted(Box::new(source)))?;
            let signed = SignedCheckpoint::parse(note.as_bytes())
                .map_err(|source| untrusted(Box::new(source)))?;
            Keyring::of_tree(key, &history, signed.checkpoint().size)
                .verify(&signed)
                .map_err(|source| untrusted(Box::new(source)))?;
        }
        output.print(&Note::checkpoint(note))?;
        Ok(Exit::Done)
    }
}

/// The checkpoint that a server publishes, and the history of the ledger's keys.
fn of_server(url: &ServerUrl) -> Result<(String, String), CliError> {
    let mut session = Session::open(url)?;
    let answer =
        session.call(async |client| client.get_checkpoint(GetCheckpointRequest {}).await)?;
    match answer.witnessing() {
        Witnessing::Lacking => say(
            "note",
            "the server publishes this without the cosignatures that its witness policy asks for",
        ),
        Witnessing::Held => say(
            "note",
            "the server holds later checkpoints back until its witness policy is met",
        ),
        Witnessing::Unspecified | Witnessing::Met => {}
    }
    Ok((answer.checkpoint, answer.key_history))
}

/// The checkpoint of the last batch of a journal, and the history of the ledger's keys.
fn of_directory(dir: &Path) -> Result<(String, String), CliError> {
    let directory = DataDirectory::open(dir).map_err(directory_error)?;
    let reader = directory.whole_reader().map_err(journal_error)?;
    let signed = reader.checkpoint().ok_or_else(|| {
        CliError::failed(format!(
            "{} has no entry yet, and nothing signed",
            dir.display()
        ))
        .with_help("record one with `exhibit record`")
    })?;
    Ok((signed.note().to_string(), directory.history().to_string()))
}

/// A signed text that is printed as it is: a file in the making.
pub(super) struct Note {
    text: String,
    kind: &'static str,
    index: Option<u64>,
    says: Option<Checkpoint>,
}

impl Note {
    /// A checkpoint.
    pub(super) fn checkpoint(text: String) -> Self {
        let read = SignedCheckpoint::parse(text.as_bytes()).ok();
        Self {
            text,
            kind: "checkpoint",
            index: None,
            says: read.map(|read| read.checkpoint().clone()),
        }
    }

    /// A receipt.
    pub(super) fn receipt(text: String) -> Self {
        let read = Receipt::parse(text.as_bytes()).ok();
        Self {
            text,
            kind: "receipt",
            index: read.as_ref().map(|read| read.index.value()),
            says: read.map(|read| read.checkpoint.checkpoint().clone()),
        }
    }
}

impl Note {
    /// What it says, in short.
    pub(super) fn fields(&self) -> Vec<(&'static str, String)> {
        let index = self.index.map(|index| ("index", index.to_string()));
        let says = self.says.as_ref().map(|says| {
            [
                ("origin", says.origin.to_string()),
                ("tree size", says.size.to_string()),
            ]
        });
        index
            .into_iter()
            .chain(says.into_iter().flatten())
            .collect()
    }
}

impl Render for Note {
    const FORMAT: &'static str = "exhibit-note/1";

    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(safe_lines(&self.text).as_bytes())
    }

    fn markdown(&self, out: &mut dyn Write) -> io::Result<()> {
        for line in safe_lines(&self.text).lines() {
            writeln!(out, "    {line}")?;
        }
        Ok(())
    }

    fn json(&self) -> serde_json::Result<serde_json::Value> {
        let says = self.says.as_ref();
        Ok(serde_json::json!({
            "kind": self.kind,
            "index": self.index,
            "origin": says.map(|says| says.origin.as_str()),
            "tree_size": says.map(|says| says.size.value()),
            "root": says.map(|says| says.root.to_string()),
            "note": self.text,
        }))
    }
}
