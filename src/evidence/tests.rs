//! What holds for every event, and what is refused.
#![allow(clippy::arithmetic_side_effects, clippy::as_conversions)]

use proptest::prelude::*;

use super::{
    arbitrary::{NOW, posted},
    fuzz::comes_back,
    *,
};
use crate::ledger::{
    event::{Event, InvalidEvent},
    payload::{Part, Salt},
    position::UnixNanos,
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

proptest! {
    #[test]
    fn a_valid_event_comes_back_from_its_payload(posted in posted()) {
        prop_assert_eq!(posted.violations(NOW), vec![]);
        prop_assert!(comes_back(posted).is_some());
    }

    #[test]
    fn a_valid_event_comes_back_from_its_json(posted in posted()) {
        let json = serde_json::to_vec(&posted).unwrap();
        let again = PostedEvent::from_json(&json).unwrap();
        prop_assert_eq!(&again, &posted);
        prop_assert_eq!(serde_json::to_vec(&again).unwrap(), json);
    }

    #[test]
    fn a_typed_body_comes_back_byte_for_byte(posted in posted()) {
        let event = into_event(posted).unwrap();
        let read = Evidence::from_body(event.fields().event_type, &body(&event)).unwrap();
        prop_assert_eq!(read.into_body().unwrap(), body(&event));
    }

    #[test]
    fn nothing_personal_stands_in_the_entry_or_the_body(posted in posted()) {
        let said = format!("{posted:?}").contains('«');
        let event = into_event(posted).unwrap();
        let entry = format!("{:?}", event.fields());
        prop_assert!(!entry.contains('«'), "{}", entry);
        let body = String::from_utf8(body(&event)).unwrap();
        prop_assert!(!body.contains('«'), "{}", body);
        // Nor is it lost.
        let parts = event.parts().iter().any(|part| {
            matches!(part, Part::Disclosed(part) if part.content.windows(2).any(|two| two == "«".as_bytes()))
        });
        prop_assert!(parts || !said);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in any::<Vec<u8>>()) {
        fuzz_json(&bytes);
    }

    #[test]
    fn damaged_events_never_panic(
        posted in posted(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut json = serde_json::to_vec(&posted).unwrap();
        let at = at.index(json.len());
        json[at] = byte;
        fuzz_json(&json);
        let event = into_event(posted).unwrap();
        let mut body = body(&event);
        let at = at % body.len();
        body[at] = byte;
        fuzz_json(&body);
    }
}

#[test]
fn an_event_keeps_its_people_in_parts_named_after_what_they_did() {
    let mut author = Actor::new("user:1");
    author.display_name = Some("Ada".into());
    let mut requester = Actor::new("user:2");
    requester.mail = Some("bo@example.com".into());
    let mut change = Change::new("CHG-1", ChangeClass::Normal, "Faster refunds");
    change.author = Some(author);
    change.requester = Some(requester);
    change.comment = Some("as Ada said".into());
    let mut posted = PostedEvent::new("https://ci.example.com/a", "1", change);
    posted.links.push(Link {
        rel: "ticket".into(),
        href: "https://tickets.example.com/1".into(),
    });
    let event = into_event(posted).unwrap();
    let found: Vec<(String, String, String)> = event
        .parts()
        .iter()
        .map(|part| match part {
            Part::Disclosed(part) => (
                part.name.to_owned(),
                part.content_type.to_owned(),
                String::from_utf8(part.content.to_vec()).unwrap(),
            ),
            Part::Withheld(_) => panic!("withheld"),
        })
        .collect();
    let json = "application/json";
    let expected = [
        (
            "body",
            json,
            r#"{"change_id":"CHG-1","change_class":"normal","title":"Faster refunds","author":{"id":"user:1"},"requester":{"id":"user:2"}}"#,
        ),
        (
            "links",
            json,
            r#"[{"rel":"ticket","href":"https://tickets.example.com/1"}]"#,
        ),
        ("author", json, r#"{"display_name":"Ada"}"#),
        ("requester", json, r#"{"mail":"bo@example.com"}"#),
        ("comment", "text/plain; charset=utf-8", "as Ada said"),
    ];
    let expected = expected.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned()));
    assert_eq!(found, expected);
}

#[test]
fn an_event_without_anything_personal_has_a_body_alone() {
    let event = into_event(PostedEvent::new("urn:ci:1", "1", deployment())).unwrap();
    assert_eq!(event.parts().len(), 1);
}

#[test]
fn a_body_says_times_as_text_and_words_as_words() {
    let mut deployment = deployment();
    deployment.action = Some(DeploymentAction::Rollback);
    deployment.started_at = Some(UnixNanos::new(1_790_000_000_000_000_001));
    let event = into_event(PostedEvent::new("urn:ci:1", "1", deployment)).unwrap();
    let expected = format!(
        concat!(
            r#"{{"service":"payments","environment":"production","artifacts":[{{"digest":"{}"}}],"outcome":"succeeded","#,
            r#""action":"rollback","deployer":{{"id":"service-account:deployer"}},"#,
            r#""started_at":"2026-09-21T14:13:20.000000001Z"}}"#
        ),
        DIGEST
    );
    assert_eq!(String::from_utf8(body(&event)).unwrap(), expected);
}

#[test]
fn subjects_follow_from_the_evidence_unless_the_producer_names_one() {
    let mut tested = TestRun::new("unit", Outcome::Failed);
    tested.artifacts.push(Artifact::new(DIGEST));
    let custom = Custom {
        event_type: "com.example.x".into(),
        json: b"{}".to_vec(),
        parts: vec![],
    };
    let approval = Approval::new("CHG-1", Decision::Approved, Actor::new("user:1"));
    let cases: [(Evidence, String); 6] = [
        (
            Change::new("CHG-1", ChangeClass::Standard, "t").into(),
            "change/CHG-1".into(),
        ),
        (approval.into(), "change/CHG-1".into()),
        (tested.into(), format!("artifact/{DIGEST}")),
        (
            TestRun::new("unit", Outcome::Failed).into(),
            "suite/unit".into(),
        ),
        (deployment().into(), "service/payments@production".into()),
        (custom.into(), String::new()),
    ];
    for (evidence, subject) in cases {
        let mut posted = PostedEvent::new("urn:ci:1", "1", evidence);
        assert_eq!(
            into_event(posted.clone()).unwrap().fields().subject,
            subject
        );
        posted.subject = Some("mine".into());
        assert_eq!(into_event(posted).unwrap().fields().subject, "mine");
    }
}

#[test]
fn bodies_that_say_the_same_in_another_form_are_refused() {
    let event = into_event(PostedEvent::new("urn:ci:1", "1", deployment())).unwrap();
    let good = String::from_utf8(body(&event)).unwrap();
    assert!(Evidence::from_body(DEPLOYMENT_TYPE, good.as_bytes()).is_ok());
    for other in [
        good.replace(r#","outcome""#, r#", "outcome""#),
        good.replace(
            r#""service":"payments","environment":"production""#,
            r#""environment":"production","service":"payments""#,
        ),
        good.replace(
            r#"{"id":"service"#,
            r#"{"mail":"a@example.com","id":"service"#,
        ),
        good.replace(
            r#"-account:deployer"}"#,
            r#"-account:deployer","display_name":"Ada"}"#,
        ),
        good.replace(
            r#""outcome":"succeeded""#,
            r#""outcome":"succeeded","comment":"hm""#,
        ),
        good.replace(
            r#""outcome":"succeeded""#,
            r#""outcome":"succeeded","colour":"red""#,
        ),
        good.replace(
            r#""outcome":"succeeded""#,
            r#""outcome":"succeeded","change_ids":[]"#,
        ),
        good.replace("payments", "\\u0070ayments"),
        format!("{good}\n"),
    ] {
        assert_ne!(other, good);
        assert!(
            Evidence::from_body(DEPLOYMENT_TYPE, other.as_bytes()).is_err(),
            "{other}"
        );
    }
    let unknown = Evidence::from_body("exhibit.incident.v9", b"{}");
    assert!(matches!(unknown, Err(UnreadableBody::UnknownType(_))));
}

#[test]
fn a_payload_whose_body_is_withheld_is_not_shown_as_empty() {
    let event = into_event(PostedEvent::new("urn:ci:1", "1", deployment())).unwrap();
    let commitment = event.parts()[0].commitment();
    let withheld = Evidence::from_payload(DEPLOYMENT_TYPE, &[Part::Withheld(commitment)]);
    assert_eq!(withheld, Err(UnreadableBody::Withheld));
}

/// Damages a deployment in one place, and names the field that must be complained about.
type Damage = (&'static str, fn(&mut PostedEvent, &mut Deployment));

#[test]
fn what_is_wrong_with_a_deployment_is_named_by_its_field() {
    let cases: &[Damage] = &[
        ("source", |e, _| e.source.clear()),
        ("source", |e, _| e.source = "ci.example.com/acme".into()),
        ("source", |e, _| e.source = "https://".into()),
        ("source", |e, _| e.source = "https://a b".into()),
        ("source", |e, _| {
            e.source = format!("urn:{}", "a".repeat(1021))
        }),
        ("event_id", |e, _| e.event_id.clear()),
        ("event_id", |e, _| e.event_id = "1\n".into()),
        ("event_id", |e, _| e.event_id = "a".repeat(256)),
        ("subject", |e, _| e.subject = Some(String::new())),
        ("subject", |e, _| e.subject = Some(" a".into())),
        ("occurred_at", |e, _| {
            e.occurred_at = Some(UnixNanos::new(0))
        }),
        ("occurred_at", |e, _| {
            e.occurred_at = Some(UnixNanos::new(NOW.value() + 86_400_000_000_001))
        }),
        ("source_sequence", |e, _| e.source_sequence = Some(0)),
        ("links", |e, _| {
            e.links = vec![
                Link {
                    rel: "a".into(),
                    href: "urn:a".into()
                };
                33
            ]
        }),
        ("links[0].rel", |e, _| {
            e.links = vec![Link {
                rel: String::new(),
                href: "urn:a".into(),
            }]
        }),
        ("links[0].href", |e, _| {
            e.links = vec![Link {
                rel: "a".into(),
                href: "a".into(),
            }]
        }),
        ("deployment.service", |_, d| d.service.clear()),
        ("deployment.service", |_, d| d.service = "ä".repeat(128)),
        ("deployment.environment", |_, d| d.environment.clear()),
        ("deployment.artifacts", |_, d| d.artifacts.clear()),
        ("deployment.artifacts", |_, d| {
            d.artifacts = vec![Artifact::new(DIGEST); 65]
        }),
        ("deployment.artifacts", |_, d| {
            d.artifacts.clear();
            d.action = Some(DeploymentAction::Rollback);
        }),
        ("deployment.artifacts[0].digest", |_, d| {
            d.artifacts[0].digest.clear()
        }),
        ("deployment.artifacts[0].digest", |_, d| {
            d.artifacts[0].digest = DIGEST.to_uppercase()
        }),
        ("deployment.artifacts[0].digest", |_, d| {
            d.artifacts[0].digest = DIGEST.replace("256", "512")
        }),
        ("deployment.artifacts[0].digest", |_, d| {
            d.artifacts[0].digest = format!("{DIGEST}a")
        }),
        ("deployment.artifacts[0].digest", |_, d| {
            d.artifacts[0].digest = DIGEST[7..].to_owned()
        }),
        ("deployment.artifacts[1].name", |_, d| {
            d.artifacts.push(Artifact {
                name: Some(String::new()),
                ..Artifact::new(DIGEST)
            });
        }),
        ("deployment.change_ids[1]", |_, d| {
            d.change_ids = vec!["CHG-1".into(), String::new()]
        }),
        ("deployment.deployer", |_, d| d.deployer = Actor::default()),
        ("deployment.deployer.id", |_, d| {
            d.deployer = Actor {
                role: Some("dev".into()),
                ..Actor::default()
            };
        }),
        ("deployment.deployer.role", |_, d| {
            d.deployer.role = Some("a".repeat(65))
        }),
        ("deployment.deployer.display_name", |_, d| {
            d.deployer.display_name = Some(String::new())
        }),
        ("deployment.deployer.mail", |_, d| {
            d.deployer.mail = Some("ada".into())
        }),
        ("deployment.deployer.mail", |_, d| {
            d.deployer.mail = Some("@example.com".into())
        }),
        ("deployment.deployer.id", |_, d| {
            d.deployer.id = "mail:Ada@Example.com".into();
            d.deployer.mail = Some("ada@example.com".into());
        }),
        ("deployment.revision.commit", |_, d| {
            d.revision = Some(Revision::default())
        }),
        ("deployment.revision.commit", |_, d| {
            d.revision = Some(Revision {
                commit: "abc1234".into(),
                ..Revision::default()
            });
        }),
        ("deployment.revision.repository", |_, d| {
            d.revision = Some(Revision {
                commit: "a".repeat(40),
                repository: Some("acme/payments".into()),
                reference: None,
            });
        }),
        ("deployment.finished_at", |_, d| {
            d.started_at = Some(UnixNanos::new(2));
            d.finished_at = Some(UnixNanos::new(1));
        }),
        ("deployment.finished_at", |_, d| {
            d.finished_at = Some(UnixNanos::new(u64::MAX))
        }),
        ("deployment.started_at", |_, d| {
            d.started_at = Some(UnixNanos::new(0))
        }),
        ("deployment.rollback_of", |_, d| {
            d.rollback_of = Some("7".into())
        }),
        ("deployment.comment", |_, d| d.comment = Some(String::new())),
        ("deployment.comment", |_, d| {
            d.comment = Some("a\u{7}".into())
        }),
        ("deployment.comment", |_, d| {
            d.comment = Some("a".repeat(16_385))
        }),
        ("deployment.bypassed_controls[0]", |_, d| {
            d.bypassed_controls = vec![String::new()]
        }),
    ];
    for (case, (field, damage)) in cases.iter().enumerate() {
        let mut deployment = deployment();
        let mut posted = PostedEvent::new("urn:ci:1", "1", deployment.clone());
        damage(&mut posted, &mut deployment);
        posted.evidence = deployment.into();
        let violations = into_event(posted).unwrap_err();
        let fields: Vec<&str> = violations.iter().map(|v| v.field.as_str()).collect();
        assert_eq!(fields, [*field], "case {case}: {violations:?}");
    }
}

#[test]
fn what_is_wrong_with_other_evidence_is_named_by_its_field() {
    let change = || Change::new("CHG-1", ChangeClass::Normal, "t");
    let run = || TestRun::new("unit", Outcome::Failed);
    let custom = |event_type: &str, json: &str| Custom {
        event_type: event_type.into(),
        json: json.into(),
        parts: vec![],
    };
    let part = |name: &str, content_type: &str| {
        let mut custom = custom("com.example.x", "{}");
        custom.parts.push(CustomPart {
            name: name.into(),
            content_type: content_type.into(),
            content: vec![],
        });
        custom
    };
    let mut twice = part("a", "a/b");
    twice.parts.push(twice.parts[0].clone());
    let mut many = part("a", "a/b");
    many.parts = vec![many.parts[0].clone(); 31];
    let totals = |passed, flaky| {
        Some(TestTotals {
            passed,
            flaky,
            ..TestTotals::default()
        })
    };
    let cases: Vec<(&str, Evidence)> = vec![
        (
            "change.change_id",
            Change::new("", ChangeClass::Normal, "t").into(),
        ),
        (
            "change.title",
            Change::new("1", ChangeClass::Normal, "two\nlines").into(),
        ),
        (
            "change.reason",
            Change {
                reason: Some("a".repeat(4097)),
                ..change()
            }
            .into(),
        ),
        (
            "change.author",
            Change {
                author: Some(Actor::default()),
                ..change()
            }
            .into(),
        ),
        (
            "change.planned_end",
            Change {
                planned_start: Some(UnixNanos::new(2)),
                planned_end: Some(UnixNanos::new(1)),
                ..change()
            }
            .into(),
        ),
        (
            "change.environments[0]",
            Change {
                environments: vec![" ".into()],
                ..change()
            }
            .into(),
        ),
        (
            "change.incident_ids",
            Change {
                incident_ids: vec!["a".into(); 65],
                ..change()
            }
            .into(),
        ),
        (
            "approval.approver",
            Approval::new("1", Decision::Approved, Actor::default()).into(),
        ),
        ("test_run.suite", TestRun::new("", Outcome::Failed).into()),
        (
            "test_run.attempt",
            TestRun {
                attempt: Some(0),
                ..run()
            }
            .into(),
        ),
        (
            "test_run.totals.flaky",
            TestRun {
                totals: totals(1, 2),
                ..run()
            }
            .into(),
        ),
        (
            "test_run.totals.passed",
            TestRun {
                totals: totals(u64::MAX, 2),
                ..run()
            }
            .into(),
        ),
        (
            "test_run.reports",
            TestRun {
                reports: vec![Artifact::new(DIGEST); 17],
                ..run()
            }
            .into(),
        ),
        ("custom.type", custom("exhibit.change.v1", "{}").into()),
        ("custom.type", custom("", "{}").into()),
        ("custom.json", custom("a", "").into()),
        ("custom.json", custom("a", "[]").into()),
        ("custom.parts[0].name", part("body", "a/b").into()),
        ("custom.parts[0].name", part("links", "a/b").into()),
        ("custom.parts[0].name", part("", "a/b").into()),
        ("custom.parts[0].content_type", part("a", "").into()),
        ("custom.parts[0].content_type", part("a", "text").into()),
        ("custom.parts[1].name", twice.into()),
        ("custom.parts", many.into()),
    ];
    for (field, evidence) in cases {
        let violations = into_event(PostedEvent::new("urn:ci:1", "1", evidence)).unwrap_err();
        let fields: Vec<&str> = violations.iter().map(|v| v.field.as_str()).collect();
        assert_eq!(fields, [field], "{violations:?}");
    }
}

#[test]
fn everything_that_is_wrong_is_named_at_once_up_to_a_bound() {
    let mut wrong = deployment();
    wrong.service.clear();
    wrong.artifacts[0].digest = "latest".into();
    wrong.deployer = Actor::default();
    let violations = into_event(PostedEvent::new("ci", "", wrong.clone())).unwrap_err();
    let fields: Vec<&str> = violations.iter().map(|v| v.field.as_str()).collect();
    let expected = [
        "source",
        "event_id",
        "deployment.service",
        "deployment.artifacts[0].digest",
        "deployment.deployer",
    ];
    assert_eq!(fields, expected);
    wrong.change_ids = vec![String::new(); 64];
    let violations = into_event(PostedEvent::new("ci", "", wrong)).unwrap_err();
    assert_eq!(violations.len(), VIOLATIONS_MAX + 1);
    assert_eq!(
        violations.last().unwrap().problem,
        "19 further problems are not listed"
    );
}

#[test]
fn parts_that_are_too_long_together_are_refused_as_the_events() {
    let part = |name: &str| CustomPart {
        name: name.into(),
        content_type: "a/b".into(),
        content: vec![0; 600_000],
    };
    let mut custom = Custom {
        event_type: "com.example.x".into(),
        json: b"{}".to_vec(),
        parts: vec![part("one")],
    };
    assert!(into_event(PostedEvent::new("urn:ci:1", "1", custom.clone())).is_ok());
    custom.parts.push(part("two"));
    let violations = into_event(PostedEvent::new("urn:ci:1", "1", custom)).unwrap_err();
    assert_eq!(violations[0].field, "event");
}

#[test]
fn problems_do_not_repeat_what_is_personal() {
    let mut wrong = deployment();
    wrong.deployer.mail = Some("ada-lovelace".into());
    wrong.deployer.display_name = Some("ada-lovelace\u{7}".into());
    wrong.comment = Some("ada-lovelace\u{7}".into());
    let violations = into_event(PostedEvent::new("urn:ci:1", "1", wrong)).unwrap_err();
    assert_eq!(violations.len(), 3);
    assert!(!format!("{violations:?}").contains("lovelace"));
}

#[test]
fn json_that_readers_could_take_differently_is_refused() {
    let nested = |depth: usize| format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
    let brackets_in_text = format!(r#"{{"a":"\"{}"}}"#, "[{".repeat(200));
    for good in [
        "{}",
        " \n{\"a\":1}\n",
        r#"{"a":{"a":1},"b":{"a":1}}"#,
        r#"{"a":[1.5e3,-0,true,null,"\ud83d\ude80"]}"#,
        &nested(JSON_DEPTH_MAX),
        &brackets_in_text,
    ] {
        assert_eq!(check_json_object(good.as_bytes()), Ok(()), "{good}");
    }
    let long = format!(r#"{{"a":"{}"}}"#, "a".repeat(1 << 20));
    for bad in [
        "",
        " ",
        "null",
        "[{}]",
        "{",
        "{}{}",
        "{} x",
        r#"{"a":1,"a":1}"#,
        r#"{"a":1,"\u0061":2}"#,
        r#"{"b":[{"x":{"a":1,"c":2,"a":1}}]}"#,
        r#"{"a":01}"#,
        r#"{"a":1e999}"#,
        r#"{"a":NaN}"#,
        r#"{"a":"\ud800"}"#,
        r#"{'a':1}"#,
        r#"{"a":1,}"#,
        "{\"a\":\"\n\"}",
        "\u{feff}{}",
        &nested(JSON_DEPTH_MAX + 1),
        &nested(100_000),
        &"{\"a\":[".repeat(100_000),
        &long,
    ] {
        assert!(check_json_object(bad.as_bytes()).is_err(), "{:.80}", bad);
    }
    assert!(check_json_object(b"{\"a\":\"\xff\"}").is_err());
}

#[test]
fn posted_json_has_exactly_one_kind_of_evidence() {
    let with = |evidence: &str| {
        let json = format!(r#"{{"source":"urn:ci:1","event_id":"1"{evidence}}}"#);
        PostedEvent::from_json(json.as_bytes())
    };
    let run = r#","test_run":{"suite":"unit","outcome":"succeeded"}"#;
    let custom = r#","custom":{"type":"a","json":{ "b" : 1 }}"#;
    assert!(with(run).is_ok());
    let Evidence::Custom(kept) = with(custom).unwrap().evidence else {
        panic!("not custom");
    };
    assert_eq!(kept.json, br#"{ "b" : 1 }"#);
    for bad in [
        String::new(),
        format!("{run}{custom}"),
        format!("{run}{run}"),
        r#","incident":{}"#.to_owned(),
        r#","test_run":{"suite":"unit"}"#.to_owned(),
        r#","test_run":{"suite":"unit","outcome":"SUCCEEDED"}"#.to_owned(),
        r#","test_run":{"suite":"unit","outcome":"succeeded","colour":"red"}"#.to_owned(),
        r#","test_run":{"suite":"unit","outcome":"succeeded","started_at":"yesterday"}"#.to_owned(),
        r#","custom":{"type":"a","json":{},"parts":[{"name":"a","content_type":"a/b"}]}"#
            .to_owned(),
    ] {
        assert!(with(&bad).is_err(), "{bad}");
    }
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
