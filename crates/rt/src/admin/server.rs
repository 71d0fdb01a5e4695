//! The HTTP/1 server behind the pages.

use std::convert::Infallible;
use std::net::TcpListener;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::Readiness;
use crate::limits;
use crate::metrics::{self, Metrics};

/// How long answers that have begun may take at the end.
const GRACE: Duration = Duration::from_secs(1);

/// After an error of accept (no file descriptors left, say) the next try comes this much later.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

#[derive(Clone, Debug)]
pub(super) struct Pages {
    pub(super) readiness: Readiness,
    pub(super) metrics: Metrics,
}

pub(super) async fn serve(listener: TcpListener, pages: Pages, mut end: watch::Receiver<bool>) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(%error, "cannot serve the admin pages");
            return;
        }
    };
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = asked(&mut end) => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if connections.len() < limits::ADMIN_CONNECTIONS => {
                match accepted {
                    Ok((stream, _)) => {
                        connections.spawn(converse(stream, pages.clone(), end.clone()));
                    }
                    Err(error) => {
                        tracing::debug!(%error, "cannot accept on the admin port");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                }
            }
        }
    }
    drop(listener);
    let _ = tokio::time::timeout(GRACE, connections.join_all()).await;
}

async fn asked(end: &mut watch::Receiver<bool>) {
    // An error means that the owner has dropped the server.
    let _ = end.wait_for(|end| *end).await;
}

async fn converse(stream: TcpStream, pages: Pages, mut end: watch::Receiver<bool>) {
    let answer = service_fn(move |request: Request<Incoming>| {
        let answer = pages.answer(&request);
        async move { Ok::<_, Infallible>(answer) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // Also the time that a connection may stay idle, so that nobody keeps them all.
        .header_read_timeout(limits::ADMIN_TIMEOUT)
        .max_buf_size(limits::ADMIN_REQUEST_BYTES)
        .serve_connection(TokioIo::new(stream), answer);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = asked(&mut end) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection to the admin pages broke");
    }
}

impl Pages {
    fn answer<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "expected GET\n");
            answer.headers_mut().insert(http::header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            return answer;
        }
        match request.uri().path() {
            "/live" => text(StatusCode::OK, "live\n"),
            "/ready" => {
                let unready = self.readiness.unready();
                if unready.is_empty() {
                    return text(StatusCode::OK, "ready\n");
                }
                let lines: String = unready.iter().map(|what| format!("{what}\n")).collect();
                text(StatusCode::SERVICE_UNAVAILABLE, format!("not ready\n{lines}"))
            }
            "/metrics" => {
                let mut answer = text(StatusCode::OK, self.metrics.encode());
                let kind = HeaderValue::from_static(metrics::CONTENT_TYPE);
                answer.headers_mut().insert(CONTENT_TYPE, kind);
                answer
            }
            _ => text(StatusCode::NOT_FOUND, "expected /live, /ready, or /metrics\n"),
        }
    }
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}
