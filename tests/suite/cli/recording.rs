//! Recording events: once, by flags or by file, and refused with a reason.

use std::{fs, path::Path};

use serde_json::Value;

use super::{DIGEST, Done, Home, SOURCE, lines};

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
                "help: `exhibit show --source URI",
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
