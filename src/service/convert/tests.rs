//! What holds between the API's messages and evidence.

use proptest::prelude::*;
use prost::{Message as _, bytes::Bytes};
use prost_types::Timestamp;

use super::*;
use crate::{
    evidence::{
        Actor, Artifact, Deployment, Outcome, PostedEvent,
        arbitrary::{NOW, posted},
    },
    ledger::{
        event::{Event, InvalidEvent},
        filter::Filter,
        payload::{Part, Salt, encode_parts},
        position::UnixNanos,
    },
    service::proto,
};

fn salt() -> Salt {
    Salt::from_bytes([7; 32])
}

fn read(event: proto::Event) -> Result<Event, Vec<InvalidEvent>> {
    event_from_proto(event, "token:ci", NOW, salt)
}

fn valid() -> (proto::Event, proto::Deployment) {
    let digest = format!("sha256:{}", "a".repeat(64));
    let deployment = Deployment::new(
        "payments",
        "production",
        vec![Artifact::new(digest)],
        Outcome::Succeeded,
        Actor::new("service-account:deployer"),
    );
    let event = posted_to_proto(PostedEvent::new("urn:ci:1", "1", deployment));
    let Some(proto::event::Evidence::Deployment(deployment)) = event.evidence.clone() else {
        panic!("not a deployment");
    };
    (event, deployment)
}

proptest! {
    #[test]
    fn an_event_comes_back_from_the_api(posted in posted()) {
        let message = posted_to_proto(posted.clone());
        let sent = proto::Event::decode(message.encode_to_vec().as_slice()).unwrap();
        prop_assert_eq!(&sent, &message);
        let received = posted_from_proto(sent, NOW).unwrap();
        prop_assert_eq!(&received, &posted);
        prop_assert_eq!(posted_to_proto(received), message);
    }

    #[test]
    fn the_api_and_the_json_make_the_same_event(posted in posted()) {
        let by_json = posted.clone().into_event("token:ci", NOW, &mut salt).unwrap();
        prop_assert_eq!(read(posted_to_proto(posted)).unwrap(), by_json);
    }

    #[test]
    fn arbitrary_messages_never_panic(bytes in any::<Vec<u8>>()) {
        if let Ok(event) = proto::Event::decode(bytes.as_slice()) {
            let _ = read(event);
        }
    }

    #[test]
    fn damaged_messages_never_panic(
        posted in posted(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut bytes = posted_to_proto(posted).encode_to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(event) = proto::Event::decode(bytes.as_slice()) {
            let _ = read(event);
        }
    }

    #[test]
    fn an_entry_comes_back_from_the_api(posted in posted(), withhold in any::<u32>()) {
        let event = posted.into_event("token:ci", NOW, &mut salt).unwrap();
        let parts: Vec<Part<'_>> = event
            .parts()
            .into_iter()
            .enumerate()
            .map(|(position, part)| match withhold >> position & 1 {
                1 => Part::Withheld(part.commitment()),
                _ => part,
            })
            .collect();
        let mut payload = Vec::new();
        encode_parts(&parts, &mut payload).unwrap();
        let message = entry_to_proto(vec![1, 2, 3], Some(Bytes::from(payload.clone()))).unwrap();
        let sent = proto::Entry::decode(message.encode_to_vec().as_slice()).unwrap();
        let expected = ReceivedEntry { entry: vec![1, 2, 3], payload };
        prop_assert_eq!(entry_from_proto(&sent).unwrap(), expected);
    }
}

/// Damages a deployment in one place, and names the field that must be complained about.
type Damage = (&'static str, fn(&mut proto::Event, &mut proto::Deployment));

#[test]
fn what_the_api_can_say_and_evidence_can_not_is_named_by_its_field() {
    let cases: &[Damage] = &[
        ("event.source", |e, _| e.source.clear()),
        ("event.occurred_at", |e, _| e.occurred_at = time(-1, 0)),
        ("event.occurred_at", |e, _| e.occurred_at = time(0, 0)),
        ("event.occurred_at", |e, _| e.occurred_at = time(1, -1)),
        ("event.occurred_at", |e, _| {
            e.occurred_at = time(i64::MAX, 0)
        }),
        ("event.deployment.outcome", |_, d| d.outcome = 0),
        ("event.deployment.outcome", |_, d| d.outcome = 99),
        ("event.deployment.outcome", |_, d| d.outcome = -1),
        ("event.deployment.action", |_, d| d.action = 4),
        ("event.deployment.deployer", |_, d| d.deployer = None),
        ("event.deployment.deployer", |_, d| {
            d.deployer = Some(proto::Actor::default());
        }),
        ("event.deployment.deployer.kind", |_, d| {
            d.deployer.as_mut().unwrap().kind = 9;
        }),
        ("event.deployment.artifacts", |_, d| d.artifacts.clear()),
        ("event.deployment.artifacts[0].digest", |_, d| {
            d.artifacts[0].digest = "latest".into();
        }),
        ("event.deployment.started_at", |_, d| {
            d.started_at = time(1, 1_000_000_000);
        }),
        ("event.deployment.finished_at", |_, d| {
            d.started_at = time(2, 0);
            d.finished_at = time(1, 0);
        }),
    ];
    for (case, (field, damage)) in cases.iter().enumerate() {
        let (mut event, mut deployment) = valid();
        damage(&mut event, &mut deployment);
        event.evidence = Some(proto::event::Evidence::Deployment(deployment));
        let violations = read(event).unwrap_err();
        let fields: Vec<&str> = violations.iter().map(|v| v.field.as_str()).collect();
        assert_eq!(fields, [*field], "case {case}: {violations:?}");
    }
}

fn time(seconds: i64, nanos: i32) -> Option<Timestamp> {
    Some(Timestamp { seconds, nanos })
}

#[test]
fn an_event_without_evidence_is_refused_with_all_else_that_is_wrong() {
    let violations = read(proto::Event::default()).unwrap_err();
    let fields: Vec<&str> = violations.iter().map(|v| v.field.as_str()).collect();
    assert_eq!(fields, ["event.evidence", "event.source", "event.event_id"]);
}

#[test]
fn unspecified_enums_are_named_with_all_else_that_is_wrong() {
    let message = |evidence| proto::Event {
        source: "urn:ci:1".into(),
        event_id: "1".into(),
        evidence: Some(evidence),
        ..proto::Event::default()
    };
    let cases = [
        (
            proto::event::Evidence::Change(proto::Change::default()),
            vec!["change.change_class", "change.change_id", "change.title"],
        ),
        (
            proto::event::Evidence::Approval(proto::Approval::default()),
            vec![
                "approval.decision",
                "approval.change_id",
                "approval.approver",
            ],
        ),
        (
            proto::event::Evidence::TestRun(proto::TestRun::default()),
            vec!["test_run.outcome", "test_run.suite"],
        ),
        (
            proto::event::Evidence::Custom(proto::Custom::default()),
            vec!["custom.type", "custom.json"],
        ),
    ];
    for (evidence, expected) in cases {
        let violations = read(message(evidence)).unwrap_err();
        let fields: Vec<&str> = violations
            .iter()
            .map(|v| v.field.strip_prefix("event.").unwrap())
            .collect();
        assert_eq!(fields, expected);
    }
}

#[test]
fn a_producer_that_is_not_one_line_is_refused() {
    let (event, _) = valid();
    let violations = event_from_proto(event, "two\nlines", NOW, salt).unwrap_err();
    assert_eq!(violations[0].field, "producer");
}

#[test]
fn filters_come_back_from_the_api() {
    let some = Filter {
        event_types: vec!["exhibit.change.v1".into()],
        sources: vec!["urn:ci:1".into()],
        subjects: vec!["change/1".into()],
        recorded_from: Some(UnixNanos::new(1)),
        recorded_before: Some(UnixNanos::new(2_000_000_001)),
    };
    for filter in [Filter::default(), some] {
        let message = filter_to_proto(filter.clone());
        assert_eq!(filter_from_proto(message, "filter"), Ok(filter));
    }
}

#[test]
fn what_is_wrong_with_a_filter_is_named_by_its_field() {
    type Damage = (&'static str, fn(&mut proto::Filter));
    let cases: &[Damage] = &[
        ("filter.event_types", |f| {
            f.event_types = vec!["a".into(); 65]
        }),
        ("filter.event_types[0]", |f| {
            f.event_types = vec!["a".repeat(256)]
        }),
        ("filter.sources[1]", |f| {
            f.sources = vec!["a".into(), String::new()]
        }),
        ("filter.subjects[0]", |f| {
            f.subjects = vec!["a".repeat(1025)]
        }),
        ("filter.recorded_from", |f| f.recorded_from = time(-1, 0)),
        ("filter.recorded_before", |f| {
            f.recorded_before = time(0, -1)
        }),
        ("filter.recorded_before", |f| {
            f.recorded_from = time(2, 0);
            f.recorded_before = time(1, 0);
        }),
    ];
    for (field, damage) in cases {
        let mut filter = proto::Filter::default();
        damage(&mut filter);
        let violations = filter_from_proto(Some(filter), "filter").unwrap_err();
        let fields: Vec<&str> = violations.iter().map(|v| v.field.as_str()).collect();
        assert_eq!(fields, [*field], "{violations:?}");
    }
}

#[test]
fn an_entry_of_an_answer_that_is_no_entry_is_refused() {
    use proto::payload_part::State;
    let with = |state| proto::Entry {
        entry: Bytes::new(),
        parts: vec![proto::PayloadPart { state }],
        ..proto::Entry::default()
    };
    let short = Bytes::from_static(&[1; 31]);
    let disclosed = proto::DisclosedPart {
        salt: short.clone(),
        name: "body".into(),
        ..proto::DisclosedPart::default()
    };
    for entry in [
        with(None),
        with(Some(State::WithheldCommitment(short))),
        with(Some(State::Disclosed(disclosed))),
    ] {
        let refused = entry_from_proto(&entry).unwrap_err();
        assert_eq!(refused.field, "entry.parts[0]");
    }
    assert!(entry_to_proto(vec![], Some(Bytes::from_static(b"no payload"))).is_err());
    let without = entry_to_proto(vec![9], None).unwrap();
    assert!(entry_from_proto(&without).unwrap().payload.is_empty());
}

/// The rows of the manual's field dictionary: section title in lower case without spaces, and field.
fn dictionary() -> Vec<(String, String)> {
    let mut section = String::new();
    let mut rows = Vec::new();
    for line in include_str!("../../manual/events.md").lines() {
        if let Some(title) = line.strip_prefix("##") {
            section = title
                .trim_start_matches('#')
                .replace(' ', "")
                .to_lowercase();
        }
        let names = line
            .strip_prefix("| `")
            .and_then(|row| row.split_once(" |"));
        for name in names.into_iter().flat_map(|(names, _)| names.split(", ")) {
            rows.push((section.clone(), name.trim_matches('`').to_owned()));
        }
    }
    rows
}

#[test]
fn the_field_dictionary_names_every_field_of_the_api() {
    let files = prost_types::FileDescriptorSet::decode(proto::FILE_DESCRIPTOR_SET).unwrap();
    let file = files
        .file
        .iter()
        .find(|file| file.name() == "exhibit/v1/evidence.proto")
        .unwrap();
    let rows = dictionary();
    for message in &file.message_type {
        let section = match message.name() {
            "Event" => "theevent".to_owned(),
            "TestTotals" => "totals".to_owned(),
            name => name.to_lowercase(),
        };
        for field in &message.field {
            let row = (section.clone(), field.name().to_owned());
            assert!(rows.contains(&row), "{row:?} is missing");
        }
        let own = rows.iter().filter(|(title, _)| *title == section).count();
        assert_eq!(own, message.field.len(), "{section} has rows of no field");
    }
}
