//! A change was requested: why, how risky, by whom, and the way back.

use serde::{Deserialize, Serialize};

use super::{
    check::{Check, Path},
    given,
    nouns::{Actor, Revision},
    time,
    words::{ChangeClass, RiskLevel},
};
use crate::ledger::position::UnixNanos;

/// A change was requested. Entry type `exhibit.change.v1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// The change's id in the producer's system, such as `CHG-1042`; 1 to 255 bytes.
    pub change_id: String,
    /// How much deciding it needs.
    pub change_class: ChangeClass,
    /// One line that says what changes, 1 to 255 bytes.
    pub title: String,
    /// Why it is wanted, at most 4,096 bytes.
    #[serde(
        default,
        deserialize_with = "given::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub reason: Option<String>,
    /// How much could go wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risk: Option<RiskLevel>,
    /// What it touches, at most 4,096 bytes.
    #[serde(
        default,
        deserialize_with = "given::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub impact: Option<String>,
    /// How to go back, at most 4,096 bytes.
    #[serde(
        default,
        deserialize_with = "given::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub rollback_plan: Option<String>,
    /// Who wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<Actor>,
    /// Who asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requester: Option<Actor>,
    /// The commits it consists of, at most 64.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub revisions: Vec<Revision>,
    /// The services it touches, at most 64, 1 to 255 bytes each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<String>,
    /// The environments it is meant for, at most 64, 1 to 255 bytes each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub environments: Vec<String>,
    /// When it may be carried out, from.
    #[serde(default, with = "time", skip_serializing_if = "Option::is_none")]
    pub planned_start: Option<UnixNanos>,
    /// When it may be carried out, until; not before `planned_start`.
    #[serde(default, with = "time", skip_serializing_if = "Option::is_none")]
    pub planned_end: Option<UnixNanos>,
    /// Free text, at most 16,384 bytes. Personal.
    #[serde(
        default,
        deserialize_with = "given::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub comment: Option<String>,
    /// For a standard change: the model under which it is authorised in advance; at most 255 bytes.
    #[serde(
        default,
        deserialize_with = "given::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub change_model: Option<String>,
    /// The incidents or problems it answers, at most 64, 1 to 255 bytes each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub incident_ids: Vec<String>,
}

impl Change {
    /// A change with what is required of one, and nothing else.
    pub fn new(
        change_id: impl Into<String>,
        change_class: ChangeClass,
        title: impl Into<String>,
    ) -> Self {
        Self {
            change_id: change_id.into(),
            change_class,
            title: title.into(),
            reason: None,
            risk: None,
            impact: None,
            rollback_plan: None,
            author: None,
            requester: None,
            revisions: Vec::new(),
            services: Vec::new(),
            environments: Vec::new(),
            planned_start: None,
            planned_end: None,
            comment: None,
            change_model: None,
            incident_ids: Vec::new(),
        }
    }

    pub(super) fn check(&self, at: Path<'_>, check: &mut Check) {
        check.line(at.field("change_id"), &self.change_id, 255);
        check.line(at.field("title"), &self.title, 255);
        check.given_text(at.field("reason"), self.reason.as_deref(), 4096);
        check.given_text(at.field("impact"), self.impact.as_deref(), 4096);
        check.given_text(
            at.field("rollback_plan"),
            self.rollback_plan.as_deref(),
            4096,
        );
        if let Some(author) = &self.author {
            author.check(at.field("author"), check);
        }
        if let Some(requester) = &self.requester {
            requester.check(at.field("requester"), check);
        }
        check.list(at.field("revisions"), &self.revisions, 64, Revision::check);
        check.lines(at.field("services"), &self.services, 64, 255);
        check.lines(at.field("environments"), &self.environments, 64, 255);
        check.time(at.field("planned_start"), self.planned_start);
        check.time(at.field("planned_end"), self.planned_end);
        check.in_order(
            ("planned_start", self.planned_start),
            (at.field("planned_end"), self.planned_end),
        );
        check.given_text(at.field("comment"), self.comment.as_deref(), 16_384);
        check.given_line(at.field("change_model"), self.change_model.as_deref(), 255);
        check.lines(at.field("incident_ids"), &self.incident_ids, 64, 255);
    }
}
