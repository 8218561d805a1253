//! Times as RFC 3339 text, fast where they follow each other closely.

use crate::ledger::position::UnixNanos;

const NANOS_PER_SECOND: u64 = 1_000_000_000;
/// What a text ends with: nine digits and `Z`.
const DIGITS: usize = 10;

/// Writes times, and remembers the last one's text: most entries share it, or its second, with the one before.
#[derive(Default)]
pub(super) struct Moments {
    last: Option<u64>,
    /// Such as `2026-11-22T09:30:00.000000000Z`.
    text: Vec<u8>,
}

impl Moments {
    /// Appends what [`UnixNanos::to_rfc3339`] gives.
    pub(super) fn write(&mut self, time: UnixNanos, out: &mut Vec<u8>) {
        let nanos = time.value();
        let last = self.last.replace(nanos);
        if last != Some(nanos) {
            let second = nanos / NANOS_PER_SECOND;
            let same = last.is_some_and(|last| last / NANOS_PER_SECOND == second);
            match self.text.last_chunk_mut::<DIGITS>().filter(|_| same) {
                Some(digits) => write_fraction(nanos % NANOS_PER_SECOND, digits),
                None => self.text = time.to_rfc3339().into_bytes(),
            }
        }
        out.extend_from_slice(&self.text);
    }
}

fn write_fraction(mut nanos: u64, digits: &mut [u8; DIGITS]) {
    for digit in digits.iter_mut().rev().skip(1) {
        *digit = b'0' | u8::try_from(nanos % 10).unwrap_or(0);
        nanos /= 10;
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
