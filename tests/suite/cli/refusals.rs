//! What is refused, and that the reason is said once, with the way out.

use std::fs;

use super::{Done, Home, ORIGIN, SOURCE};
use crate::process::{exhibit, init};

#[test]
fn every_command_that_opens_a_newer_data_directory_refuses_it_by_name() {
    let home = tempfile::tempdir().unwrap();
    let ledger = init(home.path(), ORIGIN);
    let dir = ledger.to_str().unwrap();
    let vkey = format!("@{dir}/log.vkey");
    let out = home.path().join("out");
    let out = out.to_str().unwrap();
    fs::write(ledger.join("format"), "exhibit-data/2\n").unwrap();
    let receipt = home.path().join("a.tlog-proof");
    fs::write(&receipt, "c2sp.org/tlog-proof@v1\n").unwrap();
    let receipt = receipt.to_str().unwrap();

    let commands: &[&[&str]] = &[
        &["verify", dir],
        &["verify", dir, "--vkey", &vkey],
        &["verify", receipt, "--against", dir, "--vkey", &vkey],
        &["show", "0", "--dir", dir],
        &["list", "--dir", dir],
        &["export", "--dir", dir, "--out", out],
        &["serve", "--dir", dir, "--listen", "127.0.0.1:0"],
        &["timestamp", "list", "--dir", dir],
        &["timestamp", "query", "--dir", dir, "--out", out],
        &["timestamp", "add", "--dir", dir, receipt],
        &[
            "timestamp",
            "get",
            "--dir",
            dir,
            "--authority",
            "http://127.0.0.1:1",
        ],
        &["key", "add", dir, "--type", "ml-dsa-44"],
        &["key", "show", dir],
        &["config", "show", "--dir", dir],
    ];
    for command in commands {
        let done = Done::of(exhibit().args(*command).output().unwrap());
        let said = format!("{command:?}: {}{}", done.stdout, done.stderr);
        assert_eq!(done.code, 3, "{said}");
        for words in [dir, "exhibit-data/2", "use a newer exhibit", "help:"] {
            assert!(done.stderr.contains(words), "{words:?} not in {said}");
        }
        assert!(!said.contains("VERIFIED"), "{said}");
    }
    fs::write(ledger.join("format"), "nonsense\n").unwrap();
    let verified = exhibit().args(["verify", dir, "--vkey", &vkey]).output();
    Done::of(verified.unwrap()).is(3, &["no layout", "restore it from a copy"]);
}

#[test]
fn a_refusal_of_the_server_is_told_once() {
    let home = Home::new();
    home.deploy_all(&["run-1"]);
    let other = format!("payments@{}", super::DIGEST.replace("ba78", "ba79"));
    let change = |source: &str, id: &str| {
        let arguments = [
            "record",
            "change",
            "--change-id",
            "CHG-1",
            "--class",
            "normal",
        ];
        let more = ["--title", "T", "--author", "github:ada", "--source", source];
        home.run(&[&arguments[..], &more, &["--event-id", id]].concat())
    };
    let refusals = [
        change("no uri", "a").is(3, &["INVALID_FIELD", "correct the fields"]),
        change("no uri", "a\nb").is(
            3,
            &["event.source: is not", "event.event_id: has a control"],
        ),
        change(SOURCE, &"x".repeat(300)).is(3, &["INVALID_FIELD"]),
        home.deploy(&["--event-id", "run-1", "--artifact", &other])
            .is(3, &["EVENT_ID_REUSED", "`exhibit show"]),
        home.run(&["show", "9"])
            .is(3, &["BEYOND_THE_END", "exhibit checkpoint"]),
        home.run(&["list", "--start", "9"])
            .is(3, &["BEYOND_THE_END"]),
        home.run(&["receipt", "9"]).is(3, &["BEYOND_THE_END"]),
        home.run(&["export", "--start", "9", "--out", &home.path("p.zip")])
            .is(3, &["BEYOND_THE_END"]),
        home.run(&["show", "--source", SOURCE, "--event-id", "none"])
            .is(3, &["ENTRY_NOT_FOUND", "exhibit list"]),
    ];
    for refusal in refusals {
        let lines: Vec<&str> = refusal.stderr.lines().collect();
        let text = |line: &str| line.split_once(": ").unwrap().1.to_owned();
        for (at, line) in lines.iter().enumerate() {
            let again = lines.iter().skip(at + 1);
            let again: Vec<_> = again
                .filter(|other| other.contains(&text(line)) || line.contains(&text(other)))
                .collect();
            assert!(
                again.is_empty(),
                "{line:?} and {again:?} in\n{}",
                refusal.stderr
            );
        }
    }
}

#[test]
fn an_empty_ledger_has_nothing_to_export_and_nothing_that_was_verified() {
    let home = Home::new();
    let pack = home.path("pack.zip");
    home.run(&["export", "--out", &pack])
        .is(3, &["the ledger has no entry to export yet"]);
    home.run(&["verify", &home.server.url(), "--vkey", &home.vkey()])
        .is(4, &["there is no entry"]);
}

#[test]
fn a_server_that_can_not_use_its_policy_never_says_that_it_listens() {
    let home = tempfile::tempdir().unwrap();
    let ledger = init(home.path(), ORIGIN);
    let policy = home.path().join("policy");
    fs::write(&policy, "nonsense\n").unwrap();
    let setting = format!("witness.policy={}", policy.display());
    let mut command = exhibit();
    command.args([
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--set",
        &setting,
        "--dir",
    ]);
    let done = Done::of(command.arg(&ledger).output().unwrap());
    assert!(!done.stderr.contains("listening"), "{}", done.stderr);
    done.is(3, &["line 1 of the policy", "nonsense"]);
}

#[test]
fn a_web_server_that_is_no_log_is_told_from_a_ledger() {
    use std::io::{Read as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            // What becomes of the connection is not of interest.
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(
                b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            );
        }
    });
    let home = tempfile::tempdir().unwrap();
    let ledger = init(home.path(), ORIGIN);
    let vkey = format!("@{}/log.vkey", ledger.display());
    let verified = exhibit().args(["verify", &url, "--vkey", &vkey]).output();
    let done = Done::of(verified.unwrap());
    assert!(!done.stderr.contains("event-id"), "{}", done.stderr);
    done.is(3, &["there is no log to read at", "404", "help:"]);
}

#[test]
fn a_journal_that_was_cut_is_shown_with_a_warning_and_vouched_for_by_nothing() {
    let home = Home::new();
    home.deploy_all(&["run-1", "run-2"]);
    let (whole, cut) = (home.ledger.to_str().unwrap(), home.copied("cut"));
    home.deploy_all(&["run-3", "run-4", "run-5"]);
    let published = home.run(&["checkpoint"]).is(0, &[]).stdout;
    fs::write(format!("{cut}/checkpoint"), published).unwrap();
    let verify = format!("help: `exhibit verify {cut}`");
    for command in [&["list"][..], &["show", "1"]] {
        let shown = home.run(&[command, &["--dir", &cut]].concat());
        assert!(shown.stdout.contains("run-2"), "{}", shown.stdout);
        shown.is(
            0,
            &["warning: ENTRIES ARE MISSING", "says 5", "holds 2", &verify],
        );
    }
    let receipt = home.run(&["receipt", "1", "--dir", &cut]);
    assert!(!receipt.stderr.contains("warning"), "{}", receipt.stderr);
    receipt.is(3, &["holds 2 entries"]);
    let whole = home.run(&["list", "--dir", whole]).is(0, &[]);
    assert_eq!(whole.stderr, "");
    fs::remove_file(format!("{cut}/checkpoint")).unwrap();
    home.run(&["list", "--dir", &cut])
        .is(0, &["warning: the data directory has lost", &verify]);
}

#[test]
fn a_range_beyond_the_end_is_refused_alike_by_a_server_and_offline() {
    let home = Home::new();
    home.deploy_all(&["run-1", "run-2"]);
    let (dir, pack) = (home.ledger.to_str().unwrap(), home.path("pack.zip"));
    for place in [&[][..], &["--dir", dir]] {
        let run = |arguments: &[&str]| home.run(&[arguments, place].concat());
        for range in [["--start", "3"], ["--end", "3"]] {
            let listed = run(&[&["list"][..], &range].concat());
            listed.is(
                3,
                &[
                    "the index 3 is beyond the end of the ledger, which has 2 entries",
                    "help:",
                ],
            );
        }
        run(&["list", "--start", "2"]).is(0, &["no entry fits"]);
        for start in ["2", "3"] {
            let export = run(&["export", "--out", &pack, "--start", start]);
            assert!(!export.stderr.contains("end: leaves"), "{}", export.stderr);
            export.is(3, &["2", "help:"]);
        }
        run(&["export", "--out", &pack, "--withhold", "nope"])
            .is(3, &["nope", "help: correct it, or add --allow-unmatched"]);
    }
}
