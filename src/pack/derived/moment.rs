//! Times as RFC 3339 text, fast where they follow each other closely.

use crate::ledger::position::UnixNanos;

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// Writes times, and remembers the text of the last second: most entries share it with the one before.
#[derive(Default)]
pub(super) struct Moments {
    second: Option<u64>,
    /// Such as `2026-11-22T09:30:00.`.
    prefix: String,
}

impl Moments {
    /// Appends what [`UnixNanos::to_rfc3339`] gives.
    pub(super) fn write(&mut self, time: UnixNanos, out: &mut Vec<u8>) {
        let (second, mut nanos) = (
            time.value() / NANOS_PER_SECOND,
            time.value() % NANOS_PER_SECOND,
        );
        if self.second != Some(second) {
            let text = time.to_rfc3339();
            match text.split_once('.') {
                Some((prefix, _)) => self.prefix = format!("{prefix}."),
                None => return out.extend_from_slice(text.as_bytes()),
            }
            self.second = Some(second);
        }
        out.extend_from_slice(self.prefix.as_bytes());
        let mut digits = *b"000000000Z";
        for digit in digits.iter_mut().take(9).rev() {
            *digit = b'0' | u8::try_from(nanos % 10).unwrap_or(0);
            nanos /= 10;
        }
        out.extend_from_slice(&digits);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn times_are_written_as_the_ledger_writes_them(times in prop::collection::vec(
            prop_oneof![any::<u64>(), 1_700_000_000_000_000_000u64..1_700_000_002_000_000_000], 1..20)) {
            let mut moments = Moments::default();
            for time in times.into_iter().map(UnixNanos::new) {
                let mut out = Vec::new();
                moments.write(time, &mut out);
                prop_assert_eq!(String::from_utf8(out).unwrap(), time.to_rfc3339());
            }
        }
    }
}
