//! Policies, by what they are met by and what they refuse.

use super::*;
use crate::ledger::{
    note::{CosigningKey, SigningKey},
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
    let nested = "group most 2 a b c\ngroup both all most d\n \t# and d\nquorum both\n";
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
    let policy: Policy = format!("{}quorum none\n", header()).parse().unwrap();
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
        (format!("log {log}\nlog {log}"), 2, "names a key once"),
        (format!("log {a}"), 1, "cosigner's key"),
        (format!("log {}", &log[1..]), 1, "not a verifier key"),
        (format!("witness a {log}"), 1, "does not cosign"),
        (format!("witness none {a}"), 1, "not a name"),
        (format!("witness a {a}\nwitness a {b}"), 2, "taken"),
        (format!("witness a {a}\nwitness b {a}"), 2, "counts once"),
        (format!("witness a\u{a0}{a}"), 1, "witness NAME VKEY"),
        (format!("witness a {a}\u{b}"), 1, "control character"),
        ("quorum none\r\n".to_owned(), 1, "\\n alone"),
        ("quorum none\u{7f}".to_owned(), 1, "control character"),
        ("quorum none # nobody".to_owned(), 1, "lines of their own"),
        (format!("{two}group g all a #b"), 3, "defined above"),
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

/// A cosignature of type 0x04 does not cover its signer's name, so one key under two names would sign for both.
#[test]
fn one_public_key_under_two_names_does_not_make_a_quorum_of_two() {
    let [one, two] = ["a", "z"].map(|name| cosigner(name, 1).verifier().to_string());
    let text = format!("witness a {one}\nwitness z {two}\ngroup both all a z\nquorum both\n");
    let refused = text.parse::<Policy>().unwrap_err();
    assert_eq!(refused.line, 2);
    assert!(refused.problem.contains("counts once"), "{refused}");
    let other = SigningKey::from_seed("example.com/other".parse().unwrap(), &[7; 32]);
    let same = SigningKey::from_seed("example.com/same".parse().unwrap(), &[7; 32]);
    let logs = format!(
        "log {}\nlog {}\nquorum none\n",
        other.verifier(),
        same.verifier()
    );
    assert_eq!(logs.parse::<Policy>().unwrap_err().line, 2);
}

#[test]
fn a_hash_sign_within_a_word_is_part_of_it() {
    let [a, ..] = witnesses().map(|key| key.verifier().to_string());
    let text = format!("#\n\t # x\u{85}\nwitness w#1 {a} https://w.example.com/#one\nquorum w#1");
    let policy: Policy = text.parse().unwrap();
    let [witness] = policy.witnesses() else {
        panic!("one witness")
    };
    assert_eq!(witness.name, "w#1");
    assert_eq!(witness.url.as_deref(), Some("https://w.example.com/#one"));
}

#[test]
fn as_many_names_as_the_specification_asks_for_are_taken() {
    let mut text = String::new();
    for n in 0..32u8 {
        let log = SigningKey::from_seed(format!("example.com/{n}").parse().unwrap(), &[n; 32]);
        let witness = cosigner(&format!("w{n}"), n);
        text.push_str(&format!(
            "log {}\nwitness w{n} {}\n",
            log.verifier(),
            witness.verifier()
        ));
        text.push_str(&format!("group g{n} any w{n}\n"));
    }
    text.push_str("quorum g31\n");
    let policy: Policy = text.parse().unwrap();
    assert_eq!((policy.logs().len(), policy.witnesses().len()), (32, 32));
    assert!(policy.is_met_by(|place| place == 31) && !policy.is_met_by(|place| place != 31));
}

#[test]
fn octets_beyond_ascii_stand_in_names_urls_and_comments_utf8_or_not() {
    let [a, b, ..] = witnesses().map(|key| key.verifier().to_string());
    // Latin-1 names that differ in an octet which is shown alike, and a Kelvin sign that is not a K.
    let text = [
        b"# caf\xe9\n".as_slice(),
        format!("witness w\u{212a} {a} https://a.example.com/\u{fc}\n").as_bytes(),
        b"witness \xe9 ",
        b.as_bytes(),
        b" https://b.example.com/\xe9\ngroup \xff all w\xe2\x84\xaa \xe9\nquorum \xff\n",
    ]
    .concat();
    let policy = Policy::parse(&text).unwrap();
    assert!(policy.is_met_by(|_| true) && !policy.is_met_by(|place| place == 1));
    let urls: Vec<_> = policy
        .witnesses()
        .iter()
        .map(|w| w.url.as_deref())
        .collect();
    assert_eq!(
        urls,
        [
            Some("https://a.example.com/\u{fc}"),
            Some("https://b.example.com/%E9")
        ]
    );
    assert_eq!(policy.witnesses()[1].name, "\u{fffd}");
    for (text, line, why) in [
        (b"quorum \xe9".to_vec(), 1, "defined above"),
        (b"\xe9".to_vec(), 1, "begins no statement"),
        (b"log \xe9".to_vec(), 1, "UTF-8 text"),
        (
            [b"witness wK ", a.as_bytes(), b"\nquorum w\xe2\x84\xaa"].concat(),
            2,
            "defined above",
        ),
        (
            [b"witness \xe9 ", a.as_bytes(), b"\nquorum \xe8"].concat(),
            2,
            "defined above",
        ),
    ] {
        let refused = Policy::parse(&text).unwrap_err();
        assert_eq!(refused.line, line, "{refused}");
        assert!(refused.problem.contains(why), "{refused}");
    }
}
