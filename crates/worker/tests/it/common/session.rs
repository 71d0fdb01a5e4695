//! A complete Ginkgo session with as little judgement as possible: one cluster, processes 1..N, and
//! a pool of groups that sessions may share.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use multibeam_ginkgo::argv::{Process, SuiteOptions};
use multibeam_ginkgo::catalog::{Catalog, GroupIndex, SerialIndex};
use multibeam_ginkgo::protocol::{Answer, BeforeSuite, Request, SpecReport};
use multibeam_ginkgo::spec::SpecState;
use multibeam_worker::discover::Discovery;
use multibeam_worker::guard::clock::BootMillis;
use multibeam_worker::guard::wire::Exit;
use multibeam_worker::suite::process::{Launch, spawn};
use multibeam_worker::suite::server::{Incoming, Server};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

/// Groups that nobody has run yet, the longest at the end.
pub(crate) type Pool = Arc<Mutex<Vec<GroupIndex>>>;

/// All selected groups, to be taken from the end: longest first.
pub(crate) fn pool(catalog: &Catalog) -> Pool {
    let mut groups: Vec<GroupIndex> = catalog.selected_groups().collect();
    groups.sort_by_key(|group| catalog.groups[group.0 as usize].len());
    Arc::new(Mutex::new(groups))
}

/// One cluster's part of a run.
pub(crate) struct Session<'a> {
    pub(crate) discovery: &'a Discovery,
    pub(crate) options: &'a SuiteOptions,
    pub(crate) processes: u32,
    pub(crate) pool: Pool,
    /// The serial groups of this cluster.
    pub(crate) serial: BTreeSet<SerialIndex>,
    /// Traces and spools.
    pub(crate) directory: PathBuf,
    /// Added to the environment.
    pub(crate) env: Vec<(&'static str, String)>,
}

/// What a session left.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) exits: BTreeMap<u32, Exit>,
    pub(crate) reports: Vec<SpecReport>,
    pub(crate) final_reports: usize,
}

#[derive(Default)]
struct State {
    before_suite: Option<BeforeSuite>,
    report_before_suite: Option<SpecState>,
    running: BTreeMap<u32, (GroupIndex, usize)>,
    outcome: Outcome,
}

impl Session<'_> {
    pub(crate) async fn run(&self) -> Outcome {
        let server = Server::bind().await.unwrap();
        let urls = server.urls();
        let (incoming_tx, mut incoming) = mpsc::channel::<Incoming>(16);
        let (stop, stopped) = oneshot::channel::<()>();
        #[expect(clippy::disallowed_methods, reason = "tests end their own tasks")]
        let serving = tokio::spawn(server.run(incoming_tx, async {
            let _ = stopped.await;
        }));

        let mut exits = JoinSet::new();
        for process in 1..=self.processes {
            let mut handle = self.start(process, &urls.of(process)).await;
            exits.spawn(async move {
                let exit = handle.wait().await;
                (process, exit, handle.output_tail(4000))
            });
        }
        let mut state = State::default();
        while (state.outcome.exits.len() as u32) < self.processes {
            tokio::select! {
                message = incoming.recv() => {
                    let message = message.unwrap();
                    let answer = self.answer(&mut state, message.process, message.request);
                    let _ = message.reply.send(answer);
                }
                Some(ended) = exits.join_next() => {
                    let (process, exit, output) = ended.unwrap();
                    assert!(!matches!(exit, Exit::Code(2)), "process {process} died: {output}");
                    state.outcome.exits.insert(process, exit);
                }
            }
        }
        stop.send(()).unwrap();
        serving.await.unwrap();
        state.outcome
    }

    async fn start(&self, process: u32, host: &str) -> multibeam_worker::suite::process::Handle {
        let catalog = &self.discovery.catalog;
        let not_here = match process {
            1 => catalog.skip_all_serial_but(&self.serial).unwrap(),
            _ => Vec::new(),
        };
        assert!(catalog.groups_hit_by_serial_skips(&self.serial).is_empty());
        let args = self.options.process(&Process {
            process,
            // With a total of 1 Ginkgo would talk to no server.
            total: self.processes.max(2),
            host,
            seed: catalog.seed,
            randomize_all: catalog.randomize_all,
            filters: &catalog.filters,
            not_here: &not_here,
            output_directory: None,
        });
        let spool = self.directory.join(format!("spool-{process}"));
        let lease = BootMillis::now().after(Duration::from_secs(3600));
        let mut launch = Launch::new(&self.discovery.suite, &self.directory, &spool, lease)
            .args(args)
            .env("MULTIBEAM_TRACE", self.trace())
            .env("MULTIBEAM_LOCK", self.directory.join("lock"));
        for (name, value) in &self.env {
            launch = launch.env(name, value);
        }
        spawn(&super::guard(), launch).await.unwrap()
    }

    /// The file that the suite writes its own account to.
    pub(crate) fn trace(&self) -> PathBuf {
        self.directory.join("trace")
    }

    fn answer(&self, state: &mut State, process: u32, request: Request) -> Answer {
        match request {
            Request::Up
            | Request::SuiteWillBegin(_)
            | Request::EmitOutput(_)
            | Request::ProgressReport(_)
            | Request::ShouldAbort => Answer::Ok,
            Request::SuiteDidEnd(_) => {
                state.outcome.final_reports += 1;
                Answer::Ok
            }
            Request::ReportBeforeSuiteCompleted(completed) => {
                state.report_before_suite = Some(completed);
                Answer::Ok
            }
            Request::ReportBeforeSuiteState => {
                state.report_before_suite.map_or(Answer::TooEarly, Answer::state)
            }
            Request::BeforeSuiteCompleted(completed) => {
                state.before_suite = Some(completed);
                Answer::Ok
            }
            Request::BeforeSuiteState => {
                state.before_suite.as_ref().map_or(Answer::TooEarly, BeforeSuite::answer)
            }
            Request::Counter => self.counter(state, process),
            Request::DidRun(report) => {
                self.did_run(state, process, report);
                Answer::Ok
            }
            Request::HaveNonprimaryProcsFinished => {
                let others = (2..=self.processes).all(|it| state.outcome.exits.contains_key(&it));
                if others { Answer::Ok } else { Answer::TooEarly }
            }
            Request::AggregatedNonprimaryProcsReport => Answer::no_report(),
            Request::Abort => panic!("the suite aborted"),
        }
    }

    fn counter(&self, state: &mut State, process: u32) -> Answer {
        let catalog = &self.discovery.catalog;
        if let Some((group, reported)) = state.running.get(&process) {
            if *reported == 0 {
                return Answer::counter(group.0);
            }
            assert_eq!(*reported, catalog.groups[group.0 as usize].len(), "all of the group");
        }
        match self.pool.lock().unwrap().pop() {
            Some(group) => {
                state.running.insert(process, (group, 0));
                Answer::counter(group.0)
            }
            None => {
                state.running.remove(&process);
                Answer::counter(u32::try_from(catalog.groups.len()).unwrap())
            }
        }
    }

    fn did_run(&self, state: &mut State, process: u32, report: SpecReport) {
        let catalog = &self.discovery.catalog;
        if report.header.is_spec() {
            if let Some((group, reported)) = state.running.get_mut(&process) {
                let expected = catalog.groups[group.0 as usize][*reported];
                assert!(catalog.is_report_of(expected, &report.header), "{}", report.header.key());
                *reported += 1;
            } else {
                assert_eq!(process, 1, "only process 1 runs serial specs");
            }
        }
        state.outcome.reports.push(report);
    }
}

/// A line of a trace.
#[derive(Debug, serde::Deserialize)]
pub(crate) struct Line {
    pub(crate) event: String,
    pub(crate) text: String,
    #[serde(default)]
    pub(crate) location: String,
    pub(crate) process: u32,
    pub(crate) serial: bool,
    #[serde(default)]
    pub(crate) ordered: bool,
    #[serde(default)]
    pub(crate) state: String,
    #[serde(default)]
    pub(crate) note: String,
}

/// What a suite wrote about itself.
pub(crate) fn read_trace(path: &Path) -> Vec<Line> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}
