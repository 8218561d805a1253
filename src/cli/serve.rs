//! `exhibit serve`: the server.

use std::{
    io::{self, IsTerminal, stderr},
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use tokio::net::TcpListener;
#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;

use super::{
    args,
    config::unusable,
    error::{CliError, say, system_error},
    exit::Exit,
    output::{Format, Output},
    reading::directory_error,
};
use crate::{
    service::{
        config::{Config, HttpListen, LogFormat, Override},
        cosigning::Cosigning,
        ledger::{Ledger, LedgerError, Opened},
        rpc::{Listeners, serve_cosigned},
        timestamps,
    },
    store::{directory::DataDirectory, index::IndexError},
};

/// How long what is still under way in threads may take when everything else has ended. The ledger is shut down by then;
/// left are files that are being written, and requests to witnesses and authorities that nobody waits for any more.
const LEAVE: Duration = Duration::from_secs(2);

/// Serve a ledger over gRPC, and its tiles over HTTP
///
/// Checkpoint, tiles and entries are read with any tlog-tiles client on the same port, unless http.listen says
/// otherwise; see the manual, "Reading over HTTP". Logs go to stderr. When it is ready it says `listening on ADDRESS` there, or as JSON {"listening":"ADDRESS"}.
/// SIGINT or SIGTERM end it in order; a second one ends it at once. What was acknowledged is safe either way.
/// The exit code is 3 where the ledger stopped taking events, on a full disk for one.
#[derive(Debug, clap::Args)]
pub(super) struct Serve {
    /// The ledger's data directory, made by `exhibit init`
    #[arg(long, value_name = "DIR", value_parser = args::path, env = "EXHIBIT_DIR", hide_env_values = true)]
    dir: PathBuf,
    /// Address and port to listen on; port 0 for any that is free [env: EXHIBIT_LISTEN] [default: 127.0.0.1:8087]
    #[arg(long, value_name = "ADDRESS", value_parser = args::text)]
    listen: Option<String>,
    /// Any other setting, such as log.level=debug; `exhibit config show` lists them; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = setting)]
    settings: Vec<(String, String)>,
}

fn setting(value: &str) -> Result<(String, String), String> {
    match value.split_once('=') {
        Some((key, value)) if !key.is_empty() && !value.is_empty() => {
            Ok((key.to_owned(), value.to_owned()))
        }
        _ => Err("write it as KEY=VALUE, such as log.level=debug".to_owned()),
    }
}

impl Serve {
    pub(super) fn run(self, output: &mut Output) -> Result<Exit, CliError> {
        let directory = DataDirectory::open(&self.dir).map_err(directory_error)?;
        let (config, _) = Config::load(&self.dir, &self.overrides()).map_err(unusable)?;
        start_log(&config)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|error| CliError::failed("can't start the server").because(error))?;
        let as_json = output.format() == Format::Json || config.log.format == LogFormat::Json;
        let served = runtime.block_on(run(&directory, &config, as_json));
        runtime.shutdown_timeout(LEAVE);
        served.map(|()| Exit::Done)
    }

    fn overrides(&self) -> Vec<Override> {
        let given = |key: &str, value: &str, flag: &str| Override {
            key: key.to_owned(),
            value: value.to_owned(),
            flag: flag.to_owned(),
        };
        let listen = self.listen.iter();
        let settings = self.settings.iter();
        listen
            .map(|address| given("listen", address, "--listen"))
            .chain(settings.map(|(key, value)| given(key, value, &format!("--set {key}"))))
            .collect()
    }
}

async fn run(directory: &DataDirectory, config: &Config, as_json: bool) -> Result<(), CliError> {
    // Before the ledger, so that a port that is taken costs nothing; after it nothing is to fail.
    let listener = bind(config.listen, "--listen").await?;
    let http = match config.http.listen {
        HttpListen::Own(address) => Some(bind(address, "--set http.listen=ADDRESS").await?),
        HttpListen::Same | HttpListen::Off => None,
    };
    let address = listener.local_addr().map_err(no_signals)?;
    let mut signals = Signals::listen().map_err(no_signals)?;
    let ledger = open(directory, config)?;
    let cosigning = cosigning(&ledger, directory, config)?;
    tell_ready(address, as_json);
    let shutdown = async move {
        signals.next().await;
        tokio::spawn(async move {
            signals.next().await;
            tracing::warn!("told twice: stopping at once; what was acknowledged is safe");
            std::process::exit(Exit::Failed.code().into());
        });
    };
    let listeners = Listeners {
        grpc: listener,
        http,
    };
    let _stamping = timestamps::start(&ledger, &config.timestamps);
    serve_cosigned(ledger.clone(), config, listeners, cosigning, shutdown)
        .await
        .map_err(|error| CliError::failed("the server stopped").because(error))?;
    // Whoever supervises servers should not take this for a server that did its work to the end.
    match ledger.stopped() {
        None => Ok(()),
        Some(reason) => Err(CliError::failed("the ledger stopped taking events").because(reason)),
    }
}

/// The witnesses that the settings name, if any.
fn cosigning(
    ledger: &Ledger,
    directory: &DataDirectory,
    config: &Config,
) -> Result<Option<Arc<Cosigning>>, CliError> {
    let Some(policy) = &config.witness.policy else {
        return Ok(None);
    };
    let options = config.witness.cosigning.clone();
    Cosigning::open(ledger.clone(), directory.path(), policy, options)
        .map(Some)
        .map_err(|error| CliError::failed("the witnesses can't be used").because(error))
}

pub(super) async fn bind(address: SocketAddr, flag: &str) -> Result<TcpListener, CliError> {
    TcpListener::bind(address).await.map_err(|error| {
        CliError::failed(format!("can't listen on {address}"))
            .because(error)
            .with_help(format!(
                "is a server running there already? Name another address with {flag}"
            ))
    })
}

fn open(directory: &DataDirectory, config: &Config) -> Result<Ledger, CliError> {
    let (ledger, opened) = Ledger::open(directory, config.ledger_options()).map_err(|error| {
        let help = way_out(&error);
        let what = format!("can't open the ledger in {}", directory.path().display());
        let told = CliError::failed(what).because(error);
        match help {
            Some(help) => told.with_help(help),
            None => told,
        }
    })?;
    tell_opened(&opened);
    Ok(ledger)
}

/// What to do about a disk that the ledger can't be opened on, where that can be told.
fn way_out(error: &LedgerError) -> Option<&'static str> {
    let kind = match error {
        LedgerError::Index(IndexError::Disk { kind, .. }) => *kind,
        other => system_error(other)?,
    };
    match kind {
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => Some(
            "a server writes to its data directory: make it writable for this user; \
             `exhibit verify`, `list` and `export --dir` read it as it is",
        ),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            Some("make room on the disk and start again; what was acknowledged is there")
        }
        _ => None,
    }
}

/// Logs what opening found, as far as it is worth a line.
fn tell_opened(opened: &Opened) {
    if let Some(why) = &opened.rebuilt {
        tracing::warn!(%why, "the index was rebuilt from the journal");
    }
    if opened.caught_up > 0 {
        tracing::info!(
            entries = opened.caught_up,
            "the index caught up with the journal"
        );
    }
    if let Some(cut) = &opened.journal.cut {
        tracing::warn!(
            ?cut,
            "an interrupted write was cut off the journal; nothing acknowledged was in it"
        );
    }
}

/// Says on stderr that the server is ready, in a form that a script can wait for.
pub(super) fn tell_ready(address: SocketAddr, as_json: bool) {
    if as_json {
        anstream::eprintln!(
            "{}",
            serde_json::json!({ "listening": address.to_string() })
        );
    } else {
        anstream::eprintln!("listening on {address}");
    }
}

pub(super) fn start_log(config: &Config) -> Result<(), CliError> {
    start_log_with(&config.log.level, config.log.format == LogFormat::Json)
}

/// Starts the log, on stderr.
pub(super) fn start_log_with(level: &str, as_json: bool) -> Result<(), CliError> {
    let filter = EnvFilter::try_new(level).map_err(|error| {
        CliError::failed(format!("log.level {level:?} is not a level or a filter"))
            .because(error)
            .with_help("set it to error, warn, info, debug or trace")
    })?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(stderr)
        .with_ansi(stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none());
    let started = if as_json {
        log.json().try_init()
    } else {
        log.try_init()
    };
    if started.is_err() {
        say("warning", "something else logs already");
    }
    Ok(())
}

pub(super) fn no_signals(error: io::Error) -> CliError {
    CliError::failed("the system refused what a server needs").because(error)
}

/// SIGINT and SIGTERM.
#[cfg(unix)]
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

#[cfg(unix)]
impl Signals {
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Ctrl-C, where there are no signals.
#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self)
    }

    pub(super) async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
