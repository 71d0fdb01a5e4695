//! A small stand-in for an API server: TLS, a handful of objects in memory, resource versions with
//! conflicts, and a hook through which a test makes it misbehave. Only tests use it.

#![allow(clippy::unwrap_used, reason = "a part of test programs: they may panic")]

mod objects;

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Response};
use http_body_util::{BodyExt, Full};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

pub use objects::Objects;

/// What a test may look at in a request.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Its method.
    pub method: Method,
    /// Its path, without the query.
    pub path: String,
    /// Its query; empty if there is none.
    pub query: String,
    /// The header of this name.
    pub authorization: Option<String>,
    /// The header of this name.
    pub user_agent: Option<String>,
    /// Its body; null if it is no JSON.
    pub body: Value,
}

/// An answer: status, content, and how long to wait before it.
#[derive(Clone, Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Content.
    pub body: String,
    /// Waited before the answer is sent.
    pub delay: Duration,
}

impl Reply {
    /// An answer in JSON.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::text(status, &body.to_string())
    }

    /// An answer in any words.
    pub fn text(status: u16, body: &str) -> Self {
        Self { status, body: body.to_owned(), delay: Duration::ZERO }
    }

    /// A refusal as Kubernetes words it.
    pub fn failure(code: u16, reason: &str, message: &str) -> Self {
        let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure",
            "code": code, "reason": reason, "message": message});
        Self::json(code, &status)
    }

    /// The same, later.
    pub fn after(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }
}

/// Looks at a request before the objects do; `Some` is the answer.
pub type Hook = Box<dyn FnMut(&Asked, &mut Objects) -> Option<Reply> + Send>;

struct State {
    objects: Objects,
    hook: Hook,
    log: Vec<Asked>,
}

/// A running stand-in with its certificate authority.
pub struct StandIn {
    /// Where it listens.
    pub address: SocketAddr,
    /// Where its kubeconfigs lie.
    pub dir: tempfile::TempDir,
    ca: CertifiedIssuer<'static, KeyPair>,
    state: Arc<Mutex<State>>,
    /// Ends with its listener and all its connections when it is aborted.
    server: JoinHandle<()>,
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// What is odd about a stand-in from the start.
pub struct Options {
    /// Names in the server's certificate.
    pub names: Vec<String>,
    /// Whether client certificates are checked in the TLS handshake. A real API server checks them
    /// after it; some load balancers in front of one do it there.
    pub verify_clients: bool,
    /// Whether its own certificate has expired.
    pub server_expired: bool,
}

impl Default for Options {
    fn default() -> Self {
        let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
        Self { names, verify_clients: false, server_expired: false }
    }
}

impl StandIn {
    /// Starts one with nothing odd about it.
    pub async fn start() -> Self {
        Self::start_with(Options::default()).await
    }

    /// Starts one on a free port.
    pub async fn start_with(options: Options) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let ca = authority("stand-in CA");
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(options.names).unwrap();
        if options.server_expired {
            params.not_before = rcgen::date_time_ymd(2019, 1, 1);
            params.not_after = rcgen::date_time_ymd(2020, 1, 1);
        }
        let certificate = params.signed_by(&key, &ca).unwrap();
        let config = rustls::ServerConfig::builder();
        let config = if options.verify_clients {
            let mut roots = RootCertStore::empty();
            roots.add(ca.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap();
            config.with_client_cert_verifier(verifier)
        } else {
            config.with_no_client_auth()
        };
        let chain: Vec<CertificateDer<'static>> = vec![certificate.der().clone()];
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config.with_single_cert(chain, key).unwrap()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State {
            objects: Objects::default(),
            hook: Box::new(|_, _| None),
            log: Vec::new(),
        }));
        #[expect(clippy::disallowed_methods, reason = "tests end their own tasks")]
        let server = tokio::spawn(serve(listener, acceptor, Arc::clone(&state)));
        Self { address, dir: tempfile::tempdir().unwrap(), ca, state, server }
    }

    /// Installs a hook.
    pub fn on(&self, hook: impl FnMut(&Asked, &mut Objects) -> Option<Reply> + Send + 'static) {
        self.state.lock().unwrap().hook = Box::new(hook);
    }

    /// Works on the objects.
    pub fn objects<T>(&self, work: impl FnOnce(&mut Objects) -> T) -> T {
        work(&mut self.state.lock().unwrap().objects)
    }

    /// All requests so far.
    pub fn log(&self) -> Vec<Asked> {
        self.state.lock().unwrap().log.clone()
    }

    /// Where it is reached.
    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// A client certificate of this authority and its key, PEM.
    pub fn client_certificate(&self, last_year: i32) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.not_before = rcgen::date_time_ymd(2019, 1, 1);
        params.not_after = rcgen::date_time_ymd(last_year, 6, 7);
        (params.signed_by(&key, &self.ca).unwrap().pem(), key.serialize_pem())
    }

    /// The certificate that its kubeconfigs trust, PEM.
    pub fn ca_pem(&self) -> String {
        self.ca.pem()
    }

    /// Writes a kubeconfig for `user` (YAML flow mapping) and gives its path.
    pub fn kubeconfig(&self, user: &str) -> PathBuf {
        self.kubeconfig_to(&self.url(), user)
    }

    /// The same with another URL of this server.
    pub fn kubeconfig_to(&self, server: &str, user: &str) -> PathBuf {
        std::fs::write(self.dir.path().join("ca.crt"), self.ca.pem()).unwrap();
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: lab\n\
             contexts: [{{name: lab, context: {{cluster: lab, user: me}}}}]\n\
             clusters: [{{name: lab, cluster: {{server: '{server}', certificate-authority: ca.crt}}}}]\n\
             users: [{{name: me, user: {user}}}]\n"
        );
        let path: PathBuf = self.dir.path().join("kubeconfig");
        std::fs::write(&path, text).unwrap();
        path
    }

    /// A kubeconfig with a client certificate.
    pub fn kubeconfig_with_certificate(&self, last_year: i32) -> PathBuf {
        let (certificate, key) = self.client_certificate(last_year);
        std::fs::write(self.dir.path().join("me.crt"), certificate).unwrap();
        std::fs::write(self.dir.path().join("me.key"), key).unwrap();
        self.kubeconfig("{client-certificate: me.crt, client-key: me.key}")
    }

    /// Dies: the port is closed, connections break, and nobody answers any more.
    pub async fn die(&mut self) {
        self.server.abort();
        // Cancelled, as it should be; the listener is closed when it has ended.
        let _ = (&mut self.server).await;
    }
}

fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn serve(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    state: Arc<Mutex<State>>,
) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        // Dropped, and with it every connection, when this task is aborted.
        let mut connections = JoinSet::new();
        loop {
            let Ok((socket, _)) = listener.accept().await else {
                return;
            };
            while connections.try_join_next().is_some() {}
            let (acceptor, state) = (acceptor.clone(), Arc::clone(&state));
            connections.spawn(async move {
                let Ok(stream) = acceptor.accept(socket).await else {
                    return;
                };
                let service = service_fn(move |request| answer(request, Arc::clone(&state)));
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    })
}

async fn answer(
    request: http::Request<hyper::body::Incoming>,
    state: Arc<Mutex<State>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let header = |name| {
        head.headers.get(name).and_then(|v: &http::HeaderValue| v.to_str().ok()).map(str::to_owned)
    };
    let asked = Asked {
        method: head.method,
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        authorization: header("authorization"),
        user_agent: header("user-agent"),
        body: serde_json::from_slice(&body).unwrap_or_default(),
    };
    let reply = {
        let mut state = state.lock().unwrap();
        state.log.push(asked.clone());
        let State { objects, hook, .. } = &mut *state;
        hook(&asked, objects).unwrap_or_else(|| objects.answer(&asked))
    };
    tokio::time::sleep(reply.delay).await;
    Ok(Response::builder()
        .status(reply.status)
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(reply.body)))
        .unwrap())
}
