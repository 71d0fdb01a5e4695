//! The page for operators says what the code does.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::time::Duration;

use multibeam_rt::limits;

const PAGE: &str = include_str!("../../../docs/operations.md");
const SOURCE: &str = include_str!("../src/limits.rs");

fn seconds(duration: Duration) -> String {
    assert_eq!(duration.subsec_nanos(), 0);
    format!("{} s", duration.as_secs())
}

fn bytes(bytes: u64) -> String {
    match bytes {
        0x10_0000.. => format!("{} MiB", bytes >> 20),
        _ => format!("{} KiB", bytes >> 10),
    }
}

#[test]
fn every_limit_is_on_the_page_with_its_value() {
    let page: BTreeMap<&str, &str> = PAGE
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` | "))
        .filter_map(|(name, rest)| Some((name, rest.split_once(" | ")?.0)))
        .collect();
    let values = [
        ("CALL_DEADLINE", seconds(limits::CALL_DEADLINE)),
        ("UPLOAD_DEADLINE", seconds(limits::UPLOAD_DEADLINE)),
        ("KEEP_ALIVE_INTERVAL", seconds(limits::KEEP_ALIVE_INTERVAL)),
        ("KEEP_ALIVE_TIMEOUT", seconds(limits::KEEP_ALIVE_TIMEOUT)),
        ("CONNECT_TIMEOUT", seconds(limits::CONNECT_TIMEOUT)),
        ("HANDSHAKE_TIMEOUT", seconds(limits::HANDSHAKE_TIMEOUT)),
        ("HANDSHAKES", limits::HANDSHAKES.to_string()),
        ("CONNECTIONS", limits::CONNECTIONS.to_string()),
        ("CONCURRENT_STREAMS", limits::CONCURRENT_STREAMS.to_string()),
        ("REQUEST_HEADER_BYTES", bytes(limits::REQUEST_HEADER_BYTES.into())),
        ("ANSWER_HEADER_BYTES", bytes(limits::ANSWER_HEADER_BYTES.into())),
        ("STREAM_WINDOW_BYTES", bytes(limits::STREAM_WINDOW_BYTES.into())),
        ("CONNECTION_WINDOW_BYTES", bytes(limits::CONNECTION_WINDOW_BYTES.into())),
        ("CERTIFICATE_INTERVAL", seconds(limits::CERTIFICATE_INTERVAL)),
        ("CERTIFICATE_BYTES", bytes(limits::CERTIFICATE_BYTES)),
        ("DRAIN_GRACE", seconds(limits::DRAIN_GRACE)),
        ("ADMIN_CONNECTIONS", limits::ADMIN_CONNECTIONS.to_string()),
        ("ADMIN_TIMEOUT", seconds(limits::ADMIN_TIMEOUT)),
        ("ADMIN_REQUEST_BYTES", bytes(limits::ADMIN_REQUEST_BYTES as u64)),
    ];
    for (name, value) in &values {
        assert_eq!(page.get(name).copied(), Some(value.as_str()), "{name} in docs/operations.md");
    }
    let constants = SOURCE.lines().filter_map(|line| line.strip_prefix("pub const "));
    let constants: Vec<&str> = constants.map(|line| line.split(':').next().unwrap()).collect();
    let listed: Vec<&str> = values.iter().map(|(name, _)| *name).collect();
    assert_eq!(constants, listed, "a new limit gets a row here and on the page");
    assert_eq!(page["MAX_MESSAGE_BYTES"], bytes(multibeam_proto::MAX_MESSAGE_BYTES as u64));
}
