//! The trace context (W3C Trace Context) in gRPC metadata: spans of one run hang together over
//! all its processes. Without the feature `otlp` there are no traces, and nothing is carried.
//!
//! Spans of a trace have the target [`TARGET`]; all others are for the log alone. Those that come
//! often have the level debug, so that a log at its usual level does not pay for them.

use std::task::{Context, Poll};

use http::{HeaderMap, Request};
use tower::{Layer, Service};
use tracing::Span;
use tracing::instrument::{Instrument, Instrumented};

/// The target of every span that is exported.
pub const TARGET: &str = "multibeam_trace";

/// The header of the trace context.
const TRACEPARENT: &str = "traceparent";

/// Writes the context of `span` into `headers`.
pub fn inject(span: &Span, headers: &mut HeaderMap) {
    #[cfg(feature = "otlp")]
    otlp::inject(span, headers);
    #[cfg(not(feature = "otlp"))]
    let _ = (span, headers);
}

/// Makes the context in `headers`, if there is one, the parent of `span`.
pub fn extract(span: &Span, headers: &HeaderMap) {
    #[cfg(feature = "otlp")]
    otlp::extract(span, headers);
    #[cfg(not(feature = "otlp"))]
    let _ = (span, headers);
}

/// The context of `span` as text (the value of `traceparent`), for messages of a stream, whose
/// headers are sent only once. `None` when there are no traces.
#[must_use]
pub fn to_text(span: &Span) -> Option<String> {
    if span.is_disabled() {
        return None;
    }
    let mut headers = HeaderMap::new();
    inject(span, &mut headers);
    let value = headers.get(TRACEPARENT)?.to_str().ok()?;
    Some(value.to_owned())
}

/// Makes the context that [`to_text`] wrote the parent of `span`; anything else changes nothing.
pub fn from_text(span: &Span, text: &str) {
    if let Ok(value) = text.parse() {
        let mut headers = HeaderMap::new();
        headers.insert(TRACEPARENT, value);
        extract(span, &headers);
    }
}

/// The span that `make` gives, as a child of the context that [`to_text`] wrote; no span when
/// there is no context, so that no part of a run begins a trace of its own.
pub fn child_of(text: Option<&str>, make: impl FnOnce() -> Span) -> Span {
    let Some(text) = text else { return Span::none() };
    let span = make();
    from_text(&span, text);
    span
}

#[cfg(feature = "otlp")]
mod otlp {
    use http::{HeaderMap, HeaderName, HeaderValue};
    use opentelemetry::global::get_text_map_propagator;
    use opentelemetry::propagation::{Extractor, Injector};
    use tracing::Span;
    use tracing_opentelemetry::OpenTelemetrySpanExt;

    struct Headers<H>(H);

    impl Injector for Headers<&mut HeaderMap> {
        fn set(&mut self, key: &str, value: String) {
            if let (Ok(name), Ok(value)) =
                (HeaderName::from_bytes(key.as_bytes()), HeaderValue::from_str(&value))
            {
                self.0.insert(name, value);
            }
        }
    }

    impl Extractor for Headers<&HeaderMap> {
        fn get(&self, key: &str) -> Option<&str> {
            self.0.get(key)?.to_str().ok()
        }

        fn keys(&self) -> Vec<&str> {
            self.0.keys().map(HeaderName::as_str).collect()
        }
    }

    pub(super) fn inject(span: &Span, headers: &mut HeaderMap) {
        let context = span.context();
        get_text_map_propagator(|propagator| {
            propagator.inject_context(&context, &mut Headers(&mut *headers));
        });
    }

    pub(super) fn extract(span: &Span, headers: &HeaderMap) {
        let context = get_text_map_propagator(|propagator| propagator.extract(&Headers(headers)));
        // It fails only for spans that nobody records.
        let _ = span.set_parent(context);
    }
}

/// A layer for clients: requests carry the context of the span they are made in.
#[derive(Clone, Copy, Debug, Default)]
pub struct InjectLayer;

/// A layer for servers: requests that carry a context are handled in a span whose parent is the
/// caller's.
#[derive(Clone, Copy, Debug, Default)]
pub struct ExtractLayer;

/// See [`InjectLayer`].
#[derive(Clone, Debug)]
pub struct Inject<S>(S);

/// See [`ExtractLayer`].
#[derive(Clone, Debug)]
pub struct Extract<S>(S);

impl<S> Inject<S> {
    /// A client's channel whose requests carry the context of the span they are made in.
    pub fn new(inner: S) -> Self {
        Self(inner)
    }
}

impl<S> Layer<S> for InjectLayer {
    type Service = Inject<S>;

    fn layer(&self, inner: S) -> Inject<S> {
        Inject(inner)
    }
}

impl<S> Layer<S> for ExtractLayer {
    type Service = Extract<S>;

    fn layer(&self, inner: S) -> Extract<S> {
        Extract(inner)
    }
}

impl<S: Service<Request<B>>, B> Service<Request<B>> for Inject<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        let span = Span::current();
        if !span.is_disabled() {
            inject(&span, request.headers_mut());
        }
        self.0.call(request)
    }
}

impl<S: Service<Request<B>>, B> Service<Request<B>> for Extract<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = Instrumented<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let span = if request.headers().contains_key(TRACEPARENT) {
            let call = request.uri().path().trim_start_matches('/');
            let span = tracing::debug_span!(
                target: TARGET,
                parent: None,
                "rpc",
                otel.name = call,
                otel.kind = "server",
            );
            extract(&span, request.headers());
            span
        } else {
            Span::none()
        };
        let handled = span.in_scope(|| self.0.call(request));
        handled.instrument(span)
    }
}

#[cfg(all(test, feature = "otlp"))]
mod tests {
    use opentelemetry::trace::{TraceContextExt, TracerProvider};
    use opentelemetry_sdk::propagation::TraceContextPropagator;
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use tracing_opentelemetry::OpenTelemetrySpanExt;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[test]
    fn spans_hang_together_over_headers_and_text() {
        opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
        let tracer = SdkTracerProvider::builder().build().tracer("test");
        let layer = tracing_opentelemetry::layer().with_tracer(tracer);
        let _subscriber =
            tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));

        let here = tracing::info_span!("here");
        let mut headers = HeaderMap::new();
        inject(&here, &mut headers);
        let text = to_text(&here).expect("there are traces");
        assert_eq!(headers.get("traceparent").map(|v| v.as_bytes()), Some(text.as_bytes()));

        let trace = |span: &Span| span.context().span().span_context().trace_id();
        let (by_headers, by_text, alone) = (
            tracing::info_span!("there"),
            tracing::info_span!("there"),
            tracing::info_span!("there"),
        );
        extract(&by_headers, &headers);
        from_text(&by_text, &text);
        from_text(&alone, "garbage");
        assert_eq!(trace(&by_headers), trace(&here));
        assert_eq!(trace(&by_text), trace(&here));
        assert_ne!(trace(&alone), trace(&here));
        assert!(text.contains(&trace(&here).to_string()));
    }
}
