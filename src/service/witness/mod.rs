//! A witness: [C2SP tlog-witness](https://c2sp.org/tlog-witness) over HTTP.
//!
//! ```text
//! POST /add-checkpoint                          cosigns a checkpoint that continues the last one
//! GET  /<hex SHA-256 of the origin>/checkpoint  the last one, cosigned
//! GET  /                                        what this is, and the verifier key
//! ```
//!
//! Comparing with the last checkpoint, keeping the new one and signing happen under one lock a log, and the answer
//! leaves when the new one is durable. So whatever is sent at once or killed in between, no two answers of a witness
//! contradict each other. What to decide is [`AddCheckpoint::decide`]'s.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Path, State},
    http::{Request, Response, StatusCode, header},
    response::IntoResponse,
    routing::{get, post},
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{config::Limits, rpc::server::serve_http};
use crate::{
    ledger::{
        checkpoint::SignedCheckpoint,
        note::{CosignedAt, CosigningKey, KeyName, Note, NoteError, SignatureLine, VerifierKey},
        position::UnixNanos,
        witness::{AddCheckpoint, REQUEST_BYTES_MAX, SIZE_MEDIA_TYPE, WitnessRefusal},
    },
    store::witness::{WitnessDirectory, WitnessError, file_of},
};

/// How long a client may take to send its request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
const TEXT: &str = "text/plain; charset=utf-8";

/// A running witness.
pub struct Witness {
    directory: WitnessDirectory,
    key: CosigningKey,
    logs: HashMap<KeyName, Log>,
}

/// A log that the witness knows.
struct Log {
    keys: Vec<VerifierKey>,
    /// The last checkpoint that was cosigned. Held from comparing until the new one is durable.
    last: Mutex<Option<SignedCheckpoint>>,
}

/// Why there is no cosignature.
#[derive(Debug, thiserror::Error)]
enum NoCosignature {
    #[error(transparent)]
    Refused(#[from] WitnessRefusal),
    #[error(transparent)]
    Disk(#[from] WitnessError),
    #[error(transparent)]
    Signing(#[from] NoteError),
    #[error("the witness's clock stands before 1970")]
    Clock,
}

impl Witness {
    /// Takes up where the witness of a directory left off.
    ///
    /// # Errors
    /// When its key, its list of logs or what it remembers can't be read.
    pub fn open(directory: WitnessDirectory) -> Result<Self, WitnessError> {
        let mut logs: HashMap<KeyName, Log> = HashMap::new();
        for key in directory.logs()? {
            let origin = key.name().clone();
            let last = directory.last(&origin)?;
            let log = logs.entry(origin).or_insert(Log {
                keys: Vec::new(),
                last: Mutex::new(last),
            });
            log.keys.push(key);
        }
        Ok(Self {
            key: directory.key()?,
            directory,
            logs,
        })
    }

    /// The key that its cosignatures verify with.
    pub fn verifier(&self) -> &VerifierKey {
        self.key.verifier()
    }

    /// How many logs it knows.
    pub fn logs(&self) -> usize {
        self.logs.len()
    }

    /// Cosigns a checkpoint, or says why not. Blocks on the disk.
    fn add_checkpoint(&self, body: &[u8]) -> Result<String, NoCosignature> {
        let request = AddCheckpoint::parse(body)?;
        let origin = &request.checkpoint.checkpoint().origin;
        let Some(log) = self.logs.get(origin) else {
            return Err(WitnessRefusal::UnknownLog(origin.to_string()).into());
        };
        let mut last = log.last.lock().unwrap_or_else(PoisonError::into_inner);
        request.decide(&log.keys, last.as_ref().map(SignedCheckpoint::checkpoint))?;
        let now = UnixNanos::now().value() / 1_000_000_000;
        let now = CosignedAt::from_seconds(now).ok_or(NoCosignature::Clock)?;
        let line = self.key.cosign(request.checkpoint.note().text(), now)?;
        let answer = format!("{line}\n");
        let cosigned = self.only_known_signatures(log, &request.checkpoint, line)?;
        self.directory.keep(&cosigned)?;
        *last = Some(cosigned);
        Ok(answer)
    }

    /// The checkpoint with the log's signatures and the witness's own: what others put there is not passed on.
    fn only_known_signatures(
        &self,
        log: &Log,
        checkpoint: &SignedCheckpoint,
        own: SignatureLine,
    ) -> Result<SignedCheckpoint, NoCosignature> {
        let known = |line: &&SignatureLine| {
            log.keys
                .iter()
                .any(|key| line.id == key.id() && line.name == key.name().as_str())
        };
        let signed = checkpoint.note().signatures().iter().filter(known).cloned();
        let lines = signed.chain([own]).collect();
        let note = Note::new(checkpoint.note().text().to_owned(), lines)?;
        SignedCheckpoint::parse(note.to_string().as_bytes())
            .map_err(|error| WitnessRefusal::Malformed(error.to_string()).into())
    }

    fn last_of(&self, name: &str) -> Option<String> {
        let (_, log) = self
            .logs
            .iter()
            .find(|(origin, _)| file_of(origin) == name)?;
        let last = log.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().map(|last| last.note().to_string())
    }

    fn page(&self) -> String {
        format!(
            "This is a transparency-log witness (c2sp.org/tlog-witness), run by exhibit {}.\n\n\
             verifier key  {}\nlogs          {}\nsubmit to     POST /add-checkpoint\n",
            env!("CARGO_PKG_VERSION"),
            self.verifier(),
            self.logs.len()
        )
    }
}

/// Serves a witness until the token says to stop.
pub async fn serve_witness(
    witness: Arc<Witness>,
    limits: Limits,
    listener: TcpListener,
    stopping: CancellationToken,
) {
    let router = Router::new()
        .route("/add-checkpoint", post(add_checkpoint))
        .route("/{log}/checkpoint", get(checkpoint))
        .route(
            "/",
            get(async |State(witness): State<Arc<Witness>>| {
                answer(StatusCode::OK, TEXT, witness.page())
            }),
        )
        .fallback(async || {
            answer(
                StatusCode::NOT_FOUND,
                TEXT,
                "there is nothing here\n".to_owned(),
            )
        })
        .with_state(witness);
    serve_http(router, limits, listener, stopping).await;
}

async fn add_checkpoint(
    State(witness): State<Arc<Witness>>,
    request: Request<Body>,
) -> Response<Body> {
    let body = to_bytes(request.into_body(), REQUEST_BYTES_MAX);
    let body = match tokio::time::timeout(REQUEST_TIMEOUT, body).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => {
            let told = format!("the request breaks off, or has over {REQUEST_BYTES_MAX} bytes\n");
            return answer(StatusCode::PAYLOAD_TOO_LARGE, TEXT, told);
        }
        Err(_) => {
            let told = "the request took too long to arrive\n".to_owned();
            return answer(StatusCode::REQUEST_TIMEOUT, TEXT, told);
        }
    };
    let decided = tokio::task::spawn_blocking(move || witness.add_checkpoint(&body)).await;
    match decided {
        Ok(Ok(lines)) => answer(StatusCode::OK, TEXT, lines),
        Ok(Err(NoCosignature::Refused(refusal))) => refused(&refusal),
        Ok(Err(error)) => {
            tracing::error!(%error, "nothing was cosigned");
            unable()
        }
        Err(error) => {
            tracing::error!(%error, "cosigning panicked");
            unable()
        }
    }
}

fn refused(refusal: &WitnessRefusal) -> Response<Body> {
    tracing::info!(status = refusal.status(), %refusal, "not cosigned");
    let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::BAD_REQUEST);
    match refusal {
        WitnessRefusal::OtherSize(size) => answer(status, SIZE_MEDIA_TYPE, format!("{size}\n")),
        _ => answer(status, TEXT, format!("{refusal}\n")),
    }
}

fn unable() -> Response<Body> {
    let told = "the witness can't keep what it would cosign; its operator's log says why\n";
    answer(StatusCode::INTERNAL_SERVER_ERROR, TEXT, told.to_owned())
}

async fn checkpoint(
    State(witness): State<Arc<Witness>>,
    Path(name): Path<String>,
) -> Response<Body> {
    match witness.last_of(&name) {
        Some(note) => answer(StatusCode::OK, TEXT, note),
        None => {
            let told = "no checkpoint of such a log was cosigned here\n".to_owned();
            answer(StatusCode::NOT_FOUND, TEXT, told)
        }
    }
}

fn answer(status: StatusCode, content_type: &'static str, body: String) -> Response<Body> {
    (status, [(header::CONTENT_TYPE, content_type)], body).into_response()
}
