//! Aggregators, coordinator, workers, and a user, each on a host of its own, over mTLS.

use std::collections::{BTreeMap, BTreeSet};

use multibeam_e2e::{Ended, Program, Results, Scratch, wait_for};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::fault::Fault;
use super::lab::Lab;
use super::undisturbed::{CLUSTERS, Suite};

/// The hosts that keep the ledger.
pub(crate) const AGGREGATORS: [&str; 3] = ["keep1", "keep2", "keep3"];
/// The hosts that serve runs. The first one is in office at first.
pub(crate) const COORDINATORS: [&str; 2] = ["serve1", "serve2"];
/// The hosts with suite processes: two of each cluster, whose name they begin with.
pub(crate) const WORKERS: [&str; 4] = ["a1", "a2", "b1", "b2"];
const USER: &str = "user";

/// What a coordinator says when it comes into office,
pub(crate) const IN_OFFICE: &str = "in office epoch";
/// when it does not, or not any more,
pub(crate) const STANDING_BY: &str = "standing by";
/// and what a worker says that hears of no coordinator.
const COMPLAINT: &str = "no coordinator, trying again";

/// A run under way.
pub(crate) struct Run {
    suite: Suite,
    name: String,
}

/// A standing system.
pub(crate) struct System {
    programs: BTreeMap<&'static str, Program>,
    /// Workers that were killed.
    dead: Vec<i32>,
    lab: Lab,
    scratch: Scratch,
}

impl System {
    /// Starts everything; `None` where no networks can be made.
    pub(crate) fn start() -> Option<Self> {
        let services: Vec<_> = AGGREGATORS.into_iter().chain(COORDINATORS).chain(WORKERS).collect();
        let lab = Lab::new(&[&services[..], &[USER]].concat())?;
        let scratch = Scratch::new();
        let mut this = Self { programs: BTreeMap::new(), dead: Vec::new(), lab, scratch };
        this.make_certificates();
        for host in services {
            this.start_on(host);
            if host == COORDINATORS[0] {
                this.wait_until_said(host, IN_OFFICE);
            }
        }
        Some(this)
    }

    fn make_certificates(&self) {
        let _ = self.scratch.run(["pki", "ca"]).expect(0);
        for (role, name, hosts) in [
            ("aggregator", "all", &AGGREGATORS[..]),
            ("coordinator", "all", &COORDINATORS),
            ("worker", "a", &[]),
            ("worker", "b", &[]),
            ("user", "me", &[]),
        ] {
            let mut args = words(&["pki", "issue", role, "--name", name]);
            for host in hosts {
                args.extend(words(&["--host", &self.lab.address(host)]));
            }
            let _ = self.scratch.run(args).expect(0);
        }
    }

    fn url(&self, host: &str) -> String {
        format!("https://{}:7400", self.lab.address(host))
    }

    /// `--FLAG URL` for each of the hosts.
    fn flags<'a>(&self, flag: &str, hosts: impl IntoIterator<Item = &'a str>) -> Vec<String> {
        hosts.into_iter().flat_map(|host| [flag.to_owned(), self.url(host)]).collect()
    }

    /// Starts the program of a host, anew or on what it left.
    pub(crate) fn start_on(&mut self, host: &'static str) {
        let listen = format!("{}:7400", self.lab.address(host));
        let mut args;
        if let Some(place) = AGGREGATORS.iter().position(|known| *known == host) {
            let (node, data) = ((place + 1).to_string(), format!("data-{host}"));
            args = words(&["aggregator", "--node", &node, "--data", &data, "--listen", &listen]);
            for (place, member) in (1..).zip(AGGREGATORS) {
                args.extend(words(&["--member", &format!("{place}={}", self.url(member))]));
            }
            args.extend(certificate("aggregator-all"));
        } else if COORDINATORS.contains(&host) {
            args = words(&["coordinator", "--name", host, "--listen", &listen]);
            args.extend(self.flags("--aggregator", AGGREGATORS));
            args.extend(certificate("coordinator-all"));
        } else {
            let (cluster, data) = (&host[..1], format!("data-{host}"));
            args = words(&["worker", "--cluster", cluster, "--processes", "1", "--data", &data]);
            args.extend(self.flags("--coordinator", COORDINATORS));
            args.extend(self.flags("--aggregator", AGGREGATORS));
            args.extend(certificate(&format!("worker-{cluster}")));
        }
        let program = Program::start(self.lab.at(host, &self.scratch.multibeam(args)));
        assert!(self.programs.insert(host, program).is_none(), "{host} has a program already");
    }

    /// Sends a signal to the program of a host.
    pub(crate) fn signal(&self, host: &str, signal: Signal) {
        self.programs[host].signal(signal);
    }

    /// Kills everything on a host. Nobody is told: as when it loses its power, no connection ends.
    pub(crate) fn crash(&mut self, host: &'static str) {
        self.lab.faults(&[Fault::Isolated(host)]);
        self.kill(host);
    }

    /// Kills everything on a host; the system closes its connections.
    pub(crate) fn kill(&mut self, host: &'static str) {
        self.lab.kill_all(host);
        let program = self.programs.remove(host).unwrap();
        if WORKERS.contains(&host) {
            self.dead.push(program.pid());
        }
        let _ = program.wait();
    }

    /// From now on exactly these faults are in the network.
    pub(crate) fn faults(&self, faults: &[Fault<'_>]) {
        self.lab.faults(faults);
    }

    /// Starts a run of a suite whose workers have this lease, and waits until all of them take
    /// part in it.
    pub(crate) fn submit(&self, suite: Suite, lease: &str) -> Run {
        let file = suite.run_file(true);
        let limits = json!({"grace": "2s", "lease": lease, "heartbeat": "1s"});
        let path = self.scratch.run_file("run.yaml", file.set(&["limits"], limits));
        let submit = self.user(&["run", "--detach", "-f", path.to_str().unwrap()]).expect(0);
        let run = Run { suite, name: submit.stdout.trim().to_owned() };
        self.wait_for_lines("node", &BTreeMap::new(), 1);
        run
    }

    /// Waits until a suite process of every worker has run three further specs to their ends: the
    /// third one begins only when the report of the first is durable.
    pub(crate) fn wait_for_specs(&self) {
        self.wait_for_lines("end", &self.lines("end"), 3);
    }

    /// How many events of a kind each suite process has written into its trace.
    fn lines(&self, event: &str) -> BTreeMap<i32, usize> {
        let lines = CLUSTERS.iter().flat_map(|cluster| self.scratch.trace(cluster));
        let mut counts = BTreeMap::new();
        for line in lines.filter(|line| line.event == event) {
            *counts.entry(line.pid).or_default() += 1;
        }
        counts
    }

    /// Waits until every worker has a suite process that has written so many more.
    fn wait_for_lines(&self, event: &str, before: &BTreeMap<i32, usize>, more: usize) {
        let mut seen: BTreeMap<&str, BTreeSet<i32>> = BTreeMap::new();
        wait_for(&format!("{more} times {event:?} of every worker"), || {
            for host in WORKERS.iter().filter(|host| self.programs.contains_key(**host)) {
                seen.entry(host).or_default().extend(self.lab.processes(host));
            }
            let now = self.lines(event);
            let goes_on = |pid: &i32| {
                let [then, now] =
                    [before, &now].map(|counts| counts.get(pid).copied().unwrap_or(0));
                now >= then + more
            };
            seen.values().all(|pids| pids.iter().any(goes_on)).then_some(())
        });
    }

    /// The members as one of these aggregators sees them.
    fn members(&self, asked: &[&str]) -> Option<Vec<Value>> {
        let mut args = words(&["aggregator", "list", "--json"]);
        args.extend(self.flags("--aggregator", asked.iter().copied()));
        let list: Value = serde_json::from_str(&self.user_command(args).stdout).ok()?;
        Some(list["members"].as_array()?.clone())
    }

    /// Waits until one of these aggregators leads.
    pub(crate) fn leader(&self, among: &[&'static str]) -> &'static str {
        wait_for("a leader", || {
            let members = self.members(among)?;
            let leader = members.iter().find(|member| member["leads"] == true)?;
            let place = usize::try_from(leader["node"].as_u64()?).unwrap() - 1;
            Some(AGGREGATORS[place]).filter(|leader| among.contains(leader))
        })
    }

    /// Waits until all aggregators are heard from.
    pub(crate) fn wait_for_all_aggregators(&self) {
        wait_for("all aggregators", || {
            let members = self.members(&AGGREGATORS)?;
            members.iter().all(|member| member["alive"] == true).then_some(())
        });
    }

    /// Waits until the program of a host has said something.
    pub(crate) fn wait_until_said(&self, host: &str, text: &str) {
        wait_for(&format!("{text:?} from {host}"), || {
            self.programs[host].stderr().contains(text).then_some(())
        });
    }

    /// How often each worker has told that it has no coordinator.
    pub(crate) fn complaints(&self) -> Vec<usize> {
        let of = |host| self.programs[host].stderr().matches(COMPLAINT).count();
        WORKERS.into_iter().map(of).collect()
    }

    /// Waits until each worker has told so again.
    pub(crate) fn wait_for_complaints(&self, before: &[usize]) {
        wait_for("workers to miss their coordinator", || {
            self.complaints().iter().zip(before).all(|(now, then)| now > then).then_some(())
        });
    }

    /// A command of the user at the coordinator.
    fn user(&self, args: &[&str]) -> Ended {
        let mut args = words(args);
        args.extend(self.flags("--endpoint", COORDINATORS));
        self.user_command(args)
    }

    fn user_command(&self, mut args: Vec<String>) -> Ended {
        args.extend(certificate("user-me"));
        Program::start(self.lab.at(USER, &self.scratch.multibeam(args))).wait()
    }

    /// Waits for the end of a run, and makes sure that it gave what an undisturbed one gives.
    pub(crate) fn finish(&self, run: &Run) {
        let Run { suite, name } = run;
        // Whoever follows a run may lose the coordinator; the run does not.
        let _ = wait_for("the end of the run", || {
            let ended = self.user(&["attach", "--plain", name]);
            (ended.code() != 4).then_some(ended)
        })
        .expect(suite.code());
        let to = self.scratch.path().join("fetched");
        let _ = self.user(&["results", name, "--to", to.to_str().unwrap()]).expect(0);
        suite.assert_undisturbed(&self.scratch, &Results::at(to), &self.dead);
    }
}

fn words(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn certificate(holder: &str) -> Vec<String> {
    let (cert, key) = (format!("pki/{holder}.pem"), format!("pki/{holder}.key"));
    words(&["--ca", "pki/ca.pem", "--cert", &cert, "--key", &key])
}
