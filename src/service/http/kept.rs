//! What is kept ready in memory: immutable contents, up to so many bytes, the least asked for dropped first.
//!
//! It is the clock algorithm: whoever was asked for since the hand last passed stays for another round. A hit takes a
//! shared lock and sets a mark, so readers don't wait for each other.

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
};

/// Something with a size in memory.
pub(super) trait Weighed {
    /// About how many bytes it takes.
    fn bytes(&self) -> usize;
}

/// Contents by key.
pub(super) struct Kept<K, V> {
    bytes_max: usize,
    inner: RwLock<Inner<K, V>>,
}

struct Inner<K, V> {
    slots: HashMap<K, Slot<V>>,
    /// Every key once, in the order in which the hand passes.
    order: VecDeque<K>,
    /// The sum over the slots, never above the limit once a call returns.
    bytes: usize,
}

struct Slot<V> {
    value: Arc<V>,
    asked_for: AtomicBool,
}

impl<K: Copy + Eq + Hash, V: Weighed> Kept<K, V> {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            inner: RwLock::new(Inner {
                slots: HashMap::new(),
                order: VecDeque::new(),
                bytes: 0,
            }),
        }
    }

    pub(super) fn find(&self, key: &K) -> Option<Arc<V>> {
        let inner = self.inner.read().unwrap_or_else(PoisonError::into_inner);
        let slot = inner.slots.get(key)?;
        slot.asked_for.store(true, Ordering::Relaxed);
        Some(Arc::clone(&slot.value))
    }

    /// Keeps a content, if it is not larger than all room there is.
    pub(super) fn keep(&self, key: K, value: Arc<V>) {
        let bytes = value.bytes();
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        if bytes > self.bytes_max || inner.slots.contains_key(&key) {
            return;
        }
        while inner.bytes.saturating_add(bytes) > self.bytes_max {
            if !inner.pass() {
                return;
            }
        }
        let slot = Slot {
            value,
            asked_for: AtomicBool::new(false),
        };
        inner.slots.insert(key, slot);
        inner.order.push_back(key);
        inner.bytes = inner.bytes.saturating_add(bytes);
    }
}

impl<K: Copy + Eq + Hash, V: Weighed> Inner<K, V> {
    /// Moves the hand by one; `false` when nothing is left.
    fn pass(&mut self) -> bool {
        let Some(key) = self.order.pop_front() else {
            return false;
        };
        let asked_for = |slot: &Slot<V>| slot.asked_for.swap(false, Ordering::Relaxed);
        if self.slots.get(&key).is_some_and(asked_for) {
            self.order.push_back(key);
        } else if let Some(slot) = self.slots.remove(&key) {
            self.bytes = self.bytes.saturating_sub(slot.value.bytes());
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Weighed for usize {
        fn bytes(&self) -> usize {
            *self
        }
    }

    #[test]
    fn the_least_asked_for_goes_first_and_the_limit_holds() {
        let kept: Kept<u8, usize> = Kept::new(10);
        for key in 0..3 {
            kept.keep(key, Arc::new(3));
        }
        assert!(kept.find(&0).is_some());
        kept.keep(3, Arc::new(4));
        let there: Vec<u8> = (0..4).filter(|key| kept.find(key).is_some()).collect();
        assert_eq!(there, [0, 2, 3]);
        kept.keep(4, Arc::new(11));
        assert!(kept.find(&4).is_none());
        kept.keep(5, Arc::new(10));
        assert!(kept.find(&5).is_some() && kept.find(&0).is_none());
        assert_eq!(kept.inner.read().unwrap().bytes, 10);
    }

    #[test]
    fn without_room_nothing_is_kept() {
        let kept: Kept<u8, usize> = Kept::new(0);
        kept.keep(1, Arc::new(1));
        assert!(kept.find(&1).is_none());
    }
}
