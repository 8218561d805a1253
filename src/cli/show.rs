//! `exhibit show`: one entry.

use std::io::{IsTerminal, stdout};

use super::{
    args::{self, EntryArgs},
    error::CliError,
    exit::Exit,
    output::Output,
    reading::{Ledger, LedgerArgs, unreadable_entry},
    text::safe_lines,
};

/// Show one entry with its payload (offline with --dir)
#[derive(Debug, clap::Args)]
pub(super) struct Show {
    #[command(flatten)]
    entry: EntryArgs,
    /// Print the content of this part of the payload as it is, and nothing else; the main part is named body
    #[arg(long, value_name = "NAME", value_parser = args::text)]
    part: Option<String>,
    #[command(flatten)]
    ledger: LedgerArgs,
}

impl Show {
    pub(super) fn run(self, output: &mut Output) -> Result<Exit, CliError> {
        let entry = Ledger::open(&self.ledger)?.entry(&self.entry.selector())?;
        let Some(part) = self.part else {
            output.print(&entry.shown().map_err(unreadable_entry)?)?;
            return Ok(Exit::Done);
        };
        let content = entry.content(&part).ok_or_else(|| {
            CliError::failed(format!("the entry has no part {part:?} that can be read"))
                .with_help("without --part, all of the entry is shown")
        })?;
        match std::str::from_utf8(content) {
            // A file gets the bytes as they are, a terminal nothing it would obey.
            Ok(text) if stdout().is_terminal() => output.write(safe_lines(text).as_bytes())?,
            _ => output.write(content)?,
        }
        Ok(Exit::Done)
    }
}
