//! Certificates are replaced while their holders run.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::echo::Echo;
use multibeam_proto::aggregator::v1 as wire;
use multibeam_proto::aggregator::v1::ledger_client::LedgerClient;
use multibeam_rt::identity::{Identity, Role};
use multibeam_rt::metrics::Metrics;
use multibeam_rt::tasks::TaskGroup;
use multibeam_rt::tls::{Credentials, PemFiles, Security, TlsError};
use multibeam_rt::{limits, pki};
use tokio::net::TcpListener;
use tonic::Status;
use tonic::transport::Channel;

const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// Two authorities, and the directory whose files a party uses.
struct Place {
    _dir: tempfile::TempDir,
    old: PathBuf,
    new: PathBuf,
    live: PathBuf,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let [old, new, live] = ["old", "new", "live"].map(|name| dir.path().join(name));
        pki::make_ca(&old, YEAR).unwrap();
        pki::make_ca(&new, YEAR).unwrap();
        fs::create_dir(&live).unwrap();
        Self { _dir: dir, old, new, live }
    }

    /// The files of a party, as it uses them.
    fn files(&self, party: &str) -> PemFiles {
        let file = |kind| self.live.join(format!("{party}.{kind}"));
        PemFiles { authority: file("ca"), certificate: file("pem"), key: file("key") }
    }

    /// Gives a party a new certificate of `authority`.
    fn issue(&self, party: &str, authority: &Path, role: Role, name: &str) {
        let identity = Identity { role, name: name.to_owned() };
        for leftover in ["pem", "key"] {
            let _ = fs::remove_file(authority.join(format!("{role}-{name}.{leftover}")));
        }
        let hosts = ["localhost".to_owned()];
        let made = pki::issue(authority, &identity, &hosts, YEAR).unwrap();
        let files = self.files(party);
        fs::copy(made.certificate, files.certificate).unwrap();
        fs::copy(made.key, files.key).unwrap();
    }

    /// Makes a party trust these authorities.
    fn trust(&self, party: &str, authorities: &[&Path]) {
        let read = |dir: &&Path| fs::read_to_string(dir.join(pki::AUTHORITY_CERTIFICATE)).unwrap();
        let bundle: String = authorities.iter().map(read).collect();
        fs::write(self.files(party).authority, bundle).unwrap();
    }

    fn credentials(&self, party: &str) -> Credentials {
        Credentials::read(&self.files(party)).unwrap()
    }
}

async fn serve(group: &TaskGroup, credentials: &Credentials) -> SocketAddr {
    let security = Security::MutualTls(credentials.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = security
        .server()
        .layer(crate::echo::rules())
        .add_service(Echo::default().server())
        .serve_with_incoming(security.incoming(listener));
    group.spawner().spawn("server", async move { server.await.unwrap() });
    address
}

/// A client whose first call makes a new connection.
fn connect(credentials: &Credentials, address: SocketAddr) -> LedgerClient<Channel> {
    let security = Security::MutualTls(credentials.clone());
    let url = format!("https://localhost:{}", address.port());
    LedgerClient::new(security.channel(&url).unwrap())
}

async fn report(client: &mut LedgerClient<Channel>) -> Result<(), Status> {
    client.report(wire::ReportRequest::default()).await.map(|_| ())
}

#[tokio::test]
async fn an_authority_is_replaced_without_a_restart() {
    let place = Place::new();
    let (old, new) = (place.old.as_path(), place.new.as_path());
    place.issue("server", old, Role::Aggregator, "a");
    place.issue("early", old, Role::Worker, "blue");
    place.issue("late", old, Role::Worker, "blue");
    for party in ["server", "early", "late"] {
        place.trust(party, &[old]);
    }
    let [server, early, late] = ["server", "early", "late"].map(|party| place.credentials(party));
    let group = TaskGroup::new();
    let address = serve(&group, &server).await;
    let mut standing = connect(&late, address);
    report(&mut standing).await.unwrap();

    // First, everybody trusts both.
    for (party, credentials) in [("server", &server), ("early", &early), ("late", &late)] {
        place.trust(party, &[old, new]);
        assert!(credentials.renew().unwrap());
    }
    report(&mut connect(&late, address)).await.unwrap();
    // Then certificates are replaced one by one, servers and clients in any order.
    place.issue("early", new, Role::Worker, "blue");
    assert!(early.renew().unwrap());
    report(&mut connect(&early, address)).await.unwrap();
    place.issue("server", new, Role::Aggregator, "a");
    assert!(server.renew().unwrap());
    for credentials in [&early, &late] {
        report(&mut connect(credentials, address)).await.unwrap();
    }
    // At last the old authority goes.
    let mut trusted = connect(&early, address);
    report(&mut trusted).await.unwrap();
    place.trust("server", &[new]);
    assert!(server.renew().unwrap());
    report(&mut connect(&early, address)).await.unwrap();
    // Its client is refused, although it remembers a session of this server and tries to resume
    // it, and what it had connected before is cut.
    report(&mut connect(&late, address)).await.unwrap_err();
    report(&mut standing).await.unwrap_err();
    report(&mut trusted).await.unwrap();
    assert_eq!((server.renewals(), early.renewals(), late.renewals()), (3, 2, 1));
}

#[tokio::test]
async fn what_does_not_fit_together_changes_nothing_until_it_does() {
    let place = Place::new();
    let (old, new) = (place.old.as_path(), place.new.as_path());
    for (party, role) in [("server", Role::Aggregator), ("client", Role::Worker)] {
        place.issue(party, old, role, "a");
        place.trust(party, &[old]);
    }
    let (server, client) = (place.credentials("server"), place.credentials("client"));
    let metrics = Metrics::new("multibeam-test", "1.2.3");
    metrics.register(|registry| server.register(registry));
    let counts = || {
        let samples = crate::openmetrics::parse(&metrics.encode());
        assert!(samples["multibeam_tls_certificate_not_after_timestamp_seconds"] > 1.7e9);
        ["renewals", "renewal_errors"].map(|what| samples[&format!("multibeam_tls_{what}_total")])
    };
    let group = TaskGroup::new();
    let address = serve(&group, &server).await;
    let files = place.files("server");
    let good = fs::read(&files.key).unwrap();

    fs::write(&files.key, "half a k").unwrap();
    for _ in 0..3 {
        assert!(matches!(server.renew(), Err(TlsError::Pem { .. })));
        report(&mut connect(&client, address)).await.unwrap();
    }
    assert_eq!(counts(), [0.0, 1.0], "one mistake is told once");
    fs::remove_file(&files.key).unwrap();
    assert!(matches!(server.renew(), Err(TlsError::Read { .. })));
    // A certificate of an authority that is not trusted, with its own key.
    place.issue("server", new, Role::Aggregator, "a");
    assert!(matches!(server.renew(), Err(TlsError::NotValid { .. })));
    // One of somebody else.
    place.issue("server", old, Role::Aggregator, "b");
    let error = server.renew().unwrap_err();
    assert!(matches!(error, TlsError::OtherHolder { .. }));
    assert!(error.to_string().contains("now that of aggregator b, expected aggregator a"));
    report(&mut connect(&client, address)).await.unwrap();
    assert_eq!(counts(), [0.0, 4.0]);

    // The certificate is there before its key.
    place.issue("server", old, Role::Aggregator, "a");
    let key = fs::read(&files.key).unwrap();
    fs::write(&files.key, good).unwrap();
    assert!(matches!(server.renew(), Err(TlsError::KeyMismatch { .. })));
    fs::write(&files.key, key).unwrap();
    assert!(server.renew().unwrap());
    assert!(!server.renew().unwrap(), "nothing has changed since");
    report(&mut connect(&client, address)).await.unwrap();
    assert_eq!(counts(), [1.0, 5.0]);
}

#[tokio::test(start_paused = true)]
async fn changed_files_are_noticed_by_themselves() {
    let place = Place::new();
    let old = place.old.as_path();
    place.issue("server", old, Role::Aggregator, "a");
    place.trust("server", &[old]);
    let server = place.credentials("server");
    let group = TaskGroup::new();
    server.keep_fresh(&group.spawner());
    tokio::time::sleep(limits::CERTIFICATE_INTERVAL * 2).await;
    assert_eq!(server.renewals(), 0);
    place.issue("server", old, Role::Aggregator, "a");
    tokio::time::sleep(limits::CERTIFICATE_INTERVAL * 2).await;
    assert_eq!(server.renewals(), 1);
    assert_eq!(group.shutdown(limits::DRAIN_GRACE).await, Ok(Vec::new()));
}

#[test]
fn a_file_that_is_no_certificate_is_not_read_to_its_end() {
    let place = Place::new();
    let old = place.old.as_path();
    place.issue("server", old, Role::Aggregator, "a");
    place.trust("server", &[old]);
    let files = PemFiles { key: "/dev/zero".into(), ..place.files("server") };
    assert!(matches!(Credentials::read(&files), Err(TlsError::TooLarge { .. })));
}
