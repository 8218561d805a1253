//! Having checkpoints stamped by time stamping authorities, on a schedule of its own.
//!
//! Nothing waits for it: each authority has a task that asks it for the newest durable checkpoint, checks the answer
//! before it keeps it, and lays both beside the journal (see [`crate::store::timestamps`]). A ledger that has nothing
//! new is not stamped again. A failure is logged, and tried again after a while that doubles up to the interval.

use std::{path::PathBuf, sync::Arc, time::Duration};

use tokio::{sync::oneshot, task::JoinSet};

use super::{
    config,
    fetch::{FetchError, FetchOptions, Fetcher},
    ledger::Ledger,
};
use crate::{
    ledger::{
        checkpoint::SignedCheckpoint,
        position::{TreeSize, UnixNanos, count},
        timestamp::{
            TIMESTAMP_BYTES_MAX, TimestampError, TimestampNonce, check_answer, timestamp_query,
        },
    },
    store::timestamps::TimestampsError,
};

/// The media type of a query.
const QUERY_TYPE: &str = "application/timestamp-query";
/// How long after the first failure it is tried again.
const RETRY_FIRST: Duration = Duration::from_secs(5);
/// How far the clocks of the server and an authority may be apart without a warning.
const CLOCK_TOLERANCE_NANOS: u64 = 60_000_000_000;

/// A time stamp that was fetched and checked, and not yet kept.
#[derive(Debug)]
pub struct Fetched {
    /// The authority's answer.
    pub answer: Vec<u8>,
    /// The time that it states.
    pub time: UnixNanos,
    /// Whose certificate it carries; nobody has vouched for it.
    pub authority: Option<String>,
}

/// Why there is no time stamp.
#[derive(Debug, thiserror::Error)]
pub enum StampError {
    /// No answer.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// An answer that is none.
    #[error("{url} sent no time stamp that can be used: {error}")]
    Answer {
        /// What was asked.
        url: String,
        /// What is wrong.
        error: TimestampError,
    },
    /// It could not be kept.
    #[error(transparent)]
    Keep(#[from] TimestampsError),
    /// The system has no random bytes or no thread to give.
    #[error("the system refused what a query needs: {0}")]
    System(std::io::Error),
}

/// A client for authorities.
pub fn fetcher(timeout: Duration) -> Fetcher {
    Fetcher::new(FetchOptions {
        connect_timeout: timeout,
        timeout,
        body_bytes_max: count(TIMESTAMP_BYTES_MAX),
        ..FetchOptions::default()
    })
}

/// A nonce that nobody can foresee.
///
/// # Errors
/// When the system gives no random bytes.
pub fn fresh_nonce() -> Result<TimestampNonce, StampError> {
    let mut random = [0; 16];
    getrandom::fill(&mut random)
        .map_err(|error| StampError::System(std::io::Error::other(error.to_string())))?;
    Ok(TimestampNonce::from_random(random))
}

/// Asks an authority for a time stamp on a checkpoint, and checks that the answer is one: granted, of this checkpoint,
/// to this query, signed with a certificate for time stamping. Blocks.
///
/// # Errors
/// When there is none, or it is not right.
pub fn fetch(
    fetcher: &Fetcher,
    authority: &str,
    checkpoint: &SignedCheckpoint,
) -> Result<Fetched, StampError> {
    let (text, nonce) = (checkpoint.note().text(), fresh_nonce()?);
    let query = timestamp_query(text, &nonce);
    let answer = fetcher.post(authority, QUERY_TYPE, &query)?.content()?;
    let checked = check_answer(&answer, text, Some(&nonce))
        .and_then(|checked| checked.check_validity().map(|()| checked));
    let checked = checked.map_err(|error| StampError::Answer {
        url: authority.to_owned(),
        error,
    })?;
    let (time, authority) = (checked.time(), checked.claimed_authority());
    Ok(Fetched {
        answer,
        time,
        authority,
    })
}

/// Starts the tasks; they end when what is given back is dropped.
pub fn start(ledger: &Ledger, settings: &config::Timestamps) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    for authority in &settings.authorities {
        let stamping = Stamping {
            ledger: ledger.clone(),
            authority: authority.clone(),
            authorities: settings.authorities.len(),
            fetcher: Arc::new(fetcher(settings.timeout)),
            interval: settings.interval,
        };
        tasks.spawn(stamping.run());
    }
    tasks
}

/// One authority's task.
struct Stamping {
    ledger: Ledger,
    authority: String,
    /// How many authorities there are.
    authorities: usize,
    fetcher: Arc<Fetcher>,
    interval: Duration,
}

impl Stamping {
    async fn run(self) {
        let mut stamped = self.stamped_before().await;
        let mut failures = 0;
        loop {
            let checkpoint = self.ledger.checkpoint();
            let size = checkpoint.checkpoint().size;
            let mut wait = self.interval;
            if size != TreeSize::EMPTY && size != stamped {
                match self.stamp(checkpoint).await {
                    Ok(path) => {
                        (stamped, failures) = (size, 0);
                        tracing::info!(authority = %self.authority, %size, path = %path.display(), "time stamp kept");
                    }
                    Err(error) => {
                        wait = retry_after(failures, self.interval);
                        failures = failures.saturating_add(1);
                        tracing::warn!(authority = %self.authority, %size, %error, retry_in = ?wait, "no time stamp");
                    }
                }
            }
            tokio::time::sleep(wait).await;
        }
    }

    /// The size that needs no time stamp any more, of an earlier run of the server: every authority answered for it.
    async fn stamped_before(&self) -> TreeSize {
        let (kept, size) = (
            self.ledger.timestamps().clone(),
            self.ledger.checkpoint().checkpoint().size,
        );
        let found = tokio::task::spawn_blocking(move || kept.at(size)).await;
        match found {
            Ok(Ok(Some(kept))) if kept.answers.len() >= self.authorities => size,
            _ => TreeSize::EMPTY,
        }
    }

    async fn stamp(&self, checkpoint: Arc<SignedCheckpoint>) -> Result<PathBuf, StampError> {
        let (told, hear) = oneshot::channel();
        let (fetcher, authority) = (Arc::clone(&self.fetcher), self.authority.clone());
        let asked = Arc::clone(&checkpoint);
        // A thread of its own, not one of the runtime's: a server that is told to stop does not wait for an authority.
        std::thread::Builder::new()
            .name("timestamp".to_owned())
            .spawn(move || {
                // Nobody listens any more when the server has stopped.
                let _ = told.send(fetch(&fetcher, &authority, &asked));
            })
            .map_err(StampError::System)?;
        let gone = |_| StampError::System(std::io::Error::other("the thread that asked is gone"));
        let fetched = hear.await.map_err(gone)??;
        let apart = fetched.time.value().abs_diff(UnixNanos::now().value());
        if apart > CLOCK_TOLERANCE_NANOS {
            tracing::warn!(
                authority = %self.authority,
                seconds = apart / 1_000_000_000,
                "the authority's clock and this machine's are apart: entries whose time is ahead will be found implausible"
            );
        }
        let kept = self.ledger.timestamps().clone();
        let added = tokio::task::spawn_blocking(move || kept.add(&checkpoint, &fetched.answer));
        let lost = |error| StampError::System(std::io::Error::other(error));
        Ok(added.await.map_err(lost)??)
    }
}

/// How long to wait after so many failures in a row.
fn retry_after(failures: u32, interval: Duration) -> Duration {
    let factor = 2u32.saturating_pow(failures.min(16));
    RETRY_FIRST.saturating_mul(factor).min(interval)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_become_rarer_and_are_never_rarer_than_the_schedule() {
        let hour = Duration::from_secs(3600);
        let waits: Vec<u64> = [0, 1, 2, 9, 10, 40, u32::MAX]
            .map(|failures| retry_after(failures, hour).as_secs())
            .to_vec();
        assert_eq!(waits, [5, 10, 20, 2560, 3600, 3600, 3600]);
        assert_eq!(
            retry_after(0, Duration::from_secs(1)),
            Duration::from_secs(1)
        );
    }
}
