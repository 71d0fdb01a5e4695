//! Connections to standing services.

use multibeam_rt::endpoints::Endpoints;
use multibeam_rt::tls::{Credentials, PemFiles, Security};

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

/// Servers of which any will do; each is connected at its first use, and again whenever its
/// connection has ended.
///
/// # Errors
/// When an URL or the certificates cannot be used.
pub fn endpoints(urls: &[String], tls: &TlsArgs) -> Result<Endpoints, Exit> {
    let security = security(tls)?;
    let open = |url: &String| {
        let channel = security.channel(url).map_err(|error| fail(Exit::INPUT, &error))?;
        Ok((url.clone(), channel))
    };
    Ok(Endpoints::new(urls.iter().map(open).collect::<Result<Vec<_>, Exit>>()?))
}
