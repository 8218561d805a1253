//! Tests ran.

use serde::{Deserialize, Serialize};

use super::{
    check::{Check, Path},
    given,
    nouns::{Actor, Artifact, Revision},
    time,
    words::Outcome,
};
use crate::ledger::position::UnixNanos;

/// The most tests that one total may count.
const TESTS_MAX: u64 = 1_000_000_000;

/// How many tests ended how. All five stand in the body: none failed is worth saying.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TestTotals {
    /// Passed.
    pub passed: u64,
    /// Failed.
    pub failed: u64,
    /// Not run.
    pub skipped: u64,
    /// Passed only when tried again; these are among the passed.
    pub flaky: u64,
    /// Could not be carried out.
    pub errored: u64,
}

/// Tests ran. Entry type `exhibit.test_run.v1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestRun {
    /// The suite's name, 1 to 255 bytes.
    pub suite: String,
    /// What kind of tests, such as `unit`, `integration`, `security`; at most 64 bytes.
    #[serde(
        default,
        deserialize_with = "given::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub kind: Option<String>,
    /// How it ended.
    pub outcome: Outcome,
    /// What was tested: the digests that deployments are compared with, at most 64.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<Artifact>,
    /// The commit that was tested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<Revision>,
    /// Where they ran, at most 255 bytes.
    #[serde(
        default,
        deserialize_with = "given::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub environment: Option<String>,
    /// How many ended how.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub totals: Option<TestTotals>,
    /// When the run started.
    #[serde(default, with = "time", skip_serializing_if = "Option::is_none")]
    pub started_at: Option<UnixNanos>,
    /// When it ended; not before it started.
    #[serde(default, with = "time", skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<UnixNanos>,
    /// The program that ran them, with its version, at most 255 bytes.
    #[serde(
        default,
        deserialize_with = "given::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub tool: Option<String>,
    /// The full report, by digest; at most 16.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reports: Vec<Artifact>,
    /// The changes it was run for, at most 64, 1 to 255 bytes each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub change_ids: Vec<String>,
    /// Who or what started it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub triggered_by: Option<Actor>,
    /// Free text, at most 16,384 bytes. Personal.
    #[serde(
        default,
        deserialize_with = "given::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub comment: Option<String>,
    /// Which try this is of the same run, from 1.
    #[serde(
        default,
        deserialize_with = "given::count_u32",
        skip_serializing_if = "Option::is_none"
    )]
    pub attempt: Option<u32>,
}

impl TestRun {
    /// A test run with what is required of one, and nothing else.
    pub fn new(suite: impl Into<String>, outcome: Outcome) -> Self {
        Self {
            suite: suite.into(),
            kind: None,
            outcome,
            artifacts: Vec::new(),
            revision: None,
            environment: None,
            totals: None,
            started_at: None,
            finished_at: None,
            tool: None,
            reports: Vec::new(),
            change_ids: Vec::new(),
            triggered_by: None,
            comment: None,
            attempt: None,
        }
    }

    pub(super) fn check(&self, at: Path<'_>, check: &mut Check) {
        check.line(at.field("suite"), &self.suite, 255);
        check.given_line(at.field("kind"), self.kind.as_deref(), 64);
        check.list(at.field("artifacts"), &self.artifacts, 64, Artifact::check);
        if let Some(revision) = &self.revision {
            revision.check(at.field("revision"), check);
        }
        check.given_line(at.field("environment"), self.environment.as_deref(), 255);
        if let Some(totals) = &self.totals {
            totals.check(at.field("totals"), check);
        }
        check.happened(at.field("started_at"), self.started_at);
        check.happened(at.field("finished_at"), self.finished_at);
        check.in_order(
            ("started_at", self.started_at),
            (at.field("finished_at"), self.finished_at),
        );
        check.given_line(at.field("tool"), self.tool.as_deref(), 255);
        check.list(at.field("reports"), &self.reports, 16, Artifact::check);
        check.lines(at.field("change_ids"), &self.change_ids, 64, 255);
        if let Some(actor) = &self.triggered_by {
            actor.check(at.field("triggered_by"), check);
        }
        check.given_text(at.field("comment"), self.comment.as_deref(), 16_384);
        if self.attempt == Some(0) {
            check.refuse(
                at.field("attempt"),
                "is zero; count from 1, or leave it out",
            );
        }
    }
}

impl TestTotals {
    fn check(&self, at: Path<'_>, check: &mut Check) {
        for (name, total) in [
            ("passed", self.passed),
            ("failed", self.failed),
            ("skipped", self.skipped),
            ("flaky", self.flaky),
            ("errored", self.errored),
        ] {
            if total > TESTS_MAX {
                let problem = format!("is {total}; give at most {TESTS_MAX}");
                check.refuse(at.field(name), problem);
            }
        }
        if self.flaky > self.passed {
            check.refuse(
                at.field("flaky"),
                "is more than `passed`; flaky tests are counted among the passed",
            );
        }
    }
}
