//! Vectors of signed notes, keys, checkpoints, cosignatures and offline proofs, and a whole small log.
//!
//! They are those of the specifications, of golang.org/x/mod, transparency-dev (tessera) and FiloSottile (sunlight, torchwood), and a few computed with an independent implementation, which say so.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use exhibit::ledger::{
    checkpoint::{Checkpoint, CheckpointError, SignedCheckpoint},
    hash::{LeafHash, NodeHash, RootHash},
    note::{CosignedAt, CosigningKey, KeyType, Note, NoteError, SigningKey, VerifierKey},
    position::EntryIndex,
    receipt::{Receipt, ReceiptError},
    tile::push_entry,
    tree::{consistency_holds, inclusion_holds, prove_consistency, prove_inclusion},
};

use super::{Tree, node, size};

fn root(base64: &str) -> RootHash {
    node(base64).into()
}

/// A note of the text and one signature line, as in the specifications.
fn note(text: &str, line: &str) -> Vec<u8> {
    format!("{text}\n— {line}\n").into_bytes()
}

#[test]
fn the_specifications_note_verifies() {
    let key: VerifierKey = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
        .parse()
        .unwrap();
    let line = "example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=";
    let good = Note::parse(&note("This is an example message.\n", line)).unwrap();
    assert_eq!(good.verify(&key), Ok(()));
    let other = Note::parse(&note("This is an example message!\n", line)).unwrap();
    assert_eq!(
        other.verify(&key),
        Err(NoteError::BadSignature("example.com/foo".into()))
    );
}

const PETER_SKEY: &str =
    "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const PETER_VKEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const ENOCH_VKEY: &str = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop";
const SIGNED_TWICE: &str = "If you think cryptography is the answer to your problem,
then you don't know what your problem is.

— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=
— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=
";

#[test]
fn a_note_signed_twice_is_made_to_the_byte() {
    let peter: SigningKey = PETER_SKEY.parse().unwrap();
    let enoch = SigningKey::from_seed("EnochRoot".parse().unwrap(), &[0; 32]);
    assert_eq!(peter.verifier().to_string(), PETER_VKEY);
    assert_eq!(peter.to_secret_text().as_str(), PETER_SKEY);
    assert_eq!(enoch.verifier().to_string(), ENOCH_VKEY);
    let read = Note::parse(SIGNED_TWICE.as_bytes()).unwrap();
    let lines = [&peter, &enoch].map(|key| key.sign(read.text()).signatures()[0].clone());
    let made = Note::new(read.text().to_owned(), lines.to_vec()).unwrap();
    assert_eq!(made.to_string(), SIGNED_TWICE);
    for key in [&peter, &enoch] {
        assert_eq!(read.verify(key.verifier()), Ok(()));
    }
}

#[test]
fn bad_verifier_keys_are_refused() {
    for (key, why) in [
        (
            "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
            "its last field is not base64",
        ),
        (
            "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
            "its type is none of Ed25519 (0x01), cosignature/v1 (0x04) and ML-DSA-44 (0x06)",
        ),
        (
            "witness.example.org+b8a2cf20+BlLN3yikSfFkVAJtrnh/CiY3Zozkoy7clp+P7XB28qUN",
            "an ML-DSA-44 public key has 1312 bytes",
        ),
        (
            "witness.example.org+b8a2cf20+AVLN3yikSfFkVAJtrnh/CiY3Zozkoy7clp+P7XB28qUN",
            "the key id does not belong to this name and key; was it mistyped?",
        ),
    ] {
        assert_eq!(
            key.parse::<VerifierKey>(),
            Err(NoteError::VerifierKey(why)),
            "{key}"
        );
    }
}

#[test]
fn every_part_and_every_changed_byte_of_a_verifier_key_is_refused() {
    for start in 0..PETER_VKEY.len() {
        for end in start..=PETER_VKEY.len() {
            let part = &PETER_VKEY[start..end];
            assert_eq!(
                part.parse::<VerifierKey>().is_ok(),
                part == PETER_VKEY,
                "{part}"
            );
        }
    }
    for at in 0..PETER_VKEY.len() {
        for byte in (0..=255).filter(|byte| *byte != PETER_VKEY.as_bytes()[at]) {
            let mut changed = PETER_VKEY.as_bytes().to_vec();
            changed[at] = byte;
            let Ok(text) = std::str::from_utf8(&changed) else {
                continue;
            };
            assert!(text.parse::<VerifierKey>().is_err(), "{text:?}");
        }
    }
}

/// The log of tessera's test data.
const LOG_SKEY: &str =
    "PRIVATE+KEY+example.com/log/testdata+33d7b496+AeymY/SZAX0jZcJ8enZ5FY1Dz+wTML2yWSkK+9DSF3eg";
const LOG_VKEY: &str =
    "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx";
const LOG_ENTRIES: [&str; 15] = [
    "one", "two", "three", "four", "five", "six", "seven", "eit", "nain", "ten", "ileven", "twelf",
    "threeten", "fourten", "fivten",
];
const LOG_CHECKPOINT_0: &str = "example.com/log/testdata
0
47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=

— example.com/log/testdata M9e0lhxJACzE1KoUdqKuPa+9p6R7dSW8BlEvrg/noo8FkGg6PbJoRNOcdjqjOq89wVvTA60eubCc4oufo5BvIVEgtQc=
";
const LOG_CHECKPOINT_15: &str = "example.com/log/testdata
15
rKbDipCvhuX1GZ7g5BBe8sA6BbJ7ja/1nk427v383cs=

— example.com/log/testdata M9e0luh4jTG+UMBqOUo9/q+yAEvx1ilBEniMvjf1zfcBOhg+CKubMt53MvIt/uEWP6zdkdIQzd/fmwlM/dlPWF74ewI=
";

#[test]
fn a_whole_small_log_is_made_to_the_byte() {
    let (key, tree) = (
        LOG_SKEY.parse::<SigningKey>().unwrap(),
        Tree::over(LOG_ENTRIES),
    );
    assert_eq!(key.verifier().to_string(), LOG_VKEY);
    let mut bundle = Vec::new();
    for entry in &LOG_ENTRIES[..3] {
        push_entry(&mut bundle, entry.as_bytes()).unwrap();
    }
    assert_eq!(hex::encode(bundle), "00036f6e65000374776f00057468726565");
    let tile = tree.tile("tile/0/000.p/1".parse().unwrap());
    assert_eq!(
        hex::encode(tile),
        "d0d7360ab79f58ab1e1e3fe64ad77e2ea0bc07e36b5f46ed2223edd9298df9e9"
    );
    for (size, expected) in [
        (1, "0Nc2CrefWKseHj/mStd+LqC8B+NrX0btIiPt2SmN+ek="),
        (2, "T1X2GdkhUjV3iyufF9b0kVsWFxIU0VI4EpNml2Teci4="),
        (7, "IrSXADBqJ7EQoUODSDKROySgNveeL6CFhik2w/+fS7U="),
        (15, "rKbDipCvhuX1GZ7g5BBe8sA6BbJ7ja/1nk427v383cs="),
    ] {
        assert_eq!(tree.roots[size], root(expected), "size {size}");
    }
    for (size, expected) in [(0, LOG_CHECKPOINT_0), (15, LOG_CHECKPOINT_15)] {
        let checkpoint = Checkpoint {
            origin: key.verifier().name().clone(),
            size: super::size(size),
            root: tree.roots[size],
        };
        let signed = checkpoint.sign(&key);
        assert_eq!(signed.note().to_string(), expected);
        assert_eq!(
            SignedCheckpoint::open(expected.as_bytes(), key.verifier()),
            Ok(signed)
        );
    }
}

/// Computed, not official: the proof of "seven" in that log, and a witness's cosignature of its checkpoint.
const SEVEN_PROOF: [&str; 4] = [
    "ThcgoV2DYcK+VCxBUDWAlNxmLy2r7dq7dK7+OlgQKWs=",
    "ycRkkNklus5eMVRUvkD1pK321vMrA+jjOiZKU8aOcY4=",
    "zY1lN35vrXYAPixXSd59LsU29xUJtuW4o2dNNg5Y2Co=",
    "5jLpqTgjsBDSEX6SgZiRnbTMdTuRd8bQ5tSsAOxe0Ks=",
];
const SEVEN_TO_FIFTEEN_FIRST: &str = "2Q0P5jSR+TdkwdXWyx+GbBWX0KZbNZkWzCjyTPSozsw=";
const WITNESS_LINE: &str = "witness.example.com/w1 oAWfEQAAAABlU/EA8Ksalh7kTmlIFPRO/50jC8JyWktgWjbjpb8ZCaY7/1Pyo/Js5iv0m/SL/Pgn8ExkAr34GAbhHPwm6x2I0VpoBA==";
const WITNESS_VKEY: &str =
    "witness.example.com/w1+a0059f11+BAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4";

fn proof_file(extra: &str) -> String {
    let hashes = SEVEN_PROOF.join("\n");
    format!(
        "c2sp.org/tlog-proof@v1\n{extra}index 6\n{hashes}\n\n{LOG_CHECKPOINT_15}— {WITNESS_LINE}\n"
    )
}

#[test]
fn an_offline_proof_of_another_log_is_read_where_it_carries_its_entry() {
    let without = Receipt::parse(proof_file("").as_bytes());
    assert!(matches!(without, Err(ReceiptError::Malformed(why)) if why.contains("`extra` line")));
    let text = proof_file(&format!("extra {}\n", STANDARD.encode("seven")));
    let receipt = Receipt::parse(text.as_bytes()).unwrap();
    assert_eq!(receipt.to_string(), text);
    assert_eq!(receipt.entry, b"seven");
    let signed = receipt.checkpoint.checkpoint();
    let leaf = LeafHash::of_entry(b"seven");
    assert!(inclusion_holds(
        receipt.index,
        signed.size,
        leaf,
        &receipt.proof,
        signed.root
    ));
    // Its proof holds, but "seven" is no entry of ours.
    let verified = receipt.verify(&LOG_VKEY.parse().unwrap());
    assert!(matches!(verified, Err(ReceiptError::Entry(_))));
}

#[test]
fn the_proofs_of_the_small_log_are_made_and_hold() {
    let tree = Tree::over(LOG_ENTRIES);
    let nodes = tree.nodes(size(15));
    let proof = SEVEN_PROOF.map(node).to_vec();
    let index = EntryIndex::new(6);
    assert_eq!(
        prove_inclusion(&nodes, index, size(15)).unwrap().as_ref(),
        Some(&proof)
    );
    assert!(inclusion_holds(
        index,
        size(15),
        tree.leaves[6],
        &proof,
        tree.roots[15]
    ));
    let grown = [&[node(SEVEN_TO_FIFTEEN_FIRST)], proof.as_slice()].concat();
    assert_eq!(
        prove_consistency(&nodes, size(7), size(15))
            .unwrap()
            .as_ref(),
        Some(&grown)
    );
    assert!(consistency_holds(
        (size(7), tree.roots[7]),
        (size(15), tree.roots[15]),
        &grown
    ));
}

/// Size and root are made up in the first two, so they are good for their signatures only.
#[test]
fn cosignatures_are_carried_verbatim_and_read_as_the_specification_says() {
    let root = "lCkHUpkmVBEms2r2T1K6Og69+wUuuN3MIEW1/ezu2v0=";
    for (vkey, text, line, time) in [
        (
            "witness.example.org+b8a2cf20+BFLN3yikSfFkVAJtrnh/CiY3Zozkoy7clp+P7XB28qUN",
            format!("rome2026h1.example.org\n300\n{root}\n"),
            "witness.example.org uKLPIAAAAABpVGeAhm2bOvKc3LaB9PFN1ruG19Y5yqslmcAAbhftnn1Zznmo0LXFZq4LGvqKqLX8jWlwLKasxEGTLIqAVusneCBmBw==",
            1_767_139_200,
        ),
        (
            "witness2.example.org+2e55b896+BIZ7fpceQWd60IfqQeS9IAnmNOCZjMDne8lZuguz/bi9",
            format!("milan2026h1.example.org\n300\n{root}\n"),
            "witness2.example.org LlW4lgAAAABpVGeAN/uFWqfjdU94rrKxFycCggM0Sa1L5tOJCJdYBwJ41CQsgKWA6B0+vywok3cPI3JIzuPeR+VotuYe/eNy0+30Dw==",
            1_767_139_200,
        ),
        (
            WITNESS_VKEY,
            SignedCheckpoint::parse(LOG_CHECKPOINT_15.as_bytes())
                .unwrap()
                .note()
                .text()
                .to_owned(),
            WITNESS_LINE,
            1_700_000_000,
        ),
    ] {
        let bytes = note(&text, line);
        let signed = SignedCheckpoint::parse(&bytes).unwrap();
        assert_eq!(signed.note().to_string().as_bytes(), bytes);
        let [cosignature] = signed.note().signatures() else {
            panic!("one line")
        };
        let key: VerifierKey = vkey.parse().unwrap();
        assert_eq!(key.to_string(), vkey);
        assert_eq!(cosignature.id, key.id());
        let at = CosignedAt::from_seconds(time).unwrap();
        assert_eq!(signed.note().cosigned_at(&key), Ok(at));
        let other = note(
            &text
                .replace("\n300\n", "\n301\n")
                .replace("\n15\n", "\n16\n"),
            line,
        );
        let other = Note::parse(&other).unwrap();
        assert!(matches!(
            other.verify(&key),
            Err(NoteError::BadSignature(_))
        ));
        // A witness does not speak for a ledger, whatever its name.
        assert!(matches!(
            signed.verify(&key),
            Err(CheckpointError::NotALedgersKey(_))
        ));
    }
}

/// The witness of the derived proof has the seed 00, 01, ... 1f.
#[test]
fn a_cosignature_is_made_to_the_byte() {
    let seed = std::array::from_fn(|at| at as u8);
    let name = "witness.example.com/w1".parse().unwrap();
    let witness = CosigningKey::from_seed(name, KeyType::CosignatureV1, &seed).unwrap();
    assert_eq!(witness.verifier().to_string(), WITNESS_VKEY);
    let signed = SignedCheckpoint::parse(LOG_CHECKPOINT_15.as_bytes()).unwrap();
    let at = CosignedAt::from_seconds(1_700_000_000).unwrap();
    let line = witness.cosign(signed.note().text(), at).unwrap();
    assert_eq!(line.to_string(), format!("— {WITNESS_LINE}"));
    let cosigned = signed.with_signatures([line.clone(), line]).unwrap();
    assert_eq!(
        cosigned.note().to_string(),
        format!("{LOG_CHECKPOINT_15}— {WITNESS_LINE}\n")
    );
}

/// Made by another implementation, with its other random numbers: both verify it, and the keys are the same.
#[test]
fn an_ml_dsa_cosignature_of_another_implementation_verifies() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/vectors/ml-dsa-44-cosignature.json"
    );
    let vector: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let field = |name: &str| vector[name].as_str().unwrap();
    let key: CosigningKey = field("secret_key").parse().unwrap();
    assert_eq!(key.verifier().to_string(), field("verifier_key"));
    assert_eq!(key.to_secret_text().as_str(), field("secret_key"));
    let signed = Note::parse(field("cosigned").as_bytes()).unwrap();
    let at = CosignedAt::from_seconds(vector["time"].as_u64().unwrap()).unwrap();
    assert_eq!(signed.cosigned_at(key.verifier()), Ok(at));
    let line = key.cosign(signed.text(), at).unwrap();
    let ours = Note::new(signed.text().to_owned(), vec![line]).unwrap();
    assert_eq!(ours.verify(key.verifier()), Ok(()));
}

#[test]
fn a_cosigned_checkpoint_still_verifies_by_the_logs_key_and_not_without_it() {
    let key: VerifierKey = LOG_VKEY.parse().unwrap();
    let cosigned = format!("{LOG_CHECKPOINT_15}— {WITNESS_LINE}\n");
    let signed = SignedCheckpoint::open(cosigned.as_bytes(), &key).unwrap();
    assert_eq!(signed.note().signatures().len(), 2);
    let witness_only = note(signed.note().text(), WITNESS_LINE);
    assert!(SignedCheckpoint::open(&witness_only, &key).is_err());
}

/// The log of torchwood's witness test, whose leaves are numbers.
#[test]
fn checkpoints_and_proofs_of_a_witness_exchange_hold() {
    let origin =
        "sigsum.org/v1/tree/4d6d8825a6bb689d459628312889dfbb0bcd41b5211d9e1ce768b0ff0309e562";
    let key: VerifierKey =
        format!("{origin}+5202289b+Af/cLU2Y5BJNP+r3iMDC+av9eWCD0fBJVDfzAux5zxAP")
            .parse()
            .unwrap();
    let open = |size: u64, root: &str, line: &str| {
        let bytes = note(
            &format!("{origin}\n{size}\n{root}\n"),
            &format!("{origin} {line}"),
        );
        let signed = SignedCheckpoint::open(&bytes, &key).unwrap();
        (signed.checkpoint().size, signed.checkpoint().root)
    };
    let one = open(
        1,
        "KgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "UgIom7fPZTqpxWWhyjWduBvTvGVqsokMbqTArsQilegKoFBJQjUFAmQ0+YeSPM3wfUQMFSzVnnNuWRTYrajXpNUbIQY=",
    );
    let three = open(
        3,
        "RcCI1Nk56ZcSmIEfIn0SleqtV7uvrlXNccFx595Iwl0=",
        "UgIom2VbtIcdFbwFAy1n7s6IkAxIY6J/GQOTuZF2ORV39d75cbAj2aQYwyJre36kezNobZs4SUUdrcawfAB8WVrx6go=",
    );
    let five = open(
        5,
        "QrtXrQZCCvpIgsSmOsah7HdICzMLLyDfxToMql9WTjY=",
        "UgIomw/EOJmWi0i1FQsOj+etB7F8IccFam/jgd6wzRns4QPVmyEZtdvl1U2KEmLOZ/ASRcWJi0tW90dJWAShei7sDww=",
    );
    let to_three = [
        "KgEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "KgIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    ]
    .map(node);
    let to_five = [
        "KgIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "KgMAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "wgiIFdZfYNv6WU1OllBKsWnLYIS/DBMqt8Uh/S4OukE=",
        "KgQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    ]
    .map(node);
    assert!(consistency_holds(one, three, &to_three));
    assert!(consistency_holds(three, five, &to_five));
    assert!(!consistency_holds(one, five, &to_five));
    assert!(!consistency_holds(one, three, &[]));
    let mut changed = to_three;
    let mut last = *changed[1].as_bytes();
    last[31] ^= 1;
    changed[1] = NodeHash::from_bytes(last);
    assert!(!consistency_holds(one, three, &changed));
}
