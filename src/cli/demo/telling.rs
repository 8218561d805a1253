//! The demo in words: one line for each event, and the end.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use super::tampering::Caught;
use crate::{
    cli::output::Render,
    pack::Report,
    service::proto::{self, Event, event::Evidence},
};

/// What an event is, and says, in a few words.
pub(super) fn describe(event: &Event) -> (&'static str, String) {
    match &event.evidence {
        Some(Evidence::Change(change)) => {
            ("change", format!("{} {}", change.change_id, change.title))
        }
        Some(Evidence::Approval(approval)) => {
            let by = approval
                .approver
                .as_ref()
                .map_or("nobody", |actor| actor.id.as_str());
            let decision = words(approval.decision().as_str_name(), "DECISION_");
            (
                "approval",
                format!("{} {decision} by {by}", approval.change_id),
            )
        }
        Some(Evidence::TestRun(run)) => {
            let totals = run.totals.unwrap_or_default();
            let outcome = words(run.outcome().as_str_name(), "OUTCOME_");
            (
                "test run",
                format!(
                    "{} {outcome}: {} passed, {} failed",
                    run.suite, totals.passed, totals.failed
                ),
            )
        }
        Some(Evidence::Deployment(deployment)) => {
            let version = deployment
                .artifacts
                .first()
                .map_or("", |artifact| artifact.version.as_str());
            let outcome = words(deployment.outcome().as_str_name(), "OUTCOME_");
            let action = match deployment.action() {
                proto::DeploymentAction::Rollback => "rollback to",
                proto::DeploymentAction::Remove => "removal of",
                _ => "deployment of",
            };
            (
                "deployment",
                format!(
                    "{action} {} {version} in {}: {outcome}",
                    deployment.service, deployment.environment
                ),
            )
        }
        Some(Evidence::Custom(custom)) => ("event", custom.r#type.clone()),
        None => ("event", String::new()),
    }
}

fn words(name: &str, prefix: &str) -> String {
    name.strip_prefix(prefix)
        .unwrap_or(name)
        .to_lowercase()
        .replace('_', " ")
}

/// How the demo ended.
pub(super) struct Summary {
    dir: PathBuf,
    verdict: serde_json::Value,
    entries: u64,
    caught: Vec<Caught>,
    took: Duration,
}

impl Summary {
    pub(super) fn new(dir: &Path, report: &Report, caught: Vec<Caught>, took: Duration) -> Self {
        Self {
            dir: dir.to_owned(),
            verdict: serde_json::to_value(report.verdict).unwrap_or_default(),
            entries: report.counts.entries,
            caught,
            took,
        }
    }

    /// Whether every tampering was found for what it was.
    pub(super) fn all_caught(&self) -> bool {
        !self.caught.is_empty() && self.caught.iter().all(Caught::as_expected)
    }

    fn score(&self) -> (usize, usize) {
        (
            self.caught
                .iter()
                .filter(|caught| caught.as_expected())
                .count(),
            self.caught.len(),
        )
    }
}

impl Render for Summary {
    const FORMAT: &'static str = "exhibit-demo/1";

    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let dir = self.dir.display();
        let (caught, tried) = self.score();
        writeln!(
            out,
            "\n{caught} of {tried} tamperings caught; {:.1} s in all. To look further:",
            self.took.as_secs_f64()
        )?;
        writeln!(
            out,
            "   exhibit verify {dir}/audit-pack.zip --vkey @{dir}/log.vkey"
        )?;
        writeln!(
            out,
            "   exhibit list --dir {dir}/ledger --type exhibit.deployment.v1"
        )?;
        writeln!(out, "   exhibit serve --dir {dir}/ledger")?;
        writeln!(out, "   unzip -l {dir}/audit-pack.zip")
    }

    fn markdown(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(
            out,
            "| tampering | with | found | at entry |\n| --- | --- | --- | --- |"
        )?;
        for caught in &self.caught {
            writeln!(out, "{}", caught.markdown())?;
        }
        let (caught, tried) = self.score();
        writeln!(
            out,
            "\n{} entries; {caught} of {tried} tamperings caught.",
            self.entries
        )
    }

    fn json(&self) -> serde_json::Result<serde_json::Value> {
        Ok(serde_json::json!({
            "dir": self.dir.display().to_string(),
            "verdict": self.verdict,
            "entries": self.entries,
            "tamperings": serde_json::to_value(&self.caught)?,
        }))
    }
}
