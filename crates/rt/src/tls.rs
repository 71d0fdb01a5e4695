//! Mutual TLS: both sides show a certificate of the same authority. Plain text is for loopback
//! addresses only, and only for those who ask for it.

use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use tonic::transport::{
    Certificate, ClientTlsConfig, Endpoint, Identity as TlsIdentity, Server, ServerTlsConfig,
};

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

/// What one party needs for mutual TLS, read and checked.
#[derive(Clone)]
pub struct Credentials {
    authority: Vec<u8>,
    chain: Vec<u8>,
    key: Vec<u8>,
    identity: Identity,
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
    /// The transport refuses the settings.
    #[error("cannot set up TLS")]
    Transport(#[from] tonic::transport::Error),
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

impl Credentials {
    /// Reads the files and checks that they fit together and are valid now, so that a mistake is
    /// found at the start with the file's name and not in a handshake without it.
    ///
    /// # Errors
    /// See [`TlsError`].
    pub fn read(files: &PemFiles) -> Result<Self, TlsError> {
        // Two libraries in one binary may bring two providers; this is the one that is meant.
        // It fails when a provider is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let authority = read(&files.authority)?;
        let chain = read(&files.certificate)?;
        let key = read(&files.key)?;

        let anchors = certificates(&files.authority, &authority)?;
        let parsed = certificates(&files.certificate, &chain)?;
        check_chain(files, &anchors, &parsed)?;
        let identity = Identity::from_certificate(&parsed[0])
            .map_err(|source| TlsError::Identity { path: files.certificate.clone(), source })?;
        check_key(files, parsed, &key)?;
        Ok(Self { authority, chain, key, identity })
    }

    /// Who the certificate says its holder is.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Settings of a server that accepts only clients of the same authority.
    #[must_use]
    pub fn server_config(&self) -> ServerTlsConfig {
        ServerTlsConfig::new()
            .identity(TlsIdentity::from_pem(&self.chain, &self.key))
            .client_ca_root(Certificate::from_pem(&self.authority))
            .client_auth_optional(false)
    }

    /// Settings of a client that accepts only servers of the same authority.
    #[must_use]
    pub fn client_config(&self) -> ClientTlsConfig {
        ClientTlsConfig::new()
            .identity(TlsIdentity::from_pem(&self.chain, &self.key))
            .ca_certificate(Certificate::from_pem(&self.authority))
    }
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The key stays out of logs.
        f.debug_struct("Credentials").field("identity", &self.identity).finish_non_exhaustive()
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

    /// A server on TCP with this security. Layers and services are up to the caller; a plain-text
    /// one also needs [`crate::access::RequireRole::accept_plaintext`].
    ///
    /// # Errors
    /// The transport refuses the settings.
    pub fn server(&self) -> Result<Server, TlsError> {
        Ok(match self {
            Self::MutualTls(credentials) => {
                transport::server().tls_config(credentials.server_config())?
            }
            Self::Plaintext => transport::server(),
        })
    }

    /// A client's endpoint for `url`: `https://host:port` with TLS, `http://host:port` for a
    /// loopback address in plain text.
    ///
    /// # Errors
    /// Not such a URL, or plain text to another machine.
    pub fn endpoint(&self, url: &str) -> Result<Endpoint, TlsError> {
        let scheme = match self {
            Self::MutualTls(_) => "https",
            Self::Plaintext => "http",
        };
        let bad = || TlsError::BadUrl { url: url.to_owned(), scheme };
        // The library would take a `unix:` URL for an address, too.
        if !url.starts_with(&format!("{scheme}://")) {
            return Err(bad());
        }
        let endpoint = Endpoint::from_shared(url.to_owned()).map_err(|_| bad())?;
        let host = endpoint.uri().host().ok_or_else(bad)?.to_owned();
        let endpoint = transport::endpoint(endpoint);
        match self {
            Self::MutualTls(credentials) => Ok(endpoint.tls_config(credentials.client_config())?),
            Self::Plaintext if is_loopback(&host) => Ok(endpoint),
            Self::Plaintext => Err(TlsError::PlaintextBeyondLoopback { address: host }),
        }
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|source| TlsError::Read { path: path.to_owned(), source })
}

fn certificates(path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .ok()
        .filter(|found| !found.is_empty())
        .ok_or_else(|| TlsError::Pem { path: path.to_owned(), expected: "certificate" })
}

fn check_chain(
    files: &PemFiles,
    authority: &[CertificateDer<'_>],
    chain: &[CertificateDer<'_>],
) -> Result<(), TlsError> {
    let check = || {
        let anchors = authority
            .iter()
            .map(webpki::anchor_from_trusted_cert)
            .collect::<Result<Vec<_>, _>>()?;
        let (own, intermediates) = chain.split_first().ok_or(webpki::Error::BadDer)?;
        let own = webpki::EndEntityCert::try_from(own)?;
        // Every party is a client of another one; servers are checked by name in the handshake.
        own.verify_for_usage(
            webpki::ALL_VERIFICATION_ALGS,
            &anchors,
            intermediates,
            UnixTime::now(),
            webpki::KeyUsage::client_auth(),
            None,
            None,
        )
        .map(|_| ())
    };
    check().map_err(|source| TlsError::NotValid {
        path: files.certificate.clone(),
        authority: files.authority.clone(),
        source,
    })
}

fn check_key(
    files: &PemFiles,
    chain: Vec<CertificateDer<'static>>,
    key: &[u8],
) -> Result<(), TlsError> {
    let key = PrivateKeyDer::from_pem_slice(key)
        .map_err(|_| TlsError::Pem { path: files.key.clone(), expected: "private key" })?;
    let provider = rustls::crypto::ring::default_provider();
    rustls::sign::CertifiedKey::from_der(chain, key, &provider).map(|_| ()).map_err(|source| {
        TlsError::KeyMismatch {
            key: files.key.clone(),
            certificate: files.certificate.clone(),
            source,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_stays_on_this_machine() {
        let plain = Security::Plaintext;
        for address in ["127.0.0.1:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            plain.check_listen(address.parse().unwrap()).unwrap();
            plain.endpoint(&format!("http://{address}")).unwrap();
        }
        plain.endpoint("http://localhost:1").unwrap();
        for address in ["0.0.0.0:1", "[::]:1", "192.0.2.1:1"] {
            let error = plain.check_listen(address.parse().unwrap()).unwrap_err();
            assert!(error.to_string().contains("hint: give certificates"));
            assert!(plain.endpoint(&format!("http://{address}")).is_err());
        }
        assert!(matches!(
            plain.endpoint("http://localhost.example.com:1"),
            Err(TlsError::PlaintextBeyondLoopback { .. })
        ));
        for url in ["https://127.0.0.1:1", "127.0.0.1:1", "", "unix:///x"] {
            assert!(matches!(plain.endpoint(url), Err(TlsError::BadUrl { .. })), "{url}");
        }
    }
}
