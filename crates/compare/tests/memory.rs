//! A report with 64 MB of captured output is read in little memory. The only test of its binary,
//! because it reads the peak of the whole process.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::{BufReader, Read};

use multibeam_compare::report;

const SPECS: usize = 32;
const OUTPUT: u64 = 2 << 20;
const LIMIT_KIB: u64 = 24 * 1024;

#[test]
fn captured_output_is_passed_over() {
    let mut file: Box<dyn Read> = Box::new(&br#"[{"SuiteDescription":"s","SpecReports":["#[..]);
    for index in 0..SPECS {
        let comma = if index == 0 { "" } else { "," };
        let head = format!(
            r#"{comma}{{"LeafNodeType":"It","LeafNodeText":"{index}","State":"passed","CapturedStdOutErr":""#
        );
        let head = std::io::Cursor::new(head);
        let spec = head.chain(std::io::repeat(b'x').take(OUTPUT)).chain(&b"\"}"[..]);
        file = Box::new(file.chain(spec));
    }
    let file = BufReader::new(file.chain(&b"]}]"[..]));
    assert_eq!(report::read(file).unwrap().specs.len(), SPECS);
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak < LIMIT_KIB, "the peak was {peak} KiB");
}
