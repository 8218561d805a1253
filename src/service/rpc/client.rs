//! Connecting to a server.

use std::time::Duration;

use tonic::transport::{Channel, Endpoint};

use crate::service::proto::ledger_client::LedgerClient;

/// How a client connects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientOptions {
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long a call that is answered once may take; `None` for as long as it takes. Streams are not concerned.
    pub call_timeout: Option<Duration>,
    /// After this long without a word the server is asked whether it is there.
    pub keepalive_interval: Duration,
    /// The most bytes of a message from the server.
    pub message_bytes_max: usize,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The address can't be one.
    #[error("{address:?} is not the address of a server; it looks like http://127.0.0.1:8087")]
    Address {
        /// What was given.
        address: String,
    },
    /// Nobody answers there.
    #[error("no server answers at {address}; start one with `exhibit serve`, or check the address")]
    Unreachable {
        /// Where.
        address: String,
        /// What the transport says.
        #[source]
        error: tonic::transport::Error,
    },
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            call_timeout: None,
            keepalive_interval: Duration::from_secs(30),
            message_bytes_max: 64 << 20,
        }
    }
}

/// Connects to the server at an address such as `http://127.0.0.1:8087` or `127.0.0.1:8087`.
///
/// # Errors
/// When the address can't be one, or nobody answers there in time.
pub async fn connect(
    address: &str,
    options: &ClientOptions,
) -> Result<LedgerClient<Channel>, ConnectError> {
    let channel = channel(address, options)?;
    let unreachable = |error| ConnectError::Unreachable {
        address: address.to_owned(),
        error,
    };
    let channel = channel.connect().await.map_err(unreachable)?;
    Ok(LedgerClient::new(channel).max_decoding_message_size(options.message_bytes_max))
}

fn channel(address: &str, options: &ClientOptions) -> Result<Endpoint, ConnectError> {
    let malformed = || ConnectError::Address {
        address: address.to_owned(),
    };
    let uri = if address.contains("://") {
        address.to_owned()
    } else {
        format!("http://{address}")
    };
    // Without TLS a connection to an https address could only fail later, and less clearly.
    let plain = uri.strip_prefix("http://").ok_or_else(malformed)?;
    if plain.is_empty() {
        return Err(malformed());
    }
    let mut endpoint = Endpoint::from_shared(uri)
        .map_err(|_| malformed())?
        .connect_timeout(options.connect_timeout)
        .http2_keep_alive_interval(options.keepalive_interval)
        .keep_alive_timeout(options.keepalive_interval)
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(4 << 20)
        .tcp_nodelay(true);
    if let Some(timeout) = options.call_timeout {
        endpoint = endpoint.timeout(timeout);
    }
    Ok(endpoint)
}
