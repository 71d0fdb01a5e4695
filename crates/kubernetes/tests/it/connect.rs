//! Connecting to an API server, and every way that fails.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::stand_in::{Entrance, Options, Reply, StandIn, patient, refused};
use multibeam_kubernetes::{Cluster, ClusterError, Obstacle, Readiness, Timeouts};
use serde_json::json;

const TOKEN: &str = "{token: sesame-open}";

fn obstacle(error: &ClusterError) -> &Obstacle {
    match error {
        ClusterError::Unreachable { obstacle, .. } => obstacle,
        other => panic!("not unreachable: {other}"),
    }
}

#[tokio::test]
async fn a_cluster_tells_who_it_is() {
    let server = StandIn::start().await;
    let cluster = Cluster::connect(&server.access(TOKEN), patient()).await.unwrap();
    let identity = cluster.identify().await.unwrap();
    assert_eq!(identity.uid, "uid-of-kube-system");
    assert_eq!(identity.git_version, "v1.36.2");
    assert_eq!(identity.platform, "linux/amd64");
    assert_eq!(identity.minor(), Some((1, 36)));
    assert!(
        server
            .log()
            .iter()
            .all(|asked| asked.authorization.as_deref() == Some("Bearer sesame-open"))
    );
    assert!(!format!("{cluster:?}").contains("sesame"));
}

#[tokio::test]
async fn one_cluster_under_two_names_has_one_uid() {
    let server = StandIn::start().await;
    let by_address = Cluster::connect(&server.access(TOKEN), patient()).await.unwrap();
    let name = format!("https://localhost:{}", server.address.port());
    let by_name = Cluster::connect(&server.access_to(&name, TOKEN), patient()).await.unwrap();
    assert_ne!(by_address.server(), by_name.server());
    assert_eq!(by_address.identify().await.unwrap().uid, by_name.identify().await.unwrap().uid);
}

#[tokio::test]
async fn a_refused_token_says_so() {
    let server = StandIn::start().await;
    server.on(|_, _| Some(Reply::failure(401, "Unauthorized", "Unauthorized")));
    let error = refused(&server.access(TOKEN), patient()).await;
    assert!(matches!(error, ClusterError::Unauthorized { .. }), "{error}");
    assert!(!error.is_transient());
}

#[tokio::test]
async fn a_forbidden_namespace_says_what_is_not_allowed() {
    let server = StandIn::start().await;
    server.on(|_, _| {
        Some(Reply::failure(403, "Forbidden", "namespaces \"kube-system\" is forbidden"))
    });
    let error = refused(&server.access(TOKEN), patient()).await;
    let text = error.to_string();
    assert!(
        matches!(error, ClusterError::Forbidden { .. }) && text.contains("read the namespace"),
        "{text}"
    );
}

#[tokio::test]
async fn an_expired_certificate_is_told_from_a_wrong_one() {
    let server = StandIn::start().await;
    server.on(|_, _| Some(Reply::failure(401, "Unauthorized", "Unauthorized")));
    let error = refused(&server.access_with_certificate(2020), patient()).await;
    assert!(error.to_string().contains("expired at 2020-06-07T00:00:00Z"), "{error}");
    let error = refused(&server.access_with_certificate(2090), patient()).await;
    assert!(matches!(error, ClusterError::Unauthorized { .. }), "{error}");
}

#[tokio::test]
async fn an_expired_certificate_refused_in_the_handshake_is_explained_too() {
    let server = StandIn::start_with(Options { verify_clients: true, ..Options::default() }).await;
    Cluster::connect(&server.access_with_certificate(2090), patient()).await.unwrap();
    let error = refused(&server.access_with_certificate(2020), patient()).await;
    assert!(matches!(error, ClusterError::ExpiredCertificate { .. }), "{error}");
    let error = refused(&server.access(TOKEN), patient()).await;
    assert!(matches!(error, ClusterError::Unauthorized { .. }), "{error}");
}

/// A user with an exec plugin that runs `script`. The shell reads it as data: a file that is
/// executed must not be open for writing anywhere, and another test may just be forking.
fn plugin(server: &StandIn, script: &str) -> String {
    let path = server.dir.path().join("login");
    std::fs::write(&path, script).unwrap();
    format!(
        "{{exec: {{apiVersion: client.authentication.k8s.io/v1, command: /bin/sh, interactiveMode: IfAvailable, \
         args: ['{}', get-token, --secret=sesame-in-argument], env: [{{name: PASS, value: sesame-in-environment}}]}}}}",
        path.display()
    )
}

#[tokio::test]
async fn an_exec_plugin_gives_the_token() {
    let server = StandIn::start().await;
    let script = r#"[ "$1" = get-token ] && [ "$PASS" = sesame-in-environment ] || exit 1
cat <<C
{"kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1", "status": {"token": "from-plugin"}}
C"#;
    let access = server.access(&plugin(&server, script));
    Cluster::connect(&access, patient()).await.unwrap();
    assert!(
        server
            .log()
            .iter()
            .all(|asked| asked.authorization.as_deref() == Some("Bearer from-plugin"))
    );
}

#[tokio::test]
async fn a_failing_exec_plugin_is_quoted_without_secrets() {
    let server = StandIn::start().await;
    let script = r#"echo '{"status": {"token": "sesame-on-stdout"}}'
echo "session for $PASS expired ($2), eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJtZSJ9.c2ln is stale: run login" >&2; exit 3"#;
    let error = refused(&server.access(&plugin(&server, script)), patient()).await;
    let text = error.to_string();
    assert!(matches!(error, ClusterError::ExecPlugin { .. }), "{text}");
    assert!(
        text.contains("the exec plugin `/bin/sh` of the kubeconfig failed (exit status: 3)"),
        "{text}"
    );
    assert!(text.contains("is stale: run login"), "{text}");
    assert!(server.log().is_empty());
}

fn soon() -> String {
    (jiff::Timestamp::now() + jiff::SignedDuration::from_secs(30)).to_string()
}

#[tokio::test]
async fn a_token_that_runs_out_is_fetched_again_and_a_failure_then_is_explained() {
    let server = StandIn::start().await;
    let script = format!(
        r#"echo "{{'status': {{'token': '$(date +%N)', 'expirationTimestamp': '{}'}}}}""#,
        soon()
    );
    let access = server.access(&plugin(&server, &script));
    let cluster = Cluster::connect(&access, patient()).await.unwrap();
    let tokens: BTreeSet<_> = server.log().into_iter().map(|asked| asked.authorization).collect();
    assert_eq!(tokens.len(), 2, "one for each request: {tokens:?}");

    plugin(&server, "echo 'your session has ended' >&2; exit 1");
    let error = cluster.identify().await.unwrap_err();
    assert!(matches!(error, ClusterError::ExecPlugin { .. }), "{error}");
    assert!(error.to_string().contains("your session has ended"), "{error}");
    let denied = cluster.ready(Duration::from_secs(30)).await;
    assert!(matches!(denied, Readiness::Denied { .. }), "{denied:?}");
}

#[tokio::test]
async fn a_certificate_from_an_exec_plugin_is_fetched_again_before_it_runs_out() {
    let options = Options { verify_clients: true, ..Options::default() };
    let server = StandIn::start_with(options).await;
    let (certificate, key) = server.client_certificate(2090);
    let credential = json!({"status": {"clientCertificateData": certificate, "clientKeyData": key,
        "expirationTimestamp": soon()}});
    std::fs::write(server.dir.path().join("credential"), credential.to_string()).unwrap();
    let script = "cd \"$(dirname \"$0\")\" && echo x >>calls && cat credential";
    let access = server.access(&plugin(&server, script));
    let cluster = Cluster::connect(&access, patient()).await.unwrap();
    cluster.identify().await.unwrap();
    let calls = std::fs::read_to_string(server.dir.path().join("calls")).unwrap();
    assert!(calls.lines().count() > 1, "the plugin ran once only");
}

#[tokio::test]
async fn odd_exec_plugins_are_named() {
    let server = StandIn::start().await;
    let error = refused(&server.access(&plugin(&server, "echo sesame [")), patient()).await;
    assert!(error.to_string().contains("printed no ExecCredential"), "{error}");

    let access = server.access(&plugin(&server, "exit 0").replace("/bin/sh", "./gone"));
    let error = refused(&access, patient()).await;
    assert!(error.to_string().contains("cannot be started"), "{error}");

    let short = Timeouts { exec_plugin: Duration::from_millis(200), ..patient() };
    let error = refused(&server.access(&plugin(&server, "exec sleep 5")), short).await;
    assert!(error.to_string().contains("printed nothing within 0.2 s"), "{error}");

    let always = plugin(&server, "exit 0").replace("IfAvailable", "Always");
    let error = refused(&server.access(&always), patient()).await;
    assert!(error.to_string().contains("wants a terminal"), "{error}");
}

#[tokio::test]
async fn credentials_that_cannot_be_read_are_named() {
    let server = StandIn::start().await;
    let error =
        refused(&server.access("{client-certificate: gone.crt, client-key: gone.key}"), patient())
            .await;
    assert!(error.to_string().contains("gone.crt"), "{error}");
    let error = refused(&server.access("{tokenFile: gone.token}"), patient()).await;
    assert!(error.to_string().contains("gone.token"), "{error}");
}

#[tokio::test]
async fn something_else_than_kubernetes_is_noticed() {
    let server = StandIn::start().await;
    server.on(|_, _| Some(Reply::text(200, "<html>Welcome</html>")));
    let error = refused(&server.access(TOKEN), patient()).await;
    assert!(matches!(error, ClusterError::NotKubernetes { .. }), "{error}");

    server.on(|asked, _| {
        (asked.path == "/version").then(|| Reply::json(200, &json!({"gitVersion": ""})))
    });
    let error = refused(&server.access(TOKEN), patient()).await;
    assert!(matches!(error, ClusterError::NotKubernetes { .. }), "{error}");

    server.on(|asked, _| (asked.path != "/version").then(|| Reply::failure(404, "NotFound", "no")));
    let error = refused(&server.access(TOKEN), patient()).await;
    assert!(error.to_string().contains("no namespace kube-system"), "{error}");
}

#[tokio::test]
async fn a_slow_server_is_given_up() {
    let server = StandIn::start().await;
    server.on(|_, _| Some(Reply::text(200, "{}").after(Duration::from_secs(60))));
    let limit = Duration::from_millis(300);
    let error = refused(&server.access(TOKEN), Timeouts { request: limit, ..patient() }).await;
    assert_eq!(obstacle(&error), &Obstacle::Timeout(limit));
    assert!(error.is_transient());
    assert!(error.to_string().contains(&server.url()), "{error}");
}

#[tokio::test]
async fn an_unreachable_server_is_named_with_what_stands_in_the_way() {
    let server = StandIn::start().await;
    // Bound and closed again: nobody listens there.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = refused(&server.access_to(&format!("https://{closed}"), TOKEN), patient()).await;
    assert_eq!(obstacle(&error), &Obstacle::Refused);
    assert!(error.is_transient() && error.to_string().contains(&closed.to_string()), "{error}");

    // RFC 6761 keeps .invalid free of addresses; without any DNS server the answer may not come.
    let error = refused(
        &server.access_to("https://nowhere.invalid:6443", TOKEN),
        Timeouts { request: Duration::from_secs(10), ..patient() },
    )
    .await;
    assert!(matches!(obstacle(&error), Obstacle::Dns | Obstacle::Timeout(_)), "{error}");
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_refused() {
    let (server, other) = (StandIn::start().await, StandIn::start().await);
    let error = refused(&other.access_to(&server.url(), TOKEN), patient()).await;
    assert_eq!(obstacle(&error), &Obstacle::UnknownAuthority);
    assert!(!error.is_transient());
    assert!(server.log().is_empty(), "the token must not go to an unknown server");
}

#[tokio::test]
async fn a_certificate_for_another_name_or_time_is_refused() {
    let names = vec!["elsewhere.example".to_owned()];
    let server = StandIn::start_with(Options { names, ..Options::default() }).await;
    let error = refused(&server.access(TOKEN), patient()).await;
    assert_eq!(obstacle(&error), &Obstacle::WrongName);

    let server = StandIn::start_with(Options { server_expired: true, ..Options::default() }).await;
    let error = refused(&server.access(TOKEN), patient()).await;
    assert_eq!(obstacle(&error), &Obstacle::ServerCertificateExpired);
}

#[tokio::test]
async fn readiness_tells_not_ready_from_unreachable() {
    let limit = Duration::from_secs(30);
    let server = StandIn::start().await;
    let cluster = server.connect().await;
    assert_eq!(cluster.ready(limit).await, Readiness::Ready);

    server.on(|asked, _| {
        (asked.path == "/readyz")
            .then(|| Reply::text(500, "[+]ping ok\n[-]etcd failed: reason withheld\n"))
    });
    let failing = vec!["etcd".to_owned()];
    assert_eq!(cluster.ready(limit).await, Readiness::NotReady { status: 500, failing });

    server.on(|asked, _| (asked.path == "/readyz").then(|| Reply::failure(403, "Forbidden", "no")));
    assert_eq!(cluster.ready(limit).await, Readiness::Ready, "/version answers");

    server.on(|_, _| Some(Reply::failure(401, "Unauthorized", "Unauthorized")));
    assert!(matches!(cluster.ready(limit).await, Readiness::Denied { .. }));

    server.on(|_, _| Some(Reply::text(200, "ok").after(Duration::from_secs(60))));
    let slow = cluster.ready(Duration::from_millis(300)).await;
    assert!(
        matches!(&slow, Readiness::Unreachable { reason } if reason.contains("0.3 s")),
        "{slow:?}"
    );

    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let access = server.access_to(&format!("https://{closed}"), TOKEN);
    let gone = Cluster::open(&access, patient()).await.unwrap();
    let gone = gone.ready(limit).await;
    assert!(
        matches!(&gone, Readiness::Unreachable { reason } if reason.contains("refused")),
        "{gone:?}"
    );
}
