//! `exhibit receipt`: the proof that an entry is in the ledger.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::{
    args::{EntryArgs, Selector},
    checkpoint::Note,
    connect::{ServerUrl, Session},
    error::CliError,
    exit::Exit,
    export::JournalSource,
    output::{Output, Render, field_table, fields},
    reading::{Ledger, LedgerArgs, Place, directory_error, journal_error, unreadable_entry},
    record::SaveArgs,
};
use crate::{
    ledger::{entry::Entry, receipt::Receipt, tile::TileNodes, tree::prove_inclusion},
    pack::PackSource as _,
    service::proto::{EventKey, GetReceiptRequest, get_receipt_request},
    store::directory::DataDirectory,
};

/// Get a receipt for one entry: it proves offline that the entry is in the ledger (offline with --dir)
///
/// Printed, or saved with --receipt, and then told in short. `exhibit verify` reads it.
#[derive(Debug, clap::Args)]
pub(super) struct ReceiptCommand {
    #[command(flatten)]
    entry: EntryArgs,
    #[command(flatten)]
    save: SaveArgs,
    #[command(flatten)]
    ledger: LedgerArgs,
}

impl ReceiptCommand {
    pub(super) fn run(self, output: &mut Output) -> Result<Exit, CliError> {
        let file = self.save.open()?;
        let selector = self.entry.selector();
        let receipt = match self.ledger.place()? {
            Place::Server(url) => of_server(&url, selector)?,
            Place::Directory(dir) => of_directory(&dir, &self.ledger, &selector)?,
        };
        let note = Note::receipt(receipt.clone());
        match file {
            None => output.print(&note)?,
            Some(mut file) => {
                file.write_all(receipt.as_bytes())
                    .map_err(CliError::write(file.path()))?;
                let path = file.path().to_owned();
                file.keep()?;
                output.print(&Saved { note, path })?;
            }
        }
        self.save.check(&receipt)?;
        Ok(Exit::Done)
    }
}

/// A receipt that was saved.
struct Saved {
    note: Note,
    path: PathBuf,
}

impl Saved {
    fn fields(&self) -> Vec<(&'static str, String)> {
        let mut fields = self.note.fields();
        fields.push(("receipt", self.path.display().to_string()));
        fields
    }
}

impl Render for Saved {
    const FORMAT: &'static str = Note::FORMAT;

    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "saved the receipt")?;
        fields(out, &self.fields())
    }

    fn markdown(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "**Receipt saved**\n")?;
        field_table(out, &self.fields())
    }

    fn json(&self) -> serde_json::Result<serde_json::Value> {
        let mut json = self.note.json()?;
        if let Some(fields) = json.as_object_mut() {
            fields.insert("file".to_owned(), self.path.display().to_string().into());
        }
        Ok(json)
    }
}

fn of_server(url: &ServerUrl, selector: Selector) -> Result<String, CliError> {
    use get_receipt_request::Selector as Asked;
    let selector = match selector {
        Selector::Index(index) => Asked::Index(index.value()),
        Selector::Event { source, event_id } => Asked::Event(EventKey { source, event_id }),
    };
    let request = GetReceiptRequest {
        selector: Some(selector),
    };
    let mut session = Session::open(url)?;
    let answer = session.call(async |client| client.get_receipt(request).await)?;
    Ok(answer.receipt)
}

/// Makes one from the journal, under the checkpoint of its last batch.
fn of_directory(dir: &Path, ledger: &LedgerArgs, selector: &Selector) -> Result<String, CliError> {
    let directory = DataDirectory::open(dir).map_err(directory_error)?;
    let reader = directory.whole_reader().map_err(journal_error)?;
    let entry = Ledger::open(ledger)?.entry(selector)?.bytes;
    let index = Entry::decode(&entry).map_err(unreadable_entry)?.index;
    let unproven = || {
        CliError::failed(format!("the journal gives no proof for entry {index}"))
            .with_help("`exhibit verify DIR` says what is wrong with it, and where")
    };
    let checkpoint = reader.checkpoint().ok_or_else(unproven)?;
    let size = checkpoint.checkpoint().size;
    let source = JournalSource::new(reader);
    let nodes = TileNodes::new(size, |id| source.tile(id));
    let proof = prove_inclusion(&nodes, index, size)
        .ok()
        .flatten()
        .ok_or_else(unproven)?;
    let receipt = Receipt {
        entry,
        index,
        proof,
        checkpoint,
    };
    receipt
        .proven()
        .map_err(|error| unproven().because(error))?;
    Ok(receipt.to_string())
}
