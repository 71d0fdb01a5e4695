//! The admin pages, asked as a probe or a scraper does.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use multibeam_rt::admin::{Admin, AdminError, Readiness};
use multibeam_rt::metrics::Metrics;

fn start(readiness: &Readiness) -> Admin {
    let metrics = Metrics::new("multibeam-test", "1.2.3");
    Admin::start("127.0.0.1:0".parse().unwrap(), readiness.clone(), metrics).unwrap()
}

/// One request on a connection of its own. It blocks the thread, as a stuck service would.
fn ask(address: SocketAddr, head: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    write!(stream, "{head} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, body.to_owned())
}

#[test]
fn ready_follows_the_latches_and_live_does_not() {
    let readiness = Readiness::new();
    let (leader, drain) = (readiness.latch("leader"), readiness.latch("drain"));
    drain.ready();
    let admin = start(&readiness);
    let ready = || ask(admin.address(), "GET /ready");
    assert_eq!(ready(), (503, "not ready\nleader: starting\n".to_owned()));
    assert_eq!(ask(admin.address(), "GET /live").0, 200);
    leader.ready();
    assert_eq!(ready(), (200, "ready\n".to_owned()));
    leader.unready("no leader");
    drain.unready("draining");
    assert_eq!(ready(), (503, "not ready\ndrain: draining\nleader: no leader\n".to_owned()));
    assert_eq!(ask(admin.address(), "GET /live").0, 200);
}

#[test]
fn metrics_are_openmetrics() {
    let readiness = Readiness::new();
    let latch = readiness.latch("leader");
    let admin = start(&readiness);
    let read = || {
        let (status, text) = ask(admin.address(), "GET /metrics");
        assert_eq!(status, 200);
        crate::openmetrics::parse(&text)
    };
    let samples = read();
    let info = r#"multibeam_build_info{service="multibeam-test",version="1.2.3"}"#;
    assert_eq!(samples[info], 1.0);
    assert!(samples["process_start_time_seconds"] > 1.7e9);
    assert!(samples["process_resident_memory_bytes"] > 65536.0);
    assert!(samples["process_threads"] >= 2.0);
    assert!(samples["process_open_fds"] >= 3.0);
    assert!(samples.contains_key("multibeam_task_panics_total"));
    assert_eq!(samples[r#"multibeam_ready{part="leader"}"#], 0.0);
    latch.ready();
    assert_eq!(read()[r#"multibeam_ready{part="leader"}"#], 1.0);
}

#[tokio::test]
async fn a_stuck_service_does_not_hold_up_the_pages() {
    let admin = start(&Readiness::new());
    // The request blocks the only thread of this runtime: nothing else of it can run.
    assert_eq!(ask(admin.address(), "GET /live"), (200, "live\n".to_owned()));
}

#[test]
fn a_silent_connection_keeps_nobody_out() {
    let admin = start(&Readiness::new());
    let silent: Vec<_> = (0..8).map(|_| TcpStream::connect(admin.address()).unwrap()).collect();
    assert_eq!(ask(admin.address(), "GET /live").0, 200);
    // Nor does it hold up the end.
    admin.shutdown();
    drop(silent);
}

#[test]
fn other_requests_are_refused() {
    let admin = start(&Readiness::new());
    assert_eq!(ask(admin.address(), "POST /live").0, 405);
    assert_eq!(ask(admin.address(), "GET /").0, 404);
    assert_eq!(ask(admin.address(), "HEAD /live"), (200, String::new()));
    let long = format!("GET /{}", "x".repeat(20 << 10));
    assert!((400..500).contains(&ask(admin.address(), &long).0));
}

#[test]
fn an_address_in_use_is_named() {
    let admin = start(&Readiness::new());
    let metrics = Metrics::new("multibeam-test", "1.2.3");
    let error = Admin::start(admin.address(), Readiness::new(), metrics).unwrap_err();
    assert!(matches!(error, AdminError::Bind { .. }));
    assert!(error.to_string().contains(&admin.address().to_string()), "{error}");
}

#[test]
fn the_end_frees_the_port() {
    let readiness = Readiness::new();
    let admin = start(&readiness);
    let address = admin.address();
    admin.shutdown();
    let again = Admin::start(address, readiness, Metrics::new("multibeam-test", "1.2.3"));
    assert_eq!(ask(again.unwrap().address(), "GET /live").0, 200);
}
