//! One round with a ledger at a time, however many servers show it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::ledger::note::KeyName;

/// The ledgers that rounds are under way with. Their position and their events are one file each, for all servers.
#[derive(Debug, Default)]
pub(super) struct Origins(Mutex<HashMap<KeyName, Arc<Mutex<()>>>>);

impl Origins {
    /// What a round with this ledger holds.
    pub(super) fn of(&self, name: &KeyName) -> Arc<Mutex<()>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(name.clone()).or_default())
    }
}
