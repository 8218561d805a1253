//! Histories of the ledger's key that somebody forged, with whatever keys they had.

use std::{fs, path::Path, process::Command};

use exhibit::{
    ledger::{
        checkpoint::SignedCheckpoint,
        hash::FileHash,
        keys::{KeyChange, KeyHistory, Statement},
        note::SigningKey,
        position::TreeSize,
        receipt::Receipt,
    },
    pack::manifest::{FileDigest, Manifest},
};

use super::rotation::Ledger;
use crate::viewer::agrees;

#[test]
fn a_retired_key_that_signs_again_is_found() {
    let ledger = Ledger::begin();
    let stolen = ledger.secret(ledger.old());
    let new = ledger.rotate();
    ledger.key("retire", &[]).is(0, &[]);
    let receipt = ledger.receipt("after");
    let pack = ledger.export("pack.zip");
    let real = Receipt::parse(&fs::read(&receipt).unwrap()).unwrap();
    let forged = Receipt {
        checkpoint: real.checkpoint.checkpoint().clone().sign(&stolen),
        ..real
    };
    fs::write(&receipt, forged.to_string()).unwrap();
    // For who trusts the successor, the old key signs nothing alone from the successor's first tree on.
    for (vkey, sizes) in [(ledger.old(), "0 to 3"), (&new, "0 to 2")] {
        ledger
            .verify(&receipt, vkey, &["--against", &pack])
            .is(1, &["key_out_of_range", sizes]);
    }
    let published = ledger.0.path("ledger/checkpoint");
    let signed = SignedCheckpoint::parse(&fs::read(&published).unwrap()).unwrap();
    let signed = signed.checkpoint().clone().sign(&stolen);
    fs::write(&published, signed.note().to_string()).unwrap();
    ledger
        .verify(&ledger.0.text("ledger"), &new, &[])
        .is(1, &["key_out_of_range in checkpoint"]);
}

/// Replaces the history in an unpacked pack, digest included, as whoever passes a pack on can.
fn put_history(folder: &Path, history: Option<&str>) {
    let file = folder.join("manifest.json");
    let mut manifest = Manifest::from_bytes(&fs::read(&file).unwrap()).unwrap();
    let path = folder.join("keys/history");
    match history {
        Some(text) => {
            let digest = FileDigest {
                bytes: u64::try_from(text.len()).unwrap(),
                blake3: FileHash::of(text.as_bytes()),
            };
            manifest.files.insert("keys/history".to_owned(), digest);
            fs::write(&path, text).unwrap();
        }
        None => {
            manifest.files.remove("keys/history");
            fs::remove_file(&path).unwrap();
        }
    }
    fs::write(&file, manifest.to_bytes()).unwrap();
}

#[test]
fn a_forged_history_is_found_whoever_signed_it() {
    let ledger = Ledger::begin();
    let new = ledger.rotate();
    ledger.key("retire", &[]).is(0, &[]);
    ledger.0.record("ledger", &["after"]);
    let pack = ledger.export("pack.zip");
    let folder = ledger.0.path("unpacked");
    let mut zip = zip::ZipArchive::new(fs::File::open(&pack).unwrap()).unwrap();
    zip.extract(&folder).unwrap();
    let folder_text = ledger.0.text("unpacked");
    for vkey in [ledger.old(), &new] {
        ledger.verify(&folder_text, vkey, &[]).is(0, &[]);
        by_script(&folder, vkey, 0, "leads to");
        agrees(&[("whole".to_owned(), &folder)], &vkey.parse().unwrap());
    }
    let history = fs::read_to_string(folder.join("keys/history")).unwrap();
    let whole = KeyHistory::parse(history.as_bytes()).unwrap();
    let [rotation, _] = whole.statements() else {
        panic!("{whole:?}")
    };
    let (old_key, new_key) = (ledger.secret(ledger.old()), ledger.secret(&new));
    let thief = SigningKey::from_seed(rotation.statement().origin.clone(), &[66; 32]);
    let first = |change: &dyn Fn(&mut Statement), keys: &[&SigningKey]| {
        let mut statement = rotation.statement().clone();
        change(&mut statement);
        let signed = statement.sign(keys).unwrap();
        signed.note().to_string()
    };
    let to_thief = |statement: &mut Statement| {
        statement.change = KeyChange::Rotated {
            old: old_key.verifier().clone(),
            new: Box::new(thief.verifier().clone()),
        };
    };
    let moved = |size: u64| move |statement: &mut Statement| statement.size = TreeSize::new(size);
    let same = |_: &mut Statement| {};
    let alone = rotation.note().to_string();
    for (what, text, by_old, by_new) in [
        (
            "all left out",
            None,
            "key_history_incomplete at entry 2",
            "key_history_incomplete at entry 2",
        ),
        (
            "the retirement left out",
            Some(alone),
            "key_history_incomplete at entry 3",
            "key_history_incomplete at entry 3",
        ),
        (
            "signed by the old key alone",
            Some(first(&same, &[&old_key])),
            "key_history_invalid",
            "key_history_invalid",
        ),
        (
            "signed by the wrong key",
            Some(first(&same, &[&old_key, &thief])),
            "key_history_invalid",
            "key_history_invalid",
        ),
        (
            "the range altered by who has both keys",
            Some(first(&moved(1), &[&old_key, &new_key])),
            "key_history_incomplete at entry 1",
            "key_history_incomplete at entry 1",
        ),
        (
            "the thief's rotation",
            Some(first(&to_thief, &[&old_key, &thief])),
            "key_history_incomplete at entry 2",
            "key_history_invalid",
        ),
        (
            "a number altered",
            Some(history.replacen("size 2\n", "size 1\n", 1)),
            "key_history_invalid",
            "key_history_invalid",
        ),
    ] {
        put_history(&folder, text.as_deref());
        for (vkey, kind) in [(ledger.old(), by_old), (new.as_str(), by_new)] {
            let done = ledger.verify(&folder_text, vkey, &[]);
            assert!(
                done.code == 1 && done.stdout.contains(kind),
                "{what}: {}",
                done.stdout
            );
            by_script(&folder, vkey, 1, kind);
            agrees(&[(what.to_owned(), &folder)], &vkey.parse().unwrap());
        }
        if text.is_none() {
            fs::write(folder.join("keys/history"), "").unwrap();
        }
    }
}

/// The second verifier, which the pack carries, comes to the same.
fn by_script(folder: &Path, vkey: &str, code: i32, said: &str) {
    let script = folder.join("verify.py");
    let ran = Command::new("python3")
        .arg(&script)
        .arg(folder)
        .arg(vkey)
        .output();
    let Ok(ran) = ran else {
        println!("skipped: there is no Python here");
        return;
    };
    let stdout = String::from_utf8_lossy(&ran.stdout);
    assert!(
        ran.status.code() == Some(code) && stdout.contains(said),
        "{said}: {stdout}{}",
        String::from_utf8_lossy(&ran.stderr)
    );
}
