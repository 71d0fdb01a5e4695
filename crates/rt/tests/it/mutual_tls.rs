//! Certificates: who gets in, who does not, and what a mistake looks like.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use crate::echo::Echo;
use multibeam_proto::aggregator::v1 as wire;
use multibeam_proto::aggregator::v1::ledger_client::LedgerClient;
use multibeam_rt::access::{Peer, RequireRole};
use multibeam_rt::backoff::{Recover, Recovery};
use multibeam_rt::identity::{Identity, Role};
use multibeam_rt::pki::{self, PkiError};
use multibeam_rt::tasks::TaskGroup;
use multibeam_rt::tls::{Credentials, PemFiles, Security, TlsError};
use tokio::net::TcpListener;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Code, Status};

const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

fn identity(role: Role, name: &str) -> Identity {
    Identity { role, name: name.to_owned() }
}

fn issue(dir: &Path, role: Role, name: &str) -> Security {
    let files = pki::issue(dir, &identity(role, name), &["localhost".to_owned()], YEAR).unwrap();
    Security::MutualTls(Credentials::read(&files).unwrap())
}

fn serve(group: &TaskGroup, echo: &Echo, security: &Security) -> SocketAddr {
    let plaintext = matches!(security, Security::Plaintext);
    serve_with(group, echo, security, crate::echo::rules().accept_plaintext(plaintext))
}

fn serve_with(
    group: &TaskGroup,
    echo: &Echo,
    security: &Security,
    rules: RequireRole,
) -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let listener = TcpListener::from_std(listener).unwrap();
    let address = listener.local_addr().unwrap();
    security.check_listen(address).unwrap();
    let server = security
        .server()
        .layer(rules)
        .add_service(echo.server())
        .serve_with_incoming(security.incoming(listener));
    group.spawner().spawn("server", async move { server.await.unwrap() });
    address
}

async fn report(channel: Channel) -> Result<(), Status> {
    let mut client: LedgerClient<Channel> = LedgerClient::new(channel);
    client.report(wire::ReportRequest::default()).await?;
    Ok(())
}

fn url(address: SocketAddr) -> String {
    format!("https://localhost:{}", address.port())
}

#[tokio::test]
async fn the_right_role_is_let_in_and_named() {
    let dir = tempfile::tempdir().unwrap();
    pki::make_ca(dir.path(), YEAR).unwrap();
    let (group, echo) = (TaskGroup::new(), Echo::default());
    let address = serve(&group, &echo, &issue(dir.path(), Role::Aggregator, "a1"));

    let worker = issue(dir.path(), Role::Worker, "blue / 1");
    report(worker.channel(&url(address)).unwrap()).await.unwrap();
    let callers = echo.callers.lock().unwrap();
    assert_eq!(*callers, [Peer::Certified(identity(Role::Worker, "blue / 1"))]);
    assert!(callers[0].may_serve("blue / 1"));
    assert!(!callers[0].may_serve("red"));
}

#[tokio::test]
async fn the_wrong_role_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    pki::make_ca(dir.path(), YEAR).unwrap();
    let (group, echo) = (TaskGroup::new(), Echo::default());
    let address = serve(&group, &echo, &issue(dir.path(), Role::Aggregator, "a1"));
    for role in [Role::Coordinator, Role::Aggregator, Role::User] {
        let caller = issue(dir.path(), role, "other");
        let status = report(caller.channel(&url(address)).unwrap()).await.unwrap_err();
        assert_eq!(status.code(), Code::PermissionDenied, "{role}");
        assert_eq!(status.recovery(), Recovery::GiveUp);
    }
    assert!(echo.callers.lock().unwrap().is_empty());
}

#[tokio::test]
async fn without_a_certificate_of_the_authority_nobody_gets_in() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    pki::make_ca(dir.path(), YEAR).unwrap();
    pki::make_ca(other.path(), YEAR).unwrap();
    let (group, echo) = (TaskGroup::new(), Echo::default());
    let address = serve(&group, &echo, &issue(dir.path(), Role::Aggregator, "a1"));

    let authority = std::fs::read(dir.path().join(pki::AUTHORITY_CERTIFICATE)).unwrap();
    let bare = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authority));
    let bare = Endpoint::from_shared(url(address)).unwrap().tls_config(bare).unwrap();
    assert!(report(bare.connect_lazy()).await.is_err());

    let plain = Security::Plaintext.channel(&format!("http://{address}")).unwrap();
    assert!(report(plain).await.is_err());

    // The client notices first that the server is not of its authority.
    let stranger = issue(other.path(), Role::Worker, "blue");
    let status = report(stranger.channel(&url(address)).unwrap()).await.unwrap_err();
    assert_eq!(status.recovery(), Recovery::GiveUp, "{status:?}");

    // A stranger that trusts the server is refused by it.
    let stranger = PemFiles {
        authority: dir.path().join(pki::AUTHORITY_CERTIFICATE),
        certificate: other.path().join("worker-blue.pem"),
        key: other.path().join("worker-blue.key"),
    };
    let error = Credentials::read(&stranger).unwrap_err();
    assert!(error.to_string().contains("another authority issued it"));
    let tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(std::fs::read(&stranger.authority).unwrap()))
        .identity(tonic::transport::Identity::from_pem(
            std::fs::read(&stranger.certificate).unwrap(),
            std::fs::read(&stranger.key).unwrap(),
        ));
    let endpoint = Endpoint::from_shared(url(address)).unwrap();
    assert!(report(endpoint.tls_config(tls).unwrap().connect_lazy()).await.is_err());
    assert!(echo.callers.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_server_is_held_to_its_name() {
    let dir = tempfile::tempdir().unwrap();
    pki::make_ca(dir.path(), YEAR).unwrap();
    let (group, echo) = (TaskGroup::new(), Echo::default());
    let address = serve(&group, &echo, &issue(dir.path(), Role::Aggregator, "a1"));
    let worker = issue(dir.path(), Role::Worker, "blue");
    // Issued for `localhost`, not for the address.
    let endpoint = worker.channel(&format!("https://{address}")).unwrap();
    let status = report(endpoint).await.unwrap_err();
    assert_eq!(status.recovery(), Recovery::GiveUp, "{status:?}");
}

#[tokio::test]
async fn an_expired_certificate_is_named_at_the_start_and_refused_by_servers() {
    let dir = tempfile::tempdir().unwrap();
    pki::make_ca(dir.path(), YEAR).unwrap();
    let (group, echo) = (TaskGroup::new(), Echo::default());
    let address = serve(&group, &echo, &issue(dir.path(), Role::Aggregator, "a1"));

    let files = issue_expired(dir.path());
    let error = Credentials::read(&files).unwrap_err();
    assert!(error.to_string().contains("it has expired"), "{error}");
    let tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(std::fs::read(&files.authority).unwrap()))
        .identity(tonic::transport::Identity::from_pem(
            std::fs::read(&files.certificate).unwrap(),
            std::fs::read(&files.key).unwrap(),
        ));
    let endpoint = Endpoint::from_shared(url(address)).unwrap();
    assert!(report(endpoint.tls_config(tls).unwrap().connect_lazy()).await.is_err());
    assert!(echo.callers.lock().unwrap().is_empty());
}

/// A worker's certificate of the authority in `dir` that was valid for one day, long ago.
fn issue_expired(dir: &Path) -> PemFiles {
    use rcgen::{CertificateParams, DnType, Issuer, KeyPair, SanType, date_time_ymd};
    let mut authority = CertificateParams::default();
    authority.distinguished_name = rcgen::DistinguishedName::new();
    authority.distinguished_name.push(DnType::CommonName, "multibeam authority");
    let key = std::fs::read_to_string(dir.join(pki::AUTHORITY_KEY)).unwrap();
    let authority = Issuer::new(authority, KeyPair::from_pem(&key).unwrap());
    let mut params = CertificateParams::default();
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2020, 1, 2);
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    let uri = identity(Role::Worker, "old").to_uri();
    params.subject_alt_names = vec![SanType::URI(uri.try_into().unwrap())];
    let key = KeyPair::generate().unwrap();
    let files = PemFiles {
        authority: dir.join(pki::AUTHORITY_CERTIFICATE),
        certificate: dir.join("old.pem"),
        key: dir.join("old.key"),
    };
    let certificate = params.signed_by(&key, &authority).unwrap();
    std::fs::write(&files.certificate, certificate.pem()).unwrap();
    std::fs::write(&files.key, key.serialize_pem()).unwrap();
    files
}

#[tokio::test]
async fn plain_text_works_only_where_it_was_asked_for() {
    let (group, echo) = (TaskGroup::new(), Echo::default());
    let address = serve(&group, &echo, &Security::Plaintext);
    let endpoint = Security::Plaintext.channel(&format!("http://{address}")).unwrap();
    report(endpoint.clone()).await.unwrap();
    assert_eq!(*echo.callers.lock().unwrap(), [Peer::Plaintext]);

    let address = serve_with(&group, &echo, &Security::Plaintext, crate::echo::rules());
    let channel = Security::Plaintext.channel(&format!("http://{address}")).unwrap();
    let status = report(channel).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
}

#[test]
fn keys_are_private_and_nothing_is_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    pki::make_ca(dir.path(), YEAR).unwrap();
    issue(dir.path(), Role::User, "ann");
    for key in ["ca.key", "user-ann.key"] {
        let mode = dir.path().join(key).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{key}");
    }
    let before = std::fs::read(dir.path().join("ca.key")).unwrap();
    assert!(matches!(pki::make_ca(dir.path(), YEAR), Err(PkiError::Exists { .. })));
    assert!(matches!(
        pki::issue(dir.path(), &identity(Role::User, "ann"), &[], YEAR),
        Err(PkiError::Exists { .. })
    ));
    assert_eq!(std::fs::read(dir.path().join("ca.key")).unwrap(), before);
}

#[test]
fn mistakes_in_the_files_are_named() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    pki::make_ca(dir.path(), YEAR).unwrap();
    pki::make_ca(other.path(), YEAR).unwrap();
    let ann = pki::issue(dir.path(), &identity(Role::User, "ann"), &[], YEAR).unwrap();
    let bob = pki::issue(dir.path(), &identity(Role::User, "bob"), &[], YEAR).unwrap();

    let files = PemFiles { key: bob.key.clone(), ..ann.clone() };
    assert!(matches!(Credentials::read(&files), Err(TlsError::KeyMismatch { .. })));
    let files = PemFiles { certificate: ann.key.clone(), ..ann.clone() };
    let error = Credentials::read(&files).unwrap_err();
    assert!(error.to_string().contains("holds no certificate"));
    let files = PemFiles { key: dir.path().join("none.key"), ..ann.clone() };
    let error = Credentials::read(&files).unwrap_err();
    assert!(error.to_string().contains("none.key"));
    // An authority's certificate names no holder.
    let files =
        PemFiles { certificate: ann.authority.clone(), key: dir.path().join("ca.key"), ..ann };
    assert!(Credentials::read(&files).is_err());

    // The key of another authority gives certificates that are worth nothing.
    std::fs::copy(other.path().join("ca.key"), dir.path().join("ca.key")).unwrap();
    let error = pki::issue(dir.path(), &identity(Role::User, "eve"), &[], YEAR).unwrap_err();
    assert!(matches!(error, PkiError::Unusable(_)), "{error:?}");
    assert!(!dir.path().join("user-eve.pem").exists());
}
