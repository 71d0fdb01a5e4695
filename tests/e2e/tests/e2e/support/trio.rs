//! A standing system with three aggregators, each service a process of its own, over mTLS.

use std::path::PathBuf;

use multibeam_e2e::{Ended, Program, RunFile, Scratch, loopback, wait_for};
use nix::sys::signal::Signal;
use serde_json::Value;

/// The clusters; each has one worker with two processes.
pub(crate) const CLUSTERS: [&str; 2] = ["a", "b"];

/// A standing system with three aggregators.
pub(crate) struct System {
    pub(crate) scratch: Scratch,
    /// Where the aggregators are, and a place for a fourth one.
    pub(crate) urls: Vec<String>,
    /// The aggregators; one that was killed is taken out.
    pub(crate) aggregators: Vec<Option<Program>>,
    coordinator: String,
    _coordinator: Program,
    /// The workers, in the order of [`CLUSTERS`].
    pub(crate) workers: Vec<Program>,
}

impl System {
    /// Starts everything.
    pub(crate) fn start() -> Self {
        let scratch = Scratch::new();
        let host = loopback();
        scratch.certificates(&["--host", &host]);
        let urls: Vec<String> = (1..=4).map(|node| format!("https://{host}:740{node}")).collect();
        let founders = (1..=3).map(|node| Some(scratch.start(founder(&urls, node, &data(node)))));
        let aggregators = founders.collect();
        let url = format!("https://{host}:7400");
        let mut args = words(&["coordinator", "--listen", bare(&url)]);
        args.extend(flags("--aggregator", &urls[..3]));
        args.extend(certificate("coordinator-one"));
        let coordinator = scratch.start(args);
        // Until it listens, `run` is right to say that nobody answers.
        wait_for("the coordinator", || {
            coordinator.stderr().contains("coordinator ready").then_some(())
        });
        let workers = CLUSTERS.map(|cluster| {
            let mut args = words(&["worker", "--cluster", cluster, "--processes", "2"]);
            args.extend(words(&["--coordinator", &url]));
            args.extend(flags("--aggregator", &urls[..3]));
            args.extend(certificate(&format!("worker-{cluster}")));
            scratch.start(args)
        });
        let workers = workers.into();
        Self { scratch, urls, aggregators, coordinator: url, _coordinator: coordinator, workers }
    }

    /// Starts a founding member, anew or on what it left.
    pub(crate) fn start_aggregator(&mut self, node: usize) {
        self.start_aggregator_on(node, &data(node));
    }

    /// Starts a founding member on another directory.
    pub(crate) fn start_aggregator_on(&mut self, node: usize, data: &str) {
        self.aggregators[node - 1] = Some(self.scratch.start(founder(&self.urls, node, data)));
    }

    /// How a member is started, without what makes it one.
    pub(crate) fn aggregator(&self, node: usize) -> Vec<String> {
        aggregator(&self.urls, node, &data(node))
    }

    /// The directory of a member.
    pub(crate) fn directory(&self, node: usize) -> PathBuf {
        self.scratch.path().join(data(node))
    }

    /// The flags that name all founding members.
    pub(crate) fn at_aggregators(&self) -> Vec<String> {
        flags("--aggregator", &self.urls[..3])
    }

    /// Stops a member in order.
    pub(crate) fn stop(&mut self, node: usize) {
        let program = self.aggregators[node - 1].take().unwrap();
        program.signal(Signal::SIGTERM);
        let _ = program.wait().expect(0);
    }

    /// Kills a member.
    pub(crate) fn kill(&mut self, node: usize) {
        let program = self.aggregators[node - 1].take().unwrap();
        program.signal(Signal::SIGKILL);
        let _ = program.wait();
    }

    /// The members as one that leads sees them.
    pub(crate) fn members(&self) -> Option<Vec<Value>> {
        let mut args = words(&["aggregator", "list", "--json"]);
        args.extend(self.at_aggregators());
        args.extend(certificate("user-me"));
        let ended = self.scratch.run(args);
        let list: Value = serde_json::from_str(&ended.stdout).ok()?;
        // Without a leader the list is one that a member remembers.
        if list["stale"] == true {
            return None;
        }
        Some(list["members"].as_array()?.clone())
    }

    /// Waits until one of them leads.
    pub(crate) fn leader(&self) -> usize {
        wait_for("a leader", || {
            let members = self.members()?;
            let leader = members.iter().find(|member| member["leads"] == true)?;
            Some(usize::try_from(leader["node"].as_u64()?).unwrap())
        })
    }

    /// Changes the group.
    pub(crate) fn change(&self, args: &[&str], code: i32) -> String {
        let mut args = words(args);
        args.extend(self.at_aggregators());
        args.extend(certificate("aggregator-one"));
        let ended = self.scratch.run(args).expect(code);
        ended.stdout + &ended.stderr
    }

    /// A user's command.
    pub(crate) fn user(&self, args: &[&str]) -> Vec<String> {
        let mut args = words(args);
        args.extend(words(&["--endpoint", &self.coordinator]));
        args.extend(certificate("user-me"));
        args
    }

    /// Runs a user's command to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Ended {
        self.scratch.run(self.user(args))
    }

    /// Starts a run and follows it.
    pub(crate) fn start_run(&self, file: RunFile) -> Program {
        let path = self.scratch.run_file("run.yaml", file);
        self.scratch.start(self.user(&["run", "--plain", "-f", path.to_str().unwrap()]))
    }

    /// Waits until so many specs have ended on each cluster.
    pub(crate) fn wait_for_specs(&self, count: usize) {
        wait_for("specs to run", || {
            CLUSTERS.iter().all(|c| self.scratch.trace(c).len() >= count).then_some(())
        });
    }
}

fn data(node: usize) -> String {
    format!("ledger-{node}")
}

fn aggregator(urls: &[String], node: usize, data: &str) -> Vec<String> {
    let (number, listen) = (node.to_string(), bare(&urls[node - 1]));
    let mut args = words(&["aggregator", "--node", &number, "--data", data, "--listen", listen]);
    args.extend(certificate("aggregator-one"));
    args
}

fn founder(urls: &[String], node: usize, data: &str) -> Vec<String> {
    let mut args = aggregator(urls, node, data);
    for (place, url) in (1..=3).zip(urls) {
        args.extend(words(&["--member", &format!("{place}={url}")]));
    }
    args
}

fn flags(name: &str, values: &[String]) -> Vec<String> {
    values.iter().flat_map(|value| words(&[name, value])).collect()
}

fn bare(url: &str) -> &str {
    url.trim_start_matches("https://")
}

pub(crate) fn words(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

pub(crate) fn certificate(holder: &str) -> Vec<String> {
    let (cert, key) = (format!("pki/{holder}.pem"), format!("pki/{holder}.key"));
    words(&["--ca", "pki/ca.pem", "--cert", &cert, "--key", &key])
}
