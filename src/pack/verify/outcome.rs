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
        counted::counted,
        manifest::Manifest,
        report::{MoreCounts, REPORT_FORMAT, Report, Subject, Verdict},
        sequence::{GAPS_MAX, SOURCES_MAX, SourcesStatement},
    },
};

fn entries_checked(counts: &Counts) -> String {
    let entries = counted(counts.entries, "entry", "entries");
    format!("{entries}: form, place, clock, chain and leaf of each")
}

fn payloads(count: u64) -> String {
    counted(count, "payload", "payloads")
}

/// Says what was looked at and what was not.
pub(super) fn pack_remarks(manifest: Option<&Manifest>, report: &mut Report) {
    let (counts, more) = (report.counts, report.more);
    report.checked.extend([
        entries_checked(&counts),
        format!("{}, every part", payloads(counts.payloads_whole)),
        format!("{} as far as disclosed", payloads(counts.payloads_partial)),
        format!(
            "{}, against the commitments",
            counted(counts.parts_disclosed, "disclosed part", "disclosed parts")
        ),
        format!(
            "{}, every hash",
            counted(more.tiles, "hash tile", "hash tiles")
        ),
        "that no event was recorded twice".to_owned(),
        format!(
            "{} of events.jsonl and {} of events.csv",
            counted(more.jsonl_lines, "line", "lines"),
            counted(more.csv_rows, "row", "rows")
        ),
    ]);
    if counts.parts_withheld > 0 {
        report.not_checked.push(format!(
            "the content of {}: only commitments are here",
            counted(
                counts.parts_withheld,
                "withheld or erased part",
                "withheld or erased parts"
            )
        ));
    }
    if counts.payloads_absent > 0 {
        report
            .not_checked
            .push(format!("{}, not here", payloads(counts.payloads_absent)));
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
        entries_checked(&counts),
        format!("{}, every part", payloads(counts.payloads_whole)),
        format!("{} as far as not erased", payloads(counts.payloads_partial)),
        format!(
            "{}, against the commitments",
            counted(counts.parts_disclosed, "part", "parts")
        ),
        format!(
            "{}, the root after each",
            counted(more.batches, "batch", "batches")
        ),
        "that no event was recorded twice".to_owned(),
    ]);
    if counts.parts_withheld > 0 {
        report.not_checked.push(format!(
            "the content of {}: only commitments are left",
            counted(counts.parts_withheld, "erased part", "erased parts")
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
    report.checked.retain(|line| !line.starts_with("0 "));
    if report.counts.entries == 0 {
        report
            .incomplete
            .push("there is no entry, so nothing was verified".to_owned());
    }
    let sources = &report.sources;
    if report.unconfirmed > 0 {
        report.incomplete.push(format!(
            "{} that producers counted never arrived",
            counted(report.unconfirmed, "event", "events")
        ));
    }
    if sources.truncated {
        report.incomplete.push(format!(
            "the producers' counts of all sources: at most {SOURCES_MAX} sources and {GAPS_MAX} gaps are followed, and there are more"
        ));
    }
    if sources.repeated > 0 {
        report.incomplete.push(format!(
            "{} a number that the source had used before",
            counted(sources.repeated, "event carries", "events carry")
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
        unconfirmed: 0,
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
