//! Starting and stopping the server.
//!
//! Stopping has four steps. The listener closes and clients are told to go (`GOAWAY`); calls in flight go on, streams
//! of events get the answers to what they sent and then `SHUTTING_DOWN`; when all are done, or the grace period is
//! over, what connections are left are cut; last, the ledger commits what is queued and gives its lock back. So an
//! acknowledged event is in the ledger whatever happens in between.

use std::{sync::Arc, time::Duration};

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::{
    service::Routes,
    transport::{Server, server::Router},
};
use tonic_health::{ServingStatus, server::HealthReporter};

use super::{connection::connections, explain::Explained, service::LedgerService};
use crate::service::{
    config::{Config, HttpListen, Limits},
    cosigning::Cosigning,
    http::HttpService,
    ledger::Ledger,
    proto::{FILE_DESCRIPTOR_SET, ledger_server},
};

/// Bytes of requests that a client may send ahead on one stream, and on one connection.
///
/// What is sent ahead waits in frames while the ledger waits for its disk, and h2 counts what a frame falls short of 256
/// bytes: where that comes to half of the connection's window, it takes the client for an attacker and closes the
/// connection. So the one window is much smaller than the other: nine streams can be full of events of 60 bytes, each in a
/// frame of its own, before it comes to that, and meanwhile flow control holds the clients up.
const STREAM_WINDOW: u32 = 256 << 10;
const CONNECTION_WINDOW: u32 = 16 << 20;
/// The most bytes of headers.
const HEADERS_BYTES_MAX: u32 = 16 << 10;
/// How often to look whether the ledger has stopped.
const LOOK: Duration = Duration::from_millis(500);
/// How long connections may take to notice that they were cut.
const CUT: Duration = Duration::from_secs(1);

/// Why a server ended otherwise than it was told to.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The listener is gone or useless.
    #[error("the listener can't be used: {0}")]
    Listener(#[from] std::io::Error),
    /// The transport.
    #[error("the server failed: {0}")]
    Transport(#[from] tonic::transport::Error),
    /// The definitions that are compiled in are damaged: a defect.
    #[error("the reflection service can't be built: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
}

/// Where the server listens.
#[derive(Debug)]
pub struct Listeners {
    /// For gRPC, and for reading over HTTP unless that has a listener of its own.
    pub grpc: TcpListener,
    /// For reading over HTTP alone.
    pub http: Option<TcpListener>,
}

impl From<TcpListener> for Listeners {
    fn from(grpc: TcpListener) -> Self {
        Self { grpc, http: None }
    }
}

/// Serves a ledger until the future completes, then shuts both down in order.
///
/// # Errors
/// When the server can't be started or fails. The ledger is shut down then too.
pub async fn serve(
    ledger: Ledger,
    config: &Config,
    listeners: impl Into<Listeners>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    serve_cosigned(ledger, config, listeners, None, shutdown).await
}

/// As [`serve`], with witnesses that cosign the checkpoints.
///
/// # Errors
/// As [`serve`].
pub async fn serve_cosigned(
    ledger: Ledger,
    config: &Config,
    listeners: impl Into<Listeners>,
    cosigning: Option<Arc<Cosigning>>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let Listeners { grpc, http } = listeners.into();
    let address = grpc.local_addr()?;
    if !address.ip().is_loopback() {
        tracing::warn!(
            %address,
            "listening beyond this machine, without authentication or encryption: anyone who reaches it can post and read"
        );
    }
    tracing::info!(%address, origin = %ledger.origin(), size = %ledger.checkpoint().checkpoint().size, "serving");
    let stopping = CancellationToken::new();
    // It goes on while the server stops: calls that are still waiting for witnesses may have their answer.
    let submitting = cosigning
        .clone()
        .map(|cosigning| tokio::spawn(cosigning.run()));
    let service = LedgerService::new(
        ledger.clone(),
        config.limits,
        cosigning.clone(),
        stopping.clone(),
    );
    let reading = HttpService::new(ledger.clone(), config.http.kept_bytes);
    if let Some(http) = http {
        tracing::info!(address = %http.local_addr()?, "serving tiles over HTTP");
        let router = reading.clone().beside(Default::default());
        tokio::spawn(serve_http(router, config.limits, http, stopping.clone()));
    }
    let shared = (config.http.listen == HttpListen::Same).then_some(reading);
    let health = HealthReporter::new();
    let quitting = CancellationToken::new();
    let watch = watch_health(ledger.clone(), cosigning, health.clone(), quitting.clone());
    let shutdown = async move {
        shutdown.await;
        quitting.cancel();
    };
    let run = run(
        service,
        config.limits,
        grpc,
        shared,
        health,
        stopping,
        shutdown,
    );
    let served = tokio::select! {
        served = run => served,
        never = watch => never,
    };
    if let Some(submitting) = submitting {
        submitting.abort();
    }
    ledger.shutdown().await;
    match &served {
        Ok(()) => {
            tracing::info!(size = %ledger.checkpoint().checkpoint().size, "stopped");
        }
        Err(error) => tracing::error!(%error, "stopped"),
    }
    served
}

/// Serves something that answers the API, until told to stop.
pub(super) async fn run<S: ledger_server::Ledger>(
    service: S,
    limits: Limits,
    listener: TcpListener,
    reading: Option<HttpService>,
    health: HealthReporter,
    stopping: CancellationToken,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let cut = CancellationToken::new();
    let incoming = connections(listener, limits, cut.clone());
    report(&health, ServingStatus::Serving).await;
    let told = stopping.clone().cancelled_owned();
    let served =
        routes(service, limits, reading, &health)?.serve_with_incoming_shutdown(incoming, told);
    tokio::pin!(served);
    tokio::select! {
        served = &mut served => return Ok(served?),
        () = shutdown => {}
    }
    tracing::info!("stopping");
    retire(health).await;
    stopping.cancel();
    if let Ok(served) = tokio::time::timeout(limits.grace_period, &mut served).await {
        return Ok(served?);
    }
    tracing::warn!("the grace period is over: cutting the connections that are left");
    cut.cancel();
    match tokio::time::timeout(CUT, served).await {
        Ok(served) => Ok(served?),
        Err(_) => Ok(()),
    }
}

fn routes<S: ledger_server::Ledger>(
    service: S,
    limits: Limits,
    reading: Option<HttpService>,
    health: &HealthReporter,
) -> Result<Router, ServeError> {
    let reflection = || {
        // Errors carry the types of `google.rpc` as `Any`, which no definition of ours names. The first set also has a
        // Status, under another file's name; the one that ours import replaces it.
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let ledger = ledger_server::LedgerServer::new(service)
        .max_decoding_message_size(limits.message_bytes_max);
    let health = tonic_health::server::HealthService::from_health_reporter(health.clone());
    let mut routes = Routes::new(Explained(ledger))
        .add_service(tonic_health::pb::health_server::HealthServer::new(health))
        .add_service(reflection().build_v1()?)
        .add_service(reflection().build_v1alpha()?);
    let speaks_http1 = reading.is_some();
    if let Some(reading) = reading {
        routes = reading.beside(routes.into_axum_router()).into();
    }
    Ok(transport(limits)
        .accept_http1(speaks_http1)
        .add_routes(routes.prepare()))
}

/// The limits that hold for every connection.
fn transport(limits: Limits) -> Server {
    Server::builder()
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(limits.calls_max)
        .http2_max_header_list_size(HEADERS_BYTES_MAX)
        .http2_keepalive_interval(Some(limits.keepalive_interval))
        .http2_keepalive_timeout(Some(limits.keepalive_timeout))
}

/// Serves plain HTTP until told to stop: connections counted, headers bounded, cut off after the grace period.
pub(crate) async fn serve_http(
    router: axum::Router,
    limits: Limits,
    listener: TcpListener,
    stopping: CancellationToken,
) {
    let cut = CancellationToken::new();
    let incoming = connections(listener, limits, cut.clone());
    let told = stopping.clone().cancelled_owned();
    let served = transport(limits)
        .accept_http1(true)
        .add_routes(Routes::from(router).prepare())
        .serve_with_incoming_shutdown(incoming, told);
    let cutting = async {
        stopping.cancelled().await;
        tokio::time::sleep(limits.grace_period).await;
        cut.cancel();
        tokio::time::sleep(CUT).await;
    };
    tokio::select! {
        served = served => if let Err(error) = served {
            tracing::error!(%error, "serving HTTP has ended");
        },
        () = cutting => {}
    }
}

const SERVICES: [&str; 2] = ["", ledger_server::SERVICE_NAME];

async fn report(health: &HealthReporter, status: ServingStatus) {
    for service in SERVICES {
        health.set_service_status(service, status).await;
    }
}

/// Tells everybody who watches that this server no longer serves, and ends their streams, which would otherwise use
/// up the grace period.
async fn retire(mut health: HealthReporter) {
    report(&health, ServingStatus::NotServing).await;
    for service in SERVICES {
        health.clear_service_status(service).await;
    }
}

/// Reports when the ledger takes no events any more, and, of the service alone, when a server that fails closed holds
/// checkpoints back; never ends.
async fn watch_health<T>(
    ledger: Ledger,
    cosigning: Option<Arc<Cosigning>>,
    health: HealthReporter,
    quitting: CancellationToken,
) -> T {
    let mut reported = ServingStatus::Serving;
    while !quitting.is_cancelled() {
        if ledger.stopped().is_some() {
            report(&health, ServingStatus::NotServing).await;
            break;
        }
        let withholds = cosigning.as_deref().is_some_and(Cosigning::withholds);
        let status = if withholds {
            ServingStatus::NotServing
        } else {
            ServingStatus::Serving
        };
        if status != reported {
            health
                .set_service_status(ledger_server::SERVICE_NAME, status)
                .await;
            reported = status;
        }
        tokio::time::sleep(LOOK).await;
    }
    std::future::pending().await
}
