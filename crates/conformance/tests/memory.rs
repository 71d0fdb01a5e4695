//! Files of 500 MB each are read in a tenth of that memory, which does not grow with their size: in
//! them are pieces larger than any buffer. Nothing of them is ever on a disk or in memory as a whole.
//! The only test of its binary, because it reads the peak of the whole process.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::io::{self, Read};

use multibeam_conformance::junit::Junit;
use multibeam_conformance::log::Log;

const SPECS: usize = 500;
/// Bytes that each spec writes.
const OUTPUT: usize = 1_000_000;
/// Bytes that a file has at least.
const BYTES: usize = SPECS * OUTPUT;
const LIMIT_KIB: u64 = 48 * 1024;

/// Gives one piece after the other, each made when it is asked for.
struct Pieces<F> {
    make: F,
    next: usize,
    piece: Vec<u8>,
    at: usize,
    given: usize,
}

impl<F: Fn(usize) -> Option<String>> Pieces<F> {
    fn new(make: F) -> Self {
        Self { make, next: 0, piece: Vec::new(), at: 0, given: 0 }
    }
}

impl<F: Fn(usize) -> Option<String>> Read for Pieces<F> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.at == self.piece.len() {
            let Some(piece) = (self.make)(self.next) else { return Ok(0) };
            (self.piece, self.at, self.next) = (piece.into_bytes(), 0, self.next + 1);
        }
        let count = out.len().min(self.piece.len() - self.at);
        out[..count].copy_from_slice(&self.piece[self.at..self.at + count]);
        self.at += count;
        self.given += count;
        Ok(count)
    }
}

fn junit(index: usize) -> Option<String> {
    let line =
        "x &lt;text&gt; of 100 bytes or so, as a spec writes it to its standard output &#34;&#xA;";
    Some(match index {
        0 => "<testsuites><testsuite>\n".to_owned(),
        index if index <= SPECS => format!(
            "<testcase name=\"[It] [sig-a] {index} [Conformance]\"><failure/><system-out>{}</system-out></testcase>\n",
            line.repeat(OUTPUT / line.len() + 1)
        ),
        index if index == SPECS + 1 => "</testsuite></testsuites>".to_owned(),
        _ => return None,
    })
}

fn log(index: usize) -> Option<String> {
    let line = "  I0101 00:00:00.000000 21 e2e.go:122] a line that some spec has written, and a version: 3\n";
    match index {
        index if index < SPECS => {
            // Now and then a line without an end.
            let lines = if index % 50 == 7 {
                "x".repeat(OUTPUT)
            } else {
                line.repeat(OUTPUT / line.len() + 1)
            };
            Some(format!("• [0.1 seconds]\n[sig-a] {index} [Conformance]\n{lines}\n"))
        }
        index if index == SPECS => {
            Some(format!("SUCCESS! -- {SPECS} Passed | 0 Failed | 0 Pending | 0 Skipped\n"))
        }
        _ => None,
    }
}

#[test]
fn large_files_are_read_in_little_memory() {
    let mut input = Pieces::new(junit);
    let read = Junit::read(&mut input).unwrap();
    assert_eq!(read.cases.len(), SPECS);
    assert!(input.given > BYTES, "{} bytes", input.given);
    let mut input = Pieces::new(log);
    let read = Log::read(&mut input).unwrap();
    assert_eq!(read.specs.len(), SPECS);
    assert_eq!(read.summary.unwrap().counts.unwrap().passed, SPECS as u64);
    assert!(input.given > BYTES, "{} bytes", input.given);
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak < LIMIT_KIB, "the peak was {peak} KiB");
}
