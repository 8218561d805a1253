//! Events of the API, read. Strings are moved, never copied; what the API can't say is said as absent.

use prost_types::Timestamp;

use super::{
    time::nanos,
    words::{UnknownNumber, Word},
};
use crate::{
    evidence::{
        Actor, Approval, Artifact, Change, ChangeClass, Check, Custom, CustomPart, Decision,
        Deployment, Evidence, Link, Outcome, Path, PostedEvent, Revision, TestRun, TestTotals,
    },
    ledger::{
        event::{Event, InvalidEvent, LEDGER_SOURCE_PREFIX, LEDGER_TYPE_PREFIX},
        payload::Salt,
        position::UnixNanos,
    },
    service::proto::{self, event},
};

/// Reads an event of the API and makes the ledger's event of it: checked in full, personal fields in parts of their
/// own. `producer` is who posted it, as the ledger authenticated it; `salts` gives 32 fresh random bytes each time.
///
/// # Errors
/// Names everything that is wrong, field by field, as `event.<field>`.
pub fn event_from_proto(
    event: proto::Event,
    producer: &str,
    now: UnixNanos,
    mut salts: impl FnMut() -> Salt,
) -> Result<Event, Vec<InvalidEvent>> {
    let posted = posted_from_proto(event, now)?;
    let reserved = reserved(&posted);
    if !reserved.is_empty() {
        return Err(within_event(reserved));
    }
    posted
        .into_event(producer, now, &mut salts)
        .map_err(within_event)
}

/// Reads an event of the API without making the ledger's event of it.
///
/// # Errors
/// Where the API's message says something that evidence can't (an unspecified outcome, a time before 1970, no evidence
/// at all), names that and everything else that is wrong. Where it does not, the event is yet to be checked.
pub fn posted_from_proto(
    event: proto::Event,
    now: UnixNanos,
) -> Result<PostedEvent, Vec<InvalidEvent>> {
    let mut reader = Reader(Check::new(now));
    let has_evidence = event.evidence.is_some();
    let posted = reader.event(event);
    if reader.0.is_clean() {
        return Ok(posted);
    }
    posted.check_envelope(&mut reader.0);
    if has_evidence {
        posted.evidence.check(&mut reader.0);
    }
    Err(within_event(reader.0.into_violations()))
}

/// What only the ledger may say of itself, such as of its keys and of damage that is known: a verifier believes such
/// entries, and commands that have the data directory to themselves make them.
fn reserved(posted: &PostedEvent) -> Vec<InvalidEvent> {
    const RESERVED: &str = "is reserved for what the ledger records of itself; `exhibit key` and `exhibit break`, on its machine, do that";
    let mut violations = Vec::new();
    if posted.source.starts_with(LEDGER_SOURCE_PREFIX) {
        violations.push(InvalidEvent::new("source", RESERVED));
    }
    if posted.evidence.event_type().starts_with(LEDGER_TYPE_PREFIX) {
        violations.push(InvalidEvent::new("custom.type", RESERVED));
    }
    violations
}

/// Names fields from the request down. The producer is no field of it: the ledger says who that is.
fn within_event(mut violations: Vec<InvalidEvent>) -> Vec<InvalidEvent> {
    for violation in &mut violations {
        if !["event", "producer"].contains(&violation.field.as_str()) {
            violation.field.insert_str(0, "event.");
        }
    }
    violations
}

/// Reads messages, and collects what the API can say and evidence can't. Where something required is not said, some
/// value stands in for it: an event with a violation goes no further.
struct Reader(Check);

impl Reader {
    fn event(&mut self, event: proto::Event) -> PostedEvent {
        let at = Path::Event;
        let evidence = match event.evidence {
            Some(event::Evidence::Change(change)) => {
                Evidence::from(self.change(at.field("change"), change))
            }
            Some(event::Evidence::Approval(approval)) => {
                Evidence::from(self.approval(at.field("approval"), approval))
            }
            Some(event::Evidence::TestRun(run)) => {
                Evidence::from(self.test_run(at.field("test_run"), run))
            }
            Some(event::Evidence::Deployment(deployment)) => {
                Evidence::from(self.deployment(at.field("deployment"), deployment))
            }
            Some(event::Evidence::Custom(event)) => Evidence::from(custom(event)),
            None => {
                self.0.refuse(
                    at.field("evidence"),
                    "is missing; give one of change, approval, test_run, deployment, custom",
                );
                Evidence::from(Custom::default())
            }
        };
        PostedEvent {
            source: event.source,
            event_id: event.event_id,
            subject: given(event.subject),
            occurred_at: self.time(at.field("occurred_at"), event.occurred_at),
            source_sequence: (event.source_sequence > 0).then_some(event.source_sequence),
            links: event.links.into_iter().map(link).collect(),
            evidence,
        }
    }

    fn change(&mut self, at: Path<'_>, change: proto::Change) -> Change {
        Change {
            change_id: change.change_id,
            change_class: self.required(
                at.field("change_class"),
                change.change_class,
                ChangeClass::Emergency,
            ),
            title: change.title,
            reason: given(change.reason),
            risk: self.word(at.field("risk"), change.risk),
            impact: given(change.impact),
            rollback_plan: given(change.rollback_plan),
            author: self.actor(at.field("author"), change.author),
            requester: self.actor(at.field("requester"), change.requester),
            revisions: change.revisions.into_iter().map(revision).collect(),
            services: change.services,
            environments: change.environments,
            planned_start: self.time(at.field("planned_start"), change.planned_start),
            planned_end: self.time(at.field("planned_end"), change.planned_end),
            comment: given(change.comment),
            change_model: given(change.change_model),
            incident_ids: change.incident_ids,
        }
    }

    fn approval(&mut self, at: Path<'_>, approval: proto::Approval) -> Approval {
        Approval {
            change_id: approval.change_id,
            decision: self.required(at.field("decision"), approval.decision, Decision::Rejected),
            approver: self
                .actor(at.field("approver"), approval.approver)
                .unwrap_or_default(),
            kind: self.word(at.field("kind"), approval.kind),
            revision: approval.revision.map(revision),
            artifacts: artifacts(approval.artifacts),
            environment: given(approval.environment),
            expires_at: self.time(at.field("expires_at"), approval.expires_at),
            comment: given(approval.comment),
        }
    }

    fn test_run(&mut self, at: Path<'_>, run: proto::TestRun) -> TestRun {
        TestRun {
            suite: run.suite,
            kind: given(run.kind),
            outcome: self.required(at.field("outcome"), run.outcome, Outcome::Errored),
            artifacts: artifacts(run.artifacts),
            revision: run.revision.map(revision),
            environment: given(run.environment),
            totals: run.totals.map(totals),
            started_at: self.time(at.field("started_at"), run.started_at),
            finished_at: self.time(at.field("finished_at"), run.finished_at),
            tool: given(run.tool),
            reports: artifacts(run.reports),
            change_ids: run.change_ids,
            triggered_by: self.actor(at.field("triggered_by"), run.triggered_by),
            comment: given(run.comment),
            attempt: (run.attempt > 0).then_some(run.attempt),
        }
    }

    fn deployment(&mut self, at: Path<'_>, deployment: proto::Deployment) -> Deployment {
        Deployment {
            service: deployment.service,
            environment: deployment.environment,
            artifacts: artifacts(deployment.artifacts),
            outcome: self.required(at.field("outcome"), deployment.outcome, Outcome::Errored),
            action: self.word(at.field("action"), deployment.action),
            change_ids: deployment.change_ids,
            deployer: self
                .actor(at.field("deployer"), deployment.deployer)
                .unwrap_or_default(),
            revision: deployment.revision.map(revision),
            started_at: self.time(at.field("started_at"), deployment.started_at),
            finished_at: self.time(at.field("finished_at"), deployment.finished_at),
            rollback_of: given(deployment.rollback_of),
            comment: given(deployment.comment),
            bypassed_controls: deployment.bypassed_controls,
        }
    }

    fn actor(&mut self, at: Path<'_>, actor: Option<proto::Actor>) -> Option<Actor> {
        let actor = actor?;
        Some(Actor {
            id: actor.id,
            role: given(actor.role),
            kind: self.word(at.field("kind"), actor.kind),
            display_name: given(actor.display_name),
            mail: given(actor.mail),
        })
    }

    fn time(&mut self, at: Path<'_>, time: Option<Timestamp>) -> Option<UnixNanos> {
        match nanos(time?) {
            Ok(time) => Some(time),
            Err(problem) => {
                self.0.refuse(at, problem);
                None
            }
        }
    }

    /// A word that may be left unspecified.
    fn word<W: Word>(&mut self, at: Path<'_>, number: i32) -> Option<W> {
        W::from_number(number).unwrap_or_else(|UnknownNumber| {
            let known = W::known();
            self.0
                .refuse(at, format!("is {number}, which is none of {known}"));
            None
        })
    }

    /// A word that must be said. `stand_in` is what a refused event carries instead.
    fn required<W: Word>(&mut self, at: Path<'_>, number: i32, stand_in: W) -> W {
        if number == 0 {
            self.0
                .refuse(at, format!("is not specified; give one of {}", W::known()));
        }
        self.word(at, number).unwrap_or(stand_in)
    }
}

fn custom(custom: proto::Custom) -> Custom {
    Custom {
        event_type: custom.r#type,
        json: custom.json.into(),
        parts: custom
            .parts
            .into_iter()
            .map(|part| CustomPart {
                name: part.name,
                content_type: part.content_type,
                content: part.content.into(),
            })
            .collect(),
    }
}

fn link(link: proto::Link) -> Link {
    Link {
        rel: link.rel,
        href: link.href,
    }
}

fn artifacts(artifacts: Vec<proto::Artifact>) -> Vec<Artifact> {
    artifacts
        .into_iter()
        .map(|artifact| Artifact {
            name: given(artifact.name),
            digest: artifact.digest,
            version: given(artifact.version),
        })
        .collect()
}

fn revision(revision: proto::Revision) -> Revision {
    Revision {
        repository: given(revision.repository),
        commit: revision.commit,
        reference: given(revision.r#ref),
    }
}

fn totals(totals: proto::TestTotals) -> TestTotals {
    TestTotals {
        passed: totals.passed,
        failed: totals.failed,
        skipped: totals.skipped,
        flaky: totals.flaky,
        errored: totals.errored,
    }
}

/// The API's empty text is evidence's absent one.
fn given(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}
