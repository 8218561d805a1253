//! `exhibit bench`: how fast this machine and this disk take evidence, against a server that does nothing with it.
//!
//! Both servers run the same network code in this process, on sockets of their own, and the same client posts the same
//! events to both. The one makes them durable, signed and indexed; the other decodes and answers. The difference is what
//! the ledger costs. The disk is measured by itself in the same run.

mod disk;
mod figures;
pub mod load;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use hdrhistogram::Histogram;
use tonic::Status;

pub use self::figures::{Figures, Latency, Versus};
use self::load::Rate;
use super::{
    args,
    error::{CliError, say},
    exit::Exit,
    local::{LocalServer, new_ledger},
    output::Output,
};
use crate::{
    service::{
        proto::ledger_client::LedgerClient,
        rpc::client::{ClientOptions, connect},
    },
    store::directory::DataDirectory,
};

/// Calls in flight at a time when events are posted one call each.
const IN_FLIGHT: u64 = 64;
/// Events a second of the open loop.
const OPEN_LOOP_RATE: u32 = 1000;
/// Syncs that the disk's own figure is made of.
const DISK_SYNCS: u32 = 2000;
/// How often each rate is measured; the middle one counts.
const ROUNDS: usize = 3;

/// Measure how fast this machine and disk take events
///
/// Posts realistic deployment events to a ledger in a temporary directory, durably, and to a server that only decodes
/// and answers, and prints both with their ratio. Nothing is left behind.
#[derive(Debug, clap::Args)]
pub(super) struct Bench {
    /// Where to put the temporary ledger: on the disk that is to be measured
    #[arg(long, value_name = "DIR", value_parser = args::path, default_value = ".")]
    dir: PathBuf,
    /// Events of each round over a stream; a tenth as many are posted one call each
    #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u64).range(1_000..))]
    events: u64,
    /// How long to post 1,000 events a second for the latencies
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
}

impl Bench {
    pub(super) fn run(self, output: &mut Output) -> Result<Exit, CliError> {
        say("note", "measuring; this takes a minute or two");
        let figures = measure(&self.dir, self.events, Duration::from_secs(self.seconds))?;
        output.print(&figures)?;
        Ok(Exit::Done)
    }
}

/// Measures ingest with a ledger in a temporary directory below `dir`.
pub(super) fn measure(dir: &Path, events: u64, open_loop: Duration) -> Result<Figures, CliError> {
    let temporary = tempfile::Builder::new()
        .prefix("exhibit-bench-")
        .tempdir_in(dir)
        .map_err(CliError::write(dir))?;
    let directory = new_ledger(&temporary.path().join("ledger"), "bench.example.com/ledger")?;
    let disk = disk::fdatasync(temporary.path(), DISK_SYNCS).map_err(CliError::write(dir))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::failed("can't start the network").because(error))?;
    runtime.block_on(compare(&directory, events, open_loop, &disk))
}

async fn compare(
    directory: &DataDirectory,
    events: u64,
    open_loop: Duration,
    disk: &Histogram<u64>,
) -> Result<Figures, CliError> {
    let ledger = LocalServer::ledger(directory).await?;
    let baseline = LocalServer::baseline().await?;
    let (mut streams, mut calls) = (Vec::new(), Vec::new());
    // In turn, so that a machine whose speed drifts is fair to both.
    for round in 0..ROUNDS {
        let run = format!("round-{round}");
        streams.push((
            load::stream(client(&ledger).await?, &run, events)
                .await
                .map_err(refused)?,
            load::stream(client(&baseline).await?, &run, events)
                .await
                .map_err(refused)?,
        ));
        let (run, events) = (format!("call-{round}"), events / 10);
        calls.push((
            load::unary(client(&ledger).await?, &run, events, IN_FLIGHT)
                .await
                .map_err(refused)?,
            load::unary(client(&baseline).await?, &run, events, IN_FLIGHT)
                .await
                .map_err(refused)?,
        ));
    }
    let idle = paced(&baseline, open_loop).await?;
    let latencies = paced(&ledger, open_loop).await?;
    ledger.stop().await?;
    baseline.stop().await?;
    let payload_bytes = payload_bytes(directory)?;
    Ok(Figures {
        stream: middle(streams),
        unary: middle(calls),
        open_loop_rate: OPEN_LOOP_RATE,
        append: Latency::of(&latencies),
        append_baseline: Latency::of(&idle),
        fdatasync: Latency::of(disk),
        entries: payload_bytes.0,
        payload_bytes: payload_bytes.1,
        journal_bytes: bytes_below(&directory.path().join("journal")),
        index_bytes: bytes_below(&directory.index_path()),
    })
}

/// The latencies of calls at a steady rate.
async fn paced(server: &LocalServer, lasting: Duration) -> Result<Histogram<u64>, CliError> {
    load::open_loop(client(server).await?, "open-loop", OPEN_LOOP_RATE, lasting)
        .await
        .map_err(refused)
}

async fn client(server: &LocalServer) -> Result<LedgerClient<tonic::transport::Channel>, CliError> {
    connect(&server.url(), &ClientOptions::default())
        .await
        .map_err(|error| CliError::failed("can't reach the server").because(error))
}

fn refused(status: Status) -> CliError {
    CliError::failed(format!("the server refused: {}", status.message())).because(status)
}

/// The round with the middle ratio: one figure is of one run, ledger and baseline together.
fn middle(mut rounds: Vec<(Rate, Rate)>) -> Versus {
    let ratio = |(ledger, baseline): &(Rate, Rate)| ledger.per_second() / baseline.per_second();
    rounds.sort_by(|a, b| ratio(a).total_cmp(&ratio(b)));
    let middle = rounds.get(rounds.len() / 2);
    middle.map_or(Versus::default(), |(ledger, baseline)| Versus {
        ledger: ledger.per_second(),
        baseline: baseline.per_second(),
    })
}

/// How many entries a ledger has, and how many bytes of payload content.
fn payload_bytes(directory: &DataDirectory) -> Result<(u64, u64), CliError> {
    use crate::ledger::{
        payload::{Part, decode_parts},
        position::{EntryIndex, count},
    };
    let reader = directory.reader().map_err(super::reading::journal_error)?;
    let mut bytes = 0u64;
    for batch in reader.batches(EntryIndex::default()) {
        for block in batch.map_err(super::reading::journal_error)?.blocks {
            let mut rest = block.payloads.as_slice();
            while let Ok((parts, left)) = decode_parts(rest) {
                for part in parts {
                    if let Part::Disclosed(part) = part {
                        bytes = bytes.saturating_add(count(part.content.len()));
                    }
                }
                rest = left;
            }
        }
    }
    Ok((reader.size().value(), bytes))
}

/// What the files below a directory take on disk.
fn bytes_below(path: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(path) else {
        return 0;
    };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => bytes_below(&entry.path()),
            Ok(metadata) => std::os::unix::fs::MetadataExt::blocks(&metadata).saturating_mul(512),
            Err(_) => 0,
        })
        .fold(0, u64::saturating_add)
}
