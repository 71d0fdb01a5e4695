//! A small certificate authority: enough for mutual TLS between the services of one installation.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType, date_time_ymd,
};

use crate::identity::{Identity, encode};
use crate::tls::{Credentials, PemFiles, TlsError};

/// The file of the authority's certificate in its directory.
pub const AUTHORITY_CERTIFICATE: &str = "ca.pem";
/// The file of the authority's key in its directory.
pub const AUTHORITY_KEY: &str = "ca.key";

/// The name of every authority made here. Authorities are told apart by their keys.
const AUTHORITY_NAME: &str = "multibeam authority";

/// Certificates begin to be valid this much before they are made, for clocks that go behind.
const BACKDATED: Duration = Duration::from_secs(3600);

/// A certificate cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// A file is in the way.
    #[error("{path} exists and is never overwritten (hint: move it away, or use it)")]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// A file cannot be read or written.
    #[error("cannot {action} {path}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The library cannot make it: a name that is no DNS name, a damaged key.
    #[error("cannot make the certificate (hint: are all host names plain DNS names?)")]
    Generate(#[from] rcgen::Error),
    /// What was made does not work, so nothing was written.
    #[error("the new certificate does not work (hint: do ca.pem and ca.key belong together?)")]
    Unusable(#[source] TlsError),
}

/// Makes an authority in `dir` (made if missing), valid for `valid` from now.
///
/// # Errors
/// There is one already, or the file system refuses.
pub fn make_ca(dir: &Path, valid: Duration) -> Result<(), PkiError> {
    let (certificate_path, key_path) = (dir.join(AUTHORITY_CERTIFICATE), dir.join(AUTHORITY_KEY));
    refuse_existing(&[&certificate_path, &key_path])?;
    fs::create_dir_all(dir).map_err(io_error("create", dir))?;
    let key = KeyPair::generate()?;
    let certificate = authority_params(valid).self_signed(&key)?;
    write_new(&key_path, key.serialize_pem().as_bytes(), 0o600)?;
    write_new(&certificate_path, certificate.pem().as_bytes(), 0o644)
}

/// Issues a certificate for `identity` by the authority in `dir`, valid for `valid` from now, and
/// writes it there as `<role>-<name>.pem` and `.key`. `hosts` are the DNS names and IP addresses
/// under which a server is reached; empty for those that are only clients.
///
/// # Errors
/// There is no authority, the files exist already, or a host is no DNS name.
pub fn issue(
    dir: &Path,
    identity: &Identity,
    hosts: &[String],
    valid: Duration,
) -> Result<PemFiles, PkiError> {
    let stem = format!("{}-{}", identity.role, encode(&identity.name));
    let files = PemFiles {
        authority: dir.join(AUTHORITY_CERTIFICATE),
        certificate: dir.join(format!("{stem}.pem")),
        key: dir.join(format!("{stem}.key")),
    };
    refuse_existing(&[&files.certificate, &files.key])?;
    let authority_key = dir.join(AUTHORITY_KEY);
    let authority_key =
        fs::read_to_string(&authority_key).map_err(io_error("read", &authority_key))?;
    let authority_key = KeyPair::from_pem(&authority_key)?;
    // Only the name and the key of the authority go into what it issues.
    let authority = Issuer::new(authority_params(valid), authority_key);

    let key = KeyPair::generate()?;
    let certificate = holder_params(identity, hosts, valid)?.signed_by(&key, &authority)?;
    write_new(&files.key, key.serialize_pem().as_bytes(), 0o600)?;
    write_new(&files.certificate, certificate.pem().as_bytes(), 0o644)?;
    if let Err(error) = Credentials::read(&files) {
        for path in [&files.key, &files.certificate] {
            fs::remove_file(path).map_err(io_error("remove", path))?;
        }
        return Err(PkiError::Unusable(error));
    }
    Ok(files)
}

fn authority_params(valid: Duration) -> CertificateParams {
    let mut params = params(valid, AUTHORITY_NAME);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn holder_params(
    identity: &Identity,
    hosts: &[String],
    valid: Duration,
) -> Result<CertificateParams, PkiError> {
    let mut params = params(valid, &identity.to_string());
    params.subject_alt_names = CertificateParams::new(hosts)?.subject_alt_names;
    let uri = identity.to_uri();
    params.subject_alt_names.push(SanType::URI(uri.try_into()?));
    params.is_ca = IsCa::ExplicitNoCa;
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
    Ok(params)
}

fn params(valid: Duration, common_name: &str) -> CertificateParams {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let epoch = date_time_ymd(1970, 1, 1);
    let mut params = CertificateParams::default();
    params.not_before = epoch + now.saturating_sub(BACKDATED);
    params.not_after = epoch + (now + valid);
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params
}

fn refuse_existing(paths: &[&Path]) -> Result<(), PkiError> {
    match paths.iter().find(|path| path.symlink_metadata().is_ok()) {
        Some(path) => Err(PkiError::Exists { path: path.to_path_buf() }),
        None => Ok(()),
    }
}

fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<(), PkiError> {
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => PkiError::Exists { path: path.to_owned() },
        _ => io_error("write", path)(source),
    })
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> PkiError {
    let path = path.to_owned();
    move |source| PkiError::Io { action, path, source }
}
