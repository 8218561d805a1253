//! What an export says when it is done: what was disclosed, what was withheld, and the file.

use std::{
    io::{self, Write},
    path::Path,
};

#[cfg(feature = "server")]
use super::super::error::CliError;
use super::super::{
    output::{Render, field_table, fields},
    text::{counted, grouped, safe},
};
#[cfg(feature = "server")]
use crate::{
    ledger::position::EntryIndex,
    service::{convert::time_from_proto, proto},
};
use crate::{
    ledger::position::UnixNanos,
    pack::{Disclosed, Summary, report::IndexRange},
};

/// What went into a pack.
pub(super) struct Exported {
    /// The entries that were asked for.
    range: IndexRange,
    /// The entries in the pack, bundles on the edges whole.
    entries: u64,
    parts: u64,
    disclosed: Disclosed,
    /// What fits nothing, in words.
    pub(super) unmatched: Vec<String>,
}

impl Exported {
    /// What was written here.
    pub(super) fn here(summary: Summary) -> Self {
        Self {
            range: summary.requested,
            entries: summary.counts.entries,
            parts: summary.counts.parts_disclosed,
            disclosed: summary.disclosed,
            unmatched: (summary.unmatched.into_iter())
                .map(|unmatched| unmatched.problem)
                .collect(),
        }
    }

    /// What a server says.
    #[cfg(feature = "server")]
    pub(super) fn there(summary: proto::ExportSummary) -> Result<Self, CliError> {
        let time = |time: Option<_>| {
            let read = time
                .map(|time| time_from_proto(time, "summary"))
                .transpose();
            read.map_err(|error| {
                CliError::failed("the server's answer can't be read").because(error)
            })
        };
        let (first, last) = (
            time(summary.first_recorded_at)?,
            time(summary.last_recorded_at)?,
        );
        Ok(Self {
            range: IndexRange {
                start: EntryIndex::new(summary.start),
                end: EntryIndex::new(summary.end),
            },
            entries: summary.entries,
            parts: summary.parts_disclosed,
            disclosed: Disclosed {
                payloads: summary.payloads_disclosed,
                withheld: summary.parts_withheld.into_iter().collect(),
                withheld_of_other_names: summary.parts_withheld_of_other_names,
                withheld_before: summary.parts_withheld_before,
                recorded: first.zip(last),
            },
            unmatched: summary.unmatched,
        })
    }

    fn asked(&self) -> u64 {
        let IndexRange { start, end } = self.range;
        end.value().saturating_sub(start.value())
    }

    fn withheld(&self) -> u64 {
        let named = self.disclosed.withheld.values();
        named.fold(self.disclosed.withheld_of_other_names, |sum, parts| {
            sum.saturating_add(*parts)
        })
    }

    fn entries_told(&self) -> String {
        let IndexRange { start, end } = self.range;
        let asked = counted(self.asked(), "entry", "entries");
        let mut told = format!("{start}..{end}: {asked}");
        let around = self.entries.saturating_sub(self.asked());
        if around > 0 {
            told.push_str(&format!(
                ", and {} around the range without payload",
                grouped(around)
            ));
        }
        told
    }

    fn withheld_told(&self) -> String {
        let disclosed = &self.disclosed;
        let mut told = counted(self.withheld(), "part", "parts");
        let others = disclosed.withheld_of_other_names;
        let named = disclosed.withheld.iter();
        let names = named
            .map(|(name, parts)| format!("{name} {}", grouped(*parts)))
            .chain((others > 0).then(|| format!("of other names {}", grouped(others))));
        let names: Vec<String> = names.collect();
        if !names.is_empty() {
            told.push_str(&format!(": {}", names.join(", ")));
        }
        if disclosed.withheld_before > 0 {
            let before = counted(disclosed.withheld_before, "part was", "parts were");
            told.push_str(&format!("; {before} withheld or erased in the ledger"));
        }
        told
    }
}

/// A pack that was written.
pub(super) struct Written<'a> {
    pub(super) path: &'a Path,
    pub(super) exported: Exported,
    pub(super) bytes: u64,
    /// In hexadecimal.
    pub(super) sha256: String,
}

impl Written<'_> {
    fn fields(&self) -> Vec<(&'static str, String)> {
        let exported = &self.exported;
        let mut fields = vec![
            ("pack", self.path.display().to_string()),
            ("entries", exported.entries_told()),
        ];
        if let Some((first, last)) = exported.disclosed.recorded {
            let (first, last) = (first.to_rfc3339(), last.to_rfc3339());
            fields.push(("recorded", format!("{first} to {last}")));
        }
        fields.extend([
            (
                "disclosed",
                format!(
                    "{} of {}",
                    counted(exported.parts, "part", "parts"),
                    counted(exported.disclosed.payloads, "payload", "payloads")
                ),
            ),
            ("withheld", exported.withheld_told()),
            ("bytes", self.bytes.to_string()),
            ("sha256", self.sha256.clone()),
        ]);
        fields
    }
}

impl Render for Written<'_> {
    const FORMAT: &'static str = "exhibit-export/1";

    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "exported an audit pack")?;
        fields(out, &self.fields())?;
        writeln!(
            out,
            "\nNext: exhibit verify {} --vkey VKEY",
            safe(&self.path.display().to_string())
        )
    }

    fn markdown(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "**Audit pack exported**\n")?;
        field_table(out, &self.fields())
    }

    fn json(&self) -> serde_json::Result<serde_json::Value> {
        let exported = &self.exported;
        let disclosed = &exported.disclosed;
        let recorded = disclosed.recorded;
        Ok(serde_json::json!({
            "pack": self.path.display().to_string(),
            "range": exported.range,
            "entries": exported.entries,
            "first_recorded_at": recorded.map(|(first, _)| UnixNanos::to_rfc3339(first)),
            "last_recorded_at": recorded.map(|(_, last)| UnixNanos::to_rfc3339(last)),
            "payloads_disclosed": disclosed.payloads,
            "parts_disclosed": exported.parts,
            "parts_withheld": disclosed.withheld,
            "parts_withheld_of_other_names": disclosed.withheld_of_other_names,
            "parts_withheld_before": disclosed.withheld_before,
            "unmatched": exported.unmatched,
            "bytes": self.bytes,
            "sha256": self.sha256,
        }))
    }
}
