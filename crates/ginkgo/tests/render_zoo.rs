//! Reports of a real suite: what the zoo leaves in single and in parallel runs of every Ginkgo
//! version survives our `report.json` and is rendered byte for byte as Ginkgo's own code does.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod render_support;

use std::fs;
use std::path::Path;
use std::process::Child;

use multibeam_ginkgo::render::{MemorySource, ReportSource, json};
use multibeam_ginkgo::report::{GoTime, Substitute, SuiteHeader, parse_reports};
use multibeam_ginkgo::spec::SpecState;
use multibeam_ginkgo::version::Version;
use render_support::{VERSIONS, command, compare_with_oracle, fixture, run_oracle};

/// Name of a run, flags, and switches of the zoo.
type Run = (&'static str, &'static [&'static str], &'static [(&'static str, &'static str)]);

const RUNS: [Run; 7] = [
    ("plain", &[], &[]),
    ("dry", &["--ginkgo.dry-run", "--ginkgo.focus=a", "--ginkgo.skip=b"], &[]),
    ("progress", &["--ginkgo.poll-progress-after=1ms", "--ginkgo.poll-progress-interval=5ms"], &[]),
    ("flakes", &["--ginkgo.flake-attempts=3", "--ginkgo.randomize-all"], &[]),
    ("abort", &["--ginkgo.fail-on-pending"], &[("ZOO_ABORT", "1")]),
    ("before-suite", &[], &[("ZOO_BEFORESUITE_FAIL", "1")]),
    ("timeout", &["--ginkgo.timeout=3s", "--ginkgo.grace-period=1s"], &[("ZOO_HANG_POLITE", "1")]),
];

#[test]
fn real_reports_are_rendered_as_ginkgo_does() {
    for version in VERSIONS {
        let (theirs, ours) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let children: Vec<Child> =
            RUNS.iter().map(|run| start(version, run, theirs.path())).collect();
        // Only some versions come with the `ginkgo` command that is needed for a parallel run.
        if version >= Version::new(2, 28, 0) {
            run_parallel(version, theirs.path());
        }
        for mut child in children {
            // The zoo has failing specs; only the report counts.
            child.wait().unwrap();
        }
        substitute(&theirs.path().join("dry.json"), &theirs.path().join("substitutes.json"));
        let mut names = Vec::new();
        for entry in fs::read_dir(theirs.path()).unwrap() {
            let path = entry.unwrap().path();
            let copy = ours.path().join(path.file_name().unwrap());
            rewrite(&path, &copy);
            check_strictly(version, &copy);
            names.push(copy);
        }
        assert!(names.len() >= RUNS.len(), "{version}: only {names:?}");
        run_oracle(theirs.path(), version);
        assert_eq!(compare_with_oracle(ours.path(), version), names.len());
        for name in names {
            let original = theirs.path().join(name.file_name().unwrap());
            for extension in ["xml", "log"] {
                let read = |path: &Path| fs::read(path.with_extension(extension)).unwrap();
                assert!(
                    read(&name) == read(&original),
                    "{version}: {} lost something",
                    name.display()
                );
            }
        }
    }
}

fn start(version: Version, (name, flags, switches): &Run, dir: &Path) -> Child {
    let report = dir.join(format!("{name}.json"));
    command(&fixture(version, "zoo.test"))
        .arg(format!("--ginkgo.json-report={}", report.display()))
        .arg("--ginkgo.seed=7")
        .args(*flags)
        .envs(switches.iter().copied())
        .current_dir(dir)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap()
}

/// Where the machine is so busy that its processes do not report back in time, the `ginkgo` command gives
/// up on them and leaves a list of no reports. Then it is asked again.
fn run_parallel(version: Version, dir: &Path) {
    let report = dir.join("parallel.json");
    for _ in 0..3 {
        command(&fixture(version, "ginkgo"))
            .args(["--procs=3", "--seed=7", "--json-report=parallel.json", "--output-dir"])
            .arg(dir)
            .arg(fixture(version, "zoo.test").canonicalize().unwrap())
            .output()
            .unwrap();
        if !parse_reports(&fs::read(&report).unwrap()).unwrap().is_empty() {
            return;
        }
    }
    panic!("{version}: three parallel runs left no report in {}", report.display());
}

/// Makes a report of specs that left none out of a dry run.
fn substitute(dry_run: &Path, to: &Path) {
    let report = parse_reports(&fs::read(dry_run).unwrap()).unwrap().remove(0);
    let lost = Substitute {
        state: SpecState::Interrupted,
        message: "process 2 was killed by signal 9".to_owned(),
        start_time: GoTime::from_unix(1_800_000_000, 0).unwrap(),
        end_time: GoTime::from_unix(1_800_000_007, 5_000_000).unwrap(),
        parallel_process: 2,
        output: "last\noutput".to_owned(),
    };
    let never_began = Substitute {
        state: SpecState::Skipped,
        message: "not run: no usable worker".to_owned(),
        start_time: GoTime::zero(),
        end_time: GoTime::zero(),
        parallel_process: 0,
        output: String::new(),
    };
    let specs = report.specs.iter().enumerate().map(|(index, raw)| {
        let outcome = if index % 2 == 0 { &lost } else { &never_began };
        outcome.report(raw.get().as_bytes()).unwrap()
    });
    let suite = SuiteHeader {
        suite_succeeded: false,
        special_suite_failure_reasons: vec!["2 specs were lost".to_owned()],
        ..report.suite.clone()
    };
    let source = MemorySource::new(suite, specs).unwrap();
    assert!(!source.is_empty());
    json::write(&source, &mut fs::File::create(to).unwrap()).unwrap();
}

/// Reads a report and writes it with our own code.
fn rewrite(from: &Path, to: &Path) {
    let report = parse_reports(&fs::read(from).unwrap()).unwrap().remove(0);
    let source = MemorySource::try_from(report).unwrap();
    json::write(&source, &mut fs::File::create(to).unwrap()).unwrap();
}

/// Ginkgo's own types take every key of our report, and count what we count.
fn check_strictly(version: Version, path: &Path) {
    let output = command(&fixture(version, "oracle")).arg("--check").arg(path).output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{version}: {complaint}");
    let counts: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let report = parse_reports(&fs::read(path).unwrap()).unwrap().remove(0);
    assert_eq!(counts["specs"], report.specs.len());
    let passed = report.specs.iter().filter(|raw| raw.get().contains("\"passed\"")).count();
    assert_eq!(counts["states"]["passed"].as_u64().unwrap_or(0), u64::try_from(passed).unwrap());
}
