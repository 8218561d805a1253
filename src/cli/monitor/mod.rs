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
mod origins;
mod round;
mod seen;
mod serving;
mod shown;
mod watched;

use std::{
    fs,
    io::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    thread,
    time::Duration,
};

use self::{
    figures::Figures,
    origins::Origins,
    shown::{Shown, advice_of},
    watched::{Keys, Outcome, Watched, verdict},
};
use super::{
    args,
    connect::ServerUrl,
    error::CliError,
    exit::Exit,
    output::{Format, Output},
    pins::Pins,
};
use crate::ledger::note::VerifierKey;

/// How long to wait after a first failure; each further one in a row doubles it, up to `--every`.
const FIRST_WAIT: Duration = Duration::from_secs(5);

/// Watch ledgers' servers: demand that history goes on, and verify every new entry and payload
///
/// Each round fetches a server's checkpoint, demands a proof that it continues the one before, and verifies the form,
/// place, chain and tree of every new entry and every part of its payload. The position is saved when all of that is
/// done. Servers are watched at the same time. Logs go to stderr. With --once the exit code says it: 0 all verifies,
/// but for damage that a ledger itself admits (see --strict), 1 a finding, 3 a server could not be read, 4 there is
/// nothing in a ledger yet.
#[derive(Debug, clap::Args)]
pub(super) struct Monitor {
    /// The servers' addresses
    #[arg(value_name = "URL", required = true, value_parser = ServerUrl::parse)]
    servers: Vec<ServerUrl>,
    /// A ledger's verifier key, or @ and the file it stands in; may be repeated; each ledger is checked with the one of its name
    #[arg(long = "vkey", value_name = "VKEY|@FILE", required = true, value_parser = args::verifier_key, env = "EXHIBIT_VKEY", hide_env_values = true)]
    keys: Vec<VerifierKey>,
    /// How long to wait from one round to the next, such as 30s, 5m or 1h
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = args::period)]
    every: Duration,
    /// Do one round with each server, and end
    #[arg(long)]
    once: bool,
    /// Confirmed breaks are a negative verdict, too: damage that the ledger itself admits
    #[arg(long)]
    strict: bool,
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

impl Monitor {
    pub(super) fn run(self, output: &mut Output) -> Result<Exit, CliError> {
        let keys = Keys::new(self.keys.clone())?;
        // Before any work, so that a damaged or unwritable state is known at once.
        let state = Pins::monitored(self.state.clone())?.path().clone();
        super::serve::start_log_with("info", output.format() == Format::Json)?;
        let figures = Figures::default();
        if let Some(address) = self.metrics {
            let at = serving::serve(address, figures.clone())?;
            tracing::info!(address = %at, "serving metrics");
        }
        let watch = Watch {
            options: &self,
            keys,
            figures,
            state,
            origins: Origins::default(),
            metrics_file: Mutex::new(()),
        };
        let watched: Vec<Watched> = self.servers.iter().cloned().map(Watched::new).collect();
        if !self.once {
            watch.on(watched);
            return Ok(Exit::Done);
        }
        let watched = watch.once(watched);
        watch.write_metrics()?;
        output.print(&Shown {
            watched: &watched,
            strict: self.strict,
            state: &watch.state,
        })?;
        Ok(verdict(&watched, self.strict))
    }
}

/// The watch over all servers, each on a thread of its own, so that none waits for another.
struct Watch<'a> {
    options: &'a Monitor,
    keys: Keys,
    figures: Figures,
    /// Where the positions are kept.
    state: PathBuf,
    origins: Origins,
    /// Held while the file with the metrics is replaced, so that no older one takes a newer one's place.
    metrics_file: Mutex<()>,
}

impl Watch<'_> {
    /// Does one round with each server.
    fn once(&self, mut watched: Vec<Watched>) -> Vec<Watched> {
        thread::scope(|scope| {
            for server in &mut watched {
                scope.spawn(|| self.round(server));
            }
        });
        watched
    }

    /// Goes round for ever.
    fn on(&self, watched: Vec<Watched>) {
        thread::scope(|scope| {
            for mut server in watched {
                scope.spawn(move || {
                    loop {
                        self.round(&mut server);
                        if let Err(error) = self.write_metrics() {
                            let causes = error.causes().join(": ");
                            tracing::error!(%error, causes, "the metrics are those of before");
                        }
                        thread::sleep(wait(self.options.every, server.failures_in_a_row));
                    }
                });
            }
        });
    }

    /// Does one round with one server, and tells of it.
    fn round(&self, server: &mut Watched) {
        let open_state = || Pins::monitored(Some(self.state.clone()));
        let outcome = round::round(server.url(), &self.keys, &self.origins, &open_state);
        server.take(outcome);
        self.figures.take(server);
        if let Some(outcome) = &server.last {
            self.tell(server.url(), outcome);
        }
    }

    /// Logs what a round came to.
    fn tell(&self, url: &ServerUrl, outcome: &Result<Outcome, CliError>) {
        match outcome {
            Err(error) => {
                let causes = error.causes().join(": ");
                tracing::warn!(server = %url, %error, causes, "could not be read; nothing is known");
            }
            Ok(outcome) if outcome.findings.total == 0 => {
                tracing::info!(
                    server = %url, origin = outcome.origin, size = outcome.size, verified = outcome.verified,
                    entries = outcome.counts.entries, payloads = outcome.payloads(), breaks = outcome.breaks, "verified"
                );
                if outcome.breaks > 0 {
                    tracing::warn!(
                        server = %url, origin = outcome.origin, breaks = outcome.breaks,
                        "confirmed breaks: damage that the ledger itself admits; see `exhibit break list`"
                    );
                }
            }
            Ok(outcome) => {
                for finding in &outcome.findings.listed {
                    tracing::error!(
                        server = %url, origin = outcome.origin, kind = finding.kind.name(),
                        index = finding.index.map(|index| index.value()), expected = finding.expected,
                        found = finding.found, advice = advice_of(finding.kind, &self.state), "{}",
                        finding.kind.title()
                    );
                }
                tracing::error!(
                    server = %url, origin = outcome.origin, size = outcome.size, verified = outcome.verified,
                    findings = outcome.findings.total, "does not verify; the position stays"
                );
            }
        }
    }

    fn write_metrics(&self) -> Result<(), CliError> {
        let Some(path) = &self.options.metrics_file else {
            return Ok(());
        };
        let _alone = self
            .metrics_file
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        write_metrics(path, &self.figures.text())
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
}
