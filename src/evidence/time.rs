//! Times in JSON: RFC 3339 text, read with any offset, written in UTC with nanoseconds.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

use crate::ledger::position::UnixNanos;

// The signature is serde's.
#[allow(clippy::ref_option)]
pub(super) fn serialize<S: Serializer>(
    time: &Option<UnixNanos>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => serializer.serialize_str(&time.to_rfc3339()),
        None => serializer.serialize_none(),
    }
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<UnixNanos>, D::Error> {
    let Some(text) = Option::<Cow<'_, str>>::deserialize(deserializer)? else {
        return Ok(None);
    };
    parse(&text).map(Some).map_err(D::Error::custom)
}

/// Reads RFC 3339 text, such as `2026-11-22T09:30:00+01:00`.
fn parse(text: &str) -> Result<UnixNanos, String> {
    let wrong = |problem: &str| {
        let shown: String = text.chars().take(40).collect();
        format!("the time {shown:?} {problem}, such as \"2026-11-22T09:30:00Z\"")
    };
    if !looks_like_rfc3339(text.as_bytes()) {
        return Err(wrong("is not a date, a time and an offset (RFC 3339)"));
    }
    let time: jiff::Timestamp = text
        .parse()
        .map_err(|_| wrong("is not a date, a time and an offset (RFC 3339)"))?;
    u64::try_from(time.as_nanosecond())
        .map(UnixNanos::new)
        .map_err(|_| wrong("is not between 1970 and 2554; give one that is"))
}

/// Whether text has the shape that RFC 3339 asks for; `jiff` reads other ISO 8601 forms and zone names as well.
fn looks_like_rfc3339(text: &[u8]) -> bool {
    let digits = |bytes: &[u8]| bytes.iter().all(u8::is_ascii_digit);
    let [
        y @ ..,
        b'-',
        m1,
        m2,
        b'-',
        d1,
        d2,
        b'T' | b't' | b' ',
        h1,
        h2,
        b':',
        n1,
        n2,
        b':',
        s1,
        s2,
    ] = text.get(..19).unwrap_or_default()
    else {
        return false;
    };
    let mut rest = text.get(19..).unwrap_or_default();
    if let [b'.', fraction @ ..] = rest {
        let length = fraction.iter().take_while(|b| b.is_ascii_digit()).count();
        if length == 0 {
            return false;
        }
        rest = fraction.get(length..).unwrap_or_default();
    }
    let offset = match rest {
        [b'Z' | b'z'] => true,
        [b'+' | b'-', h1, h2, b':', m1, m2] => digits(&[*h1, *h2, *m1, *m2]),
        _ => false,
    };
    offset && digits(y) && digits(&[*m1, *m2, *d1, *d2, *h1, *h2, *n1, *n2, *s1, *s2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_any_offset_and_written_in_utc() {
        for (text, utc) in [
            ("2026-11-22T09:30:00Z", "2026-11-22T09:30:00.000000000Z"),
            (
                "2026-11-22T09:30:00.5+01:00",
                "2026-11-22T08:30:00.500000000Z",
            ),
            (
                "1970-01-01T00:00:00.000000001Z",
                "1970-01-01T00:00:00.000000001Z",
            ),
        ] {
            assert_eq!(parse(text).unwrap().to_rfc3339(), utc, "{text}");
        }
    }

    #[test]
    fn text_that_is_not_a_dated_time_with_an_offset_is_refused() {
        for text in [
            "",
            "2026-11-22",
            "2026-11-22T09:30:00",
            "2026-11-22T09:30Z",
            "2026-11-22T09:30:00[Europe/Berlin]",
            "2026-11-22T09:30:00+01:00[Europe/Berlin]",
            "2026-11-22T09:30:00.Z",
            "2026-13-22T09:30:00Z",
            "2026-02-30T09:30:00Z",
            "+002026-11-22T09:30:00Z",
            "1969-12-31T23:59:59Z",
            "2600-01-01T00:00:00Z",
            "1732267800",
            " 2026-11-22T09:30:00Z",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
