//! Confirmed breaks in a verification: what of the findings the same history admits, and what of that is not found.

use std::collections::{HashMap, HashSet};

use serde::Serialize;

use super::{
    report::{Report, Subject},
    sequence::{at_most, length_of},
};
use crate::ledger::{
    breaks::{BreakConfirmation, KNOWN_MAX, Known, KnownKind},
    position::{EntryIndex, count},
    verify::Findings,
};

/// The confirmations that a verification has read, in order.
#[derive(Debug, Default)]
pub struct Breaks {
    confirmations: Vec<BreakConfirmation>,
    /// For what is known, the last entry that confirms it.
    known: HashMap<Known, EntryIndex>,
}

/// What a verification says of confirmed breaks.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct BreaksStatement {
    /// How many of the things that are wrong the ledger itself admits; they are not among the findings.
    pub confirmed: u64,
    /// Numbers of sources that never arrived, and are admitted; it stops at 2^64-1.
    pub missing_confirmed: u64,
    /// The confirmations, in the order of their entries.
    pub listed: Vec<ConfirmedBreak>,
}

/// One confirmation, and what became of what it names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConfirmedBreak {
    /// Its entry.
    pub entry: EntryIndex,
    /// When it was recorded, by the ledger's clock, RFC 3339.
    pub confirmed_at: String,
    /// What happened, as the operator says.
    pub what: String,
    /// Why, as the operator says.
    pub why: String,
    /// Who confirmed it; absent where not said, withheld or erased.
    pub by: Option<String>,
    /// What it names and is so.
    pub found: Vec<Known>,
    /// What it names and is no longer so: it was put right since, or never was so.
    pub no_longer_found: Vec<Known>,
    /// What it names and was not looked at here.
    pub not_looked_at: Vec<Known>,
}

impl Breaks {
    /// Takes the confirmations of the next entries.
    pub fn take(&mut self, confirmations: Vec<BreakConfirmation>) {
        for confirmation in confirmations {
            let named = &confirmation.body.findings;
            if self.known.len().saturating_add(named.len()) > KNOWN_MAX {
                continue;
            }
            let named = named.iter().cloned();
            self.known
                .extend(named.map(|known| (known, confirmation.index)));
            self.confirmations.push(confirmation);
        }
    }

    /// Whether this is confirmed.
    pub fn covers(&self, known: &Known) -> bool {
        self.known.contains_key(known)
    }

    /// Takes what is confirmed out of the findings, however many it is, and gives it. What is left is all that is listed.
    pub fn cover(&self, findings: &mut Findings) -> HashSet<Known> {
        let mut covered = HashSet::new();
        if !self.known.is_empty() {
            findings.retain(|finding| {
                let known = Known::of(finding).filter(|known| self.covers(known));
                let stays = known.is_none();
                covered.extend(known);
                stays
            });
        }
        findings.cut();
        covered
    }

    /// Puts the findings into a report, without what is confirmed, and says what is. The report's sources and range are
    /// known.
    pub fn settle(self, mut findings: Findings, report: &mut Report) {
        let covered = self.cover(&mut findings);
        report.findings = findings;
        self.state(covered, report);
    }

    /// Says in a report what is confirmed. Its findings have been through [`Breaks::cover`]; its sources and range are
    /// known.
    pub fn state(self, mut covered: HashSet<Known>, report: &mut Report) {
        let mut missing = 0u128;
        for source in &report.sources.listed {
            for (first, last) in &source.gaps {
                let known = Known::gap(&source.source, (*first, *last));
                if self.covers(&known) && covered.insert(known) {
                    missing = missing.saturating_add(length_of((*first, *last)));
                }
            }
        }
        report.unconfirmed = report.unconfirmed.saturating_sub(missing);
        report.breaks = BreaksStatement {
            confirmed: count(covered.len()),
            missing_confirmed: at_most(missing),
            listed: self
                .confirmations
                .into_iter()
                .map(|confirmation| said(confirmation, &covered, report))
                .collect(),
        };
    }
}

fn said(
    confirmation: BreakConfirmation,
    covered: &HashSet<Known>,
    report: &Report,
) -> ConfirmedBreak {
    let mut said = ConfirmedBreak {
        entry: confirmation.index,
        confirmed_at: confirmation.recorded_at.to_rfc3339(),
        what: confirmation.body.what,
        why: confirmation.body.why,
        by: confirmation.by,
        found: Vec::new(),
        no_longer_found: Vec::new(),
        not_looked_at: Vec::new(),
    };
    for known in confirmation.body.findings {
        let to = if covered.contains(&known) {
            &mut said.found
        } else if is_looked_at(&known, report) {
            &mut said.no_longer_found
        } else {
            &mut said.not_looked_at
        };
        to.push(known);
    }
    said
}

/// Whether the verification would have found it.
fn is_looked_at(known: &Known, report: &Report) -> bool {
    let payload = matches!(
        known.kind,
        KnownKind::PayloadMissing | KnownKind::PayloadAltered
    );
    let from_start = report
        .range
        .is_some_and(|range| range.start == EntryIndex::default());
    match (known.index, report.range) {
        (Some(_), _) if payload && report.subject == Subject::Log => false,
        // The entry before it, or the first of two, may lie outside.
        (Some(index), Some(range)) if payload || from_start => {
            range.start <= index && index < range.end
        }
        (None, _) => from_start,
        _ => false,
    }
}
