//! `exhibit break`: saying in the ledger itself that a damage is known, and seeing what was said.

use std::{
    io::{self, Write},
    path::PathBuf,
};

#[cfg(feature = "server")]
mod confirm;

use super::{
    args,
    error::{CliError, say},
    exit::Exit,
    output::{Output, Render},
    progress::Progress,
    reading::directory_error,
    text::{markdown, safe},
    verify::lines_of,
};
use crate::{
    ledger::note::VerifierKey,
    pack::{
        Report, Verdict, VerifyOptions, breaks::ConfirmedBreak, verify_data_directory, verify_pack,
    },
    store::directory::DataDirectory,
};

/// Confirm in the ledger that a damage is known, or list what was confirmed (offline)
#[derive(Debug, clap::Args)]
pub(super) struct BreakCommand {
    #[command(subcommand)]
    command: BreakSubcommand,
}

#[derive(Debug, clap::Subcommand)]
enum BreakSubcommand {
    #[cfg(feature = "server")]
    Confirm(confirm::Confirm),
    List(List),
}

impl BreakCommand {
    pub(super) fn run(self, output: &mut Output) -> Result<Exit, CliError> {
        match self.command {
            #[cfg(feature = "server")]
            BreakSubcommand::Confirm(command) => command.run(output),
            BreakSubcommand::List(command) => command.run(output),
        }
    }
}

/// List the confirmed breaks of a data directory or an audit pack, and what became of each (offline)
///
/// The evidence is verified first: exit code 1 says that it does not verify, and then nothing vouches for the list.
#[derive(Debug, clap::Args)]
struct List {
    /// A data directory, an audit pack, or the directory one was unpacked to
    #[arg(value_name = "DIR|PACK", value_parser = args::path)]
    target: PathBuf,
    /// The ledger's verifier key, or @ and the file it stands in; a data directory has its own
    #[arg(long, value_name = "VKEY|@FILE", value_parser = args::verifier_key, env = "EXHIBIT_VKEY", hide_env_values = true)]
    vkey: Option<VerifierKey>,
}

impl List {
    fn run(self, output: &mut Output) -> Result<Exit, CliError> {
        let report = self.verify()?;
        let altered = report.verdict == Verdict::Altered;
        if altered {
            let what = "the evidence does not verify, so nothing vouches for this list: see `exhibit verify`";
            say("warning", what);
        }
        output.print(&Listed(&report.breaks.listed))?;
        Ok(if altered { Exit::Negative } else { Exit::Done })
    }

    fn verify(&self) -> Result<Report, CliError> {
        if self.target.join("journal").exists() {
            let directory = DataDirectory::open(&self.target).map_err(directory_error)?;
            let key = self.vkey.as_ref().unwrap_or_else(|| directory.verifier());
            return verify_directory(&directory, key);
        }
        let Some(key) = &self.vkey else {
            return Err(CliError::usage(
                "there is no key to verify the pack with",
                "give the ledger's verifier key with --vkey VKEY or --vkey @FILE",
            ));
        };
        let progress = Progress::entries();
        let step = |done: u64, total: u64| progress.set_of(done, total);
        verify_pack(&self.target, key, &VerifyOptions::default(), &step).map_err(unverifiable)
    }
}

/// Verifies a data directory.
fn verify_directory(directory: &DataDirectory, key: &VerifierKey) -> Result<Report, CliError> {
    let progress = Progress::entries();
    let step = |done: u64, total: u64| progress.set_of(done, total);
    verify_data_directory(directory.path(), key, &VerifyOptions::default(), &step)
        .map_err(unverifiable)
}

fn unverifiable(error: crate::pack::VerifyError) -> CliError {
    CliError::failed("nothing could be checked").because(error)
}

struct Listed<'a>(&'a [ConfirmedBreak]);

impl Render for Listed<'_> {
    const FORMAT: &'static str = "exhibit-breaks/1";

    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.0.is_empty() {
            return writeln!(out, "no break is confirmed");
        }
        for line in self.0.iter().flat_map(lines_of) {
            writeln!(out, "{}", safe(&line))?;
        }
        Ok(())
    }

    fn markdown(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.0.is_empty() {
            return writeln!(out, "No break is confirmed.");
        }
        for line in self.0.iter().flat_map(lines_of) {
            writeln!(out, "- {}", markdown(&line))?;
        }
        Ok(())
    }

    fn json(&self) -> serde_json::Result<serde_json::Value> {
        Ok(serde_json::json!({ "breaks": self.0 }))
    }
}
