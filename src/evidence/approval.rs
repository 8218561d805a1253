//! Somebody decided on a change.

use serde::{Deserialize, Serialize};

use super::{
    check::{Check, Path},
    given,
    nouns::{Actor, Artifact, Revision},
    time,
    words::{ApprovalKind, Decision},
};
use crate::ledger::position::UnixNanos;

/// Somebody decided on a change. Entry type `exhibit.approval.v1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// The change decided on, 1 to 255 bytes.
    pub change_id: String,
    /// What was decided.
    pub decision: Decision,
    /// Who decided: an approval by nobody is none.
    pub approver: Actor,
    /// What kind of decision it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<ApprovalKind>,
    /// The commit that was looked at. A later commit is not covered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<Revision>,
    /// The artifacts that were looked at, at most 64.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<Artifact>,
    /// The environment it is given for, at most 255 bytes; every one where absent.
    #[serde(
        default,
        deserialize_with = "given::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub environment: Option<String>,
    /// Until when it holds; for ever where absent.
    #[serde(default, with = "time", skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<UnixNanos>,
    /// Free text, at most 16,384 bytes. Personal.
    #[serde(
        default,
        deserialize_with = "given::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub comment: Option<String>,
}

impl Approval {
    /// An approval with what is required of one, and nothing else.
    pub fn new(change_id: impl Into<String>, decision: Decision, approver: Actor) -> Self {
        Self {
            change_id: change_id.into(),
            decision,
            approver,
            kind: None,
            revision: None,
            artifacts: Vec::new(),
            environment: None,
            expires_at: None,
            comment: None,
        }
    }

    pub(super) fn check(&self, at: Path<'_>, check: &mut Check) {
        check.line(at.field("change_id"), &self.change_id, 255);
        self.approver.check(at.field("approver"), check);
        if let Some(revision) = &self.revision {
            revision.check(at.field("revision"), check);
        }
        check.list(at.field("artifacts"), &self.artifacts, 64, Artifact::check);
        check.given_line(at.field("environment"), self.environment.as_deref(), 255);
        check.time(at.field("expires_at"), self.expires_at);
        check.given_text(at.field("comment"), self.comment.as_deref(), 16_384);
    }
}
