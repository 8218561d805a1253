//! The tables in `tests/vectors/`, good and bad, each bad one with its reason: made by `make.py` from the specification,
//! with the second verifier's functions, and read by both verifiers' tests.

use std::{fs, path::PathBuf};

use exhibit::{
    ledger::{
        checkpoint::{CheckpointError, SignedCheckpoint},
        entry::Entry,
        finding::Finding,
        hash::{LeafHash, NodeHash, RootHash},
        note::{Note, NoteError, VerifierKey, ed25519_holds},
        payload::{decode_bundle, payload_commitment},
        position::{EntryIndex, TreeSize},
        receipt::{Receipt, ReceiptError},
        tile::{Span, TileId, decode_entry_bundle, decode_tile},
        tree::{consistency_holds, inclusion_holds},
    },
    pack::{Verdict, VerifyOptions, verify_pack},
};
use serde_json::{Value, json};

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors")
}

/// The rows of a table. One without rows would prove nothing.
pub(super) fn rows(file: &str, table: &str) -> Vec<Value> {
    let text = fs::read(directory().join(file)).unwrap();
    let tables: Value = serde_json::from_slice(&text).unwrap();
    let rows = tables[table].as_array().unwrap().clone();
    let good = rows
        .iter()
        .filter(|row| row.get("reason").is_none())
        .count();
    assert!(
        0 < good && good < rows.len(),
        "{file} has good and bad {table}"
    );
    rows
}

pub(super) fn text(row: &Value, name: &str) -> String {
    row[name].as_str().unwrap().to_owned()
}

pub(super) fn bytes(row: &Value, name: &str) -> Vec<u8> {
    hex::decode(text(row, name)).unwrap()
}

fn hash(row: &Value, name: &str) -> [u8; 32] {
    bytes(row, name).try_into().unwrap()
}

pub(super) fn number(row: &Value, name: &str) -> u64 {
    row[name].as_u64().unwrap()
}

fn proof(row: &Value) -> Vec<NodeHash> {
    let hashes = row["proof"].as_array().unwrap().iter();
    hashes
        .map(|hash| hash.as_str().unwrap().parse().unwrap())
        .collect()
}

pub(super) fn is_good(row: &Value) -> bool {
    row.get("reason").is_none()
}

#[test]
fn ed25519_signatures_are_judged_as_the_table_says() {
    for row in rows("ed25519.json", "signatures") {
        let (message, signature) = (bytes(&row, "message"), bytes(&row, "signature"));
        let holds = ed25519_holds(&bytes(&row, "public"), &message, &signature);
        assert_eq!(holds == Some(true), is_good(&row), "{row}");
        // A key that would verify what nobody signed is refused before any signature is looked at.
        let of_key = row.get("reason").and_then(Value::as_str);
        let of_key = of_key.is_some_and(|reason| reason.starts_with("the key "));
        assert_eq!(holds.is_none(), of_key, "{row}");
    }
}

#[test]
fn verifier_keys_are_judged_as_the_table_says() {
    for row in rows("notes.json", "vkeys") {
        let vkey = text(&row, "vkey");
        let key = vkey.parse::<VerifierKey>();
        assert_eq!(key.is_ok(), is_good(&row), "{row}");
        let Ok(key) = key else { continue };
        assert_eq!(key.to_string(), vkey);
        assert_eq!(key.name().as_str(), text(&row, "name"));
        assert_eq!(key.id().to_string(), text(&row, "id"));
    }
}

fn of_note(error: &NoteError) -> &'static str {
    match error {
        NoteError::BadSignature(_) | NoteError::NotSignedBy(_) => "untrusted",
        _ => "malformed",
    }
}

fn of_checkpoint(error: &CheckpointError) -> &'static str {
    match error {
        CheckpointError::OtherOrigin { .. } => "other_ledger",
        CheckpointError::Note(error) => of_note(error),
        CheckpointError::Malformed(_)
        | CheckpointError::EmptyRoot
        | CheckpointError::NotALedgersKey(_) => "malformed",
        CheckpointError::OutOfRange { .. } => "out_of_range",
        CheckpointError::KeyCompromised { .. } => "compromised",
    }
}

fn of_receipt(error: &ReceiptError) -> &'static str {
    match error {
        ReceiptError::Malformed(_) => "malformed",
        ReceiptError::Checkpoint(error) => of_checkpoint(error),
        _ => "unproven",
    }
}

fn key(row: &Value) -> VerifierKey {
    text(row, "vkey").parse().unwrap()
}

#[test]
fn notes_are_judged_as_the_table_says() {
    for row in rows("notes.json", "notes") {
        let note = match row.get("note") {
            Some(note) => note.as_str().unwrap().as_bytes().to_vec(),
            None => bytes(&row, "note_hex"),
        };
        let judged = Note::parse(&note).and_then(|note| note.verify(&key(&row)).map(|()| note));
        let result = judged.as_ref().map_or_else(of_note, |_| "ok");
        assert_eq!(result, text(&row, "result"), "{row}");
        if let Ok(judged) = judged {
            assert_eq!(judged.text(), text(&row, "text"));
            assert_eq!(judged.to_string().as_bytes(), note);
        }
    }
}

#[test]
fn checkpoints_are_judged_as_the_table_says() {
    for row in rows("notes.json", "checkpoints") {
        let judged = SignedCheckpoint::open(text(&row, "note").as_bytes(), &key(&row));
        let result = judged.as_ref().map_or_else(of_checkpoint, |_| "ok");
        assert_eq!(result, text(&row, "result"), "{row}");
        let Ok(judged) = judged else { continue };
        let checkpoint = judged.checkpoint();
        assert_eq!(checkpoint.origin.as_str(), text(&row, "origin"));
        assert_eq!(checkpoint.size.value(), number(&row, "size"));
        assert_eq!(checkpoint.root.to_string(), text(&row, "root"));
    }
}

#[test]
fn receipts_are_judged_as_the_table_says() {
    for row in rows("receipts.json", "receipts") {
        let (text_, key) = (text(&row, "receipt"), key(&row));
        let judged = Receipt::parse(text_.as_bytes())
            .and_then(|receipt| receipt.verify(&key).map(drop).map(|()| receipt));
        let result = judged.as_ref().map_or_else(of_receipt, |_| "ok");
        assert_eq!(result, text(&row, "result"), "{row}");
        if let Ok(receipt) = judged {
            assert_eq!(receipt.index.value(), number(&row, "index"));
            assert_eq!(receipt.to_string(), text_);
        }
    }
}

/// Kind, level, number and width of a path.
fn place(path: &str) -> Option<Value> {
    let spans = [("tile/entries/", "entries"), ("payload/", "payload")];
    for (prefix, kind) in spans {
        if let Some(span) = path.strip_prefix(prefix) {
            let span: Span = span.parse().ok()?;
            return Some(json!([kind, null, span.number, span.width]));
        }
    }
    let id: TileId = path.parse().ok()?;
    Some(json!(["tile", id.level, id.span.number, id.span.width]))
}

#[test]
fn paths_and_tiles_are_judged_as_the_table_says() {
    for row in rows("tiles.json", "paths") {
        let place = place(&text(&row, "path"));
        let expected = json!([row["kind"], row["level"], row["number"], row["width"]]);
        assert_eq!(place, is_good(&row).then_some(expected), "{row}");
    }
    for row in rows("tiles.json", "tiles") {
        let hashes = decode_tile(&bytes(&row, "tile")).map(|hashes| hashes.len() as u64);
        assert_eq!(
            hashes,
            is_good(&row).then(|| number(&row, "hashes")),
            "{row}"
        );
    }
}

#[test]
fn entries_and_bundles_are_judged_as_the_table_says() {
    for row in rows("tiles.json", "entries") {
        let entry = bytes(&row, "entry");
        let decoded = Entry::decode(&entry);
        assert_eq!(decoded.is_ok(), is_good(&row), "{row}");
        if let Ok(decoded) = decoded {
            assert_eq!(decoded.encode().unwrap(), entry);
        }
    }
    for row in rows("tiles.json", "entry_bundles") {
        let bundle = bytes(&row, "bundle");
        let entries = decode_entry_bundle(&bundle, number(&row, "width") as usize);
        assert_eq!(entries.is_ok(), is_good(&row), "{row}");
        if let Ok(entries) = entries {
            let entries: Vec<String> = entries.iter().map(hex::encode).collect();
            assert_eq!(json!(entries), row["entries"]);
        }
    }
    for row in rows("tiles.json", "payload_bundles") {
        let bundle = bytes(&row, "bundle");
        let payloads = decode_bundle(&bundle, number(&row, "payloads") as usize);
        assert_eq!(payloads.is_ok(), is_good(&row), "{row}");
        if let Ok(payloads) = payloads {
            // A payload that was lost is kept as no part.
            let commitment = |parts: &Vec<_>| payload_commitment(parts).to_string();
            let commitments = payloads
                .iter()
                .map(|parts| (!parts.is_empty()).then(|| commitment(parts)));
            assert_eq!(json!(commitments.collect::<Vec<_>>()), row["commitments"]);
        }
    }
}

fn side(row: &Value, size: &str, root: &str) -> (TreeSize, RootHash) {
    (
        TreeSize::new(number(row, size)),
        RootHash::from_bytes(hash(row, root)),
    )
}

#[test]
fn proofs_are_judged_as_the_table_says() {
    for row in rows("proofs.json", "inclusion") {
        let holds = inclusion_holds(
            EntryIndex::new(number(&row, "index")),
            TreeSize::new(number(&row, "size")),
            LeafHash::from_bytes(hash(&row, "leaf")),
            &proof(&row),
            RootHash::from_bytes(hash(&row, "root")),
        );
        assert_eq!(holds, is_good(&row), "{row}");
    }
    for row in rows("proofs.json", "consistency") {
        let holds = consistency_holds(
            side(&row, "old", "old_root"),
            side(&row, "new", "new_root"),
            &proof(&row),
        );
        assert_eq!(holds, is_good(&row), "{row}");
    }
}

#[test]
fn packs_are_judged_as_the_table_says() {
    for row in rows("packs.json", "packs") {
        let path = directory().join("packs").join(text(&row, "file"));
        let report = verify_pack(&path, &key(&row), &VerifyOptions::default(), &|_, _| {}).unwrap();
        let exit = match report.verdict {
            Verdict::Verified | Verdict::VerifiedWithConfirmedBreaks => 0,
            Verdict::Altered => 1,
            Verdict::Incomplete => 4,
        };
        assert_eq!(exit, number(&row, "exit"), "{row}\n{:#?}", report.findings);
        let of = |finding: &Finding| {
            (
                finding.kind.name().to_owned(),
                finding.index.map(EntryIndex::value),
            )
        };
        let mut found: Vec<_> = report.findings.listed.iter().map(of).collect();
        let listed = row["findings"].as_array().unwrap().iter();
        let mut expected: Vec<_> = listed
            .map(|finding| (finding[0].as_str().unwrap().to_owned(), finding[1].as_u64()))
            .collect();
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "{}: {:#?}", row["file"], report.findings);
    }
}
