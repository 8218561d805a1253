//! A report, as it is printed: the verdict, what was and was not checked, the findings.

use std::io::{self, Write};

use super::{
    super::{
        exit::Exit,
        output::{Render, fields},
        text::{counted, grouped, markdown, paint, safe, style},
    },
    advice::advice,
    breaks::lines_of,
    trust::Trust,
};
use crate::{
    ledger::{
        finding::Finding,
        position::{TreeSize, count},
    },
    pack::{
        Report, Verdict,
        report::{REPORT_FORMAT, Subject},
    },
};

/// The most findings that text and Markdown show; JSON has more.
const SHOWN_MAX: usize = 20;

/// A report, and the key it rests on.
pub(super) struct Shown<'a> {
    pub(super) report: &'a Report,
    pub(super) trust: &'a Trust,
    pub(super) exit: Exit,
}

impl Shown<'_> {
    const fn verdict(&self) -> (&'static str, anstyle::Style) {
        match self.report.verdict {
            Verdict::Verified => ("VERIFIED", style::GOOD),
            Verdict::VerifiedWithConfirmedBreaks => {
                ("VERIFIED, WITH CONFIRMED BREAKS", style::DOUBTFUL)
            }
            Verdict::Altered => ("DOES NOT VERIFY", style::BAD),
            Verdict::Incomplete => ("INCOMPLETE", style::DOUBTFUL),
        }
    }

    /// What the verdict is about.
    fn about(&self) -> String {
        let subject = match self.report.subject {
            Subject::Pack => "audit pack",
            Subject::DataDirectory => "data directory",
            Subject::Receipt => "receipt",
            Subject::Log => "log",
        };
        let path = self.report.path.as_deref().unwrap_or("-");
        format!("{subject} {path} of {}", self.report.origin)
    }

    /// What the verdict means, in a sentence.
    fn meaning(&self) -> String {
        let findings = self.report.findings.total;
        match self.report.verdict {
            Verdict::Verified => match self.part() {
                Some(entries) => format!(
                    "a part of the ledger, not all of it: entries {entries}; every check that was made passed"
                ),
                None => "every check that was made passed".to_owned(),
            },
            Verdict::VerifiedWithConfirmedBreaks => format!(
                "{}, and the ledger itself admits it: see the confirmed breaks; every other check that was made passed",
                counted(
                    self.report.breaks.confirmed,
                    "thing is wrong",
                    "things are wrong"
                )
            ),
            Verdict::Altered => {
                let wrong = counted(findings, "thing is wrong", "things are wrong");
                match self.report.incomplete.as_slice() {
                    [] => format!("{wrong}: see below"),
                    lacks => format!(
                        "{wrong}: see below; nor is it everything: {}",
                        lacks.join("; ")
                    ),
                }
            }
            Verdict::Incomplete => format!(
                "what was checked verifies, but it is not everything: {}",
                self.report.incomplete.join("; ")
            ),
        }
    }

    /// Which entries are here, where these are not all of the ledger.
    fn entries(&self) -> Option<String> {
        let (range, size) = (self.report.range?, self.report.size?);
        let total = grouped(size.value());
        let last = range.end.value().saturating_sub(1);
        match range.start.value() {
            0 if range.end.value() == size.value() => None,
            first if first == last => Some(format!("number {first}, of {total}")),
            first => Some(format!("{first} to {last}, of {total}")),
        }
    }

    /// Which entries a pack has that is not a whole ledger.
    fn part(&self) -> Option<String> {
        (self.report.subject == Subject::Pack)
            .then(|| self.entries())
            .flatten()
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        let report = self.report;
        let mut fields = Vec::new();
        if let Some(size) = report.size {
            let all = || format!("all {}", grouped(size.value()));
            if report.range.is_some() {
                fields.push(("entries", self.entries().unwrap_or_else(all)));
            }
        }
        if let Some(size) = report.size {
            fields.push(("tree size", TreeSize::to_string(&size)));
        }
        if let Some(root) = &report.root {
            fields.push(("root", root.to_string()));
        }
        for witness in &report.witnesses {
            let seen = witness.seen_at.as_deref().unwrap_or("not seen");
            fields.push(("witness", format!("{}: {seen}", witness.name)));
        }
        fields.push(("key", report.key.clone()));
        if let Some(now) = self.report.current_key.as_ref() {
            let now = now.to_string();
            if now != report.key {
                fields.push(("leads to", now));
            }
        }
        fields.push(("trust", self.trust.words().to_owned()));
        fields
    }

    /// What was checked and found something to check.
    fn checked(&self) -> Vec<String> {
        let more = &self.report.more;
        let mut lines: Vec<String> = self.report.checked.clone();
        if more.trusted_checkpoints > 0 {
            let kept = counted(
                more.trusted_checkpoints,
                "kept checkpoint",
                "kept checkpoints",
            );
            lines.push(format!("{kept}: history continues from there"));
        }
        if more.remembered_checkpoints > 0 {
            lines.push(
                "the checkpoint remembered from last time: history continues from there".to_owned(),
            );
        }
        if more.receipts > 0 && self.report.subject != Subject::Receipt {
            let kept = counted(more.receipts, "kept receipt", "kept receipts");
            let stands = match more.receipts {
                1 => "the entry still stands there",
                _ => "their entries still stand there",
            };
            lines.push(format!("{kept}: {stands}"));
        }
        lines
    }

    /// What the producers' own counts say.
    fn sources(&self) -> Vec<String> {
        let sources = &self.report.sources;
        let mut lines = Vec::new();
        if sources.counting > 0 {
            lines.push(format!(
                "{} events: {} missing, {} repeated, {} late",
                counted(sources.counting, "source counts its", "sources count their"),
                sources.missing,
                sources.repeated,
                sources.late
            ));
        }
        let gaps = sources.listed.iter().filter(|source| source.missing > 0);
        for source in gaps.take(SHOWN_MAX) {
            let gaps: Vec<String> = source
                .gaps
                .iter()
                .map(|(first, last)| {
                    if first == last {
                        first.to_string()
                    } else {
                        format!("{first} to {last}")
                    }
                })
                .collect();
            lines.push(format!("{} lacks {}", source.source, gaps.join(", ")));
        }
        lines
    }

    /// Headed lists of what was and was not looked at.
    fn lists(&self) -> [(&'static str, Vec<String>); 4] {
        [
            ("Confirmed breaks", self.breaks()),
            ("Checked", self.checked()),
            ("Completeness", self.sources()),
            ("Not checked", self.report.not_checked.clone()),
        ]
    }

    /// What the ledger itself admits.
    fn breaks(&self) -> Vec<String> {
        let listed = &self.report.breaks.listed;
        let mut lines: Vec<String> = listed.iter().take(SHOWN_MAX).flat_map(lines_of).collect();
        if listed.len() > SHOWN_MAX {
            lines.push("and more; --format json lists them".to_owned());
        }
        lines
    }

    fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.report.findings.listed.iter().take(SHOWN_MAX)
    }

    /// How many findings are not shown.
    fn more_findings(&self) -> Option<String> {
        let shown = count(self.findings().count());
        let left = self.report.findings.total.saturating_sub(shown);
        (left > 0).then(|| format!("and {} more; --format json lists them", grouped(left)))
    }
}

impl Render for Shown<'_> {
    const FORMAT: &'static str = REPORT_FORMAT;

    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let (verdict, style) = self.verdict();
        writeln!(out, "{}  {}", paint(style, verdict), safe(&self.about()))?;
        writeln!(out, "{}\n", safe(&self.meaning()))?;
        fields(out, &self.fields())?;
        for (title, lines) in self.lists() {
            if !lines.is_empty() {
                writeln!(out, "\n{}", paint(style::LABEL, title))?;
            }
            for line in lines {
                writeln!(out, "  - {}", safe(&line))?;
            }
        }
        if self.report.findings.total > 0 {
            writeln!(out, "\n{}", paint(style::LABEL, "Findings"))?;
        }
        for finding in self.findings() {
            let (head, values) = parts(finding);
            writeln!(out, "  {}", paint(style::BAD, safe(&head)))?;
            for (name, value) in values {
                writeln!(out, "    {name:8}  {}", safe(&value))?;
            }
        }
        match self.more_findings() {
            Some(more) => writeln!(out, "  {more}"),
            None => Ok(()),
        }
    }

    fn markdown(&self, out: &mut dyn Write) -> io::Result<()> {
        let (verdict, _) = self.verdict();
        writeln!(
            out,
            "## {verdict}\n\n{}: {}\n",
            markdown(&self.about()),
            markdown(&self.meaning())
        )?;
        super::super::output::field_table(out, &self.fields())?;
        for (title, lines) in self.lists() {
            if !lines.is_empty() {
                writeln!(out, "\n### {title}\n")?;
            }
            for line in lines {
                writeln!(out, "- {}", markdown(&line))?;
            }
        }
        if self.report.findings.total > 0 {
            writeln!(out, "\n### Findings\n")?;
        }
        for finding in self.findings() {
            let (head, values) = parts(finding);
            writeln!(out, "- **{}**", markdown(&head))?;
            for (name, value) in values {
                writeln!(out, "  - {name}: {}", markdown(&value))?;
            }
        }
        match self.more_findings() {
            Some(more) => writeln!(out, "- {more}"),
            None => Ok(()),
        }
    }

    fn json(&self) -> serde_json::Result<serde_json::Value> {
        let mut value = serde_json::to_value(self.report)?;
        if let Some(object) = value.as_object_mut() {
            // Every document gets it from the one place that prints it.
            object.remove("format");
            object.insert("key_source".to_owned(), self.trust.source().into());
            object.insert("exit_code".to_owned(), self.exit.code().into());
        }
        Ok(value)
    }
}

/// A finding's headline, and what belongs under it.
fn parts(finding: &Finding) -> (String, Vec<(&'static str, String)>) {
    let mut head = finding.kind.name().to_owned();
    if let Some(index) = finding.index {
        head.push_str(&format!(" at entry {index}"));
    }
    if let Some(place) = &finding.place {
        head.push_str(&format!(" in {place}"));
    }
    let values = vec![
        ("that is", finding.kind.title().to_owned()),
        ("expected", finding.expected.clone()),
        ("found", finding.found.clone()),
        ("advice", advice(finding.kind).to_owned()),
    ];
    (head, values)
}
