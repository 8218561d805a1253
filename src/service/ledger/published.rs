//! Which checkpoint is shown to the world.
//!
//! Every batch has a signed checkpoint, and without witnesses the newest one is shown at once. Where witnesses cosign,
//! they decide when the next one is, and this only holds what they were last shown.

use std::sync::{Arc, PoisonError, RwLock};

use super::Ledger;
use crate::ledger::checkpoint::SignedCheckpoint;

/// The newest checkpoint, or the one that was published last.
#[derive(Default)]
pub(super) enum Published {
    #[default]
    Newest,
    /// Nothing, before the first one was published.
    Given(Option<Arc<SignedCheckpoint>>),
}

impl Ledger {
    /// Publishes a checkpoint of this ledger. From the first call on, nothing is published but what is given here:
    /// with nothing given, there is none yet.
    pub fn publish(&self, checkpoint: Option<Arc<SignedCheckpoint>>) {
        let published: &RwLock<Published> = &self.shared().published;
        *published.write().unwrap_or_else(PoisonError::into_inner) = Published::Given(checkpoint);
    }

    /// The published checkpoint; `None` where witnesses are to see it first and have not. Cheap.
    pub fn published(&self) -> Option<Arc<SignedCheckpoint>> {
        let published = self.shared().published.read();
        match &*published.unwrap_or_else(PoisonError::into_inner) {
            Published::Newest => Some(self.checkpoint()),
            Published::Given(checkpoint) => checkpoint.clone(),
        }
    }
}
