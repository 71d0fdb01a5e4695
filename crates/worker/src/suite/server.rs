//! The server of Ginkgo's parallel protocol on loopback.
//!
//! Every process has its own URL, `http://127.0.0.1:PORT/TOKEN/NUMBER`: `GET /counter` names no
//! process, and the token keeps other users of the host from posting results. The server decides
//! nothing: it turns requests into [`Incoming`] and writes the answers.
//!
//! An answer that is wrong or missing does harm (a broken connection makes process 1 start its
//! serial specs at once), so a request nobody answers is held open. End the processes first, then
//! the server.

use std::convert::Infallible;
use std::future::{Future, pending};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming as Body;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Response, StatusCode};
use hyper_util::rt::TokioIo;
use multibeam_ginkgo::protocol::{Answer, Request};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

/// Largest request body taken, in bytes. A report carries all output of its spec; a larger one
/// would be lost in silence, so this is generous.
pub const DEFAULT_BODY_LIMIT: usize = 256 << 20;

/// A request of a suite process.
#[derive(Debug)]
pub struct Incoming {
    /// Number in the URL the process was given.
    pub process: u32,
    /// What it says or asks.
    pub request: Request,
    /// Takes the answer. While it is neither used nor dropped the process waits; when it is dropped
    /// the process waits until its connection ends.
    ///
    /// Go's client repeats a GET whose kept-alive connection broke: a process can ask
    /// [`Request::Counter`] twice for one group, and must get the same index then. Such a repeat
    /// arrives as a second `Incoming` of the same process before any [`Request::DidRun`].
    pub reply: oneshot::Sender<Answer>,
}

/// A bound server that does not serve yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    token: Arc<str>,
    body_limit: usize,
}

/// Makes URLs for processes; outlives the server's start.
#[derive(Debug, Clone)]
pub struct Urls {
    address: SocketAddr,
    token: Arc<str>,
}

impl Urls {
    /// URL of a process, without a slash at the end.
    pub fn of(&self, process: u32) -> String {
        format!("http://{}/{}/{process}", self.address, self.token)
    }
}

impl Server {
    /// Binds a free port on 127.0.0.1 and draws a token of 128 bits.
    ///
    /// # Errors
    /// When there is no port or no randomness.
    pub async fn bind() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address, token: token()?.into(), body_limit: DEFAULT_BODY_LIMIT })
    }

    /// Sets the largest request body, in bytes.
    #[must_use]
    pub fn body_limit(mut self, limit: usize) -> Self {
        self.body_limit = limit;
        self
    }

    /// URLs of this server.
    pub fn urls(&self) -> Urls {
        Urls { address: self.address, token: Arc::clone(&self.token) }
    }

    /// Serves until `shutdown` is ready, then drops all connections.
    pub async fn run(self, incoming: mpsc::Sender<Incoming>, shutdown: impl Future<Output = ()>) {
        let desk = Arc::new(Desk { token: self.token, body_limit: self.body_limit, incoming });
        let mut connections = JoinSet::new();
        tokio::pin!(shutdown);
        loop {
            tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        connections.spawn(serve(stream, Arc::clone(&desk)));
                    }
                    Err(error) => {
                        // Out of descriptors, mostly: the processes' clients wait.
                        tracing::warn!(%error, "cannot accept a connection of a suite process");
                        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                    }
                },
                Some(ended) = connections.join_next() => {
                    if let Err(error) = ended && error.is_panic() {
                        std::panic::resume_unwind(error.into_panic());
                    }
                }
                () = &mut shutdown => return,
            }
        }
    }
}

fn token() -> io::Result<String> {
    use std::fmt::Write as _;
    use std::io::Read as _;

    let mut random = [0u8; 16];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut random)?;
    Ok(random.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

struct Desk {
    token: Arc<str>,
    body_limit: usize,
    incoming: mpsc::Sender<Incoming>,
}

async fn serve(stream: TcpStream, desk: Arc<Desk>) {
    // Without it each exchange waits 40 ms for a delayed acknowledgement.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
    let service = service_fn(move |request| {
        let desk = Arc::clone(&desk);
        async move { Ok::<_, Infallible>(desk.answer(request).await) }
    });
    // `writev(false)` puts head and body into one buffer, so that an answer is one write.
    let connection =
        http1::Builder::new().writev(false).serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        // Normal when a process is killed.
        tracing::debug!(%error, "connection of a suite process ended");
    }
}

impl Desk {
    async fn answer(&self, request: hyper::Request<Body>) -> Response<Full<Bytes>> {
        let Some((process, path)) = self.route(request.uri().path()) else {
            return status(StatusCode::NOT_FOUND);
        };
        let (path, method) = (path.to_owned(), request.method().clone());
        let body = match Limited::new(request.into_body(), self.body_limit).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) => {
                tracing::error!(process, path, %error, "cannot take a message of a suite process");
                return status(StatusCode::PAYLOAD_TOO_LARGE);
            }
        };
        let request = match Request::parse(method.as_str(), &path, body) {
            Ok(request) => request,
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::error!(process, error, "cannot read a message of a suite process");
                return status(StatusCode::BAD_REQUEST);
            }
        };
        let (reply, answer) = oneshot::channel();
        let sent = self.incoming.send(Incoming { process, request, reply }).await.is_ok();
        match answer.await {
            Ok(answer) if sent => respond(answer),
            _ => pending().await,
        }
    }

    /// Process number and path behind it; `None` for strangers.
    fn route<'a>(&self, path: &'a str) -> Option<(u32, &'a str)> {
        let (token, rest) = path.strip_prefix('/')?.split_once('/')?;
        let slash = rest.find('/')?;
        let (process, path) = rest.split_at(slash);
        // All bytes are compared, so that the time taken tells nothing.
        let differs = token.len() != self.token.len()
            || token.bytes().zip(self.token.bytes()).fold(0, |acc, (a, b)| acc | (a ^ b)) != 0;
        if differs { None } else { Some((process.parse().ok()?, path)) }
    }
}

fn respond(answer: Answer) -> Response<Full<Bytes>> {
    let status = StatusCode::from_u16(answer.status()).expect("answers have valid status codes");
    let mut response = Response::new(Full::new(answer.into_body()));
    *response.status_mut() = status;
    response
}

fn status(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}
