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

/// The examples of the manual's page on events: each with the command that records it.
fn examples() -> Vec<(&'static str, &'static str)> {
    let manual = include_str!("../../../src/manual/events.md");
    let kinds = ["change", "approval", "test-run", "deployment", "event"];
    let examples = manual.split("```json\n").skip(1);
    let examples = examples.map(|rest| rest.split("```").next().unwrap());
    kinds.into_iter().zip(examples).collect()
}

#[test]
fn every_example_of_the_manual_is_recorded_as_it_is() {
    let home = Home::new();
    let examples = examples();
    assert_eq!(examples.len(), 5);
    for (kind, example) in &examples {
        fs::write(home.path(kind), example).unwrap();
        let file = home.path(kind);
        // The variables are for the flags; they do not change what a file says.
        let ran = home
            .command(&["record", kind, "--json", &file, "--format", "json"])
            .env("EXHIBIT_SOURCE", SOURCE)
            .env("EXHIBIT_EVENT_ID", "another")
            .output();
        let done = Done::of(ran.unwrap()).is(0, &[]);
        let recorded: Value = serde_json::from_str(&done.stdout).unwrap();
        let event: Value = serde_json::from_str(example).unwrap();
        for field in ["source", "event_id"] {
            assert_eq!(recorded[field], event[field], "{kind}");
        }
    }
    let entries = lines(&home.run(&["list", "--format", "json"]).stdout);
    assert_eq!(entries.len(), examples.len());
    assert_eq!(entries[0]["occurred_at"], "2026-11-20T09:15:00.000000000Z");
    assert_eq!(entries[3]["source_sequence"], 9121);
    assert_eq!(entries[4]["subject"], "incident/INC-77");
    assert_eq!(entries[4]["event_type"], "com.example.incident.detected");
    home.run(&["show", "4", "--part", "caller"])
        .is(0, &["Reported by Ada Example"]);
    home.run(&["show", "0", "--part", "links"])
        .is(0, &["CHG-1042"]);
}

#[test]
fn a_whole_event_says_each_field_alone_and_is_of_the_kind() {
    let home = Home::new();
    let (_, deployment) = examples()[3];
    let file = home.path("deployment.json");
    fs::write(&file, deployment).unwrap();
    let record = |kind: &str, more: &[&str]| {
        home.run(&[&["record", kind, "--json", &file][..], more].concat())
    };
    for (flag, value) in [
        ("--source", SOURCE),
        ("--event-id", "run-4711/deploy-production"),
        ("--occurred-at", "2026-11-22"),
        ("--source-sequence", "9121"),
        ("--link", "ticket=https://tickets.example.com/7"),
    ] {
        record("deployment", &[flag, value]).is(2, &[flag, "says its own", "help: leave"]);
    }
    for kind in ["change", "event"] {
        record(kind, &[]).is(
            3,
            &["with `deployment`", "help: `exhibit record deployment`"],
        );
    }
    // What it leaves open, a flag says.
    record("deployment", &["--subject", "service/other"]).is(0, &["recorded"]);
    home.run(&["list", "--subject", "service/other"])
        .is(0, &["run-4711"]);
    let large = deployment.replace("9121", "1790000000");
    fs::write(&file, large).unwrap();
    record("deployment", &[]).is(2, &["1790000000 is no count", "--allow-large-sequence"]);
    // Without any event around it, the flags are needed, and a source above all.
    fs::write(&file, r#"{"incident": "INC-77"}"#).unwrap();
    record("event", &["--type", "a.b"]).is(2, &["--source is missing", "help: give it"]);
    record("event", &["--source", SOURCE]).is(3, &["is not an event", "help: --type TYPE"]);
}

#[test]
fn what_is_no_json_object_is_told_in_plain_words() {
    let home = Home::new();
    let file = home.path("change.json");
    for (content, said) in [
        ("", "is empty; give a JSON object"),
        (" \n", "is empty; give a JSON object"),
        ("[]", "is not a JSON object; it must begin with `{`"),
        ("null", "is not a JSON object; it must begin with `{`"),
        (r#"{"change_id": 7}"#, "expected a string"),
        (r#"{"source": "urn:a"}"#, "event_id"),
        (r#"{"change": {}}"#, "change_id"),
    ] {
        fs::write(&file, content).unwrap();
        let done = home.run(&["record", "change", "--source", SOURCE, "--json", &file]);
        done.is(3, &[said, "help: the manual's page"]);
    }
    let huge = format!("{{\"a\": \"{}\"}}", "x".repeat(3 << 20));
    fs::write(&file, huge).unwrap();
    let record = ["record", "event", "--type", "a.b", "--json", &file];
    let done = home.run(&[&record[..], &["--source", SOURCE]].concat());
    let done = done.is(3, &["more than an event may have", "by its digest"]);
    assert!(!done.stderr.contains("--artifact-file"), "{}", done.stderr);
}

#[test]
fn an_event_id_is_told_after_a_refusal_where_nobody_else_knows_it() {
    let home = Home::new();
    let refused = home.deploy(&["--event-id", "run-1"]).is(3, &["help:"]);
    assert!(
        !refused.stderr.contains("event id was"),
        "{}",
        refused.stderr
    );
    home.deploy(&[]).is(3, &["note: the event id was"]);
}
