//! Asking web servers whether the URLs of a PRODUCT.yaml lead somewhere, as the CNCF's bot does: a
//! HEAD request, redirects followed. Unlike the bot, certificates are verified.

use std::collections::BTreeSet;
use std::str::FromStr as _;
use std::time::Duration;

use fluent_uri::UriRef;
use http::{Method, Request, Response, Uri, header};
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::Connect;
use hyper_util::rt::TokioExecutor;
use multibeam_conformance::{Online, UrlAnswer};

use crate::commands::with_causes;

/// How long one URL may take, with all its redirects.
const PATIENCE: Duration = Duration::from_secs(10);

/// Redirects that are followed.
const REDIRECTS: usize = 10;

/// Bytes that the head of an answer may have. There is no body: only the head is asked for.
const HEAD_BYTES: usize = 64 << 10;

type HeadClient<C> = Client<C, Empty<Bytes>>;

/// Asks for each URL once, one after the other.
///
/// # Errors
/// When the system's certificates cannot be read.
pub async fn ask(urls: BTreeSet<String>) -> std::io::Result<Online> {
    let connector =
        HttpsConnectorBuilder::new().with_native_roots()?.https_or_http().enable_http1().build();
    Ok(ask_over(connector, urls, PATIENCE).await)
}

/// Asks over connections of some kind, and waits so long for each URL.
async fn ask_over<C>(connector: C, urls: BTreeSet<String>, patience: Duration) -> Online
where
    C: Connect + Clone + Send + Sync + 'static,
{
    let client: HeadClient<C> =
        Client::builder(TokioExecutor::new()).http1_max_buf_size(HEAD_BYTES).build(connector);
    let mut online = Online::default();
    for url in urls {
        let answer = match tokio::time::timeout(patience, content_type(&client, &url)).await {
            Ok(Ok(kind)) => UrlAnswer::ContentType(kind),
            Ok(Err(why)) => UrlAnswer::Failed(why),
            Err(_) => UrlAnswer::Failed(format!("no answer within {} s", patience.as_secs_f64())),
        };
        online.answers.insert(url, answer);
    }
    online
}

/// The content type where the redirects end.
async fn content_type<C>(client: &HeadClient<C>, url: &str) -> Result<String, String>
where
    C: Connect + Clone + Send + Sync + 'static,
{
    let mut uri = Uri::from_str(url).map_err(|error| error.to_string())?;
    for _ in 0..=REDIRECTS {
        let request = Request::builder()
            .method(Method::HEAD)
            .uri(&uri)
            .header(header::USER_AGENT, concat!("multibeam/", env!("CARGO_PKG_VERSION")))
            .body(Empty::new())
            .map_err(|error| error.to_string())?;
        let response = client.request(request).await.map_err(|error| with_causes(&error))?;
        let status = response.status();
        if let Some(next) = redirect(&uri, &response) {
            uri = next?;
        } else if status.is_client_error() || status.is_server_error() {
            return Err(format!("the server says {status}"));
        } else {
            return Ok(text(&response, header::CONTENT_TYPE));
        }
    }
    Err(format!("more than {REDIRECTS} redirects"))
}

/// Where an answer leads on to, if it does.
fn redirect(from: &Uri, response: &Response<Incoming>) -> Option<Result<Uri, String>> {
    let location = text(response, header::LOCATION);
    if !response.status().is_redirection() || location.is_empty() {
        return None;
    }
    Some(resolve(from, &location))
}

/// A location against the address that gave it, as RFC 3986 has it (section 5.2): whole, of the same
/// scheme, of the same server, or from the same directory on.
fn resolve(from: &Uri, location: &str) -> Result<Uri, String> {
    let wrong = |error: &dyn std::fmt::Display| format!("a redirect to {location:?}: {error}");
    let reference = UriRef::parse(location).map_err(|error| wrong(&error))?;
    let from = from.to_string();
    let base = fluent_uri::Uri::parse(from.as_str()).map_err(|error| wrong(&error))?;
    let target = reference.resolve_against(&base).map_err(|error| wrong(&error))?;
    Uri::from_str(target.as_str()).map_err(|error| wrong(&error))
}

fn text(response: &Response<Incoming>, name: header::HeaderName) -> String {
    let value = response.headers().get(name);
    value.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
