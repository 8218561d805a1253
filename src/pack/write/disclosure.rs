//! Whose payloads go into a pack, and which parts of them; and what became of them, for whoever must answer for it.
//!
//! An entry is never left out, so what is not to be seen stands as commitments. Bundles on the edges of a range are
//! whole, and so the entries around the range come along: of these no payload is disclosed, whatever the filter says.
//! A name or value that fits nothing is most often a slip of the pen, and would disclose what was to be withheld: it is
//! told apart from one that fits.

use std::collections::BTreeMap;

use super::{PackError, PackRequest};
use crate::{
    ledger::{
        breaks::BreakConfirmation,
        entry::Entry,
        filter::Filter,
        payload::{Part, decode_kept, encode_kept},
        position::{EntryIndex, UnixNanos, count},
    },
    pack::report::IndexRange,
};

/// The most names of withheld parts that are counted one by one.
const NAMES_MAX: usize = 100;

/// What became of the payloads of an export.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Disclosed {
    /// Payloads of which at least one part is disclosed.
    pub payloads: u64,
    /// Parts that this export withheld, by name: the first hundred names.
    pub withheld: BTreeMap<String, u64>,
    /// Parts that this export withheld, of further names.
    pub withheld_of_other_names: u64,
    /// Parts that were withheld or erased before, so that nobody knows their names.
    pub withheld_before: u64,
    /// When the first and the last of the entries that were asked for were recorded.
    pub recorded: Option<(UnixNanos, UnixNanos)>,
}

impl Disclosed {
    fn withhold(&mut self, name: &str, parts: u64) {
        let named = self.withheld.len() < NAMES_MAX || self.withheld.contains_key(name);
        let counted = if named {
            self.withheld.entry(name.to_owned()).or_default()
        } else {
            &mut self.withheld_of_other_names
        };
        *counted = counted.saturating_add(parts);
    }

    fn join(&mut self, next: Self) {
        for (mine, theirs) in [
            (&mut self.payloads, next.payloads),
            (
                &mut self.withheld_of_other_names,
                next.withheld_of_other_names,
            ),
        ] {
            *mine = mine.saturating_add(theirs);
        }
        for (name, parts) in next.withheld {
            self.withhold(&name, parts);
        }
        self.recorded = match (self.recorded, next.recorded) {
            (Some((first, _)), Some((_, last))) => Some((first, last)),
            (one, other) => one.or(other),
        };
    }
}

/// Something in a request that fits nothing of its range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmatched {
    /// The field of the request, as the API names it, such as `withhold_parts[0]`.
    pub field: String,
    /// What is wrong with it.
    pub problem: String,
}

/// What is counted while an export goes on.
#[derive(Default)]
pub(super) struct Tally {
    disclosed: Disclosed,
    /// For each name to withhold, and each value of the filter, whether something of the range has it.
    withheld: Vec<bool>,
    event_types: Vec<bool>,
    sources: Vec<bool>,
    subjects: Vec<bool>,
    /// Whether the filter selects an entry of the range.
    selected: bool,
}

impl Tally {
    /// Counts an entry and its payload as they go into the pack.
    pub(super) fn see(&mut self, range: IndexRange, entry: &Entry<'_>, parts: &[Part<'_>]) {
        if range.contains(entry.index) {
            let at = entry.recorded_at;
            let first = self.disclosed.recorded.map_or(at, |(first, _)| first);
            self.disclosed.recorded = Some((first, at));
        }
        if parts.iter().any(|part| matches!(part, Part::Disclosed(_))) {
            self.disclosed.payloads = self.disclosed.payloads.saturating_add(1);
        }
    }

    pub(super) fn join(&mut self, next: Self) {
        self.disclosed.join(next.disclosed);
        for (mine, theirs) in [
            (&mut self.withheld, next.withheld),
            (&mut self.event_types, next.event_types),
            (&mut self.sources, next.sources),
            (&mut self.subjects, next.subjects),
        ] {
            mine.resize(mine.len().max(theirs.len()), false);
            for (mine, theirs) in mine.iter_mut().zip(theirs) {
                *mine |= theirs;
            }
        }
        self.selected |= next.selected;
    }

    /// What became of the payloads, where so many parts are withheld in the pack.
    pub(super) fn into_disclosed(self, parts_withheld: u64) -> Disclosed {
        let now = self.disclosed.withheld.values();
        let now = now.fold(self.disclosed.withheld_of_other_names, |sum, parts| {
            sum.saturating_add(*parts)
        });
        Disclosed {
            withheld_before: parts_withheld.saturating_sub(now),
            ..self.disclosed
        }
    }
}

/// What of the payloads a request lets be seen.
pub(super) struct Disclosure<'a> {
    /// The entries that were asked for.
    range: IndexRange,
    filter: &'a Filter,
    withhold_parts: &'a [String],
}

impl<'a> Disclosure<'a> {
    pub(super) fn of(request: &'a PackRequest) -> Self {
        Self {
            range: request.range(),
            filter: &request.filter,
            withhold_parts: &request.withhold_parts,
        }
    }

    pub(super) const fn range(&self) -> IndexRange {
        self.range
    }

    /// The payload bundle of these entries with what is not to be disclosed replaced by its commitments.
    pub(super) fn apply(
        &self,
        first: EntryIndex,
        entries: &[&[u8]],
        payloads: Vec<u8>,
        tally: &mut Tally,
    ) -> Result<Vec<u8>, PackError> {
        let inside =
            self.range.start <= first && first.plus(count(entries.len())) <= self.range.end;
        if inside && self.filter.selects_all() && self.withhold_parts.is_empty() {
            return Ok(payloads);
        }
        let damaged = |error: &dyn std::fmt::Display| PackError::Damaged(error.to_string());
        let mut out = Vec::with_capacity(payloads.len());
        let mut rest = payloads.as_slice();
        for (place, bytes) in (0..).zip(entries) {
            let entry = Entry::decode(bytes).map_err(|error| damaged(&error))?;
            let (mut parts, left) = decode_kept(rest).map_err(|error| damaged(&error))?;
            rest = left;
            self.withhold(first.plus(place), &entry, &mut parts, tally);
            encode_kept(&parts, &mut out).map_err(|error| damaged(&error))?;
        }
        out.extend_from_slice(rest);
        Ok(out)
    }

    fn withhold(
        &self,
        index: EntryIndex,
        entry: &Entry<'_>,
        parts: &mut [Part<'_>],
        tally: &mut Tally,
    ) {
        let inside = self.range.contains(index);
        if inside {
            self.note_matches(entry, parts, tally);
        }
        let disclosed = inside && self.filter.selects(entry);
        // Nobody could tell confirmed damage from other damage without it.
        let confirms = BreakConfirmation::is_claimed_by(entry);
        for (place, part) in parts.iter_mut().enumerate() {
            match part {
                Part::Disclosed(_) if confirms && place == 0 => {}
                Part::Withheld(_) => {}
                Part::Disclosed(content) => {
                    if disclosed && !self.withhold_parts.iter().any(|name| name == content.name) {
                        continue;
                    }
                    tally.disclosed.withhold(content.name, 1);
                    *part = Part::Withheld(part.commitment());
                }
            }
        }
    }

    /// Notes which names and values fit this entry of the range.
    fn note_matches(&self, entry: &Entry<'_>, parts: &[Part<'_>], tally: &mut Tally) {
        let note = |fits: &mut Vec<bool>, wanted: &[String], has: &dyn Fn(&str) -> bool| {
            fits.resize(wanted.len(), false);
            for (fits, wanted) in fits.iter_mut().zip(wanted) {
                *fits = *fits || has(wanted);
            }
        };
        let filter = self.filter;
        note(&mut tally.event_types, &filter.event_types, &|wanted| {
            wanted == entry.event_type
        });
        note(&mut tally.sources, &filter.sources, &|wanted| {
            wanted == entry.source
        });
        note(&mut tally.subjects, &filter.subjects, &|wanted| {
            wanted == entry.subject
        });
        note(&mut tally.withheld, self.withhold_parts, &|wanted| {
            let named =
                |part: &Part<'_>| matches!(part, Part::Disclosed(part) if part.name == wanted);
            parts.iter().any(named)
        });
        tally.selected = tally.selected || filter.selects(entry);
    }

    /// What of the request fits nothing of its range.
    pub(super) fn unmatched(&self, tally: &Tally) -> Vec<Unmatched> {
        let mut unmatched = Vec::new();
        let mut look = |field: &str, wanted: &[String], fits: &[bool], what: &str| {
            for (place, wanted) in wanted.iter().enumerate() {
                if !fits.get(place).is_some_and(|fits| *fits) {
                    unmatched.push(Unmatched {
                        field: format!("{field}[{place}]"),
                        problem: format!(
                            "{wanted:?} is {what} of entries {}..{}",
                            self.range.start, self.range.end
                        ),
                    });
                }
            }
        };
        let filter = self.filter;
        look(
            "withhold_parts",
            self.withhold_parts,
            &tally.withheld,
            "the name of no readable part",
        );
        look(
            "disclose.event_types",
            &filter.event_types,
            &tally.event_types,
            "the type of none",
        );
        look(
            "disclose.sources",
            &filter.sources,
            &tally.sources,
            "the source of none",
        );
        look(
            "disclose.subjects",
            &filter.subjects,
            &tally.subjects,
            "the subject of none",
        );
        if !filter.selects_all() && !tally.selected && unmatched.is_empty() {
            unmatched.push(Unmatched {
                field: "disclose".to_owned(),
                problem: format!(
                    "the filter as a whole fits none of entries {}..{}",
                    self.range.start, self.range.end
                ),
            });
        }
        unmatched
    }
}
