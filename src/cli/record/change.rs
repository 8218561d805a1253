//! `exhibit record change`.

use super::{
    super::{args, error::CliError},
    EVIDENCE, EvidenceArgs,
    actor::{AuthorArgs, RequesterArgs},
    choice,
    document::{Given, JsonArgs},
    required,
    revision::RevisionsArgs,
};
use crate::{
    evidence::{Change, ChangeClass, Evidence, RiskLevel},
    ledger::position::UnixNanos,
};

/// Record that a change was requested: why, how risky, by whom, and the way back
#[derive(Debug, clap::Args)]
pub(super) struct ChangeArgs {
    #[command(flatten)]
    json: JsonArgs,
    /// The change's id, such as CHG-1042
    #[arg(long, value_name = "ID", value_parser = args::text, env = "EXHIBIT_CHANGE_ID", hide_env_values = true, required_unless_present = "json", help_heading = EVIDENCE)]
    change_id: Option<String>,
    /// How much deciding it needs
    #[arg(long, value_name = "CLASS", value_parser = choice::change_class(), required_unless_present = "json", help_heading = EVIDENCE)]
    class: Option<ChangeClass>,
    /// One line that says what changes; not personal
    #[arg(long, value_parser = args::text, required_unless_present = "json", help_heading = EVIDENCE)]
    title: Option<String>,
    /// Why it is wanted
    #[arg(long, value_name = "TEXT", value_parser = args::text, help_heading = EVIDENCE)]
    reason: Option<String>,
    /// How much could go wrong
    #[arg(long, value_parser = choice::risk(), help_heading = EVIDENCE)]
    risk: Option<RiskLevel>,
    /// What it touches
    #[arg(long, value_name = "TEXT", value_parser = args::text, help_heading = EVIDENCE)]
    impact: Option<String>,
    /// How to go back
    #[arg(long, value_name = "TEXT", value_parser = args::text, help_heading = EVIDENCE)]
    rollback_plan: Option<String>,
    #[command(flatten)]
    author: AuthorArgs,
    #[command(flatten)]
    requester: RequesterArgs,
    #[command(flatten)]
    revisions: RevisionsArgs,
    /// A service it touches; may be repeated
    #[arg(long = "service", value_name = "NAME", value_parser = args::text, env = "EXHIBIT_SERVICE", hide_env_values = true, help_heading = EVIDENCE)]
    services: Vec<String>,
    /// An environment it is meant for; may be repeated
    #[arg(long = "environment", value_name = "NAME", value_parser = args::text, env = "EXHIBIT_ENVIRONMENT", hide_env_values = true, help_heading = EVIDENCE)]
    environments: Vec<String>,
    /// From when it may be carried out
    #[arg(long, value_name = "TIME", value_parser = args::time, help_heading = EVIDENCE)]
    planned_start: Option<UnixNanos>,
    /// Until when it may be carried out
    #[arg(long, value_name = "TIME", value_parser = args::time, help_heading = EVIDENCE)]
    planned_end: Option<UnixNanos>,
    /// For a standard change: the model under which it is authorised in advance
    #[arg(long, value_name = "ID", value_parser = args::text, help_heading = EVIDENCE)]
    change_model: Option<String>,
    /// An incident or problem it answers; may be repeated
    #[arg(long = "incident-id", value_name = "ID", value_parser = args::text, help_heading = EVIDENCE)]
    incident_ids: Vec<String>,
    /// Free text; kept as personal data, which can be erased
    #[arg(long, value_name = "TEXT", value_parser = args::text, help_heading = EVIDENCE)]
    comment: Option<String>,
}

impl EvidenceArgs for ChangeArgs {
    fn evidence(self) -> Result<Given, CliError> {
        if let Some(file) = &self.json.json {
            return file.read::<Change>("change");
        }
        Ok(Given::Evidence(Evidence::from(Change {
            change_id: required(self.change_id, "--change-id")?,
            change_class: required(self.class, "--class")?,
            title: required(self.title, "--title")?,
            reason: self.reason,
            risk: self.risk,
            impact: self.impact,
            rollback_plan: self.rollback_plan,
            author: self.author.actor(),
            requester: self.requester.actor(),
            revisions: self.revisions.revisions(),
            services: self.services,
            environments: self.environments,
            planned_start: self.planned_start,
            planned_end: self.planned_end,
            comment: self.comment,
            change_model: self.change_model,
            incident_ids: self.incident_ids,
        })))
    }
}
