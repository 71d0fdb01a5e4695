//! A standing system of services, each a process of its own, over mTLS.

use std::path::Path;

use multibeam_e2e::{Ended, Program, Results, RunFile, Scratch, wait_for};
use nix::sys::signal::Signal;
use serde_json::Value;

/// A standing system: an aggregator, a coordinator, and workers for clusters a (two) and b.
pub(crate) struct System<'a> {
    scratch: &'a Scratch,
    /// The URLs of the coordinators. The first one is in office at first.
    pub(crate) coordinators: Vec<String>,
    aggregator: String,
    pub(crate) workers: Vec<Program>,
    /// The coordinators; one that was killed is taken out.
    pub(crate) coordinator_programs: Vec<Option<Program>>,
    pub(crate) aggregator_program: Program,
}

impl<'a> System<'a> {
    pub(crate) fn start(scratch: &'a Scratch) -> Self {
        Self::with_coordinators(scratch, 1)
    }

    pub(crate) fn with_coordinators(scratch: &'a Scratch, count: usize) -> Self {
        scratch.certificates(&[]);
        let (first, aggregator) = serve(scratch, "aggregator", &[]);
        let more = strings(&["--aggregator", &aggregator]);
        let mut this = Self {
            scratch,
            coordinators: Vec::new(),
            aggregator,
            workers: Vec::new(),
            coordinator_programs: Vec::new(),
            aggregator_program: first,
        };
        for _ in 0..count {
            let (program, url) = serve(scratch, "coordinator", &more);
            this.coordinator_programs.push(Some(program));
            this.coordinators.push(url);
            // The next one stands by.
            let _ = this.run(&["runs"]).expect(0);
        }
        for (cluster, data) in [("a", "a-1"), ("a", "a-2"), ("b", "b-1")] {
            let worker = this.worker(cluster, cluster, data);
            this.workers.push(worker);
        }
        this
    }

    /// The coordinator with this number.
    pub(crate) fn coordinator(&self, number: usize) -> &Program {
        self.coordinator_programs[number].as_ref().unwrap()
    }

    /// Kills a coordinator.
    pub(crate) fn kill_coordinator(&mut self, number: usize) {
        let old = self.coordinator_programs[number].take().unwrap();
        old.signal(Signal::SIGKILL);
        let _ = old.wait();
    }

    /// Kills the coordinator; another one takes its place at once.
    pub(crate) fn replace_coordinator(&mut self) {
        self.kill_coordinator(0);
        let address = self.coordinators[0].trim_start_matches("https://").to_owned();
        let more = ["--aggregator", &self.aggregator, "--listen", &address, "--take-over"];
        self.coordinator_programs[0] = Some(serve(self.scratch, "coordinator", &strings(&more)).0);
    }

    /// A worker for a cluster with the certificate of another one, perhaps.
    pub(crate) fn worker(&self, cluster: &str, holder: &str, data: &str) -> Program {
        let mut args = strings(&["worker", "--cluster", cluster, "--data", data]);
        args.extend(strings(&["--processes", "2"]));
        for coordinator in &self.coordinators {
            args.extend(strings(&["--coordinator", coordinator]));
        }
        args.extend(strings(&["--aggregator", &self.aggregator]));
        args.extend(certificate(&format!("worker-{holder}")));
        self.scratch.start(args)
    }

    /// A command of a user at this system.
    pub(crate) fn user(&self, args: &[&str]) -> Vec<String> {
        self.holder("user-me", args)
    }

    pub(crate) fn holder(&self, holder: &str, args: &[&str]) -> Vec<String> {
        let mut args = strings(args);
        args.extend(strings(&["--endpoint", &self.coordinators.join(",")]));
        args.extend(certificate(holder));
        args
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ended {
        self.scratch.run(self.user(args))
    }

    /// Submits a run and gives its name.
    pub(crate) fn submit(&self, file: RunFile) -> String {
        let path = self.scratch.run_file("run.yaml", file);
        let submitted = self.run(&["run", "--detach", "-f", path.to_str().unwrap()]).expect(0);
        submitted.stdout.trim().to_owned()
    }

    pub(crate) fn status(&self, run: &str) -> Value {
        let ended = self.run(&["status", "--json", run]).expect(0);
        serde_json::from_str(&ended.stdout).unwrap()
    }

    /// Waits for the end of a run and gets its results.
    pub(crate) fn finish(&self, run: &str, code: i32) -> Results {
        let _ = self.run(&["attach", "--plain", run]).expect(code);
        let to = self.scratch.path().join("fetched").join(run);
        let _ = self.run(&["results", run, "--to", to.to_str().unwrap()]);
        Results::at(to)
    }
}

/// Starts a service, on any port unless `more` names one, and gives its URL.
pub(crate) fn serve(scratch: &Scratch, role: &str, more: &[String]) -> (Program, String) {
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

pub(crate) fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

pub(crate) fn certificate(holder: &str) -> Vec<String> {
    let (cert, key) = (format!("pki/{holder}.pem"), format!("pki/{holder}.key"));
    strings(&["--ca", "pki/ca.pem", "--cert", &cert, "--key", &key])
}

fn address(file: &Path) -> Option<String> {
    let address = std::fs::read_to_string(file).ok()?;
    Some(format!("https://{}", address.trim()))
}
