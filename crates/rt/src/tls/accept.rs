//! The server's side of connections.

use std::fmt;
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
use tokio::sync::watch;
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
    cut: watch::Receiver<bool>,
    cutter: Option<Cutter>,
    pause: Option<Pin<Box<Sleep>>>,
}

/// Closes what is left of a server's connections when it is dropped. The server's task holds it:
/// when that is aborted, its connections, which the library runs in tasks of their own, go too.
#[derive(Debug)]
pub struct Cutter(watch::Sender<bool>);

impl Drop for Cutter {
    fn drop(&mut self) {
        self.0.send_replace(true);
    }
}

/// One connection to a server.
pub struct Connection {
    stream: Secured,
    info: ConnectInfo,
    trust: Option<Trust>,
    cut: Pin<Box<dyn Future<Output = ()> + Send>>,
    _place: Place,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("info", &self.info).finish_non_exhaustive()
    }
}

/// Whether the peer would still be let in. Looked at with every read: a server asks silent peers
/// for a sign of life, so that there is one soon.
#[derive(Debug)]
struct Trust {
    credentials: Credentials,
    renewals: u64,
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
        let (cutter, cut) = watch::channel(false);
        Self {
            listener,
            credentials,
            handshakes: JoinSet::new(),
            open: Arc::default(),
            cut,
            cutter: Some(Cutter(cutter)),
            pause: None,
        }
    }

    /// What closes these connections, for the task that serves them. Without it they go on until
    /// they end by themselves.
    ///
    /// # Panics
    /// When it was taken before.
    #[must_use]
    pub fn cutter(&mut self) -> Cutter {
        self.cutter.take().expect("taken once, by the server's task")
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
            let (place, cut) = (Place::take(&this.open), this.cut.clone());
            match &this.credentials {
                None => return Poll::Ready(Some(Connection::plain(stream, cut, place))),
                Some(credentials) => {
                    this.handshakes.spawn(handshake(credentials.clone(), stream, cut, place));
                }
            }
        }
    }
}

async fn handshake(
    credentials: Credentials,
    stream: TcpStream,
    cut: watch::Receiver<bool>,
    place: Place,
) -> io::Result<Connection> {
    stream.set_nodelay(true)?;
    let remote = stream.peer_addr().ok();
    // Counted before they are read: what changes in between is seen as a change.
    let renewals = credentials.renewals();
    // Asked anew for each connection: the files may have changed.
    let acceptor = TlsAcceptor::from(Arc::clone(&credentials.current().server));
    let accepted = tokio::time::timeout(limits::HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await;
    let stream = accepted.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    let certificates = stream.get_ref().1.peer_certificates();
    let certificates = Some(Arc::new(certificates.unwrap_or_default().to_vec()));
    Ok(Connection {
        stream: Secured::Tls(Box::new(stream)),
        info: ConnectInfo { remote, certificates },
        trust: Some(Trust { credentials, renewals }),
        cut: Box::pin(is_cut(cut)),
        _place: place,
    })
}

async fn is_cut(mut cut: watch::Receiver<bool>) {
    // An error means that nobody can cut any more.
    if cut.wait_for(|cut| *cut).await.is_err() {
        std::future::pending().await
    }
}

/// Whether an error of accept says something of one connection and nothing of the listener.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted)
}

impl Connection {
    fn plain(stream: TcpStream, cut: watch::Receiver<bool>, place: Place) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self {
            info: ConnectInfo { remote: stream.peer_addr().ok(), certificates: None },
            stream: Secured::Plain(stream),
            trust: None,
            cut: Box::pin(is_cut(cut)),
            _place: place,
        })
    }

    /// Whether the connection has to end, although both sides could go on.
    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if self.cut.as_mut().poll(cx).is_ready() {
            // It must not be asked again.
            self.cut = Box::pin(std::future::ready(()));
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the server has ended"));
        }
        let Some(trust) = &mut self.trust else { return Ok(()) };
        let renewals = trust.credentials.renewals();
        if renewals != trust.renewals {
            trust.renewals = renewals;
            let chain = self.info.certificates.as_deref().map_or(&[][..], Vec::as_slice);
            if !trust.credentials.would_accept(chain) {
                tracing::warn!(remote = ?self.info.remote, "cut: the certificate is not trusted any more");
                return Err(io::Error::new(
                    io::ErrorKind::ConnectionAborted,
                    "the peer's certificate is not trusted any more",
                ));
            }
        }
        Ok(())
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
        self.check(cx)?;
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
