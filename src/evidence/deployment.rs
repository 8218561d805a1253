//! An artifact was put into an environment, or taken back.

use serde::{Deserialize, Serialize};

use super::{
    check::{Check, Path},
    given,
    nouns::{Actor, Artifact, Revision},
    time,
    words::{DeploymentAction, Outcome},
};
use crate::ledger::position::UnixNanos;

/// An artifact was put into an environment, or taken back. Entry type `exhibit.deployment.v1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deployment {
    /// The service, 1 to 255 bytes.
    pub service: String,
    /// The environment, 1 to 255 bytes, such as `production`.
    pub environment: String,
    /// What stands there afterwards: required unless the service was removed. At most 64.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<Artifact>,
    /// How it ended.
    pub outcome: Outcome,
    /// What it did; deploying where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<DeploymentAction>,
    /// The changes it carries out, at most 64, 1 to 255 bytes each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub change_ids: Vec<String>,
    /// Who or what deployed.
    pub deployer: Actor,
    /// The commit it was built from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<Revision>,
    /// When it started.
    #[serde(default, with = "time", skip_serializing_if = "Option::is_none")]
    pub started_at: Option<UnixNanos>,
    /// When it ended; not before it started.
    #[serde(default, with = "time", skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<UnixNanos>,
    /// For a rollback, and only there: the event id of the deployment taken back, at most 255 bytes.
    #[serde(
        default,
        deserialize_with = "given::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub rollback_of: Option<String>,
    /// Free text, at most 16,384 bytes. Personal.
    #[serde(
        default,
        deserialize_with = "given::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub comment: Option<String>,
    /// The controls of the pipeline that were passed over by force; at most 64, 1 to 255 bytes each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bypassed_controls: Vec<String>,
}

impl Deployment {
    /// A deployment of these artifacts, with what is required of one and nothing else.
    pub fn new(
        service: impl Into<String>,
        environment: impl Into<String>,
        artifacts: Vec<Artifact>,
        outcome: Outcome,
        deployer: Actor,
    ) -> Self {
        Self {
            service: service.into(),
            environment: environment.into(),
            artifacts,
            outcome,
            action: None,
            change_ids: Vec::new(),
            deployer,
            revision: None,
            started_at: None,
            finished_at: None,
            rollback_of: None,
            comment: None,
            bypassed_controls: Vec::new(),
        }
    }

    pub(super) fn check(&self, at: Path<'_>, check: &mut Check) {
        check.line(at.field("service"), &self.service, 255);
        check.line(at.field("environment"), &self.environment, 255);
        if self.artifacts.is_empty() && self.action != Some(DeploymentAction::Remove) {
            check.refuse(
                at.field("artifacts"),
                "is empty; name what was deployed, or set the action to `remove`",
            );
        }
        check.list(at.field("artifacts"), &self.artifacts, 64, Artifact::check);
        check.lines(at.field("change_ids"), &self.change_ids, 64, 255);
        self.deployer.check(at.field("deployer"), check);
        if let Some(revision) = &self.revision {
            revision.check(at.field("revision"), check);
        }
        check.happened(at.field("started_at"), self.started_at);
        check.happened(at.field("finished_at"), self.finished_at);
        check.in_order(
            ("started_at", self.started_at),
            (at.field("finished_at"), self.finished_at),
        );
        check.given_line(at.field("rollback_of"), self.rollback_of.as_deref(), 255);
        if self.rollback_of.is_some() && self.action != Some(DeploymentAction::Rollback) {
            check.refuse(
                at.field("rollback_of"),
                "is given, but the action is not `rollback`; set the action, or leave it out",
            );
        }
        check.given_text(at.field("comment"), self.comment.as_deref(), 16_384);
        check.lines(
            at.field("bypassed_controls"),
            &self.bypassed_controls,
            64,
            255,
        );
    }
}
