//! The command line: sessions that are documentation too, its reference, and the real program against a real server.

mod deceived;
mod exporting;
mod flags;
mod forging;
mod histories;
mod keys;
mod killed;
mod monitoring;
mod recording;
mod refusals;
mod remembering;
mod rotation;
mod verifying;

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

    /// A copy of the data directory as it is now, under this name.
    fn copied(&self, name: &str) -> String {
        let copy = self.path(name);
        let mut command = Command::new("cp");
        command.arg("-r").arg(&self.ledger).arg(&copy);
        assert!(command.status().unwrap().success());
        copy
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
            .env_remove("EXHIBIT_NO_PINS")
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
