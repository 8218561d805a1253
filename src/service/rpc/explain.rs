//! Says what tonic's own refusals mean, in the words and with the details of all others.
//!
//! Tonic reads messages before any code of ours sees them: one that is too long ends in `OUT_OF_RANGE`, one that does
//! not decode in `INTERNAL`, neither with details; and a call whose time is up ends in `CANCELLED`. [`Explained`] wraps
//! a service and puts that right.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use tonic::{
    Code, Status,
    body::Body,
    codegen::{Service, http},
    server::NamedService,
};

use super::{
    deadline::{passed, time_for_the_answer},
    errors::{Reason, refusal},
};

/// A service whose refusals all carry details.
#[derive(Debug, Clone)]
pub(super) struct Explained<S>(pub(super) S);

/// Gives a refusal of tonic's own its reason; others stay as they are.
pub(super) fn explain(status: Status) -> Status {
    let message = status.message();
    match status.code() {
        Code::OutOfRange if message.contains("message length too large") => {
            let told = format!("{}; name large content by its digest", plain(message));
            refusal(Reason::MessageTooLarge, told)
        }
        Code::Internal if message.starts_with("failed to decode Protobuf message") => {
            refusal(Reason::MalformedMessage, message)
        }
        _ => status,
    }
}

/// Whether a request says that its body is gRPC's.
fn is_grpc(headers: &http::HeaderMap) -> bool {
    headers
        .get(http::header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
}

/// Without the words that tonic puts in front.
fn plain(message: &str) -> &str {
    message.strip_prefix("Error, decoded ").unwrap_or(message)
}

impl<S> Service<http::Request<Body>> for Explained<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        // Tonic does not ask what it is given. A browser sends other types across sites without asking first.
        if !is_grpc(request.headers()) {
            let mut refused = http::Response::new(Body::empty());
            *refused.status_mut() = http::StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return Box::pin(async { Ok(refused) });
        }
        let time = time_for_the_answer(request.headers());
        let answer = self.0.call(request);
        Box::pin(async move {
            let answer = match time {
                None => answer.await?,
                Some(time) => match tokio::time::timeout(time, answer).await {
                    Ok(answer) => answer?,
                    Err(_) => return Ok(passed().into_http()),
                },
            };
            // Only a refusal without any message has its status in the head.
            Ok(match Status::from_header_map(answer.headers()) {
                Some(status) if status.code() != Code::Ok && status.details().is_empty() => {
                    explain(status).into_http()
                }
                _ => answer,
            })
        })
    }
}

impl<S: NamedService> NamedService for Explained<S> {
    const NAME: &'static str = S::NAME;
}
