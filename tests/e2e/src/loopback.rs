//! Addresses for services that have to be told each other's addresses before they listen, so that
//! they cannot have ports that the system picks.

use std::sync::atomic::{AtomicU32, Ordering};

/// So many addresses a test program has before it uses those of another one.
const EACH: u32 = 64;

/// An address of this machine that nobody else uses: all of 127.0.0.0/8 is loopback.
#[must_use]
pub fn loopback() -> String {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    let given = GIVEN.fetch_add(1, Ordering::Relaxed);
    assert!(given < EACH, "expected at most {EACH} addresses in a test program");
    let number = std::process::id() * EACH + given;
    let part = |divisor: u32| 1 + number / divisor % 250;
    format!("127.{}.{}.{}", part(250 * 250), part(250), part(1))
}
