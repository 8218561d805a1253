//! Connections: how many there may be, and cutting them off when the grace period is over.

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
};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::transport::server::{Connected, TcpConnectInfo};

/// How long to wait after a connection could not be accepted, such as for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// One connection; it counts against the limit until it is dropped.
pub(super) struct Connection {
    stream: TcpStream,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
    _counted: OwnedSemaphorePermit,
}

/// Accepts connections, so many at a time, until nobody takes them any more: then the listener is closed. Once the
/// token says so, all connections fail.
pub(super) fn connections(
    listener: TcpListener,
    connections_max: usize,
    cut: CancellationToken,
) -> ReceiverStream<io::Result<Connection>> {
    let (accepted, stream) = mpsc::channel(1);
    let limit = Arc::new(Semaphore::new(connections_max));
    tokio::spawn(async move {
        tokio::select! {
            () = accepted.closed() => {}
            () = accept(&listener, limit, &accepted, cut) => {}
        }
    });
    ReceiverStream::new(stream)
}

async fn accept(
    listener: &TcpListener,
    limit: Arc<Semaphore>,
    accepted: &mpsc::Sender<io::Result<Connection>>,
    cut: CancellationToken,
) {
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

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // A connection always waits to read, so looking here is enough.
        if self.cut.as_mut().poll(context).is_ready() {
            let told = "the grace period is over";
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::ConnectionAborted, told)));
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, buffer)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, buffers)
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
