//! Mutual TLS: both sides show a certificate of the same authority. Plain text is for loopback
//! addresses only, and only for those who ask for it.
//!
//! Certificates are renewed by replacing their files: every new connection, in both directions,
//! uses what the files hold (see [`Credentials`]). That is why TLS is done here and not by tonic,
//! whose settings are fixed once a server or channel exists.

mod accept;
mod credentials;
mod dial;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use tokio::net::TcpListener;
use tonic::transport::{Channel, Endpoint, Server, Uri};

pub use accept::{ConnectInfo, Connection, Cutter, Incoming};
pub use credentials::Credentials;

use crate::identity::{Identity, IdentityError};
use crate::transport;

/// How a service talks to others.
#[derive(Clone, Debug)]
pub enum Security {
    /// Both sides show certificates.
    MutualTls(Credentials),
    /// Nothing is encrypted or checked; loopback addresses only.
    Plaintext,
}

/// The three PEM files of a party.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PemFiles {
    /// The authority's certificate.
    pub authority: PathBuf,
    /// The party's own certificate; intermediate ones may follow.
    pub certificate: PathBuf,
    /// The key of that certificate.
    pub key: PathBuf,
}

/// TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A file is not what it should be.
    #[error("{path} holds no {expected} in PEM form")]
    Pem {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        expected: &'static str,
    },
    /// The certificate was not issued by the authority, or its time is over.
    #[error(
        "{path} is not valid under {authority}: {} (hint: make a new one with `multibeam pki`)",
        explain(source)
    )]
    NotValid {
        /// The certificate.
        path: PathBuf,
        /// The authority's certificate.
        authority: PathBuf,
        /// What is wrong.
        #[source]
        source: webpki::Error,
    },
    /// The certificate does not say who its holder is.
    #[error("{path} cannot be used")]
    Identity {
        /// The certificate.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: IdentityError,
    },
    /// The key belongs to another certificate.
    #[error("the key {key} does not belong to the certificate {certificate}")]
    KeyMismatch {
        /// The key.
        key: PathBuf,
        /// The certificate.
        certificate: PathBuf,
        /// What the TLS library says.
        #[source]
        source: rustls::Error,
    },
    /// Plain text beyond this machine.
    #[error("{address} is no loopback address, expected TLS for it (hint: give certificates)")]
    PlaintextBeyondLoopback {
        /// The address.
        address: String,
    },
    /// The address is none.
    #[error("`{url}` is no address of a service, expected such as {scheme}://host:port")]
    BadUrl {
        /// The address.
        url: String,
        /// The scheme that fits.
        scheme: &'static str,
    },
    /// A file is too large to be one.
    #[error("{path} is larger than {limit} bytes, expected a certificate or key in PEM form")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// [`crate::limits::CERTIFICATE_BYTES`].
        limit: u64,
    },
    /// The new certificate is of somebody else, whose name would not reach what is running.
    #[error("the certificate is now that of {found}, expected {expected} (hint: restart for that)")]
    OtherHolder {
        /// The holder since the start.
        expected: Identity,
        /// The new one.
        found: Identity,
    },
    /// The TLS library refuses what was read.
    #[error("cannot set up TLS with {certificate} and {authority}")]
    Setup {
        /// The certificate.
        certificate: PathBuf,
        /// The authority's certificate.
        authority: PathBuf,
        /// What the TLS library says.
        #[source]
        source: rustls::Error,
    },
}

fn explain(error: &webpki::Error) -> String {
    match error {
        webpki::Error::CertExpired { .. } => "it has expired".to_owned(),
        webpki::Error::CertNotValidYet { .. } => {
            "it is not valid yet, check this machine's clock".to_owned()
        }
        // All authorities of `multibeam pki` have one name, so that the signature tells.
        webpki::Error::UnknownIssuer | webpki::Error::InvalidSignatureForPublicKey => {
            "another authority issued it".to_owned()
        }
        other => other.to_string(),
    }
}

impl Security {
    /// Whether a server with this security may listen on `address`.
    ///
    /// # Errors
    /// Plain text on an address that others can reach.
    pub fn check_listen(&self, address: SocketAddr) -> Result<(), TlsError> {
        match self {
            Self::Plaintext if !address.ip().to_canonical().is_loopback() => {
                Err(TlsError::PlaintextBeyondLoopback { address: address.to_string() })
            }
            Self::MutualTls(_) | Self::Plaintext => Ok(()),
        }
    }

    /// The connections of a server with this security, for `serve_with_incoming_shutdown`.
    #[must_use]
    pub fn incoming(&self, listener: TcpListener) -> Incoming {
        Incoming::new(listener, self.credentials().cloned())
    }

    /// A server on TCP. Layers and services are up to the caller; a plain-text one also needs
    /// [`crate::access::RequireRole::accept_plaintext`]. What it serves has to come from
    /// [`Security::incoming`]: the server itself knows nothing of TLS.
    #[must_use]
    pub fn server(&self) -> Server {
        transport::server()
    }

    /// The certificates, if there are any.
    #[must_use]
    pub fn credentials(&self) -> Option<&Credentials> {
        match self {
            Self::MutualTls(credentials) => Some(credentials),
            Self::Plaintext => None,
        }
    }

    /// A channel to `url` that connects at its first use, and again whenever its connection has
    /// ended: `https://host:port` with TLS, `http://host:port` for a loopback address in plain
    /// text.
    ///
    /// # Errors
    /// Not such a URL, or plain text to another machine.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn channel(&self, url: &str) -> Result<Channel, TlsError> {
        let scheme = match self {
            Self::MutualTls(_) => "https",
            Self::Plaintext => "http",
        };
        let bad = || TlsError::BadUrl { url: url.to_owned(), scheme };
        let uri: Uri = url.parse().map_err(|_| bad())?;
        // The library would take a `unix:` URL for an address, too.
        if uri.scheme_str() != Some(scheme) {
            return Err(bad());
        }
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(bad)?.to_owned();
        match self {
            Self::MutualTls(credentials) => {
                dial::channel(uri, &host, credentials.clone()).ok_or_else(bad)
            }
            Self::Plaintext if is_loopback(&host) => {
                Ok(transport::endpoint(Endpoint::from(uri)).connect_lazy())
            }
            Self::Plaintext => Err(TlsError::PlaintextBeyondLoopback { address: host }),
        }
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn plain_text_stays_on_this_machine() {
        let plain = Security::Plaintext;
        for address in ["127.0.0.1:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            plain.check_listen(address.parse().unwrap()).unwrap();
            plain.channel(&format!("http://{address}")).unwrap();
        }
        plain.channel("http://localhost:1").unwrap();
        for address in ["0.0.0.0:1", "[::]:1", "192.0.2.1:1"] {
            let error = plain.check_listen(address.parse().unwrap()).unwrap_err();
            assert!(error.to_string().contains("hint: give certificates"));
            assert!(plain.channel(&format!("http://{address}")).is_err());
        }
        assert!(matches!(
            plain.channel("http://localhost.example.com:1"),
            Err(TlsError::PlaintextBeyondLoopback { .. })
        ));
        for url in ["https://127.0.0.1:1", "127.0.0.1:1", "", "unix:///x", "http://"] {
            assert!(matches!(plain.channel(url), Err(TlsError::BadUrl { .. })), "{url}");
        }
    }
}
