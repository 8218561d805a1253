//! A key beside the ledger's own: added by hand, used by the server, and enough to verify with.

use std::{fs, path::Path};

use serde_json::Value;

use super::{DIGEST, Done, Home, ORIGIN};
use crate::process::{Server, exhibit, init};

/// Adds the key, with the ledger's server stopped.
fn add(ledger: &Path, more: &[&str]) -> Done {
    let mut command = exhibit();
    command
        .args(["key", "add", ledger.to_str().unwrap()])
        .args(["--type", "ml-dsa-44", "--format", "json"])
        .args(more);
    Done::of(command.output().unwrap())
}

fn json(done: Done) -> Value {
    serde_json::from_str(&done.is(0, &[]).stdout).unwrap()
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap()
}

/// Records a deployment, and keeps its receipt.
fn deploy(home: &Home, id: &str, receipt: &str) {
    let artifact = format!("payments@{DIGEST}");
    home.deploy(&[
        "--event-id",
        id,
        "--artifact",
        &artifact,
        "--receipt",
        receipt,
    ])
    .is(0, &[]);
}

#[test]
fn a_ledger_in_use_gets_no_key() {
    let home = Home::new();
    add(&home.ledger, &[]).is(3, &["stop its server first"]);
    assert!(!home.ledger.join("keys").exists());
}

#[test]
fn a_key_is_added_once_and_its_entry_says_why() {
    let Home {
        dir: _dir,
        ledger,
        server,
    } = Home::new();
    assert!(server.stop().success());
    let given = ["--reason", "for the long term", "--by", "Ada"];
    let added = json(add(&ledger, &given));
    assert_eq!(added["format"], "exhibit-key-added/1");
    assert_eq!(
        (&added["entry"], &added["was_there"]),
        (&0.into(), &false.into())
    );
    // Whatever is said the second time: the first entry stands.
    for again in [&given[..], &[]] {
        let again = json(add(&ledger, again));
        assert_eq!(again["verifier_key"], added["verifier_key"]);
        assert_eq!(
            (&again["entry"], &again["was_there"]),
            (&0.into(), &true.into())
        );
    }
    let secret = ledger.join(format!("keys/{}.key", text(&added, "key_id")));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(&secret).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    assert!(
        fs::read_to_string(&secret)
            .unwrap()
            .starts_with("PRIVATE+KEY+")
    );
    let shown = exhibit()
        .args(["show", "0", "--format", "json", "--dir"])
        .arg(&ledger)
        .output();
    let shown = json(Done::of(shown.unwrap()));
    assert_eq!(shown["event_type"], "ledger.key-added.v1");
    let parts = shown["parts"].to_string();
    for said in ["for the long term", "Ada", text(&added, "verifier_key")] {
        assert!(parts.contains(said), "{said:?} not in {parts}");
    }
    let key = exhibit()
        .args(["key", "show"])
        .arg(&secret)
        .output()
        .unwrap();
    Done::of(key).is(0, &[text(&added, "verifier_key")]);
}

#[test]
fn what_is_recorded_with_two_keys_verifies_with_either_and_with_no_other() {
    let mut home = Home::new();
    let before = home.path("before.tlog-proof");
    deploy(&home, "run-1", &before);
    let own = home.vkey();
    // Only one server may have the ledger; the home needs one meanwhile.
    let elsewhere = tempfile::tempdir().unwrap();
    let meanwhile = Server::start(&init(elsewhere.path(), "other.example"));
    let stopped = std::mem::replace(&mut home.server, meanwhile);
    assert!(stopped.stop().success());
    let added = json(add(&home.ledger, &[]));
    let second = text(&added, "verifier_key").to_owned();
    let introduction = text(&added, "receipt").to_owned();
    home.server = Server::start(&home.ledger);

    let after = home.path("after.tlog-proof");
    deploy(&home, "run-2", &after);
    let pack = home.path("pack.zip");
    home.run(&["export", "--out", &pack]).is(0, &[]);
    let dir = home.ledger.to_str().unwrap().to_owned();
    let url = home.server.url();
    for key in [&own, &second] {
        for target in [&pack, &dir, &url, &after, &introduction] {
            home.run(&["verify", target, "--vkey", key]).is(0, &[]);
        }
        let report = home.json(&["verify", &pack, "--vkey", key]);
        let not_checked = report["not_checked"].to_string();
        assert_eq!(not_checked.contains("nobody vouched"), *key == second);
        home.run(&["checkpoint", "--vkey", key]).is(0, &[ORIGIN]);
    }
    // A receipt of before has no second signature, and says so.
    home.run(&["verify", &before, "--vkey", &own]).is(0, &[]);
    home.run(&["verify", &before, "--vkey", &second])
        .is(1, &["not signed by"]);
    // The first answer to an event stays its answer.
    let again = home.path("again.tlog-proof");
    deploy(&home, "run-1", &again);
    assert_eq!(fs::read(&again).unwrap(), fs::read(&before).unwrap());

    // The same key id and name with another key's signature: one changed byte is enough.
    let receipt = fs::read_to_string(&after).unwrap();
    let line = receipt.lines().last().unwrap();
    assert!(
        line.len() > 3000,
        "an ML-DSA signature has 2420 bytes: {line}"
    );
    let at = receipt.len() - 100;
    let other = if &receipt[at..=at] == "A" { "B" } else { "A" };
    let forged = home.path("forged.tlog-proof");
    fs::write(
        &forged,
        [&receipt[..at], other, &receipt[at + 1..]].concat(),
    )
    .unwrap();
    home.run(&["verify", &forged, "--vkey", &second])
        .is(1, &["does not verify"]);
}
