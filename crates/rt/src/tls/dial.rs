//! The client's side of connections.

use std::io;
use std::sync::Arc;

use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint, Uri};
use tower::ServiceExt;

use super::Credentials;
use crate::{limits, transport};

/// A channel over TLS; `None` when `uri` is no address of a server called `host`.
pub(super) fn channel(uri: Uri, host: &str, credentials: Credentials) -> Option<Channel> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let name = ServerName::try_from(bare.to_owned()).ok()?;
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    // Divided over the addresses of a name, so that one that does not answer leaves time for the
    // others. The endpoint's own limit covers TLS as well.
    tcp.set_connect_timeout(Some(limits::CONNECT_TIMEOUT));

    // The library would refuse an `https` address that it does no TLS for; requests still say it.
    let mut parts = uri.clone().into_parts();
    parts.scheme = Some(http::uri::Scheme::HTTP);
    let address = Uri::from_parts(parts).ok()?;
    let connect = tower::service_fn(move |address: Uri| {
        let (tcp, name) = (tcp.clone(), name.clone());
        // Asked anew for each connection: the files may have changed.
        let config = Arc::clone(&credentials.current().client);
        async move {
            let stream = tcp.oneshot(address).await.map_err(io::Error::other)?.into_inner();
            let stream = TlsConnector::from(config).connect(name, stream).await?;
            if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
                return Err(io::Error::other("the server does not speak HTTP/2"));
            }
            Ok(TokioIo::new(stream))
        }
    });
    let endpoint = transport::endpoint(Endpoint::from(address)).origin(uri);
    Some(endpoint.connect_with_connector_lazy(connect))
}
