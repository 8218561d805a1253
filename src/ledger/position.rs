//! Positions, counts and times, kept apart by type.
//!
//! An [`EntryIndex`] names one entry, from zero; a [`TreeSize`] counts them. The entry at index `n` is the last
//! one of the tree of size `n + 1`. [`EntryIndex::tree_size`] and [`TreeSize::last`] are the ways from one to
//! the other, and no `From<u64>` undoes that.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(u64);

        impl $name {
            /// Takes the number as it stands on the wire or on disk.
            pub const fn new(value: u64) -> Self {
                Self(value)
            }

            /// Gives the number back for the wire, the disk or arithmetic.
            pub const fn value(self) -> u64 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number! {
    /// Names one entry: its position in the ledger, from zero, without gaps.
    EntryIndex
}
number! {
    /// Counts the entries of a ledger, or of the part of it that a checkpoint covers.
    TreeSize
}
number! {
    /// A time: nanoseconds since the Unix epoch, UTC. Zero stands for "not said" where a field allows it.
    UnixNanos
}

impl EntryIndex {
    /// The tree of which this entry is the last.
    pub const fn tree_size(self) -> TreeSize {
        TreeSize(self.0.saturating_add(1))
    }

    /// The entry `count` places further on.
    pub const fn plus(self, count: u64) -> Self {
        Self(self.0.saturating_add(count))
    }
}

impl TreeSize {
    /// The tree without any entry.
    pub const EMPTY: Self = Self(0);

    /// The index that the next entry after this tree gets.
    pub const fn next_index(self) -> EntryIndex {
        EntryIndex(self.0)
    }

    /// The last entry of this tree; `None` when it is empty.
    pub const fn last(self) -> Option<EntryIndex> {
        match self.0.checked_sub(1) {
            Some(index) => Some(EntryIndex(index)),
            None => None,
        }
    }

    /// Whether the entry is one of this tree.
    pub const fn contains(self, index: EntryIndex) -> bool {
        index.0 < self.0
    }

    /// The tree `count` entries larger.
    pub const fn plus(self, count: u64) -> Self {
        Self(self.0.saturating_add(count))
    }
}

impl UnixNanos {
    /// The current wall-clock time; the epoch itself when the clock stands before it.
    pub fn now() -> Self {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Self(since.map_or(0, |d| u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// The time as RFC 3339 text in UTC with nanoseconds, such as `2026-11-22T09:30:00.000000001Z`.
    pub fn to_rfc3339(self) -> String {
        jiff::Timestamp::from_nanosecond(i128::from(self.0))
            .map_or_else(|_| format!("{} ns", self.0), |t| format!("{t:.9}"))
    }
}

/// A length in memory as the 64-bit count the formats use.
pub fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// A count of the formats as a length in memory; saturates on machines that could not hold it anyway.
pub fn length(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// Reads a decimal number in its one form: digits alone, and no zero in front.
pub fn decimal(text: &str) -> Option<u64> {
    let value: u64 = text.parse().ok()?;
    (value.to_string() == text).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_one_form() {
        for (text, value) in [("0", 0), ("10", 10), ("18446744073709551615", u64::MAX)] {
            assert_eq!(decimal(text), Some(value));
        }
        for text in [
            "",
            "00",
            "01",
            "+1",
            "-1",
            " 1",
            "1 ",
            "1_0",
            "18446744073709551616",
            "\u{661}",
        ] {
            assert_eq!(decimal(text), None, "{text:?}");
        }
    }

    #[test]
    fn the_last_entry_of_a_tree_and_the_tree_of_an_entry_are_inverse() {
        assert_eq!(TreeSize::EMPTY.last(), None);
        for index in [0, 1, 255, u64::MAX - 1] {
            let index = EntryIndex::new(index);
            assert_eq!(index.tree_size().last(), Some(index));
            assert!(index.tree_size().contains(index));
            assert!(!index.tree_size().contains(index.plus(1)));
        }
        // No tree is large enough for the last number there is.
        assert!(
            !EntryIndex::new(u64::MAX)
                .tree_size()
                .contains(EntryIndex::new(u64::MAX))
        );
    }

    #[test]
    fn times_are_written_with_every_nanosecond() {
        let written = |nanos| UnixNanos::new(nanos).to_rfc3339();
        assert_eq!(written(0), "1970-01-01T00:00:00.000000000Z");
        assert_eq!(
            written(1_790_000_000_001_000_003),
            "2026-09-21T14:13:20.001000003Z"
        );
        assert_eq!(written(u64::MAX), "2554-07-21T23:34:33.709551615Z");
    }
}
