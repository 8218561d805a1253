//! The completeness statement: what the producers' own counts say about events that never arrived.
//!
//! A producer that counts its events from 1 lets the ledger answer "is this all of it?" for its source. Gaps, repeats
//! and late arrivals make a history incomplete, not altered: the ledger holds what it was given.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::report::Report;
use crate::ledger::position::count;

/// The most sources that are followed.
pub const SOURCES_MAX: usize = 100_000;
/// The most sources that a statement lists.
pub const SOURCES_LISTED_MAX: usize = 1_000;
/// The most separate gaps that are remembered, all sources together.
pub const GAPS_MAX: usize = 100_000;
/// The most gaps of one source that a statement lists.
pub const GAPS_LISTED_MAX: usize = 20;

/// What the counts of all sources say.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourcesStatement {
    /// Sources that count their events.
    pub counting: u64,
    /// Events of these sources.
    pub events: u64,
    /// Events without a count.
    pub uncounted: u64,
    /// Numbers that never arrived, all sources together; it stops at 2^64-1, see [`Sequences::missing`].
    pub missing: u64,
    /// Events whose number had been there before.
    pub repeated: u64,
    /// Events that arrived after one with a higher number.
    pub late: u64,
    /// Whether there were more sources or gaps than are followed, so that the numbers above are lower bounds.
    pub truncated: bool,
    /// The sources by name, at most [`SOURCES_LISTED_MAX`]; those with something missing or repeated first.
    pub listed: Vec<SourceSequence>,
}

/// What the counts of one source say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceSequence {
    /// The source.
    pub source: String,
    /// Its events.
    pub events: u64,
    /// The lowest number.
    pub first: u64,
    /// The highest number.
    pub last: u64,
    /// Numbers between that never arrived.
    pub missing: u64,
    /// Events whose number had been there before.
    pub repeated: u64,
    /// Events that arrived after one with a higher number.
    pub late: u64,
    /// The gaps, first and last missing number each, at most [`GAPS_LISTED_MAX`].
    pub gaps: Vec<(u64, u64)>,
}

/// Follows the counts of all sources through a ledger, in the ledger's order.
#[derive(Default)]
pub struct Sequences {
    sources: HashMap<String, Sequence>,
    uncounted: u64,
    gaps: usize,
    truncated: bool,
}

/// What is known of one source so far.
struct Sequence {
    events: u64,
    first: u64,
    last: u64,
    /// Numbers not yet seen between first and last: first and last of each run.
    gaps: BTreeMap<u64, u64>,
    /// Numbers not seen that no gap is remembered for.
    forgotten: u128,
    repeated: u64,
    late: u64,
}

impl Sequences {
    /// Takes the next event: its source and number, where it is counted.
    pub fn take(&mut self, sequence: Option<(&str, u64)>) {
        let Some((source, number)) = sequence else {
            self.uncounted = self.uncounted.saturating_add(1);
            return;
        };
        if let Some(known) = self.sources.get_mut(source) {
            let before = known.gaps.len();
            self.truncated |= !known.take(number, self.gaps < GAPS_MAX);
            self.gaps = self
                .gaps
                .saturating_sub(before)
                .saturating_add(known.gaps.len());
        } else if self.sources.len() < SOURCES_MAX {
            self.sources
                .insert(source.to_owned(), Sequence::starting_at(number));
        } else {
            self.truncated = true;
        }
    }

    /// How many numbers never arrived, exactly. Several sources can lack more than 64 bits count.
    pub fn missing(&self, from_start: bool) -> u128 {
        let missing = self
            .sources
            .values()
            .map(|source| source.missing(from_start));
        missing.fold(0, u128::saturating_add)
    }

    /// Says in a report what the counts say.
    pub(super) fn state(&self, from_start: bool, report: &mut Report) {
        report.sources = self.statement(from_start);
        report.unconfirmed = self.missing(from_start);
    }

    /// What the counts say. From the ledger's very start a source's first number should be 1; later on it may be any.
    pub fn statement(&self, from_start: bool) -> SourcesStatement {
        let mut listed: Vec<SourceSequence> = self
            .sources
            .iter()
            .map(|(source, sequence)| sequence.statement(source, from_start))
            .collect();
        let total =
            |of: fn(&SourceSequence) -> u64| listed.iter().map(of).fold(0, u64::saturating_add);
        let mut statement = SourcesStatement {
            counting: count(listed.len()),
            events: total(|source| source.events),
            uncounted: self.uncounted,
            missing: total(|source| source.missing),
            repeated: total(|source| source.repeated),
            late: total(|source| source.late),
            truncated: self.truncated,
            listed: Vec::new(),
        };
        listed.sort_by(|a, b| {
            let whole = |source: &SourceSequence| source.missing == 0 && source.repeated == 0;
            (whole(a), &a.source).cmp(&(whole(b), &b.source))
        });
        listed.truncate(SOURCES_LISTED_MAX);
        statement.listed = listed;
        statement
    }
}

impl Sequence {
    fn starting_at(number: u64) -> Self {
        Self {
            events: 1,
            first: number,
            last: number,
            gaps: BTreeMap::new(),
            forgotten: 0,
            repeated: 0,
            late: 0,
        }
    }

    /// Takes the next number; false when a gap had to be forgotten.
    fn take(&mut self, number: u64, room: bool) -> bool {
        self.events = self.events.saturating_add(1);
        if number > self.last {
            let gap = (self.last.saturating_add(1), number.saturating_sub(1));
            self.last = number;
            return self.open(gap, room);
        }
        if number < self.first {
            let gap = (number.saturating_add(1), self.first.saturating_sub(1));
            self.first = number;
            self.late = self.late.saturating_add(1);
            return self.open(gap, room);
        }
        let around = self.gaps.range(..=number).next_back();
        match around.map(|(from, to)| (*from, *to)) {
            Some((from, to)) if number <= to => {
                self.late = self.late.saturating_add(1);
                self.gaps.remove(&from);
                let before = self.open((from, number.saturating_sub(1)), true);
                before & self.open((number.saturating_add(1), to), true)
            }
            _ => {
                self.repeated = self.repeated.saturating_add(1);
                true
            }
        }
    }

    fn open(&mut self, (from, to): (u64, u64), room: bool) -> bool {
        if from <= to && room {
            self.gaps.insert(from, to);
        } else if from <= to {
            self.forgotten = self.forgotten.saturating_add(length_of((from, to)));
            return false;
        }
        true
    }

    /// The gaps that are remembered. From the ledger's very start, what is below the first number is one.
    fn gaps(&self, from_start: bool) -> impl Iterator<Item = (u64, u64)> {
        let start = (from_start && self.first > 1).then(|| (1, self.first.saturating_sub(1)));
        start
            .into_iter()
            .chain(self.gaps.iter().map(|(a, b)| (*a, *b)))
    }

    fn missing(&self, from_start: bool) -> u128 {
        let lengths = self.gaps(from_start).map(length_of);
        lengths.fold(self.forgotten, u128::saturating_add)
    }

    fn statement(&self, source: &str, from_start: bool) -> SourceSequence {
        SourceSequence {
            source: source.to_owned(),
            events: self.events,
            first: self.first,
            last: self.last,
            missing: at_most(self.missing(from_start)),
            repeated: self.repeated,
            late: self.late,
            gaps: self.gaps(from_start).take(GAPS_LISTED_MAX).collect(),
        }
    }
}

/// How many numbers a gap has.
pub(super) fn length_of((from, to): (u64, u64)) -> u128 {
    u128::from(to.saturating_sub(from)).saturating_add(1)
}

/// A sum as a report has it: it stops at 2^64-1.
pub(super) fn at_most(sum: u128) -> u64 {
    u64::try_from(sum).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects, clippy::as_conversions)]

    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn of(numbers: &[u64], from_start: bool) -> SourcesStatement {
        let mut sequences = Sequences::default();
        for number in numbers {
            sequences.take(Some(("pipeline", *number)));
        }
        sequences.statement(from_start)
    }

    #[test]
    fn a_gap_that_fills_later_is_late_and_not_missing() {
        let statement = of(&[1, 2, 5, 3], true);
        assert_eq!(
            (statement.missing, statement.late, statement.repeated),
            (1, 1, 0)
        );
        assert_eq!(statement.listed[0].gaps, [(4, 4)]);
    }

    #[test]
    fn what_is_missing_before_the_first_number_counts_only_from_the_start() {
        assert_eq!(of(&[3, 4], true).missing, 2);
        assert_eq!(of(&[3, 4], false).missing, 0);
    }

    #[test]
    fn what_several_sources_lack_is_counted_beyond_64_bits() {
        let mut sequences = Sequences::default();
        for source in ["a", "b", "c"] {
            sequences.take(Some((source, u64::MAX)));
        }
        assert_eq!(sequences.statement(true).missing, u64::MAX);
        assert_eq!(sequences.missing(true), 3 * u128::from(u64::MAX - 1));
        assert_eq!(sequences.missing(false), 0);
    }

    proptest! {
        #[test]
        fn the_statement_is_that_of_the_obvious_sets(numbers in prop::collection::vec(1u64..40, 1..60)) {
            let statement = of(&numbers, true);
            let seen: BTreeSet<u64> = numbers.iter().copied().collect();
            let last = seen.last().copied().unwrap();
            prop_assert_eq!(statement.missing, (1..=last).filter(|n| !seen.contains(n)).count() as u64);
            prop_assert_eq!(statement.repeated, (numbers.len() - seen.len()) as u64);
            let late = (1..numbers.len())
                .filter(|at| !numbers[..*at].contains(&numbers[*at]) && numbers[..*at].iter().any(|n| n > &numbers[*at]))
                .count();
            prop_assert_eq!(statement.late, late as u64);
        }
    }
}
