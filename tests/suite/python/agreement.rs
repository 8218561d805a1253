//! Both verifiers on the same packs.

use super::*;

#[test]
fn both_verifiers_find_the_same_in_every_case_of_the_tamper_matrix() {
    let Some(python) = python() else { return };
    let original = Original::of(&[100, 200, 1, 299, 13]);
    let mut cases = Cases::new();
    let mut keep = |case: &str, options: &VerifyOptions, tampering: Option<(Tampering, u64)>| {
        let pack = cases.next(".zip");
        fs::copy(original.copy(Of::Pack), &pack).unwrap();
        if let Some((tampering, at)) = tampering {
            let at = EntryIndex::new(at);
            tampering
                .apply_to_pack(&pack, at, &original.key)
                .unwrap_or_else(|error| panic!("{case}: {error}"));
        }
        cases.add(format!("{case}, zip"), &pack, original.key(), options);
        // Unpacking changes what the container is, not what is in it: two places of each manipulation are enough.
        if tampering.is_some_and(|(_, at)| ![0, 300].contains(&at)) {
            return;
        }
        let directory = cases.next("");
        unpack(&pack, &directory);
        let case = format!("{case}, directory");
        cases.add(case, &directory, original.key(), options);
    };
    keep("untouched", &VerifyOptions::default(), None);
    keep("untouched, checkpoint", &original.kept_checkpoint(), None);
    keep("untouched, receipt", &original.kept_receipt(), None);
    for tampering in Tampering::ALL {
        for at in [0, 255, 300, 606] {
            let options = if tampering.needs_evidence() {
                original.kept_checkpoint()
            } else {
                VerifyOptions::default()
            };
            let case = format!("{}, at {at}", tampering.name());
            keep(&case, &options, Some((*tampering, at)));
        }
    }
    for tampering in [Tampering::HistoryRewritten, Tampering::RolledBack] {
        let case = format!("{}, receipt", tampering.name());
        keep(&case, &original.kept_receipt(), Some((tampering, 4)));
        let case = format!("{}, nothing kept", tampering.name());
        keep(&case, &VerifyOptions::default(), Some((tampering, 4)));
    }
    assert_agreement(cases.judge(python));
}

/// Both verifiers come to the same exit code, the same findings, the same counts.
fn assert_agreement(judged: Vec<(String, Judged, Judged)>) {
    assert!(!judged.is_empty());
    let mut wrong = Vec::new();
    for (case, first, second) in judged {
        if first != second {
            wrong.push(format!("{case}:\n  first {first:?}\n  second {second:?}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} cases\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// A pack with one byte changed. Where the damage is in the container, what else is said of it may differ: a file that
/// does not inflate any more may be read to another place. That something is wrong may not.
#[test]
fn both_verifiers_notice_a_changed_byte_and_a_cut_anywhere() {
    let Some(python) = python() else { return };
    let original = Original::of(&[3]);
    let whole = fs::read(original.copy(Of::Pack)).unwrap();
    let mut cases = Cases::new();
    let mut keep = |case: String, content: &[u8]| {
        let pack = cases.next(".zip");
        fs::write(&pack, content).unwrap();
        cases.add(case, &pack, original.key(), &VerifyOptions::default());
    };
    for offset in (0..whole.len()).step_by(97) {
        let mut flipped = whole.clone();
        flipped[offset] ^= 1 << (offset % 8);
        keep(format!("byte {offset}"), &flipped);
    }
    for length in (0..whole.len()).step_by(1999) {
        keep(format!("cut to {length} bytes"), &whole[..length]);
    }
    for (case, first, second) in cases.judge(python) {
        assert!([1, 3].contains(&first.exit), "{case}: {first:?}");
        assert_eq!(first.exit, second.exit, "{case}: {first:?} {second:?}");
    }
}

/// The packs of the vectors, unpacked: what is wrong with a container is gone, all else is as it was.
#[test]
fn both_verifiers_agree_on_the_packs_of_the_vectors_unpacked() {
    let Some(python) = python() else { return };
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let table = fs::read(vectors.join("packs.json")).unwrap();
    let table: Value = serde_json::from_slice(&table).unwrap();
    let mut cases = Cases::new();
    for row in table["packs"].as_array().unwrap() {
        let file = row["file"].as_str().unwrap();
        if file.starts_with("zip-") {
            continue;
        }
        let directory = cases.next("");
        unpack(&vectors.join("packs").join(file), &directory);
        let key: VerifierKey = row["vkey"].as_str().unwrap().parse().unwrap();
        cases.add(file.to_owned(), &directory, &key, &VerifyOptions::default());
    }
    assert!(cases.judged.iter().any(|(_, first)| first.exit == 0));
    assert_agreement(cases.judge(python));
}

/// Whatever range, with a checkpoint and a receipt that were kept: the same verdict and the same counts.
#[test]
fn both_verifiers_agree_on_a_part_of_a_ledger() {
    let Some(python) = python() else { return };
    let original = Original::of(&[300, 413]);
    let mut cases = Cases::new();
    for (start, end) in [
        (0, 1),
        (0, 256),
        (255, 257),
        (256, 512),
        (300, 713),
        (512, 713),
        (712, 713),
    ] {
        let pack = cases.next(".zip");
        original.export(EntryIndex::new(start), EntryIndex::new(end), &pack);
        for (what, options) in [
            ("nothing kept", VerifyOptions::default()),
            ("checkpoint", original.kept_checkpoint()),
            ("receipt", original.kept_receipt()),
            ("an older checkpoint", original.kept_older()),
        ] {
            let case = format!("{start} to {end}, {what}");
            cases.add(case, &pack, original.key(), &options);
        }
    }
    let judged = cases.judge(python);
    // A part says nothing about what it has nothing of, and then it is not verified.
    let exits: Vec<_> = judged
        .iter()
        .map(|(case, first, _)| (case.as_str(), first.exit))
        .collect();
    let whole = |(case, exit): &&(&str, u64)| *exit == 0 && case.ends_with("nothing kept");
    assert_eq!(exits.iter().filter(whole).count(), 7, "{exits:?}");
    let part = |(case, exit): &&(&str, u64)| *exit == 4 && case.starts_with("712 to 713");
    assert_eq!(exits.iter().filter(part).count(), 1, "{exits:?}");
    assert!(
        exits.iter().all(|(_, exit)| [0, 4].contains(exit)),
        "{exits:?}"
    );
    assert_agreement(judged);
}

/// Whatever key is trusted of a ledger that has had several, and whoever signed.
#[test]
fn both_verifiers_follow_the_history_of_keys_alike() {
    let Some(python) = python() else { return };
    let mut cases = Cases::new();
    let packs = rotated::packs(cases.directory.path());
    for (name, pack) in &packs {
        for number in [1, 2, 3, 9] {
            let case = format!("{name}, key {number}");
            let key = rotated::key(number);
            cases.add(case, pack, key.verifier(), &VerifyOptions::default());
        }
    }
    assert_agreement(cases.judge(python));
}

/// What is confirmed in the pack itself is no finding, and whatever only pretends to be confirmed stays one.
#[test]
fn both_verifiers_take_the_same_confirmed_breaks_for_what_they_are() {
    let Some(python) = python() else { return };
    let original = Original::of(&[3]);
    let mut cases = Cases::new();
    let directory = tempfile::tempdir().unwrap();
    let packs = confirmed::packs(&original.key, directory.path());
    for pack in &packs {
        let options = VerifyOptions::default();
        cases.add(pack.name.to_owned(), &pack.path, original.key(), &options);
    }
    let judged = cases.judge(python);
    for (pack, (_, first, _)) in packs.iter().zip(&judged) {
        assert_eq!(pack.exit, first.exit, "{}: {first:?}", pack.name);
    }
    assert_agreement(judged);
}

/// The programs as they are called: whatever key and receipt they are given, they end alike.
#[cfg(feature = "server")]
#[test]
fn both_programs_take_keys_and_receipts_alike() {
    use exhibit::ledger::note::{CosigningKey, KeyType};

    use crate::process::exhibit;

    if python().is_none() {
        return;
    }
    let original = Original::of(&[3]);
    let directory = tempfile::tempdir().unwrap();
    let receipt = original.kept_receipt().receipts[0].to_string();
    let (good, damaged) = (
        directory.path().join("good"),
        directory.path().join("damaged"),
    );
    fs::write(&good, &receipt).unwrap();
    fs::write(&damaged, receipt.replacen("@v1", "Av1", 1)).unwrap();
    let key = original.key().to_string();
    let witness = CosigningKey::from_seed(
        original.key().name().clone(),
        KeyType::CosignatureV1,
        &[7; 32],
    );
    let witness = witness.unwrap().verifier().to_string();
    for (file, key, code) in [
        (&good, key.clone(), 0),
        (&damaged, key.clone(), 1),
        (&good, format!(" {key}\n"), 0),
        (&good, witness, 2),
    ] {
        let mut first = exhibit();
        first.arg("verify").arg(file).arg("--vkey").arg(&key);
        let mut second = python().unwrap();
        second.arg(VERIFY_PY).arg(file).arg(&key);
        let codes = [first, second].map(|mut program| program.output().unwrap().status.code());
        assert_eq!(codes, [Some(code); 2], "{} {key:?}", file.display());
    }
}
