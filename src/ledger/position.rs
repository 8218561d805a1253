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
