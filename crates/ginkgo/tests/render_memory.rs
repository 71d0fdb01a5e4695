//! A target with 2 GB of captured output is rendered in a fraction of that memory. The only test of
//! its binary, because it reads the peak of the whole process.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::convert::Infallible;
use std::fs;
use std::io::{self, Write};

use multibeam_ginkgo::render::{Dialect, ReportSource, console, json, junit};
use multibeam_ginkgo::report::{SpecSummary, SuiteHeader};
use multibeam_ginkgo::version::Version;

const SPECS: usize = 2000;
const OUTPUT: usize = 1 << 20;
const LIMIT_KIB: u64 = 150 * 1024;

/// Makes each report when it is asked for.
struct Synthetic {
    suite: SuiteHeader,
    summaries: Vec<SpecSummary>,
}

impl Synthetic {
    fn new() -> Self {
        let summaries =
            (0..SPECS).map(|index| SpecSummary::parse(&report(index, "")).unwrap()).collect();
        Self { suite: SuiteHeader::default(), summaries }
    }
}

fn report(index: usize, output: &str) -> Vec<u8> {
    let (state, failure) = match index % 20 {
        0 => ("failed", r#","Failure":{"Message":"no","Location":{"FileName":"f.go"}}"#),
        _ => ("passed", ""),
    };
    format!(
        r#"{{"LeafNodeType":"It","LeafNodeText":"spec {index}","State":"{state}"{failure},
            "StartTime":"2026-01-01T00:00:00Z","EndTime":"2026-01-01T00:00:{:02}Z",
            "CapturedStdOutErr":"{output}","CapturedGinkgoWriterOutput":"written"}}"#,
        index % 60
    )
    .into_bytes()
}

impl ReportSource for Synthetic {
    type Error = Infallible;

    fn suite(&self) -> &SuiteHeader {
        &self.suite
    }

    fn len(&self) -> usize {
        self.summaries.len()
    }

    fn summary(&self, index: usize) -> &SpecSummary {
        &self.summaries[index]
    }

    fn load(&self, index: usize) -> Result<Vec<u8>, Self::Error> {
        let line = format!("{}<{index}>\\n", "x".repeat(4000));
        Ok(report(index, &line.repeat(OUTPUT / line.len() + 1)))
    }
}

/// Counts what is written and drops it.
#[derive(Default)]
struct Counter(u64);

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += u64::try_from(bytes.len()).unwrap();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn two_gigabytes_are_rendered_in_little_memory() {
    let source = Synthetic::new();
    let dialect = Dialect::new(Version::new(2, 34, 0));
    let written = std::thread::scope(|scope| {
        let run = |render: fn(&Synthetic, Dialect, &mut Counter)| {
            let source = &source;
            scope.spawn(move || {
                let mut counter = Counter::default();
                render(source, dialect, &mut counter);
                counter.0
            })
        };
        [
            run(|source, dialect, out| junit::write(source, dialect, out).unwrap()),
            run(|source, dialect, out| console::write(source, dialect, out).unwrap()),
            run(|source, _, out| json::write(source, out).unwrap()),
        ]
        .map(|thread| thread.join().unwrap())
    });
    let all = u64::try_from(SPECS * OUTPUT).unwrap();
    assert!(written.iter().all(|&bytes| bytes >= all), "{written:?}");
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak < LIMIT_KIB, "the peak was {peak} KiB");
}
