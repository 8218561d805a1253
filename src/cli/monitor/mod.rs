//! `exhibit monitor`: watches ledgers' servers, for whoever does not run them.
//!
//! A round with one server (`round`) fetches its checkpoint, demands that history went on from the last one, and
//! verifies every new entry and payload. What must always be true: the position is saved after the work that it stands
//! for, and only if nothing was found, so a monitor that is killed at any moment does again what it had not saved; a
//! position within a round is one that the server has proven to be a beginning of its checkpoint; an event is kept among
//! those that were seen (`seen`) before the position moves beyond it; a finding stays until somebody has looked at it; an
//! outage is a failure, never a finding.

mod checking;
mod figures;
mod round;
mod seen;
mod serving;
mod shown;

use std::{
    fs,
    io::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use self::{
    figures::Figures,
    round::{Keys, Outcome, Watched},
    shown::Shown,
};
use super::{
    args,
    connect::ServerUrl,
    error::CliError,
    exit::Exit,
    output::{Format, Output},
    pins::Pins,
    verify::advice,
};
use crate::ledger::note::VerifierKey;

/// How long to wait after a first failure; each further one in a row doubles it, up to `--every`.
const FIRST_WAIT: Duration = Duration::from_secs(5);

/// Watch ledgers' servers: demand that history goes on, and verify every new entry and payload
///
/// Each round fetches a server's checkpoint, demands a proof that it continues the one before, and verifies the form,
/// place, chain and tree of every new entry and every part of its payload. The position is saved when all of that is
/// done. Logs go to stderr. With --once the exit code says it: 0 all verifies, 1 a finding, 3 a server could not be
/// read, 4 there is nothing in a ledger yet.
#[derive(Debug, clap::Args)]
pub(super) struct Monitor {
    /// The servers' addresses
    #[arg(value_name = "URL", required = true, value_parser = ServerUrl::parse)]
    servers: Vec<ServerUrl>,
    /// A ledger's verifier key, or @ and the file it stands in; may be repeated; each ledger is checked with the one of its name
    #[arg(long = "vkey", value_name = "VKEY|@FILE", required = true, value_parser = args::verifier_key, env = "EXHIBIT_VKEY", hide_env_values = true)]
    keys: Vec<VerifierKey>,
    /// How long to wait from one round to the next, such as 30s, 5m or 1h
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = period)]
    every: Duration,
    /// Do one round with each server, and end
    #[arg(long)]
    once: bool,
    /// Where the position of each ledger is kept, instead of the user's own file
    #[arg(long, value_name = "FILE", value_parser = args::path, env = "EXHIBIT_MONITOR_STATE", hide_env_values = true)]
    state: Option<PathBuf>,
    /// Serve metrics in Prometheus' text form at this address, under /metrics
    #[arg(long, value_name = "ADDRESS", help_heading = "Metrics")]
    metrics: Option<SocketAddr>,
    /// Write metrics to this file after each round, for a collector of text files
    #[arg(long, value_name = "FILE", value_parser = args::path, help_heading = "Metrics")]
    metrics_file: Option<PathBuf>,
}

fn period(value: &str) -> Result<Duration, String> {
    let example = "write it as 30s, 5m or 1h; it is at least 1s and at most 30 days";
    let span: jiff::SignedDuration = value.parse().map_err(|_| example)?;
    let span = Duration::try_from(span).map_err(|_| example)?;
    let days = Duration::from_secs(30 * 24 * 3600);
    if (Duration::from_secs(1)..=days).contains(&span) {
        Ok(span)
    } else {
        Err(example.to_owned())
    }
}

impl Monitor {
    pub(super) fn run(self, output: &mut Output) -> Result<Exit, CliError> {
        let keys = Keys::new(self.keys.clone())?;
        // Before any work, so that a damaged or unwritable state is known at once.
        Pins::monitored(self.state.clone())?;
        super::serve::start_log_with("info", output.format() == Format::Json)?;
        let figures = Figures::default();
        if let Some(address) = self.metrics {
            let at = serving::serve(address, figures.clone())?;
            tracing::info!(address = %at, "serving metrics");
        }
        let mut watched: Vec<Watched> = self.servers.iter().cloned().map(Watched::new).collect();
        if self.once {
            for server in &mut watched {
                self.round(server, &keys, &figures)?;
            }
            output.print(&Shown(&watched))?;
            return Ok(verdict(&watched));
        }
        self.watch(watched, &keys, &figures)
    }

    /// Goes round for ever.
    fn watch(
        &self,
        watched: Vec<Watched>,
        keys: &Keys,
        figures: &Figures,
    ) -> Result<Exit, CliError> {
        let mut due: Vec<(Instant, Watched)> = watched
            .into_iter()
            .map(|server| (Instant::now(), server))
            .collect();
        loop {
            for (at, server) in &mut due {
                if *at > Instant::now() {
                    continue;
                }
                self.round(server, keys, figures)?;
                let wait = wait(self.every, server.failures_in_a_row);
                *at = Instant::now().checked_add(wait).unwrap_or(*at);
            }
            let next = due.iter().map(|(at, _)| *at).min();
            let now = Instant::now();
            thread::sleep(next.map_or(self.every, |next| next.saturating_duration_since(now)));
        }
    }

    /// Does one round with one server, and tells of it.
    fn round(&self, server: &mut Watched, keys: &Keys, figures: &Figures) -> Result<(), CliError> {
        let mut state = Pins::monitored(self.state.clone())?;
        let outcome = round::round(server.url(), keys, &mut state);
        server.take(outcome);
        figures.take(server);
        if let Some(path) = &self.metrics_file {
            write_metrics(path, &figures.text())?;
        }
        if let Some(outcome) = &server.last {
            tell(server.url(), outcome);
        }
        Ok(())
    }
}

/// How long until the next round with a server.
fn wait(every: Duration, failures_in_a_row: u32) -> Duration {
    match failures_in_a_row.checked_sub(1) {
        None => every,
        Some(before) => FIRST_WAIT
            .saturating_mul(2u32.saturating_pow(before.min(20)))
            .min(every),
    }
}

/// What one round with each server comes to.
fn verdict(watched: &[Watched]) -> Exit {
    let any = |is: fn(&Watched) -> bool| watched.iter().any(is);
    if any(|server| server.findings().is_some_and(|findings| findings.total > 0)) {
        Exit::Negative
    } else if any(|server| server.findings().is_none()) {
        Exit::Failed
    } else if any(|server| server.verified == 0) {
        Exit::Incomplete
    } else {
        Exit::Done
    }
}

/// Logs what a round came to.
fn tell(url: &ServerUrl, outcome: &Result<Outcome, CliError>) {
    match outcome {
        Err(error) => {
            let causes = error.causes().join(": ");
            tracing::warn!(server = %url, %error, causes, "could not be read; nothing is known");
        }
        Ok(outcome) if outcome.findings.total == 0 => tracing::info!(
            server = %url, origin = outcome.origin, size = outcome.size, verified = outcome.verified,
            entries = outcome.counts.entries, payloads = outcome.payloads(), "verified"
        ),
        Ok(outcome) => {
            for finding in &outcome.findings.listed {
                tracing::error!(
                    server = %url, origin = outcome.origin, kind = finding.kind.name(),
                    index = finding.index.map(|index| index.value()), expected = finding.expected,
                    found = finding.found, advice = advice(finding.kind), "{}", finding.kind.title()
                );
            }
            tracing::error!(
                server = %url, origin = outcome.origin, size = outcome.size, verified = outcome.verified,
                findings = outcome.findings.total, "does not verify; the position stays"
            );
        }
    }
}

/// Replaces a file that others read at any time.
fn write_metrics(path: &Path, text: &str) -> Result<(), CliError> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let replace = || {
        let mut file = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
        file.write_all(text.as_bytes())?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            // The collector runs as somebody else.
            fs::set_permissions(file.path(), fs::Permissions::from_mode(0o644))?;
        }
        file.persist(path).map_err(|error| error.error)
    };
    replace().map(drop).map_err(CliError::write(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_in_a_row_are_followed_by_longer_waits_up_to_the_usual_one() {
        let every = Duration::from_secs(300);
        let waits: Vec<u64> = (0..9)
            .map(|failures| wait(every, failures).as_secs())
            .collect();
        assert_eq!(waits, [300, 5, 10, 20, 40, 80, 160, 300, 300]);
        assert_eq!(wait(every, u32::MAX), every);
        assert_eq!(wait(Duration::from_secs(1), 1), Duration::from_secs(1));
    }

    #[test]
    fn a_period_has_a_unit_and_bounds() {
        assert_eq!(period("5m").unwrap(), Duration::from_secs(300));
        for wrong in ["", "5", "0s", "-5m", "31d", "500ms", "soon"] {
            assert!(period(wrong).is_err(), "{wrong}");
        }
    }
}
