//! Reading a large log does not pull it into memory.
#![allow(clippy::unwrap_used, reason = "a failed test may panic")]

use multibeam_aggregator::store::Log;
use multibeam_aggregator::store::Store;

const ENTRIES: u64 = 500;
const BYTES: usize = 300_000;

/// In kilobytes; the log has 150 MB.
const MOST_KB: u64 = 110 << 10;

fn peak_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn a_log_that_is_read_stays_on_disk() {
    let temp = tempfile::tempdir().unwrap();
    let mut store = Store::open(temp.path()).unwrap();
    let mut noise = 1_u64;
    let mut entry = vec![0; BYTES];
    for _ in 0..ENTRIES {
        for byte in &mut entry {
            noise ^= noise << 13;
            noise ^= noise >> 7;
            noise ^= noise << 17;
            *byte = noise as u8;
        }
        store.append(&[&entry]).unwrap();
    }
    drop(store);
    let store = Store::open(temp.path()).unwrap();
    let reader = store.reader();
    for index in 1..=ENTRIES {
        assert_eq!(reader.read(index).unwrap().unwrap().len(), BYTES);
    }
    let peak = peak_kb();
    assert!(peak < MOST_KB, "the process has had {peak} kB");
}
