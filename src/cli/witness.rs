//! `exhibit witness`: cosigning the checkpoints of other people's ledgers.

use std::{
    io::{self, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use super::{
    args,
    error::CliError,
    exit::Exit,
    output::{Format, Output, Render, field_table, fields},
    serve::{Signals, bind, no_signals, tell_ready},
};
use crate::{
    ledger::note::{CosigningKey, KeyName, KeyType, VerifierKey},
    service::{
        config::{Config, Limits},
        witness::{Witness, serve_witness},
    },
    store::witness::{WitnessDirectory, WitnessError},
};

/// Run a witness: cosign the checkpoints of other people's ledgers, as long as each has one history
#[derive(Debug, clap::Args)]
pub(super) struct WitnessCommand {
    #[command(subcommand)]
    command: Subcommand,
}

#[derive(Debug, clap::Subcommand)]
enum Subcommand {
    /// Make a witness: its key, and the list of the logs it cosigns for (offline)
    Init(Init),
    /// Cosign checkpoints over HTTP (c2sp.org/tlog-witness): POST /add-checkpoint
    ///
    /// When it is ready it says `listening on ADDRESS` on stderr. What it has cosigned is in its directory before it answers;
    /// that directory must never be set back to an older copy.
    Serve(Serve),
}

#[derive(Debug, clap::Args)]
struct Init {
    /// The witness's directory: new, or empty
    #[arg(value_parser = args::path)]
    dir: PathBuf,
    /// The witness's name: a URL without its scheme is recommended, such as witness.example.org/audit
    #[arg(long, value_name = "NAME", value_parser = args::origin)]
    name: KeyName,
    /// A log to cosign for, its verifier key or @ and the file it stands in; may be repeated. The file `logs` lists them
    #[arg(long = "log", value_name = "VKEY|@FILE", value_parser = args::verifier_key)]
    logs: Vec<VerifierKey>,
    /// The type of its key
    #[arg(long = "type", value_enum, default_value_t = Cosignatures::Ed25519)]
    kind: Cosignatures,
}

/// The types of cosignatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Cosignatures {
    /// Ed25519 with a time (0x04), which every tool reads
    Ed25519,
    /// ML-DSA-44 with a time (0x06), against quantum computers
    #[value(name = "ml-dsa-44")]
    MlDsa44,
}

#[derive(Debug, clap::Args)]
struct Serve {
    /// The witness's directory, made by `exhibit witness init`
    #[arg(long, value_name = "DIR", value_parser = args::path)]
    dir: PathBuf,
    /// Address and port to listen on; port 0 for any that is free
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8089")]
    listen: SocketAddr,
}

impl WitnessCommand {
    pub(super) fn run(self, output: &mut Output) -> Result<Exit, CliError> {
        match self.command {
            Subcommand::Init(init) => init.run(output),
            Subcommand::Serve(serve) => serve.run(output),
        }
    }
}

impl Init {
    fn run(self, output: &mut Output) -> Result<Exit, CliError> {
        let kind = match self.kind {
            Cosignatures::Ed25519 => KeyType::CosignatureV1,
            Cosignatures::MlDsa44 => KeyType::MlDsa44,
        };
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(seed.as_mut_slice())
            .map_err(|error| CliError::failed("the system gives no random bytes").because(error))?;
        let key = CosigningKey::from_seed(self.name, kind, &seed)
            .map_err(|error| CliError::failed("there is no such key").because(error))?;
        if let Some(log) = self
            .logs
            .iter()
            .find(|log| log.key_type() == KeyType::CosignatureV1)
        {
            return Err(CliError::usage(
                format!("{log} is a witness's key, not a log's"),
                "give the verifier key that the log's operator publishes",
            ));
        }
        WitnessDirectory::create(&self.dir, &key, &self.logs).map_err(unusable)?;
        output.print(&Made {
            dir: &self.dir,
            key: key.verifier(),
            logs: self.logs.len(),
        })?;
        Ok(Exit::Done)
    }
}

impl Serve {
    fn run(self, output: &mut Output) -> Result<Exit, CliError> {
        let directory = WitnessDirectory::open(&self.dir).map_err(unusable)?;
        let witness = Witness::open(directory).map_err(unusable)?;
        super::serve::start_log(&Config::default())?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|error| CliError::failed("can't start the witness").because(error))?;
        let as_json = output.format() == Format::Json;
        runtime.block_on(async {
            let listener: TcpListener = bind(self.listen, "--listen").await?;
            let address = listener.local_addr().map_err(no_signals)?;
            let mut signals = Signals::listen().map_err(no_signals)?;
            tracing::info!(key = %witness.verifier(), logs = witness.logs(), "witnessing");
            tell_ready(address, as_json);
            let stopping = CancellationToken::new();
            let served = tokio::spawn(serve_witness(
                Arc::new(witness),
                Limits::default(),
                listener,
                stopping.clone(),
            ));
            signals.next().await;
            stopping.cancel();
            served
                .await
                .map_err(|error| CliError::failed("the witness stopped").because(error))
        })?;
        Ok(Exit::Done)
    }
}

fn unusable(error: WitnessError) -> CliError {
    CliError::failed("the witness can't be used").because(error)
}

struct Made<'a> {
    dir: &'a Path,
    key: &'a VerifierKey,
    logs: usize,
}

impl Made<'_> {
    fn fields(&self) -> [(&'static str, String); 3] {
        [
            ("directory", self.dir.display().to_string()),
            ("verifier key", self.key.to_string()),
            ("logs", self.logs.to_string()),
        ]
    }
}

impl Render for Made<'_> {
    const FORMAT: &'static str = "exhibit-witness-init/1";

    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "made a new witness")?;
        fields(out, &self.fields())?;
        writeln!(
            out,
            "\nGive the verifier key to the logs' operators, for their policies, and to everyone who is to verify.\n\
             Keep witness.key secret. Next: exhibit witness serve --dir {}",
            self.dir.display()
        )
    }

    fn markdown(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "**New witness**\n")?;
        field_table(out, &self.fields())
    }

    fn json(&self) -> serde_json::Result<serde_json::Value> {
        Ok(serde_json::json!({
            "dir": self.dir.display().to_string(),
            "verifier_key": self.key.to_string(),
            "logs": self.logs,
        }))
    }
}
