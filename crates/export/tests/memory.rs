//! A log of any size passes through. The only test of its binary, because it reads the peak of the
//! whole process.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "it/common/mod.rs"]
mod common;

use std::io::{self, Read as _};

use common::{junit, report, subject};
use multibeam_export::Input;
use multibeam_export::sonobuoy::{Files, write};

const LOG_BYTES: u64 = 96 << 20;
const LIMIT_KIB: u64 = 48 * 1024;

#[test]
fn a_large_log_is_not_held_in_memory() {
    let report = report();
    let junit = junit(&report);
    let mut log = io::repeat(b'x').take(LOG_BYTES);
    let files = Files {
        report: &mut report.as_bytes(),
        log: Input { name: "e2e.log", bytes: LOG_BYTES, content: &mut log },
        junit: Input {
            name: "junit_01.xml",
            bytes: u64::try_from(junit.len()).unwrap(),
            content: &mut junit.as_slice(),
        },
    };
    write(&subject(), files, io::sink()).unwrap();
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak < LIMIT_KIB, "the peak was {peak} KiB");
}
