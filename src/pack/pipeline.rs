//! Work on every core, results in order, memory bounded.
//!
//! Items are fetched by whoever has just taken in results, a few a core ahead, and no core waits for the others: one
//! that has done its item begins the next, and takes in the results that are due if no other does.
//!
//! The cores are everybody's. So what may wait, for a disk or a client that is behind, does so on a thread of its own:
//! [`run_between`] fetches and takes there, and the cores only work.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError, mpsc},
};

use rayon::ScopeFifo;

/// Items a core has in work or waiting, those among them whose results are not taken in yet.
const ITEMS_PER_CORE: usize = 3;

/// Fetches items until there are none, works on them in parallel, and takes the results in the order of the items.
///
/// # Errors
/// As the first `take` that fails, or `fetch`, whichever item of the two comes first.
pub(super) fn run<T: Send, U: Send, E: Send>(
    fetch: impl FnMut() -> Result<Option<T>, E> + Send,
    work: impl Fn(T) -> U + Sync,
    take: impl FnMut(U) -> Result<(), E> + Send,
) -> Result<(), E> {
    let belt = Belt {
        work,
        done: Mutex::default(),
        ends: Mutex::new(Ends::new(fetch, take)),
    };
    rayon::scope_fifo(|scope| belt.turn(scope));
    let ends = belt.ends.into_inner();
    let failed = ends.unwrap_or_else(PoisonError::into_inner).failed;
    failed.map_or(Ok(()), Err)
}

/// As [`run`], with both ends on the calling thread: while fetching or taking waits, no core does.
///
/// # Errors
/// As [`run`].
pub(super) fn run_between<T: Send, U: Send, E: Send>(
    fetch: impl FnMut() -> Result<Option<T>, E> + Send,
    work: impl Fn(T) -> U + Sync,
    take: impl FnMut(U) -> Result<(), E> + Send,
) -> Result<(), E> {
    if rayon::current_thread_index().is_some() {
        // The calling thread is a core's, which must not wait for the others.
        return run(fetch, work, take);
    }
    let mut ends = Ends::new(fetch, take);
    let mut done = BTreeMap::new();
    let (results, finished) = mpsc::channel();
    let work = &work;
    rayon::in_place_scope_fifo(|scope| {
        loop {
            while let Some((number, item)) = ends.fetch() {
                let finished = Finished(None, results.clone());
                scope.spawn_fifo(move |_| finished.with(number, work(item)));
            }
            if ends.taken == ends.fetched {
                return;
            }
            // Nothing comes of an item that panicked; the scope passes the panic on.
            let Ok(Some((number, result))) = finished.recv() else {
                return;
            };
            done.insert(number, result);
            while let Some(result) = done.remove(&ends.taken) {
                ends.take(result);
            }
        }
    });
    ends.failed.map_or(Ok(()), Err)
}

/// Sends the result of an item, or that there is none, however its work ends.
struct Finished<U>(Option<(usize, U)>, mpsc::Sender<Option<(usize, U)>>);

impl<U> Finished<U> {
    fn with(mut self, number: usize, result: U) {
        self.0 = Some((number, result));
    }
}

impl<U> Drop for Finished<U> {
    fn drop(&mut self) {
        // Whoever left does not need it.
        let _ = self.1.send(self.0.take());
    }
}

/// What all cores share.
struct Belt<W, U, F, K, E> {
    work: W,
    /// Results that have not been taken in, by the number of their items.
    done: Mutex<BTreeMap<usize, U>>,
    ends: Mutex<Ends<F, K, E>>,
}

/// Both ends of the belt: one core at a time is at them.
struct Ends<F, K, E> {
    /// `None` once there are no more items, or something failed.
    fetch: Option<F>,
    take: K,
    room: usize,
    fetched: usize,
    taken: usize,
    /// Whether a result could not be taken in, so that none after it is.
    refused: bool,
    failed: Option<E>,
}

impl<W, U, F, K, E> Belt<W, U, F, K, E> {
    /// Takes in the results that are due, and fetches as many items as there is room for then.
    fn turn<'s, T>(&'s self, scope: &ScopeFifo<'s>)
    where
        T: Send + 's,
        U: Send,
        E: Send,
        W: Fn(T) -> U + Sync,
        F: FnMut() -> Result<Option<T>, E> + Send,
        K: FnMut(U) -> Result<(), E> + Send,
    {
        // Who finds another core here leaves its result to that one, which looks again after it has let go.
        while let Ok(mut ends) = self.ends.try_lock() {
            while let Some(result) = self.results().remove(&ends.taken) {
                ends.take(result);
            }
            while let Some((number, item)) = ends.fetch() {
                scope.spawn_fifo(move |scope| {
                    let result = (self.work)(item);
                    self.results().insert(number, result);
                    self.turn(scope);
                });
            }
            let due = ends.taken;
            drop(ends);
            if !self.results().contains_key(&due) {
                break;
            }
        }
    }

    fn results(&self) -> MutexGuard<'_, BTreeMap<usize, U>> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F, K, E> Ends<F, K, E> {
    fn new(fetch: F, take: K) -> Self {
        Self {
            fetch: Some(fetch),
            take,
            room: rayon::current_num_threads().saturating_mul(ITEMS_PER_CORE),
            fetched: 0,
            taken: 0,
            refused: false,
            failed: None,
        }
    }

    fn take<U>(&mut self, result: U)
    where
        K: FnMut(U) -> Result<(), E>,
    {
        self.taken = self.taken.saturating_add(1);
        if !self.refused
            && let Err(error) = (self.take)(result)
        {
            self.refused = true;
            self.fail(error);
        }
    }

    /// The next item and its number; `None` where there is none, or no room for it.
    fn fetch<T>(&mut self) -> Option<(usize, T)>
    where
        F: FnMut() -> Result<Option<T>, E>,
    {
        if self.fetched.saturating_sub(self.taken) >= self.room {
            return None;
        }
        match self.fetch.as_mut()?() {
            Ok(Some(item)) => {
                let number = self.fetched;
                self.fetched = number.saturating_add(1);
                return Some((number, item));
            }
            Ok(None) => self.fetch = None,
            Err(error) => self.fail(error),
        }
        None
    }

    fn fail(&mut self, error: E) {
        self.fetch = None;
        self.failed = Some(error);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects)]

    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_items() {
        let mut items = 0..1000u64;
        let mut taken = Vec::new();
        let run: Result<(), ()> = run(
            || Ok(items.next()),
            |item| {
                // Some take longer than those behind them.
                (0..(item % 7) * 1000)
                    .fold(item.saturating_mul(2), |sum, _| std::hint::black_box(sum))
            },
            |result| {
                taken.push(result);
                Ok(())
            },
        );
        assert_eq!(run, Ok(()));
        assert_eq!(taken, (0..1000).map(|item| item * 2).collect::<Vec<u64>>());
    }

    #[test]
    fn the_first_failure_ends_the_run() {
        let mut items = 0..1000u64;
        let mut taken = 0;
        let run: Result<(), u64> = run(
            || Ok(items.next()),
            |item| item,
            |item| {
                taken += 1;
                if item == 5 { Err(item) } else { Ok(()) }
            },
        );
        assert_eq!((run, taken), (Err(5), 6));
        assert!(items.next().is_some());
    }

    #[test]
    fn what_was_fetched_before_a_failure_is_taken_in() {
        let mut items = 0..1000u64;
        let mut taken = 0;
        let fetch = || match items.next() {
            Some(500) => Err("no more"),
            item => Ok(item),
        };
        let run = run(fetch, |item| item, |_| Ok(()).inspect(|()| taken += 1));
        assert_eq!((run, taken), (Err("no more"), 500));
    }

    #[test]
    fn no_more_items_are_under_way_than_there_is_room_for() {
        let (under_way, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let mut items = 0..1000u64;
        let fetch = || {
            let now = under_way.fetch_add(1, Ordering::SeqCst) + 1;
            most.fetch_max(now, Ordering::SeqCst);
            Ok::<_, ()>(items.next())
        };
        let take = |_| {
            under_way.fetch_sub(1, Ordering::SeqCst);
            Ok(())
        };
        run(fetch, |item| item, take).unwrap();
        let room = rayon::current_num_threads() * ITEMS_PER_CORE;
        assert!(most.into_inner() <= room, "over {room}");
    }

    #[test]
    fn the_calling_thread_may_hold_both_ends() {
        let mut items = 0..1000u64;
        let mut taken = Vec::new();
        let take = |item| {
            taken.push(item);
            if item == 500 { Err(item) } else { Ok(()) }
        };
        let run = run_between(|| Ok(items.next()), |item| item, take);
        assert_eq!((run, taken), (Err(500), (0..=500).collect()));
        let mut items = 0..10u64;
        let panics = std::panic::AssertUnwindSafe(|| {
            let work = |item| assert_ne!(item, 5, "on purpose");
            run_between(|| Ok::<_, ()>(items.next()), work, Ok)
        });
        assert!(std::panic::catch_unwind(panics).is_err());
    }

    #[test]
    fn who_waits_while_taking_holds_no_core() {
        let (waiting, waits) = mpsc::channel();
        let runs = (0..rayon::current_num_threads() * 2).map(|_| {
            let (waiting, (go_on, held)) = (waiting.clone(), mpsc::channel::<()>());
            let run = std::thread::spawn(move || {
                let mut items = 0..10;
                let take = move |_| {
                    waiting.send(()).unwrap();
                    held.recv().map_err(|_| ())
                };
                run_between(|| Ok(items.next()), |item| item, take)
            });
            waits.recv().unwrap();
            (run, go_on)
        });
        let runs: Vec<_> = runs.collect();
        let (done, worked) = mpsc::channel();
        rayon::spawn(move || done.send(()).unwrap());
        let free = worked.recv_timeout(std::time::Duration::from_secs(60));
        assert!(free.is_ok(), "every core is held");
        for (run, go_on) in runs {
            drop(go_on);
            assert_eq!(run.join().unwrap(), Err(()));
        }
    }
}
