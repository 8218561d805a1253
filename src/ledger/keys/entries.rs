//! Entries and statements, held against each other: each statement is recorded by the entry at its size, and each entry
//! that records one has its statement.

use std::collections::BTreeSet;

use super::{KeyHistory, Statement};
use crate::ledger::{
    finding::{Finding, FindingKind},
    position::{EntryIndex, count, length},
    verify::ChunkReport,
};

/// The statements about a ledger's keys beside its entries, while these go by.
#[derive(Debug)]
pub struct KeyEntries {
    statements: Vec<Statement>,
    /// The statements, by their number, at whose place an entry went by.
    seen: BTreeSet<u64>,
    findings: Vec<Finding>,
}

impl KeyEntries {
    /// Before the first entry went by.
    pub fn new(history: &KeyHistory) -> Self {
        let statements = history.statements().iter();
        Self {
            statements: statements
                .map(|signed| signed.statement().clone())
                .collect(),
            seen: BTreeSet::new(),
            findings: Vec::new(),
        }
    }

    /// Compares the next entries with the statements.
    pub fn observe(&mut self, report: &ChunkReport) {
        let end = report.first.plus(count(report.lines.len()));
        let here = |statement: &&Statement| (report.first..end).contains(&statement.entry());
        let mut expected: Vec<Statement> = self.statements.iter().filter(here).cloned().collect();
        for (place, line) in (0..).zip(&report.lines) {
            let Some((kind, id)) = line.as_ref().and_then(|line| line.key_change.as_ref()) else {
                continue;
            };
            let index = report.first.plus(place);
            let at = expected.iter().position(|statement| {
                statement.entry() == index
                    && statement.change.event_type() == kind
                    && statement.digest().to_string() == *id
            });
            match at {
                Some(at) => drop(self.seen.insert(expected.remove(at).number)),
                None => self.incomplete(
                    index,
                    format!("the statement with the digest {id}, which this entry records"),
                    "none at this size in the history of keys".to_owned(),
                ),
            }
        }
        for statement in expected {
            let at = length(
                statement
                    .entry()
                    .value()
                    .saturating_sub(report.first.value()),
            );
            // An entry that can't be read is a finding of its own.
            if report.lines.get(at).is_some_and(Option::is_some) {
                self.seen.insert(statement.number);
                self.incomplete(
                    statement.entry(),
                    format!(
                        "an entry {} with the event id {}, which records statement {}",
                        statement.change.event_type(),
                        statement.digest(),
                        statement.number
                    ),
                    "another entry".to_owned(),
                );
            }
        }
    }

    fn incomplete(&mut self, index: EntryIndex, expected: String, found: String) {
        let kind = FindingKind::KeyHistoryIncomplete;
        let finding = Finding::at(kind, index, expected, found);
        self.findings.push(finding);
    }

    /// Whether an entry went by at a statement's place.
    pub fn has_seen(&self, statement: &Statement) -> bool {
        self.seen.contains(&statement.number)
    }

    /// Whether they differ somewhere so far.
    pub fn has_findings(&self) -> bool {
        !self.findings.is_empty()
    }

    /// Where they differ.
    pub fn finish(self) -> Vec<Finding> {
        self.findings
    }
}
