//! `exhibit list`: the entries of a range, all or those a filter selects.

use std::{
    io::{self, Write},
    ops::ControlFlow,
};

use super::{
    args::{FilterArgs, RangeArgs},
    entry::ShownEntry,
    error::CliError,
    exit::Exit,
    output::{Format, Output, Render},
    reading::{Ledger, LedgerArgs, Query, unreadable_entry},
    text::{markdown, safe},
};

/// List entries, oldest first (offline with --dir)
///
/// As text and Markdown a line an entry; as JSON a document a line, with the payload.
#[derive(Debug, clap::Args)]
pub(super) struct List {
    #[command(flatten)]
    range: RangeArgs,
    #[command(flatten)]
    filter: FilterArgs,
    /// At most so many
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Which entries")]
    limit: Option<u64>,
    /// Leave the payloads out of JSON
    #[arg(long)]
    omit_payloads: bool,
    #[command(flatten)]
    ledger: LedgerArgs,
}

impl List {
    pub(super) fn run(self, output: &mut Output) -> Result<Exit, CliError> {
        self.range.refuse_empty()?;
        let query = Query {
            start: self.range.start,
            end: self.range.end,
            filter: self.filter.filter(),
            limit: self.limit,
            omit_payloads: self.omit_payloads || output.format() != Format::Json,
        };
        if output.format() == Format::Markdown {
            output.write(b"| index | recorded at | type | subject | event id |\n")?;
            output.write(b"| ---: | --- | --- | --- | --- |\n")?;
        }
        let mut listed: u64 = 0;
        Ledger::open(&self.ledger)?.entries(&query, &mut |entry| {
            let shown = entry.shown().map_err(unreadable_entry)?;
            match output.format() {
                Format::Json => output.print_one_of_many(&shown)?,
                Format::Text | Format::Markdown => output.print(&Row(shown))?,
            }
            listed = listed.saturating_add(1);
            Ok(ControlFlow::Continue(()))
        })?;
        if listed == 0 && output.format() == Format::Text {
            super::error::say("note", "no entry fits");
        }
        Ok(Exit::Done)
    }
}

/// One line about an entry.
struct Row<'a>(ShownEntry<'a>);

impl Render for Row<'_> {
    const FORMAT: &'static str = ShownEntry::FORMAT;

    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let entry = self.0.entry();
        writeln!(
            out,
            "{:>8}  {}  {}  {}  {}",
            entry.index.value(),
            entry.recorded_at.to_rfc3339(),
            safe(entry.event_type),
            safe(if entry.subject.is_empty() {
                "-"
            } else {
                entry.subject
            }),
            safe(entry.event_id),
        )
    }

    fn markdown(&self, out: &mut dyn Write) -> io::Result<()> {
        let entry = self.0.entry();
        writeln!(
            out,
            "| {} | {} | {} | {} | {} |",
            entry.index,
            entry.recorded_at.to_rfc3339(),
            markdown(entry.event_type),
            markdown(entry.subject),
            markdown(entry.event_id),
        )
    }

    fn json(&self) -> serde_json::Result<serde_json::Value> {
        self.0.json()
    }
}
