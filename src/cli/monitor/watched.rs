//! The servers that are watched, the keys they are checked with, and what is known of each.

use super::super::{connect::ServerUrl, error::CliError, exit::Exit};
use crate::ledger::{
    checkpoint::SignedCheckpoint,
    finding::Finding,
    note::VerifierKey,
    position::UnixNanos,
    verify::{Counts, Findings},
};

/// The trusted keys, at most one a name.
#[derive(Debug)]
pub(super) struct Keys(Vec<VerifierKey>);

impl Keys {
    pub(super) fn new(keys: Vec<VerifierKey>) -> Result<Self, CliError> {
        for (place, key) in keys.iter().enumerate() {
            let earlier = keys.iter().take(place);
            if earlier.into_iter().any(|other| other.name() == key.name()) {
                return Err(CliError::usage(
                    format!("there are two keys for {}", key.name()),
                    "give the one that is trusted",
                ));
            }
        }
        Ok(Self(keys))
    }

    /// The key that a checkpoint is to be checked with: the one of its name, or any to say that it is another ledger's.
    pub(super) fn of(&self, signed: &SignedCheckpoint) -> Option<&VerifierKey> {
        let origin = &signed.checkpoint().origin;
        let named = self.0.iter().find(|key| key.name() == origin);
        named.or(self.0.first())
    }
}

/// A server, and what is known of it.
#[derive(Debug)]
pub(super) struct Watched {
    url: ServerUrl,
    /// What the last round came to, or why it could not be carried out.
    pub(super) last: Option<Result<Outcome, CliError>>,
    /// Entries that are verified.
    pub(super) verified: u64,
    pub(super) rounds: u64,
    pub(super) failures: u64,
    pub(super) failures_in_a_row: u32,
    /// When a round was last carried out, whatever it found, and when one last found nothing.
    pub(super) carried_out_at: Option<UnixNanos>,
    pub(super) verified_at: Option<UnixNanos>,
}

impl Watched {
    pub(super) const fn new(url: ServerUrl) -> Self {
        Self {
            url,
            last: None,
            verified: 0,
            rounds: 0,
            failures: 0,
            failures_in_a_row: 0,
            carried_out_at: None,
            verified_at: None,
        }
    }

    pub(super) const fn url(&self) -> &ServerUrl {
        &self.url
    }

    /// What the last round found; `None` where it could not be carried out.
    pub(super) fn findings(&self) -> Option<&Findings> {
        let outcome = self.last.as_ref()?.as_ref().ok()?;
        Some(&outcome.findings)
    }

    /// Things that are wrong and that the ledger itself admits; none where the last round could not be carried out.
    pub(super) fn breaks(&self) -> u64 {
        let outcome = self.last.as_ref().and_then(|last| last.as_ref().ok());
        outcome.map_or(0, |outcome| outcome.breaks)
    }

    pub(super) fn take(&mut self, outcome: Result<Outcome, CliError>) {
        self.rounds = self.rounds.saturating_add(1);
        let now = UnixNanos::now();
        match &outcome {
            Ok(outcome) => {
                self.failures_in_a_row = 0;
                self.carried_out_at = Some(now);
                self.verified = outcome.verified;
                if outcome.findings.total == 0 {
                    self.verified_at = Some(now);
                }
            }
            Err(_) => {
                self.failures = self.failures.saturating_add(1);
                self.failures_in_a_row = self.failures_in_a_row.saturating_add(1);
            }
        }
        self.last = Some(outcome);
    }
}

/// What a round came to.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) origin: String,
    /// Entries that the server's checkpoint covers.
    pub(super) size: u64,
    /// Entries that are verified, all rounds together.
    pub(super) verified: u64,
    /// How much this round looked at.
    pub(super) counts: Counts,
    pub(super) findings: Findings,
    /// How many things are wrong that the ledger itself admits, all rounds together. They are not among the findings.
    pub(super) breaks: u64,
}

impl Outcome {
    pub(super) const fn payloads(&self) -> u64 {
        let counts = &self.counts;
        counts
            .payloads_whole
            .saturating_add(counts.payloads_partial)
    }

    pub(super) fn found(mut self, finding: Finding) -> Self {
        self.findings.push(finding);
        self
    }
}

/// What one round with each server comes to.
pub(super) fn verdict(watched: &[Watched], strict: bool) -> Exit {
    let any = |is: fn(&Watched) -> bool| watched.iter().any(is);
    if any(|server| server.findings().is_some_and(|findings| findings.total > 0))
        || (strict && any(|server| server.breaks() > 0))
    {
        Exit::Negative
    } else if any(|server| server.findings().is_none()) {
        Exit::Failed
    } else if any(|server| server.verified == 0) {
        Exit::Incomplete
    } else {
        Exit::Done
    }
}
