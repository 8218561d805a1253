//! What policies ask for, and what is not one.

use super::*;
use crate::ledger::{
    note::CosigningKey,
    sample::{key, ledger},
};

fn cosigner(name: &str, seed: u8) -> CosigningKey {
    let name = format!("{name}.example.com").parse().unwrap();
    CosigningKey::from_seed(name, KeyType::CosignatureV1, &[seed; 32]).unwrap()
}

fn witnesses() -> [CosigningKey; 4] {
    [("a", 1), ("b", 2), ("c", 3), ("d", 4)].map(|(name, seed)| cosigner(name, seed))
}

fn header() -> String {
    let mut text = format!("# two of three, and d\nlog {}\n", key().verifier());
    for (name, key) in ["a", "b", "c", "d"].iter().zip(witnesses()) {
        text.push_str(&format!(
            "witness {name}\t{} https://{name}.example.com/\n",
            key.verifier()
        ));
    }
    text
}

/// Whether a policy is met when these witnesses have signed.
fn met(rules: &str, signers: &[usize]) -> bool {
    let policy: Policy = format!("{}{rules}", header()).parse().unwrap();
    let signed = ledger(3).checkpoint.sign(&key());
    let text = signed.note().text().to_owned();
    let at = CosignedAt::from_seconds(7).unwrap();
    let keys = witnesses();
    let lines = signers.iter().map(|n| keys[*n].cosign(&text, at).unwrap());
    let outcome = policy.check(&signed.with_signatures(lines).unwrap());
    for (place, (_, seen)) in outcome.witnesses.iter().enumerate() {
        let expected = if signers.contains(&place) {
            Witnessed::At(at)
        } else {
            Witnessed::Missing
        };
        assert_eq!(*seen, expected);
    }
    outcome.met
}

#[test]
fn quorums_count_witnesses_and_groups() {
    let nested = "group most 2 a b c\ngroup both all most d # and d\nquorum both\n";
    for (signers, expected) in [
        (vec![], false),
        (vec![0, 1], false),
        (vec![0, 3], false),
        (vec![0, 2, 3], true),
        (vec![0, 1, 2, 3], true),
    ] {
        assert_eq!(met(nested, &signers), expected, "{signers:?}");
    }
    assert!(met("quorum none", &[]));
    assert!(met("quorum b\n", &[1]) && !met("quorum b\n", &[0]));
    assert!(met("group x any a b\nquorum x", &[1]) && !met("group x any a b\nquorum x", &[2]));
}

#[test]
fn a_made_up_cosignature_counts_for_nothing_and_is_told() {
    let policy: Policy = format!("{}quorum a\n", header()).parse().unwrap();
    let signed = ledger(3).checkpoint.sign(&key());
    let at = CosignedAt::from_seconds(7).unwrap();
    let mut line = witnesses()[0].cosign(signed.note().text(), at).unwrap();
    line.signature[30] ^= 1;
    let outcome = policy.check(&signed.with_signatures([line]).unwrap());
    assert!(!outcome.met);
    assert!(matches!(outcome.witnesses[0].1, Witnessed::Bad(_)));
}

#[test]
fn the_parts_are_read_as_written() {
    let policy: Policy = format!("{}quorum none\r\n", header()).parse().unwrap();
    assert_eq!(policy.logs()[0].key, *key().verifier());
    assert_eq!(policy.witnesses().len(), 4);
    let url = policy.witnesses()[1].url.as_deref();
    assert_eq!(url, Some("https://b.example.com"));
    assert!(!policy.needs_witnesses());
}

#[test]
fn statements_of_another_form_are_refused_with_their_line() {
    let log = key().verifier().to_string();
    let [a, b, ..] = witnesses().map(|key| key.verifier().to_string());
    let two = format!("witness a {a}\nwitness b {b}\n");
    for (text, line, why) in [
        (String::new(), 0, "no quorum"),
        ("quorum none\nquorum none".to_owned(), 2, "second quorum"),
        ("quorum a".to_owned(), 1, "defined above"),
        ("Quorum none".to_owned(), 1, "begins no statement"),
        ("quorum".to_owned(), 1, "quorum NAME|none"),
        ("log".to_owned(), 1, "log VKEY [URL]"),
        (format!("log {log} ftp://x"), 1, "not a URL"),
        (format!("log {log}\nlog {log}"), 2, "named twice"),
        (format!("log {a}"), 1, "cosigner's key"),
        (format!("log {}", &log[1..]), 1, "not a verifier key"),
        (format!("witness a {log}"), 1, "does not cosign"),
        (format!("witness none {a}"), 1, "not a name"),
        (format!("witness a {a}\nwitness a {b}"), 2, "taken"),
        (format!("witness a {a}\nwitness b {a}"), 2, "counts once"),
        (format!("witness a\u{a0}{a}"), 1, "witness NAME VKEY"),
        (format!("witness a {a}\u{b}"), 1, "control character"),
        (format!("{two}group g 3 a b"), 3, "1 to 2"),
        (format!("{two}group g 0 a b"), 3, "1 to 2"),
        (format!("{two}group g 02 a b"), 3, "1 to 2"),
        (format!("{two}group g any"), 3, "group NAME"),
        (format!("{two}group g any c"), 3, "defined above"),
        (format!("{two}group g any g"), 3, "defined above"),
        (format!("{two}group g any a a"), 3, "in a group already"),
        (
            format!("{two}group g any a\ngroup h any a"),
            4,
            "in a group already",
        ),
        (format!("{two}group a any b"), 3, "taken"),
    ] {
        let refused = text.parse::<Policy>().unwrap_err();
        assert_eq!(refused.line, line, "{text}: {refused}");
        assert!(refused.problem.contains(why), "{text}: {refused}");
    }
}
