//! What holds for every event, and what is refused.

mod forms;
mod json;
mod properties;
mod refusals;

use super::{arbitrary::NOW, *};
use crate::ledger::{
    event::{Event, InvalidEvent},
    payload::{Part, Salt},
};

const DIGEST: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

fn into_event(posted: PostedEvent) -> Result<Event, Vec<InvalidEvent>> {
    posted.into_event("token:ci", NOW, &mut || Salt::from_bytes([7; 32]))
}

fn deployment() -> Deployment {
    Deployment::new(
        "payments",
        "production",
        vec![Artifact::new(DIGEST)],
        Outcome::Succeeded,
        Actor::new("service-account:deployer"),
    )
}

fn body(event: &Event) -> Vec<u8> {
    content(event, "body").unwrap()
}

fn content(event: &Event, name: &str) -> Option<Vec<u8>> {
    event.parts().iter().find_map(|part| match part {
        Part::Disclosed(part) if part.name == name => Some(part.content.to_vec()),
        _ => None,
    })
}

#[test]
fn words_are_read_as_they_are_written() {
    for outcome in Outcome::ALL {
        assert_eq!(outcome.as_str().parse(), Ok(*outcome));
    }
    let unknown = "passed".parse::<Outcome>().unwrap_err().to_string();
    assert_eq!(
        unknown,
        r#""passed" is not one of succeeded, failed, cancelled, errored"#
    );
}

/// Where the published conformance files of CDEvents lie, unless `EXHIBIT_TEST_DATA` names another directory.
fn conformance_files() -> Option<Vec<std::path::PathBuf>> {
    let data = std::env::var_os("EXHIBIT_TEST_DATA").map_or_else(
        || std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"),
        std::path::PathBuf::from,
    );
    let directory = std::fs::read_dir(data.join("cdevents-v0.5.1/conformance")).ok()?;
    let files = directory.map(|file| file.unwrap().path());
    Some(
        files
            .filter(|path| path.extension().is_some_and(|end| end == "json"))
            .collect(),
    )
}

#[test]
fn the_conformance_files_of_cdevents_are_kept_verbatim() {
    let Some(files) = conformance_files() else {
        eprintln!("skipped: no CDEvents conformance files; name their parent in EXHIBIT_TEST_DATA");
        return;
    };
    assert!(!files.is_empty());
    for path in files {
        let json = std::fs::read(&path).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&json).unwrap();
        let custom = Custom {
            event_type: value["context"]["type"].as_str().unwrap().to_owned(),
            json: json.clone(),
            parts: vec![],
        };
        let event = into_event(PostedEvent::new("urn:ci:1", "1", custom)).unwrap();
        assert_eq!(body(&event), json, "{}", path.display());
        assert_eq!(event.fields().event_type, value["context"]["type"]);
    }
}

#[test]
fn every_example_of_the_manual_is_a_valid_event() {
    let manual = include_str!("../../manual/events.md");
    let examples: Vec<&str> = manual
        .split("```json\n")
        .skip(1)
        .map(|rest| rest.split_once("```").unwrap().0)
        .collect();
    let mut types = Vec::new();
    for example in examples {
        let posted = PostedEvent::from_json(example.as_bytes()).unwrap();
        assert_eq!(posted.violations(NOW), vec![], "{example}");
        types.push(
            super::fuzz::comes_back(posted)
                .unwrap()
                .fields()
                .event_type
                .to_owned(),
        );
    }
    let expected = [
        CHANGE_TYPE,
        APPROVAL_TYPE,
        TEST_RUN_TYPE,
        DEPLOYMENT_TYPE,
        "com.example.incident.detected",
    ];
    assert_eq!(types, expected);
}

#[test]
fn the_deepest_json_is_read_on_a_small_stack() {
    let nested = |depth: usize| {
        let (open, close) = (r#"{"a":[["#.repeat(depth), "]]}".repeat(depth));
        format!("{open}1{close}")
    };
    assert_eq!(check_json_object(nested(33).as_bytes()), Ok(()));
    for depth in [33, 10_000] {
        let json = nested(depth);
        std::thread::Builder::new()
            .stack_size(256 * 1024)
            .spawn(move || fuzz_json(json.as_bytes()))
            .unwrap()
            .join()
            .unwrap();
    }
}
