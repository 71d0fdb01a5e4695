//! Asking web servers whether the URLs of a PRODUCT.yaml lead somewhere, as the CNCF's bot does: a
//! HEAD request, redirects followed. Unlike the bot, certificates are verified.

use std::collections::BTreeSet;
use std::str::FromStr as _;
use std::time::Duration;

use http::{Method, Request, Response, Uri, header};
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use multibeam_conformance::{Online, UrlAnswer};

use crate::commands::with_causes;

/// How long one URL may take, with all its redirects.
const PATIENCE: Duration = Duration::from_secs(10);

/// Redirects that are followed.
const REDIRECTS: usize = 10;

type HeadClient = Client<HttpsConnector<HttpConnector>, Empty<Bytes>>;

/// Asks for each URL once, one after the other.
///
/// # Errors
/// When the system's certificates cannot be read.
pub async fn ask(urls: BTreeSet<String>) -> std::io::Result<Online> {
    let connector =
        HttpsConnectorBuilder::new().with_native_roots()?.https_or_http().enable_http1().build();
    let client: HeadClient = Client::builder(TokioExecutor::new()).build(connector);
    let mut online = Online::default();
    for url in urls {
        let answer = match tokio::time::timeout(PATIENCE, content_type(&client, &url)).await {
            Ok(Ok(kind)) => UrlAnswer::ContentType(kind),
            Ok(Err(why)) => UrlAnswer::Failed(why),
            Err(_) => UrlAnswer::Failed(format!("no answer within {} s", PATIENCE.as_secs())),
        };
        online.answers.insert(url, answer);
    }
    Ok(online)
}

/// The content type where the redirects end.
async fn content_type(client: &HeadClient, url: &str) -> Result<String, String> {
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

/// A location against the address that gave it: absolute, or a path of the same server.
fn resolve(from: &Uri, location: &str) -> Result<Uri, String> {
    let error = |error: http::uri::InvalidUri| format!("a redirect to {location:?}: {error}");
    let target = Uri::from_str(location).map_err(error)?;
    if target.scheme().is_some() {
        return Ok(target);
    }
    let mut parts = from.clone().into_parts();
    parts.path_and_query = Some(location.parse().map_err(error)?);
    Uri::from_parts(parts).map_err(|error| format!("a redirect to {location:?}: {error}"))
}

fn text(response: &Response<Incoming>, name: header::HeaderName) -> String {
    let value = response.headers().get(name);
    value.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_are_absolute_or_of_the_same_server() {
        let from = Uri::from_static("https://a.dyne/x?y=1");
        let to = |location| resolve(&from, location).map(|uri| uri.to_string());
        assert_eq!(to("http://b.dyne/z").as_deref(), Ok("http://b.dyne/z"));
        assert_eq!(to("/en/?q=2").as_deref(), Ok("https://a.dyne/en/?q=2"));
        assert!(to("://").is_err());
    }
}
