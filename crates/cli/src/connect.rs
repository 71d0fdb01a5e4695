//! Connections to standing services.

use std::error::Error;
use std::time::Duration;

use multibeam_proto::coordinator::v1::StatusRequest;
use multibeam_proto::coordinator::v1::coordinator_client::CoordinatorClient;
use multibeam_rt::backoff::is_of_another_name;
use multibeam_rt::endpoints::Endpoints;
use multibeam_rt::tls::{Credentials, PemFiles, Security};
use tonic::Status;

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
    endpoints_by(urls, &security(tls)?)
}

/// The same with certificates that were read before.
///
/// # Errors
/// When an URL cannot be used.
pub fn endpoints_by(urls: &[String], security: &Security) -> Result<Endpoints, Exit> {
    let open = |url: &String| {
        let channel = security.channel(url).map_err(|error| fail(Exit::INPUT, &error))?;
        Ok((url.clone(), channel))
    };
    Ok(Endpoints::new(urls.iter().map(open).collect::<Result<Vec<_>, Exit>>()?))
}

/// How long a coordinator that stands by is given to take office.
const OFFICE: Duration = Duration::from_secs(60);

/// How often it is asked.
const AGAIN: Duration = Duration::from_secs(1);

/// Several coordinators, of which the one in office is used. When none takes office, the next call
/// says why.
///
/// # Errors
/// When an URL or the certificates cannot be used, or nothing answers at any URL.
pub async fn coordinators(urls: &[String], tls: &TlsArgs) -> Result<Endpoints, Exit> {
    let endpoints = endpoints(urls, tls)?;
    match find_office(&endpoints, urls.len()).await {
        Err(status) if is_unanswered(&status) => {
            eprintln!("error: no coordinator at {}: {}", urls.join(", "), why(&status));
            eprintln!("  (hint: {})", hint(&status, tls.plaintext));
            Err(Exit::ENVIRONMENT)
        }
        _ => Ok(endpoints),
    }
}

/// What to do about a coordinator that does not answer.
fn hint(status: &Status, plaintext: bool) -> String {
    if is_of_another_name(status) {
        return "`multibeam pki issue coordinator --host NAME` makes a certificate with that name; --endpoint takes any name that the present one has".to_owned();
    }
    let speaks = if plaintext { "without TLS" } else { "TLS" };
    format!("is `multibeam coordinator` up there, and does it speak {speaks}?")
}

/// Whether a status was made here for want of a connection, and not sent by a server.
fn is_unanswered(status: &Status) -> bool {
    status.source().is_some()
}

/// The innermost reason is the one to act on; the others say that there was no connection.
fn why(status: &Status) -> String {
    let mut reason: &dyn Error = status;
    while let Some(cause) = reason.source() {
        reason = cause;
    }
    reason.to_string()
}

/// Looks for the coordinator in office. Without any that stands by each is tried `tries` times.
///
/// # Errors
/// What the last one answered, when none is in office.
pub async fn find_office(endpoints: &Endpoints, tries: usize) -> Result<(), Status> {
    let client = CoordinatorClient::new(endpoints.clone());
    let end = tokio::time::Instant::now() + OFFICE;
    let mut failures = 0;
    let mut waits = false;
    loop {
        // Nobody has this run: only the one in office says so.
        let asked = client.clone().status(StatusRequest { run: String::new() }).await;
        let Err(status) = asked else { return Ok(()) };
        if status.code() != tonic::Code::Unavailable {
            return Ok(());
        }
        waits |= status.metadata().contains_key(multibeam_proto::STANDBY);
        failures += 1;
        if failures >= tries {
            if !waits || tokio::time::Instant::now() >= end {
                return Err(status);
            }
            tokio::time::sleep(AGAIN).await;
        }
    }
}
