//! `exhibit record test-run`.

use std::path::PathBuf;

use super::{
    super::{args, error::CliError},
    EVIDENCE, EvidenceArgs,
    actor::TriggeredByArgs,
    artifact::{self, ArtifactArgs},
    choice,
    document::{Given, JsonArgs},
    required,
    revision::RevisionArgs,
};
use crate::{
    evidence::{Artifact, Evidence, Outcome, TestRun, TestTotals},
    ledger::position::UnixNanos,
};

/// Record that tests ran, on which artifact, and how they ended
///
/// Post every try: a rerun that passed does not undo the one that failed.
#[derive(Debug, clap::Args)]
pub(super) struct TestRunArgs {
    #[command(flatten)]
    json: JsonArgs,
    /// The suite's name
    #[arg(long, value_name = "NAME", value_parser = args::text, required_unless_present = "json", help_heading = EVIDENCE)]
    suite: Option<String>,
    /// What kind of tests, such as unit, integration or security
    #[arg(long, value_parser = args::text, help_heading = EVIDENCE)]
    kind: Option<String>,
    /// How the run ended
    #[arg(long, value_parser = choice::outcome(), required_unless_present = "json", help_heading = EVIDENCE)]
    outcome: Option<Outcome>,
    #[command(flatten)]
    artifacts: ArtifactArgs,
    #[command(flatten)]
    revision: RevisionArgs,
    /// Where the tests ran
    #[arg(long, value_name = "NAME", value_parser = args::text, env = "EXHIBIT_ENVIRONMENT", hide_env_values = true, help_heading = EVIDENCE)]
    environment: Option<String>,
    #[command(flatten)]
    totals: TotalsArgs,
    /// Which try this is of the same run, from 1
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..), help_heading = EVIDENCE)]
    attempt: Option<u32>,
    /// When the run started
    #[arg(long, value_name = "TIME", value_parser = args::time, help_heading = EVIDENCE)]
    started_at: Option<UnixNanos>,
    /// When the run ended
    #[arg(long, value_name = "TIME", value_parser = args::time, help_heading = EVIDENCE)]
    finished_at: Option<UnixNanos>,
    /// The program that ran the tests, with its version
    #[arg(long, value_name = "NAME", value_parser = args::text, help_heading = EVIDENCE)]
    tool: Option<String>,
    /// The full report by digest, as --artifact; may be repeated
    #[arg(long = "report", value_name = "NAME@DIGEST", value_parser = artifact::artifact, help_heading = EVIDENCE)]
    reports: Vec<Artifact>,
    /// A report that is a file here: its name and SHA-256 are recorded; may be repeated
    #[arg(long = "report-file", value_name = "FILE", value_parser = args::path, help_heading = EVIDENCE)]
    report_files: Vec<PathBuf>,
    /// A change the tests ran for; may be repeated
    #[arg(long = "change-id", value_name = "ID", value_parser = args::text, env = "EXHIBIT_CHANGE_ID", hide_env_values = true, help_heading = EVIDENCE)]
    change_ids: Vec<String>,
    #[command(flatten)]
    triggered_by: TriggeredByArgs,
    /// Free text; kept as personal data, which can be erased
    #[arg(long, value_name = "TEXT", value_parser = args::text, help_heading = EVIDENCE)]
    comment: Option<String>,
}

/// How many tests ended how.
#[derive(Debug, clap::Args)]
struct TotalsArgs {
    /// How many tests passed
    #[arg(long, value_name = "COUNT", help_heading = EVIDENCE)]
    passed: Option<u64>,
    /// How many failed
    #[arg(long, value_name = "COUNT", help_heading = EVIDENCE)]
    failed: Option<u64>,
    /// How many were not run
    #[arg(long, value_name = "COUNT", help_heading = EVIDENCE)]
    skipped: Option<u64>,
    /// How many of the passed passed only when tried again
    #[arg(long, value_name = "COUNT", help_heading = EVIDENCE)]
    flaky: Option<u64>,
    /// How many could not be carried out
    #[arg(long, value_name = "COUNT", help_heading = EVIDENCE)]
    errored: Option<u64>,
}

impl TotalsArgs {
    fn totals(&self) -> Option<TestTotals> {
        let counts = [
            self.passed,
            self.failed,
            self.skipped,
            self.flaky,
            self.errored,
        ];
        counts.iter().any(Option::is_some).then(|| TestTotals {
            passed: self.passed.unwrap_or(0),
            failed: self.failed.unwrap_or(0),
            skipped: self.skipped.unwrap_or(0),
            flaky: self.flaky.unwrap_or(0),
            errored: self.errored.unwrap_or(0),
        })
    }
}

impl EvidenceArgs for TestRunArgs {
    fn evidence(self) -> Result<Given, CliError> {
        if let Some(file) = &self.json.json {
            return file.read::<TestRun>("test_run");
        }
        Ok(Given::Evidence(Evidence::from(TestRun {
            suite: required(self.suite, "--suite")?,
            kind: self.kind,
            outcome: required(self.outcome, "--outcome")?,
            artifacts: self.artifacts.artifacts()?,
            revision: self.revision.revision(),
            environment: self.environment,
            totals: self.totals.totals(),
            started_at: self.started_at,
            finished_at: self.finished_at,
            tool: self.tool,
            reports: artifact::with_files(self.reports, &self.report_files)?,
            change_ids: self.change_ids,
            triggered_by: self.triggered_by.actor(),
            comment: self.comment,
            attempt: self.attempt,
        })))
    }
}
