//! Does a collector get one whole trace per run, also when its parts are three processes?

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use multibeam_e2e::{Program, RunFile, Scratch, loopback, suites, trace, wait_for, zoo};
use nix::sys::signal::Signal;

use crate::support::collector::{Collector, Span};

const VARIABLE: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

/// Attempts are lost, fail, and pass; two clusters, one serial phase each.
fn eventful(scratch: &Scratch) -> RunFile {
    let crash = scratch.path().join("crashed");
    zoo(suites::KUBERNETES)
        .processes(2)
        .env("ZOO_CRASH_ONCE", crash.to_str().unwrap())
        .target("one", &["a", "b"])
}

fn traced(scratch: &Scratch, collector: &Collector, args: &[&str]) -> Command {
    let mut command = scratch.multibeam(args);
    command.env(VARIABLE, collector.url());
    command
}

/// The parts of a distributed run, each in a process of its own.
struct Parts {
    aggregator: Program,
    coordinator: Program,
    workers: Vec<Program>,
    endpoint: String,
}

impl Parts {
    fn start(scratch: &Scratch, collector: &Collector, clusters: &[String]) -> Self {
        let host = loopback();
        let [ledger, hub] = ["7400", "7443"].map(|port| format!("{host}:{port}"));
        let start = |args: &[&str]| Program::start(traced(scratch, collector, args));
        let ready = |program: &Program, text: &str| {
            wait_for(text, || program.stderr().contains(text).then_some(()));
        };
        let aggregator = start(&["aggregator", "--plaintext", "--listen", &ledger]);
        ready(&aggregator, "aggregator ready");
        let (ledger, endpoint) = (format!("http://{ledger}"), format!("http://{hub}"));
        let coordinator =
            start(&["coordinator", "--plaintext", "--listen", &hub, "--aggregator", &ledger]);
        ready(&coordinator, "coordinator ready");
        let workers = clusters.iter().map(|cluster| {
            let data = format!("worker-{cluster}");
            start(&[
                "worker",
                "--plaintext",
                "--cluster",
                cluster,
                "--processes",
                "2",
                "--data",
                &data,
                "--coordinator",
                &endpoint,
                "--aggregator",
                &ledger,
            ])
        });
        let workers = workers.collect();
        Self { aggregator, coordinator, workers, endpoint }
    }

    /// Asks every part to end, and waits until all have.
    fn end(self) {
        for part in self.workers.into_iter().chain([self.coordinator, self.aggregator]) {
            part.signal(Signal::SIGTERM);
            let _ = part.wait().expect(0);
        }
    }
}

/// What holds for the spans of every run: one trace, and no span whose parent is missing.
fn check_whole(spans: &[Span]) {
    let traces: BTreeSet<&str> = spans.iter().map(|span| span.trace.as_str()).collect();
    assert_eq!(traces.len(), 1, "one trace per run: {spans:#?}");
    let ids: BTreeSet<&str> = spans.iter().map(|span| span.id.as_str()).collect();
    assert_eq!(ids.len(), spans.len(), "every span has its own id");
    for span in spans {
        if span.name == "run" {
            assert_eq!(span.parent, "", "the run is the root");
        } else {
            assert!(ids.contains(span.parent.as_str()), "no parent of {span:?}");
        }
    }
    assert_eq!(named(spans, "run").len(), 1);
}

fn named<'a>(spans: &'a [Span], name: &str) -> Vec<&'a Span> {
    spans.iter().filter(|span| span.name == name).collect()
}

fn parent<'a>(spans: &'a [Span], span: &Span) -> &'a Span {
    spans.iter().find(|parent| parent.id == span.parent).unwrap()
}

/// Every execution that the suites saw has its attempt, with the worker's part in it.
fn check_attempts(scratch: &Scratch, spans: &[Span], clusters: &[&str]) {
    let seen = clusters.iter().flat_map(|cluster| trace::executions(&scratch.trace(cluster)));
    let seen: Vec<_> = seen.map(|execution| execution.start).collect();
    // Several specs in one group: an Ordered container, and Serial specs of the same text.
    let twins = |text: &str| {
        let of = seen.iter().filter(|line| line.text == text);
        of.map(|line| &line.location).collect::<BTreeSet<_>>().len() > 1
    };
    let mut alone: BTreeMap<&str, usize> = BTreeMap::new();
    for line in seen.iter().filter(|line| !line.ordered && !twins(&line.text)) {
        *alone.entry(&line.text).or_default() += 1;
    }
    assert!(alone.len() > 50, "the zoo is larger: {alone:#?}");
    let attempts = named(spans, "attempt");
    for (text, executions) in alone {
        let of = attempts.iter().filter(|attempt| attempt.text("spec") == text).count();
        assert_eq!(of, executions, "attempts of {text:?}");
    }
    let ids: BTreeSet<&str> = attempts.iter().map(|attempt| attempt.text("attempt")).collect();
    assert_eq!(ids.len(), attempts.len(), "one span per attempt");
    for attempt in &attempts {
        assert_eq!(parent(spans, attempt).name, "session");
        assert_ne!(attempt.text("outcome"), "", "{attempt:?}");
    }
    let executions = named(spans, "execution");
    let with_spec = attempts.iter().filter(|attempt| !attempt.text("spec").is_empty());
    assert_eq!(executions.len(), with_spec.count(), "one execution per attempt that began");
    for execution in executions {
        let attempt = parent(spans, execution);
        assert_eq!(attempt.name, "attempt");
        assert_eq!(attempt.text("attempt"), execution.text("attempt"));
    }
    let reports = named(spans, "report");
    assert!(reports.len() >= attempts.len() / 2, "{} reports", reports.len());
    for report in reports {
        assert_eq!(parent(spans, report).text("attempt"), report.text("attempt"));
        let calls: Vec<&Span> = spans.iter().filter(|span| span.parent == report.id).collect();
        assert_eq!(calls.len(), 1, "one call per report: {calls:?}");
        assert_eq!(calls[0].name, "multibeam.aggregator.v1.Ledger/Report");
    }
    for session in named(spans, "session") {
        let target = parent(spans, session);
        assert_eq!((target.name.as_str(), target.text("target")), ("target", "one"));
        assert_eq!(parent(spans, target).name, "run");
    }
    let outcomes: BTreeSet<&str> = attempts.iter().map(|span| span.text("outcome")).collect();
    assert!(outcomes.is_superset(&["passed", "failed", "lost"].into()), "{outcomes:?}");
    let lost: Vec<_> = attempts.iter().filter(|span| span.text("outcome") == "lost").collect();
    assert!(lost.iter().all(|span| span.is_error && !span.text("cause").is_empty()), "{lost:#?}");
}

#[test]
fn three_processes_give_one_trace() {
    let (scratch, collector) = (Scratch::new(), Collector::start());
    let file = eventful(&scratch);
    let parts = Parts::start(&scratch, &collector, &file.clusters());
    let path = scratch.run_file("run.yaml", file);
    let path = path.to_str().unwrap();
    let run =
        scratch.run(["run", "--plain", "-f", path, "--plaintext", "--endpoint", &parts.endpoint]);
    let _ = run.expect(1);
    parts.end();

    let spans = collector.spans();
    check_whole(&spans);
    check_attempts(&scratch, &spans, &["a", "b"]);
    let service = |of: &str, service: &str| {
        let spans = named(&spans, of);
        assert!(!spans.is_empty(), "{of}");
        for span in spans {
            assert_eq!(span.service, service, "{span:?}");
        }
    };
    service("run", "multibeam-coordinator");
    service("attempt", "multibeam-coordinator");
    service("process", "multibeam-worker");
    service("execution", "multibeam-worker");
    service("report", "multibeam-worker");
    service("multibeam.aggregator.v1.Ledger/Report", "multibeam-aggregator");
    service("multibeam.aggregator.v1.Ledger/Propose", "multibeam-aggregator");
    let processes: BTreeSet<&str> = spans.iter().map(|span| span.process.as_str()).collect();
    assert_eq!(processes.len(), 4, "an aggregator, a coordinator, and two workers");
}

#[test]
fn an_embedded_run_gives_the_same_trace() {
    let (scratch, collector) = (Scratch::new(), Collector::start());
    let path = scratch.run_file("run.yaml", eventful(&scratch));
    let args = ["run", "--plain", "-f", path.to_str().unwrap()];
    let _ = Program::start(traced(&scratch, &collector, &args)).wait().expect(1);

    let spans = collector.spans();
    check_whole(&spans);
    check_attempts(&scratch, &spans, &["a", "b"]);
    assert_eq!(named(&spans, "run")[0].text("verdict"), "failed");
}

#[test]
fn what_is_open_at_a_polite_end_is_exported() {
    let (scratch, collector) = (Scratch::new(), Collector::start());
    let file = zoo(suites::KUBERNETES).processes(2).env("ZOO_HANG", "1").target("one", &["a"]);
    let parts = Parts::start(&scratch, &collector, &file.clusters());
    let path = scratch.run_file("run.yaml", file);
    let path = path.to_str().unwrap();
    let submit =
        scratch.run(["run", "--detach", "-f", path, "--plaintext", "--endpoint", &parts.endpoint]);
    let _ = submit.expect(0);
    let _ = wait_for("a spec that hangs", || {
        let mut seen = trace::executions(&scratch.trace("a")).into_iter();
        seen.find(|it| it.end.is_none() && it.start.text.contains("does not listen"))
    });
    parts.end();

    let spans = collector.spans();
    check_whole(&spans);
    let hung =
        named(&spans, "execution").into_iter().filter(|span| span.text("outcome").is_empty());
    assert!(hung.count() > 0, "the execution under way");
}

#[test]
fn nothing_is_exported_unless_the_variable_says_where() {
    let (scratch, collector) = (Scratch::new(), Collector::start());
    let file = zoo(suites::KUBERNETES).processes(2).target("one", &["a"]);
    let path = scratch.run_file("run.yaml", file);
    let mut command = scratch.multibeam(["run", "--plain", "-f", path.to_str().unwrap()]);
    // An exporter that is made without an address takes this one.
    command.env(VARIABLE, "").env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", collector.url());
    let _ = Program::start(command).wait().expect(1);
    assert_eq!(collector.spans(), []);
}
