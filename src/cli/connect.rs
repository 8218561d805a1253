//! A connection to a ledger's server.

use std::{fmt, sync::OnceLock, time::Duration};

use tonic::{Status, transport::Channel};

use super::{error::CliError, status::ServerError};
use crate::service::{
    proto::ledger_client::LedgerClient,
    rpc::client::{ClientOptions, connect},
};

/// Where a server listens unless it is told otherwise.
pub(super) const DEFAULT_SERVER: &str = "http://127.0.0.1:8087";

/// How long a server may take where the command line did not say.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the command line says, for every session of the process.
static ALLOWED: OnceLock<Duration> = OnceLock::new();

/// Gives every session that is opened from now on this long for each answer.
pub(super) fn allow(patience: Duration) {
    // There is one command line.
    let _ = ALLOWED.set(patience);
}

/// How long whoever is asked may take for an answer.
pub(super) fn patience() -> Duration {
    ALLOWED.get().copied().unwrap_or(PATIENCE)
}

/// A server's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ServerUrl(String);

impl ServerUrl {
    /// Reads an address such as `http://127.0.0.1:8087`.
    pub(super) fn parse(value: &str) -> Result<Self, String> {
        let example = "write it as http://ledger.example.com:8087";
        if value.starts_with("https://") {
            return Err(
                "this client speaks no TLS yet; use http:// through a tunnel or a local proxy"
                    .to_owned(),
            );
        }
        let authority = value
            .strip_prefix("http://")
            .ok_or(example)?
            .trim_end_matches('/');
        if authority.is_empty() || authority.contains(['/', '@', ' ', '?', '#', '%']) {
            return Err(example.to_owned());
        }
        Ok(Self(format!("http://{authority}")))
    }

    /// Host and port.
    pub(super) fn authority(&self) -> &str {
        self.0.strip_prefix("http://").unwrap_or(&self.0)
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which server.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct ServerArgs {
    /// The ledger's server
    #[arg(
        long,
        env = "EXHIBIT_SERVER",
        hide_env_values = true,
        value_name = "URL",
        value_parser = ServerUrl::parse,
        default_value = DEFAULT_SERVER
    )]
    pub(super) server: ServerUrl,
}

/// A connection, and the thread's runtime that drives it.
pub(super) struct Session {
    runtime: tokio::runtime::Runtime,
    client: LedgerClient<Channel>,
    url: ServerUrl,
    /// How long the server may take for an answer, or for the next message of a stream.
    patience: Duration,
}

impl Session {
    /// Connects.
    pub(super) fn open(url: &ServerUrl) -> Result<Self, CliError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| CliError::failed("can't start the network client").because(error))?;
        let client = runtime
            .block_on(connect(&url.0, &ClientOptions::default()))
            .map_err(|error| CliError::Server(Box::new(ServerError::unreachable(url, error))))?;
        Ok(Self {
            runtime,
            client,
            url: url.clone(),
            patience: patience(),
        })
    }

    /// Gives up on a server that takes longer than this for an answer, or for the next message of a stream.
    pub(super) fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Makes one call.
    pub(super) fn call<T>(
        &mut self,
        call: impl AsyncFnOnce(&mut LedgerClient<Channel>) -> Result<tonic::Response<T>, Status>,
    ) -> Result<T, CliError> {
        let patience = self.patience;
        let client = &mut self.client;
        let answered = async { tokio::time::timeout(patience, call(client)).await };
        match self.runtime.block_on(answered) {
            Ok(answered) => answered
                .map(tonic::Response::into_inner)
                .map_err(|status| refused(&self.url, status)),
            Err(_) => Err(self.late()),
        }
    }

    /// Waits for the next message of a stream.
    pub(super) fn next<T>(
        &mut self,
        stream: &mut tonic::Streaming<T>,
    ) -> Result<Option<T>, CliError> {
        let next = async { tokio::time::timeout(self.patience, stream.message()).await };
        match self.runtime.block_on(next) {
            Ok(next) => next.map_err(|status| refused(&self.url, status)),
            Err(_) => Err(self.late()),
        }
    }

    fn late(&self) -> CliError {
        CliError::Server(Box::new(ServerError::Late {
            url: self.url.clone(),
            patience: self.patience,
        }))
    }
}

fn refused(url: &ServerUrl, status: Status) -> CliError {
    CliError::Server(Box::new(ServerError::Refused {
        url: url.clone(),
        status: Box::new(status),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_scheme_and_nothing_behind_the_port() {
        assert_eq!(
            ServerUrl::parse("http://[::1]:8087/").unwrap().authority(),
            "[::1]:8087"
        );
        for wrong in [
            "",
            "localhost:8087",
            "http://",
            "http://a/b",
            "http://u@h",
            "https://h",
            "http://a b",
        ] {
            assert!(ServerUrl::parse(wrong).is_err(), "{wrong}");
        }
    }
}
