//! Errors of the server, in words: what it said, which fields it means, and the way out.

use std::{error::Error, fmt::Write as _, time::Duration};

use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::connect::ServerUrl;
use crate::service::rpc::client::ConnectError;

/// A call that did not succeed.
#[derive(Debug, thiserror::Error)]
pub(super) enum ServerError {
    /// Nobody answers there.
    #[error("can't reach a ledger at {url}")]
    Unreachable {
        /// Where.
        url: ServerUrl,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The server answered, and the answer is no; or the connection broke.
    #[error("{url} says {}: {}", code_name(status.code()), status.message())]
    Refused {
        /// Which server.
        url: ServerUrl,
        /// What it said.
        status: Box<Status>,
    },
}

impl ServerError {
    /// A connection that did not come about.
    pub(super) fn unreachable(url: &ServerUrl, error: ConnectError) -> Self {
        let source: Box<dyn Error + Send + Sync> = match error {
            // What it says beside its cause stands in this error's own words.
            ConnectError::Unreachable { error, .. } => error.into(),
            address @ ConnectError::Address { .. } => address.into(),
        };
        let url = url.clone();
        Self::Unreachable { url, source }
    }

    /// The fields the server objects to, one a line, and its reason code.
    pub(super) fn details(&self) -> Vec<String> {
        let Self::Refused { status, .. } = self else {
            return Vec::new();
        };
        let details = status.get_error_details();
        let mut lines: Vec<String> = details
            .bad_request()
            .map(|request| {
                let violations = request.field_violations.iter();
                violations
                    .map(|violation| format!("{}: {}", violation.field, violation.description))
                    .collect()
            })
            .unwrap_or_default();
        if let Some(info) = details.error_info() {
            lines.push(format!("reason {} ({})", info.reason, info.domain));
        }
        lines
    }

    /// When the server asks for another try.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { status, .. } => status.get_details_retry_info()?.retry_delay,
            Self::Unreachable { .. } => None,
        }
    }

    /// The way out.
    pub(super) fn help(&self) -> Option<String> {
        let status = match self {
            Self::Unreachable { url, .. } => {
                return Some(format!(
                    "start a server with `exhibit serve --dir DIR --listen {}`, or name another with --server or \
                     EXHIBIT_SERVER",
                    url.authority()
                ));
            }
            Self::Refused { status, .. } => status,
        };
        let mut help = way_out(status.code())?.to_owned();
        if let Some(delay) = self.retry_after() {
            // Writing to a string does not fail.
            let _ = write!(help, " (the server asks to wait {} ms)", delay.as_millis());
        }
        Some(help)
    }
}

fn way_out(code: Code) -> Option<&'static str> {
    Some(match code {
        Code::InvalidArgument => "correct the fields named above, and send it again",
        Code::AlreadyExists => {
            "a new event needs a new --event-id; `exhibit show --source URI --event-id ID` shows the recorded one"
        }
        Code::NotFound => "`exhibit list` shows what the ledger holds",
        Code::OutOfRange => "`exhibit checkpoint` shows how many entries the ledger has",
        Code::ResourceExhausted => "the server is busy; send it again with the same --event-id",
        Code::Unavailable
        | Code::Unknown
        | Code::Internal
        | Code::DeadlineExceeded
        | Code::Cancelled => {
            "send it again with the same --event-id; an event is recorded once however often it is sent"
        }
        Code::Unimplemented => {
            "is this a server of the same version? `exhibit --version` shows this one"
        }
        Code::Unauthenticated | Code::PermissionDenied => "ask whoever runs the ledger for access",
        _ => return None,
    })
}

/// The code as the gRPC documentation writes it.
const fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
