//! `exhibit checkpoint`: what the ledger says of itself, signed.

use std::io::{self, Write};

use super::{
    args,
    connect::{ServerArgs, Session},
    error::{CliError, say},
    exit::Exit,
    output::{Output, Render},
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
};

/// Get the ledger's latest checkpoint: its size and root, signed
///
/// Keep it where the ledger's operator can't change it: `exhibit verify --checkpoint` then shows whether history was
/// rewritten or cut short since.
#[derive(Debug, clap::Args)]
pub(super) struct CheckpointCommand {
    /// Check the signature with the ledger's verifier key, or the file it stands in
    #[arg(long, value_name = "VKEY|@FILE", value_parser = args::verifier_key, env = "EXHIBIT_VKEY", hide_env_values = true)]
    vkey: Option<VerifierKey>,
    #[command(flatten)]
    server: ServerArgs,
}

impl CheckpointCommand {
    pub(super) fn run(self, output: &mut Output) -> Result<Exit, CliError> {
        let mut session = Session::open(&self.server.server)?;
        let answer =
            session.call(async |client| client.get_checkpoint(GetCheckpointRequest {}).await)?;
        if let Some(key) = &self.vkey {
            let untrusted = |source| CliError::Untrusted {
                what: "the checkpoint is not to be trusted".to_owned(),
                source,
                help: "is this the right --server and the right --vkey?",
            };
            let history = KeyHistory::parse(answer.key_history.as_bytes())
                .map_err(|source| untrusted(Box::new(source)))?;
            Keyring::carried(key, &history)
                .open(answer.checkpoint.as_bytes())
                .map_err(|source| untrusted(Box::new(source)))?;
        }
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
        output.print(&Note::checkpoint(answer.checkpoint))?;
        Ok(Exit::Done)
    }
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
