//! Deadlines of calls, as the client gives them in `grpc-timeout`.
//!
//! Tonic ends a call whose time is up with `CANCELLED` and says no more; this gives the answer that belongs there, and
//! gives it a little early, so that it reaches a client that still waits.

use std::time::Duration;

use tonic::{Status, codegen::http::HeaderMap};

use super::errors::{RETRY_AFTER, Reason, retry_later};

/// The most that is kept back of a deadline for the answer's way.
const WAY_MAX: Duration = Duration::from_millis(20);

/// How long the answer to a call may take; `None` for as long as it takes. What is not in the one form that the
/// protocol has is no deadline.
pub(super) fn time_for_the_answer(headers: &HeaderMap) -> Option<Duration> {
    let timeout = timeout_of(headers)?;
    let way = timeout.checked_div(10).unwrap_or_default().min(WAY_MAX);
    Some(timeout.saturating_sub(way))
}

/// Says that the deadline passed.
pub(super) fn passed() -> Status {
    let told = "the deadline passed; if this was an event, it may be stored or not: send it again with the same id";
    retry_later(Reason::DeadlinePassed, told, RETRY_AFTER)
}

/// Reads `grpc-timeout`: at most eight digits and a unit.
fn timeout_of(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.len() > 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let value = digits.parse::<u64>().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(value.checked_mul(3600)?),
        "M" => Duration::from_secs(value.checked_mul(60)?),
        "S" => Duration::from_secs(value),
        "m" => Duration::from_millis(value),
        "u" => Duration::from_micros(value),
        "n" => Duration::from_nanos(value),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_read_in_the_one_form_the_protocol_has() {
        for (text, read) in [
            ("2H", Some(Duration::from_secs(7200))),
            ("3M", Some(Duration::from_secs(180))),
            ("4S", Some(Duration::from_secs(4))),
            ("99999999m", Some(Duration::from_millis(99_999_999))),
            ("5u", Some(Duration::from_micros(5))),
            ("6n", Some(Duration::from_nanos(6))),
            ("100000000m", None),
            ("m", None),
            ("", None),
            ("5", None),
            ("-5m", None),
            ("5d", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("grpc-timeout", text.parse().unwrap());
            assert_eq!(timeout_of(&headers), read, "{text}");
        }
        assert_eq!(timeout_of(&HeaderMap::new()), None);
    }
}
