//! A server in this process, on a free port of this machine: for the demo and the benchmark, over real sockets.

use std::{future::Future, io, net::SocketAddr, path::Path};

use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

use super::{error::CliError, reading::directory_error};
use crate::{
    service::{
        config::Config,
        ledger::{Ledger, LedgerOptions},
        rpc::{ServeError, serve, serve_baseline},
    },
    store::directory::DataDirectory,
};

/// A running server. Dropped without [`LocalServer::stop`] it ends with the runtime.
pub(super) struct LocalServer {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    served: JoinHandle<Result<(), ServeError>>,
}

impl LocalServer {
    /// Serves the ledger of a data directory.
    pub(super) async fn ledger(directory: &DataDirectory) -> Result<Self, CliError> {
        let (ledger, _) = Ledger::open(directory, LedgerOptions::default()).map_err(|error| {
            let what = format!("can't open the ledger in {}", directory.path().display());
            CliError::failed(what).because(error)
        })?;
        Self::start(|listener, told| async move {
            serve(ledger, &Config::default(), listener, told).await
        })
        .await
    }

    /// Serves nothing: takes events, and answers.
    pub(super) async fn baseline() -> Result<Self, CliError> {
        Self::start(|listener, told| async move { serve_baseline(listener, told).await }).await
    }

    async fn start<S, F>(serve: S) -> Result<Self, CliError>
    where
        S: FnOnce(TcpListener, Told) -> F,
        F: Future<Output = Result<(), ServeError>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(no_port)?;
        let address = listener.local_addr().map_err(no_port)?;
        let (stop, told) = oneshot::channel();
        let served = tokio::spawn(serve(listener, Told(told)));
        Ok(Self {
            address,
            stop,
            served,
        })
    }

    /// Where it listens, as a URL.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops it in order, and waits until it has.
    pub(super) async fn stop(self) -> Result<(), CliError> {
        // The server may have ended already; what it says of it follows.
        let _ = self.stop.send(());
        let failed = |error: Box<dyn std::error::Error + Send + Sync>| {
            CliError::failed("the server failed").because(error)
        };
        match self.served.await {
            Ok(served) => served.map_err(|error| failed(error.into())),
            Err(panicked) => Err(failed(panicked.into())),
        }
    }
}

/// Completes when the server is told to stop.
struct Told(oneshot::Receiver<()>);

impl Future for Told {
    type Output = ();

    fn poll(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<()> {
        std::pin::Pin::new(&mut self.0).poll(cx).map(drop)
    }
}

fn no_port(error: io::Error) -> CliError {
    CliError::failed("can't listen on a free port of 127.0.0.1").because(error)
}

/// A new ledger with a new key.
pub(super) fn new_ledger(path: &Path, origin: &str) -> Result<DataDirectory, CliError> {
    let origin = origin
        .parse()
        .map_err(|error| CliError::failed("the ledger's name can't be used").because(error))?;
    let key = super::key::generate(origin)?;
    DataDirectory::create(path, &key, super::init::SETTINGS).map_err(directory_error)
}
