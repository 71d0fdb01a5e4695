//! A party's certificates: read, checked, and read again when their files change.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};
use rustls::client::ClientConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ServerConfig, WebPkiClientVerifier};
use rustls::{RootCertStore, sign};
use tokio::signal::unix::{SignalKind, signal};

use super::{PemFiles, TlsError};
use crate::identity::Identity;
use crate::tasks::Spawner;
use crate::{clock, limits};

/// HTTP/2, the only protocol that is spoken.
const ALPN: &[u8] = b"h2";

/// What one party needs for mutual TLS, read and checked; cheap to clone, and all clones are one.
///
/// New connections use what the files hold, at most [`limits::CERTIFICATE_INTERVAL`] later. Files
/// that do not fit together change nothing: the old certificates stay in use and an error is
/// logged, once. A server also cuts the connections whose peer it would no longer let in.
#[derive(Clone)]
pub struct Credentials(Arc<Shared>);

struct Shared {
    files: PemFiles,
    identity: Identity,
    /// How often new files came into use. Read without the lock by every connection.
    renewals: AtomicU64,
    state: Mutex<State>,
}

struct State {
    current: Arc<Loaded>,
    /// When the files were last looked at, on [`clock::now_us`].
    checked_us: u64,
    errors: u64,
    /// What was wrong the last time: the same is neither logged nor counted again.
    refused: Option<String>,
}

/// What the three files hold.
#[derive(PartialEq, Eq)]
struct Contents {
    authority: Vec<u8>,
    chain: Vec<u8>,
    key: Vec<u8>,
}

/// The settings made from them. Both are replaced as a whole and not through resolvers within
/// them: the sessions that a config remembers go with it, so that nobody resumes a session that
/// was begun with a certificate of an authority that is no longer trusted.
pub(super) struct Loaded {
    contents: Contents,
    pub(super) server: Arc<ServerConfig>,
    pub(super) client: Arc<ClientConfig>,
    clients: Arc<dyn ClientCertVerifier>,
    /// When the certificate ends, in seconds since 1970.
    not_after: Option<u64>,
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
        let _ = ring::default_provider().install_default();
        let (loaded, identity) = load(files, Contents::read(files)?)?;
        let state = State {
            current: Arc::new(loaded),
            checked_us: clock::now_us(),
            errors: 0,
            refused: None,
        };
        let (renewals, state) = (AtomicU64::new(0), Mutex::new(state));
        Ok(Self(Arc::new(Shared { files: files.clone(), identity, renewals, state })))
    }

    /// Who the certificate says its holder is. A renewed one cannot change that.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.0.identity
    }

    /// How often new files came into use.
    #[must_use]
    pub fn renewals(&self) -> u64 {
        self.0.renewals.load(Ordering::Acquire)
    }

    /// Looks at the files now. Says whether they have changed and are in use.
    ///
    /// # Errors
    /// The files do not fit together, or are of another holder; the old ones stay in use.
    pub fn renew(&self) -> Result<bool, TlsError> {
        let mut state = self.lock();
        let renewed = self.renew_locked(&mut state);
        match &renewed {
            Ok(_) => state.refused = None,
            Err(error) => {
                let text = explain(error);
                if state.refused.as_ref() != Some(&text) {
                    tracing::error!(error = text, "the new certificates are not used");
                    state.errors += 1;
                    state.refused = Some(text);
                }
            }
        }
        renewed
    }

    /// Looks at the files every [`limits::CERTIFICATE_INTERVAL`] and on SIGHUP. New connections
    /// do so anyway; with this an error is logged, and seen in the metrics, before they need it.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn keep_fresh(&self, spawner: &Spawner) {
        let this = self.clone();
        let drain = spawner.drain();
        spawner.spawn("certificates", async move {
            tokio::select! {
                () = this.refresh_forever() => {}
                () = drain.requested() => {}
            }
        });
    }

    async fn refresh_forever(&self) {
        let mut hangup = signal(SignalKind::hangup())
            .inspect_err(|error| tracing::warn!(%error, "SIGHUP renews no certificates"))
            .ok();
        let mut asked = async || match &mut hangup {
            Some(hangup) => hangup.recv().await.is_some(),
            None => std::future::pending().await,
        };
        loop {
            let _ = tokio::time::timeout(limits::CERTIFICATE_INTERVAL, asked()).await;
            // What is wrong was logged.
            let _ = self.renew();
        }
    }

    /// Registers `tls_certificate_not_after_timestamp_seconds`, `tls_renewals_total`, and
    /// `tls_renewal_errors_total`.
    pub fn register(&self, registry: &mut Registry) {
        registry.register_collector(Box::new(self.clone()));
    }

    /// What a new connection uses.
    pub(super) fn current(&self) -> Arc<Loaded> {
        let stale = {
            let interval = u64::try_from(limits::CERTIFICATE_INTERVAL.as_micros());
            let interval = interval.unwrap_or(u64::MAX);
            clock::now_us().saturating_sub(self.lock().checked_us) >= interval
        };
        if stale {
            // What is wrong was logged.
            let _ = self.renew();
        }
        Arc::clone(&self.lock().current)
    }

    /// Whether a client with this chain would be let in by what is in use now.
    pub(super) fn would_accept(&self, chain: &[CertificateDer<'_>]) -> bool {
        let clients = Arc::clone(&self.lock().current.clients);
        chain.split_first().is_some_and(|(own, intermediates)| {
            clients.verify_client_cert(own, intermediates, UnixTime::now()).is_ok()
        })
    }

    fn renew_locked(&self, state: &mut State) -> Result<bool, TlsError> {
        state.checked_us = clock::now_us();
        // Contents and not times are compared: a file may be replaced twice within one tick of
        // the file system's clock, or by an older one.
        let contents = Contents::read(&self.0.files)?;
        if contents == state.current.contents {
            return Ok(false);
        }
        let (loaded, found) = load(&self.0.files, contents)?;
        if found != self.0.identity {
            return Err(TlsError::OtherHolder { expected: self.0.identity.clone(), found });
        }
        tracing::info!(holder = %found, not_after = loaded.not_after, "certificates renewed");
        state.current = Arc::new(loaded);
        self.0.renewals.fetch_add(1, Ordering::AcqRel);
        Ok(true)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().expect("nothing that can panic runs under this lock")
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The key stays out of logs.
        f.debug_struct("Credentials").field("identity", &self.0.identity).finish_non_exhaustive()
    }
}

impl Collector for Credentials {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let (not_after, errors) = {
            let state = self.lock();
            (state.current.not_after, state.errors)
        };
        if let Some(not_after) = not_after {
            ConstGauge::new(not_after as f64).encode(encoder.encode_descriptor(
                "tls_certificate_not_after_timestamp",
                "When the certificate in use ends, since 1970",
                Some(&Unit::Seconds),
                MetricType::Gauge,
            )?)?;
        }
        for (name, help, count) in [
            ("tls_renewals", "Changed certificates that came into use", self.renewals()),
            ("tls_renewal_errors", "Changed certificates that could not be used", errors),
        ] {
            let descriptor = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            ConstCounter::new(count).encode(descriptor)?;
        }
        Ok(())
    }
}

impl Contents {
    fn read(files: &PemFiles) -> Result<Self, TlsError> {
        Ok(Self {
            authority: read(&files.authority)?,
            chain: read(&files.certificate)?,
            key: read(&files.key)?,
        })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let failed = |source| TlsError::Read { path: path.to_owned(), source };
    let (mut bytes, limit) = (Vec::new(), limits::CERTIFICATE_BYTES);
    let file = File::open(path).map_err(failed)?;
    file.take(limit + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > limit {
        return Err(TlsError::TooLarge { path: path.to_owned(), limit });
    }
    Ok(bytes)
}

/// Checks what the files hold and makes settings of it.
fn load(files: &PemFiles, contents: Contents) -> Result<(Loaded, Identity), TlsError> {
    let authority = certificates(&files.authority, &contents.authority)?;
    let chain = certificates(&files.certificate, &contents.chain)?;
    let not_valid = |source| TlsError::NotValid {
        path: files.certificate.clone(),
        authority: files.authority.clone(),
        source,
    };
    check_chain(&authority, &chain, UnixTime::now()).map_err(not_valid)?;
    let identity = Identity::from_certificate(&chain[0])
        .map_err(|source| TlsError::Identity { path: files.certificate.clone(), source })?;
    let key = check_key(files, &chain, &contents.key)?;
    let not_after = not_after(&authority, &chain);

    let setup = |source| TlsError::Setup {
        certificate: files.certificate.clone(),
        authority: files.authority.clone(),
        source,
    };
    let mut roots = RootCertStore::empty();
    for anchor in authority {
        roots.add(anchor).map_err(setup)?;
    }
    let (roots, provider) = (Arc::new(roots), Arc::new(ring::default_provider()));
    let clients =
        WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(&provider))
            .build()
            .map_err(|error| setup(rustls::Error::General(error.to_string())))?;
    let server =
        server_config(&clients, &provider, chain.clone(), key.clone_key()).map_err(setup)?;
    let client = client_config(&roots, &provider, chain, key).map_err(setup)?;
    let (server, client) = (Arc::new(server), Arc::new(client));
    Ok((Loaded { contents, server, client, clients, not_after }, identity))
}

fn server_config(
    clients: &Arc<dyn ClientCertVerifier>,
    provider: &Arc<CryptoProvider>,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(Arc::clone(clients))
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(config)
}

fn client_config(
    roots: &Arc<RootCertStore>,
    provider: &Arc<CryptoProvider>,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ClientConfig, rustls::Error> {
    let mut config = ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(Arc::clone(roots))
        .with_client_auth_cert(chain, key)?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(config)
}

fn certificates(path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .ok()
        .filter(|found| !found.is_empty())
        .ok_or_else(|| TlsError::Pem { path: path.to_owned(), expected: "certificate" })
}

fn check_chain(
    authority: &[CertificateDer<'_>],
    chain: &[CertificateDer<'_>],
    at: UnixTime,
) -> Result<(), webpki::Error> {
    let anchors =
        authority.iter().map(webpki::anchor_from_trusted_cert).collect::<Result<Vec<_>, _>>()?;
    let (own, intermediates) = chain.split_first().ok_or(webpki::Error::BadDer)?;
    // Every party is a client of another one; servers are checked by name in the handshake.
    webpki::EndEntityCert::try_from(own)?
        .verify_for_usage(
            webpki::ALL_VERIFICATION_ALGS,
            &anchors,
            intermediates,
            at,
            webpki::KeyUsage::client_auth(),
            None,
            None,
        )
        .map(|_| ())
}

/// When the chain ends. The library tells it only of one that has ended, so it is asked for a day
/// long after.
fn not_after(authority: &[CertificateDer<'_>], chain: &[CertificateDer<'_>]) -> Option<u64> {
    let late = UnixTime::since_unix_epoch(std::time::Duration::from_secs(u32::MAX.into()) * 64);
    match check_chain(authority, chain, late) {
        Err(webpki::Error::CertExpired { not_after, .. }) => Some(not_after.as_secs()),
        _ => None,
    }
}

fn check_key(
    files: &PemFiles,
    chain: &[CertificateDer<'static>],
    pem: &[u8],
) -> Result<PrivateKeyDer<'static>, TlsError> {
    let key = PrivateKeyDer::from_pem_slice(pem)
        .map_err(|_| TlsError::Pem { path: files.key.clone(), expected: "private key" })?;
    let provider = ring::default_provider();
    match sign::CertifiedKey::from_der(chain.to_vec(), key.clone_key(), &provider) {
        Ok(_) => Ok(key),
        Err(source) => Err(TlsError::KeyMismatch {
            key: files.key.clone(),
            certificate: files.certificate.clone(),
            source,
        }),
    }
}

/// An error with everything that led to it.
fn explain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
