//! The zoo run by `ginkgo -p` and by multibeam gives the same.

use std::path::Path;
use std::process::Command;

use multibeam_e2e::{
    Junit, Outcome, Program, Report, Scratch, assert_rendered_as_by_ginkgo, assert_same, suites,
    trace, zoo,
};

const TARGETS: [(&str, [&str; 2]); 3] =
    [("one", ["one-a", "one-b"]), ("two", ["two-a", "two-b"]), ("three", ["three-a", "three-b"])];

#[test]
fn as_ginkgo_of_the_newest_kubernetes() {
    as_ginkgo(suites::KUBERNETES);
}

#[test]
fn as_the_newest_ginkgo() {
    as_ginkgo(suites::NEWEST);
}

fn as_ginkgo(version: &str) {
    let scratch = Scratch::new();
    let theirs = ginkgo(version, scratch.path());
    let mut file = zoo(version);
    for (target, clusters) in &TARGETS {
        file = file.target(target, clusters);
    }
    let (ended, results) = scratch.run_to_end(file);
    let _ = ended.expect(1);
    for (target, clusters) in &TARGETS {
        compare(&theirs, &results.report(target));
        compare_junit(&theirs.junit, &results.junit(target));
        compare_traces(&theirs, &scratch, clusters);
        assert_told_of_all(&results.report(target));
        assert_rendered_as_by_ginkgo(version, &results.target_dir(target));
        let counted = &results.target(target)["specs"]["states"];
        for (state, count) in counted.as_object().unwrap() {
            assert_eq!(*count, theirs.report.count(state), "{state} of {target}");
        }
    }
}

/// What `ginkgo -p` left.
struct Theirs {
    report: Report,
    junit: Junit,
    executions: Vec<trace::Execution>,
}

fn ginkgo(version: &str, directory: &Path) -> Theirs {
    let at = |name: &str| directory.join(name);
    let mut command = Command::new(suites::built(version, "ginkgo"));
    command.args(["--procs=4", "--no-color", "--randomize-all"]);
    command.args(["--json-report=ginkgo.json", "--junit-report=ginkgo.xml", "--output-dir"]);
    command.arg(directory).arg(suites::zoo(version)).current_dir(directory);
    command.env("MULTIBEAM_TRACE", at("ginkgo.trace")).env("MULTIBEAM_LOCK", at("ginkgo.lock"));
    let _ = Program::start(command).wait().expect(1);
    Theirs {
        report: Report::read(&at("ginkgo.json")),
        junit: Junit::read(&at("ginkgo.xml")),
        executions: trace::executions(&trace::read(&at("ginkgo.trace"))),
    }
}

fn compare(theirs: &Theirs, ours: &Report) {
    assert_same("outcomes", Outcome::all(&theirs.report), Outcome::all(ours));
    let places = |report: &Report| {
        let failed = report.specs().filter(|spec| spec.failure.is_object());
        let place = |spec: &multibeam_e2e::SpecLine| {
            let at = &spec.failure["Location"];
            (spec.text(), at["FileName"].to_string(), at["LineNumber"].to_string())
        };
        failed.map(place).collect::<Vec<_>>()
    };
    assert_same("places of failures", places(&theirs.report), places(ours));
    assert!(!ours.suite_succeeded);
    let stats = |report: &Report, key: &str| report.pre_run_stats[key].clone();
    for key in ["TotalSpecs", "SpecsThatWillRun"] {
        assert_eq!(stats(ours, key), stats(&theirs.report, key), "{key}");
    }
    // Suite nodes run once per process or session, but it is the same nodes.
    let nodes = |report: &Report| {
        let nodes = report.spec_reports.iter().filter(|spec| !spec.is_spec());
        let mut nodes: Vec<_> =
            nodes.map(|spec| (spec.node().to_owned(), spec.text(), spec.state.clone())).collect();
        nodes.sort();
        nodes.dedup();
        nodes
    };
    assert_eq!(nodes(ours), nodes(&theirs.report));
}

/// The ReportAfterSuite nodes, one per session, have seen the reports of all processes.
fn assert_told_of_all(report: &Report) {
    let nodes = report.spec_reports.iter().filter(|spec| spec.node() == "ReportAfterSuite");
    let output = |node: &multibeam_e2e::SpecLine| node.captured_ginkgo_writer_output.clone();
    let told = nodes.filter_map(output).map(|output| {
        let number = output.split(" reports came in").next().unwrap().trim();
        number.parse::<usize>().unwrap_or_else(|_| panic!("{output:?}"))
    });
    let told: usize = told.sum();
    // What need not have run stands in the report without any process, and nothing saw itself.
    let others = report.count("pending") + report.count("skipped") + TARGETS[0].1.len();
    let all = report.spec_reports.len() - others;
    assert!(told >= all, "of {all} reports they were told {told}");
}

/// Ginkgo's command writes its files with other settings than Kubernetes does; cases and states are
/// the same.
fn compare_junit(theirs: &Junit, ours: &Junit) {
    let cases = |junit: &Junit| {
        let specs = junit.cases.iter().filter(|case| case.name.starts_with("[It]"));
        let plain = |case: &multibeam_e2e::Case| {
            // Labels are left out as Kubernetes does; the command appends them.
            let name = case.name.split(" [red").next().unwrap().to_owned();
            (name, case.status.clone(), case.failure.is_some(), case.error.is_some())
        };
        specs.map(plain).collect::<Vec<_>>()
    };
    let names = |junit: &Junit| cases(junit).len();
    assert_eq!(names(ours), names(theirs));
    assert_eq!((ours.failures, ours.errors), (theirs.failures, theirs.errors));
    let states = |junit: &Junit| {
        cases(junit).into_iter().map(|(_, status, failed, error)| (status, failed, error)).collect()
    };
    assert_same::<(String, bool, bool)>("states of cases", states(theirs), states(ours));
}

/// From the traces alone: every spec as often as with Ginkgo, which is once, and Serial specs alone
/// on their cluster.
fn compare_traces(theirs: &Theirs, scratch: &Scratch, clusters: &[&str]) {
    trace::assert_serial_alone("ginkgo", &theirs.executions);
    let mut all = Vec::new();
    for cluster in clusters {
        let executions = trace::executions(&scratch.trace(cluster));
        trace::assert_serial_alone(cluster, &executions);
        assert!(!executions.is_empty(), "{cluster} has run nothing");
        assert!(executions.iter().all(|execution| execution.start.process <= 4));
        all.extend(executions);
    }
    let ends = |executions: &[trace::Execution]| {
        let end = |execution: &trace::Execution| {
            let end = execution.end.as_ref().unwrap_or_else(|| panic!("{execution:?} has no end"));
            (end.text.clone(), end.location.clone(), end.state.clone())
        };
        executions.iter().map(end).collect::<Vec<_>>()
    };
    assert_same("executions", ends(&theirs.executions), ends(&all));
}
