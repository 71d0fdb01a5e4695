//! The coordinator's part: runs, and hand-outs of groups whose reports are then sent.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use multibeam_model::command::{Change, Command, Decision, Reply, Report};
use multibeam_model::record::RunRecord;
use multibeam_model::run::{ClusterSpec, Limits, RunSpec, SuiteSpec, TargetSpec};
use multibeam_model::{
    AttemptId, ClusterId, Epoch, GroupId, ProcessId, ProcessNumber, RunId, SessionId, SpecIndex,
    SpecState, TargetId, Timestamp, WorkerId,
};
use multibeam_proto::aggregator::v1::ledger_client::LedgerClient;
use multibeam_proto::aggregator::v1::{ProposeRequest, ReadRunRequest};
use multibeam_rt::backoff::{Backoff, random, retry};
use multibeam_rt::clock::wall_ns;
use multibeam_rt::endpoints::Endpoints;

use crate::Outcome;
use crate::group::CLUSTER;

/// Groups of one run: about what a run for certification selects.
const GROUPS: u32 = 400;

/// Processes that they are spread over.
const PROCESSES: u32 = 8;

const TARGET: TargetId = TargetId(0);
const SESSION: SessionId = SessionId(0);

/// Makes runs and hands their groups out.
pub(crate) struct Coordinator {
    client: LedgerClient<Endpoints>,
    epoch: Epoch,
    made: u32,
    /// Handed out and not used yet.
    free: Vec<Place>,
}

/// An attempt that waits for its only report.
#[derive(Clone)]
pub(crate) struct Place {
    run: RunId,
    group: u32,
}

// === impl Coordinator ===

impl Coordinator {
    pub(crate) async fn take_office(client: LedgerClient<Endpoints>) -> Outcome<Self> {
        let mut this = Self { client, epoch: Epoch(0), made: 0, free: Vec::new() };
        let (coordinator, at) = ("bench".to_owned(), Timestamp(wall_ns()));
        let claim = Command::Claim { coordinator, at, take_over: true };
        match this.propose(vec![claim]).await?[..] {
            [Reply::Claimed(epoch)] => this.epoch = epoch,
            ref other => return Err(format!("the claim was answered {other:?}").into()),
        }
        Ok(this)
    }

    /// Attempts that wait for their reports, of as many runs as it takes.
    pub(crate) async fn hand_out(&mut self, count: usize) -> Outcome<Vec<Place>> {
        while self.free.len() < count {
            self.begin_run().await?;
        }
        Ok(self.free.drain(..count).collect())
    }

    async fn begin_run(&mut self) -> Outcome<()> {
        self.made += 1;
        let run = run_id(self.made);
        let spec = serde_json::to_vec(&run_spec(vec![CLUSTER.to_owned()], PROCESSES))?;
        let at = Timestamp(wall_ns());
        let decide = |decision| Command::Run {
            run: run.clone(),
            change: Change::Decide { epoch: self.epoch, decision },
        };
        let (digest, catalog) = ("0".repeat(64), vec![0; 64]);
        let mut commands = vec![
            Command::CreateRun { run: run.clone(), spec, seed: 1, at },
            decide(Decision::AdmitCatalog { target: TARGET, digest, catalog, at }),
            decide(Decision::OpenSession {
                session: SESSION,
                target: TARGET,
                cluster: ClusterId(0),
            }),
        ];
        commands.extend((0..GROUPS).map(|group| {
            let number = ProcessNumber(1 + group % PROCESSES);
            decide(Decision::HandOut {
                attempt: attempt(group),
                process: ProcessId { session: SESSION, number, incarnation: 1 },
                worker: WorkerId::from("worker-bench-20261128-7f3a"),
                reports: 1,
            })
        }));
        let replies = self.propose(commands).await?;
        // A call that was answered by a leader's end may have taken effect.
        let good = |reply: &Reply| matches!(reply, Reply::Done | Reply::Duplicate);
        if let Some(bad) = replies.iter().find(|reply| !good(reply)) {
            return Err(format!("a hand-out was answered {bad:?}").into());
        }
        self.free.extend((0..GROUPS).map(|group| Place { run: run.clone(), group }));
        Ok(())
    }

    /// How many reports of all runs are sealed, asked in one way to the ledger.
    pub(crate) async fn sealed(&self, client: &LedgerClient<Endpoints>) -> Outcome<usize> {
        let mut sealed = 0;
        for run in (1..=self.made).map(run_id) {
            let answer = retry(Backoff::SERVICE, random, || {
                let (mut client, run) = (client.clone(), run.0.clone());
                async move { client.read_run(ReadRunRequest { run, stale: false }).await }
            });
            let record = RunRecord::decode(&answer.await?.into_inner().record)?;
            let groups = record.targets.values().flat_map(|target| target.groups.values());
            sealed += groups.filter(|group| group.sealed().is_some()).count();
        }
        Ok(sealed)
    }

    async fn propose(&self, commands: Vec<Command>) -> Outcome<Vec<Reply>> {
        let commands: Vec<Bytes> = commands.iter().map(|it| it.encode().into()).collect();
        let answer = retry(Backoff::SERVICE, random, || {
            let (mut client, commands) = (self.client.clone(), commands.clone());
            async move { client.propose(ProposeRequest { commands }).await }
        });
        let replies = answer.await?.into_inner().replies;
        Ok(replies.iter().map(|reply| Reply::decode(reply)).collect::<Result<_, _>>()?)
    }
}

// === impl Place ===

impl Place {
    /// The report of this attempt's only spec, as the worker ships it.
    pub(crate) fn report(self, payload: &[u8]) -> Bytes {
        report(self.run, attempt(self.group), payload)
    }
}

/// The report of an attempt's only spec, which has the number of its group, as the worker ships it.
pub(crate) fn report(run: RunId, attempt: AttemptId, payload: &[u8]) -> Bytes {
    let report = Report {
        attempt,
        ordinal: 0,
        spec: SpecIndex(attempt.group.0),
        state: SpecState::Passed,
        explained: false,
        cluster_lost: false,
        payload: payload.to_vec(),
    };
    Command::Run { run, change: Change::Report(report) }.encode().into()
}

fn run_id(number: u32) -> RunId {
    RunId(format!("20261128-000000-{number:06}"))
}

fn attempt(group: u32) -> AttemptId {
    AttemptId { target: TARGET, group: GroupId(group), number: 1 }
}

/// A run of one target on these clusters, with one worker of so many processes on each.
pub(crate) fn run_spec(clusters: Vec<String>, processes: u32) -> RunSpec {
    let suite = SuiteSpec {
        binary: "e2e.test".to_owned(),
        args: Vec::new(),
        env: BTreeMap::new(),
        working_dir: None,
        focus: vec![r"\[Conformance\]".to_owned()],
        skip: Vec::new(),
        label_filter: None,
        timeout: Duration::from_secs(24 * 60 * 60),
        flake_attempts: 1,
    };
    let serves = (0..).zip(&clusters).map(|(place, _)| place).collect();
    let cluster =
        |name| ClusterSpec { name, kubeconfig: None, context: None, workers: 1, processes };
    let target = TargetSpec {
        name: "v1.36".to_owned(),
        dir_name: "v1.36".to_owned(),
        labels: BTreeMap::new(),
        suite,
        clusters: serves,
    };
    RunSpec {
        mode: None,
        name: "bench".to_owned(),
        certified: true,
        rerun_of: None,
        fail_fast: false,
        seed: Some(1),
        targets: vec![target],
        clusters: clusters.into_iter().map(cluster).collect(),
        limits: Limits::default(),
        matrix_junit: false,
    }
}
