//! Three aggregators, a coordinator, and workers as processes of their own: any one of the
//! aggregators may die, hang, or be replaced while a run goes on, and nothing is lost.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::atomic::{AtomicU32, Ordering};

use multibeam_e2e::{
    Program, Results, RunFile, Scratch, assert_rendered_as_by_ginkgo, suites, trace, wait_for,
};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

const VERSION: &str = suites::KUBERNETES;
const CLUSTERS: [&str; 2] = ["a", "b"];

/// A standing system with three aggregators.
struct System {
    scratch: Scratch,
    urls: Vec<String>,
    aggregators: Vec<Option<Program>>,
    coordinator: String,
    _others: Vec<Program>,
}

impl System {
    fn start() -> Self {
        let scratch = Scratch::new();
        let _ = scratch.run(["pki", "ca"]).expect(0);
        let host = host();
        for (role, name) in [
            ("aggregator", "one"),
            ("coordinator", "one"),
            ("worker", "a"),
            ("worker", "b"),
            ("user", "me"),
        ] {
            let _ = scratch.run(["pki", "issue", role, "--name", name, "--host", &host]).expect(0);
        }
        let mut this = Self {
            scratch,
            urls: (1..=4).map(|node| format!("https://{host}:740{node}")).collect(),
            aggregators: Vec::new(),
            coordinator: format!("https://{host}:7400"),
            _others: Vec::new(),
        };
        for node in 1..=3 {
            this.aggregators.push(None);
            this.start_aggregator(node);
        }
        let mut coordinator = words(&["coordinator", "--listen", bare(&this.coordinator)]);
        coordinator.extend(this.at_aggregators());
        coordinator.extend(certificate("coordinator-one"));
        let coordinator = this.scratch.start(coordinator);
        // Until it listens, `run` is right to say that nobody answers.
        wait_for("the coordinator", || {
            coordinator.stderr().contains("coordinator ready").then_some(())
        });
        this._others.push(coordinator);
        for cluster in CLUSTERS {
            let mut worker = words(&["worker", "--cluster", cluster, "--processes", "2"]);
            worker.extend(words(&["--coordinator", &this.coordinator]));
            worker.extend(this.at_aggregators());
            worker.extend(certificate(&format!("worker-{cluster}")));
            this._others.push(this.scratch.start(worker));
        }
        this
    }

    /// Starts a founding member, anew or on what it left.
    fn start_aggregator(&mut self, node: usize) {
        let mut args = self.aggregator(node);
        for (place, url) in (1..=3).zip(&self.urls) {
            args.extend(words(&["--member", &format!("{place}={url}")]));
        }
        self.aggregators[node - 1] = Some(self.scratch.start(args));
    }

    fn aggregator(&self, node: usize) -> Vec<String> {
        let data = format!("ledger-{node}");
        let listen = bare(&self.urls[node - 1]);
        let number = node.to_string();
        let mut args =
            words(&["aggregator", "--node", &number, "--data", &data, "--listen", listen]);
        args.extend(certificate("aggregator-one"));
        args
    }

    fn at_aggregators(&self) -> Vec<String> {
        self.urls[..3].iter().flat_map(|url| words(&["--aggregator", url])).collect()
    }

    fn kill(&mut self, node: usize) {
        let program = self.aggregators[node - 1].take().unwrap();
        program.signal(Signal::SIGKILL);
        let _ = program.wait();
    }

    /// The members as one that leads sees them.
    fn members(&self) -> Option<Vec<Value>> {
        let mut args = words(&["aggregator", "list", "--json"]);
        args.extend(self.at_aggregators());
        args.extend(certificate("user-me"));
        let ended = self.scratch.run(args);
        let list: Value = serde_json::from_str(&ended.stdout).ok()?;
        Some(list["members"].as_array()?.clone())
    }

    fn leader(&self) -> usize {
        wait_for("a leader", || {
            let members = self.members()?;
            let leader = members.iter().find(|member| member["leads"] == true)?;
            Some(usize::try_from(leader["node"].as_u64()?).unwrap())
        })
    }

    fn change(&self, args: &[&str], code: i32) -> String {
        let mut args = words(args);
        args.extend(self.at_aggregators());
        args.extend(certificate("aggregator-one"));
        let ended = self.scratch.run(args).expect(code);
        ended.stdout + &ended.stderr
    }

    fn user(&self, args: &[&str]) -> Vec<String> {
        let mut args = words(args);
        args.extend(words(&["--endpoint", &self.coordinator]));
        args.extend(certificate("user-me"));
        args
    }

    fn start_run(&self) -> Program {
        let file = RunFile::new(&suites::shaped(VERSION))
            .env("SHAPED_SCALE", "120")
            .set(&["limits"], json!({"grace": "2s", "lease": "30s", "heartbeat": "1s"}))
            .target("t", &CLUSTERS);
        let path = self.scratch.run_file("run.yaml", file);
        let run = self.user(&["run", "--plain", "-f", path.to_str().unwrap()]);
        let run = self.scratch.start(run);
        self.wait_for_specs(5);
        run
    }

    /// Waits until so many specs have ended on each cluster.
    fn wait_for_specs(&self, count: usize) {
        wait_for("specs to run", || {
            CLUSTERS.iter().all(|c| self.scratch.trace(c).len() >= count).then_some(())
        });
    }

    /// What an undisturbed run gives, and nothing twice.
    fn assert_whole(&self) {
        let results = self.scratch.results();
        assert_whole(&self.scratch, &results);
    }
}

fn assert_whole(scratch: &Scratch, results: &Results) {
    let report = results.report("t");
    assert!(report.suite_succeeded);
    assert_eq!(report.count("passed"), 402);
    assert_rendered_as_by_ginkgo(VERSION, &results.target_dir("t"));
    let lost = results.target("t")["lostAttempts"].as_array().unwrap().len();
    assert_eq!(lost, 0, "no attempt is lost because an aggregator is");
    let mut executions = 0;
    for cluster in CLUSTERS {
        let of_cluster = trace::executions(&scratch.trace(cluster));
        trace::assert_serial_alone(cluster, &of_cluster);
        executions += of_cluster.len();
    }
    assert_eq!(executions, 402, "every spec ran exactly once");
}

/// An address of this machine that nobody else uses: members are told each other's addresses before
/// they listen, so they cannot have ports that the system picks.
fn host() -> String {
    static SYSTEMS: AtomicU32 = AtomicU32::new(0);
    let number = std::process::id() * 8 + SYSTEMS.fetch_add(1, Ordering::Relaxed);
    let part = |divisor: u32| 1 + number / divisor % 250;
    format!("127.{}.{}.{}", part(250 * 250), part(250), part(1))
}

fn bare(url: &str) -> &str {
    url.trim_start_matches("https://")
}

fn words(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn certificate(holder: &str) -> Vec<String> {
    let (cert, key) = (format!("pki/{holder}.pem"), format!("pki/{holder}.key"));
    words(&["--ca", "pki/ca.pem", "--cert", &cert, "--key", &key])
}

#[test]
fn any_aggregator_may_be_killed_or_hang_in_the_middle_of_a_run() {
    let mut system = System::start();
    let run = system.start_run();
    // The leader dies, comes back on its disk, and the next leader hangs.
    let first = system.leader();
    system.kill(first);
    system.wait_for_specs(30);
    system.start_aggregator(first);
    wait_for("all three", || {
        system.members()?.iter().all(|member| member["alive"] == true).then_some(())
    });
    let second = system.leader();
    let hung = system.aggregators[second - 1].as_ref().unwrap();
    hung.signal(Signal::SIGSTOP);
    system.wait_for_specs(70);
    hung.signal(Signal::SIGCONT);
    let _ = run.wait().expect(0);
    system.assert_whole();
}

#[test]
fn a_member_that_has_lost_its_directory_stops() {
    let mut system = System::start();
    wait_for("all three", || {
        system.members()?.iter().all(|member| member["alive"] == true).then_some(())
    });
    let leader = system.leader();
    let gone = if leader == 3 { 2 } else { 3 };
    system.kill(gone);
    std::fs::remove_dir_all(system.scratch.path().join(format!("ledger-{gone}"))).unwrap();
    // With its old number it would vote for logs that lack what it has acknowledged.
    system.start_aggregator(gone);
    let ended = system.aggregators[gone - 1].take().unwrap().wait().expect(4);
    assert!(ended.stderr.contains("with another directory"), "{}", ended.stderr);
    wait_for("it to be missed", || {
        let lost = |member: &Value| member["node"] == gone && member["alive"] == true;
        (!system.members()?.iter().any(lost)).then_some(())
    });
}

#[test]
fn a_member_is_replaced_in_the_middle_of_a_run() {
    let mut system = System::start();
    let run = system.start_run();
    let leader = system.leader();
    let gone = if leader == 3 { 2 } else { 3 };
    system.kill(gone);
    let number = gone.to_string();
    // Its certificate is no user's.
    let mut args = words(&["aggregator", "remove", &number]);
    args.extend(system.at_aggregators());
    args.extend(certificate("user-me"));
    let refused = system.scratch.run(args);
    assert_ne!(refused.code(), 0);
    assert!(refused.stderr.contains("role may not call"), "{}", refused.stderr);

    let said = system.change(&["aggregator", "remove", &number], 0);
    assert!(said.contains(&format!("member {number} is removed")), "{said}");
    let url = system.urls[3].clone();
    let mut args = system.aggregator(4);
    args.extend(words(&["--join", "--address", &url]));
    let _new = system.scratch.start(args);
    let said = system.change(&["aggregator", "add", "4", &url], 0);
    assert!(said.contains("member 4 votes"), "{said}");
    let again = system.change(&["aggregator", "add", "4", &url], 3);
    assert!(again.contains("there is a member 4 already"), "{again}");
    // With the new one, the old leader can go.
    let leader = system.leader();
    system.kill(leader);
    let _ = run.wait().expect(0);
    system.assert_whole();
}
