//! What a gRPC server is asked, counted by a layer around it.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use tokio::time::Instant;
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer, Service};

/// The method of calls that no service answered: their path is the caller's choice.
const OTHER: &str = "other";

/// From a call that is answered from memory to one that waits for the deadline.
const BUCKETS: [f64; 12] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];

/// The families of a gRPC server, and the layer that fills them; cheap to clone.
///
/// It belongs around all other layers, so that it also sees what they refuse.
#[derive(Clone, Debug)]
pub struct CallMetrics {
    calls: Family<CallLabels, Counter>,
    answer: Family<MethodLabel, Histogram, fn() -> Histogram>,
    in_flight: Gauge,
    /// The methods that a service has answered: as many as there are.
    methods: Arc<Mutex<BTreeSet<String>>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    method: String,
    code: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct MethodLabel {
    method: String,
}

impl CallMetrics {
    /// Registers `grpc_server_calls_total` by `method` and `code`, `grpc_server_answer_seconds`
    /// by `method` (until the answer begins: a stream may go on for days), and
    /// `grpc_server_in_flight`.
    pub fn register(registry: &mut Registry) -> Self {
        let this = Self {
            calls: Family::default(),
            answer: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            in_flight: Gauge::default(),
            methods: Arc::default(),
        };
        registry.register("grpc_server_calls", "Calls that have ended", this.calls.clone());
        registry.register_with_unit(
            "grpc_server_answer",
            "Time until the answer to a call begins",
            Unit::Seconds,
            this.answer.clone(),
        );
        registry.register(
            "grpc_server_in_flight",
            "Calls that have begun and not ended, streams among them",
            this.in_flight.clone(),
        );
        this
    }

    /// The label for a path. A peer may ask for any path, so one becomes a label only when a
    /// service has answered: layers refuse with codes that say nothing of the path.
    fn method(&self, path: &str, code: Code) -> String {
        let refused =
            matches!(code, Code::Unimplemented | Code::Unauthenticated | Code::PermissionDenied);
        let method = path.trim_start_matches('/');
        let mut methods = self.methods.lock().expect("nothing that can panic runs under this lock");
        if !methods.contains(method) {
            if refused {
                return OTHER.to_owned();
            }
            methods.insert(method.to_owned());
        }
        method.to_owned()
    }

    fn answered(&self, path: &str, code: Code, took: Duration) {
        let method = self.method(path, code);
        self.answer.get_or_create(&MethodLabel { method }).observe(took.as_secs_f64());
    }

    fn ended(&self, path: &str, code: Code) {
        let method = self.method(path, code);
        self.calls.get_or_create(&CallLabels { method, code: word(code) }).inc();
    }
}

impl<S> Layer<S> for CallMetrics {
    type Service = CountCalls<S>;

    fn layer(&self, inner: S) -> CountCalls<S> {
        CountCalls { metrics: self.clone(), inner }
    }
}

/// See [`CallMetrics`].
#[derive(Clone, Debug)]
pub struct CountCalls<S> {
    metrics: CallMetrics,
    inner: S,
}

impl<S, B> Service<http::Request<B>> for CountCalls<S>
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
        let mut call = Call::begin(&self.metrics, request.uri().path());
        let answer = self.inner.call(request);
        Box::pin(async move {
            let begun = Instant::now();
            let answer = answer.await;
            // What is no answer becomes one further out, with a status that is not known here.
            call.code = Some(Code::Unknown);
            let response = answer?;
            // An error without a body has its status in the headers, all else in the trailers.
            call.code = code(response.headers());
            call.metrics.answered(&call.path, call.code.unwrap_or(Code::Ok), begun.elapsed());
            Ok(response.map(|inner| Body::new(Counted { inner, call })))
        })
    }
}

/// A call in flight. It counts as ended when it is dropped: after its answer, or because the
/// caller has gone.
#[derive(Debug)]
struct Call {
    metrics: CallMetrics,
    path: String,
    /// How it ended, once that is known.
    code: Option<Code>,
}

impl Call {
    fn begin(metrics: &CallMetrics, path: &str) -> Self {
        metrics.in_flight.inc();
        Self { metrics: metrics.clone(), path: path.to_owned(), code: None }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.metrics.in_flight.dec();
        self.metrics.ended(&self.path, self.code.unwrap_or(Code::Cancelled));
    }
}

/// The body of an answer; it reads the status that comes last.
#[derive(Debug)]
struct Counted {
    inner: Body,
    call: Call,
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                if let Some(code) = frame.trailers_ref().and_then(code) {
                    self.call.code = Some(code);
                }
            }
            Some(Err(status)) => self.call.code = Some(status.code()),
            None => {}
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

fn code(headers: &HeaderMap) -> Option<Code> {
    headers.get("grpc-status").map(|status| Code::from_bytes(status.as_bytes()))
}

/// The code's name in the gRPC specification.
fn word(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
