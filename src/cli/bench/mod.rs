//! `exhibit bench`: how fast this machine and this disk take evidence, against a server that does nothing with it.
//!
//! Both servers run the same network code in this process, on sockets of their own, and are posted the same events by the
//! same client. The one makes them durable, signed and indexed; the other only decodes and answers. What the ledger itself
//! costs is the difference. The disk is measured by itself in the same run.

pub mod disk;
pub mod load;

use std::{io::Write, path::PathBuf, time::Duration};

use clap::Args;
use hdrhistogram::Histogram;
use serde::Serialize;
use tokio::net::TcpListener;
use tonic::transport::{Channel, Endpoint};

use super::{
    error::CliError,
    exit::Exit,
    output::{Output, Render},
};
use crate::service::{
    config::Config,
    ledger::{Ledger, LedgerOptions},
    proto::ledger_client::LedgerClient,
    rpc,
};

/// Measure ingest on this machine and disk
///
/// Posts realistic deployment events to a ledger in a temporary directory, durably, and to a server that only decodes
/// and answers, and prints both with their ratio. Nothing is left behind.
#[derive(Debug, Args)]
pub(super) struct Bench {
    /// Where to put the temporary ledger: on the disk that is to be measured
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// Events to stream; a fifth of them are posted one call each
    #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u64).range(1_000..))]
    events: u64,
    /// How long to post at 1,000 events a second for the latencies
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
}
