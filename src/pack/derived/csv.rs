//! `events.csv`: a row an entry, as [RFC 4180](https://www.rfc-editor.org/rfc/rfc4180) has it.
//!
//! Spreadsheets take a cell that begins with `=`, `+`, `-` or `@` for a formula, whoever wrote it. Such text gets an
//! apostrophe in front here, as does text that begins with one, a tab or a line break, so that what the cell says can
//! be told. The exact text stands in the entry and in `events.jsonl`, and so do the hashes, which no cell is for.

use super::{
    moment::Moments,
    text::{holds, number},
};
use crate::ledger::{entry::Entry, payload::Part, position::count};

/// The first line of `events.csv`.
pub const CSV_HEADER: &str = "index,recorded_at,occurred_at,event_type,source,source_sequence,event_id,subject,\
producer,parts_disclosed,parts_withheld\r\n";

/// Makes the rows of `events.csv`.
#[derive(Default)]
pub struct CsvRows {
    recorded: Moments,
    occurred: Moments,
}

impl CsvRows {
    /// Appends the row of one entry, its line break included.
    pub fn row(&mut self, entry: &Entry<'_>, parts: &[Part<'_>], out: &mut Vec<u8>) {
        number(entry.index.value(), out);
        out.push(b',');
        self.recorded.write(entry.recorded_at, out);
        out.push(b',');
        if entry.occurred_at.value() > 0 {
            self.occurred.write(entry.occurred_at, out);
        }
        out.push(b',');
        cell(entry.event_type, out);
        cell(entry.source, out);
        if entry.source_sequence > 0 {
            number(entry.source_sequence, out);
        }
        out.push(b',');
        for text in [entry.event_id, entry.subject, entry.producer] {
            cell(text, out);
        }
        let withheld = count(
            parts
                .iter()
                .filter(|part| matches!(part, Part::Withheld(_)))
                .count(),
        );
        number(count(parts.len()).saturating_sub(withheld), out);
        out.push(b',');
        number(withheld, out);
        out.extend_from_slice(b"\r\n");
    }
}

/// One text cell and its comma.
fn cell(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    let formula = bytes
        .first()
        .is_some_and(|first| b"=+-@'\t\r\n".contains(first));
    let special = |byte: &u8| matches!(byte, b',' | b'"' | b'\r' | b'\n');
    let quoted = holds(text, special) || bytes.starts_with(b" ") || bytes.ends_with(b" ");
    if !quoted && !formula {
        out.extend_from_slice(bytes);
        out.push(b',');
        return;
    }
    if quoted {
        out.push(b'"');
    }
    if formula {
        out.push(b'\'');
    }
    for byte in text.bytes() {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    if quoted {
        out.push(b'"');
    }
    out.push(b',');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> String {
        let mut out = Vec::new();
        cell(text, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_cell_is_quoted_as_rfc_4180_says() {
        assert_eq!(of("plain"), "plain,");
        assert_eq!(of("a,b"), "\"a,b\",");
        assert_eq!(of("say \"yes\""), "\"say \"\"yes\"\"\",");
        assert_eq!(of(""), ",");
    }

    #[test]
    fn no_cell_is_a_formula() {
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)", "'=1", "\t=1", "\r=1"] {
            assert!(
                of(formula).trim_start_matches('"').starts_with('\''),
                "{formula:?}"
            );
        }
    }

    #[test]
    fn the_header_names_each_cell_of_a_row() {
        let parts = [Part::Withheld(
            crate::ledger::hash::PartCommitment::from_bytes([1; 32]),
        )];
        let entry = Entry::at(
            crate::ledger::position::EntryIndex::new(7),
            crate::ledger::position::UnixNanos::new(1),
            crate::ledger::hash::ChainHash::from_bytes([2; 32]),
            crate::ledger::entry::EntryFields {
                occurred_at: crate::ledger::position::UnixNanos::new(0),
                source_sequence: 0,
                commitment: crate::ledger::hash::PayloadCommitment::from_bytes([3; 32]),
                event_type: "t",
                source: "s",
                event_id: "i",
                subject: "",
                producer: "p",
            },
        );
        let mut row = Vec::new();
        CsvRows::default().row(&entry, &parts, &mut row);
        let row = String::from_utf8(row).unwrap();
        assert_eq!(row.split(',').count(), CSV_HEADER.split(',').count());
        assert_eq!(row, "7,1970-01-01T00:00:00.000000001Z,,t,s,,i,,p,0,1\r\n");
    }
}
