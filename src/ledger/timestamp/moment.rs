//! Times in DER: GeneralizedTime as RFC 3161, section 2.4.2, restricts it, and the times of certificates.

use crate::ledger::position::UnixNanos;

const NANOS: u64 = 1_000_000_000;

/// `YYYYMMDDhhmmss[.s...]Z`, the fraction without zeros at its end; digits after the ninth are cut off.
pub(super) fn generalized(text: &[u8]) -> Option<UnixNanos> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    let nanos = match fraction {
        None => 0,
        Some(digits) => {
            let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
            if digits.is_empty() || digits.len() > 32 || !plain || digits.ends_with('0') {
                return None;
            }
            let nine: String = digits.chars().chain("00000000".chars()).take(9).collect();
            nine.parse().ok()?
        }
    };
    let seconds = seconds(whole)?;
    seconds
        .checked_mul(NANOS)?
        .checked_add(nanos)
        .map(UnixNanos::new)
}

/// `YYMMDDhhmmssZ`, of 1950 to 2049, as RFC 5280 has it. In seconds since 1970; a time before that is 1970.
pub(super) fn utc_seconds(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let early = text.get(..2)?.parse::<u8>().ok()? >= 50;
    let century = if early { "19" } else { "20" };
    seconds(&format!("{century}{text}"))
}

/// `YYYYMMDDhhmmssZ`. In seconds since 1970; a time before that is 1970.
pub(super) fn generalized_seconds(text: &[u8]) -> Option<u64> {
    seconds(std::str::from_utf8(text).ok()?.strip_suffix('Z')?)
}

fn seconds(text: &str) -> Option<u64> {
    if text.len() != 14 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part = |from: usize, to: usize| text.get(from..to)?.parse::<i16>().ok();
    let small = |from, to| part(from, to)?.try_into().ok();
    let time = jiff::civil::DateTime::new(
        part(0, 4)?,
        small(4, 6)?,
        small(6, 8)?,
        small(8, 10)?,
        small(10, 12)?,
        small(12, 14)?,
        0,
    );
    let stamp = jiff::tz::Offset::UTC.to_timestamp(time.ok()?).ok()?;
    Some(u64::try_from(stamp.as_second()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_their_one_form() {
        let at = |text: &str| generalized(text.as_bytes()).map(UnixNanos::value);
        assert_eq!(at("19700101000001Z"), Some(1_000_000_000));
        assert_eq!(at("19700101000000.000000001Z"), Some(1));
        assert_eq!(at("20261125121500.5Z"), Some(1_795_608_900_500_000_000));
        assert_eq!(at("19700101000000.0000000019Z"), Some(1));
        for text in [
            "",
            "Z",
            "20261125121500",
            "202611251215Z",
            "20261125121500.Z",
            "20261125121500.50Z",
            "20261325121500Z",
            "20260230121500Z",
            "20261125241500Z",
            "20261125121500+0100",
            "2026112512150xZ",
            "+0261125121500Z",
            "99991231235959Z",
            "20261125121500.5.5Z",
        ] {
            assert_eq!(at(text), None, "{text}");
        }
        assert_eq!(utc_seconds(b"700101000001Z"), Some(1));
        assert_eq!(
            utc_seconds(b"491231235959Z"),
            generalized_seconds(b"20491231235959Z")
        );
        assert_eq!(utc_seconds(b"500101000000Z"), Some(0));
        assert_eq!(utc_seconds(b"5001010000Z"), None);
    }
}
