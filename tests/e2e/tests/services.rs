//! Coordinator, aggregator, and workers as processes of their own, over mTLS.
#![allow(clippy::unwrap_used, reason = "tests")]

mod processes;

use std::path::Path;

use multibeam_e2e::{
    Ended, Outcome, Program, Results, RunFile, Scratch, assert_plain_zoo,
    assert_rendered_as_by_ginkgo, assert_same, suites, trace, wait_for, zoo,
};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

const VERSION: &str = suites::KUBERNETES;

/// A standing system: an aggregator, a coordinator, and workers for clusters a (two) and b.
struct System<'a> {
    scratch: &'a Scratch,
    coordinator: String,
    aggregator: String,
    workers: Vec<Program>,
    coordinator_program: Option<Program>,
    aggregator_program: Program,
}

impl<'a> System<'a> {
    fn start(scratch: &'a Scratch) -> Self {
        let _ = scratch.run(["pki", "ca"]).expect(0);
        for (role, name) in [
            ("aggregator", "one"),
            ("coordinator", "one"),
            ("worker", "a"),
            ("worker", "b"),
            ("user", "me"),
        ] {
            let _ = scratch.run(["pki", "issue", role, "--name", name]).expect(0);
        }
        let (first, aggregator) = serve(scratch, "aggregator", &[]);
        let more = strings(&["--aggregator", &aggregator]);
        let (second, coordinator) = serve(scratch, "coordinator", &more);
        let mut this = Self {
            scratch,
            coordinator,
            aggregator,
            workers: Vec::new(),
            coordinator_program: Some(second),
            aggregator_program: first,
        };
        for (cluster, data) in [("a", "a-1"), ("a", "a-2"), ("b", "b-1")] {
            let worker = this.worker(cluster, cluster, data);
            this.workers.push(worker);
        }
        this
    }

    /// Kills the coordinator; another one takes its place.
    fn replace_coordinator(&mut self) {
        let old = self.coordinator_program.take().unwrap();
        old.signal(Signal::SIGKILL);
        let _ = old.wait();
        let address = self.coordinator.trim_start_matches("https://").to_owned();
        let more = strings(&["--aggregator", &self.aggregator, "--listen", &address]);
        self.coordinator_program = Some(serve(self.scratch, "coordinator", &more).0);
    }

    /// A worker for a cluster with the certificate of another one, perhaps.
    fn worker(&self, cluster: &str, holder: &str, data: &str) -> Program {
        let mut args = strings(&["worker", "--cluster", cluster, "--data", data]);
        args.extend(strings(&["--processes", "2", "--coordinator", &self.coordinator]));
        args.extend(strings(&["--aggregator", &self.aggregator]));
        args.extend(certificate(&format!("worker-{holder}")));
        self.scratch.start(args)
    }

    /// A command of a user at this system.
    fn user(&self, args: &[&str]) -> Vec<String> {
        self.holder("user-me", args)
    }

    fn holder(&self, holder: &str, args: &[&str]) -> Vec<String> {
        let mut args = strings(args);
        args.extend(strings(&["--endpoint", &self.coordinator]));
        args.extend(certificate(holder));
        args
    }

    fn run(&self, args: &[&str]) -> Ended {
        self.scratch.run(self.user(args))
    }

    /// Submits a run and gives its name.
    fn submit(&self, file: RunFile) -> String {
        let path = self.scratch.run_file("run.yaml", file);
        let submitted = self.run(&["run", "--detach", "-f", path.to_str().unwrap()]).expect(0);
        submitted.stdout.trim().to_owned()
    }

    fn status(&self, run: &str) -> Value {
        let ended = self.run(&["status", "--json", run]).expect(0);
        serde_json::from_str(&ended.stdout).unwrap()
    }

    /// Waits for the end of a run and gets its results.
    fn finish(&self, run: &str, code: i32) -> Results {
        let _ = self.run(&["attach", "--plain", run]).expect(code);
        let to = self.scratch.path().join("fetched").join(run);
        let _ = self.run(&["results", run, "--to", to.to_str().unwrap()]);
        Results::at(to)
    }
}

/// Starts a service, on any port unless `more` names one, and gives its URL.
fn serve(scratch: &Scratch, role: &str, more: &[String]) -> (Program, String) {
    let file = format!("{role}.address");
    let mut args = strings(&[role, "--address-file", &file]);
    if !more.iter().any(|arg| arg == "--listen") {
        args.extend(strings(&["--listen", "127.0.0.1:0"]));
    }
    args.extend_from_slice(more);
    args.extend(certificate(&format!("{role}-one")));
    let path = scratch.path().join(&file);
    // An earlier one may have left it.
    let _ = std::fs::remove_file(&path);
    let service = scratch.start(args);
    let url = wait_for("a service", || address(&path));
    (service, url)
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn certificate(holder: &str) -> Vec<String> {
    let (cert, key) = (format!("pki/{holder}.pem"), format!("pki/{holder}.key"));
    strings(&["--ca", "pki/ca.pem", "--cert", &cert, "--key", &key])
}

fn address(file: &Path) -> Option<String> {
    let address = std::fs::read_to_string(file).ok()?;
    Some(format!("https://{}", address.trim()))
}

/// A run whose workers are missed soon.
fn shaped(scale: &str) -> RunFile {
    RunFile::new(&suites::shaped(VERSION))
        .env("SHAPED_SCALE", scale)
        .set(&["limits"], json!({"grace": "2s", "lease": "10s", "heartbeat": "1s"}))
        .target("t", &["a", "b"])
}

#[test]
fn the_same_as_in_one_process() {
    let scratch = Scratch::new();
    let system = System::start(&scratch);
    let file = || zoo(VERSION).set(&["seed"], 5).target("t", &["a", "b"]);
    let path = scratch.run_file("run.yaml", file());
    let _ = system.run(&["run", "--plain", "-f", path.to_str().unwrap()]).expect(1);
    // Where it was called.
    let apart = scratch.results();
    let executions: Vec<_> =
        ["a", "b"].iter().flat_map(|c| trace::executions(&scratch.trace(c))).collect();
    assert_plain_zoo(&apart.report("t"), &executions);
    assert_rendered_as_by_ginkgo(VERSION, &apart.target_dir("t"));

    let elsewhere = Scratch::new();
    let (ended, together) = elsewhere.run_to_end(file());
    let _ = ended.expect(1);
    let outcomes = |results: &Results| Outcome::all(&results.report("t"));
    assert_same("outcomes", outcomes(&together), outcomes(&apart));

    assert_refusals(&scratch, &system);
    let runs = system.run(&["runs"]).expect(0);
    assert!(
        runs.stdout.contains(&apart.run()) && runs.stdout.contains("failed"),
        "{}",
        runs.stdout
    );
}

/// Who may not do what.
fn assert_refusals(scratch: &Scratch, system: &System<'_>) {
    let path = scratch.path().join("run.yaml");
    let submit = ["run", "--detach", "-f", path.to_str().unwrap()];
    let worker = scratch.run(system.holder("worker-a", &submit)).expect(4);
    assert!(worker.stderr.contains("role may not call"), "{}", worker.stderr);

    let stranger = system.worker("b", "a", "stranger").wait().expect(3);
    assert!(stranger.stderr.contains("may not act for cluster b"), "{}", stranger.stderr);

    let plain = system.coordinator.replace("https", "http");
    let plain = scratch.run(["runs", "--endpoint", &plain, "--plaintext"]);
    assert_eq!(plain.code(), 4, "{}", plain.stdout);
    let open = ["coordinator", "--listen", "0.0.0.0:0", "--plaintext"];
    let open = scratch.run(open).expect(3);
    assert!(open.stderr.contains("no loopback address"), "{}", open.stderr);
}

#[test]
fn detached_and_cancelled() {
    let scratch = Scratch::new();
    let system = System::start(&scratch);
    let run = system.submit(shaped("100"));
    wait_for("specs to end", || {
        (system.status(&run)["targets"][0]["done"].as_u64()? > 5).then_some(())
    });
    let runs = system.run(&["runs"]).expect(0);
    assert!(runs.stdout.contains("running"), "{}", runs.stdout);
    let again = system.run(&["run", "--resume", &run]).expect(3);
    assert!(again.stderr.contains("is under way"), "{}", again.stderr);
    let _ = system.run(&["cancel", &run]).expect(0);
    let results = system.finish(&run, 2);
    assert_rendered_as_by_ginkgo(VERSION, &results.target_dir("t"));
    let summary = results.summary();
    assert_eq!(summary["verdict"], "incomplete");
    assert!(results.log("t").contains("the run was cancelled"));
    processes::wait_until_gone(scratch.path());
}

/// What must hold after a worker was lost.
fn assert_whole(scratch: &Scratch, results: &Results) {
    let report = results.report("t");
    assert!(report.suite_succeeded);
    assert_eq!(report.count("passed"), 402);
    assert_rendered_as_by_ginkgo(VERSION, &results.target_dir("t"));
    for cluster in ["a", "b"] {
        trace::assert_serial_alone(cluster, &trace::executions(&scratch.trace(cluster)));
    }
    let lost = results.target("t")["lostAttempts"].as_array().unwrap().len();
    assert!((1..=2).contains(&lost), "{lost} attempts were lost");
}

#[test]
fn a_worker_is_killed() {
    let scratch = Scratch::new();
    let system = System::start(&scratch);
    let run = system.submit(shaped("120"));
    wait_for("specs to run on b", || {
        (processes::suites(scratch.path()).iter().filter(|p| p.is_of("b")).count() >= 2
            && scratch.trace("b").len() > 4)
            .then_some(())
    });
    system.workers[2].signal(Signal::SIGKILL);
    wait_for("the end of its suite processes", || {
        processes::suites(scratch.path()).iter().all(|p| !p.is_of("b")).then_some(())
    });
    assert!(system.status(&run)["verdict"].is_null());
    let results = system.finish(&run, 0);
    assert_whole(&scratch, &results);
}

#[test]
fn a_worker_is_stopped() {
    let scratch = Scratch::new();
    let system = System::start(&scratch);
    let run = system.submit(shaped("120"));
    wait_for("specs to run on b", || {
        (processes::suites(scratch.path()).iter().filter(|p| p.is_of("b")).count() >= 2
            && scratch.trace("b").len() > 4)
            .then_some(())
    });
    system.workers[2].signal(Signal::SIGSTOP);
    // Its guards do not need it to see that the lease is over.
    wait_for("the end of its suite processes", || {
        processes::suites(scratch.path()).iter().all(|p| !p.is_of("b")).then_some(())
    });
    let seen = scratch.trace("b").len();
    let results = system.finish(&run, 0);
    assert_eq!(scratch.trace("b").len(), seen, "something ran on b after the lease");
    assert!(scratch.trace("b").iter().all(|line| !line.serial), "a serial spec began on b");
    assert_whole(&scratch, &results);
    // It comes back as another one, for other runs.
    system.workers[2].signal(Signal::SIGCONT);
    let next = system.submit(shaped("2000"));
    let _ = system.finish(&next, 0);
    wait_for("a new worker on b", || (scratch.trace("b").len() > seen).then_some(()));
}

#[test]
fn the_next_coordinator_waits_for_what_it_cannot_reach() {
    let scratch = Scratch::new();
    let mut system = System::start(&scratch);
    let run = system.submit(shaped("120"));
    let on_b = || processes::suites(scratch.path()).iter().filter(|p| p.is_of("b")).count();
    wait_for("specs to run on b", || (on_b() >= 2 && scratch.trace("b").len() > 4).then_some(()));
    // Its guards let its suite processes live until the lease is over.
    system.workers[2].signal(Signal::SIGSTOP);
    system.replace_coordinator();
    let resumed = scratch.start(system.user(&["run", "--plain", "--resume", &run]));
    wait_for("a message", || resumed.stderr().contains("lease is over").then_some(()));
    assert!(on_b() > 0, "the message came late");
    resumed.wait_for_output("starting");
    assert_eq!(on_b(), 0, "the run goes on while suite processes of its first half live");
    let _ = resumed.wait().expect(0);

    let results = Results::at(scratch.path().join("results").join(&run));
    let report = results.report("t");
    assert!(report.suite_succeeded);
    assert_eq!(report.count("passed"), 402);
    for cluster in ["a", "b"] {
        trace::assert_serial_alone(cluster, &trace::executions(&scratch.trace(cluster)));
    }
    system.workers[2].signal(Signal::SIGCONT);
}

#[test]
fn the_next_coordinator_goes_on_when_the_workers_have_come_back() {
    let scratch = Scratch::new();
    let mut system = System::start(&scratch);
    // Nobody waits for the end of this lease.
    let limits = json!({"grace": "2s", "lease": "1h", "heartbeat": "1s"});
    let run = system.submit(shaped("120").set(&["limits"], limits));
    wait_for("specs to run on both", || {
        ["a", "b"].iter().all(|cluster| scratch.trace(cluster).len() > 4).then_some(())
    });
    system.replace_coordinator();
    let _ = system.run(&["run", "--plain", "--resume", &run]).expect(0);
    let results = Results::at(scratch.path().join("results").join(&run));
    assert_eq!(results.report("t").count("passed"), 402);
    for cluster in ["a", "b"] {
        trace::assert_serial_alone(cluster, &trace::executions(&scratch.trace(cluster)));
    }
}

#[test]
fn ctrl_c_without_a_ledger() {
    let scratch = Scratch::new();
    let system = System::start(&scratch);
    let path = scratch.run_file("run.yaml", shaped("50"));
    let run = system.user(&["run", "--plain", "-f", path.to_str().unwrap()]);
    let run = scratch.start(run);
    wait_for("specs to run", || (scratch.trace("b").len() > 4).then_some(()));
    system.aggregator_program.signal(Signal::SIGSTOP);
    run.signal(Signal::SIGINT);
    run.wait_for_output("the ledger cannot be reached");
    run.signal(Signal::SIGINT);
    processes::wait_until_gone(scratch.path());
    let ended = run.wait().expect(4);
    assert!(ended.stderr.contains("the ledger cannot be reached"), "{}", ended.stderr);
    system.aggregator_program.signal(Signal::SIGCONT);
}
