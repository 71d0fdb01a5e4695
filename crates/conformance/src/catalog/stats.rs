//! A list of conformance tests in numbers.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::{Catalog, Test};

/// Counts of a list, as a whole and by SIG.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// All tests.
    pub all: Counts,
    /// By `sig-...`; the largest first.
    pub sigs: Vec<(String, Counts)>,
}

/// How many tests there are of a kind, and how long they take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Tests.
    pub tests: usize,
    /// Those that nothing else may run beside.
    pub serial: usize,
    /// Those that take minutes.
    pub slow: usize,
    /// Those that restart or evict what others use.
    pub disruptive: usize,
    /// Those that Windows nodes cannot run.
    pub linux_only: usize,
    /// Those that a node alone can be held against.
    pub node: usize,
    /// Seconds that all of them take one after the other.
    pub seconds: u64,
    /// Seconds of the serial ones among them.
    pub serial_seconds: u64,
}

/// Counts a list; `expected` is how long a test takes, by its text.
#[must_use]
pub fn stats(catalog: &Catalog, expected: impl Fn(&str) -> Duration) -> Stats {
    let mut all = Sum::default();
    let mut sigs: BTreeMap<&str, Sum> = BTreeMap::new();
    for test in catalog.tests() {
        let duration = expected(&test.text);
        all.add(test, duration);
        sigs.entry(test.sig()).or_default().add(test, duration);
    }
    let mut sigs: Vec<_> =
        sigs.into_iter().map(|(sig, sum)| (sig.to_owned(), sum.counts())).collect();
    sigs.sort_by(|(a, x), (b, y)| y.tests.cmp(&x.tests).then_with(|| a.cmp(b)));
    Stats { all: all.counts(), sigs }
}

/// Counts with times that are not rounded yet.
#[derive(Default)]
struct Sum {
    counts: Counts,
    time: Duration,
    serial_time: Duration,
}

// === impl Sum ===

impl Sum {
    fn add(&mut self, test: &Test, duration: Duration) {
        let serial = test.has_tag("Serial");
        self.counts.tests += 1;
        self.time += duration;
        for (count, is) in [
            (&mut self.counts.serial, serial),
            (&mut self.counts.slow, test.has_tag("Slow")),
            (&mut self.counts.disruptive, test.has_tag("Disruptive")),
            (&mut self.counts.linux_only, test.has_tag("LinuxOnly")),
            (&mut self.counts.node, test.has_tag("NodeConformance")),
        ] {
            *count += usize::from(is);
        }
        if serial {
            self.serial_time += duration;
        }
    }

    fn counts(self) -> Counts {
        Counts {
            seconds: self.time.as_secs(),
            serial_seconds: self.serial_time.as_secs(),
            ..self.counts
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Minor;

    #[test]
    fn published_lists_count_as_known() {
        let catalog = Catalog::built_in(Minor::new(1, 30)).unwrap();
        let stats = stats(&catalog, |_| Duration::from_millis(500));
        let all = stats.all;
        assert_eq!((all.tests, all.serial, all.slow, all.disruptive), (402, 25, 9, 2));
        assert_eq!((all.node, all.linux_only), (139, 45));
        assert_eq!((all.seconds, all.serial_seconds), (201, 12));
        let sigs: Vec<_> = stats.sigs.iter().map(|(sig, c)| (sig.as_str(), c.tests)).collect();
        assert_eq!(sigs[..3], [("sig-api-machinery", 93), ("sig-storage", 88), ("sig-node", 87)]);
        assert_eq!(sigs.iter().map(|(_, tests)| tests).sum::<usize>(), 402);
    }
}
