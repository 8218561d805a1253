//! `google.protobuf.Timestamp` and the ledger's times.

use prost_types::Timestamp;

use crate::ledger::{event::InvalidEvent, position::UnixNanos};

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// Reads a time of the API.
///
/// # Errors
/// Names `field` where the time is before 1970, or beyond what 64 bits of nanoseconds hold, or where its nanoseconds
/// are not within a second.
pub fn time_from_proto(time: Timestamp, field: &str) -> Result<UnixNanos, InvalidEvent> {
    nanos(time).map_err(|problem| InvalidEvent::new(field, problem))
}

/// Writes a time for the API.
pub fn time_to_proto(time: UnixNanos) -> Timestamp {
    // Neither conversion can fail: a u64 of nanoseconds has under 2^35 seconds.
    let part = |value: Option<u64>| value.unwrap_or_default();
    Timestamp {
        seconds: i64::try_from(part(time.value().checked_div(NANOS_PER_SECOND)))
            .unwrap_or_default(),
        nanos: i32::try_from(part(time.value().checked_rem(NANOS_PER_SECOND))).unwrap_or_default(),
    }
}

pub(super) fn nanos(time: Timestamp) -> Result<UnixNanos, &'static str> {
    let seconds = u64::try_from(time.seconds).map_err(|_| "is before 1970; give a later time")?;
    let nanos = u64::try_from(time.nanos)
        .ok()
        .filter(|nanos| *nanos < NANOS_PER_SECOND)
        .ok_or("has nanoseconds that are not between 0 and 999,999,999")?;
    seconds
        .checked_mul(NANOS_PER_SECOND)
        .and_then(|whole| whole.checked_add(nanos))
        .map(UnixNanos::new)
        .ok_or("is after July 2554; give an earlier time")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_of_the_ledger_comes_back_from_the_api() {
        for nanos in [
            0,
            1,
            999_999_999,
            1_000_000_000,
            1_795_000_000_123_456_789,
            u64::MAX,
        ] {
            let time = UnixNanos::new(nanos);
            assert_eq!(time_from_proto(time_to_proto(time), "t"), Ok(time));
        }
    }

    #[test]
    fn times_the_ledger_can_not_hold_are_refused() {
        for (seconds, nanos) in [
            (-1, 0),
            (i64::MIN, 0),
            (0, -1),
            (0, 1_000_000_000),
            (18_446_744_073, 709_551_616),
            (18_446_744_074, 0),
            (i64::MAX, 999_999_999),
        ] {
            let refused = time_from_proto(Timestamp { seconds, nanos }, "t").unwrap_err();
            assert_eq!(refused.field, "t", "{seconds} {nanos}");
        }
    }
}
