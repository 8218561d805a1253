//! What `exhibit timestamp` prints.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use super::super::{
    output::{Render, field_table, fields},
    text::{markdown, safe},
};
use crate::ledger::{
    position::{TreeSize, UnixNanos},
    timestamp::{StampedCheckpoint, Timestamp},
};

/// A time stamp that was kept.
pub(super) struct Kept {
    pub(super) path: PathBuf,
    pub(super) size: TreeSize,
    pub(super) time: UnixNanos,
    pub(super) authority: Option<String>,
}

impl Kept {
    fn fields(&self) -> [(&'static str, String); 4] {
        [
            ("file", self.path.display().to_string()),
            ("entries", self.size.to_string()),
            ("time", self.time.to_rfc3339()),
            ("signed by", authority(self.authority.as_deref())),
        ]
    }
}

/// Whose certificate it carries.
fn authority(name: Option<&str>) -> String {
    safe(name.unwrap_or("a certificate that is not in it")).to_string()
}

impl Render for Kept {
    const FORMAT: &'static str = "exhibit-timestamp/1";

    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "kept a time stamp")?;
        fields(out, &self.fields())?;
        writeln!(
            out,
            "\nWhether that authority is to be trusted: exhibit verify DIR --tsa-roots FILE"
        )
    }

    fn markdown(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "**Time stamp**\n")?;
        field_table(out, &self.fields())
    }

    fn json(&self) -> serde_json::Result<serde_json::Value> {
        Ok(serde_json::json!({
            "file": self.path.display().to_string(),
            "tree_size": self.size.value(),
            "time": self.time.to_rfc3339(),
            "claimed_authority": self.authority,
        }))
    }
}

/// A query that was written.
pub(super) struct Query {
    pub(super) path: PathBuf,
    pub(super) size: TreeSize,
}

impl Render for Query {
    const FORMAT: &'static str = "exhibit-timestamp-query/1";

    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(
            out,
            "wrote {}, a query for the checkpoint of {} entries\nNext: have it answered, and keep the answer with exhibit timestamp add",
            self.path.display(),
            self.size
        )
    }

    fn markdown(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(
            out,
            "Query for the checkpoint of {} entries: {}",
            self.size,
            markdown(&self.path.display().to_string())
        )
    }

    fn json(&self) -> serde_json::Result<serde_json::Value> {
        Ok(serde_json::json!({
            "file": self.path.display().to_string(),
            "tree_size": self.size.value(),
        }))
    }
}

/// Time stamps as they lie there, not verified.
pub(super) struct Listed {
    rows: Vec<Row>,
}

#[derive(serde::Serialize)]
struct Row {
    tree_size: TreeSize,
    number: u32,
    time: Option<String>,
    claimed_authority: Option<String>,
    problem: Option<String>,
}

impl Listed {
    pub(super) fn of(all: &[StampedCheckpoint]) -> Self {
        let row = |stamped: &StampedCheckpoint, number: u32, answer: &[u8]| {
            let read = Timestamp::parse(answer);
            Row {
                tree_size: stamped.checkpoint.checkpoint().size,
                number,
                time: read.as_ref().ok().map(|stamp| stamp.time().to_rfc3339()),
                claimed_authority: read.as_ref().ok().and_then(Timestamp::claimed_authority),
                problem: read.as_ref().err().map(ToString::to_string),
            }
        };
        let rows = all.iter().flat_map(|stamped| {
            let answers = stamped.answers.iter();
            answers.map(move |(number, answer)| row(stamped, *number, answer))
        });
        Self {
            rows: rows.collect(),
        }
    }

    fn lines(&self) -> impl Iterator<Item = String> {
        self.rows.iter().map(|row| {
            let said = match (&row.time, &row.problem) {
                (Some(time), _) => {
                    format!("{time}  {}", authority(row.claimed_authority.as_deref()))
                }
                (None, problem) => problem.clone().unwrap_or_default(),
            };
            format!("{} entries  {said}", row.tree_size)
        })
    }
}

impl Render for Listed {
    const FORMAT: &'static str = "exhibit-timestamps/1";

    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.rows.is_empty() {
            return writeln!(out, "no time stamps are kept");
        }
        self.lines().try_for_each(|line| writeln!(out, "{line}"))
    }

    fn markdown(&self, out: &mut dyn Write) -> io::Result<()> {
        self.lines()
            .try_for_each(|line| writeln!(out, "- {}", markdown(&line)))
    }

    fn json(&self) -> serde_json::Result<serde_json::Value> {
        Ok(serde_json::json!({ "timestamps": self.rows }))
    }
}
