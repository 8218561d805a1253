//! The way of answers to a client: made a page at a time, taken one at a time, one page ahead.
//!
//! Whoever makes the pages waits until the one before has been taken up, so a client that reads slowly, or not at
//! all, holds a page or two and nothing else. How a stream ends travels beside the pages, so it can always be told,
//! even to a client that takes nothing.

use std::{
    pin::Pin,
    sync::{Arc, OnceLock},
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
    end: Arc<OnceLock<Status>>,
    /// How long a page may wait to be taken up.
    patience: Duration,
}

/// Where items come out: the answers of a call.
pub(crate) struct Pages<T> {
    pages: mpsc::Receiver<Vec<T>>,
    items: std::vec::IntoIter<T>,
    end: Arc<OnceLock<Status>>,
}

/// Nobody takes the pages any more, so making them can stop.
#[derive(Debug)]
pub(super) struct Gone;

/// A way for pages. A client that does not take them for so long is given up.
pub(super) fn pages<T>(patience: Duration) -> (PageSender<T>, Pages<T>) {
    let (sender, receiver) = mpsc::channel(1);
    let end = Arc::new(OnceLock::new());
    (
        PageSender {
            pages: sender,
            end: Arc::clone(&end),
            patience,
        },
        Pages {
            pages: receiver,
            items: Vec::new().into_iter(),
            end,
        },
    )
}

impl<T: Send> PageSender<T> {
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
                Err(Gone)
            }
        }
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

impl<T> Stream for Pages<T>
where
    T: Unpin,
{
    type Item = Result<T, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(item) = self.items.next() {
                return Poll::Ready(Some(Ok(item)));
            }
            match ready!(self.pages.poll_recv(cx)) {
                Some(page) => self.items = page.into_iter(),
                None => {
                    let end = std::mem::take(&mut self.end);
                    return Poll::Ready(end.get().cloned().map(Err));
                }
            }
        }
    }
}
