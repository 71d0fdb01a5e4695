//! Several servers of which any will do: one is used until it fails, then the next.
//!
//! Nothing is tried again here: a call that fails tells its caller, who knows whether the same may
//! be asked twice ([`crate::backoff::retry`]), and the next call goes to the next server.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use http::{HeaderMap, Request, Response};
use tonic::body::Body;
use tonic::transport::Channel;
use tower::Service;

/// In answers: the URL of a server that answers the same without asking another one.
const BETTER: &str = "multibeam-leader";

/// A client's way to one of several servers. Clones share which one is used.
#[derive(Clone)]
pub struct Endpoints {
    servers: Arc<[(String, Channel)]>,
    current: Arc<AtomicUsize>,
    /// Taken when the service was ready, for the call that follows.
    ready: Option<(usize, Channel)>,
}

// === impl Endpoints ===

impl Endpoints {
    /// The servers by their URLs, in the order in which they are tried.
    ///
    /// # Panics
    /// Without any.
    #[must_use]
    pub fn new(servers: impl IntoIterator<Item = (String, Channel)>) -> Self {
        let servers: Arc<[_]> = servers.into_iter().collect();
        assert!(!servers.is_empty(), "a client needs at least one server");
        Self { servers, current: Arc::default(), ready: None }
    }

    /// The URL of the server that is used now; empty for one without an URL.
    #[must_use]
    pub fn current(&self) -> &str {
        self.servers.get(self.current.load(Ordering::Relaxed)).map_or("", |(url, _)| url)
    }

    /// The server that is used now is of no use to the caller: the next one is tried from now on.
    /// For streams, which end without a word.
    pub fn next(&self) {
        self.leave(self.current.load(Ordering::Relaxed));
    }

    /// Goes on to the next server, unless somebody has done so meanwhile.
    fn leave(&self, failed: usize) {
        let next = (failed + 1) % self.servers.len();
        let moved =
            self.current.compare_exchange(failed, next, Ordering::Relaxed, Ordering::Relaxed);
        if moved.is_ok() && next != failed {
            tracing::debug!(
                from = self.servers[failed].0,
                to = self.servers[next].0,
                "trying another server"
            );
        }
    }

    /// Looks at the beginning of an answer.
    fn learn(&self, used: usize, headers: &HeaderMap) {
        let better = headers.get(BETTER).and_then(|url| url.to_str().ok());
        let place = better.and_then(|url| self.servers.iter().position(|(known, _)| known == url));
        let unavailable = tonic::Code::Unavailable as i32;
        let status = headers.get("grpc-status").and_then(|status| status.to_str().ok());
        match place {
            Some(place) => {
                let (from, to) = (used, place);
                let _ =
                    self.current.compare_exchange(from, to, Ordering::Relaxed, Ordering::Relaxed);
            }
            None if status == Some(unavailable.to_string().as_str()) => self.leave(used),
            None => {}
        }
    }
}

impl From<Channel> for Endpoints {
    fn from(channel: Channel) -> Self {
        Self::new([(String::new(), channel)])
    }
}

impl fmt::Debug for Endpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoints").field("current", &self.current()).finish_non_exhaustive()
    }
}

impl Service<Request<Body>> for Endpoints {
    type Response = Response<Body>;
    type Error = tonic::transport::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        let current = self.current.load(Ordering::Relaxed);
        if self.ready.as_ref().is_none_or(|(place, _)| *place != current) {
            self.ready = Some((current, self.servers[current].1.clone()));
        }
        let Some((place, channel)) = &mut self.ready else { return Poll::Pending };
        let (place, ready) = (*place, channel.poll_ready(cx));
        if let Poll::Ready(Err(_)) = ready {
            self.ready = None;
            self.leave(place);
        }
        ready
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (place, mut channel) = self.ready.take().unwrap_or_else(|| {
            let current = self.current.load(Ordering::Relaxed);
            (current, self.servers[current].1.clone())
        });
        let this = self.clone();
        Box::pin(async move {
            let answer = channel.call(request).await;
            match &answer {
                Ok(answer) => this.learn(place, answer.headers()),
                Err(_) => this.leave(place),
            }
            answer
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Endpoints {
        let channel = |port: u16| {
            let url = format!("http://127.0.0.1:{port}");
            let endpoint = tonic::transport::Endpoint::from_shared(url.clone()).unwrap();
            (url, endpoint.connect_lazy())
        };
        Endpoints::new([channel(1), channel(2), channel(3)])
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_left_for_the_next_one() {
        let mut endpoints = three();
        for expected in ["http://127.0.0.1:2", "http://127.0.0.1:3", "http://127.0.0.1:1"] {
            let ready = std::future::poll_fn(|cx| endpoints.poll_ready(cx)).await;
            let answer = match ready {
                Ok(()) => endpoints.call(Request::new(Body::empty())).await.map(drop),
                Err(error) => Err(error),
            };
            assert!(answer.is_err(), "nothing listens there");
            assert_eq!(endpoints.current(), expected);
        }
    }

    #[tokio::test]
    async fn answers_say_where_to_go_next() {
        let endpoints = three();
        let header = |key: &'static str, value: &'static str| {
            HeaderMap::from_iter([(http::HeaderName::from_static(key), value.parse().unwrap())])
        };
        endpoints.learn(0, &header(BETTER, "http://127.0.0.1:3"));
        assert_eq!(endpoints.current(), "http://127.0.0.1:3");
        endpoints.learn(2, &header(BETTER, "http://elsewhere"));
        assert_eq!(endpoints.current(), "http://127.0.0.1:3");
        endpoints.learn(2, &header("grpc-status", "14"));
        assert_eq!(endpoints.current(), "http://127.0.0.1:1");
        endpoints.learn(2, &header("grpc-status", "14"));
        assert_eq!(endpoints.current(), "http://127.0.0.1:1", "somebody was faster");
    }
}
