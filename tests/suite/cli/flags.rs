//! Flags and files that would be taken for something else than they say, and are refused with the way out.

use std::{fs, net::TcpListener, time::Instant};

use super::{DIGEST, Done, Home, ORIGIN, SOURCE};
use crate::process::{exhibit, init};

#[test]
fn a_server_that_gives_no_answer_is_given_up() {
    let hanging = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", hanging.local_addr().unwrap());
    let started = Instant::now();
    for command in [
        &["checkpoint"][..],
        &["list"],
        &["show", "0"],
        &["receipt", "0"],
    ] {
        let mut asked = exhibit();
        asked
            .args(command)
            .args(["--server", &url, "--timeout", "1s"]);
        Done::of(asked.output().unwrap()).is(3, &["gave no answer within 1 s", "--timeout 5m"]);
    }
    assert!(started.elapsed().as_secs() < 25);
}

#[test]
fn a_number_that_is_no_count_is_not_recorded_by_mistake() {
    let home = Home::new();
    let artifact = format!("payments@{DIGEST}");
    let event = [
        "--event-id",
        "run-1",
        "--artifact",
        &artifact,
        "--source-sequence",
    ];
    for number in ["1790000000", "18446744073709551615"] {
        home.deploy(&[&event[..], &[number]].concat()).is(
            2,
            &["no count of this source's events", "--allow-large-sequence"],
        );
    }
    let largest = [
        &event[..],
        &["18446744073709551615", "--allow-large-sequence"],
    ]
    .concat();
    home.deploy(&largest)
        .is(3, &["source_sequence", "is over 9007199254740991"]);
    let large = [&event[..], &["1000000001", "--allow-large-sequence"]].concat();
    home.deploy(&large).is(0, &["recorded"]);
}

#[test]
fn a_receipt_and_a_checkpoint_are_made_offline_as_by_the_server() {
    let home = Home::new();
    let ids: Vec<String> = (0..3).map(|number| format!("run-{number}")).collect();
    home.deploy_all(&ids.iter().map(String::as_str).collect::<Vec<_>>());
    let (dir, vkey) = (home.ledger.to_str().unwrap(), home.vkey());
    let served = home.run(&["checkpoint"]).is(0, &[]).stdout;
    let local = home
        .run(&["checkpoint", "--dir", dir, "--vkey", &vkey])
        .is(0, &[]);
    assert_eq!(served, local.stdout);
    let served = home.run(&["receipt", "1"]).is(0, &[]).stdout;
    let local = home
        .run(&["receipt", "1", "--dir", dir, "--vkey", &vkey])
        .is(0, &[]);
    assert_eq!(served, local.stdout);
    let event = ["--source", SOURCE, "--event-id", "run-1"];
    let local = home
        .run(&[&["receipt", "--dir", dir], &event[..]].concat())
        .is(0, &[]);
    assert_eq!(served, local.stdout);
    home.run(&["receipt", "7", "--dir", dir]).is(3, &[]);
    let file = home.path("receipt");
    let save = ["receipt", "1", "--receipt", &file, "--force"];
    let saved = home.run(&save).is(0, &["saved the receipt", &file]);
    assert!(saved.stdout.contains("tree size"), "{}", saved.stdout);
    let saved = home.json(&save);
    assert_eq!(saved["index"], 1);
    assert_eq!(saved["tree_size"], 3);
    assert_eq!(saved["file"], file);
    assert_eq!(saved["note"], served);
    assert_eq!(fs::read_to_string(&file).unwrap(), served);
    // A ledger that was never rotated says in JSON, too, which key signs.
    let history = home.json(&["key", "history", dir]);
    assert_eq!(history["keys"][0]["key"], vkey);
    assert_eq!(history["keys"][0]["until"], serde_json::Value::Null);
    assert_eq!(history["keys"].as_array().unwrap().len(), 1);
}

#[test]
fn a_receipt_against_a_data_directory_is_judged_as_against_a_pack() {
    let home = Home::new();
    let artifact = format!("payments@{DIGEST}");
    for (id, number) in [("run-1", "1"), ("run-2", "3")] {
        home.deploy(&[
            "--event-id",
            id,
            "--artifact",
            &artifact,
            "--source-sequence",
            number,
        ])
        .is(0, &[]);
    }
    let (dir, vkey) = (home.ledger.to_str().unwrap(), home.vkey());
    let (receipt, pack) = (home.path("a.receipt"), home.path("pack.zip"));
    home.run(&["receipt", "0", "--receipt", &receipt])
        .is(0, &[]);
    home.run(&["export", "--out", &pack]).is(0, &[]);
    // The gap in the producer's count is not about the receipt.
    home.run(&["verify", dir, "--vkey", &vkey, "--no-pins"])
        .is(4, &["never arrived"]);
    let url = home.server.url();
    for later in [dir, &pack, &url] {
        let verify = [
            "verify",
            &receipt,
            "--against",
            later,
            "--vkey",
            &vkey,
            "--no-pins",
        ];
        let done = home.run(&verify).is(0, &["VERIFIED  receipt"]);
        assert!(
            !done.stdout.contains("whether the ledger still has"),
            "{}",
            done.stdout
        );
    }
}

#[test]
fn what_would_be_ignored_is_refused() {
    let home = Home::new();
    home.deploy_all(&["run-1"]);
    home.run(&["show", "0", "--source", "https://other.example"])
        .is(2, &["--source"]);
    let vkey = home.ledger.join("log.vkey");
    let vkey = vkey.to_str().unwrap();
    let receipt = home.path("a.receipt");
    home.run(&["receipt", "0", "--receipt", &receipt])
        .is(0, &[]);
    home.run(&["verify", &receipt, "--vkey", vkey])
        .is(2, &[&format!("write @{vkey}")]);
    let crlf = fs::read_to_string(&receipt).unwrap().replace('\n', "\r\n");
    fs::write(home.path("crlf.receipt"), crlf).unwrap();
    home.run(&[
        "verify",
        "receipt",
        &home.path("crlf.receipt"),
        "--vkey",
        &home.vkey(),
    ])
    .is(1, &["end in CR LF"]);
    let roots = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/vectors/timestamps/root.pem"
    );
    home.run(&[
        "verify",
        &receipt,
        "--vkey",
        &home.vkey(),
        "--tsa-roots",
        roots,
    ])
    .is(2, &["a receipt holds no time stamps"]);
    let out = home.path("folder");
    fs::create_dir(&out).unwrap();
    home.run(&["export", "--out", &out, "--force"])
        .is(3, &["is a directory"]);
    home.run(&["export", "--out", "-"]).is(2, &["./-"]);
}

#[cfg(unix)]
#[test]
fn a_key_that_others_can_read_makes_no_ledger() {
    use std::os::unix::fs::PermissionsExt as _;

    let home = tempfile::tempdir().unwrap();
    let path = |name: &str| home.path().join(name).to_str().unwrap().to_owned();
    let run = |arguments: &[&str]| Done::of(exhibit().args(arguments).output().unwrap());
    let key = path("key");
    run(&["key", "generate", "--name", ORIGIN, "--out", &key]).is(0, &[]);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let make = ["init", &path("ledger"), "--origin", ORIGIN, "--key", &key];
    run(&make).is(3, &["chmod 600"]);
    assert!(!home.path().join("ledger").exists());
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    run(&make).is(0, &["made a new ledger"]);
    let other = home.path().join("ledger");
    fs::write(other.join("exhibit.toml"), "log.level = \"loud\"\n").unwrap();
    run(&["config", "show", "--dir", other.to_str().unwrap()]).is(3, &["error, warn, info"]);
}

#[test]
fn a_story_told_to_a_file_has_no_colours() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("demo");
    let told = exhibit()
        .args(["demo", "--nights", "0", "--dir"])
        .arg(dir)
        .output();
    let told = Done::of(told.unwrap()).is(0, &["1. A ledger, and a server for it"]);
    assert!(!told.stdout.contains('\x1b'), "{}", told.stdout);
}

#[test]
fn a_wrong_setting_is_a_wrong_command_line_and_is_named_once() {
    let home = tempfile::tempdir().unwrap();
    let ledger = init(home.path(), ORIGIN);
    let serve = |arguments: &[&str], variable: &str| {
        let mut command = exhibit();
        command.args(["serve", "--dir"]).arg(&ledger);
        if !variable.is_empty() {
            command.env("EXHIBIT_LISTEN", variable);
        }
        Done::of(command.args(arguments).output().unwrap())
    };
    let shown = "help: `exhibit config show";
    serve(&["--listen", "foo"], "").is(2, &["error: --listen: \"foo\" is not", shown]);
    serve(&["--set", "foo=bar"], "").is(2, &["error: --set foo: there is no", shown]);
    serve(&["--set", "log.level=loud"], "").is(2, &["error: --set log.level: \"loud\"", shown]);
    serve(&[], "foo").is(
        2,
        &["error: $EXHIBIT_LISTEN: listen:", "help: set the variable"],
    );
    let settings = ledger.join("exhibit.toml");
    fs::write(&settings, "listen = \"foo\"\n").unwrap();
    serve(&[], "").is(3, &["exhibit.toml:1: listen:", "help: correct the file"]);
    fs::write(&settings, "").unwrap();
    fs::remove_file(ledger.join("log.key")).unwrap();
    serve(&["--listen", "127.0.0.1:0"], "").is(3, &["log.key is missing; restore it"]);
}

#[test]
fn both_ways_to_name_an_entry_are_told_where_none_is() {
    let run = |arguments: &[&str]| Done::of(exhibit().args(arguments).output().unwrap());
    for command in ["show", "receipt"] {
        run(&[command]).is(2, &["<INDEX|--source <URI>|--event-id <ID>>"]);
        let half = run(&[command, "--source", SOURCE]).is(2, &["--event-id <ID>"]);
        let required = half.stderr.split("Usage:").next().unwrap();
        assert!(!required.contains("INDEX"), "{}", half.stderr);
        run(&[command, "--event-id", "1"]).is(2, &["--source <URI>"]);
        run(&[command, "1", "--source", SOURCE, "--event-id", "1"]).is(2, &["cannot be used with"]);
    }
}

#[test]
fn where_nothing_can_be_remembered_the_flag_that_does_without_is_named() {
    let home = Home::new();
    home.deploy_all(&["run-1"]);
    fs::write(home.path("file"), "").unwrap();
    let dir = home.ledger.to_str().unwrap();
    let verify = |more: &[&str]| {
        let mut command = home.command(&[&["verify", dir][..], more].concat());
        Done::of(
            command
                .env("XDG_STATE_HOME", home.path("file"))
                .output()
                .unwrap(),
        )
    };
    verify(&[]).is(
        3,
        &[
            "can't read",
            "pins.json",
            "help: go on without",
            "--no-pins",
        ],
    );
    // A place for the lock that can't be made: what is read is no file yet.
    let pins = home.path("folder/pins.json");
    fs::create_dir_all(format!("{pins}.lock")).unwrap();
    verify(&["--pins", &pins]).is(3, &["can't write", "help: make it writable", "--no-pins"]);
    let vkey = home.vkey();
    verify(&["--no-pins", "--vkey", &vkey]).is(0, &["VERIFIED"]);
}
