//! What the second verifier has written out, BLAKE3 and Ed25519, and how long it is.

use super::*;

/// The input of BLAKE3's official test vectors.
fn official_input(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at % 251) as u8).collect()
}

#[test]
fn the_second_verifiers_blake3_is_blake3_at_every_length() {
    let Some(python) = python() else { return };
    let context = "exhibit test context";
    let mut lengths: Vec<usize> = (0..=3 * 1024).collect();
    for chunks in [4, 5, 7, 8, 15, 16, 31, 100, 1023, 1024, 1025, 2048, 3000] {
        lengths.extend([-1, 0, 1].map(|off| (chunks * 1024_usize).saturating_add_signed(off)));
    }
    let vectors: Vec<Value> = lengths
        .iter()
        .map(|length| {
            let input = official_input(*length);
            let derived = blake3::Hasher::new_derive_key(context)
                .update(&input)
                .finalize();
            json!([
                length,
                blake3::hash(&input).to_hex().as_str(),
                derived.to_hex().as_str()
            ])
        })
        .collect();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("blake3.json");
    let vectors = json!({ "context": context, "vectors": vectors });
    fs::write(&file, serde_json::to_vec(&vectors).unwrap()).unwrap();
    let result = script(python, "blake3_lengths.py", &[&file]);
    assert_eq!(result["wrong"], json!([]));
    assert_eq!(result["compared"], lengths.len());
}

#[test]
fn the_second_verifier_judges_the_tables_of_vectors_as_they_say() {
    let Some(python) = python() else { return };
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let result = script(python, "vectors.py", &[&vectors]);
    assert_eq!(result["wrong"], json!([]));
    assert!(result["judged"].as_u64() > Some(600), "{result}");
}

/// Whoever is asked to trust it must be able to read it, and the core of it in half an hour.
#[test]
fn the_second_verifier_stays_short_enough_to_be_read() {
    let Some(python) = python() else { return };
    let measured = script(python, "readable.py", &[]);
    let at_most = |name: &str, most: u64| {
        let lines = measured[name].as_u64().unwrap();
        assert!(lines <= most, "{name}: {lines}, over {most}");
    };
    at_most("core", 1_200);
    at_most("whole", 2_720);
    at_most("longest", 60);
    at_most("widest", 120);
    assert_eq!(measured["parts"], json!((1..=15).collect::<Vec<_>>()));
}

#[test]
fn the_second_verifier_says_the_version_that_carries_it() {
    let text = fs::read_to_string(VERIFY_PY).unwrap();
    let version = format!("\nVERSION = \"{}\"", env!("CARGO_PKG_VERSION"));
    assert!(text.contains(&version), "verify.py does not say{version}");
}
