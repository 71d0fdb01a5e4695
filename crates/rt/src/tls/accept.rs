//! The server's side of connections.

use std::future::Future;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::task::AtomicWaker;
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::Sleep;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_stream::Stream;
use tonic::transport::server::Connected;

use super::Credentials;
use crate::limits;

/// After an error of accept (no file descriptors left, say) the next try comes this much later.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Connections to a server, as a stream for `serve_with_incoming_shutdown`. Handshakes run beside
/// it, each within [`limits::HANDSHAKE_TIMEOUT`]. Dropping it closes the port.
#[derive(Debug)]
pub struct Incoming {
    listener: TcpListener,
    credentials: Option<Credentials>,
    handshakes: JoinSet<io::Result<Connection>>,
    open: Arc<Open>,
    pause: Option<Pin<Box<Sleep>>>,
}

/// One connection to a server.
#[derive(Debug)]
pub struct Connection {
    stream: Secured,
    info: ConnectInfo,
    _place: Place,
}

#[derive(Debug)]
enum Secured {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Where a connection comes from. [`crate::access`] makes a [`crate::access::Peer`] of it.
#[derive(Clone, Debug)]
pub struct ConnectInfo {
    /// The other end, unless it is gone already.
    pub remote: Option<SocketAddr>,
    /// The certificates that the handshake has accepted; `None` in plain text.
    pub certificates: Option<Arc<Vec<CertificateDer<'static>>>>,
}

/// The connections that are open, handshakes among them.
#[derive(Debug, Default)]
struct Open {
    count: AtomicUsize,
    less: AtomicWaker,
}

/// One of them.
#[derive(Debug)]
struct Place(Arc<Open>);

impl Place {
    fn take(open: &Arc<Open>) -> Self {
        open.count.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(open))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.count.fetch_sub(1, Ordering::AcqRel);
        self.0.less.wake();
    }
}

impl Incoming {
    pub(super) fn new(listener: TcpListener, credentials: Option<Credentials>) -> Self {
        let handshakes = JoinSet::new();
        Self { listener, credentials, handshakes, open: Arc::default(), pause: None }
    }

    /// Whether one more connection may be accepted; wakes the stream when that changes.
    fn has_room(&self, cx: &Context<'_>) -> bool {
        self.open.less.register(cx.waker());
        self.handshakes.len() < limits::HANDSHAKES
            && self.open.count.load(Ordering::Acquire) < limits::CONNECTIONS
    }

    fn poll_pause(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        Poll::Ready(())
    }
}

impl Stream for Incoming {
    type Item = io::Result<Connection>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            match this.handshakes.poll_join_next(cx) {
                Poll::Ready(Some(Ok(Ok(connection)))) => return Poll::Ready(Some(Ok(connection))),
                Poll::Ready(Some(Ok(Err(error)))) => {
                    tracing::debug!(%error, "a TLS handshake failed");
                    continue;
                }
                Poll::Ready(Some(Err(error))) => {
                    tracing::error!(%error, "a TLS handshake panicked");
                    continue;
                }
                Poll::Ready(None) | Poll::Pending => {}
            }
            ready!(this.poll_pause(cx));
            if !this.has_room(cx) {
                return Poll::Pending;
            }
            let stream = match ready!(this.listener.poll_accept(cx)) {
                Ok((stream, _)) => stream,
                Err(error) if is_of_one_connection(&error) => continue,
                Err(error) => {
                    tracing::warn!(%error, "cannot accept connections");
                    this.pause = Some(Box::pin(tokio::time::sleep(ACCEPT_PAUSE)));
                    continue;
                }
            };
            let place = Place::take(&this.open);
            match &this.credentials {
                None => return Poll::Ready(Some(Connection::plain(stream, place))),
                Some(credentials) => {
                    // Asked anew for each connection: the files may have changed.
                    let acceptor = TlsAcceptor::from(Arc::clone(&credentials.current().server));
                    this.handshakes.spawn(handshake(acceptor, stream, place));
                }
            }
        }
    }
}

async fn handshake(
    acceptor: TlsAcceptor,
    stream: TcpStream,
    place: Place,
) -> io::Result<Connection> {
    stream.set_nodelay(true)?;
    let remote = stream.peer_addr().ok();
    let accepted = tokio::time::timeout(limits::HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await;
    let stream = accepted.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    let certificates = stream.get_ref().1.peer_certificates();
    let certificates = Some(Arc::new(certificates.unwrap_or_default().to_vec()));
    let info = ConnectInfo { remote, certificates };
    Ok(Connection { stream: Secured::Tls(Box::new(stream)), info, _place: place })
}

/// Whether an error of accept says something of one connection and nothing of the listener.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted)
}

impl Connection {
    fn plain(stream: TcpStream, place: Place) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let info = ConnectInfo { remote: stream.peer_addr().ok(), certificates: None };
        Ok(Self { stream: Secured::Plain(stream), info, _place: place })
    }
}

impl Connected for Connection {
    type ConnectInfo = ConnectInfo;

    fn connect_info(&self) -> ConnectInfo {
        self.info.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Secured::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Secured::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.stream {
            Secured::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Secured::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Secured::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Secured::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Secured::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Secured::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.stream {
            Secured::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Secured::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Secured::Plain(stream) => stream.is_write_vectored(),
            Secured::Tls(stream) => stream.is_write_vectored(),
        }
    }
}
