//! The API server's clock, read from the `Date` header of its answers.
//!
//! Workers on several hosts compare and write times in one Lease; their own clocks may be minutes
//! apart, the server's is the same for all.

use http::HeaderMap;
use http::header::DATE;
use jiff::Timestamp;

/// The server's time in an answer; the local clock if it did not say.
pub(crate) fn server_now(headers: &HeaderMap) -> Timestamp {
    headers
        .get(DATE)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| jiff::fmt::rfc2822::parse(text).ok())
        .map_or_else(Timestamp::now, |zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn an_http_date_is_read() {
        let mut headers = HeaderMap::new();
        headers.insert(DATE, HeaderValue::from_static("Sat, 21 Nov 2026 03:03:51 GMT"));
        assert_eq!(server_now(&headers), "2026-11-21T03:03:51Z".parse::<Timestamp>().unwrap());
    }

    #[test]
    fn without_one_the_local_clock_serves() {
        let before = Timestamp::now();
        assert!(server_now(&HeaderMap::new()) >= before);
        let mut headers = HeaderMap::new();
        headers.insert(DATE, HeaderValue::from_static("yesterday"));
        assert!(server_now(&headers) >= before);
    }
}
