//! `exhibit receipt`: the proof that an entry is in the ledger.

use std::io::Write;

use super::{
    args::{EntryArgs, Selector},
    checkpoint::Note,
    connect::{ServerArgs, Session},
    error::CliError,
    exit::Exit,
    output::Output,
    record::SaveArgs,
};
use crate::service::proto::{EventKey, GetReceiptRequest, get_receipt_request};

/// Get a receipt for one entry: it proves offline that the entry is in the ledger
///
/// Printed, or saved with --receipt. `exhibit verify` reads it.
#[derive(Debug, clap::Args)]
pub(super) struct ReceiptCommand {
    #[command(flatten)]
    entry: EntryArgs,
    #[command(flatten)]
    save: SaveArgs,
    #[command(flatten)]
    server: ServerArgs,
}

impl ReceiptCommand {
    pub(super) fn run(self, output: &mut Output) -> Result<Exit, CliError> {
        use get_receipt_request::Selector as Asked;
        let file = self.save.open()?;
        let selector = match self.entry.selector() {
            Selector::Index(index) => Asked::Index(index.value()),
            Selector::Event { source, event_id } => Asked::Event(EventKey { source, event_id }),
        };
        let request = GetReceiptRequest {
            selector: Some(selector),
        };
        let mut session = Session::open(&self.server.server)?;
        let receipt = session
            .call(async |client| client.get_receipt(request).await)?
            .receipt;
        match file {
            None => output.print(&Note::receipt(receipt.clone()))?,
            Some(mut file) => {
                file.write_all(receipt.as_bytes())
                    .map_err(CliError::write(file.path()))?;
                file.keep()?;
            }
        }
        self.save.check(&receipt)?;
        Ok(Exit::Done)
    }
}
