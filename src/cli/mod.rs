//! The command line: commands, output, progress, exit codes.
//!
//! One file a command; each has its clap definition, a `run` that gives an [`Exit`] or a [`CliError`], and what it
//! prints. What is promised to scripts is in one place each: exit codes in [`exit`], formats in [`output`]. Data
//! goes to stdout, everything else to stderr. No rule about evidence lives here.

use std::{ffi::OsString, process::ExitCode};

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

mod args;
mod breaks;
mod completions;
mod entry;
mod error;
mod exit;
mod export;
mod init;
mod key;
mod list;
mod man;
mod output;
mod pack_file;
mod pins;
mod progress;
mod reading;
mod show;
mod text;
mod timestamp;
mod usage;
mod verify;

#[cfg(feature = "server")]
pub mod bench;
#[cfg(feature = "server")]
mod checkpoint;
#[cfg(feature = "server")]
mod config;
#[cfg(feature = "server")]
mod connect;
#[cfg(feature = "server")]
mod demo;
#[cfg(feature = "server")]
mod local;
#[cfg(feature = "server")]
mod monitor;
#[cfg(feature = "server")]
mod receipt;
#[cfg(feature = "server")]
mod record;
#[cfg(feature = "server")]
mod serve;
#[cfg(feature = "server")]
mod status;
#[cfg(feature = "server")]
mod witness;

use error::CliError;
use exit::Exit;
use output::{Format, Output};

/// An append-only, hash-chained, signed ledger of audit evidence.
///
/// Pipelines record changes, approvals, test runs and deployments; auditors verify, offline and without trust in
/// whoever runs the ledger, that nothing was altered, deleted or left out.
#[derive(Debug, Parser)]
#[command(
    name = "exhibit",
    version,
    propagate_version = true,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    max_term_width = 100,
    after_help = exit::TABLE
)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Debug, Clone, Copy, clap::Args)]
struct Global {
    /// How results are printed
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t = Format::Text,
        env = "EXHIBIT_FORMAT",
        hide_env_values = true,
        help_heading = "Output"
    )]
    format: Format,
    /// How long a server may take for an answer, or for the next message of a stream, such as 30s or 5m
    #[cfg(feature = "server")]
    #[arg(
        long,
        global = true,
        value_name = "TIME",
        default_value = "30s",
        value_parser = args::period,
        env = "EXHIBIT_TIMEOUT",
        hide_env_values = true,
        help_heading = "Connection"
    )]
    timeout: std::time::Duration,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::Init),
    #[cfg(feature = "server")]
    Serve(serve::Serve),
    #[cfg(feature = "server")]
    Record(Box<record::Record>),
    Show(show::Show),
    List(list::List),
    #[cfg(feature = "server")]
    Receipt(receipt::ReceiptCommand),
    #[cfg(feature = "server")]
    Checkpoint(checkpoint::CheckpointCommand),
    Export(export::Export),
    Verify(Box<verify::Verify>),
    #[cfg(feature = "server")]
    Monitor(Box<monitor::Monitor>),
    Pins(pins::PinsCommand),
    Timestamp(timestamp::TimestampCommand),
    Key(key::Key),
    #[command(name = "break")]
    Breaks(breaks::BreakCommand),
    #[cfg(feature = "server")]
    Config(config::ConfigCommand),
    #[cfg(feature = "server")]
    Demo(demo::Demo),
    #[cfg(feature = "server")]
    Bench(bench::Bench),
    #[cfg(feature = "server")]
    Witness(witness::WitnessCommand),
    Completions(completions::Completions),
    Man(man::Man),
}

impl Command {
    fn run(self, output: &mut Output) -> Result<Exit, CliError> {
        match self {
            Self::Init(command) => command.run(output),
            #[cfg(feature = "server")]
            Self::Serve(command) => command.run(output),
            #[cfg(feature = "server")]
            Self::Record(command) => command.run(output),
            Self::Show(command) => command.run(output),
            Self::List(command) => command.run(output),
            #[cfg(feature = "server")]
            Self::Receipt(command) => command.run(output),
            #[cfg(feature = "server")]
            Self::Checkpoint(command) => command.run(output),
            Self::Export(command) => command.run(output),
            Self::Verify(command) => command.run(output),
            #[cfg(feature = "server")]
            Self::Monitor(command) => command.run(output),
            Self::Pins(command) => command.run(output),
            Self::Timestamp(command) => command.run(output),
            Self::Key(command) => command.run(output),
            Self::Breaks(command) => command.run(output),
            #[cfg(feature = "server")]
            Self::Config(command) => command.run(output),
            #[cfg(feature = "server")]
            Self::Demo(command) => command.run(output),
            #[cfg(feature = "server")]
            Self::Bench(command) => command.run(output),
            #[cfg(feature = "server")]
            Self::Witness(command) => command.run(output),
            Self::Completions(command) => command.run(output),
            Self::Man(command) => command.run(output),
        }
    }
}

/// Runs the program with the arguments and environment of the process.
pub fn main() -> ExitCode {
    match parse(std::env::args_os()) {
        Ok(cli) => {
            let mut output = Output::new(cli.global.format);
            #[cfg(feature = "server")]
            connect::allow(cli.global.timeout);
            exit::conclude(cli.command.run(&mut output))
        }
        Err(error) => usage::refuse(error, &definition()),
    }
}

/// The reference of the command line in Markdown: every command's help, as the program prints it.
pub fn reference() -> String {
    usage::reference(definition())
}

fn definition() -> clap::Command {
    let mut definition = Cli::command();
    // Otherwise clap panics where one of its arguments is printed.
    definition.build();
    definition
}

fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Cli, clap::Error> {
    let matches = definition().try_get_matches_from(arguments)?;
    #[cfg(feature = "server")]
    record::refuse_ignored(&definition(), &matches)?;
    Cli::from_arg_matches(&matches)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        definition().debug_assert();
    }
}
