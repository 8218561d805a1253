//! The read API that every tile reader speaks: [C2SP tlog-tiles](https://c2sp.org/tlog-tiles) over HTTP/1.1 and h2c.
//!
//! ```text
//! GET /checkpoint                      text/plain                  the published checkpoint: a signed note
//! GET /tile/<L>/<N>[.p/<W>]            application/octet-stream    a hash tile
//! GET /tile/entries/<N>[.p/<W>]        application/octet-stream    an entry bundle
//! GET /log.vkey, GET /                 text/plain                  the verifier key; what this is
//! ```
//!
//! `resource` knows what a path names, `content` gets it from the ledger and keeps it ready, `answer` makes a response
//! of it: conditions, encodings, headers. [`HttpService`] leads from one to the next.
//!
//! What must always be true: nothing is served that is not durable; what is served under a tile's path never changes,
//! which is what lets everybody keep it for ever; a request that is answered from memory waits for nothing, and those
//! that read the disk are counted, so that readers can't take the threads that writers need. Partial tiles are served
//! at every width up to the ledger's size, whether or not a checkpoint of that size was published.
//!
//! It is not access control: who reaches the port reads all entries, and no payload, which only gRPC serves.

mod answer;
mod content;
mod kept;
mod resource;

use std::{
    convert::Infallible,
    future::{Ready, ready},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Method, Request, Response, header},
};
use tonic::{Status, codegen::Service};

use self::{
    answer::{Refused, accepted, method_refused, preflight, refuse, respond},
    content::Contents,
    resource::Resource,
};
use crate::{ledger::checkpoint::SignedCheckpoint, service::ledger::Ledger};

/// The checkpoint that is shown to the world, unless witnesses are to see it first. What it covers is durable.
pub fn published(ledger: &Ledger) -> Option<Arc<SignedCheckpoint>> {
    ledger.published()
}

/// Serves one ledger's checkpoint, tiles and entry bundles. Clones share what is kept ready.
#[derive(Clone)]
pub struct HttpService {
    contents: Arc<Contents>,
}

impl HttpService {
    /// The read API of a ledger, keeping up to so many bytes ready in memory.
    pub fn new(ledger: Ledger, kept_bytes_max: usize) -> Self {
        Self {
            contents: Arc::new(Contents::new(ledger, kept_bytes_max)),
        }
    }

    /// Answers what no other route of the router takes.
    pub fn beside(self, router: Router) -> Router {
        router.fallback_service(self)
    }

    fn begin(&self, method: &Method, path: &str, headers: &HeaderMap) -> Begun {
        if *method == Method::OPTIONS {
            return Begun::Answered(preflight());
        }
        if *method != Method::GET && *method != Method::HEAD {
            return Begun::Answered(method_refused());
        }
        let resource = match Resource::of_path(path) {
            Ok(Some(resource)) => resource,
            Ok(None) => return Begun::Answered(refuse(&Refused::Unknown)),
            Err(malformed) => return Begun::Answered(refuse(&Refused::Malformed(malformed))),
        };
        let encoding = accepted(resource, headers);
        match self.contents.at_hand(resource, encoding) {
            Some(content) => Begun::Answered(respond(&content, method, headers)),
            None => Begun::ToLoad(resource, encoding),
        }
    }
}

/// How far a request gets without waiting.
enum Begun {
    Answered(Response<Body>),
    ToLoad(Resource, answer::Encoding),
}

/// An answer, at once or after a read.
#[doc(hidden)]
pub enum Answering {
    /// At once.
    Now(Ready<Result<Response<Body>, Infallible>>),
    /// After a read.
    Later(Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>),
}

impl Future for Answering {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            Self::Now(answer) => Pin::new(answer).poll(context),
            Self::Later(answer) => answer.as_mut().poll(context),
        }
    }
}

impl<B> Service<Request<B>> for HttpService {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Answering {
        let (head, _) = request.into_parts();
        if is_grpc(&head.headers) {
            let unknown = Status::unimplemented("there is no such method").into_http::<Body>();
            return Answering::Now(ready(Ok(unknown)));
        }
        match self.begin(&head.method, head.uri.path(), &head.headers) {
            Begun::Answered(answer) => Answering::Now(ready(Ok(answer))),
            Begun::ToLoad(resource, encoding) => {
                let contents = Arc::clone(&self.contents);
                Answering::Later(Box::pin(async move {
                    Ok(match contents.load(resource, encoding).await {
                        Ok(content) => respond(&content, &head.method, &head.headers),
                        Err(refused) => refuse(&refused),
                    })
                }))
            }
        }
    }
}

/// Whether a gRPC client asks, who is to be answered as one.
fn is_grpc(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE);
    content_type.is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}
