//! Having checkpoints cosigned: what the published checkpoint is, and who has seen it.
//!
//! One task takes the newest durable checkpoint, asks all witnesses of the policy at once, and publishes the checkpoint
//! with their cosignatures as soon as the policy is met. Then it rests for an interval, unless an append waits to be
//! witnessed. It reads the ledger and never touches the write path: an append that does not wait knows nothing of it.
//!
//! | the policy is | `publish` (fail open) | `hold` (fail closed) |
//! | --- | --- | --- |
//! | met | the cosigned checkpoint is published | the same |
//! | not met in time | published with the cosignatures there are | the published one stays as it was |
//!
//! Either way it is logged, an append that waits hears that it is recorded and not witnessed, and the next round comes
//! an interval later. A witness that has seen another history is an alarm, and changes nothing else: whoever verifies
//! with that witness's key will see for themselves.

mod submit;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    sync::{Notify, watch},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use self::submit::Seat;
pub use self::submit::SubmitError;
use super::{
    fetch::{FetchOptions, Fetcher},
    ledger::Ledger,
};
use crate::{
    ledger::{
        checkpoint::SignedCheckpoint,
        note::{NOTE_BYTES_MAX, SignatureLine},
        policy::{InvalidPolicy, Policy},
        position::{EntryIndex, TreeSize},
        tree::consistency_holds,
    },
    store::{
        disk::FsDisk,
        durable::{NotReplaced, read_file, replace_file},
    },
};

/// The file in the data directory that holds the last checkpoint under which the policy was met.
pub const WITNESSED_FILE: &str = "witnessed";

/// How soon witnesses that failed are asked again where an append waits, at the soonest.
const RETRY_SOONEST: Duration = Duration::from_secs(1);

/// What is to happen when the policy is not met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnUnmet {
    /// Publish the checkpoint with the cosignatures there are: fail open.
    Publish,
    /// Keep the published checkpoint as it is: fail closed.
    Hold,
}

/// How checkpoints are cosigned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CosigningOptions {
    /// How long to rest between rounds that nobody waits for.
    pub interval: Duration,
    /// How long the witnesses may take.
    pub timeout: Duration,
    /// What to do when the policy is not met.
    pub on_unmet: OnUnmet,
}

/// Why checkpoints can't be cosigned.
#[derive(Debug, thiserror::Error)]
pub enum CosigningError {
    /// The policy file can't be read.
    #[error("{} can't be read: {error}; witness.policy names a policy file", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: std::io::Error,
    },
    /// The policy is not one.
    #[error("{}: {error}", path.display())]
    Policy {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: InvalidPolicy,
    },
    /// The policy can never be met from here.
    #[error("{}: the quorum can't be reached with the witnesses that have a URL; add URLs, or ask for fewer", .0.display())]
    OutOfReach(PathBuf),
    /// The policy names logs, and not this one.
    #[error("{}: no `log` line has the key of this ledger, {key}; add it, or leave logs out", path.display())]
    OtherLog {
        /// The file.
        path: PathBuf,
        /// The ledger's key.
        key: String,
    },
}

/// That an event is recorded and was not witnessed in time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the witnesses have not seen it within {} s", .0.as_secs_f64())]
pub struct NotWitnessed(pub Duration);

/// Has a ledger's checkpoints cosigned.
pub struct Cosigning {
    ledger: Ledger,
    directory: PathBuf,
    policy: Policy,
    options: CosigningOptions,
    seats: Vec<Arc<Seat>>,
    fetcher: Arc<Fetcher>,
    /// The newest checkpoint under which the policy was met.
    witnessed: watch::Sender<Option<Arc<SignedCheckpoint>>>,
    /// Somebody waits for the next one.
    nudge: Notify,
}

impl Cosigning {
    /// Reads the policy, and takes up with the checkpoint that was witnessed last.
    ///
    /// # Errors
    /// When the policy can't be read, is none, or can't be met.
    pub fn open(
        ledger: Ledger,
        directory: &Path,
        policy: &Path,
        options: CosigningOptions,
    ) -> Result<Arc<Self>, CosigningError> {
        let path = policy.to_owned();
        let policy = read_policy(policy)?;
        let with_url = |place: usize| {
            policy
                .witnesses()
                .get(place)
                .is_some_and(|w| w.url.is_some())
        };
        if !policy.is_met_by(with_url) {
            return Err(CosigningError::OutOfReach(path));
        }
        let logs = policy.logs();
        if !logs.is_empty() && !logs.iter().any(|log| ledger.signs_with(&log.key)) {
            let key = ledger.verifier().to_string();
            return Err(CosigningError::OtherLog { path, key });
        }
        let fetcher = Fetcher::new(FetchOptions {
            connect_timeout: options.timeout,
            timeout: options.timeout,
            body_bytes_max: 64 << 10,
            ..FetchOptions::default()
        });
        let seats = policy.witnesses().iter().cloned();
        let cosigning = Self {
            seats: seats.map(|witness| Arc::new(Seat::new(witness))).collect(),
            witnessed: watch::Sender::new(None),
            fetcher: Arc::new(fetcher),
            directory: directory.to_owned(),
            ledger,
            policy,
            options,
            nudge: Notify::new(),
        };
        let last = cosigning.last_witnessed().map(Arc::new);
        cosigning
            .ledger
            .publish(cosigning.published_first(last.clone()));
        cosigning.witnessed.send_replace(last);
        Ok(Arc::new(cosigning))
    }

    /// The newest checkpoint under which the policy was met.
    pub fn witnessed(&self) -> Option<Arc<SignedCheckpoint>> {
        self.witnessed.borrow().clone()
    }

    /// Waits until the policy is met by a checkpoint that covers an entry.
    ///
    /// # Errors
    /// When that takes longer than two rounds may.
    pub async fn wait_for(&self, index: EntryIndex) -> Result<Arc<SignedCheckpoint>, NotWitnessed> {
        let allowed = self.options.timeout.saturating_mul(2);
        let mut witnessed = self.witnessed.subscribe();
        self.nudge.notify_one();
        let covers = |seen: &Option<Arc<SignedCheckpoint>>| {
            let seen = seen.as_ref();
            seen.is_some_and(|seen| seen.checkpoint().size.contains(index))
        };
        let seen = tokio::time::timeout(allowed, witnessed.wait_for(covers)).await;
        let seen = seen.ok().and_then(Result::ok).and_then(|seen| seen.clone());
        seen.ok_or(NotWitnessed(allowed))
    }

    /// Has checkpoints cosigned until the token says to stop.
    pub async fn run(self: Arc<Self>, stopping: CancellationToken) {
        let mut committed = self.ledger.committed();
        let mut unmet_since: Option<Instant> = None;
        loop {
            let size = *committed.borrow_and_update();
            let now = tokio::time::Instant::now();
            let next = now.checked_add(self.options.interval).unwrap_or(now);
            let met = self.round().await;
            unmet_since = self.tell(met, unmet_since);
            let rest = async {
                if met {
                    let _ = committed.wait_for(|now| *now != size).await;
                    tokio::select! {
                        () = tokio::time::sleep_until(next) => {}
                        () = self.nudge.notified() => {}
                    }
                } else {
                    let soonest = self.options.interval.min(RETRY_SOONEST);
                    tokio::select! {
                        () = tokio::time::sleep(self.options.interval) => {}
                        () = async {
                            tokio::time::sleep(soonest).await;
                            self.nudge.notified().await;
                        } => {}
                    }
                }
            };
            tokio::select! {
                () = stopping.cancelled() => return,
                () = rest => {}
            }
        }
    }

    fn tell(&self, met: bool, unmet_since: Option<Instant>) -> Option<Instant> {
        match (met, unmet_since) {
            (true, Some(since)) => {
                tracing::info!(
                    seconds = since.elapsed().as_secs(),
                    "the witness policy is met again"
                );
                None
            }
            (true, None) => None,
            (false, since) => {
                let since = since.unwrap_or_else(Instant::now);
                let seconds = since.elapsed().as_secs();
                match self.options.on_unmet {
                    OnUnmet::Publish => tracing::warn!(
                        seconds,
                        "the witness policy is not met; checkpoints are published all the same (witness.on_unmet)"
                    ),
                    OnUnmet::Hold => tracing::error!(
                        seconds,
                        "the witness policy is not met; no further checkpoint is published (witness.on_unmet)"
                    ),
                }
                Some(since)
            }
        }
    }

    /// Asks all witnesses about the newest checkpoint; whether the policy is met.
    async fn round(&self) -> bool {
        let checkpoint = self.ledger.checkpoint();
        let mut asked = JoinSet::new();
        for (place, seat) in self.seats.iter().enumerate() {
            let Some(url) = seat.witness.url.clone() else {
                continue;
            };
            let (seat, fetcher) = (Arc::clone(seat), Arc::clone(&self.fetcher));
            let (ledger, checkpoint) = (self.ledger.clone(), Arc::clone(&checkpoint));
            asked.spawn_blocking(move || (place, seat.ask(&url, &fetcher, &ledger, &checkpoint)));
        }
        let mut lines: Vec<SignatureLine> = Vec::new();
        let mut signed = vec![false; self.seats.len()];
        let gather = async {
            while let Some(answered) = asked.join_next().await {
                let Ok((place, answer)) = answered else {
                    continue;
                };
                match answer {
                    Ok(more) => {
                        lines.extend(more);
                        if let Some(signed) = signed.get_mut(place) {
                            *signed = true;
                        }
                    }
                    Err(error) => self.complain(place, &error),
                }
                if self.is_met(&signed) {
                    // Whoever is slower than the quorum is not waited for; the next checkpoint may have it.
                    break;
                }
            }
        };
        // Nobody answers later than the fetcher's own limit; this one is for a machine that stalls.
        let limit = self.options.timeout.saturating_mul(2);
        let _ = tokio::time::timeout(limit, gather).await;
        asked.detach_all();
        self.publish(&checkpoint, lines, self.is_met(&signed)).await
    }

    fn is_met(&self, signed: &[bool]) -> bool {
        let signed = |place: usize| signed.get(place).copied().unwrap_or(false);
        self.policy.is_met_by(signed)
    }

    fn complain(&self, place: usize, error: &SubmitError) {
        let witness = self.seats.get(place).map_or("", |seat| &seat.witness.name);
        if error.is_alarm() {
            tracing::error!(witness, %error, "ALARM: a witness has seen another history than this ledger's");
            if let Some(seat) = self.seats.get(place) {
                seat.forget();
            }
        } else {
            tracing::warn!(witness, %error, "a witness does not cosign");
        }
    }

    async fn publish(
        &self,
        checkpoint: &SignedCheckpoint,
        lines: Vec<SignatureLine>,
        met: bool,
    ) -> bool {
        let cosigned = match checkpoint.clone().with_signatures(lines) {
            Ok(cosigned) => Arc::new(cosigned),
            Err(error) => {
                tracing::error!(%error, "cosignatures do not make a checkpoint");
                return false;
            }
        };
        if met {
            let (directory, note) = (self.directory.clone(), cosigned.note().to_string());
            let kept = tokio::task::spawn_blocking(move || {
                replace_file(&FsDisk, &directory, WITNESSED_FILE, note.as_bytes())
            });
            let kept: Result<(), NotReplaced> = kept.await.unwrap_or(Ok(()));
            if let Err(error) = kept {
                // It is no secret and no promise: the next round tries again.
                tracing::warn!(%error, "the witnessed checkpoint could not be kept");
            }
            self.witnessed.send_replace(Some(Arc::clone(&cosigned)));
        }
        if met || self.options.on_unmet == OnUnmet::Publish {
            self.ledger.publish(Some(cosigned));
        }
        met
    }

    /// What is published before the first round. A server that fails open may have published more than was witnessed,
    /// and what is published must not go back: that would look like a rollback to whoever saw it.
    fn published_first(
        &self,
        last: Option<Arc<SignedCheckpoint>>,
    ) -> Option<Arc<SignedCheckpoint>> {
        let newest = self.ledger.checkpoint();
        let size = |signed: &SignedCheckpoint| signed.checkpoint().size;
        match last {
            Some(last) if size(&last) == size(&newest) => Some(last),
            last if self.options.on_unmet == OnUnmet::Hold => last,
            _ => Some(newest),
        }
    }

    /// What the data directory remembers, if it belongs to this ledger.
    fn last_witnessed(&self) -> Option<SignedCheckpoint> {
        let path = self.directory.join(WITNESSED_FILE);
        let bytes = read_file(&FsDisk, &path, NOTE_BYTES_MAX).ok().flatten()?;
        let keys = self.ledger.keys();
        let usable = keys.open(&bytes).ok();
        let usable = usable.filter(|last| self.continues(last));
        if usable.is_none() {
            tracing::error!(path = %path.display(), "the witnessed checkpoint is not of this ledger's history; it is not used");
        }
        usable.filter(|last| self.policy.check(last).met)
    }

    /// Whether the ledger is a continuation of a checkpoint.
    fn continues(&self, last: &SignedCheckpoint) -> bool {
        let (then, now) = (last.checkpoint(), self.ledger.checkpoint());
        let now = now.checkpoint();
        if then.size == TreeSize::EMPTY {
            return true;
        }
        self.ledger
            .consistency(then.size, now.size)
            .is_ok_and(|proof| {
                consistency_holds((then.size, then.root), (now.size, now.root), &proof)
            })
    }
}

/// Reads a policy file.
///
/// # Errors
/// When it can't be read, or is none.
pub fn read_policy(path: &Path) -> Result<Policy, CosigningError> {
    let text = std::fs::read_to_string(path).map_err(|error| CosigningError::Unreadable {
        path: path.to_owned(),
        error,
    })?;
    text.parse().map_err(|error| CosigningError::Policy {
        path: path.to_owned(),
        error,
    })
}
