//! No call keeps a server busy for ever: every one has to be answered within its deadline.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};

use crate::limits;

/// A layer that ends calls that are not answered in time with `DEADLINE_EXCEEDED`. The handler is
/// dropped; whether it did what it was asked for is not known, as with a connection that was cut.
///
/// An answer that is a stream is in time when it begins; it may go on for as long as the
/// connection lives. A caller that sends a stream has the same time for all of it, so methods that
/// take much get a deadline of their own, or none.
#[derive(Clone, Debug, Default)]
pub struct Deadlines {
    table: Arc<BTreeMap<&'static str, Option<Duration>>>,
}

impl Deadlines {
    /// [`limits::CALL_DEADLINE`] for every method.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Another deadline for one method, such as `/package.Service/Method`.
    #[must_use]
    pub fn set(mut self, path: &'static str, deadline: Duration) -> Self {
        Arc::make_mut(&mut self.table).insert(path, Some(deadline));
        self
    }

    /// None for one method: both sides talk for as long as the connection lives, and
    /// [`limits::KEEP_ALIVE_INTERVAL`] finds out when it does not.
    #[must_use]
    pub fn without(mut self, path: &'static str) -> Self {
        Arc::make_mut(&mut self.table).insert(path, None);
        self
    }

    /// Whether a method has a deadline of its own, or none.
    #[must_use]
    pub fn has_own(&self, path: &str) -> bool {
        self.table.contains_key(path)
    }

    fn of(&self, path: &str) -> Option<Duration> {
        self.table.get(path).copied().unwrap_or(Some(limits::CALL_DEADLINE))
    }
}

impl<S> Layer<S> for Deadlines {
    type Service = WithDeadlines<S>;

    fn layer(&self, inner: S) -> WithDeadlines<S> {
        WithDeadlines { deadlines: self.clone(), inner }
    }
}

/// See [`Deadlines`].
#[derive(Clone, Debug)]
pub struct WithDeadlines<S> {
    deadlines: Deadlines,
    inner: S,
}

impl<S, B> Service<http::Request<B>> for WithDeadlines<S>
where
    S: Service<http::Request<B>, Response = http::Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let Some(deadline) = self.deadlines.of(request.uri().path()) else {
            return Box::pin(self.inner.call(request));
        };
        let path = request.uri().path().to_owned();
        let answer = tokio::time::timeout(deadline, self.inner.call(request));
        Box::pin(async move {
            answer.await.unwrap_or_else(|_| {
                tracing::warn!(path, ?deadline, "ended a call that was not answered in time");
                let status = Status::deadline_exceeded(format!(
                    "no answer within {} s (hint: the service is overloaded or stuck; try again)",
                    deadline.as_secs()
                ));
                Ok(status.into_http())
            })
        })
    }
}
