//! How far a thread has come, for others to wait on.
//!
//! A count that only grows, and whether anyone is left to move it: whoever waits is woken by progress or by its end,
//! so a thread that stops or panics leaves nobody hanging.

use std::sync::{
    Condvar, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

/// A count that one thread moves and others wait on.
pub(super) struct Progress {
    /// A copy of what the lock guards, so that looking costs no lock.
    reached: AtomicU64,
    ended: Mutex<bool>,
    moved: Condvar,
}

impl Progress {
    pub(super) fn new(reached: u64) -> Self {
        Self {
            reached: AtomicU64::new(reached),
            ended: Mutex::new(false),
            moved: Condvar::new(),
        }
    }

    pub(super) fn reached(&self) -> u64 {
        self.reached.load(Ordering::Acquire)
    }

    /// Moves on, and wakes who waits.
    pub(super) fn reach(&self, count: u64) {
        // Stored under the lock: a waiter that has just looked and found too little must not miss the wake-up.
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        self.reached.store(count, Ordering::Release);
        drop(ended);
        self.moved.notify_all();
    }

    /// Says that the count will not move any more.
    pub(super) fn end(&self) {
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.moved.notify_all();
    }

    /// Waits until the count is reached; `false` when it never will be.
    pub(super) fn wait_for(&self, count: u64) -> bool {
        if self.reached() >= count {
            return true;
        }
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        while self.reached() < count && !*ended {
            ended = self
                .moved
                .wait(ended)
                .unwrap_or_else(PoisonError::into_inner);
        }
        self.reached() >= count
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, thread};

    use super::*;

    #[test]
    fn a_waiter_is_woken_by_progress_and_by_its_end() {
        let progress = Arc::new(Progress::new(0));
        let wait = |count| {
            let progress = Arc::clone(&progress);
            thread::spawn(move || progress.wait_for(count))
        };
        let (near, far) = (wait(2), wait(9));
        progress.reach(1);
        progress.reach(2);
        assert!(near.join().unwrap());
        progress.end();
        assert!(!far.join().unwrap());
        assert!(progress.wait_for(2));
    }
}
