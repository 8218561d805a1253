//! Texts that somebody else may have written, good and bad: policies, requests to a witness, confirmed breaks, histories.

use exhibit::ledger::{
    breaks::BreakBody, keys::KeyHistory, policy::Policy, position::TreeSize, witness::AddCheckpoint,
};
use serde_json::Value;

use super::tables::{bytes, is_good, number, rows, text};

/// The text of a row, or its bytes where they are none.
fn content(row: &Value, name: &str) -> Vec<u8> {
    match row.get(name) {
        Some(_) => text(row, name).into_bytes(),
        None => bytes(row, &format!("{name}_hex")),
    }
}

#[test]
fn policies_are_judged_as_the_table_says() {
    for row in rows("statements.json", "policies") {
        let policy = Policy::parse(&content(&row, "policy"));
        assert_eq!(policy.is_ok(), is_good(&row), "{row}");
        let Ok(policy) = policy else { continue };
        assert_eq!(policy.witnesses().len() as u64, number(&row, "witnesses"));
        assert_eq!(policy.needs_witnesses(), row["needs_witnesses"], "{row}");
    }
}

#[test]
fn requests_to_a_witness_are_judged_as_the_table_says() {
    for row in rows("statements.json", "requests") {
        let request = content(&row, "request");
        let read = AddCheckpoint::parse(&request);
        assert_eq!(read.is_ok(), is_good(&row), "{row}");
        let Ok(read) = read else { continue };
        assert_eq!(read.to_string().into_bytes(), request);
        assert_eq!(read.old, TreeSize::new(number(&row, "old")));
        assert_eq!(read.proof.len() as u64, number(&row, "hashes"));
        let size = TreeSize::new(number(&row, "size"));
        assert_eq!(read.checkpoint.checkpoint().size, size);
    }
}

#[test]
fn confirmed_breaks_are_judged_as_the_table_says() {
    for row in rows("statements.json", "breaks") {
        let body = content(&row, "body");
        let read = BreakBody::parse(&body);
        assert_eq!(read.is_ok(), is_good(&row), "{row}");
        let Ok(read) = read else { continue };
        assert_eq!(read.to_bytes(), body);
        assert_eq!(read.findings.len() as u64, number(&row, "findings"));
    }
}

#[test]
fn histories_of_keys_are_judged_as_the_table_says() {
    for row in rows("statements.json", "histories") {
        let history = content(&row, "history");
        let read = KeyHistory::parse(&history);
        assert_eq!(read.is_ok(), is_good(&row), "{row}");
        let Ok(read) = read else { continue };
        assert_eq!(read.to_string().into_bytes(), history);
        assert_eq!(read.statements().len() as u64, number(&row, "statements"));
    }
}
