//! The report around the findings: what was looked at, what was not, and the verdict.

use super::Expected;
use crate::{
    ledger::{
        note::VerifierKey,
        position::{EntryIndex, TreeSize},
        verify::{Counts, Findings},
    },
    pack::{
        breaks::BreaksStatement,
        manifest::Manifest,
        report::{MoreCounts, REPORT_FORMAT, Report, Subject, Verdict},
        sequence::{GAPS_MAX, SOURCES_MAX, SourcesStatement},
    },
};

/// Says what was looked at and what was not.
pub(super) fn pack_remarks(manifest: Option<&Manifest>, report: &mut Report) {
    let (counts, more) = (report.counts, report.more);
    report.checked.extend([
        format!(
            "{} entries: form, place, clock, chain and leaf of each",
            counts.entries
        ),
        format!("{} payloads, every part", counts.payloads_whole),
        format!(
            "{} payloads as far as they are disclosed",
            counts.payloads_partial
        ),
        format!(
            "{} disclosed parts, against their commitments",
            counts.parts_disclosed
        ),
        format!("{} hash tiles, every hash", more.tiles),
        "that no event was recorded twice".to_owned(),
        format!(
            "{} lines of events.jsonl and {} rows of events.csv",
            more.jsonl_lines, more.csv_rows
        ),
    ]);
    if counts.parts_withheld > 0 {
        report.not_checked.push(format!(
            "the content of {} withheld or erased parts: only their commitments are here",
            counts.parts_withheld
        ));
    }
    if counts.payloads_absent > 0 {
        report.not_checked.push(format!(
            "{} payloads: they are not here",
            counts.payloads_absent
        ));
    }
    if let (Some(size), Some(range)) = (report.size, report.range)
        && (range.start > EntryIndex::default() || range.end < size.next_index())
    {
        report.not_checked.push(format!(
            "the entries of the ledger outside {} to {}: it has {size}, and they are not in this pack",
            range.start, range.end
        ));
    }
    if manifest.is_some_and(|manifest| manifest.filter.is_some()) {
        report.not_checked.push(
            "that the filter in the manifest is why payloads are withheld: nobody signs the manifest".to_owned(),
        );
    }
}

/// Says what was looked at and what was not.
pub(super) fn directory_remarks(report: &mut Report) {
    let (counts, more) = (report.counts, report.more);
    report.checked.extend([
        format!(
            "{} entries: form, place, clock, chain and leaf of each",
            counts.entries
        ),
        format!("{} payloads, every part", counts.payloads_whole),
        format!(
            "{} payloads as far as they have not been erased",
            counts.payloads_partial
        ),
        format!(
            "{} parts, against their commitments",
            counts.parts_disclosed
        ),
        format!("{} batches, the root after each", more.batches),
        "that no event was recorded twice".to_owned(),
    ]);
    if counts.parts_withheld > 0 {
        report.not_checked.push(format!(
            "the content of {} erased parts: only their commitments are left",
            counts.parts_withheld
        ));
    }
    report
        .not_checked
        .push("the index, which is derived and can be built again".to_owned());
}

/// Says where the entries that are here are not those that were asked for.
pub(super) fn expect(expected: Option<Expected>, report: &mut Report) {
    let (Some(expected), Some(range)) = (expected, report.range) else {
        return;
    };
    let (asked, end) = match expected {
        Expected::All => (EntryIndex::default(), report.size.map(TreeSize::next_index)),
        Expected::Range(range) => (range.start, Some(range.end)),
    };
    let end = end.unwrap_or(range.end);
    if range.start > asked || range.end < end {
        report.incomplete.push(format!(
            "the entries {asked} to {end} (without {end}) were asked for, and {} to {} are here",
            range.start, range.end
        ));
    }
}

/// Reaches the verdict.
pub(super) fn conclude(report: &mut Report) {
    if report.counts.entries == 0 {
        report
            .incomplete
            .push("there is no entry, so nothing was verified".to_owned());
    }
    let sources = &report.sources;
    let missing = sources
        .missing
        .saturating_sub(report.breaks.missing_confirmed);
    if missing > 0 {
        report.incomplete.push(format!(
            "{missing} events that producers counted never arrived"
        ));
    }
    if sources.truncated {
        report.incomplete.push(format!(
            "the producers' counts of all sources: at most {SOURCES_MAX} sources and {GAPS_MAX} gaps are followed, and there are more"
        ));
    }
    if sources.repeated > 0 {
        report.incomplete.push(format!(
            "{} events carry a number that their source had used before",
            sources.repeated
        ));
    }
    reach_verdict(report);
}

/// The verdict that follows from findings and from what is missing.
pub(super) fn reach_verdict(report: &mut Report) {
    report.verdict = if report.findings.total > 0 {
        Verdict::Altered
    } else if !report.incomplete.is_empty() {
        Verdict::Incomplete
    } else if report.breaks.confirmed > 0 {
        Verdict::VerifiedWithConfirmedBreaks
    } else {
        Verdict::Verified
    };
}

/// A report that nothing has been put in.
pub(super) fn empty_report(subject: Subject, key: &VerifierKey) -> Report {
    Report {
        format: REPORT_FORMAT,
        subject,
        path: None,
        verdict: Verdict::Incomplete,
        origin: key.name().to_string(),
        key: key.to_string(),
        size: None,
        root: None,
        range: None,
        witnesses: Vec::new(),
        findings: Findings::default(),
        breaks: BreaksStatement::default(),
        incomplete: Vec::new(),
        counts: Counts::default(),
        more: MoreCounts::default(),
        checked: Vec::new(),
        not_checked: Vec::new(),
        sources: SourcesStatement::default(),
        signed: None,
        first_leaf: None,
        keys: Vec::new(),
        current_key: None,
        timestamps: Vec::new(),
        existed: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::sample::key;

    #[test]
    fn counts_that_were_not_all_kept_leave_a_verification_incomplete() {
        for truncated in [false, true] {
            let mut report = empty_report(Subject::Pack, key().verifier());
            report.counts.entries = 1;
            report.sources.truncated = truncated;
            conclude(&mut report);
            let expected = if truncated {
                Verdict::Incomplete
            } else {
                Verdict::Verified
            };
            assert_eq!(report.verdict, expected, "{:?}", report.incomplete);
        }
    }
}
