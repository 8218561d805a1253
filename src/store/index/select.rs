//! Selecting entries by a filter: the postings of each field's terms joined, and the fields intersected.
//!
//! A field's terms are read side by side as one ascending list. Of all fields' lists, each is asked in turn for
//! its next entry at or after the furthest one named so far, until they agree; so rare terms lead and common ones
//! are read only near them.

use std::{ops::Range, sync::Arc};

use super::{
    error::IndexError,
    pages::Pages,
    run::Run,
    shared::Shared,
    term::{Record, Term, Terms},
    view::Sealed,
};
use crate::ledger::filter::Filter;

/// A filter's terms, a list for each field that it names.
struct Wanted {
    event_types: Vec<Term>,
    sources: Vec<Term>,
    subjects: Vec<Term>,
}

/// Gives the entries of a range that a filter may select, ascending, at most `limit` of them.
pub(super) fn select(
    shared: &Shared,
    filter: &Filter,
    range: Range<u64>,
    limit: usize,
) -> Result<Vec<u64>, IndexError> {
    Asked::of(shared, filter, range).answer(shared, limit)
}

/// A question, in the terms of the database that it was put to.
pub(super) struct Asked {
    pages: Arc<Pages>,
    wanted: Wanted,
    range: Range<u64>,
}

impl Asked {
    pub(super) fn of(shared: &Shared, filter: &Filter, range: Range<u64>) -> Self {
        let view = shared.read();
        let recorded = view.nodes.recorded_within(filter);
        Self {
            pages: Arc::clone(&view.sealed.pages),
            wanted: Wanted::new(&view.sealed.terms, filter),
            range: range.start.max(recorded.start)..range.end.min(recorded.end),
        }
    }

    pub(super) fn answer(self, shared: &Shared, limit: usize) -> Result<Vec<u64>, IndexError> {
        let range = &self.range;
        if self.wanted.fields().next().is_none() {
            return Ok(range.clone().take(limit).collect());
        }
        let mut found = Vec::new();
        let mut next = range.start;
        loop {
            let sealed = shared.read().sealed.clone();
            self.still_of(&sealed)?;
            let done = next;
            for run in sealed.runs.iter().filter(|run| run.end() > done) {
                if run.id.first >= range.end || found.len() >= limit {
                    return Ok(found);
                }
                let part = next..range.end.min(run.end());
                select_in_run(run, &self.pages, &self.wanted, part, limit, &mut found)?;
                next = next.max(run.end());
            }
            // What was in a tail when the runs were listed may be in a run by now: then another round.
            let view = shared.read();
            self.still_of(&view.sealed)?;
            if view.sealed.entries <= next || found.len() >= limit {
                let records = view.tails().flat_map(|tail| tail.records(next..range.end));
                let selected = records.filter(|(_, record)| self.wanted.selects(record));
                let left = limit.saturating_sub(found.len());
                found.extend(selected.map(|(index, _)| index).take(left));
                return Ok(found);
            }
        }
    }

    /// After a reset, nothing has the terms of the question any more.
    fn still_of(&self, sealed: &Sealed) -> Result<(), IndexError> {
        if Arc::ptr_eq(&self.pages, &sealed.pages) {
            return Ok(());
        }
        let reset = "every place: it was reset meanwhile";
        Err(IndexError::Damaged(reset.to_owned()))
    }
}

fn select_in_run(
    run: &Run,
    pages: &Pages,
    wanted: &Wanted,
    range: Range<u64>,
    limit: usize,
    found: &mut Vec<u64>,
) -> Result<(), IndexError> {
    let mut fields: Vec<Vec<Postings<'_>>> = wanted
        .fields()
        .map(|terms| {
            let held = terms.iter().filter(|term| run.may_hold(**term));
            held.map(|term| Postings::new(run, pages, *term)).collect()
        })
        .collect();
    let mut next = range.start;
    while found.len() < limit {
        let Some(index) = agreed(&mut fields, next)?.filter(|index| *index < range.end) else {
            return Ok(());
        };
        found.push(index);
        next = index.saturating_add(1);
    }
    Ok(())
}

/// The first entry from `from` on that all fields name.
fn agreed(fields: &mut [Vec<Postings<'_>>], from: u64) -> Result<Option<u64>, IndexError> {
    let mut next = from;
    loop {
        let before = next;
        for field in fields.iter_mut() {
            let Some(index) = first_of(field, next)? else {
                return Ok(None);
            };
            next = index;
        }
        if next == before {
            return Ok(Some(next));
        }
        // The last field moved on to `next`; it stands when the others name it too.
        if fields.len() == 1 {
            return Ok(Some(next));
        }
    }
}

/// The first entry from `from` on that has any of a field's terms.
fn first_of(field: &mut [Postings<'_>], from: u64) -> Result<Option<u64>, IndexError> {
    let mut first: Option<u64> = None;
    for postings in field {
        if let Some(index) = postings.first_from(from)? {
            first = Some(first.map_or(index, |first| first.min(index)));
        }
    }
    Ok(first)
}

/// The entries with one term in one run, read a page at a time and only forwards.
struct Postings<'a> {
    run: &'a Run,
    pages: &'a Pages,
    term: Term,
    page: Vec<u64>,
    at: usize,
    exhausted: bool,
}

impl<'a> Postings<'a> {
    fn new(run: &'a Run, pages: &'a Pages, term: Term) -> Self {
        Self {
            run,
            pages,
            term,
            page: Vec::new(),
            at: 0,
            exhausted: false,
        }
    }

    /// The first entry at or after `from`, which never falls from call to call.
    fn first_from(&mut self, from: u64) -> Result<Option<u64>, IndexError> {
        if self.exhausted {
            return Ok(None);
        }
        if self.page.last().is_none_or(|last| *last < from) {
            self.page = self.run.postings(self.pages, self.term, from)?;
            self.at = 0;
            self.exhausted = self.page.is_empty();
        }
        let rest = self.page.get(self.at..).unwrap_or_default();
        // Mostly the next one or the one after: only then is a search worth its while.
        let skipped = match rest {
            [first, ..] if *first >= from => 0,
            [_, second, ..] if *second >= from => 1,
            _ => rest.partition_point(|index| *index < from),
        };
        self.at = self.at.saturating_add(skipped);
        Ok(self.page.get(self.at).copied())
    }
}

impl Wanted {
    fn new(terms: &Terms, filter: &Filter) -> Self {
        let all = |texts: &[String], term: &dyn Fn(&str) -> Term| {
            texts.iter().map(|text| term(text)).collect()
        };
        Self {
            event_types: all(&filter.event_types, &|text| terms.event_type(text)),
            sources: all(&filter.sources, &|text| terms.source(text)),
            subjects: all(&filter.subjects, &|text| terms.subject(text)),
        }
    }

    fn fields(&self) -> impl Iterator<Item = &Vec<Term>> {
        [&self.subjects, &self.sources, &self.event_types]
            .into_iter()
            .filter(|terms| !terms.is_empty())
    }

    fn selects(&self, record: &Record) -> bool {
        let any = |terms: &[Term], term: Term| terms.is_empty() || terms.contains(&term);
        any(&self.event_types, record.event_type)
            && any(&self.sources, record.source)
            && any(&self.subjects, record.subject)
    }
}
