//! `exhibit record deployment`.

use super::{
    super::{args, error::CliError},
    EVIDENCE, EvidenceArgs,
    actor::DeployerArgs,
    artifact::ArtifactArgs,
    choice,
    document::{Given, JsonArgs},
    required,
    revision::RevisionArgs,
};
use crate::{
    evidence::{Deployment, DeploymentAction, Evidence, Outcome},
    ledger::position::UnixNanos,
};

/// Record that an artifact was put into an environment, or taken back
#[derive(Debug, clap::Args)]
pub(super) struct DeploymentArgs {
    #[command(flatten)]
    json: JsonArgs,
    /// The service
    #[arg(long, value_name = "NAME", value_parser = args::text, env = "EXHIBIT_SERVICE", hide_env_values = true, required_unless_present = "json", help_heading = EVIDENCE)]
    service: Option<String>,
    /// The environment, such as production
    #[arg(long, value_name = "NAME", value_parser = args::text, env = "EXHIBIT_ENVIRONMENT", hide_env_values = true, required_unless_present = "json", help_heading = EVIDENCE)]
    environment: Option<String>,
    #[command(flatten)]
    artifacts: ArtifactArgs,
    /// How it ended
    #[arg(long, value_parser = choice::outcome(), required_unless_present = "json", help_heading = EVIDENCE)]
    outcome: Option<Outcome>,
    /// What it did; without it, deploy
    #[arg(long, value_parser = choice::action(), help_heading = EVIDENCE)]
    action: Option<DeploymentAction>,
    /// A change it carries out; may be repeated
    #[arg(long = "change-id", value_name = "ID", value_parser = args::text, env = "EXHIBIT_CHANGE_ID", hide_env_values = true, help_heading = EVIDENCE)]
    change_ids: Vec<String>,
    #[command(flatten)]
    deployer: DeployerArgs,
    #[command(flatten)]
    revision: RevisionArgs,
    /// When it started
    #[arg(long, value_name = "TIME", value_parser = args::time, help_heading = EVIDENCE)]
    started_at: Option<UnixNanos>,
    /// When it ended
    #[arg(long, value_name = "TIME", value_parser = args::time, help_heading = EVIDENCE)]
    finished_at: Option<UnixNanos>,
    /// For a rollback: the event id of the deployment taken back
    #[arg(long, value_name = "ID", value_parser = args::text, help_heading = EVIDENCE)]
    rollback_of: Option<String>,
    /// A control that was left out on purpose, such as four-eyes; may be repeated
    #[arg(long = "bypassed-control", value_name = "NAME", value_parser = args::text, help_heading = EVIDENCE)]
    bypassed_controls: Vec<String>,
    /// Free text; kept as personal data, which can be erased
    #[arg(long, value_name = "TEXT", value_parser = args::text, help_heading = EVIDENCE)]
    comment: Option<String>,
}

impl EvidenceArgs for DeploymentArgs {
    fn evidence(self) -> Result<Given, CliError> {
        if let Some(file) = &self.json.json {
            return file.read::<Deployment>("deployment");
        }
        Ok(Given::Evidence(Evidence::from(Deployment {
            service: required(self.service, "--service")?,
            environment: required(self.environment, "--environment")?,
            artifacts: self.artifacts.artifacts()?,
            outcome: required(self.outcome, "--outcome")?,
            action: self.action,
            change_ids: self.change_ids,
            deployer: required(self.deployer.actor(), "--deployer")?,
            revision: self.revision.revision(),
            started_at: self.started_at,
            finished_at: self.finished_at,
            rollback_of: self.rollback_of,
            comment: self.comment,
            bypassed_controls: self.bypassed_controls,
        })))
    }
}
