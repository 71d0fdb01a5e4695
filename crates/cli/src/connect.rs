//! Connections to standing services.

use multibeam_rt::tls::{Credentials, PemFiles, Security};
use tonic::transport::Channel;

use crate::args::TlsArgs;
use crate::commands::fail;
use crate::exit::Exit;

/// How to speak with other services.
///
/// # Errors
/// When certificates are missing or cannot be used.
pub fn security(tls: &TlsArgs) -> Result<Security, Exit> {
    if tls.plaintext {
        return Ok(Security::Plaintext);
    }
    let (Some(authority), Some(certificate), Some(key)) = (&tls.ca, &tls.cert, &tls.key) else {
        eprintln!("error: expected --ca, --cert, and --key");
        eprintln!(
            "  (hint: `multibeam pki` makes them; --plaintext does without, on loopback only)"
        );
        return Err(Exit::INPUT);
    };
    let files = PemFiles {
        authority: authority.clone(),
        certificate: certificate.clone(),
        key: key.clone(),
    };
    Credentials::read(&files).map(Security::MutualTls).map_err(|error| fail(Exit::INPUT, &error))
}

/// A channel that connects at its first use, and again whenever its connection has ended.
///
/// # Errors
/// When the URL or the certificates cannot be used.
pub fn channel(url: &str, tls: &TlsArgs) -> Result<Channel, Exit> {
    security(tls)?.channel(url).map_err(|error| fail(Exit::INPUT, &error))
}
