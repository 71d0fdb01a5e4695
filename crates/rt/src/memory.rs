//! gRPC between services of one process: the same code path as over a network, without sockets.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::sync::mpsc;
use tokio_stream::Stream;
use tonic::transport::server::Connected;
use tonic::transport::{Channel, Endpoint, Server, Uri};

use crate::transport;

/// Bytes that one direction of a connection holds before its writer waits.
const PIPE_BYTES: usize = 256 << 10;

/// Connections that may wait to be accepted before a client waits.
const BACKLOG: usize = 16;

/// The client side of an in-memory transport; cheap to clone.
#[derive(Clone, Debug)]
pub struct Connector {
    accept: mpsc::Sender<DuplexStream>,
}

/// The server side: a stream of connections for `serve_with_incoming`. Dropping it refuses all
/// further connections.
#[derive(Debug)]
pub struct Incoming {
    connections: mpsc::Receiver<DuplexStream>,
}

/// The server's end of one connection.
#[derive(Debug)]
pub struct MemoryStream(DuplexStream);

/// Marks requests that came from within this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryConnectInfo;

/// A transport within this process.
#[must_use]
pub fn duplex() -> (Connector, Incoming) {
    let (accept, connections) = mpsc::channel(BACKLOG);
    (Connector { accept }, Incoming { connections })
}

/// A server with the settings that fit this transport.
#[must_use]
pub fn server() -> Server {
    // A ping finds vanished hosts; within a process it would only find a busy one.
    transport::server().http2_keepalive_interval(None)
}

impl Connector {
    /// A channel that connects at its first use, and again whenever its connection has ended.
    #[must_use]
    pub fn channel(&self) -> Channel {
        let accept = self.accept.clone();
        let connect = tower::service_fn(move |_: Uri| {
            let accept = accept.clone();
            async move {
                let (client, server) = tokio::io::duplex(PIPE_BYTES);
                match accept.send(server).await {
                    Ok(()) => Ok(TokioIo::new(client)),
                    Err(_) => Err(io::Error::from(io::ErrorKind::ConnectionRefused)),
                }
            }
        });
        transport::endpoint(Endpoint::from_static("http://in-memory"))
            .keep_alive_while_idle(false)
            .connect_with_connector_lazy(connect)
    }
}

impl Stream for Incoming {
    type Item = io::Result<MemoryStream>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.connections.poll_recv(cx).map(|stream| stream.map(|stream| Ok(MemoryStream(stream))))
    }
}

impl Connected for MemoryStream {
    type ConnectInfo = MemoryConnectInfo;

    fn connect_info(&self) -> MemoryConnectInfo {
        MemoryConnectInfo
    }
}

impl AsyncRead for MemoryStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for MemoryStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }
}
