//! Errors of the server, in words: what it said, which fields it means, and the way out.

use std::{error::Error, fmt::Write as _, time::Duration};

use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::connect::ServerUrl;
use crate::service::rpc::{
    client::ConnectError,
    errors::{Reason, reason_of},
};

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
    /// The server is there, and has not answered in the time it was given.
    #[error("{url} gave no answer within {} s", patience.as_secs())]
    Late {
        /// Which server.
        url: ServerUrl,
        /// How long it was given.
        patience: Duration,
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

    /// The fields the server objects to that its message does not name, one a line, and its reason code.
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
                    .filter(|field| !status.message().starts_with(field.as_str()))
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
            Self::Unreachable { .. } | Self::Late { .. } => None,
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
            Self::Late { .. } => {
                return Some(format!("--timeout 5m waits longer; {AGAIN}"));
            }
            Self::Refused { status, .. } => status,
        };
        let way_out = match reason_of(status) {
            // The API's name of it stands in the message; here it is a flag.
            Some(Reason::InvalidField) if status.message().contains("allow_unmatched") => {
                Some(super::export::UNMATCHED)
            }
            Some(reason) => way_out(reason),
            None => way_out_of_others(status.code()),
        };
        let mut help = way_out?.to_owned();
        if let Some(delay) = self.retry_after() {
            // Writing to a string does not fail.
            let _ = write!(help, " (the server asks to wait {} ms)", delay.as_millis());
        }
        Some(help)
    }
}

const AGAIN: &str = "an event may be sent again with the same --event-id: it is recorded once, however often it is sent";

/// The way out of a refusal of an Exhibit server, where its message does not say it.
const fn way_out(reason: Reason) -> Option<&'static str> {
    Some(match reason {
        Reason::InvalidField => "correct the fields named above, and send it again",
        Reason::MalformedMessage | Reason::Defect => {
            "report it with the server's log; `exhibit --version` shows the version of this client"
        }
        Reason::MessageTooLarge => "the operator can raise limits.message_bytes_max",
        Reason::EventIdReused => "`exhibit show --source URI --event-id ID` shows the recorded one",
        Reason::QueueFull
        | Reason::TooManyExports
        | Reason::NotKnownToBeStored
        | Reason::ShuttingDown
        | Reason::DeadlinePassed => AGAIN,
        Reason::LedgerStopped => {
            "the operator finds the cause in the server's log; then send it again with the same --event-id"
        }
        Reason::EntryNotFound => "`exhibit list` shows what the ledger holds",
        Reason::BeyondTheEnd => "`exhibit checkpoint` shows how many entries the ledger has",
        Reason::NotWitnessed => "tell the ledger's operator if it lasts",
        Reason::StorageDamaged => "the operator runs `exhibit verify DIR` on the data directory",
        Reason::NoWitnesses | Reason::AnswersNotTaken => return None,
    })
}

/// The way out where something between, or another program, refused.
const fn way_out_of_others(code: Code) -> Option<&'static str> {
    Some(match code {
        Code::Unknown | Code::Internal => {
            "is that an Exhibit server? What was posted may be sent again with the same --event-id"
        }
        Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled | Code::ResourceExhausted => {
            AGAIN
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::rpc::errors::DOMAIN;
    use tonic_types::{ErrorDetails, FieldViolation};

    fn refused(message: &str, fields: &[(&str, &str)]) -> ServerError {
        let fields = fields.iter();
        let mut details = ErrorDetails::with_bad_request(
            fields
                .map(|(field, problem)| FieldViolation::new(*field, *problem))
                .collect::<Vec<_>>(),
        );
        details.set_error_info(
            Reason::InvalidField.as_str(),
            DOMAIN,
            std::collections::HashMap::new(),
        );
        ServerError::Refused {
            url: ServerUrl::parse("http://127.0.0.1:1").unwrap(),
            status: Box::new(Status::with_error_details(
                Code::InvalidArgument,
                message,
                details,
            )),
        }
    }

    #[test]
    fn each_field_is_named_once() {
        let reason = "reason INVALID_FIELD (exhibit.v1)";
        let one = refused("event.source: is empty", &[("event.source", "is empty")]);
        assert_eq!(one.details(), [reason]);
        let fields = [("event.source", "is empty"), ("event.event_id", "is long")];
        let two = refused("event.source: is empty (and 1 more)", &fields);
        assert_eq!(two.details(), ["event.event_id: is long", reason]);
    }

    #[test]
    fn the_way_out_is_that_of_the_reason_and_not_of_its_code() {
        for reason in Reason::ALL {
            let details = ErrorDetails::with_error_info(
                reason.as_str(),
                DOMAIN,
                std::collections::HashMap::new(),
            );
            let error = ServerError::Refused {
                url: ServerUrl::parse("http://127.0.0.1:1").unwrap(),
                status: Box::new(Status::with_error_details(reason.code(), "no", details)),
            };
            assert_eq!(error.help().as_deref(), way_out(*reason));
        }
    }
}
