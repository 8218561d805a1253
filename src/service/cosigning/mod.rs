//! Having checkpoints cosigned: what the published checkpoint is, and who has seen it.
//!
//! One task takes the newest durable checkpoint, asks all witnesses of the policy at once, and publishes the checkpoint
//! with their cosignatures as soon as the policy is met. Then it rests for an interval, unless an append waits to be
//! witnessed. It reads the ledger and never touches the write path: an append that does not wait knows nothing of it.
//!
//! | the policy is | `publish` (fail open) | `hold` (fail closed) |
//! | --- | --- | --- |
//! | met | the cosigned checkpoint is published | the same |
//! | met, and the disk fails to keep it | the same | the published one stays as it was |
//! | not met in time | published with the cosignatures there are | the published one stays as it was |
//!
//! What is published must not go back when the server starts again. A server that fails open starts with the newest
//! checkpoint there is; one that fails closed starts with the one that was kept, so it publishes none that was not.
//!
//! Either way it is logged, an append that waits hears that it is recorded and not witnessed, and the next round comes
//! an interval later. A witness that has seen another history is an alarm, and changes nothing else: whoever verifies
//! with that witness's key will see for themselves.

mod kept;
mod options;
mod submit;
#[cfg(test)]
mod tests;

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    sync::{Notify, watch},
    task::JoinSet,
};

use self::{kept::Kept, submit::Seat};
pub use self::{
    options::{CosigningError, CosigningOptions, OnUnmet, read_policy},
    submit::SubmitError,
};
use super::{
    fetch::{FetchOptions, Fetcher},
    ledger::Ledger,
};
use crate::{
    ledger::{
        checkpoint::SignedCheckpoint,
        note::{SIGNATURES_MAX, SignatureLine},
        policy::Policy,
        position::{EntryIndex, TreeSize},
        tree::consistency_holds,
    },
    store::disk::{Disk, FsDisk},
};

/// How soon witnesses that failed are asked again where an append waits, at the soonest.
const RETRY_SOONEST: Duration = Duration::from_secs(1);

/// That an event is recorded and was not witnessed in time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the witnesses have not seen it within {} s", .0.as_secs_f64())]
pub struct NotWitnessed(pub Duration);

/// What a round came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Came {
    Met,
    Unmet,
    /// The policy is met, and what shows it is not on the disk.
    NotKept,
}

/// How a published checkpoint stands to the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It meets the policy, and the last round did too.
    Met,
    /// It was published without meeting it: the server fails open, or has only just started.
    Lacking,
    /// It meets the policy, and later ones, which do not, are held back: the server fails closed.
    Held,
}

/// Has a ledger's checkpoints cosigned.
pub struct Cosigning {
    ledger: Ledger,
    kept: Kept,
    policy: Policy,
    options: CosigningOptions,
    seats: Vec<Arc<Seat>>,
    fetcher: Arc<Fetcher>,
    /// The newest checkpoint under which the policy was met.
    witnessed: watch::Sender<Option<Arc<SignedCheckpoint>>>,
    /// Somebody waits for the next one.
    nudge: Notify,
    /// The last round did not come to a witnessed checkpoint.
    unmet: AtomicBool,
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
        Self::open_on(Arc::new(FsDisk), ledger, directory, policy, options)
    }

    fn open_on(
        disk: Arc<dyn Disk>,
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
            kept: Kept::new(disk, directory),
            ledger,
            policy,
            options,
            nudge: Notify::new(),
            unmet: AtomicBool::new(false),
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

    /// Whether checkpoints are held back now: the server fails closed, and the last round was not met or not kept.
    pub fn withholds(&self) -> bool {
        self.options.on_unmet == OnUnmet::Hold && self.unmet.load(Ordering::Relaxed)
    }

    /// How a published checkpoint stands to the policy.
    pub fn standing(&self, published: &SignedCheckpoint) -> Standing {
        let witnessed = self.witnessed();
        let size = published.checkpoint().size;
        if witnessed.is_none_or(|seen| seen.checkpoint().size != size) {
            Standing::Lacking
        } else if self.withholds() {
            Standing::Held
        } else {
            Standing::Met
        }
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

    /// Has checkpoints cosigned until the task is aborted.
    pub async fn run(self: Arc<Self>) {
        let mut committed = self.ledger.committed();
        let mut unmet_since: Option<Instant> = None;
        loop {
            let size = *committed.borrow_and_update();
            let now = tokio::time::Instant::now();
            let next = now.checked_add(self.options.interval).unwrap_or(now);
            let came = self.round().await;
            self.unmet.store(came != Came::Met, Ordering::Relaxed);
            unmet_since = self.tell(came, unmet_since);
            if came == Came::Met {
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
        }
    }

    fn tell(&self, came: Came, unmet_since: Option<Instant>) -> Option<Instant> {
        if came == Came::Met {
            if let Some(since) = unmet_since {
                let seconds = since.elapsed().as_secs();
                tracing::info!(seconds, "the witness policy is met again");
            }
            return None;
        }
        let since = unmet_since.unwrap_or_else(Instant::now);
        let seconds = since.elapsed().as_secs();
        match (came, self.options.on_unmet) {
            (Came::NotKept, _) => tracing::error!(
                seconds,
                "the witnessed checkpoint is not kept, so it is not published (witness.on_unmet)"
            ),
            (_, OnUnmet::Publish) => tracing::warn!(
                seconds,
                "the witness policy is not met; checkpoints are published all the same (witness.on_unmet)"
            ),
            (_, OnUnmet::Hold) => tracing::error!(
                seconds,
                "the witness policy is not met; no further checkpoint is published (witness.on_unmet)"
            ),
        }
        Some(since)
    }

    /// Asks all witnesses about the newest checkpoint, and publishes it if it may be.
    async fn round(&self) -> Came {
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
                    Ok(line) => {
                        lines.push(line);
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
        mut lines: Vec<SignatureLine>,
        met: bool,
    ) -> Came {
        let room = SIGNATURES_MAX.saturating_sub(checkpoint.note().signatures().len());
        let dropped = lines.len().saturating_sub(room);
        if dropped > 0 {
            tracing::error!(
                dropped,
                "a checkpoint has no room for the cosignatures of so many witnesses"
            );
            lines.truncate(room);
        }
        let met = met && dropped == 0;
        let cosigned = match checkpoint.clone().with_signatures(lines) {
            Ok(cosigned) => Arc::new(cosigned),
            Err(error) => {
                tracing::error!(%error, "cosignatures do not make a checkpoint");
                return Came::Unmet;
            }
        };
        if met {
            if let Err(error) = self.kept.keep(cosigned.note().to_string()).await {
                tracing::error!(%error, "the witnessed checkpoint could not be kept");
                if self.options.on_unmet == OnUnmet::Hold {
                    return Came::NotKept;
                }
            }
            self.witnessed.send_replace(Some(Arc::clone(&cosigned)));
        }
        if met || self.options.on_unmet == OnUnmet::Publish {
            self.ledger.publish(Some(cosigned));
        }
        if met { Came::Met } else { Came::Unmet }
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
        let (path, bytes) = (self.kept.path(), self.kept.read()?);
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
