//! Waiting without asserting that anything is fast.

use std::time::{Duration, Instant};

/// How long anything may take before a test gives up: much longer than it takes on a loaded machine.
pub const LIMIT: Duration = Duration::from_secs(300);

/// Asks again and again until there is an answer.
pub fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(begun.elapsed() < LIMIT, "waited {LIMIT:?} for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
