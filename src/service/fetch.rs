//! The client for other people's HTTP servers: witnesses, time stamping authorities, ledgers.
//!
//! It blocks; in the server call it from `spawn_blocking`. One [`Fetcher`] keeps its connections and may be shared by
//! threads. What must always be true: nothing that a server does, or leaves undone, takes longer or more memory than
//! the [`FetchOptions`] allow, and every error names the URL.
//!
//! Every status is an answer, because protocols give theirs a meaning; [`Answer::content`] is for whoever wants 200 and
//! nothing else. Redirects are not followed: an answer has to come from whom it was asked of.
//!
//! `https` trusts the system's certificates, as `SSL_CERT_FILE` and `SSL_CERT_DIR` change them, or the given ones
//! alone. `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` are heeded.

use std::{
    io,
    sync::{Arc, OnceLock},
    time::Duration,
};

use ureq::{
    Agent,
    http::{Response, header},
    tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem},
};

/// Who is asking.
const USER_AGENT: &str = concat!("exhibit/", env!("CARGO_PKG_VERSION"));
/// The most bytes of an answer's head.
const HEAD_BYTES_MAX: usize = 16 << 10;
/// The most characters of a refusal that are worth repeating.
const TOLD_CHARS_MAX: usize = 200;

/// How far a server is followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchOptions {
    /// How long connecting may take, handshake included.
    pub connect_timeout: Duration,
    /// How long all of it may take: connecting, asking, the last byte of the answer.
    pub timeout: Duration,
    /// The most bytes of an answer's body.
    pub body_bytes_max: u64,
    /// Certificates in PEM that are trusted instead of the system's.
    pub roots_pem: Option<Vec<u8>>,
}

impl Default for FetchOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(30),
            body_bytes_max: 16 << 20,
            roots_pem: None,
        }
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Not a URL that can be fetched.
    #[error(
        "{url:?} can't be fetched; write it as http://HOST[:PORT]/PATH or https://HOST[:PORT]/PATH"
    )]
    Url {
        /// What was given.
        url: String,
    },
    /// No certificate to check the server's with.
    #[error(
        "{url} can't be trusted: {why}; install the system's CA certificates, or name a file of them in SSL_CERT_FILE"
    )]
    Roots {
        /// What was asked.
        url: String,
        /// Why there is none.
        why: String,
    },
    /// Nobody answers there.
    #[error("nobody answers at {url}; check the address, and that the server runs")]
    Unreachable {
        /// What was asked.
        url: String,
        /// What the transport says.
        #[source]
        error: Box<ureq::Error>,
    },
    /// The time is over.
    #[error("{url} did not answer within {} s; try again, or allow more time", .allowed.as_secs_f64())]
    TimedOut {
        /// What was asked.
        url: String,
        /// How long was allowed.
        allowed: Duration,
    },
    /// The answer is too long.
    #[error(
        "{url} answers with more than {bytes_max} bytes; this is not the server that was meant, or it is broken"
    )]
    TooLong {
        /// What was asked.
        url: String,
        /// How many were allowed.
        bytes_max: u64,
    },
    /// The server's certificate does not hold, or TLS fails.
    #[error("{url} does not prove who it is; check the address and the server's certificate")]
    Tls {
        /// What was asked.
        url: String,
        /// What is wrong.
        #[source]
        error: Box<ureq::Error>,
    },
    /// What comes back is not HTTP, or breaks off.
    #[error(
        "{url} does not speak HTTP as it should; check that the address and the port are the right ones"
    )]
    Protocol {
        /// What was asked.
        url: String,
        /// What is wrong.
        #[source]
        error: Box<ureq::Error>,
    },
    /// Another status than 200.
    #[error("{url} answers {status}{told}")]
    Status {
        /// What was asked.
        url: String,
        /// The status.
        status: u16,
        /// `: ` and the first line of what the server says, or nothing.
        told: String,
    },
}

impl FetchError {
    /// Whether the same request may succeed later: nobody there, too slow, overloaded, broken off.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::TimedOut { .. } | Self::Protocol { .. } => true,
            Self::Status { status, .. } => *status == 429 || *status >= 500,
            Self::Url { .. } | Self::Roots { .. } | Self::TooLong { .. } | Self::Tls { .. } => {
                false
            }
        }
    }
}

/// What a server answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// What was asked.
    pub url: String,
    /// The status, such as 200.
    pub status: u16,
    /// The media type, as the server gives it.
    pub content_type: Option<String>,
    /// Where the answer is said to be, for a redirect.
    pub location: Option<String>,
    /// The content.
    pub body: Vec<u8>,
}

impl Answer {
    /// The content, if the status is 200.
    ///
    /// # Errors
    /// [`FetchError::Status`] for every other status.
    pub fn content(self) -> Result<Vec<u8>, FetchError> {
        if self.status == 200 {
            return Ok(self.body);
        }
        Err(FetchError::Status {
            status: self.status,
            told: self.told(),
            url: self.url,
        })
    }

    /// What the server says about it, fit to be shown.
    fn told(&self) -> String {
        if let Some(location) = &self.location {
            return format!(": it sends on to {location:?}, which is not followed");
        }
        let text = String::from_utf8_lossy(&self.body);
        let line = text.lines().map(str::trim).find(|line| !line.is_empty());
        // A page for browsers tells nobody anything in one line.
        match line.filter(|line| !line.starts_with('<')) {
            Some(line) => {
                let shown: String = line.chars().take(TOLD_CHARS_MAX).collect();
                format!(": {}", shown.escape_debug())
            }
            None => String::new(),
        }
    }
}

/// A client.
#[derive(Debug)]
pub struct Fetcher {
    options: FetchOptions,
    plain: Agent,
    /// With the certificates, which take a while to read and only `https` needs.
    secured: OnceLock<Agent>,
}

impl Fetcher {
    /// A client with these limits. Connects to nobody yet.
    pub fn new(options: FetchOptions) -> Self {
        Self {
            plain: agent(&options, None),
            options,
            secured: OnceLock::new(),
        }
    }

    /// Asks for what is at a URL. Headers are name and value.
    ///
    /// # Errors
    /// When no whole answer comes within the limits. A refusal is an answer.
    pub fn get(&self, url: &str, headers: &[(&str, &str)]) -> Result<Answer, FetchError> {
        let mut request = self.agent(url)?.get(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.answer(url, request.call())
    }

    /// Sends content to a URL.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn post(&self, url: &str, content_type: &str, body: &[u8]) -> Result<Answer, FetchError> {
        let request = self.agent(url)?.post(url);
        let request = request.header(header::CONTENT_TYPE, content_type);
        self.answer(url, request.send(body))
    }

    fn agent(&self, url: &str) -> Result<&Agent, FetchError> {
        let whole = url
            .split_once("://")
            .filter(|(_, rest)| !rest.is_empty() && !rest.starts_with('/'));
        match whole.map(|(scheme, _)| scheme) {
            Some("http") => Ok(&self.plain),
            Some("https") => {
                if let Some(agent) = self.secured.get() {
                    return Ok(agent);
                }
                let roots = self.roots().map_err(|why| FetchError::Roots {
                    url: url.to_owned(),
                    why,
                })?;
                Ok(self
                    .secured
                    .get_or_init(|| agent(&self.options, Some(roots))))
            }
            _ => Err(FetchError::Url {
                url: url.to_owned(),
            }),
        }
    }

    fn roots(&self) -> Result<RootCerts, String> {
        let mut roots = Vec::new();
        if let Some(pem) = &self.options.roots_pem {
            for item in parse_pem(pem) {
                if let PemItem::Certificate(root) = item.map_err(|error| error.to_string())? {
                    roots.push(root);
                }
            }
        } else {
            let found = rustls_native_certs::load_native_certs();
            for root in found.certs {
                roots.push(Certificate::from_der(&root).to_owned());
            }
        }
        if roots.is_empty() {
            return Err("there is no certificate to check its own with".to_owned());
        }
        Ok(RootCerts::Specific(Arc::new(roots)))
    }

    fn answer(
        &self,
        url: &str,
        response: Result<Response<ureq::Body>, ureq::Error>,
    ) -> Result<Answer, FetchError> {
        let fail = |error| self.explain(url, error);
        let (head, mut body) = response.map_err(fail)?.into_parts();
        let text = |name| {
            let value = head.headers.get(name)?;
            value.to_str().ok().map(str::to_owned)
        };
        let limit = self.options.body_bytes_max;
        let body = body.with_config().limit(limit).read_to_vec();
        Ok(Answer {
            url: url.to_owned(),
            status: head.status.as_u16(),
            content_type: text(header::CONTENT_TYPE),
            location: text(header::LOCATION),
            body: body.map_err(fail)?,
        })
    }

    fn explain(&self, url: &str, error: ureq::Error) -> FetchError {
        let url = url.to_owned();
        match error {
            ureq::Error::BadUri(_) | ureq::Error::Http(_) => FetchError::Url { url },
            ureq::Error::Timeout(_) => FetchError::TimedOut {
                url,
                allowed: self.options.timeout,
            },
            ureq::Error::BodyExceedsLimit(_) => FetchError::TooLong {
                url,
                bytes_max: self.options.body_bytes_max,
            },
            ureq::Error::Rustls(_) | ureq::Error::Tls(_) => FetchError::Tls {
                url,
                error: Box::new(error),
            },
            // The handshake's errors come wrapped in one of the socket.
            ureq::Error::Io(io) if io.kind() == io::ErrorKind::InvalidData => FetchError::Tls {
                url,
                error: Box::new(ureq::Error::Io(io)),
            },
            ureq::Error::Io(_)
            | ureq::Error::HostNotFound
            | ureq::Error::ConnectionFailed
            | ureq::Error::ConnectProxyFailed(_)
            | ureq::Error::InvalidProxyUrl => FetchError::Unreachable {
                url,
                error: Box::new(error),
            },
            _ => FetchError::Protocol {
                url,
                error: Box::new(error),
            },
        }
    }
}

fn agent(options: &FetchOptions, roots: Option<RootCerts>) -> Agent {
    let mut config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent(USER_AGENT)
        .max_response_header_size(HEAD_BYTES_MAX)
        .timeout_connect(Some(options.connect_timeout))
        .timeout_global(Some(options.timeout));
    if let Some(roots) = roots {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = TlsConfig::builder()
            .root_certs(roots)
            .unversioned_rustls_crypto_provider(provider)
            .build();
        config = config.tls_config(tls).https_only(true);
    }
    config.build().new_agent()
}

#[cfg(test)]
mod tests;
