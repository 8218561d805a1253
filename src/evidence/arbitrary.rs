//! Valid events made up for property tests. All that is personal in one holds `«`, and nothing else does.

use proptest::{collection::vec, option::of, prelude::*, sample::select};

use super::{
    Actor, ActorKind, Approval, ApprovalKind, Artifact, Change, ChangeClass, Custom, CustomPart,
    Decision, Deployment, DeploymentAction, Evidence, Link, Outcome, PostedEvent, Revision,
    RiskLevel, TestRun, TestTotals,
};
use crate::ledger::position::UnixNanos;

pub(crate) use super::fuzz::NOW;

/// A valid event of any kind.
pub(crate) fn posted() -> impl Strategy<Value = PostedEvent> {
    (
        uri(),
        line(),
        of(line()),
        of(happened()),
        of(1..=super::SOURCE_SEQUENCE_MAX),
        vec(
            (line(), uri()).prop_map(|(rel, href)| Link { rel, href }),
            0..3,
        ),
        evidence(),
    )
        .prop_map(
            |(source, event_id, subject, occurred_at, source_sequence, links, evidence)| {
                PostedEvent {
                    source,
                    event_id,
                    subject,
                    occurred_at,
                    source_sequence,
                    links,
                    evidence,
                }
            },
        )
}

// Boxed, because the trees of so many fields would overflow a test's stack.
fn evidence() -> impl Strategy<Value = Evidence> {
    prop_oneof![
        change().prop_map(Evidence::from).boxed(),
        approval().prop_map(Evidence::from).boxed(),
        test_run().prop_map(Evidence::from).boxed(),
        deployment().prop_map(Evidence::from).boxed(),
        custom().prop_map(Evidence::from).boxed(),
    ]
}

fn change() -> impl Strategy<Value = Change> {
    let what = (
        line(),
        select(ChangeClass::ALL),
        line(),
        of(text()),
        of(select(RiskLevel::ALL)),
        of(text()),
        of(text()),
    );
    let who = (of(actor()), of(actor()), of(personal()));
    let scope = (
        vec(revision(), 0..3),
        lines(),
        lines(),
        period(any::<u64>().prop_map(|nanos| UnixNanos::new(nanos.max(1)))),
        of(line()),
        lines(),
    );
    (what, who, scope).prop_map(|(what, who, scope)| Change {
        change_id: what.0,
        change_class: what.1,
        title: what.2,
        reason: what.3,
        risk: what.4,
        impact: what.5,
        rollback_plan: what.6,
        author: who.0,
        requester: who.1,
        comment: who.2,
        revisions: scope.0,
        services: scope.1,
        environments: scope.2,
        planned_start: scope.3.0,
        planned_end: scope.3.1,
        change_model: scope.4,
        incident_ids: scope.5,
    })
}

fn approval() -> impl Strategy<Value = Approval> {
    (
        line(),
        select(Decision::ALL),
        actor(),
        of(select(ApprovalKind::ALL)),
        of(revision()),
        artifacts(0),
        of(line()),
        of(happened()),
        of(personal()),
    )
        .prop_map(|it| Approval {
            change_id: it.0,
            decision: it.1,
            approver: it.2,
            kind: it.3,
            revision: it.4,
            artifacts: it.5,
            environment: it.6,
            expires_at: it.7,
            comment: it.8,
        })
}

fn test_run() -> impl Strategy<Value = TestRun> {
    let what = (
        line(),
        of(line()),
        select(Outcome::ALL),
        artifacts(0),
        of(revision()),
        of(line()),
        of(totals()),
    );
    let how = (
        period(happened()),
        of(line()),
        artifacts(0),
        lines(),
        of(actor()),
        of(personal()),
        of(1u32..),
    );
    (what, how).prop_map(|(what, how)| TestRun {
        suite: what.0,
        kind: what.1,
        outcome: what.2,
        artifacts: what.3,
        revision: what.4,
        environment: what.5,
        totals: what.6,
        started_at: how.0.0,
        finished_at: how.0.1,
        tool: how.1,
        reports: how.2,
        change_ids: how.3,
        triggered_by: how.4,
        comment: how.5,
        attempt: how.6,
    })
}

fn deployment() -> impl Strategy<Value = Deployment> {
    let what = (line(), line(), artifacts(1), select(Outcome::ALL));
    let action = prop_oneof![
        of(select(DeploymentAction::ALL)).prop_map(|action| (action, None)),
        line().prop_map(|event| (Some(DeploymentAction::Rollback), Some(event))),
    ];
    let how = (
        lines(),
        actor(),
        of(revision()),
        period(happened()),
        of(personal()),
        lines(),
    );
    (what, action, how).prop_map(|(what, action, how)| Deployment {
        service: what.0,
        environment: what.1,
        artifacts: what.2,
        outcome: what.3,
        action: action.0,
        rollback_of: action.1,
        change_ids: how.0,
        deployer: how.1,
        revision: how.2,
        started_at: how.3.0,
        finished_at: how.3.1,
        comment: how.4,
        bypassed_controls: how.5,
    })
}

fn custom() -> impl Strategy<Value = Custom> {
    let json = (line(), text(), any::<f64>()).prop_map(|(key, text, number)| {
        let number = if number.is_finite() { number } else { 0.5 };
        let quoted = |text: &str| serde_json::to_string(text).unwrap();
        // Laid out as no serialiser would.
        format!(
            "{{\n\t{} :[ {number:e},{} , {{}} ,null]}}",
            quoted(&key),
            quoted(&text)
        )
        .into_bytes()
    });
    let parts = vec(
        prop_oneof![personal().prop_map(String::into_bytes), any::<Vec<u8>>()],
        0..3,
    );
    ("[a-z]{1,9}\\.[a-z.]{1,20}", json, parts)
        .prop_filter("the ledger's own", |(event_type, _, _)| {
            !event_type.starts_with("exhibit.")
        })
        .prop_map(|(event_type, json, parts)| Custom {
            event_type,
            json,
            parts: parts
                .into_iter()
                .enumerate()
                .map(|(position, content)| CustomPart {
                    name: format!("part {position}"),
                    content_type: "application/octet-stream".to_owned(),
                    content,
                })
                .collect(),
        })
}

fn actor() -> BoxedStrategy<Actor> {
    (
        line(),
        of(line()),
        of(select(ActorKind::ALL)),
        of(personal()),
        of(personal().prop_map(|name| format!("{}@example.com", name.replace('\n', "")))),
    )
        .prop_map(|(id, role, kind, display_name, mail)| Actor {
            id,
            role,
            kind,
            display_name: display_name.map(|name| name.replace('\n', "")),
            mail,
        })
        .boxed()
}

fn artifacts(at_least: usize) -> impl Strategy<Value = Vec<Artifact>> {
    let digest = prop_oneof!["sha256:[0-9a-f]{64}", "sha512:[0-9a-f]{128}"];
    let artifact = (of(line()), digest, of(line())).prop_map(|(name, digest, version)| Artifact {
        name,
        digest,
        version,
    });
    vec(artifact, at_least..3)
}

fn revision() -> impl Strategy<Value = Revision> {
    (
        of(uri()),
        prop_oneof!["[0-9a-f]{40}", "[0-9a-f]{64}"],
        of(line()),
    )
        .prop_map(|(repository, commit, reference)| Revision {
            repository,
            commit,
            reference,
        })
}

fn totals() -> impl Strategy<Value = TestTotals> {
    let count = || 0u64..=1_000_000_000;
    (count(), count(), count(), count(), 0u64..=100).prop_map(|it| TestTotals {
        passed: it.0,
        failed: it.1,
        skipped: it.2,
        flaky: it.0.min(it.4),
        errored: it.3,
    })
}

fn period(
    time: impl Strategy<Value = UnixNanos> + Clone,
) -> impl Strategy<Value = (Option<UnixNanos>, Option<UnixNanos>)> {
    (of(time.clone()), of(time)).prop_map(|(one, other)| match (one, other) {
        (Some(one), Some(other)) => (Some(one.min(other)), Some(one.max(other))),
        other => other,
    })
}

fn happened() -> impl Strategy<Value = UnixNanos> + Clone {
    (1..=NOW.value()).prop_map(UnixNanos::new)
}

fn lines() -> impl Strategy<Value = Vec<String>> {
    vec(line(), 0..3)
}

fn line() -> impl Strategy<Value = String> {
    "[!-~]([ -~äß€\u{1F680}]{0,12}[!-~é])?"
}

fn text() -> impl Strategy<Value = String> {
    "[ -~äß€\u{1F680}\r\n\t]{1,40}"
}

fn personal() -> impl Strategy<Value = String> {
    "«[ -?A-~ä\n]{0,20}»"
}

fn uri() -> impl Strategy<Value = String> {
    prop_oneof![
        "https://[a-z]{1,9}\\.example/[!#-;=?-\\[\\]-~]{0,20}",
        "urn:[a-z]{1,5}:[0-9]{1,9}"
    ]
}
