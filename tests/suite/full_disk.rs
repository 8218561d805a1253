//! Disks that are full or can't be written, as real file systems: a small one in memory, mounted for the test alone.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::process::{Server, exhibit, init, run, run_ok};

const ORIGIN: &str = "audit.example.com/full";
/// Bytes of the file system, and of an event: it holds a few of them.
const DISK: &str = "size=6m";
const EVENT_BYTES: usize = 900_000;

/// A file system of its own, unmounted when dropped.
struct SmallDisk {
    root: tempfile::TempDir,
}

impl SmallDisk {
    /// Mounts one; `None` where this is not allowed, or not Linux.
    fn mount() -> Option<Self> {
        let root = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", DISK, "tmpfs"])
            .arg(root.path())
            .output();
        let disk = Self { root };
        match mounted {
            Ok(output) if output.status.success() => Some(disk),
            Ok(output) => {
                let why = String::from_utf8_lossy(&output.stderr);
                println!("skipped: a tmpfs can't be mounted: {}", why.trim());
                None
            }
            Err(error) => {
                println!("skipped: a tmpfs can't be mounted: {error}");
                None
            }
        }
    }

    fn path(&self) -> &Path {
        self.root.path()
    }

    fn remount(&self, options: &str) {
        let status = Command::new("mount")
            .args(["-o", options])
            .arg(self.path())
            .status();
        assert!(status.unwrap().success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily, as a server may still be closing its files.
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

/// JSON that does not compress to much less than it is.
fn large_event(file: &Path, number: usize) {
    let mut text = String::new();
    while text.len() < EVENT_BYTES {
        let hash =
            exhibit::ledger::hash::FileHash::of(format!("{number} {}", text.len()).as_bytes());
        text.push_str(&hash.to_string());
    }
    fs::write(file, format!("{{\"x\":\"{text}\"}}")).unwrap();
}

/// Records an event; gives the exit code and what was said.
fn record(server: &str, json: &Path, id: &str) -> (i32, String) {
    let output = run(&[
        "record",
        "event",
        "--server",
        server,
        "--source",
        "ci:full",
        "--type",
        "com.example.large",
        "--event-id",
        id,
        "--json",
        json.to_str().unwrap(),
    ]);
    let said = String::from_utf8(output.stderr).unwrap();
    (output.status.code().unwrap(), said)
}

fn verify(directory: &Path) -> serde_json::Value {
    let vkey = format!("@{}", directory.join("log.vkey").display());
    let directory = directory.to_str().unwrap();
    let report = run_ok(&["verify", directory, "--vkey", &vkey, "--format", "json"]);
    serde_json::from_str(&report).unwrap()
}

#[test]
fn on_a_full_disk_what_was_acknowledged_stands_and_the_ledger_goes_on_once_there_is_room() {
    let Some(disk) = SmallDisk::mount() else {
        return;
    };
    let elsewhere = tempfile::tempdir().unwrap();
    let json = elsewhere.path().join("event.json");
    let ballast = disk.path().join("ballast");
    fs::write(&ballast, vec![0; 2_500_000]).unwrap();
    let ledger = init(disk.path(), ORIGIN);
    let server = Server::start(&ledger);
    let mut acknowledged = 0u64;
    let refused = loop {
        large_event(&json, acknowledged as usize);
        match record(&server.url(), &json, &acknowledged.to_string()) {
            (0, _) => acknowledged += 1,
            (code, said) => break (code, said),
        }
        assert!(acknowledged < 20, "the disk never fills");
    };
    let (code, said) = refused;
    assert_eq!(code, 3, "{said}");
    assert!(acknowledged > 0);
    for told in [
        "No space left",
        "restart",
        "send it again with the same --event-id",
    ] {
        assert!(said.contains(told), "{said}");
    }
    // The ledger takes nothing more, and says that it is stopped and what to do.
    fs::write(&json, "{}").unwrap();
    let (code, said) = record(&server.url(), &json, "small");
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("restart"), "{said}");
    assert_eq!(verify(&ledger)["counts"]["entries"], acknowledged);
    assert_eq!(server.stop().code(), Some(3));

    fs::remove_file(&ballast).unwrap();
    let server = Server::start(&ledger);
    let (code, said) = record(&server.url(), &json, "small");
    assert_eq!(code, 0, "{said}");
    large_event(&json, acknowledged as usize);
    let (code, said) = record(&server.url(), &json, &acknowledged.to_string());
    assert_eq!(code, 0, "{said}");
    assert_eq!(server.stop().code(), Some(0));
    let report = verify(&ledger);
    assert_eq!(report["verdict"], "verified");
    // The one that was refused may have reached the disk before it was full; sent again, it is there once.
    assert_eq!(report["counts"]["entries"], acknowledged + 2);
}

/// A ledger on the disk with one event, and on another an event's content.
fn with_one_event(disk: &SmallDisk) -> (tempfile::TempDir, PathBuf, PathBuf) {
    let elsewhere = tempfile::tempdir().unwrap();
    let json = elsewhere.path().join("event.json");
    fs::write(&json, "{}").unwrap();
    let ledger = init(disk.path(), ORIGIN);
    let server = Server::start(&ledger);
    assert_eq!(record(&server.url(), &json, "1").0, 0);
    assert_eq!(server.stop().code(), Some(0));
    (elsewhere, json, ledger)
}

#[test]
fn a_read_only_data_directory_is_not_served_and_verifies() {
    let Some(disk) = SmallDisk::mount() else {
        return;
    };
    let (elsewhere, json, ledger) = with_one_event(&disk);

    disk.remount("remount,ro");
    let directory = ledger.to_str().unwrap();
    let mut command = exhibit();
    command.args(["serve", "--listen", "127.0.0.1:0", "--dir", directory]);
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.to_lowercase().contains("read-only"), "{said}");
    assert!(said.contains("help:"), "{said}");
    let out = disk.path().join("pack.zip");
    let output = run(&["export", "--dir", directory, "--out", out.to_str().unwrap()]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("help: the file system can't be written"),
        "{said}"
    );
    let report = verify(&ledger);
    assert_eq!(report["verdict"], "verified");
    assert_eq!(report["counts"]["entries"], 1);
    let pack = elsewhere.path().join("pack.zip");
    run_ok(&[
        "export",
        "--dir",
        directory,
        "--out",
        pack.to_str().unwrap(),
    ]);

    disk.remount("remount,rw");
    let server = Server::start(&ledger);
    assert_eq!(record(&server.url(), &json, "2").0, 0);
    assert_eq!(server.stop().code(), Some(0));
    assert_eq!(verify(&ledger)["counts"]["entries"], 2);
}

#[test]
fn a_server_that_starts_on_a_full_disk_says_so_and_nothing_of_damage() {
    let Some(disk) = SmallDisk::mount() else {
        return;
    };
    let (_elsewhere, json, ledger) = with_one_event(&disk);
    fs::remove_dir_all(ledger.join("index")).unwrap();
    let ballast = disk.path().join("ballast");
    // It is written as far as there is room.
    let _ = fs::write(&ballast, vec![0; 8 << 20]);

    let directory = ledger.to_str().unwrap();
    let mut command = exhibit();
    command.args(["serve", "--listen", "127.0.0.1:0", "--dir", directory]);
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert_eq!(said.matches("No space left").count(), 1, "{said}");
    assert!(said.contains("help: make room on the disk"), "{said}");
    assert!(
        !said.contains("damage") && !said.contains("rebuil"),
        "{said}"
    );

    let at = |name: &str| disk.path().join(name).to_str().unwrap().to_owned();
    let made = [
        vec!["export", "--dir", directory, "--out"],
        vec!["receipt", "0", "--dir", directory, "--receipt"],
        vec!["key", "generate", "--name", "a.example", "--out"],
        vec!["man", "--dir"],
        vec!["init", "--origin", "a.example"],
    ];
    for mut arguments in made {
        let out = at(arguments[0]);
        arguments.push(&out);
        let output = run(&arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(3), "{arguments:?}: {said}");
        assert!(said.contains("help: make room"), "{arguments:?}: {said}");
    }

    fs::remove_file(&ballast).unwrap();
    let server = Server::start(&ledger);
    assert_eq!(record(&server.url(), &json, "2").0, 0);
    assert_eq!(server.stop().code(), Some(0));
}
