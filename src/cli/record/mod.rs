//! `exhibit record`: posting one event.
//!
//! Every kind of event is one file: its flags, and the message they make. What all share, the event around it and
//! the sending of it, is in [`event`] and [`send`]. A `--json` file takes the place of a kind's own flags.

use super::{error::CliError, exit::Exit, output::Output};

mod actor;
mod approval;
mod artifact;
mod change;
mod choice;
mod custom;
mod deployment;
mod document;
mod event;
mod revision;
mod send;
mod test_run;

use document::Given;
pub(super) use send::SaveArgs;

/// The heading of the flags that a `--json` file takes the place of.
const EVIDENCE: &str = "What happened";
/// The heading of the flags that every kind of event has.
const ABOUT: &str = "The event";

/// Record an event in a ledger: a change, an approval, a test run, a deployment, or anything else
///
/// The answer comes when the event is durable. An event that is sent again with the same id is recorded once.
#[derive(Debug, clap::Args)]
pub(super) struct Record {
    #[command(subcommand)]
    kind: Kind,
}

#[derive(Debug, clap::Subcommand)]
enum Kind {
    /// Record that a change was requested: why, how risky, by whom, and the way back
    Change(Post<change::ChangeArgs>),
    /// Record that somebody decided on a change
    Approval(Post<approval::ApprovalArgs>),
    /// Record that tests ran, on what, and how they ended
    TestRun(Post<test_run::TestRunArgs>),
    /// Record that an artifact was put into an environment, or taken back
    Deployment(Post<deployment::DeploymentArgs>),
    /// Record any other event, its JSON kept as it is
    Event(Post<custom::CustomArgs>),
}

// No doc comment: clap would print it as the help of every kind.
#[derive(Debug, clap::Args)]
struct Post<T: clap::Args> {
    #[command(flatten)]
    evidence: T,
    #[command(flatten)]
    event: event::EventFlags,
    #[command(flatten)]
    server: super::connect::ServerArgs,
    /// What to wait for before answering
    #[arg(long, value_enum, default_value_t = send::WaitFor::Durable, env = "EXHIBIT_WAIT", hide_env_values = true, help_heading = ABOUT)]
    wait: send::WaitFor,
    #[command(flatten)]
    save: SaveArgs,
}

/// A kind's flags, which make its evidence.
trait EvidenceArgs: clap::Args {
    /// What happened, or the whole event of a file.
    fn evidence(self) -> Result<Given, CliError>;
}

/// Refuses flags that a `--json` file takes the place of: ignored, they would record something else than they say.
pub(super) fn refuse_ignored(
    definition: &clap::Command,
    matches: &clap::ArgMatches,
) -> Result<(), clap::Error> {
    let record = matches.subcommand_matches("record");
    let Some((kind, given)) = record.and_then(clap::ArgMatches::subcommand) else {
        return Ok(());
    };
    let from_command_line =
        |id: &str| given.value_source(id) == Some(clap::parser::ValueSource::CommandLine);
    let kind = definition
        .find_subcommand("record")
        .and_then(|record| record.find_subcommand(kind));
    let ignored = kind
        .into_iter()
        .flat_map(clap::Command::get_arguments)
        .find(|argument| {
            argument.get_help_heading() == Some(EVIDENCE)
                && from_command_line(argument.get_id().as_str())
        });
    match ignored {
        Some(flag) if from_command_line("json") => Err(clap::Error::raw(
            clap::error::ErrorKind::ArgumentConflict,
            format!(
                "the argument '{flag}' cannot be used with '--json <FILE|->', which takes its place\n"
            ),
        )),
        _ => Ok(()),
    }
}

/// A value that clap has seen to: it is required unless a file takes its place.
fn required<T>(value: Option<T>, flag: &str) -> Result<T, CliError> {
    value.ok_or_else(|| {
        CliError::usage(
            format!("{flag} is missing"),
            "give it, or take what happened from a file with --json",
        )
    })
}

impl Record {
    pub(super) fn run(self, output: &mut Output) -> Result<Exit, CliError> {
        match self.kind {
            Kind::Change(post) => post.run(output),
            Kind::Approval(post) => post.run(output),
            Kind::TestRun(post) => post.run(output),
            Kind::Deployment(post) => post.run(output),
            Kind::Event(post) => post.run(output),
        }
    }
}

impl<T: EvidenceArgs> Post<T> {
    fn run(self, output: &mut Output) -> Result<Exit, CliError> {
        let evidence = self.evidence.evidence()?;
        let event = self.event.event(evidence)?;
        send::send(&self.server.server, event, self.wait, &self.save, output)
    }
}
