//! How long it takes to verify a submission of real size: 7,201 cases, a log of 10 MB. Also what the
//! XML alone takes, and what it takes with other libraries: one that builds a tree, one that reads as
//! a stream as well.
//!
//! `cargo bench -p multibeam-conformance`; prints the best and the median of some rounds, each with
//! the files read anew. With `MULTIBEAM=target/release/multibeam` the program itself is measured, too,
//! from its start to its end.

#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on has failed")]
#![allow(missing_docs, reason = "a program")]

#[path = "../tests/it/support/mod.rs"]
mod support;

use std::fs;
use std::hint::black_box;
use std::io::BufReader;
use std::process::Command;
use std::time::{Duration, Instant};

use multibeam_conformance::junit::Junit;
use multibeam_conformance::log::Log;
use multibeam_conformance::{Request, Verdict, input, verify};
use support::{Run, Submission};
use xml::reader::XmlEvent;

const ROUNDS: usize = 21;

fn main() {
    let mut run = Run::good();
    let unselected = 7201 - run.specs.len() - 4;
    let text = "[sig-storage] CSI Volumes [Driver: csi-hostpath] [Testpattern: Dynamic PV (default fs)] \
                subPath should support existing directories when readOnly specified in the volumeSource";
    run.skipped = (0..unselected).map(|n| format!("{text} {n}")).collect();
    run.output_bytes = 22 << 10;
    let submission = Submission::of(&run);
    let root = tempfile::tempdir().unwrap();
    let directory = submission.write(root.path());
    let size = |name: &str| submission.files[name].len() as f64 / 1e6;
    println!("junit_01.xml {:.1} MB, e2e.log {:.1} MB", size("junit_01.xml"), size("e2e.log"));

    measure("verify, from disk", || {
        let found = input::collect(std::slice::from_ref(&directory)).unwrap();
        let checked = verify(&found[0], &Request::default());
        assert_eq!(checked.verdict, Verdict::Verified);
    });
    if let Some(program) = std::env::var_os("MULTIBEAM") {
        measure("multibeam verify, the whole program", || {
            let mut command = Command::new(&program);
            let output = command.arg("verify").arg(&directory).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        });
    }
    let (xml, log) = (directory.join("junit_01.xml"), directory.join("e2e.log"));
    measure("junit_01.xml alone, quick-xml as a stream", || {
        black_box(Junit::read(fs::File::open(&xml).unwrap()).unwrap());
    });
    measure("junit_01.xml alone, roxmltree as a tree", || {
        let text = fs::read_to_string(&xml).unwrap();
        let tree = roxmltree::Document::parse(&text).unwrap();
        black_box(tree.descendants().filter(|node| node.has_tag_name("testcase")).count());
    });
    measure("junit_01.xml alone, xml as a stream", || {
        let reader = xml::EventReader::new(BufReader::new(fs::File::open(&xml).unwrap()));
        let cases = reader.into_iter().filter(|event| {
            matches!(event, Ok(XmlEvent::StartElement { name, .. }) if name.local_name == "testcase")
        });
        black_box(cases.count());
    });
    measure("e2e.log alone", || {
        black_box(Log::read(fs::File::open(&log).unwrap()).unwrap());
    });
}

fn measure(what: &str, work: impl Fn()) {
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let begun = Instant::now();
            work();
            begun.elapsed()
        })
        .collect();
    times.sort_unstable();
    let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
    println!(
        "{what:<45} best {:>6.1} ms, median {:>6.1} ms",
        milliseconds(times[0]),
        milliseconds(times[ROUNDS / 2])
    );
}
