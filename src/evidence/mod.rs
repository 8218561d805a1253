//! What events mean, pure: the typed events, their JSON form, and what is personal in them.
//!
//! A [`PostedEvent`] is what somebody says happened, as read from JSON or from the API and not yet checked.
//! [`PostedEvent::into_event`] checks all of it, takes the personal fields out into payload parts of their own, and
//! makes the ledger's [`Event`](crate::ledger::event::Event); after that no invalid event exists. The other way,
//! [`Evidence::from_body`] and [`Evidence::from_payload`] read a stored payload for display.
//!
//! One JSON form serves as the file a person writes and, without the personal fields, as the stored body: snake_case
//! names, enums as words, times as RFC 3339 text, absent fields left out, fields in the order of the structs. A new
//! field goes to the end of its struct, or stored bodies could no longer be read back to the same bytes.
//!
//! This is not the place for verdicts: a failed test run or an approval given too late is good evidence.

mod approval;
#[cfg(test)]
pub(crate) mod arbitrary;
mod change;
mod check;
mod custom;
mod deployment;
mod fuzz;
mod given;
mod json;
mod nouns;
mod posted;
mod stored;
mod test_run;
#[cfg(test)]
mod tests;
mod time;
mod words;

use serde::Serialize;

pub use approval::Approval;
pub use change::Change;
pub use check::VIOLATIONS_MAX;
#[cfg(feature = "server")]
pub(crate) use check::{Check, Path};
pub use custom::{Custom, CustomPart};
pub use deployment::Deployment;
#[doc(hidden)]
pub use fuzz::fuzz_json;
pub use json::{JSON_DEPTH_MAX, check_begins_object, check_json_object};
pub use nouns::{Actor, Artifact, Link, Revision};
pub use posted::{COMMENT, LINKS, PostedEvent, SOURCE_SEQUENCE_MAX};
pub use stored::UnreadableBody;
pub use test_run::{TestRun, TestTotals};
pub use words::{
    ActorKind, ApprovalKind, ChangeClass, Decision, DeploymentAction, Outcome, RiskLevel,
    UnknownWord,
};

/// The entry type of a [`Change`].
pub const CHANGE_TYPE: &str = "exhibit.change.v1";
/// The entry type of an [`Approval`].
pub const APPROVAL_TYPE: &str = "exhibit.approval.v1";
/// The entry type of a [`TestRun`].
pub const TEST_RUN_TYPE: &str = "exhibit.test_run.v1";
/// The entry type of a [`Deployment`].
pub const DEPLOYMENT_TYPE: &str = "exhibit.deployment.v1";
/// What the ledger's own entry types begin with; no custom event may.
pub const OWN_TYPE_PREFIX: &str = "exhibit.";

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// A change was requested.
    Change(Box<Change>),
    /// Somebody decided on a change.
    Approval(Box<Approval>),
    /// Tests ran.
    TestRun(Box<TestRun>),
    /// An artifact was put into an environment, or taken back.
    Deployment(Box<Deployment>),
    /// Anything else, kept verbatim.
    Custom(Custom),
}

impl Evidence {
    /// The entry's type.
    pub fn event_type(&self) -> &str {
        match self {
            Self::Change(_) => CHANGE_TYPE,
            Self::Approval(_) => APPROVAL_TYPE,
            Self::TestRun(_) => TEST_RUN_TYPE,
            Self::Deployment(_) => DEPLOYMENT_TYPE,
            Self::Custom(custom) => &custom.event_type,
        }
    }

    /// What the event is about, where the producer does not say: `change/<id>`, `artifact/<first digest>` or
    /// `suite/<suite>`, `service/<service>@<environment>`; empty for a custom event.
    pub fn default_subject(&self) -> String {
        match self {
            Self::Change(change) => format!("change/{}", change.change_id),
            Self::Approval(approval) => format!("change/{}", approval.change_id),
            Self::TestRun(run) => run.artifacts.first().map_or_else(
                || format!("suite/{}", run.suite),
                |artifact| format!("artifact/{}", artifact.digest),
            ),
            Self::Deployment(deployment) => {
                format!("service/{}@{}", deployment.service, deployment.environment)
            }
            Self::Custom(_) => String::new(),
        }
    }
}

macro_rules! evidence_from {
    ($($kind:ident),+) => {$(
        impl From<$kind> for Evidence {
            fn from(evidence: $kind) -> Self {
                Self::$kind(Box::new(evidence))
            }
        }
    )+};
}

evidence_from!(Change, Approval, TestRun, Deployment);

impl From<Custom> for Evidence {
    fn from(custom: Custom) -> Self {
        Self::Custom(custom)
    }
}
