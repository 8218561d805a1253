//! What the demo's pipelines have to say, and the words for it.
//!
//! An [`Author`] writes events down, and gives each its id, its time and its place in its source's count.

use std::collections::BTreeMap;

use crate::service::proto::{
    Actor, ActorKind, Approval, ApprovalKind, Artifact, Change, ChangeClass, Decision, Deployment,
    DeploymentAction, Event, Link, Outcome, Revision, RiskLevel, TestRun, TestTotals,
    event::Evidence,
};

pub(super) const MINUTE: i64 = 60;
pub(super) const HOUR: i64 = 60 * MINUTE;
pub(super) const DAY: i64 = 24 * HOUR;

/// A chapter: its heading, and what the pipelines posted.
pub(super) struct Chapter {
    pub(super) heading: &'static str,
    pub(super) events: Vec<Event>,
}

/// Writes events down.
pub(super) struct Author {
    pub(super) chapters: Vec<Chapter>,
    pipeline: &'static str,
    /// Seconds since the epoch, by the producers' clocks.
    clock: i64,
    posted: BTreeMap<&'static str, u64>,
}

/// A change on its way into production.
pub(super) struct Delivery {
    pub(super) change: String,
    pub(super) service: &'static str,
    pub(super) commit: Revision,
    pub(super) build: Artifact,
}

impl Delivery {
    pub(super) fn new(change: &str, service: &'static str, version: &str) -> Self {
        Self {
            change: change.to_owned(),
            service,
            commit: commit(service, version),
            build: artifact(service, version),
        }
    }

    /// The same change, with another version of the service.
    pub(super) fn version(&self, version: &str) -> Self {
        Self::new(&self.change, self.service, version)
    }
}

impl Author {
    /// Writes for the pipelines of this name, from this time on.
    pub(super) fn new(pipeline: &'static str, clock: i64) -> Self {
        Self {
            chapters: Vec::new(),
            pipeline,
            clock,
            posted: BTreeMap::new(),
        }
    }

    pub(super) fn chapter(&mut self, heading: &'static str) {
        self.after(5 * HOUR);
        self.chapters.push(Chapter {
            heading,
            events: Vec::new(),
        });
    }

    pub(super) fn after(&mut self, seconds: i64) {
        self.clock = self.clock.saturating_add(seconds);
    }

    pub(super) fn wait_until(&mut self, time: i64) {
        self.clock = self.clock.max(time);
    }

    pub(super) fn request(
        &mut self,
        of: &Delivery,
        class: ChangeClass,
        risk: RiskLevel,
        change: Change,
    ) {
        let change = Change {
            change_id: of.change.clone(),
            change_class: class.into(),
            risk: risk.into(),
            revisions: vec![of.commit.clone()],
            services: vec![of.service.to_owned()],
            environments: vec!["production".to_owned()],
            ..change
        };
        self.post(of.service, Evidence::Change(change));
    }

    pub(super) fn decide(
        &mut self,
        of: &Delivery,
        (decision, kind): (Decision, ApprovalKind),
        by: Actor,
        comment: &str,
    ) {
        let approval = Approval {
            change_id: of.change.clone(),
            decision: decision.into(),
            kind: kind.into(),
            approver: Some(by),
            revision: Some(of.commit.clone()),
            artifacts: vec![of.build.clone()],
            comment: comment.to_owned(),
            ..Approval::default()
        };
        self.post(of.service, Evidence::Approval(approval));
    }

    pub(super) fn test(&mut self, of: &Delivery, suite: &str, passed: u64, failed: u64) {
        let outcome = if failed == 0 {
            Outcome::Succeeded
        } else {
            Outcome::Failed
        };
        let run = TestRun {
            suite: suite.to_owned(),
            kind: suite.to_owned(),
            outcome: outcome.into(),
            artifacts: vec![of.build.clone()],
            revision: Some(of.commit.clone()),
            totals: Some(TestTotals {
                passed,
                failed,
                ..TestTotals::default()
            }),
            change_ids: vec![of.change.clone()],
            tool: "cargo-nextest 0.9".to_owned(),
            ..TestRun::default()
        };
        self.post(of.service, Evidence::TestRun(run));
    }

    /// Deploys, and gives the event's id.
    pub(super) fn deploy(&mut self, of: &Delivery, environment: &str, outcome: Outcome) -> String {
        let deployment = deployment(of, environment, outcome, DeploymentAction::Deploy);
        self.post(of.service, Evidence::Deployment(deployment))
    }

    /// Goes back to what `of` says, after the deployment with this id.
    pub(super) fn roll_back(&mut self, of: &Delivery, failed: String, comment: &str) {
        let action = DeploymentAction::Rollback;
        let deployment = Deployment {
            rollback_of: failed,
            comment: comment.to_owned(),
            ..deployment(of, "production", Outcome::Succeeded, action)
        };
        self.post(of.service, Evidence::Deployment(deployment));
    }

    /// Adds an event of a service's pipeline, and gives its id.
    pub(super) fn post(&mut self, service: &'static str, evidence: Evidence) -> String {
        self.after(MINUTE);
        let sequence = self.posted.entry(service).or_default();
        *sequence = sequence.saturating_add(1);
        let pipeline = self.pipeline;
        let event_id = format!("{pipeline}-{service}-{sequence}");
        let source = format!("https://ci.example.com/acme/{service}/{pipeline}");
        let event = Event {
            links: vec![Link {
                rel: "pipeline-run".to_owned(),
                href: format!("{source}/runs/{sequence}"),
            }],
            source,
            event_id: event_id.clone(),
            occurred_at: Some(prost_types::Timestamp {
                seconds: self.clock,
                nanos: 0,
            }),
            source_sequence: *sequence,
            evidence: Some(evidence),
            ..Event::default()
        };
        if let Some(chapter) = self.chapters.last_mut() {
            chapter.events.push(event);
        }
        event_id
    }
}

fn deployment(
    of: &Delivery,
    environment: &str,
    outcome: Outcome,
    action: DeploymentAction,
) -> Deployment {
    Deployment {
        service: of.service.to_owned(),
        environment: environment.to_owned(),
        artifacts: vec![of.build.clone()],
        outcome: outcome.into(),
        action: action.into(),
        change_ids: vec![of.change.clone()],
        deployer: Some(bot("bot:deployer")),
        revision: Some(of.commit.clone()),
        ..Deployment::default()
    }
}

pub(super) fn person(id: &str, role: &str, name: &str, mail: &str) -> Actor {
    Actor {
        id: id.to_owned(),
        role: role.to_owned(),
        kind: ActorKind::Human.into(),
        display_name: name.to_owned(),
        mail: mail.to_owned(),
    }
}

pub(super) fn bot(id: &str) -> Actor {
    Actor {
        id: id.to_owned(),
        kind: ActorKind::Bot.into(),
        ..Actor::default()
    }
}

fn artifact(service: &str, version: &str) -> Artifact {
    let digest = blake3::hash(format!("{service} {version}").as_bytes()).to_hex();
    Artifact {
        name: format!("registry.example.com/acme/{service}"),
        digest: format!("sha256:{digest}"),
        version: version.to_owned(),
    }
}

fn commit(service: &str, version: &str) -> Revision {
    let id = blake3::hash(format!("commit {service} {version}").as_bytes()).to_hex();
    Revision {
        repository: "https://git.example.com/acme/shop".to_owned(),
        commit: id.chars().take(40).collect(),
        r#ref: "refs/heads/main".to_owned(),
    }
}
