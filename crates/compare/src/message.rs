//! Messages without what differs from run to run, so that the same failure reads the same.

use std::borrow::Cow;
use std::net::Ipv6Addr;
use std::sync::LazyLock;

use regex::{Captures, Regex};

/// A message is compared up to here, in bytes: what follows are dumps of objects.
const MOST_BYTES: usize = 8 << 10;

/// What is replaced, the more specific first. [`PLACES`] knows
/// the names of all but `colons`.
///
/// The letters of a generated suffix are those of Kubernetes' `rand.String` (apimachinery,
/// `util/rand`): no vowels and nothing that looks like one. Deployments put a hash of 8 to 10 of
/// them before the 5 of the pod.
static VARIABLE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?x)
          (?P<time>
              \d{4}-\d\d-\d\d [T\ ] \d\d:\d\d:\d\d (?:\.\d+)?
                  (?: Z | \ ?[+-]\d\d:?\d\d (?:\ [A-Z]{2,5}\b)? )? (?:\ m=[+-]\d+\.\d+)?
            | \b[IWEF]\d{4}\ \d\d:\d\d:\d\d\.\d+
            | \b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\ [\ \d]\d\ \d\d:\d\d:\d\d(?:\.\d+)?
            | \b\d\d:\d\d:\d\d(?:\.\d+)?\b )
        | (?P<uuid> \b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b )
        | (?P<colons> (?:\b[0-9a-fA-F]{1,4})?(?::[0-9a-fA-F]{0,4}){2,8}(?:\.\d{1,3}){0,3} )
        | (?P<ip> \b\d{1,3}(?:\.\d{1,3}){3}(?:/\d{1,2})?(?::\d{1,5})?\b )
        | (?P<duration> \b(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|h|m|s))+\b )
        | (?P<hex> \b0x[0-9a-fA-F]+\b | \b[0-9a-f]{12,64}\b )
        | (?P<suffix> -(?:[bcdfghjklmnpqrstvwxz2456789]{8,10}-)?[bcdfghjklmnpqrstvwxz2456789]{5}\b )
        | (?P<number> \bv?\d+(?:\.\d+)*\b )
        | (?P<blank> \s+ )",
    )
    .expect("the pattern is a constant, and a test compiles it")
});

/// "Select graphic rendition", which Ginkgo and Gomega put around words.
static COLOUR: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\x1b\[[0-9;]*m").expect("the pattern is a constant, and a test compiles it")
});

/// What stands for each alternative of [`VARIABLE`].
const PLACES: [(&str, &str); 8] = [
    ("time", "<time>"),
    ("uuid", "<uuid>"),
    ("ip", "<ip>"),
    ("duration", "<duration>"),
    ("hex", "<hex>"),
    ("suffix", "-<id>"),
    ("number", "<n>"),
    ("blank", " "),
];

/// The message with numbers, times, durations, addresses, UUIDs, hashes, and generated suffixes of
/// names replaced by words for them, and all blanks alike.
#[must_use]
pub(crate) fn normalise(message: &str) -> String {
    let plain = without_colours(cut(message, MOST_BYTES));
    let replaced = VARIABLE.replace_all(&plain, |found: &Captures<'_>| -> Cow<'static, str> {
        let known = PLACES.iter().find(|(name, _)| found.name(name).is_some());
        match known {
            Some((_, place)) => Cow::Borrowed(*place),
            None => Cow::Owned(colons(&found[0])),
        }
    });
    replaced.trim().to_owned()
}

/// The text without the colours of a terminal.
pub(crate) fn without_colours(text: &str) -> Cow<'_, str> {
    COLOUR.replace_all(text, "")
}

/// At most so many bytes from the start of a text.
pub(crate) fn cut(text: &str, bytes: usize) -> &str {
    let mut end = text.len().min(bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// What stands between colons: an IPv6 address, a line and column, or part of a name.
fn colons(text: &str) -> String {
    let bare = text.trim_end_matches(':');
    // "::" alone and "a::b" are addresses too, and far more often something else.
    let has_digit = bare.bytes().any(|byte| byte.is_ascii_digit());
    for (candidate, rest) in [(text, ""), (bare, &text[bare.len()..])] {
        if has_digit && candidate.parse::<Ipv6Addr>().is_ok() {
            return format!("<ip>{rest}");
        }
    }
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let parts = text.split(':').map(|part| if is_number(part) { "<n>" } else { part });
    parts.collect::<Vec<_>>().join(":")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_from_run_to_run_reads_the_same() {
        for (message, expected) in [
            ("Timed out after 300.001s.", "Timed out after <duration>."),
            ("took 1m30.5s, 250ms", "took <duration>, <duration>"),
            ("expected 3 pods, got 12", "expected <n> pods, got <n>"),
            ("at 2026-11-29T10:13:05.123456Z:", "at <time>:"),
            ("2026-11-29 10:13:05 +0000 UTC m=+0.5 x", "<time> x"),
            ("I1129 10:13:05.123456 main.go:7] x", "<time> main.go:<n>] x"),
            ("Nov 29 10:13:05.123: INFO: x", "<time>: INFO: x"),
            ("uid 0f1e2d3c-1111-2222-3333-0123456789ab", "uid <uuid>"),
            ("dial tcp 10.96.0.1:443: refused", "dial tcp <ip>: refused"),
            ("from 10.244.0.0/16", "from <ip>"),
            ("dial tcp [fd00:10:244::5]:8080: refused", "dial tcp [<ip>]:<n>: refused"),
            ("to fe80::1: x", "to <ip>: x"),
            ("std::string a::b ::", "std::string a::b ::"),
            ("main.go:7:12: x", "main.go:<n>:<n>: x"),
            ("pod web-7c5ddbdf54-x2b4c not ready", "pod web-<id> not ready"),
            ("pod rc-x2b4c/c", "pod rc-<id>/c"),
            ("namespace deployment-4711", "namespace deployment-<n>"),
            ("0xc000123abc and sha256:0123456789abcdef", "<hex> and sha256:<hex>"),
            ("a\n\t  b", "a b"),
            ("\x1b[38;5;9mred\x1b[0m", "red"),
            ("node2 in v1.36.0, ipv4", "node2 in <n>, ipv4"),
            ("", ""),
        ] {
            assert_eq!(normalise(message), expected, "{message}");
        }
    }

    #[test]
    fn different_failures_stay_different() {
        let different = ["connection refused", "i/o timeout", "no such host", "pods not ready"];
        for (index, one) in different.iter().enumerate() {
            for other in &different[index + 1..] {
                assert_ne!(normalise(one), normalise(other));
            }
        }
    }

    #[test]
    fn a_long_message_is_cut_between_characters() {
        let long = "ä".repeat(MOST_BYTES);
        assert!(normalise(&long).len() <= MOST_BYTES);
        let shifted = format!("x{long}");
        assert!(normalise(&shifted).len() <= MOST_BYTES);
    }
}
