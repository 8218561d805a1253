//! The command line: sessions that are documentation too, its reference, and the real program against a real server.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

use super::process::{Server, exhibit, init};

const ORIGIN: &str = "audit.example.com/payments";
const SOURCE: &str = "https://ci.example.com/acme/payments";
const DIGEST: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

/// A ledger with a running server, and a home of its own for the program.
struct Home {
    dir: TempDir,
    ledger: PathBuf,
    server: Server,
}

/// What a command did.
struct Done {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Home {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let ledger = init(dir.path(), ORIGIN);
        let server = Server::start(&ledger);
        Self {
            dir,
            ledger,
            server,
        }
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().unwrap().to_owned()
    }

    fn vkey(&self) -> String {
        fs::read_to_string(self.ledger.join("log.vkey"))
            .unwrap()
            .trim()
            .to_owned()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = exhibit();
        command
            .args(arguments)
            .env("EXHIBIT_SERVER", self.server.url())
            .env("XDG_STATE_HOME", self.dir.path().join("state"))
            .env_remove("EXHIBIT_VKEY");
        command
    }

    fn run(&self, arguments: &[&str]) -> Done {
        Done::of(self.command(arguments).output().unwrap())
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let done = self.run(&[arguments, &["--format", "json"]].concat());
        assert_eq!(done.code, 0, "{}", done.stderr);
        serde_json::from_str(&done.stdout).unwrap()
    }

    /// Records a deployment, with whatever else is given.
    fn deploy(&self, more: &[&str]) -> Done {
        let mut arguments = vec!["record", "deployment", "--source", SOURCE];
        arguments.extend(["--service", "payments", "--environment", "production"]);
        arguments.extend([
            "--outcome",
            "succeeded",
            "--deployer",
            "service-account:deployer",
        ]);
        arguments.extend(more);
        self.run(&arguments)
    }

    fn deploy_all(&self, ids: &[&str]) {
        for id in ids {
            let artifact = format!("payments@{DIGEST}");
            let done = self.deploy(&["--event-id", id, "--artifact", &artifact]);
            assert_eq!(done.code, 0, "{}", done.stderr);
        }
    }
}

impl Done {
    fn of(output: Output) -> Self {
        Self {
            code: output.status.code().expect("an exit code"),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn is(self, code: i32, said: &[&str]) -> Self {
        assert_eq!(self.code, code, "{}\n{}", self.stdout, self.stderr);
        for words in said {
            let found = self.stdout.contains(words) || self.stderr.contains(words);
            assert!(found, "{words:?} not in\n{}\n{}", self.stdout, self.stderr);
        }
        self
    }
}

#[test]
fn sessions_are_as_documented() {
    let state = tempfile::tempdir().unwrap();
    let cases = trycmd::TestCases::new();
    cases
        .env("XDG_STATE_HOME", state.path().to_str().unwrap())
        .env("NO_COLOR", "1")
        // Nobody listens there.
        .env("EXHIBIT_SERVER", "http://127.0.0.1:1")
        .case("tests/cmd/*.trycmd");
    cases.run();
}

#[test]
fn the_reference_is_what_help_prints() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/manual/cli.md");
    let real = exhibit::cli::reference();
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        fs::write(&path, &real).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == real,
        "src/manual/cli.md is out of date: run this test with UPDATE_REFERENCE=1"
    );
}

#[test]
fn every_command_has_a_manual_page_and_every_shell_its_completions() {
    let dir = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| Done::of(exhibit().args(arguments).output().unwrap());
    run(&["man"]).is(0, &[".TH exhibit"]);
    run(&["man", "--dir", dir.path().to_str().unwrap()]).is(0, &[]);
    for page in [
        "exhibit.1",
        "exhibit-verify.1",
        "exhibit-record-deployment.1",
    ] {
        assert!(dir.path().join(page).exists(), "{page}");
    }
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        run(&["completions", shell]).is(0, &["test-run"]);
    }
}

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
    home.run(&["verify", &local, "--vkey", &home.vkey()])
        .is(0, &["VERIFIED", "of 300"]);
}

#[test]
fn an_event_is_recorded_once_and_its_id_stands_for_it() {
    let home = Home::new();
    home.deploy_all(&["run-1"]);
    let artifact = format!("payments@{DIGEST}");
    let again = ["--event-id", "run-1", "--artifact", &artifact];
    home.deploy(&again)
        .is(0, &["recorded before", "index        0"]);
    home.deploy(&[&again[..], &["--bypassed-control", "four-eyes"]].concat())
        .is(
            3,
            &[
                "ALREADY_EXISTS",
                "EVENT_ID_REUSED",
                "help: a new event needs a new --event-id",
            ],
        );
    let one = home.deploy(&["--artifact", &artifact]).is(0, &["event id"]);
    let other = home
        .deploy(&["--artifact", &artifact])
        .is(0, &["index        2"]);
    assert_ne!(one.stdout, other.stdout);
}

#[test]
fn a_refused_event_names_its_fields_and_a_receipt_file_is_not_left_behind() {
    let home = Home::new();
    let receipt = home.path("receipt");
    home.deploy(&["--receipt", &receipt]).is(
        3,
        &[
            "INVALID_ARGUMENT",
            "deployment.artifacts",
            "help: correct the fields",
        ],
    );
    assert!(!Path::new(&receipt).exists());
    fs::write(&receipt, "kept").unwrap();
    home.deploy(&["--receipt", &receipt])
        .is(3, &["exists already", "--force"]);
    assert_eq!(fs::read_to_string(&receipt).unwrap(), "kept");
    let files = fs::read_dir(home.dir.path()).unwrap();
    assert!(
        files
            .map(|file| file.unwrap().file_name())
            .all(|name| !name.to_string_lossy().ends_with(".partial"))
    );
}

#[test]
fn every_kind_of_event_is_recorded_from_flags_and_from_json() {
    let home = Home::new();
    let commit = "0123456789abcdef0123456789abcdef01234567";
    let change = [
        "record",
        "change",
        "--source",
        SOURCE,
        "--change-id",
        "CHG-1",
        "--class",
        "emergency",
        "--title",
        "Fix it",
        "--author",
        "github:octocat",
        "--author-kind",
        "human",
        "--author-name",
        "Octo Cat",
        "--commit",
        commit,
        "--risk",
        "high",
        "--incident-id",
        "INC-9",
        "--service",
        "payments",
        "--planned-start",
        "2026-11-22",
    ];
    home.run(&change).is(0, &[]);
    let approval = [
        "record",
        "approval",
        "--source",
        SOURCE,
        "--change-id",
        "CHG-1",
        "--decision",
        "changes-requested",
        "--approver",
        "user:4711",
        "--approver-role",
        "change-authority",
        "--kind",
        "post-implementation",
    ];
    home.run(&approval).is(0, &[]);
    fs::write(home.path("report.xml"), "abc").unwrap();
    let report = home.path("report.xml");
    let run = [
        "record",
        "test-run",
        "--source",
        SOURCE,
        "--suite",
        "unit",
        "--outcome",
        "failed",
        "--passed",
        "7",
        "--failed",
        "1",
        "--report-file",
        &report,
        "--change-id",
        "CHG-1",
        "--attempt",
        "1",
        "--link",
        "pipeline-run=https://ci.example.com/7",
    ];
    home.run(&run).is(0, &[]);
    let content = home.path("deployment.json");
    let json = format!(
        r#"{{"service":"payments","environment":"test","outcome":"failed","action":"rollback",
            "deployer":{{"id":"user:1"}},"artifacts":[{{"digest":"{DIGEST}"}}]}}"#
    );
    fs::write(&content, json).unwrap();
    let deployment = [
        "record",
        "deployment",
        "--source",
        SOURCE,
        "--json",
        &content,
    ];
    home.run(&deployment).is(0, &[]);
    // The variable is for the flags; it does not change what a file says.
    let ran = home
        .command(&deployment)
        .env("EXHIBIT_ENVIRONMENT", "production")
        .output();
    Done::of(ran.unwrap()).is(0, &[]);
    home.run(&[&deployment[..], &["--environment", "production"]].concat())
        .is(2, &["'--environment <NAME>' cannot be used with '--json"]);

    let types: Vec<Value> = lines(&home.run(&["list", "--format", "json"]).stdout);
    let types: Vec<&str> = types
        .iter()
        .map(|entry| entry["event_type"].as_str().unwrap())
        .collect();
    let deployed = "exhibit.deployment.v1";
    assert_eq!(
        types,
        [
            "exhibit.change.v1",
            "exhibit.approval.v1",
            "exhibit.test_run.v1",
            deployed,
            deployed
        ]
    );
    let body = |index| {
        let done = home.run(&["show", index, "--part", "body"]);
        serde_json::from_str::<Value>(&done.stdout).unwrap()
    };
    assert_eq!(body("0")["author"]["kind"], "human");
    assert_eq!(body("0")["author"]["display_name"], Value::Null);
    assert_eq!(body("1")["decision"], "changes_requested");
    assert_eq!(body("2")["reports"][0]["digest"], DIGEST);
    assert_eq!(body("4")["environment"], "test");
    let stored = home.run(&[
        "list",
        "--type",
        "exhibit.approval.v1",
        "--subject",
        "change/CHG-1",
    ]);
    assert_eq!(stored.stdout.lines().count(), 1);
}

#[test]
fn evidence_can_not_move_the_terminal() {
    let home = Home::new();
    fs::write(home.path("event.json"), "{\"a\":\"\u{9b}2J\u{202e}\"}").unwrap();
    fs::write(home.path("note.txt"), "\u{1b}]0;owned\u{7}").unwrap();
    let (json, part) = (
        home.path("event.json"),
        format!("note=@{}", home.path("note.txt")),
    );
    let arguments = [
        "record",
        "event",
        "--type",
        "com.example.x",
        "--source",
        SOURCE,
    ];
    home.run(&[&arguments[..], &["--json", &json, "--part", &part]].concat())
        .is(0, &[]);
    for format in ["text", "markdown", "json"] {
        let shown = home
            .run(&["show", "0", "--format", format])
            .is(0, &["owned"]);
        let active = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(
            !shown.stdout.contains(active),
            "{format}: {:?}",
            shown.stdout
        );
    }
    // To a file goes what was sent, to the byte.
    let raw = home.run(&["show", "0", "--part", "note"]).is(0, &[]);
    assert_eq!(raw.stdout, "\u{1b}]0;owned\u{7}");
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
        .is(0, &["remembered from its first use"]);
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
        &["warning: the key of", "has changed", "checkpoint_untrusted"],
    );
    home.run(&["verify", &server.url(), "--vkey", &home.vkey()])
        .is(1, &["DOES NOT VERIFY"]);
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

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let home = Home::new();
    home.deploy_all(&["run-1", "run-2", "run-3"]);
    for format in ["text", "json", "markdown"] {
        let mut command = home.command(&["list", "--format", format]);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let mut said = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut said)
            .unwrap();
        assert_eq!(
            (child.wait().unwrap().code(), said.as_str()),
            (Some(0), ""),
            "{format}"
        );
    }
}

#[test]
fn an_empty_variable_is_refused_by_name() {
    let home = Home::new();
    for (variable, flag) in [
        ("EXHIBIT_SOURCE", "--source"),
        ("EXHIBIT_SERVER", "--server"),
    ] {
        let mut command = home.command(&["record", "event", "--type", "a.b", "--json", "-"]);
        let output = command
            .env("EXHIBIT_SOURCE", SOURCE)
            .env(variable, "")
            .output();
        Done::of(output.unwrap()).is(2, &[flag, variable]);
    }
    let output = home.command(&["list"]).env("EXHIBIT_SERVER", "").output();
    Done::of(output.unwrap()).is(2, &["EXHIBIT_SERVER", "help:"]);
}

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}
