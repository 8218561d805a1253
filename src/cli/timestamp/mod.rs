//! `exhibit timestamp`: having the ledger's checkpoint stamped by a time stamping authority, with a network or without.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    args,
    error::CliError,
    exit::Exit,
    output::Output,
    pack_file::{NewFile, Replace},
    reading::{directory_error, journal_error},
};
use crate::{
    ledger::{
        checkpoint::SignedCheckpoint,
        timestamp::{Timestamp, TimestampError, TimestampNonce, check_answer, timestamp_query},
    },
    store::{
        directory::DataDirectory,
        timestamps::{Timestamps, TimestampsError},
    },
};

mod shown;

use shown::{Kept, Listed, Query};

/// Have the ledger's checkpoint stamped by an RFC 3161 time stamping authority (a server may be running)
///
/// A time stamp shows that every entry up to the checkpoint existed by then, whatever the ledger's own clock said. The
/// server asks for them by itself when timestamps.authorities is set. Time stamps go into packs, and
/// `exhibit verify --tsa-roots` checks them.
#[derive(Debug, clap::Args)]
pub(super) struct TimestampCommand {
    #[command(subcommand)]
    command: Subcommand,
}

#[derive(Debug, clap::Subcommand)]
enum Subcommand {
    /// Ask an authority for a time stamp on the latest checkpoint, now, and keep it
    #[cfg(feature = "server")]
    Get {
        #[command(flatten)]
        ledger: Directory,
        /// The authority's URL, such as https://tsa.example.com/tsr
        #[arg(long, value_name = "URL", value_parser = args::text)]
        authority: String,
    },
    /// Write a query for the latest checkpoint, to be carried to an authority by hand (offline)
    ///
    /// Send it where there is a network: curl -H 'Content-Type: application/timestamp-query' --data-binary @FILE URL
    Query {
        #[command(flatten)]
        ledger: Directory,
        /// The query to write, such as checkpoint.tsq
        #[arg(long, value_name = "FILE", value_parser = args::path)]
        out: PathBuf,
        /// Replace the file if it exists
        #[arg(long)]
        force: bool,
    },
    /// Keep an authority's answer to such a query (offline)
    Add {
        #[command(flatten)]
        ledger: Directory,
        /// The answer, such as checkpoint.tsr
        #[arg(value_name = "FILE", value_parser = args::path)]
        answer: PathBuf,
    },
    /// List the time stamps that are kept; `exhibit verify` checks them (offline)
    List {
        #[command(flatten)]
        ledger: Directory,
    },
}

#[derive(Debug, clap::Args)]
struct Directory {
    /// The ledger's data directory
    #[arg(long, value_name = "DIR", value_parser = args::path, env = "EXHIBIT_DIR", hide_env_values = true)]
    dir: PathBuf,
}

impl TimestampCommand {
    pub(super) fn run(self, output: &mut Output) -> Result<Exit, CliError> {
        match self.command {
            #[cfg(feature = "server")]
            Subcommand::Get { ledger, authority } => {
                output.print(&get(&ledger.dir, &authority)?)?
            }
            Subcommand::Query { ledger, out, force } => {
                output.print(&query(&ledger.dir, &out, force)?)?;
            }
            Subcommand::Add { ledger, answer } => output.print(&add(&ledger.dir, &answer)?)?,
            Subcommand::List { ledger } => {
                let directory = DataDirectory::open(&ledger.dir).map_err(directory_error)?;
                let all = Timestamps::of(directory.path()).list().map_err(not_kept)?;
                output.print(&Listed::of(&all))?;
            }
        }
        Ok(Exit::Done)
    }
}

/// The latest checkpoint that is durable.
fn latest(dir: &Path) -> Result<(Timestamps, SignedCheckpoint), CliError> {
    let directory = DataDirectory::open(dir).map_err(directory_error)?;
    let reader = directory.whole_reader().map_err(journal_error)?;
    let checkpoint = reader.checkpoint().ok_or_else(|| {
        CliError::failed(format!("{} has no entry to stamp yet", dir.display()))
            .with_help("record one with `exhibit record`")
    })?;
    Ok((Timestamps::of(directory.path()), checkpoint))
}

#[cfg(feature = "server")]
fn get(dir: &Path, authority: &str) -> Result<Kept, CliError> {
    use crate::service::timestamps;
    let (kept, checkpoint) = latest(dir)?;
    let fetcher = timestamps::fetcher(super::connect::patience());
    let fetched = timestamps::fetch(&fetcher, authority, &checkpoint)
        .map_err(|error| CliError::failed("there is no time stamp").because(error))?;
    let path = kept.add(&checkpoint, &fetched.answer).map_err(not_kept)?;
    Ok(Kept {
        path,
        size: checkpoint.checkpoint().size,
        time: fetched.time,
        authority: fetched.authority,
    })
}

fn query(dir: &Path, out: &Path, force: bool) -> Result<Query, CliError> {
    let (kept, checkpoint) = latest(dir)?;
    // The ledger goes on meanwhile: the answer is to find the checkpoint that it is of.
    kept.keep_checkpoint(&checkpoint).map_err(not_kept)?;
    let mut random = [0; 16];
    getrandom::fill(&mut random)
        .map_err(|error| CliError::failed("the system gives no random bytes").because(error))?;
    let query = timestamp_query(
        checkpoint.note().text(),
        &TimestampNonce::from_random(random),
    );
    let replace = if force { Replace::Yes } else { Replace::No };
    let mut file = NewFile::create(out, replace)?;
    std::io::Write::write_all(&mut file, &query).map_err(CliError::write(out))?;
    file.keep()?;
    Ok(Query {
        path: out.to_owned(),
        size: checkpoint.checkpoint().size,
    })
}

fn add(dir: &Path, path: &Path) -> Result<Kept, CliError> {
    let directory = DataDirectory::open(dir).map_err(directory_error)?;
    let kept = Timestamps::of(directory.path());
    let answer = fs::read(path).map_err(CliError::read(path))?;
    let refuse = |error: TimestampError| {
        CliError::failed(format!("{} can't be kept", path.display())).because(error)
    };
    let timestamp = Timestamp::parse(&answer).map_err(refuse)?;
    let known = kept.list().map_err(not_kept)?;
    let of = known
        .iter()
        .map(|stamped| &stamped.checkpoint)
        .find(|checkpoint| timestamp.check_imprint(checkpoint.note().text()).is_ok());
    let checkpoint = of.ok_or_else(|| {
        CliError::failed(format!(
            "{} is a time stamp of none of the checkpoints that a query was written for",
            path.display()
        ))
        .with_help("write one with `exhibit timestamp query`, and have that one stamped")
    })?;
    check_answer(&answer, checkpoint.note().text(), None)
        .and_then(|checked| checked.check_validity())
        .map_err(refuse)?;
    Ok(Kept {
        path: kept.add(checkpoint, &answer).map_err(not_kept)?,
        size: checkpoint.checkpoint().size,
        time: timestamp.time(),
        authority: timestamp.claimed_authority(),
    })
}

fn not_kept(error: TimestampsError) -> CliError {
    CliError::failed("the ledger's time stamps can't be used").because(error)
}
