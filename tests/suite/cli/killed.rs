//! Changes of a ledger's key, killed at every operation that makes something durable: run again, each is whole.

use std::{os::unix::process::ExitStatusExt as _, process::Command};

use serde_json::Value;

use super::{histories::Histories, rotation::Ledger};

/// What the program asks of the disk so that something lasts.
const LASTING: &str = "fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat";
const KILL: i32 = 9;

/// Runs a change of the key that is killed at the n-th of these operations of a thread; whether it was.
fn killed(ledger: &Histories, name: &str, change: &str, n: usize) -> bool {
    let mut command = Command::new("strace");
    command
        .args(["-f", "-o", "/dev/null", "-e", &format!("trace={LASTING}")])
        .args(["-e", &format!("inject={LASTING}:signal=KILL:when={n}")])
        .arg(env!("CARGO_BIN_EXE_exhibit"))
        .args(["key", change, &ledger.text(name), "--reason", "as planned"]);
    let status = command.output().unwrap().status;
    let killed = status.signal() == Some(KILL) || status.code() == Some(128 + KILL);
    assert!(killed || status.success(), "{change}, {n}: {status}");
    killed
}

/// How many keys a verification by the first key comes to, and of how many entries.
fn verified(ledger: &Histories, name: &str) -> (usize, Value) {
    let dir = ledger.text(name);
    let arguments = [
        "verify",
        &dir,
        "--vkey",
        &ledger.vkey,
        "--no-pins",
        "--format",
        "json",
    ];
    let report = ledger.run(&arguments).is(0, &[]);
    let report: Value = serde_json::from_str(&report.stdout).unwrap();
    (
        report["keys"].as_array().unwrap().len(),
        report["size"].clone(),
    )
}

#[test]
fn a_change_of_keys_that_is_killed_anywhere_is_finished_by_the_same_command() {
    if Command::new("strace").arg("-V").output().is_err() {
        println!("skipped: strace is not installed, so no change of keys was killed");
        return;
    }
    let Ledger(ledger) = Ledger::begin();
    ledger.copy("ledger", "rotated");
    let reason = ["--reason", "as planned"];
    let again = |name: &str, change: &str| {
        let dir = ledger.text(name);
        ledger.run(&[&["key", change, &dir][..], &reason].concat())
    };
    again("rotated", "rotate").is(0, &[]);
    for (from, change, size, was_made) in [
        ("ledger", "rotate", 3, "is not retired yet"),
        ("rotated", "retire", 4, "has no successor"),
    ] {
        let mut kills = 0;
        for n in 1.. {
            let name = format!("{change}-{n}");
            ledger.copy(from, &name);
            if !killed(&ledger, &name, change, n) {
                break;
            }
            kills += 1;
            let done = again(&name, change);
            // All of it was there but that the last name lasts: then it was made, and the next would be another.
            assert!(
                done.code == 0 || done.stderr.contains(was_made),
                "{name}: {}",
                done.stderr
            );
            assert_eq!(verified(&ledger, &name), (2, size.into()), "{name}");
            let pending = ledger.path(&name).join("keys/pending");
            assert!(!pending.exists(), "{name}");
        }
        assert!(kills > 8, "{change} was killed {kills} times");
    }
}
