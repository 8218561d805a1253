//! What a call that is refused is told: a status code, a sentence, and details a program can act on.
//!
//! Every status this server makes carries a `google.rpc.ErrorInfo` of the domain [`DOMAIN`] whose reason is one of
//! [`Reason`]; wrong fields are named in `BadRequest`, and where trying again helps `RetryInfo` says when. The reasons
//! are an interface: none changes its meaning. The manual's table of them is `src/manual/errors.md`.

use std::{collections::HashMap, time::Duration};

use prost::Message as _;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt as _};

use crate::ledger::{event::InvalidEvent, position::TreeSize};

/// The domain of the reasons.
pub const DOMAIN: &str = "exhibit.v1";

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $code:ident;)*) => {
        /// Why a call was refused.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Reason {
            $($(#[$doc])* $name,)*
        }

        impl Reason {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The reason as it stands in `ErrorInfo`.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }

            /// The status code that goes with it.
            pub const fn code(self) -> Code {
                match self {
                    $(Self::$name => Code::$code,)*
                }
            }
        }
    };
}

reasons! {
    /// A field is missing or has a value it can't have.
    InvalidField = "INVALID_FIELD", InvalidArgument;
    /// The bytes are not the message they should be: text that is not UTF-8, a length beyond the end.
    MalformedMessage = "MALFORMED_MESSAGE", InvalidArgument;
    /// The message is longer than the server takes.
    MessageTooLarge = "MESSAGE_TOO_LARGE", ResourceExhausted;
    /// The source used the event id before, for other content.
    EventIdReused = "EVENT_ID_REUSED", AlreadyExists;
    /// Too many events wait to be written.
    QueueFull = "QUEUE_FULL", ResourceExhausted;
    /// As many packs are being exported as may be at a time.
    TooManyExports = "TOO_MANY_EXPORTS", ResourceExhausted;
    /// The disk failed under the event: it may be stored or not.
    NotKnownToBeStored = "NOT_KNOWN_TO_BE_STORED", Unavailable;
    /// The ledger stopped after an error and takes no events.
    LedgerStopped = "LEDGER_STOPPED", Unavailable;
    /// The server is being shut down.
    ShuttingDown = "SHUTTING_DOWN", Unavailable;
    /// The call's deadline passed while it waited.
    DeadlinePassed = "DEADLINE_PASSED", DeadlineExceeded;
    /// No entry has this source and event id.
    EntryNotFound = "ENTRY_NOT_FOUND", NotFound;
    /// The index or size is beyond the end of the ledger.
    BeyondTheEnd = "BEYOND_THE_END", OutOfRange;
    /// The witnesses have not cosigned in time.
    NotWitnessed = "NOT_WITNESSED", Unavailable;
    /// The server has no witnesses to wait for.
    NoWitnesses = "NO_WITNESSES", FailedPrecondition;
    /// The client left its answers untaken for too long.
    AnswersNotTaken = "ANSWERS_NOT_TAKEN", Aborted;
    /// What is stored can't be read back as it was written.
    StorageDamaged = "STORAGE_DAMAGED", DataLoss;
    /// Something that can't be happened all the same.
    Defect = "DEFECT", Internal;
}

/// When to try again where nothing better is known.
pub(super) const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A status with its reason.
pub(super) fn refusal(reason: Reason, message: impl Into<String>) -> Status {
    with_details(reason, message, [], |_| {})
}

/// A status with its reason, after which trying again makes sense.
pub(super) fn retry_later(reason: Reason, message: impl Into<String>, after: Duration) -> Status {
    with_details(reason, message, [], |details| {
        details.set_retry_info(Some(after));
    })
}

/// A status with its reason and what a program may want to know.
pub(super) fn refusal_about<const N: usize>(
    reason: Reason,
    message: impl Into<String>,
    about: [(&str, String); N],
) -> Status {
    with_details(reason, message, about, |_| {})
}

/// Names fields and what is wrong with each.
pub(super) fn invalid_fields(fields: Vec<InvalidEvent>) -> Status {
    let message = match fields.as_slice() {
        [first] => first.to_string(),
        [first, rest @ ..] => format!("{first} (and {} more)", rest.len()),
        [] => "the request is not valid".to_owned(),
    };
    let violations: Vec<FieldViolation> = fields
        .into_iter()
        .map(|invalid| FieldViolation::new(invalid.field, invalid.problem))
        .collect();
    with_details(Reason::InvalidField, message, [], |details| {
        details.set_bad_request(violations);
    })
}

/// Names one field and what is wrong with it.
pub(super) fn invalid_field(field: &str, problem: impl Into<String>) -> Status {
    invalid_fields(vec![InvalidEvent::new(field, problem)])
}

/// Says that an index or size is beyond the end of the ledger, and where that is.
pub(super) fn beyond_the_end(what: &str, value: u64, size: TreeSize) -> Status {
    refusal_about(
        Reason::BeyondTheEnd,
        format!("{what} {value} is beyond the end of the ledger, which has {size} entries"),
        [("tree_size", size.to_string())],
    )
}

/// Says that what is stored can't be read back. What exactly, and in which file, is the operator's business.
pub(super) fn damaged(problem: &(impl std::fmt::Display + ?Sized)) -> Status {
    tracing::error!(%problem, "the ledger can't be read");
    let told = "what is stored can't be read back; the server's log says where, tell its operator";
    refusal(Reason::StorageDamaged, told)
}

/// Says that the server is being shut down.
pub(super) fn shutting_down() -> Status {
    let message = "the server is shutting down; try again when it is back";
    retry_later(Reason::ShuttingDown, message, RETRY_AFTER)
}

/// The same as the message that stands for a status inside a stream.
pub(super) fn as_message(status: &Status) -> tonic_types::Status {
    tonic_types::Status::decode(status.details())
        .ok()
        .filter(|message| message.code != 0)
        .unwrap_or_else(|| tonic_types::Status {
            code: status.code().into(),
            message: status.message().to_owned(),
            details: Vec::new(),
        })
}

/// The reason a status gives, where it is one of ours.
pub fn reason_of(status: &Status) -> Option<Reason> {
    let details = status.get_details_error_info()?;
    let known = Reason::ALL.iter().copied();
    known
        .filter(|_| details.domain == DOMAIN)
        .find(|reason| reason.as_str() == details.reason)
}

fn with_details<const N: usize>(
    reason: Reason,
    message: impl Into<String>,
    about: [(&str, String); N],
    add: impl FnOnce(&mut ErrorDetails),
) -> Status {
    let about: HashMap<String, String> = about
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect();
    let mut details = ErrorDetails::with_error_info(reason.as_str(), DOMAIN, about);
    add(&mut details);
    Status::with_error_details(reason.code(), message, details)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manual_lists_every_reason_with_its_code_and_no_other() {
        let listed: Vec<(String, String)> = include_str!("../../manual/errors.md")
            .lines()
            .filter_map(|line| {
                let mut cells = line.strip_prefix("| `")?.split('|').map(str::trim);
                let reason = cells.next()?.trim_matches('`').to_owned();
                let code = cells.next()?.trim_matches('`').to_owned();
                assert!(cells.clone().count() >= 2, "{line}");
                Some((reason, code))
            })
            .collect();
        let ours: Vec<(String, String)> = Reason::ALL
            .iter()
            .map(|reason| {
                let code = format!("{:?}", reason.code());
                let mut name = String::new();
                for c in code.chars() {
                    if c.is_uppercase() && !name.is_empty() {
                        name.push('_');
                    }
                    name.push(c.to_ascii_uppercase());
                }
                (reason.as_str().to_owned(), name)
            })
            .collect();
        assert_eq!(listed, ours);
    }

    #[test]
    fn a_status_inside_a_stream_carries_the_same_details() {
        let status = retry_later(Reason::QueueFull, "full", Duration::from_millis(100));
        let message = as_message(&status);
        assert_eq!(message.code, i32::from(Code::ResourceExhausted));
        assert_eq!(message.message, "full");
        assert_eq!(message.details.len(), 2);
        assert_eq!(reason_of(&status), Some(Reason::QueueFull));
        assert_eq!(
            as_message(&Status::internal("x")).code,
            i32::from(Code::Internal)
        );
    }
}
