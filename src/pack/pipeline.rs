//! Work on every core, results in order, memory bounded: while one group of items is worked on, the results of the
//! group before are taken in, and the group after is fetched.

use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};

/// Items a core has in work or waiting.
const ITEMS_PER_CORE: usize = 2;

/// Fetches items until there are none, works on them in parallel, and takes the results in the order of the items.
///
/// # Errors
/// As the first `fetch` or `take` that fails.
pub(super) fn run<T: Send, U: Send, E: Send>(
    mut fetch: impl FnMut() -> Result<Option<T>, E> + Send,
    work: impl Fn(T) -> U + Sync,
    mut take: impl FnMut(U) -> Result<(), E> + Send,
) -> Result<(), E> {
    let group = rayon::current_num_threads().saturating_mul(ITEMS_PER_CORE);
    let mut fetch_group = move || {
        let mut items = Vec::with_capacity(group);
        while items.len() < group {
            match fetch()? {
                Some(item) => items.push(item),
                None => break,
            }
        }
        Ok(items)
    };
    let mut items = fetch_group()?;
    let mut done: Vec<U> = Vec::new();
    while !items.is_empty() {
        let working = std::mem::take(&mut items);
        let taking = std::mem::take(&mut done);
        let (fetched, worked) = rayon::join(
            || {
                taking.into_iter().try_for_each(&mut take)?;
                fetch_group()
            },
            || working.into_par_iter().map(&work).collect::<Vec<_>>(),
        );
        items = fetched?;
        done = worked;
    }
    done.into_iter().try_for_each(take)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects)]

    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_items() {
        let mut items = 0..1000u64;
        let mut taken = Vec::new();
        let run: Result<(), ()> = run(
            || Ok(items.next()),
            |item| item.saturating_mul(2),
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
    }
}
