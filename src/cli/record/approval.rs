//! `exhibit record approval`.

use super::{
    super::{args, error::CliError},
    EVIDENCE, EvidenceArgs,
    actor::ApproverArgs,
    artifact::ArtifactArgs,
    choice,
    document::{Given, JsonArgs},
    required,
    revision::RevisionArgs,
};
use crate::{
    evidence::{Approval, ApprovalKind, Decision, Evidence},
    ledger::position::UnixNanos,
};

/// Record that somebody decided on a change
#[derive(Debug, clap::Args)]
pub(super) struct ApprovalArgs {
    #[command(flatten)]
    json: JsonArgs,
    /// The change decided on, such as CHG-1042
    #[arg(long, value_name = "ID", value_parser = args::text, env = "EXHIBIT_CHANGE_ID", hide_env_values = true, required_unless_present = "json", help_heading = EVIDENCE)]
    change_id: Option<String>,
    /// What was decided
    #[arg(long, value_parser = choice::decision(), required_unless_present = "json", help_heading = EVIDENCE)]
    decision: Option<Decision>,
    #[command(flatten)]
    approver: ApproverArgs,
    /// What kind of decision it was
    #[arg(long, value_parser = choice::approval_kind(), help_heading = EVIDENCE)]
    kind: Option<ApprovalKind>,
    #[command(flatten)]
    revision: RevisionArgs,
    #[command(flatten)]
    artifacts: ArtifactArgs,
    /// The environment it is given for; without it, every one
    #[arg(long, value_name = "NAME", value_parser = args::text, env = "EXHIBIT_ENVIRONMENT", hide_env_values = true, help_heading = EVIDENCE)]
    environment: Option<String>,
    /// Until when it holds; without it, for ever
    #[arg(long, value_name = "TIME", value_parser = args::time, help_heading = EVIDENCE)]
    expires_at: Option<UnixNanos>,
    /// Free text; kept as personal data, which can be erased
    #[arg(long, value_name = "TEXT", value_parser = args::text, help_heading = EVIDENCE)]
    comment: Option<String>,
}

impl EvidenceArgs for ApprovalArgs {
    fn evidence(self) -> Result<Given, CliError> {
        if let Some(file) = &self.json.json {
            return file.read::<Approval>("approval");
        }
        Ok(Given::Evidence(Evidence::from(Approval {
            change_id: required(self.change_id, "--change-id")?,
            decision: required(self.decision, "--decision")?,
            approver: required(self.approver.actor(), "--approver")?,
            kind: self.kind,
            revision: self.revision.revision(),
            artifacts: self.artifacts.artifacts()?,
            environment: self.environment,
            expires_at: self.expires_at,
            comment: self.comment,
        })))
    }
}
