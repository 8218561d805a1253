//! Events of the API, written: what a client sends.

use super::{time::time_to_proto, words::Word};
use crate::{
    evidence::{
        Actor, Approval, Artifact, Change, Custom, Deployment, Evidence, Link, PostedEvent,
        Revision, TestRun, TestTotals,
    },
    service::proto::{self, event},
};

/// Writes an event for the API. Nothing is checked: the ledger does that, and this client may be older than it. But
/// what the API can't tell from absent is lost here, an empty text and a count of zero: JSON with these is not read,
/// and who fills the structs by other means asks [`PostedEvent::violations`] first.
pub fn posted_to_proto(event: PostedEvent) -> proto::Event {
    let evidence = match event.evidence {
        Evidence::Change(evidence) => event::Evidence::Change(change(*evidence)),
        Evidence::Approval(evidence) => event::Evidence::Approval(approval(*evidence)),
        Evidence::TestRun(evidence) => event::Evidence::TestRun(test_run(*evidence)),
        Evidence::Deployment(evidence) => event::Evidence::Deployment(deployment(*evidence)),
        Evidence::Custom(evidence) => event::Evidence::Custom(custom(evidence)),
    };
    proto::Event {
        source: event.source,
        event_id: event.event_id,
        subject: event.subject.unwrap_or_default(),
        occurred_at: event.occurred_at.map(time_to_proto),
        source_sequence: event.source_sequence.unwrap_or_default(),
        links: event.links.into_iter().map(link).collect(),
        evidence: Some(evidence),
    }
}

fn change(change: Change) -> proto::Change {
    proto::Change {
        change_id: change.change_id,
        change_class: change.change_class.number(),
        title: change.title,
        reason: change.reason.unwrap_or_default(),
        risk: number(change.risk),
        impact: change.impact.unwrap_or_default(),
        rollback_plan: change.rollback_plan.unwrap_or_default(),
        author: change.author.map(actor),
        requester: change.requester.map(actor),
        revisions: change.revisions.into_iter().map(revision).collect(),
        services: change.services,
        environments: change.environments,
        planned_start: change.planned_start.map(time_to_proto),
        planned_end: change.planned_end.map(time_to_proto),
        comment: change.comment.unwrap_or_default(),
        change_model: change.change_model.unwrap_or_default(),
        incident_ids: change.incident_ids,
    }
}

fn approval(approval: Approval) -> proto::Approval {
    proto::Approval {
        change_id: approval.change_id,
        decision: approval.decision.number(),
        approver: Some(actor(approval.approver)),
        kind: number(approval.kind),
        revision: approval.revision.map(revision),
        artifacts: artifacts(approval.artifacts),
        environment: approval.environment.unwrap_or_default(),
        expires_at: approval.expires_at.map(time_to_proto),
        comment: approval.comment.unwrap_or_default(),
    }
}

fn test_run(run: TestRun) -> proto::TestRun {
    proto::TestRun {
        suite: run.suite,
        kind: run.kind.unwrap_or_default(),
        outcome: run.outcome.number(),
        artifacts: artifacts(run.artifacts),
        revision: run.revision.map(revision),
        environment: run.environment.unwrap_or_default(),
        totals: run.totals.map(totals),
        started_at: run.started_at.map(time_to_proto),
        finished_at: run.finished_at.map(time_to_proto),
        tool: run.tool.unwrap_or_default(),
        reports: artifacts(run.reports),
        change_ids: run.change_ids,
        triggered_by: run.triggered_by.map(actor),
        comment: run.comment.unwrap_or_default(),
        attempt: run.attempt.unwrap_or_default(),
    }
}

fn deployment(deployment: Deployment) -> proto::Deployment {
    proto::Deployment {
        service: deployment.service,
        environment: deployment.environment,
        artifacts: artifacts(deployment.artifacts),
        outcome: deployment.outcome.number(),
        action: number(deployment.action),
        change_ids: deployment.change_ids,
        deployer: Some(actor(deployment.deployer)),
        revision: deployment.revision.map(revision),
        started_at: deployment.started_at.map(time_to_proto),
        finished_at: deployment.finished_at.map(time_to_proto),
        rollback_of: deployment.rollback_of.unwrap_or_default(),
        comment: deployment.comment.unwrap_or_default(),
        bypassed_controls: deployment.bypassed_controls,
    }
}

fn custom(custom: Custom) -> proto::Custom {
    proto::Custom {
        r#type: custom.event_type,
        json: custom.json.into(),
        parts: custom
            .parts
            .into_iter()
            .map(|part| proto::Part {
                name: part.name,
                content_type: part.content_type,
                content: part.content.into(),
            })
            .collect(),
    }
}

fn link(link: Link) -> proto::Link {
    proto::Link {
        rel: link.rel,
        href: link.href,
    }
}

fn actor(actor: Actor) -> proto::Actor {
    proto::Actor {
        id: actor.id,
        role: actor.role.unwrap_or_default(),
        kind: number(actor.kind),
        display_name: actor.display_name.unwrap_or_default(),
        mail: actor.mail.unwrap_or_default(),
    }
}

fn artifacts(artifacts: Vec<Artifact>) -> Vec<proto::Artifact> {
    artifacts
        .into_iter()
        .map(|artifact| proto::Artifact {
            name: artifact.name.unwrap_or_default(),
            digest: artifact.digest,
            version: artifact.version.unwrap_or_default(),
        })
        .collect()
}

fn revision(revision: Revision) -> proto::Revision {
    proto::Revision {
        repository: revision.repository.unwrap_or_default(),
        commit: revision.commit,
        r#ref: revision.reference.unwrap_or_default(),
    }
}

fn totals(totals: TestTotals) -> proto::TestTotals {
    proto::TestTotals {
        passed: totals.passed,
        failed: totals.failed,
        skipped: totals.skipped,
        flaky: totals.flaky,
        errored: totals.errored,
    }
}

/// An absent word is the API's unspecified one.
fn number<W: Word>(word: Option<W>) -> i32 {
    word.map_or(0, Word::number)
}
