//! Reading, exporting and verifying: what holds, what does not, and which key is trusted.

use std::{fs, path::Path, process::Stdio};

use exhibit::{
    ledger::hash::FileHash,
    pack::manifest::{FileDigest, Manifest},
    store::journal::JournalReader,
};
use serde_json::Value;

use super::{DIGEST, Done, Home, ORIGIN, SOURCE, lines};
use crate::process::{Server, exhibit, init};

#[test]
fn what_is_recorded_can_be_read_proven_exported_and_verified() {
    let home = Home::new();
    let (receipt, pack, vkey) = (home.path("receipt"), home.path("pack.zip"), home.vkey());
    let artifact = format!("payments@{DIGEST},version=1.4.2");
    home.deploy(&[
        "--event-id",
        "run-7",
        "--artifact",
        &artifact,
        "--receipt",
        &receipt,
        "--vkey",
        &vkey,
        "--deployer-kind",
        "bot",
        "--comment",
        "as planned",
        "--occurred-at",
        "2026-11-22T09:30:00+01:00",
    ])
    .is(0, &["recorded", "run-7", "tree size    1"]);
    home.deploy_all(&["run-8", "run-9"]);

    let entry = home.json(&["show", "--source", SOURCE, "--event-id", "run-7"]);
    assert_eq!(entry["format"], "exhibit-entry/1");
    assert_eq!(entry["subject"], "service/payments@production");
    assert_eq!(entry["occurred_at"], "2026-11-22T08:30:00.000000000Z");
    assert_eq!(entry["parts"][1]["content"], "as planned");
    let body = home.run(&["show", "0", "--part", "body"]).is(0, &[]);
    let body: Value = serde_json::from_str(&body.stdout).unwrap();
    assert_eq!(body["artifacts"][0]["version"], "1.4.2");

    let listed = home.run(&["list", "--format", "json", "--start", "1", "--limit", "1"]);
    let listed: Vec<Value> = lines(&listed.stdout);
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["event_id"], "run-8");
    let dir = home.ledger.to_str().unwrap();
    let on_disk = home
        .run(&["list", "--format", "json", "--dir", dir])
        .is(0, &[]);
    let served = home.run(&["list", "--format", "json"]).is(0, &[]);
    assert_eq!(on_disk.stdout, served.stdout);
    let events = ["--source", SOURCE, "--event-id", "run-9"];
    let one = home.json(&[&["show", "--dir", dir], &events[..]].concat());
    assert_eq!(one["index"], 2);

    let checkpoint = home.run(&["checkpoint", "--vkey", &vkey]).is(0, &[ORIGIN]);
    fs::write(home.path("checkpoint"), checkpoint.stdout).unwrap();
    home.run(&["export", "--out", &pack]).is(0, &["exported"]);
    let local = home.path("local.zip");
    home.run(&["export", "--dir", dir, "--out", &local])
        .is(0, &["exported"]);
    assert_eq!(fs::read(&pack).unwrap(), fs::read(&local).unwrap());

    let kept = home.path("checkpoint");
    let url = home.server.url();
    for target in [pack.as_str(), dir, &url] {
        let arguments = [
            "verify",
            target,
            "--vkey",
            &vkey,
            "--receipt",
            &receipt,
            "--checkpoint",
            &kept,
        ];
        let report = home.json(&arguments);
        assert_eq!(report["format"], "exhibit-report/1");
        assert_eq!(report["verdict"], "verified");
        assert_eq!(report["counts"]["entries"], 3);
        assert_eq!(report["more"]["receipts"], 1);
        assert_eq!(report["more"]["trusted_checkpoints"], 1);
        assert_eq!(report["path"], target);
    }
    home.run(&["verify", &receipt, "--vkey", &vkey])
        .is(0, &["VERIFIED  receipt"]);
    assert_eq!(home.server.stop().code(), Some(0));
}

#[test]
fn a_range_of_a_data_directory_is_exported_as_by_the_server() {
    let home = Home::new();
    let json = home.path("event.json");
    fs::write(&json, "{}").unwrap();
    for number in 0..300 {
        let id = number.to_string();
        let event = [
            "record",
            "event",
            "--type",
            "com.example.tick",
            "--source",
            SOURCE,
        ];
        home.run(&[&event[..], &["--event-id", &id, "--json", &json]].concat())
            .is(0, &[]);
    }
    let (served, local) = (home.path("served.zip"), home.path("local.zip"));
    let range = ["--start", "270", "--end", "280"];
    let dir = home.ledger.to_str().unwrap();
    home.run(&[&["export", "--out", &served], &range[..]].concat())
        .is(0, &[]);
    home.run(&[&["export", "--dir", dir, "--out", &local], &range[..]].concat())
        .is(0, &[]);
    assert_eq!(fs::read(&served).unwrap(), fs::read(&local).unwrap());
    let part = ["a part of the ledger, not all of it", "256 to 299, of 300"];
    for (more, code) in [
        (&[][..], 0),
        (&["--range", "270..280"], 0),
        (&["--range", "200..280"], 4),
        (&["--range", "270..301"], 4),
        (&["--expect-full"], 4),
    ] {
        let verify = ["verify", &local, "--vkey", &home.vkey()];
        let done = home.run(&[&verify[..], more].concat());
        let said = if code == 0 {
            &part[..]
        } else {
            &["INCOMPLETE", "were asked for, and 256 to 300 are here"]
        };
        done.is(code, said);
    }
    let whole = home.path("whole.zip");
    home.run(&["export", "--out", &whole]).is(0, &[]);
    let verify = ["verify", &whole, "--vkey", &home.vkey(), "--expect-full"];
    let done = home.run(&verify).is(0, &["VERIFIED", "all 300"]);
    assert!(!done.stdout.contains("a part of"));
}

#[test]
fn a_journal_that_ends_within_a_batch_is_torn_or_a_write_that_was_cut_short() {
    let home = Home::new();
    let vkey = home.vkey();
    home.deploy_all(&["run-1", "run-2"]);
    let Home {
        dir,
        ledger,
        server,
    } = home;
    assert_eq!(server.stop().code(), Some(0));
    let segment = fs::read_dir(ledger.join("journal")).unwrap();
    let segment = segment.map(|file| file.unwrap().path());
    let segment = segment.filter(|path| path.extension().is_some_and(|e| e == "seg"));
    let segment = segment.max().unwrap();
    let bytes = fs::read(&segment).unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    fs::write(&segment, &bytes[..end - 7]).unwrap();
    let arguments = ["verify", ledger.to_str().unwrap(), "--vkey", &vkey];
    let verify = || Done::of(exhibit().args(arguments).output().unwrap());
    verify().is(
        1,
        &[
            "journal_torn",
            "2 entries, as the published checkpoint says",
        ],
    );
    // Nothing is made of it that would vouch for the rest as if it were all.
    let pack = dir.path().join("cut.zip");
    let export = ["export", "--out", pack.to_str().unwrap(), "--dir"];
    let offline =
        |arguments: &[&str]| Done::of(exhibit().args(arguments).arg(&ledger).output().unwrap());
    for vouching in [
        &export[..],
        &["receipt", "0", "--dir"],
        &["checkpoint", "--dir"],
    ] {
        offline(vouching).is(3, &["less than the 2 of the last signed checkpoint"]);
    }
    assert!(!pack.exists());
    offline(&["show", "0", "--dir"]).is(0, &["run-1"]);
    // Without a published checkpoint that says otherwise, nobody was told of the second entry; but whether is not known.
    fs::remove_file(ledger.join("checkpoint")).unwrap();
    verify().is(
        4,
        &[
            "INCOMPLETE",
            "a write was cut short",
            "the published checkpoint is missing",
        ],
    );
    // Cut cleanly, between the two batches, it would look whole.
    let reader = JournalReader::open(&ledger).unwrap();
    let torn = reader.torn().unwrap().offset;
    fs::write(&segment, &bytes[..usize::try_from(torn).unwrap()]).unwrap();
    verify().is(4, &["INCOMPLETE", "the published checkpoint is missing"]);
    offline(&export).is(0, &["has lost its `checkpoint`", "1 entry"]);
    let serve = ["serve", "--listen", "127.0.0.1:0", "--dir"];
    let refused = Done::of(exhibit().args(serve).arg(&ledger).output().unwrap());
    refused.is(3, &["checkpoint is missing", "newest audit pack"]);
}

#[test]
fn a_journal_and_its_checkpoint_from_before_what_was_witnessed_are_noticed() {
    let home = Home::new();
    home.deploy_all(&["run-1", "run-2"]);
    let old = home.copied("old");
    let (checkpoint, witnessed) = (format!("{old}/checkpoint"), format!("{old}/witnessed"));
    let before = fs::read(&checkpoint).unwrap();
    home.deploy_all(&["run-3"]);
    let later = home.run(&["checkpoint"]).is(0, &[]).stdout;
    let verify = ["verify", &old, "--vkey", &home.vkey(), "--no-pins"];
    home.run(&verify).is(0, &["VERIFIED", "all 2"]);
    fs::write(&witnessed, &later).unwrap();
    let said = [
        "missing_entries",
        "3 entries, as the witnessed checkpoint says",
        "1 thing is wrong",
    ];
    home.run(&verify).is(1, &said);
    fs::write(&witnessed, later.trim_end()).unwrap();
    home.run(&verify).is(1, &["in witnessed"]);
    // Whoever signed it is nobody that is trusted here.
    fs::write(&witnessed, later.replace("\n3\n", "\n4\n")).unwrap();
    home.run(&verify)
        .is(0, &["VERIFIED", "witnessed: no key vouches for it"]);
    fs::write(&witnessed, &later).unwrap();
    fs::remove_file(&checkpoint).unwrap();
    home.run(&verify)
        .is(1, &["3 entries, as the witnessed checkpoint says"]);
    fs::write(&checkpoint, &later).unwrap();
    home.run(&verify).is(
        1,
        &[
            "3 entries, as the published checkpoint says",
            "1 thing is wrong",
        ],
    );
    fs::write(&checkpoint, &before).unwrap();
    fs::write(&witnessed, &before).unwrap();
    home.run(&verify).is(0, &["VERIFIED", "all 2"]);
}

#[test]
fn a_data_directory_that_lost_a_part_is_told_from_something_else() {
    let home = Home::new();
    home.deploy_all(&["run-1", "run-2"]);
    let vkey = home.vkey();
    let Home {
        dir,
        ledger,
        server,
    } = home;
    assert_eq!(server.stop().code(), Some(0));
    let verify = || {
        let arguments = ["verify", ledger.to_str().unwrap(), "--vkey", &vkey];
        Done::of(exhibit().args(arguments).output().unwrap())
    };
    verify().is(0, &["VERIFIED"]);
    let segment = "journal/00000000000000000000.seg";
    let no_format = "`format` is missing";
    let no_segment = "has no segment";
    let lost = "2 entries, as the published checkpoint says";
    for (names, code, said) in [
        (&["format"][..], 4, &["INCOMPLETE", no_format][..]),
        (&[segment], 1, &["missing_entries", lost, no_segment]),
        (&["journal"], 1, &["missing_entries", lost, no_segment]),
        (
            &["journal", "format"],
            1,
            &["missing_entries", lost, no_format],
        ),
        (&["journal", "checkpoint"], 4, &["INCOMPLETE", no_segment]),
    ] {
        let aside = |name: &str| dir.path().join(name.replace('/', "-"));
        for name in names {
            fs::rename(ledger.join(name), aside(name)).unwrap();
        }
        verify().is(code, said);
        for name in names {
            fs::rename(aside(name), ledger.join(name)).unwrap();
        }
    }
    fs::remove_file(ledger.join("format")).unwrap();
    let serve = ["serve", "--listen", "127.0.0.1:0", "--dir"];
    Done::of(exhibit().args(serve).arg(&ledger).output().unwrap()).is(
        3,
        &["its `format` is missing", "write exhibit-data/1 there"],
    );
}

#[test]
fn an_altered_pack_does_not_verify_and_an_empty_ledger_is_nothing() {
    let home = Home::new();
    let (pack, vkey) = (home.path("pack.zip"), home.vkey());
    let dir = home.ledger.to_str().unwrap();
    home.run(&["verify", dir, "--vkey", &vkey])
        .is(4, &["INCOMPLETE"]);
    home.deploy_all(&["run-1", "run-2"]);
    home.run(&["export", "--out", &pack]).is(0, &[]);
    let mut bytes = fs::read(&pack).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&pack, bytes).unwrap();
    let done = home
        .run(&["verify", &pack, "--vkey", &vkey])
        .is(1, &["DOES NOT VERIFY", "advice"]);
    assert!(done.stdout.starts_with("DOES NOT VERIFY"));
    let done = home
        .run(&["verify", &pack, "--vkey", &vkey, "--format", "json"])
        .is(1, &[]);
    let report: Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(report["verdict"], "altered");
    assert_eq!(report["exit_code"], 1);
    assert!(report["findings"]["total"].as_u64().unwrap() > 0);
    home.run(&["verify", &pack, "--vkey", &vkey, "--format", "markdown"])
        .is(1, &["## DOES NOT VERIFY"]);
}

#[test]
fn a_key_is_remembered_at_first_use_and_another_is_refused() {
    let home = Home::new();
    home.deploy_all(&["run-1"]);
    let dir = home.ledger.to_str().unwrap();
    home.run(&["verify", dir]).is(
        0,
        &[
            "warning: no --vkey was given",
            "from now on only this key",
            "NONE YET",
        ],
    );
    let again = home
        .run(&["verify", dir])
        .is(0, &["remembered from an earlier verification"]);
    assert_eq!(again.stderr, "");

    let other = tempfile::tempdir().unwrap();
    let impostor = init(other.path(), ORIGIN);
    let server = Server::start(&impostor);
    let mut command = home.command(&[
        "record", "event", "--type", "a.b", "--source", "s:s", "--json", "-",
    ]);
    command
        .env("EXHIBIT_SERVER", server.url())
        .stdin(Stdio::piped());
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"{}").unwrap();
    Done::of(child.wait_with_output().unwrap()).is(0, &[]);
    home.run(&["verify", impostor.to_str().unwrap()]).is(
        1,
        &[
            "warning: the key of",
            "has changed",
            "checkpoint_untrusted",
            "key_changed",
        ],
    );
    home.run(&["verify", &server.url(), "--vkey", &home.vkey()])
        .is(1, &["DOES NOT VERIFY"]);
}

/// What is handed to those who verify, and what tells people what a pack is, is held against the evidence.
#[test]
fn a_key_file_and_a_readme_that_say_something_else_are_found() {
    let home = Home::new();
    home.deploy_all(&["run-1", "run-2"]);
    let (pack, vkey) = (home.path("pack.zip"), home.vkey());
    home.run(&["export", "--out", &pack]).is(0, &[]);
    let folder = home.dir.path().join("unpacked");
    let mut zip = zip::ZipArchive::new(fs::File::open(&pack).unwrap()).unwrap();
    zip.extract(&folder).unwrap();
    let ledger = home.ledger.to_str().unwrap();
    let verify = |path: &str| home.run(&["verify", path, "--vkey", &vkey, "--no-pins"]);
    let unpacked = folder.to_str().unwrap();
    verify(unpacked).is(0, &["VERIFIED"]);
    verify(ledger).is(0, &["VERIFIED"]);

    let other = vkey.replace(ORIGIN, "other.example.com");
    for (name, content, said) in [
        (
            "README.txt",
            "ALL IS WELL\n",
            "derived_mismatch in README.txt",
        ),
        ("log.vkey", other.as_str(), "manifest_mismatch in log.vkey"),
    ] {
        let (file, manifest) = (folder.join(name), folder.join("manifest.json"));
        let (was, listed) = (fs::read(&file).unwrap(), fs::read(&manifest).unwrap());
        fs::write(&file, content).unwrap();
        let mut said_of = Manifest::from_bytes(&listed).unwrap();
        let digest = FileDigest {
            bytes: content.len() as u64,
            blake3: FileHash::of(content.as_bytes()),
        };
        said_of.files.insert(name.to_owned(), digest);
        fs::write(&manifest, said_of.to_bytes()).unwrap();
        verify(unpacked).is(1, &[said]);
        fs::write(file, was).unwrap();
        fs::write(manifest, listed).unwrap();
    }
    verify(unpacked).is(0, &["VERIFIED"]);

    let key_file = home.ledger.join("log.vkey");
    fs::write(&key_file, other).unwrap();
    verify(ledger).is(1, &["derived_mismatch in log.vkey"]);
    fs::remove_file(key_file).unwrap();
    verify(ledger).is(1, &["no such file"]);
}

#[test]
fn an_export_is_there_whole_or_not_at_all() {
    let home = Home::new();
    let pack = home.path("pack.zip");
    let dir = home.ledger.to_str().unwrap();
    home.run(&["export", "--dir", dir, "--out", &pack])
        .is(3, &["no entry to export"]);
    home.deploy_all(&["run-1"]);
    home.run(&["export", "--out", &pack, "--start", "7"])
        .is(3, &["help:"]);
    assert!(!Path::new(&pack).exists());
    home.run(&["export", "--out", &pack]).is(0, &[]);
    let first = fs::read(&pack).unwrap();
    home.deploy_all(&["run-2"]);
    home.run(&["export", "--out", &pack])
        .is(3, &["exists already", "--force"]);
    assert_eq!(fs::read(&pack).unwrap(), first);
    home.run(&["export", "--out", &pack, "--force"]).is(0, &[]);
    assert_ne!(fs::read(&pack).unwrap(), first);
}
