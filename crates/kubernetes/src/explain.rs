//! Turns errors of the client library into [`ClusterError`]s a user can act on.

use std::error::Error;
use std::io;
use std::time::Duration;

use jiff::Timestamp;
use kube::client::AuthError;
use rustls::{AlertDescription, CertificateError};

use crate::error::{ClusterError, Obstacle};
use crate::redact::redact;

/// What is known about a cluster when one of its requests fails.
#[derive(Clone)]
pub(crate) struct Facts {
    pub(crate) cluster: String,
    pub(crate) server: String,
    pub(crate) connect_timeout: Duration,
    /// `notAfter` of the client certificate, if there is one that can be read.
    pub(crate) certificate_not_after: Option<Timestamp>,
    /// Command of the exec plugin.
    pub(crate) exec_command: Option<String>,
    /// Values given to the exec plugin that must not be shown.
    pub(crate) exec_secrets: Vec<String>,
}

impl Facts {
    /// Explains why `operation` (an infinitive without `to`) failed.
    pub(crate) fn explain(&self, operation: &str, error: kube::Error) -> ClusterError {
        let cluster = self.cluster.clone();
        let server = self.server.clone();
        match error {
            kube::Error::Api(status) => self.refused(operation, status.code, &status.message),
            kube::Error::SerdeError(error) => {
                // serde's messages name fields and values; the values may be anything.
                let detail = format!(
                    "unexpected content at line {}, column {}",
                    error.line(),
                    error.column()
                );
                ClusterError::NotKubernetes { cluster, server, detail }
            }
            kube::Error::FromUtf8(_) | kube::Error::HttpError(_) => ClusterError::NotKubernetes {
                cluster,
                server,
                detail: "the answer is not text".to_owned(),
            },
            kube::Error::ProxyProtocolUnsupported { proxy_url }
            | kube::Error::ProxyProtocolDisabled { proxy_url, .. } => {
                // The URL may hold a password.
                let scheme = proxy_url.scheme_str().unwrap_or("no scheme").to_owned();
                self.unreachable(Obstacle::Proxy(format!(
                    "it speaks {scheme}, expected http, https, or socks5"
                )))
            }
            kube::Error::InferKubeconfig(error) => self.credentials(&error),
            kube::Error::RustlsTls(error) => self.credentials(&error),
            other => self.explain_chain(&other),
        }
    }

    /// Explains an answer with an HTTP status that is no success.
    pub(crate) fn refused(&self, operation: &str, status: u16, message: &str) -> ClusterError {
        let cluster = self.cluster.clone();
        let message = redact(message, []);
        match status {
            401 => self.denied(),
            403 => ClusterError::Forbidden { cluster, operation: operation.to_owned(), message },
            _ => ClusterError::Api { cluster, operation: operation.to_owned(), status, message },
        }
    }

    pub(crate) fn unreachable(&self, obstacle: Obstacle) -> ClusterError {
        ClusterError::Unreachable {
            cluster: self.cluster.clone(),
            server: self.server.clone(),
            obstacle,
        }
    }

    fn denied(&self) -> ClusterError {
        let cluster = self.cluster.clone();
        match self.certificate_not_after {
            Some(expired_at) if expired_at < Timestamp::now() => {
                ClusterError::ExpiredCertificate { cluster, expired_at }
            }
            _ => ClusterError::Unauthorized { cluster, server: self.server.clone() },
        }
    }

    fn explain_chain(&self, error: &(dyn Error + 'static)) -> ClusterError {
        let mut found = None;
        visit(error, &mut |cause| {
            found = self.recognise(cause);
            found.is_some()
        });
        found.unwrap_or_else(|| self.unreachable(Obstacle::Broken(redact(&last_words(error), []))))
    }

    fn recognise(&self, cause: &(dyn Error + 'static)) -> Option<ClusterError> {
        if let Some(auth) = cause.downcast_ref::<AuthError>() {
            return Some(self.authentication(auth));
        }
        if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
            return Some(self.tls(tls));
        }
        if let Some(io) = cause.downcast_ref::<io::Error>() {
            let obstacle = match io.kind() {
                io::ErrorKind::ConnectionRefused => Obstacle::Refused,
                io::ErrorKind::TimedOut => Obstacle::Timeout(self.connect_timeout),
                // The resolver's errors have a kind of their own only in words.
                _ if io.to_string().starts_with("failed to lookup address") => Obstacle::Dns,
                _ => return None,
            };
            return Some(self.unreachable(obstacle));
        }
        None
    }

    fn tls(&self, error: &rustls::Error) -> ClusterError {
        let obstacle = match error {
            rustls::Error::InvalidCertificate(certificate) => match certificate {
                CertificateError::UnknownIssuer => Obstacle::UnknownAuthority,
                CertificateError::NotValidForName
                | CertificateError::NotValidForNameContext { .. } => Obstacle::WrongName,
                CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. } => Obstacle::ServerCertificateExpired,
                // A server that signs with the right name but another key.
                CertificateError::BadSignature => Obstacle::UnknownAuthority,
                other => Obstacle::Tls(other.to_string()),
            },
            rustls::Error::AlertReceived(
                AlertDescription::CertificateExpired
                | AlertDescription::CertificateRequired
                | AlertDescription::CertificateUnknown
                | AlertDescription::BadCertificate
                | AlertDescription::UnknownCA
                | AlertDescription::AccessDenied,
            ) => return self.denied(),
            other => Obstacle::Tls(other.to_string()),
        };
        self.unreachable(obstacle)
    }

    /// Words an authentication failure. Never shows standard output: that is where a plugin writes
    /// the token.
    fn authentication(&self, error: &AuthError) -> ClusterError {
        let plugin = |reason: String, stderr: String| ClusterError::ExecPlugin {
            cluster: self.cluster.clone(),
            command: self.exec_command.clone().unwrap_or_else(|| "(none)".to_owned()),
            reason,
            stderr,
        };
        match error {
            AuthError::AuthExecStart(error) => plugin(format!("cannot be started ({error})"), String::new()),
            AuthError::AuthExecRun { out, .. } => {
                let stderr = String::from_utf8_lossy(&out.stderr);
                plugin(
                    format!("failed ({})", out.status),
                    redact(&stderr, self.exec_secrets.iter().map(String::as_str)),
                )
            }
            AuthError::AuthExecParse(_) => plugin("printed no ExecCredential".to_owned(), String::new()),
            AuthError::ExecPluginFailed => plugin("printed an ExecCredential without status".to_owned(), String::new()),
            AuthError::UnrefreshableTokenResponse => plugin("gave no new token".to_owned(), String::new()),
            AuthError::MalformedTokenExpirationDate(_) => {
                plugin("gave a token with a malformed expiration".to_owned(), String::new())
            }
            AuthError::ReadTokenFile(error, path) => {
                self.unusable(format!("cannot read the token file {} ({error})", path.display()))
            }
            AuthError::InvalidBearerToken(_) => {
                self.unusable("the token has characters no HTTP header may hold".to_owned())
            }
            AuthError::MissingCommand => self.unusable("the exec plugin has no command".to_owned()),
            _ => self.unusable(
                "the authentication provider is not supported or failed, expected a certificate, a token, or an exec plugin"
                    .to_owned(),
            ),
        }
    }

    /// Explains why certificates, keys, or tokens cannot be loaded. The library's texts name paths
    /// and positions.
    pub(crate) fn credentials(&self, error: &dyn Error) -> ClusterError {
        self.unusable(redact(&with_causes(error), []))
    }

    fn unusable(&self, detail: String) -> ClusterError {
        ClusterError::Credentials { cluster: self.cluster.clone(), detail }
    }
}

/// Calls `look` with `error` and all its causes until it says true. An `io::Error` hides the error
/// it wraps from `source()`, so that one is opened as well.
fn visit(
    error: &(dyn Error + 'static),
    look: &mut dyn FnMut(&(dyn Error + 'static)) -> bool,
) -> bool {
    if let Some(inner) = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        let inner: &(dyn Error + 'static) = inner;
        if visit(inner, look) {
            return true;
        }
    }
    look(error) || error.source().is_some_and(|source| visit(source, look))
}

fn last_words(error: &(dyn Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
