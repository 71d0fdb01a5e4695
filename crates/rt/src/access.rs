//! Who may call what: every request is checked against a table before it reaches a service.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::{Either, Ready, ready};
use tonic::Status;
use tonic::body::Body;
use tonic::transport::server::UdsConnectInfo;
use tower::{Layer, Service};

use crate::identity::{Identity, Role};
use crate::memory::MemoryConnectInfo;
use crate::tls::ConnectInfo;

/// Where a request comes from. Services find it in the request's extensions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peer {
    /// From the holder of a certificate that the TLS handshake has accepted.
    Certified(Identity),
    /// From this process.
    Embedded,
    /// From a process of the same user, over a Unix socket: it acts as a user of the service.
    Local,
    /// From this machine in plain text, because the server was told to accept that.
    Plaintext,
}

impl Peer {
    /// Whether the peer may act in this role.
    #[must_use]
    pub fn may_be(&self, role: Role) -> bool {
        match self {
            Self::Certified(identity) => identity.role == role,
            Self::Local => role == Role::User,
            Self::Embedded | Self::Plaintext => true,
        }
    }

    /// Whether the peer may act for the cluster called `name`: a worker's certificate names the
    /// only one it may serve.
    #[must_use]
    pub fn may_serve(&self, name: &str) -> bool {
        match self {
            Self::Certified(identity) => identity.role == Role::Worker && identity.name == name,
            Self::Local => false,
            Self::Embedded | Self::Plaintext => true,
        }
    }
}

/// A layer that refuses every call its table does not allow. What is not in the table is refused.
#[derive(Clone, Debug, Default)]
pub struct RequireRole {
    table: Arc<BTreeMap<String, Vec<Role>>>,
    plaintext: bool,
}

impl RequireRole {
    /// A table without entries.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets `roles` call `path`: a method such as `/package.Service/Method`, or a whole service
    /// such as `/package.Service` for methods without an entry of their own.
    #[must_use]
    pub fn allow(mut self, path: impl Into<String>, roles: &[Role]) -> Self {
        Arc::make_mut(&mut self.table).entry(path.into()).or_default().extend(roles);
        self
    }

    /// Accepts peers without TLS. The caller makes sure that the server listens on a loopback
    /// address only ([`crate::tls::Security::check_listen`]).
    #[must_use]
    pub fn accept_plaintext(mut self, accept: bool) -> Self {
        self.plaintext = accept;
        self
    }

    fn check<B>(&self, request: &http::Request<B>) -> Result<Peer, Status> {
        let path = request.uri().path();
        let service = path.rsplit_once('/').map_or("", |(service, _)| service);
        let peer = peer(request, self.plaintext)?;
        let roles = self.table.get(path).or_else(|| self.table.get(service));
        let Some(roles) = roles else {
            return Err(Status::unimplemented("no such method is served here"));
        };
        if roles.iter().any(|role| peer.may_be(*role)) {
            Ok(peer)
        } else {
            Err(Status::permission_denied(format!(
                "this certificate's role may not call {path} (hint: it is for {})",
                roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(" or ")
            )))
        }
    }
}

fn peer<B>(request: &http::Request<B>, plaintext: bool) -> Result<Peer, Status> {
    let extensions = request.extensions();
    let tcp = extensions.get::<ConnectInfo>();
    if let Some(certificates) = tcp.and_then(|info| info.certificates.as_ref()) {
        let certificate =
            certificates.first().ok_or_else(|| Status::unauthenticated("no client certificate"))?;
        return Identity::from_certificate(certificate)
            .map(Peer::Certified)
            .map_err(|error| Status::unauthenticated(error.to_string()));
    }
    if extensions.get::<MemoryConnectInfo>().is_some() {
        return Ok(Peer::Embedded);
    }
    if extensions.get::<UdsConnectInfo>().is_some() {
        return Ok(Peer::Local);
    }
    let loopback = tcp
        .and_then(|info| info.remote)
        .is_some_and(|address| address.ip().to_canonical().is_loopback());
    if plaintext && loopback {
        return Ok(Peer::Plaintext);
    }
    Err(Status::unauthenticated("this server wants TLS"))
}

impl<S> Layer<S> for RequireRole {
    type Service = RequireRoleService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RequireRoleService { rules: self.clone(), inner }
    }
}

/// See [`RequireRole`].
#[derive(Clone, Debug)]
pub struct RequireRoleService<S> {
    rules: RequireRole,
    inner: S,
}

impl<S, B> Service<http::Request<B>> for RequireRoleService<S>
where
    S: Service<http::Request<B>, Response = http::Response<Body>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Either<S::Future, Ready<Result<S::Response, S::Error>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: http::Request<B>) -> Self::Future {
        match self.rules.check(&request) {
            Ok(peer) => {
                request.extensions_mut().insert(peer);
                Either::Left(self.inner.call(request))
            }
            Err(status) => {
                tracing::warn!(path = request.uri().path(), %status, "refused a call");
                Either::Right(ready(Ok(status.into_http())))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    fn request(path: &str) -> http::Request<()> {
        let mut request = http::Request::new(());
        *request.uri_mut() = path.parse().unwrap();
        request
    }

    #[test]
    fn what_is_not_in_the_table_is_refused() {
        let rules =
            RequireRole::new().allow("/a.S", &[Role::User]).allow("/a.S/Work", &[Role::Worker]);
        let code = |path, peer: fn(&mut http::Extensions)| {
            let mut request = request(path);
            peer(request.extensions_mut());
            rules.check(&request).map_err(|status| status.code())
        };
        let embedded = |extensions: &mut http::Extensions| {
            extensions.insert(MemoryConnectInfo);
        };
        let local = |extensions: &mut http::Extensions| {
            extensions.insert(UdsConnectInfo { peer_addr: None, peer_cred: None });
        };
        assert_eq!(code("/a.S/Any", embedded), Ok(Peer::Embedded));
        assert_eq!(code("/a.S/Work", embedded), Ok(Peer::Embedded));
        assert_eq!(code("/a.S/Any", local), Ok(Peer::Local));
        // The method's own entry replaces that of its service.
        assert_eq!(code("/a.S/Work", local), Err(Code::PermissionDenied));
        for path in ["/a.T/Any", "/", "/a.S/Any/More"] {
            assert_eq!(code(path, embedded), Err(Code::Unimplemented), "{path}");
        }
        assert_eq!(code("/a.S/Any", |_| {}), Err(Code::Unauthenticated));
    }
}
