//! The clocks of this machine, as plain numbers for the cores.

use std::time::{SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_gettime};

/// Microseconds on `CLOCK_BOOTTIME`: it never goes back, and goes on while the machine sleeps, so
/// a lease that ran out during a suspend is seen as such.
///
/// # Panics
/// On a kernel without this clock (before Linux 2.6.39).
#[must_use]
pub fn now_us() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_BOOTTIME).expect("every supported kernel has the clock");
    let secs = u64::try_from(now.tv_sec()).expect("time since boot is not negative");
    let nanos = u64::try_from(now.tv_nsec()).expect("a part of a second is not negative");
    secs * 1_000_000 + nanos / 1_000
}

/// Wall-clock time in nanoseconds since 1970-01-01T00:00:00Z. For reports only: it may jump.
#[must_use]
pub fn wall_ns() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_nanos()).unwrap_or(i64::MAX),
        Err(before) => {
            i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, i64::wrapping_neg)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boot_time_never_goes_back_and_matches_the_kernel() {
        let times: Vec<u64> = (0..1000).map(|_| now_us()).collect();
        assert!(times.is_sorted());
        let uptime = std::fs::read_to_string("/proc/uptime").unwrap();
        let secs: f64 = uptime.split(' ').next().unwrap().parse().unwrap();
        // /proc/uptime may be that of a container; it is never later than that of the machine.
        assert!(now_us() as f64 / 1e6 + 0.02 >= secs);
    }

    #[test]
    fn wall_time_is_that_of_the_system() {
        let before = SystemTime::now();
        let wall = UNIX_EPOCH + std::time::Duration::from_nanos(wall_ns() as u64);
        // A clock that is set back in between would need less than this.
        assert!(wall.duration_since(before).is_ok() || before.duration_since(wall).is_ok());
        assert!(wall_ns() > 1_700_000_000_000_000_000);
    }
}
