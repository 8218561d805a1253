//! Work that blocks a thread, so much of it at a time.

use std::sync::Arc;

use tokio::{sync::Semaphore, task::JoinError};

/// Places for work that blocks. Who stops waiting for its work, as a cancelled request does, leaves it in its place
/// until it is done: so there is never more of it than there are places.
#[derive(Debug, Clone)]
pub(super) struct Places(Arc<Semaphore>);

impl Places {
    pub(super) fn new(places: usize) -> Self {
        Self(Arc::new(Semaphore::new(places)))
    }

    /// Does the work once there is a place for it.
    ///
    /// # Errors
    /// When it panics.
    pub(super) async fn take<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JoinError> {
        // Nobody closes the semaphore; were it closed, there would be no limit.
        let place = Arc::clone(&self.0).acquire_owned().await;
        tokio::task::spawn_blocking(move || {
            let done = work();
            drop(place);
            done
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, time::Duration};

    use super::*;

    #[tokio::test]
    async fn work_that_nobody_waits_for_any_more_keeps_its_place_until_it_is_done() {
        let places = Places::new(1);
        let (go_on, held) = mpsc::channel::<()>();
        let (began, begun) = tokio::sync::oneshot::channel();
        let taken = places.clone();
        let first = tokio::spawn(async move {
            let work = move || {
                let _ = began.send(());
                held.recv()
            };
            taken.take(work).await
        });
        begun.await.unwrap();
        first.abort();
        assert!(first.await.unwrap_err().is_cancelled());
        let mut second = tokio::spawn(async move { places.take(|| 2).await });
        let waited = tokio::time::timeout(Duration::from_millis(100), &mut second).await;
        assert!(waited.is_err(), "the first work is still under way");
        go_on.send(()).unwrap();
        assert_eq!(second.await.unwrap().unwrap(), 2);
    }

    #[tokio::test]
    async fn a_panic_gives_the_place_back() {
        let places = Places::new(1);
        let panicked = places.take(|| panic!("on purpose")).await;
        assert!(panicked.is_err_and(|error| error.is_panic()));
        assert_eq!(places.take(|| 1).await.unwrap(), 1);
    }
}
