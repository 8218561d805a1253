//! What is wrong with an event is named by its field.
#![allow(clippy::arithmetic_side_effects)]

use super::*;
use crate::ledger::position::UnixNanos;

/// Damages a deployment in one place, and names the field that must be complained about.
type Damage = (&'static str, fn(&mut PostedEvent, &mut Deployment));

const DAMAGES: &[Damage] = &[
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
    ("source_sequence", |e, _| e.source_sequence = Some(1 << 53)),
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

#[test]
fn what_is_wrong_with_a_deployment_is_named_by_its_field() {
    for (case, (field, damage)) in DAMAGES.iter().enumerate() {
        let mut deployment = deployment();
        let mut posted = PostedEvent::new("urn:ci:1", "1", deployment.clone());
        damage(&mut posted, &mut deployment);
        posted.evidence = deployment.into();
        let violations = into_event(posted).unwrap_err();
        let fields: Vec<&str> = violations.iter().map(|v| v.field.as_str()).collect();
        assert_eq!(fields, [*field], "case {case}: {violations:?}");
    }
}

/// Each piece of evidence has one thing wrong with it, in the field it stands beside.
fn is_refused_at(cases: Vec<(&str, Evidence)>) {
    for (field, evidence) in cases {
        let violations = into_event(PostedEvent::new("urn:ci:1", "1", evidence)).unwrap_err();
        let fields: Vec<&str> = violations.iter().map(|v| v.field.as_str()).collect();
        assert_eq!(fields, [field], "{violations:?}");
    }
}

#[test]
fn what_is_wrong_with_a_change_or_an_approval_is_named_by_its_field() {
    let change = || Change::new("CHG-1", ChangeClass::Normal, "t");
    let (later, earlier) = (Some(UnixNanos::new(2)), Some(UnixNanos::new(1)));
    let backwards = Change {
        planned_start: later,
        planned_end: earlier,
        ..change()
    };
    let approval = Approval::new("1", Decision::Approved, Actor::default());
    is_refused_at(vec![
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
        ("change.planned_end", backwards.into()),
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
        ("approval.approver", approval.into()),
    ]);
}

#[test]
fn what_is_wrong_with_a_test_run_is_named_by_its_field() {
    let run = || TestRun::new("unit", Outcome::Failed);
    let totals = |passed, flaky| {
        Some(TestTotals {
            passed,
            flaky,
            ..TestTotals::default()
        })
    };
    is_refused_at(vec![
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
    ]);
}

#[test]
fn what_is_wrong_with_a_custom_event_is_named_by_its_field() {
    let custom = |event_type: &str, json: &str| Custom {
        event_type: event_type.into(),
        json: json.into(),
        parts: vec![],
    };
    let part = |name: &str, content_type: &str| Custom {
        parts: vec![CustomPart {
            name: name.into(),
            content_type: content_type.into(),
            content: vec![],
        }],
        ..custom("com.example.x", "{}")
    };
    let repeated = |times| {
        let one = part("a", "a/b");
        Custom {
            parts: vec![one.parts[0].clone(); times],
            ..one
        }
    };
    is_refused_at(vec![
        ("custom.type", custom("exhibit.change.v1", "{}").into()),
        ("custom.type", custom("", "{}").into()),
        ("custom.json", custom("a", "").into()),
        ("custom.json", custom("a", "[]").into()),
        ("custom.parts[0].name", part("body", "a/b").into()),
        ("custom.parts[0].name", part("links", "a/b").into()),
        ("custom.parts[0].name", part("", "a/b").into()),
        ("custom.parts[0].content_type", part("a", "").into()),
        ("custom.parts[0].content_type", part("a", "text").into()),
        ("custom.parts[1].name", repeated(2).into()),
        ("custom.parts", repeated(31).into()),
    ]);
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
