//! What the second verifier has written out: BLAKE3 and Ed25519.

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
