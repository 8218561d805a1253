//! What the verifier remembers, and kept receipts against later states.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use super::{
    ORIGIN,
    histories::{Histories, record_at},
};
use crate::process::{Server, init};

#[test]
fn rollback_fork_truncation_changed_key_and_recreated_log_are_told_apart() {
    let all = Histories::begin();
    all.copy("ledger", "old");
    all.copy("ledger", "forked");
    all.copy("empty", "anew");
    all.record("ledger", &["c", "d"]);
    all.record("forked", &["x", "y", "z"]);
    all.record("anew", &["q", "r", "s", "t", "u"]);
    all.copy("old", "cut");
    fs::copy(all.path("ledger/checkpoint"), all.path("cut/checkpoint")).unwrap();
    let other = tempfile::tempdir().unwrap();
    let other_key = init(other.path(), ORIGIN);
    let server = Server::start(&other_key);
    record_at(&server.url(), &["a", "b", "c", "d"]);
    server.stop();

    let verify = |target: &str| all.run(&["verify", &all.text(target), "--vkey", &all.vkey]);
    verify("ledger").is(0, &["VERIFIED"]);
    let remembered = all
        .run(&["pins", "list"])
        .is(0, &[ORIGIN, "4 entries", &all.vkey]);
    for (target, kind, not) in [
        ("old", "rolled_back", "forked"),
        ("forked", "forked", "recreated"),
        ("anew", "recreated", "forked"),
        ("cut", "missing_entries", "forked"),
    ] {
        let done = verify(target).is(1, &["DOES NOT VERIFY", kind, "advice"]);
        assert!(!done.stdout.contains(not), "{}", done.stdout);
    }
    let other_key = other_key.to_str().unwrap();
    let done = all
        .run(&["verify", other_key])
        .is(1, &["key_changed", "checkpoint_untrusted"]);
    assert!(done.stderr.contains("has changed"));
    // Who vouches for another key still demands the history.
    let new_key = fs::read_to_string(Path::new(other_key).join("log.vkey")).unwrap();
    all.run(&["verify", other_key, "--vkey", new_key.trim()])
        .is(1, &["recreated"]);

    // None of that has moved what is remembered; going on does, and not verifying all of it does not matter.
    let still = all.run(&["pins", "list"]).is(0, &[]);
    assert_eq!(still.stdout, remembered.stdout);
    all.record("ledger", &["e"]);
    verify("ledger").is(0, &["remembered from last time"]);
    all.run(&["pins", "list"]).is(0, &["5 entries"]);

    all.run(&["verify", &all.text("old"), "--vkey", &all.vkey, "--no-pins"])
        .is(0, &["VERIFIED"]);
    let elsewhere = all.text("other-pins.json");
    all.run(&[
        "verify",
        &all.text("old"),
        "--vkey",
        &all.vkey,
        "--pins",
        &elsewhere,
    ])
    .is(0, &["VERIFIED"]);
    all.run(&["pins", "forget", ORIGIN]).is(0, &["forgotten"]);
    all.run(&["pins", "forget", ORIGIN])
        .is(3, &["is not remembered", "help:"]);
    verify("anew").is(0, &["VERIFIED"]);
}

#[test]
fn damaged_memory_stops_a_verification_and_is_not_overwritten() {
    let all = Histories::begin();
    let pins = all.text("pins.json");
    fs::write(&pins, "{}").unwrap();
    let ledger = all.text("ledger");
    let arguments = ["verify", &ledger, "--vkey", &all.vkey, "--pins", &pins];
    all.run(&arguments).is(3, &["is damaged", "help:"]);
    assert_eq!(fs::read_to_string(&pins).unwrap(), "{}");
}

/// Serves a directory as it is, with Python's own server; `None` where there is no Python.
struct Static {
    child: Child,
    url: String,
}

impl Static {
    fn serve(directory: &Path) -> Option<Self> {
        let mut child = Command::new("python3")
            .args([
                "-u",
                "-m",
                "http.server",
                "0",
                "--bind",
                "127.0.0.1",
                "--directory",
            ])
            .arg(directory)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take()?)
            .read_line(&mut line)
            .ok()?;
        let port = line.split(" port ").nth(1)?.split(' ').next()?;
        let url = format!("http://127.0.0.1:{port}");
        Some(Self { child, url })
    }
}

impl Drop for Static {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn unpack(pack: &Path, to: &Path) {
    let mut archive = zip::ZipArchive::new(fs::File::open(pack).unwrap()).unwrap();
    archive.extract(to).unwrap();
}

#[test]
fn a_kept_receipt_is_checked_against_any_later_state() {
    let all = Histories::begin();
    all.copy("ledger", "forked");
    all.copy("ledger", "old");
    let server = Server::start(&all.path("ledger"));
    record_at(&server.url(), &["c"]);
    let receipt = all.text("kept.tlog-proof");
    let asked = [
        "receipt",
        "2",
        "--receipt",
        &receipt,
        "--server",
        &server.url(),
    ];
    all.run(&asked).is(0, &[]);
    let ids: Vec<String> = (0..300).map(|number| format!("more-{number}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    record_at(&server.url(), &ids[..260]);
    let (whole, part) = (all.text("whole.zip"), all.text("part.zip"));
    let export = ["export", "--server", &server.url(), "--out"];
    all.run(&[&export[..], &[&whole]].concat()).is(0, &[]);
    all.run(&[&export[..], &[&part, "--start", "260"]].concat())
        .is(0, &[]);
    unpack(Path::new(&whole), &all.path("unpacked"));
    all.record("forked", &["x", "y"]);

    let against = |later: &str| {
        let arguments = ["verify", &receipt, "--against", later, "--vkey", &all.vkey];
        all.run(&arguments)
    };
    let proven = [
        "entry 2 stands in the later tree",
        "is the beginning of the later one of 263",
    ];
    for later in [whole.as_str(), &all.text("unpacked"), &server.url()] {
        against(later).is(0, &["VERIFIED"]).is(0, &proven);
    }
    against(&part).is(4, &["the tiles that would prove it are not here"]);
    against(&all.text("forked")).is(1, &["forked"]);
    against(&all.text("old")).is(1, &["rolled_back"]);
    against(&receipt).is(2, &["help:"]);
    against("http://127.0.0.1:1").is(3, &["nobody answers at"]);

    let ledger = all.text("ledger");
    let spelled = ["verify", "receipt", &receipt, "--vkey", &all.vkey];
    all.run(&spelled).is(0, &["VERIFIED  receipt"]);
    all.run(&["verify", "receipt", &whole, "--vkey", &all.vkey])
        .is(1, &["receipt_invalid"]);
    all.run(&["verify", "pack", &whole, "--vkey", &all.vkey])
        .is(2, &["help:"]);
    let expected = [
        "verify",
        &receipt,
        "--against",
        &whole,
        "--vkey",
        &all.vkey,
        "--expect-full",
    ];
    all.run(&expected)
        .is(2, &["about one entry", "--expect-full"]);
    all.run(&["verify", &ledger, "--against", &whole, "--vkey", &all.vkey])
        .is(2, &["only a receipt"]);
    server.stop();
    against(&ledger).is(0, &["VERIFIED"]);

    // Over HTTP and gRPC, servers of other histories.
    for (history, kind) in [("forked", "forked"), ("old", "rolled_back")] {
        let server = Server::start(&all.path(history));
        against(&server.url()).is(1, &[kind]);
        server.stop();
    }
}

#[test]
fn an_unpacked_pack_on_any_web_server_is_a_log_that_verifies() {
    let all = Histories::begin();
    let server = Server::start(&all.path("ledger"));
    let ids: Vec<String> = (0..258).map(|number| format!("more-{number}")).collect();
    record_at(
        &server.url(),
        &ids.iter().map(String::as_str).collect::<Vec<_>>(),
    );
    let (pack, receipt) = (all.text("pack.zip"), all.text("kept.tlog-proof"));
    all.run(&["export", "--out", &pack, "--server", &server.url()])
        .is(0, &[]);
    all.run(&[
        "receipt",
        "7",
        "--receipt",
        &receipt,
        "--server",
        &server.url(),
    ])
    .is(0, &[]);
    server.stop();

    fs::create_dir(all.path("site")).unwrap();
    unpack(Path::new(&pack), &all.path("site/ledger"));
    let Some(site) = Static::serve(&all.path("site")) else {
        println!("skipped: no python3 to serve files with");
        return;
    };
    let url = format!("{}/ledger", site.url);
    let verify = |more: &[&str]| all.run(&[&["verify", &url, "--vkey", &all.vkey], more].concat());
    verify(&[]).is(4, &["INCOMPLETE  log", "260 entries: form", "the payloads"]);
    verify(&["--receipt", &receipt]).is(4, &["the entry still stands there"]);
    all.run(&["verify", &receipt, "--against", &url, "--vkey", &all.vkey])
        .is(0, &["VERIFIED"]);
    // At the root of a site that speaks no gRPC.
    let Some(root) = Static::serve(&all.path("site/ledger")) else {
        return;
    };
    all.run(&["verify", &root.url, "--vkey", &all.vkey])
        .is(4, &["speaks no gRPC", "INCOMPLETE  log"]);

    let bundle = all.path("site/ledger/tile/entries/000");
    let mut bytes = fs::read(&bundle).unwrap();
    bytes[40] ^= 1;
    fs::write(&bundle, bytes).unwrap();
    verify(&[]).is(1, &["DOES NOT VERIFY  log"]);
    fs::remove_file(&bundle).unwrap();
    verify(&[]).is(1, &["DOES NOT VERIFY  log"]);
    all.run(&[
        "verify",
        &format!("{}/nowhere", site.url),
        "--vkey",
        &all.vkey,
    ])
    .is(3, &["answers 404", "help:"]);
}
