//! Connections: how many there may be, how long one may say nothing, and cutting them off when the grace period is over.
//!
//! A connection has a place from when it is accepted, so none may have it for nothing. What begins as HTTP/2 is asked by
//! the transport whether it is there, and closed where it does not say so; what has yet to begin has a deadline here,
//! and so has HTTP/1, in which nobody can be asked.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    time::{Instant, Sleep},
};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::transport::server::{Connected, TcpConnectInfo};

use crate::service::config::Limits;

/// How long to wait after a connection could not be accepted, such as for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// How long a connection may take to show what it speaks.
const OPENING: Duration = Duration::from_secs(10);
/// What every connection of HTTP/2 begins with (RFC 9113, section 3.4), and none of HTTP/1 does.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// One connection; it counts against the limit until it is dropped.
pub(super) struct Connection {
    stream: TcpStream,
    speaks: Speaks,
    /// How long HTTP/1 may stand still.
    still_max: Duration,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
    _counted: OwnedSemaphorePermit,
}

/// What is known of what a connection speaks, and the deadline that goes with it.
enum Speaks {
    /// It has sent so many bytes of the preface and nothing else.
    Nothing(usize, Pin<Box<Sleep>>),
    /// It has until then to send or take something.
    Http1(Pin<Box<Sleep>>),
    /// The transport asks it.
    Http2,
}

/// Accepts connections, so many at a time, until nobody takes them any more: then the listener is closed. Once the
/// token says so, all connections fail.
pub(super) fn connections(
    listener: TcpListener,
    limits: Limits,
    cut: CancellationToken,
) -> ReceiverStream<io::Result<Connection>> {
    let (accepted, stream) = mpsc::channel(1);
    tokio::spawn(async move {
        tokio::select! {
            () = accepted.closed() => {}
            () = accept(&listener, limits, &accepted, cut) => {}
        }
    });
    ReceiverStream::new(stream)
}

async fn accept(
    listener: &TcpListener,
    limits: Limits,
    accepted: &mpsc::Sender<io::Result<Connection>>,
    cut: CancellationToken,
) {
    let limit = Arc::new(Semaphore::new(limits.connections_max));
    // As long as HTTP/2 is silent before it is closed.
    let still_max = limits
        .keepalive_interval
        .saturating_add(limits.keepalive_timeout);
    loop {
        if limit.available_permits() == 0 {
            tracing::warn!("as many connections as allowed; more wait (limits.connections_max)");
        }
        let Ok(counted) = Arc::clone(&limit).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                // Without it answers wait for more to send; a socket that refuses it still works.
                let _ = stream.set_nodelay(true);
                let connection = Connection {
                    stream,
                    speaks: Speaks::Nothing(0, Box::pin(tokio::time::sleep(OPENING))),
                    still_max,
                    cut: Box::pin(cut.clone().cancelled_owned()),
                    _counted: counted,
                };
                if accepted.send(Ok(connection)).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

impl Connection {
    /// Fails a connection that has stood still for too long. To be asked whenever it can't go on.
    fn check_patience(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        let deadline = match &mut self.speaks {
            Speaks::Nothing(_, deadline) | Speaks::Http1(deadline) => deadline,
            Speaks::Http2 => return Ok(()),
        };
        match deadline.as_mut().poll(context) {
            Poll::Pending => Ok(()),
            Poll::Ready(()) => Err(failed(io::ErrorKind::TimedOut, "it says nothing")),
        }
    }

    /// Takes note of bytes that arrived.
    fn received(&mut self, bytes: &[u8]) {
        if let Speaks::Nothing(known, _) = &mut self.speaks {
            let rest = PREFACE.get(*known..).unwrap_or_default();
            let begins = bytes.get(..rest.len()).unwrap_or(bytes);
            if !rest.starts_with(begins) {
                self.speaks = Speaks::Http1(Box::pin(tokio::time::sleep(self.still_max)));
            } else if begins.len() == rest.len() {
                self.speaks = Speaks::Http2;
            } else {
                *known = known.saturating_add(begins.len());
            }
            return;
        }
        self.moved();
    }

    /// Takes note that it does not stand still.
    fn moved(&mut self) {
        if let Speaks::Http1(deadline) = &mut self.speaks
            && let Some(later) = Instant::now().checked_add(self.still_max)
        {
            deadline.as_mut().reset(later);
        }
    }

    fn sent(
        &mut self,
        context: &mut Context<'_>,
        sent: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match sent {
            Poll::Ready(_) => self.moved(),
            Poll::Pending => self.check_patience(context)?,
        }
        sent
    }
}

fn failed(kind: io::ErrorKind, told: &'static str) -> io::Error {
    io::Error::new(kind, told)
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // A connection always waits to read, so looking here is enough.
        if self.cut.as_mut().poll(context).is_ready() {
            let told = "the grace period is over";
            return Poll::Ready(Err(failed(io::ErrorKind::ConnectionAborted, told)));
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        match read {
            Poll::Ready(_) => self.received(buffer.filled().get(before..).unwrap_or_default()),
            Poll::Pending => self.check_patience(context)?,
        }
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        let sent = Pin::new(&mut self.stream).poll_write(context, buffer);
        self.sent(context, sent)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let sent = Pin::new(&mut self.stream).poll_write_vectored(context, buffers);
        self.sent(context, sent)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl Connected for Connection {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        self.stream.connect_info()
    }
}
