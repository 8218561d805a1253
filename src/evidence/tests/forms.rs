//! The stored form of an event: its parts, its body, its subject.

use super::*;
use crate::ledger::position::UnixNanos;

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
