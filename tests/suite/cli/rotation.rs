//! The ledger's own key over the years: rotated, retired, given up, interrupted.

use std::fs;

use exhibit::{
    ledger::note::{SigningKey, VerifierKey},
    store::directory::DataDirectory,
};
use serde_json::Value;

use super::{Done, histories::Histories, histories::record_at};
use crate::process::Server;

/// A ledger whose key was rotated at size 2, and its helpers.
pub(super) struct Ledger(pub(super) Histories);

impl Ledger {
    pub(super) fn begin() -> Self {
        Self(Histories::begin())
    }

    /// Changes the key of the ledger.
    pub(super) fn key(&self, command: &str, more: &[&str]) -> Done {
        let ledger = self.0.text("ledger");
        let first = ["key", command, &ledger, "--reason", "as planned"];
        self.0.run(&[&first[..], more].concat())
    }

    pub(super) fn rotate(&self) -> String {
        self.key("rotate", &["--by", "Ada"]).is(0, &["rotated"]);
        self.vkey()
    }

    /// The verifier key that the data directory names.
    fn vkey(&self) -> String {
        let text = fs::read_to_string(self.0.path("ledger/log.vkey")).unwrap();
        text.trim().to_owned()
    }

    pub(super) fn old(&self) -> &str {
        &self.0.vkey
    }

    fn old_id(&self) -> String {
        let key: VerifierKey = self.old().parse().unwrap();
        key.id().to_string()
    }

    /// Records an event, and keeps its receipt.
    pub(super) fn receipt(&self, id: &str) -> String {
        let server = Server::start(&self.0.path("ledger"));
        record_at(&server.url(), &[id]);
        let file = self.0.text(&format!("{id}.tlog-proof"));
        let size: Value = serde_json::from_str(
            &self
                .0
                .run(&["checkpoint", "--server", &server.url(), "--format", "json"])
                .is(0, &[])
                .stdout,
        )
        .unwrap();
        let last = (size["tree_size"].as_u64().unwrap() - 1).to_string();
        let asked = [
            "receipt",
            &last,
            "--server",
            &server.url(),
            "--receipt",
            &file,
        ];
        self.0.run(&asked).is(0, &[]);
        assert!(server.stop().success());
        file
    }

    pub(super) fn export(&self, name: &str) -> String {
        let (pack, ledger) = (self.0.text(name), self.0.text("ledger"));
        self.0
            .run(&["export", "--dir", &ledger, "--out", &pack])
            .is(0, &[]);
        pack
    }

    /// Verifies, with nothing remembered.
    pub(super) fn verify(&self, target: &str, vkey: &str, more: &[&str]) -> Done {
        let first = ["verify", target, "--vkey", vkey, "--no-pins"];
        self.0.run(&[&first[..], more].concat())
    }

    pub(super) fn secret(&self, vkey: &str) -> SigningKey {
        let directory = DataDirectory::open(&self.0.path("ledger")).unwrap();
        directory.secret_of(&vkey.parse().unwrap()).unwrap()
    }
}

#[test]
fn trust_in_either_key_leads_to_the_other_and_an_old_receipt_stands() {
    let ledger = Ledger::begin();
    let before = ledger.receipt("before");
    let first_pack = ledger.export("first.zip");
    let new = ledger.rotate();
    assert_ne!(new, ledger.old());
    let both = ledger.receipt("both");
    let overlap = ledger.export("overlap.zip");
    ledger
        .key("rotate", &[])
        .is(3, &["is not retired yet", "exhibit key retire"]);
    ledger.key("retire", &[]).is(0, &["destroy it"]);
    // Its secret half is needed for nothing any more.
    fs::remove_file(ledger.0.path("ledger/log.key")).unwrap();
    let after = ledger.receipt("after");
    let pack = ledger.export("after.zip");
    let dir = ledger.0.text("ledger");
    let server = Server::start(&ledger.0.path("ledger"));
    let url = server.url();

    for vkey in [ledger.old(), &new] {
        for target in [&overlap, &pack, &dir, &url, &both] {
            ledger.verify(target, vkey, &[]).is(0, &["VERIFIED"]);
        }
        for receipt in [&before, &both, &after] {
            for later in [&pack, &dir, &url] {
                let more = ["--against", later.as_str()];
                ledger.verify(receipt, vkey, &more).is(0, &["VERIFIED"]);
            }
            ledger
                .verify(&pack, vkey, &["--receipt", receipt])
                .is(0, &["kept receipt"]);
        }
        ledger
            .0
            .run(&["checkpoint", "--server", &url, "--vkey", vkey])
            .is(0, &[]);
        let (state, more) = (
            format!("{}.json", &vkey[vkey.len() - 8..].replace('/', "_")),
            "--once",
        );
        let watched = [
            "monitor",
            &url,
            "--vkey",
            vkey,
            "--state",
            &ledger.0.text(&state),
            more,
        ];
        ledger.0.run(&watched).is(0, &[]);
    }
    ledger
        .verify(&pack, ledger.old(), &[])
        .is(0, &["leads to", &new, "is signed by both"]);
    // A receipt alone does not know of other keys, and says so.
    ledger
        .verify(&before, ledger.old(), &[])
        .is(0, &["whether its key was retired"]);
    ledger
        .verify(&before, &new, &[])
        .is(1, &["not signed by", "--against PACK"]);
    ledger
        .verify(&after, ledger.old(), &[])
        .is(1, &["not signed by"]);
    ledger.verify(&first_pack, ledger.old(), &[]).is(0, &[]);
    let stranger = Histories::begin();
    ledger
        .verify(&pack, &stranger.vkey, &[])
        .is(1, &["checkpoint_untrusted", "key_history_invalid"]);
    assert!(server.stop().success());

    let shown = ledger
        .0
        .run(&["key", "history", &pack, "--format", "json"])
        .is(0, &[]);
    let shown: Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!(shown["own"], new.as_str());
    let spans: Vec<_> = shown["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| [&key["from"], &key["until"]])
        .collect();
    assert_eq!(
        spans,
        [[&Value::from(0), &5.into()], [&3.into(), &Value::Null]]
    );
    ledger
        .0
        .run(&["key", "history", &dir])
        .is(0, &["rotated to", "retired", "as planned"]);
    ledger
        .0
        .run(&["key", "history", &first_pack])
        .is(0, &["always did"]);
}

#[test]
fn what_is_remembered_follows_a_rotation_and_is_no_changed_key() {
    let ledger = Ledger::begin();
    let (dir, first) = (ledger.0.text("ledger"), ledger.export("first.zip"));
    ledger
        .0
        .run(&["verify", &first, "--vkey", ledger.old()])
        .is(0, &[]);
    ledger.0.copy("ledger", "thief");
    let new = ledger.rotate();
    ledger.0.record("ledger", &["more"]);
    ledger.key("retire", &[&ledger.old_id()]).is(0, &[]);
    let pack = ledger.export("pack.zip");
    ledger
        .0
        .run(&["verify", &pack])
        .is(0, &["was rotated", "VERIFIED"]);
    ledger.0.run(&["pins", "list"]).is(0, &[&new]);
    ledger.0.run(&["verify", &dir]).is(0, &["VERIFIED"]);

    // The thief of the old key rotates it to one of their own, and goes on from where the ledger was.
    let thief = ledger.0.text("thief");
    let stolen = ["key", "rotate", &thief, "--reason", "as planned"];
    ledger.0.run(&stolen).is(0, &[]);
    ledger.0.record("thief", &["x", "y", "z"]);
    let forged = ledger
        .0
        .run(&["verify", &thief])
        .is(1, &["key_changed", "key_history_invalid"]);
    assert!(forged.stderr.contains("has changed"), "{}", forged.stderr);
    // Whoever still goes by the old key alone is shown a history that they can't tell from the real one, but for what
    // they have seen of that.
    ledger.verify(&thief, ledger.old(), &[]).is(0, &[]);
    ledger
        .0
        .run(&["verify", &thief, "--vkey", ledger.old()])
        .is(1, &["forked"]);
}

#[test]
fn what_a_compromised_key_signed_stands_as_far_as_a_good_key_vouches_for_it() {
    let ledger = Ledger::begin();
    let early = ledger.receipt("early");
    let late = ledger.receipt("late");
    ledger.0.copy("ledger", "thief");
    ledger
        .key("compromised", &[&ledger.old_id(), "--from-size", "3"])
        .is(3, &["exhibit key rotate"]);
    let new = ledger.rotate();
    let id = ledger.old_id();
    ledger
        .key("compromised", &["ffffffff", "--from-size", "3"])
        .is(3, &["no key with the id"]);
    ledger
        .key("compromised", &[&id, "--from-size", "99"])
        .is(2, &["no tree larger"]);
    ledger
        .key("compromised", &[&id, "--from-size", "3"])
        .is(0, &["compromised", "up to size 3"]);
    ledger
        .key("compromised", &[&id, "--from-size", "2"])
        .is(3, &["given up before"]);
    let after = ledger.receipt("after");
    let (pack, dir) = (ledger.export("pack.zip"), ledger.0.text("ledger"));

    ledger.verify(&pack, &new, &[]).is(0, &["VERIFIED"]);
    ledger
        .verify(&dir, &new, &[])
        .is(0, &["1 batches beyond the point", "by another key"]);
    ledger
        .verify(&early, &new, &["--against", &pack])
        .is(0, &["by the key"]);
    ledger
        .verify(&late, &new, &["--against", &pack])
        .is(0, &["the receipt's own signature", "compromised"]);
    ledger
        .verify(&after, &new, &["--against", &pack])
        .is(0, &[]);
    ledger
        .verify(&late, &new, &["--against", &dir])
        .is(1, &["key_compromised"]);
    // The old key was rotated beyond that point, so it leads no further.
    let refused = ledger
        .verify(&pack, ledger.old(), &[])
        .is(1, &["key_compromised", "may be a thief's"]);
    assert!(
        !refused.stdout.contains("manifest_mismatch"),
        "{}",
        refused.stdout
    );

    // A receipt that the thief made is no proof that the ledger was rewritten.
    ledger.0.record("thief", &["made-up"]);
    let thief = Ledger(Histories {
        home: tempfile::tempdir().unwrap(),
        vkey: ledger.0.vkey.clone(),
    });
    fs::rename(ledger.0.path("thief"), thief.0.path("ledger")).unwrap();
    let forged = thief.receipt("forged");
    let done = ledger.verify(&forged, &new, &["--against", &pack]);
    let done = done.is(1, &["key_compromised", "does not vouch for it"]);
    assert!(!done.stdout.contains("forked"), "{}", done.stdout);
}

#[test]
fn an_interrupted_change_keeps_the_ledger_shut_until_it_is_finished() {
    let ledger = Ledger::begin();
    ledger.0.copy("ledger", "before");
    let new = ledger.rotate();
    let recorded = fs::read_to_string(ledger.0.path("ledger/keys/history")).unwrap();
    let dir = ledger.0.text("ledger");

    // As a kill leaves it behind the entry.
    let pending = ledger.0.path("ledger/keys/pending");
    fs::rename(ledger.0.path("ledger/keys/history"), &pending).unwrap();
    fs::write(
        ledger.0.path("ledger/log.vkey"),
        format!("{}\n", ledger.old()),
    )
    .unwrap();
    // And before it: the journal is the one from before.
    ledger.0.copy("ledger", "early");
    for name in ["journal", "index"] {
        fs::remove_dir_all(ledger.0.path("early").join(name)).unwrap();
        fs::rename(
            ledger.0.path("before").join(name),
            ledger.0.path("early").join(name),
        )
        .unwrap();
    }
    fs::copy(
        ledger.0.path("before/checkpoint"),
        ledger.0.path("early/checkpoint"),
    )
    .unwrap();
    for name in ["ledger", "early"] {
        let dir = ledger.0.text(name);
        let rerun = |command: &str| {
            ledger
                .0
                .run(&["key", command, &dir, "--reason", "another reason"])
        };
        ledger
            .0
            .run(&["serve", "--dir", &dir, "--listen", "127.0.0.1:0"])
            .is(3, &["exhibit key rotate", "again"]);
        ledger
            .0
            .run(&["key", "add", &dir, "--type", "ml-dsa-44"])
            .is(3, &["exhibit key rotate"]);
        rerun("retire").is(3, &["exhibit key rotate"]);
        rerun("rotate").is(0, &["interrupted", &new]);
        let now = fs::read_to_string(ledger.0.path(name).join("keys/history")).unwrap();
        assert_eq!(now, recorded, "{name}");
        assert!(!ledger.0.path(name).join("keys/pending").exists());
        let report = ledger
            .verify(&dir, ledger.old(), &["--format", "json"])
            .is(0, &[]);
        let report: Value = serde_json::from_str(&report.stdout).unwrap();
        assert_eq!(
            (&report["size"], &report["keys"][1]["trusted"]),
            (&3.into(), &true.into())
        );
    }

    // Behind the history: the rest is made up for.
    fs::write(&pending, &recorded).unwrap();
    ledger.key("rotate", &[]).is(0, &["interrupted", &new]);
    ledger.verify(&dir, &new, &[]).is(0, &["all 3"]);
}

#[test]
fn a_key_beside_the_ledgers_own_outlasts_a_rotation_and_is_not_rotated() {
    let ledger = Ledger::begin();
    let dir = ledger.0.text("ledger");
    let before = fs::read(ledger.0.path("ledger/checkpoint")).unwrap();
    let added = [
        "key",
        "add",
        &dir,
        "--type",
        "ml-dsa-44",
        "--format",
        "json",
    ];
    let added: Value = serde_json::from_str(&ledger.0.run(&added).is(0, &[]).stdout).unwrap();
    let (beside, id) = (
        added["verifier_key"].as_str().unwrap(),
        added["key_id"].as_str().unwrap(),
    );
    ledger.rotate();
    ledger
        .key("retire", &[id])
        .is(3, &["signs beside the ledger's own", "take keys/"]);
    ledger.key("retire", &[]).is(0, &[]);
    let pack = ledger.export("pack.zip");
    ledger
        .verify(&pack, beside, &[])
        .is(0, &["signs beside them"]);
    ledger.verify(&dir, beside, &[]).is(0, &[]);
    // What was witnessed before the key was there accuses nobody.
    fs::write(ledger.0.path("ledger/witnessed"), before).unwrap();
    let says = ["witnessed: no key vouches for it"];
    ledger.verify(&dir, beside, &[]).is(0, &says);
}

#[test]
fn nobody_posts_what_only_the_ledger_says_of_its_keys() {
    let ledger = Ledger::begin();
    let server = Server::start(&ledger.0.path("ledger"));
    let json = ledger.0.text("event.json");
    fs::write(&json, "{}").unwrap();
    for (kind, source, field) in [
        (
            "ledger.key-rotated.v1",
            "https://ci.example.com",
            "custom.type",
        ),
        (
            "ledger.key-added.v1",
            "https://ci.example.com",
            "custom.type",
        ),
        ("com.example.x", "exhibit:keys", "source"),
    ] {
        let url = server.url();
        let posted = [
            "record", "event", "--type", kind, "--source", source, "--json", &json, "--server",
            &url,
        ];
        ledger.0.run(&posted).is(3, &[field, "is reserved"]);
    }
    assert!(server.stop().success());
}
