//! The way of answers to a client: made a page at a time, taken one at a time, one page ahead.
//!
//! Whoever makes the pages waits until the one before has been taken up, so a client that reads slowly, or not at
//! all, holds a page or two and nothing else. How a stream ends travels beside the pages, so it can always be told,
//! even to a client that takes nothing. One that takes nothing for its time is given up, and for as long again may have
//! what is ready; then that is dropped, however long its connection stays.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::sync::mpsc;
use tokio_stream::Stream;
use tonic::Status;

use super::errors::{Reason, refusal};

/// Where pages go in.
pub(super) struct PageSender<T> {
    pages: mpsc::Sender<Vec<T>>,
    untaken: Arc<Mutex<Untaken<T>>>,
    end: Arc<OnceLock<Status>>,
    /// How long a page may wait to be taken up.
    patience: Duration,
}

/// Where items come out: the answers of a call.
pub(crate) struct Pages<T> {
    untaken: Arc<Mutex<Untaken<T>>>,
    end: Arc<OnceLock<Status>>,
}

/// What is ready for the client. Shared with the sender, which alone can drop it where the client never asks again.
struct Untaken<T> {
    pages: mpsc::Receiver<Vec<T>>,
    items: std::vec::IntoIter<T>,
}

/// Nobody takes the pages any more, so making them can stop.
#[derive(Debug)]
pub(super) struct Gone;

/// A way for pages. A client that does not take them for so long is given up.
pub(super) fn pages<T>(patience: Duration) -> (PageSender<T>, Pages<T>) {
    let (sender, receiver) = mpsc::channel(1);
    let end = Arc::new(OnceLock::new());
    let untaken = Arc::new(Mutex::new(Untaken {
        pages: receiver,
        items: Vec::new().into_iter(),
    }));
    (
        PageSender {
            pages: sender,
            untaken: Arc::clone(&untaken),
            end: Arc::clone(&end),
            patience,
        },
        Pages { untaken, end },
    )
}

fn lock<T>(untaken: &Mutex<Untaken<T>>) -> MutexGuard<'_, Untaken<T>> {
    untaken.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<T: Send + 'static> PageSender<T> {
    /// Hands a page over once the one before has been taken up.
    pub(super) async fn send(&self, page: Vec<T>) -> Result<(), Gone> {
        let patience = self.patience;
        match tokio::time::timeout(patience, self.pages.send(page)).await {
            Ok(sent) => sent.map_err(|_| Gone),
            Err(_) => {
                let told = format!(
                    "the answers were not taken for {patience:?} (limits.answer_timeout); \
                     call again, and go on after the last one that arrived"
                );
                self.end_with(refusal(Reason::AnswersNotTaken, told));
                self.drop_later();
                Err(Gone)
            }
        }
    }

    /// Drops what the client does not take in a last while either.
    fn drop_later(&self) {
        let (untaken, patience) = (Arc::downgrade(&self.untaken), self.patience);
        tokio::spawn(async move {
            tokio::time::sleep(patience).await;
            if let Some(untaken) = untaken.upgrade() {
                let mut untaken = lock(&untaken);
                untaken.pages.close();
                while untaken.pages.try_recv().is_ok() {}
                untaken.items = Vec::new().into_iter();
            }
        });
    }

    /// Says how the stream ends once all pages have been taken; without it, it ends well. The first word counts.
    pub(super) fn end_with(&self, status: Status) {
        let _ = self.end.set(status);
    }

    /// Waits until nobody takes the pages any more.
    pub(super) async fn gone(&self) {
        self.pages.closed().await;
    }
}

impl<T> Drop for Pages<T> {
    /// Lets the sender, which shares what is left, know that nobody takes it.
    fn drop(&mut self) {
        lock(&self.untaken).pages.close();
    }
}

impl<T> Stream for Pages<T> {
    type Item = Result<T, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut untaken = lock(&self.untaken);
        loop {
            if let Some(item) = untaken.items.next() {
                return Poll::Ready(Some(Ok(item)));
            }
            match ready!(untaken.pages.poll_recv(cx)) {
                Some(page) => untaken.items = page.into_iter(),
                None => {
                    drop(untaken);
                    let end = std::mem::take(&mut self.end);
                    return Poll::Ready(end.get().cloned().map(Err));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_a_client_that_was_given_up_does_not_take_is_dropped() {
        let patience = Duration::from_millis(100);
        let (sender, mut taken) = pages(patience);
        let held = Arc::new(());
        let page = || vec![Arc::clone(&held); 10];
        sender.send(page()).await.unwrap();
        assert!(tokio_stream::StreamExt::next(&mut taken).await.is_some());
        sender.send(page()).await.unwrap();
        sender.send(page()).await.unwrap_err();
        drop(sender);
        assert_eq!(Arc::strong_count(&held), 20, "a last while to take them");
        let dropped = async {
            while Arc::strong_count(&held) > 1 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let dropped = tokio::time::timeout(Duration::from_secs(60), dropped);
        dropped.await.expect("all of them are dropped");
        let end = tokio_stream::StreamExt::next(&mut taken).await.unwrap();
        let status = end.map(drop).unwrap_err();
        let told = super::super::errors::reason_of(&status);
        assert_eq!(told, Some(Reason::AnswersNotTaken));
        assert!(tokio_stream::StreamExt::next(&mut taken).await.is_none());
    }
}
