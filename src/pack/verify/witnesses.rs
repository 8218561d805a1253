//! What witnesses have seen of what was verified.

use serde::Serialize;

use crate::{
    ledger::{
        finding::{Finding, FindingKind},
        policy::{Policy, Witnessed},
        position::UnixNanos,
    },
    pack::report::Report,
};

use super::outcome::reach_verdict;

/// A witness of the policy, and when it saw the checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WitnessSeen {
    /// What the policy calls it.
    pub name: String,
    /// Its verifier key.
    pub key: String,
    /// When it cosigned, by its own clock, in RFC 3339; `None` where it did not.
    pub seen_at: Option<String>,
}

/// Judges the cosignatures of the checkpoint that a report is about: where the policy is not met, what was verified is
/// not everything; where a cosignature is made up, that is a finding.
pub fn judge_witnesses(report: &mut Report, policy: &Policy) {
    let Some(signed) = report.signed.clone() else {
        report
            .incomplete
            .push("there is no checkpoint for the witness policy to judge".to_owned());
        reach_verdict(report);
        return;
    };
    let outcome = policy.check(&signed);
    let mut missing = Vec::new();
    for ((name, seen), witness) in outcome.witnesses.iter().zip(policy.witnesses()) {
        let mut seen_at = None;
        match seen {
            Witnessed::At(at) => {
                let nanos = at.seconds().saturating_mul(1_000_000_000);
                seen_at = Some(UnixNanos::new(nanos).to_rfc3339());
            }
            Witnessed::Missing => missing.push(name.as_str()),
            Witnessed::Bad(error) => report.findings.push(
                Finding::new(
                    FindingKind::CosignatureInvalid,
                    format!("a cosignature by {}", witness.key),
                    error,
                )
                .in_place("checkpoint"),
            ),
        }
        report.witnesses.push(WitnessSeen {
            name: name.clone(),
            key: witness.key.to_string(),
            seen_at,
        });
    }
    if outcome.met {
        let seen = report.witnesses.iter().filter(|w| w.seen_at.is_some());
        let seen = seen.count();
        report.checked.push(format!(
            "{seen} cosignatures of witnesses: the policy is met"
        ));
    } else {
        report.incomplete.push(format!(
            "the witness policy is not met: no cosignature by {}",
            missing.join(", ")
        ));
    }
    reach_verdict(report);
}
