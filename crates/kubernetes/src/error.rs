//! What can go wrong between a worker and its cluster, and what the user can do about it.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;

/// A failed operation on the cluster under test.
///
/// Every variant names the cluster as the run file does. No variant keeps an error of the client
/// library: some of those carry the output of an exec plugin or a piece of the kubeconfig.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// No kubeconfig was named, and none is at the usual places.
    #[error(
        "cluster `{cluster}`: no kubeconfig found, looked at {}, expected a kubeconfig (hint: name one with `kubeconfig`, or set KUBECONFIG)",
        paths(.looked_at)
    )]
    NoKubeconfig {
        /// Name of the cluster.
        cluster: String,
        /// The files that were tried.
        looked_at: Vec<PathBuf>,
    },
    /// A kubeconfig cannot be read.
    #[error("cluster `{cluster}`: cannot read the kubeconfig {} (hint: check the path and its permissions)", .path.display())]
    UnreadableKubeconfig {
        /// Name of the cluster.
        cluster: String,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A kubeconfig is not YAML of the right shape. The parser's own text quotes the file, so only
    /// the place is kept.
    #[error("cluster `{cluster}`: {} is not a valid kubeconfig{} (hint: `kubectl config view` must be able to read it)", .path.display(), place(*.line, *.column))]
    InvalidKubeconfig {
        /// Name of the cluster.
        cluster: String,
        /// The file.
        path: PathBuf,
        /// Line of the mistake, from 1, where known.
        line: Option<u64>,
        /// Column of the mistake, from 1, where known.
        column: Option<u64>,
    },
    /// The named context is not in the kubeconfig.
    #[error("cluster `{cluster}`: {} has no context `{context}`, expected one of {}", paths(.files), names(.known))]
    UnknownContext {
        /// Name of the cluster.
        cluster: String,
        /// The kubeconfig files.
        files: Vec<PathBuf>,
        /// What was asked for.
        context: String,
        /// The contexts there are.
        known: Vec<String>,
    },
    /// No context was named and the kubeconfig has no current one.
    #[error("cluster `{cluster}`: {} has no current context, expected `context` to be one of {}", paths(.files), names(.known))]
    NoCurrentContext {
        /// Name of the cluster.
        cluster: String,
        /// The kubeconfig files.
        files: Vec<PathBuf>,
        /// The contexts there are.
        known: Vec<String>,
    },
    /// The context names an entry that is missing or incomplete.
    #[error("cluster `{cluster}`: context `{context}` of the kubeconfig is incomplete: {missing}")]
    IncompleteContext {
        /// Name of the cluster.
        cluster: String,
        /// The context.
        context: String,
        /// What is missing.
        missing: String,
    },
    /// A certificate, key, or token named by the kubeconfig cannot be used.
    #[error("cluster `{cluster}`: the credentials of the kubeconfig cannot be used: {detail}")]
    Credentials {
        /// Name of the cluster.
        cluster: String,
        /// What is wrong, without any of the data.
        detail: String,
    },
    /// The exec plugin that should give a credential failed.
    #[error("cluster `{cluster}`: the exec plugin `{command}` of the kubeconfig {reason}{} (hint: run it by hand, or log in again)", said(.stderr))]
    ExecPlugin {
        /// Name of the cluster.
        cluster: String,
        /// The command, without its arguments: they may hold secrets.
        command: String,
        /// How it failed.
        reason: String,
        /// The end of what it wrote to standard error, secrets blanked out.
        stderr: String,
    },
    /// The client certificate is out of its time and the API server refused it.
    #[error(
        "cluster `{cluster}`: the client certificate of the kubeconfig expired at {expired_at} (hint: renew it, e.g. with `kubeadm certs renew` or by fetching the kubeconfig again)"
    )]
    ExpiredCertificate {
        /// Name of the cluster.
        cluster: String,
        /// Its `notAfter`.
        expired_at: Timestamp,
    },
    /// The API server does not accept the credentials (401).
    #[error(
        "cluster `{cluster}`: the API server {server} does not accept the credentials, Unauthorized (hint: the token or certificate is invalid or belongs to another cluster; check with `kubectl auth whoami`)"
    )]
    Unauthorized {
        /// Name of the cluster.
        cluster: String,
        /// URL of the API server.
        server: String,
    },
    /// The credentials are good but do not allow the operation (403).
    #[error(
        "cluster `{cluster}`: not allowed to {operation}, 403 Forbidden: {message} (hint: conformance runs need cluster-admin)"
    )]
    Forbidden {
        /// Name of the cluster.
        cluster: String,
        /// What was tried.
        operation: String,
        /// The server's words.
        message: String,
    },
    /// No answer came from the API server.
    #[error("cluster `{cluster}`: the API server {server} cannot be reached: {obstacle}")]
    Unreachable {
        /// Name of the cluster.
        cluster: String,
        /// URL of the API server.
        server: String,
        /// What stands in the way.
        obstacle: Obstacle,
    },
    /// The server answered, but with something no API server says.
    #[error(
        "cluster `{cluster}`: {server} does not answer like a Kubernetes API server: {detail} (hint: check `server` in the kubeconfig)"
    )]
    NotKubernetes {
        /// Name of the cluster.
        cluster: String,
        /// URL that was asked.
        server: String,
        /// What was odd.
        detail: String,
    },
    /// The API server refused an operation for another reason.
    #[error("cluster `{cluster}`: cannot {operation}, the API server answered {status}: {message}")]
    Api {
        /// Name of the cluster.
        cluster: String,
        /// What was tried.
        operation: String,
        /// HTTP status.
        status: u16,
        /// The server's words.
        message: String,
    },
    /// A private copy of the kubeconfig cannot be written.
    #[error("cluster `{cluster}`: cannot write the private kubeconfig {}", .path.display())]
    WriteKubeconfig {
        /// Name of the cluster.
        cluster: String,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl ClusterError {
    /// Whether the cause may go away by itself, so that asking again makes sense. Wrong input and
    /// refused credentials do not.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { obstacle, .. } => obstacle.is_transient(),
            Self::Api { status, .. } => *status == 429 || *status >= 500,
            _ => false,
        }
    }

    /// Whether the context is wrong in a kubeconfig that can be read.
    pub fn is_of_context(&self) -> bool {
        matches!(self, Self::UnknownContext { .. } | Self::IncompleteContext { .. })
    }

    /// Whether the API server gave no answer at all.
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }

    pub(crate) fn is_conflict(&self) -> bool {
        matches!(self, Self::Api { status: 409, .. })
    }

    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, Self::Api { status: 404, .. })
    }
}

/// What stands between the worker and an API server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Obstacle {
    /// The host name has no address.
    #[error(
        "the host name cannot be resolved (hint: check `server` in the kubeconfig and the DNS of this host)"
    )]
    Dns,
    /// Nothing listens there.
    #[error("connection refused (hint: is the API server running, and is the port right?)")]
    Refused,
    /// No answer in time.
    #[error("no answer within {}", Seconds(*.0))]
    Timeout(Duration),
    /// The server's certificate is signed by a CA that the kubeconfig does not name.
    #[error(
        "its certificate is signed by an unknown authority (hint: `certificate-authority` in the kubeconfig belongs to another cluster)"
    )]
    UnknownAuthority,
    /// The server's certificate is for other names.
    #[error(
        "its certificate is not valid for this host name (hint: set `tls-server-name` in the kubeconfig, or use a name in the certificate)"
    )]
    WrongName,
    /// The server's certificate is out of its time.
    #[error(
        "its certificate has expired or is not valid yet (hint: renew the API server's certificate, and check the clocks)"
    )]
    ServerCertificateExpired,
    /// Another failure of the TLS handshake.
    #[error("TLS failed: {0}")]
    Tls(String),
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// A proxy that cannot be used.
    #[error(
        "the proxy cannot be used: {0} (hint: check `proxy-url` in the kubeconfig, HTTPS_PROXY, and NO_PROXY)"
    )]
    Proxy(String),
}

impl Obstacle {
    fn is_transient(&self) -> bool {
        matches!(self, Self::Dns | Self::Refused | Self::Timeout(_) | Self::Broken(_))
    }
}

struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} s", self.0.as_secs_f64())
    }
}

fn paths(paths: &[PathBuf]) -> String {
    if paths.is_empty() {
        return "no file".to_owned();
    }
    let shown: Vec<String> = paths.iter().map(|p| p.display().to_string()).collect();
    shown.join(", ")
}

fn names(names: &[String]) -> String {
    if names.is_empty() {
        return "its contexts, but it has none".to_owned();
    }
    let shown: Vec<String> = names.iter().map(|n| format!("`{n}`")).collect();
    shown.join(", ")
}

fn place(line: Option<u64>, column: Option<u64>) -> String {
    match (line, column) {
        (Some(line), Some(column)) => format!(" (line {line}, column {column})"),
        (Some(line), None) => format!(" (line {line})"),
        _ => String::new(),
    }
}

fn said(stderr: &str) -> String {
    if stderr.is_empty() { String::new() } else { format!(", it said: {stderr}") }
}
