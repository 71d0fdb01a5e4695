//! The run under way: what workers say goes to the scheduler, what the scheduler wants goes to the
//! committer.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use multibeam_model::command::{Change, Command, Decision, Refusal};
use multibeam_model::event::{Phase, What};
use multibeam_model::link::{ProcessNews, ProcessOrder};
use multibeam_model::outcome::{LossCause, ProcessEnd, Verdict};
use multibeam_model::record::RunRecord;
use multibeam_model::{AttemptId, ClusterId, Moment, ProcessId, TargetId, Timestamp, WorkerId};
use multibeam_sched::{Input, Output, Recovered, Scheduler};

use super::Stage;
use super::committer::Effect;
use crate::client::Purpose;
use crate::fault::Fault;
use crate::message::{Ask, Hello, Order};
use crate::rules::run_id;
use crate::world::{Timer, World, note};

/// The run.
#[derive(Debug)]
pub(crate) struct ActiveRun {
    scheduler: Scheduler,
    pub(super) workers: BTreeMap<WorkerId, ClusterId>,
    unready: BTreeSet<WorkerId>,
    failed: BTreeSet<AttemptId>,
    /// Attempts whose loss is void, and of which the ledger was asked.
    voided: BTreeSet<AttemptId>,
    /// Hand-outs that were refused, perhaps because of that.
    refused: Vec<(AttemptId, Refusal)>,
    /// Targets whose catalog is in the ledger, and those that the scheduler knows.
    admitted: BTreeSet<TargetId>,
    prepared: BTreeSet<TargetId>,
    pub(super) effects: VecDeque<Effect>,
    pub(super) committing: Vec<Effect>,
    /// The timer that is set for the scheduler.
    alarm: Option<Moment>,
    generation: u64,
}

impl World {
    /// The run goes on from what the ledger has of it.
    pub(super) fn begin_run(&mut self, n: usize, recovered: Recovered, record: &RunRecord) {
        let admitted = record.targets.iter().filter(|(_, target)| target.catalog.is_some());
        let admitted = admitted.map(|(id, _)| *id).collect();
        let again = !record.sessions.is_empty();
        let shape = self.setting.shape.clone();
        let mut scheduler = Scheduler::new(shape, Some(recovered));
        if let Some(news) = self.setting.seldom {
            scheduler.look_seldom(news, Duration::from_millis(400) * news as u32);
        }
        let run = ActiveRun {
            scheduler,
            workers: BTreeMap::new(),
            unready: BTreeSet::new(),
            failed: BTreeSet::new(),
            voided: BTreeSet::new(),
            refused: Vec::new(),
            admitted,
            prepared: BTreeSet::new(),
            effects: VecDeque::new(),
            committing: Vec::new(),
            alarm: None,
            generation: 0,
        };
        let cancelled = record.cancelled.as_ref().map(|cancelled| cancelled.force);
        let Some(office) = self.office(n) else { return };
        office.stage = Stage::Active(Box::new(run));
        if again {
            self.seen.count("run goes on");
        }
        note!(self, "coordinator{n} begins the run");
        self.schedule(n, Input::Tick);
        if let Some(force) = cancelled {
            self.seen.count("cancel outlived its coordinator");
            self.schedule(n, Input::Cancel { force });
        }
        let known = self.office(n).map(|office| office.workers.all()).unwrap_or_default();
        for (hello, unready) in known {
            self.worker_joins(n, &hello, unready);
        }
    }

    fn active(&mut self, n: usize) -> Option<&mut ActiveRun> {
        match &mut self.office(n)?.stage {
            Stage::Active(run) => Some(run),
            _ => None,
        }
    }

    // === workers ===

    pub(super) fn worker_joins(&mut self, n: usize, hello: &Hello, unready: bool) {
        let cluster = ClusterId(hello.cluster);
        let worker = hello.worker.clone();
        let Some(run) = self.active(n) else { return };
        run.workers.insert(worker.clone(), cluster);
        if unready {
            self.cluster_ready(n, &worker, false);
        }
        let slots = hello.slots;
        self.schedule(n, Input::WorkerJoined { worker: worker.clone(), cluster, slots });
        for (target, shape) in (0..).map(TargetId).zip(self.setting.shape.targets.clone()) {
            if shape.clusters.contains(&cluster) {
                self.send_order(n, &worker, Order::Prepare { target });
            }
        }
    }

    pub(super) fn worker_lost(&mut self, n: usize, worker: &WorkerId) {
        let Some(run) = self.active(n) else { return };
        let Some(cluster) = run.workers.remove(worker) else { return };
        if run.unready.remove(worker) {
            self.readiness(n, cluster);
        }
        self.schedule(n, Input::WorkerLost { worker: worker.clone() });
    }

    pub(super) fn prepared(&mut self, n: usize, worker: &WorkerId, target: TargetId) {
        let plan = self.setting.plan(target);
        let Some(run) = self.active(n).filter(|run| run.workers.contains_key(worker)) else {
            return;
        };
        if run.prepared.insert(target) {
            if run.admitted.insert(target) {
                let catalog = Decision::AdmitCatalog {
                    target,
                    digest: "catalog".to_owned(),
                    catalog: vec![0; 40],
                    at: Timestamp(1),
                };
                self.effect(n, Effect { decisions: vec![catalog], ..Effect::default() });
            }
            self.schedule(n, Input::TargetPrepared(plan));
        }
        self.schedule(n, Input::WorkerPrepared { worker: worker.clone(), target });
    }

    pub(super) fn cluster_ready(&mut self, n: usize, worker: &WorkerId, ready: bool) {
        let Some(run) = self.active(n) else { return };
        let Some(cluster) = run.workers.get(worker).copied() else { return };
        if ready {
            run.unready.remove(worker);
        } else {
            run.unready.insert(worker.clone());
        }
        self.readiness(n, cluster);
    }

    fn readiness(&mut self, n: usize, cluster: ClusterId) {
        let Some(run) = self.active(n) else { return };
        let ready = !run.unready.iter().any(|worker| run.workers.get(worker) == Some(&cluster));
        self.schedule(n, Input::ClusterReady { cluster, ready });
    }

    pub(super) fn cleaned_up(&mut self, n: usize, process: ProcessId) {
        self.schedule(n, Input::CleanedUp { process });
    }

    pub(super) fn process_news(&mut self, n: usize, process: ProcessId, news: ProcessNews) {
        if let ProcessNews::SpecDone { attempt, state, .. } = &news
            && state.is_failure()
            && let Some(run) = self.active(n)
        {
            run.failed.insert(*attempt);
        }
        self.schedule(n, Input::Process { process, news });
    }

    /// Losses came after the seals, or hand-outs were refused. Whether the specs of a sealed attempt
    /// have failed may be news that were lost together with their worker, so the ledger is asked
    /// before the scheduler hears of it.
    pub(super) fn not_taken(
        &mut self,
        n: usize,
        voided: Vec<AttemptId>,
        refused: Vec<(AttemptId, Refusal)>,
    ) {
        let host = self.coordinator_host(n);
        for _ in &voided {
            self.seen.count("loss voided");
        }
        for _ in &refused {
            self.seen.count("hand-out refused");
        }
        let hearsay = self.fault == Some(Fault::SealByHearsay);
        let Some(run) = self.active(n) else { return };
        let sealed =
            !voided.is_empty() || refused.iter().any(|(_, why)| *why == Refusal::GroupDone);
        if sealed && !hearsay {
            run.voided.extend(voided);
            run.refused.extend(refused);
            return self.call(host, Purpose::Read, Ask::Read);
        }
        for attempt in voided {
            let failed = self.active(n).is_some_and(|run| run.failed.contains(&attempt));
            self.schedule(n, Input::LossVoided { attempt, failed });
        }
        if !refused.is_empty() {
            self.schedule(n, Input::CommitRefused { refused });
        }
    }

    pub(super) fn seals_read(&mut self, n: usize, record: &RunRecord) {
        let Some(run) = self.active(n) else { return };
        let mut sealed = std::mem::take(&mut run.voided);
        let refused = std::mem::take(&mut run.refused);
        for (AttemptId { target, group, .. }, why) in &refused {
            let known = record.group(*target, *group).and_then(|group| group.sealed());
            if let Some(known) = known.filter(|_| *why == Refusal::GroupDone) {
                sealed.insert(AttemptId { target: *target, group: *group, number: known.number });
            }
        }
        for attempt in sealed {
            let failed = record.attempt(attempt).is_some_and(|attempt| attempt.has_failed());
            self.schedule(n, Input::LossVoided { attempt, failed });
        }
        if !refused.is_empty() {
            self.schedule(n, Input::CommitRefused { refused });
        }
    }

    /// A user cancels the run.
    pub(crate) fn cancel(&mut self, n: usize, force: bool) {
        let host = self.coordinator_host(n);
        if self.active(n).is_none() {
            return;
        }
        let change = Change::Cancel { by: "user".to_owned(), force, at: Timestamp(2) };
        let cancel = Command::Run { run: run_id(), change };
        self.cancelled = true;
        self.call(host, Purpose::Cancel { force }, Ask::Propose(vec![cancel]));
    }

    pub(crate) fn cancelled(&mut self, n: usize, force: bool) {
        self.seen.count("cancelled");
        self.schedule(n, Input::Cancel { force });
    }

    // === the scheduler ===

    pub(crate) fn scheduler_wakes(&mut self, n: usize, generation: u64) {
        let Some(run) = self.active(n).filter(|run| run.generation == generation) else { return };
        run.alarm = None;
        self.schedule(n, Input::Tick);
    }

    pub(super) fn schedule(&mut self, n: usize, input: Input) {
        let host = self.coordinator_host(n);
        let now = self.local(host);
        let Some(run) = self.active(n) else { return };
        let mut out = Vec::new();
        run.scheduler.handle(now, input, &mut out);
        let puts_off = run.scheduler.puts_off();
        if puts_off {
            self.seen.count("scheduler puts off a look");
        }
        for output in out {
            self.perform(n, output);
        }
        self.set_alarm(n, now);
        self.commit(n);
    }

    fn set_alarm(&mut self, n: usize, now: Moment) {
        let host = self.coordinator_host(n);
        let Some(run) = self.active(n) else { return };
        let deadline = run.scheduler.next_deadline();
        if run.alarm == deadline {
            return;
        }
        run.alarm = deadline;
        run.generation += 1;
        let generation = run.generation;
        if let Some(deadline) = deadline {
            let after = deadline.since(now) + Duration::from_micros(2);
            self.wake(host, after, Timer::Scheduler { generation });
        }
    }

    fn perform(&mut self, n: usize, output: Output) {
        note!(self, "coordinator{n}: {}", crate::rules::log::short(&format!("{output:?}")));
        match output {
            Output::Commit { decisions, then } => {
                if decisions.iter().any(|it| matches!(it, Decision::OpenSession { .. })) {
                    self.seen.count("session opened");
                } else {
                    // A session's first processes start with it.
                    for order in &then {
                        self.count_start(&order.order, order.process);
                    }
                }
                let sends = then.into_iter().map(message).collect();
                self.effect(n, Effect { decisions, sends, ends: false });
            }
            Output::Send(order) => {
                let (process, released) =
                    (order.process, order.order == ProcessOrder::NoMoreGroups);
                let sends = vec![message(order)];
                self.effect(n, Effect { sends, ..Effect::default() });
                if self.fault == Some(Fault::SerialTooEarly) && released {
                    self.pretend_end(n, process);
                }
            }
            Output::SendFact { worker, session, fact } => {
                let sends = vec![(worker, Order::Fact { session, fact })];
                self.effect(n, Effect { sends, ..Effect::default() });
            }
            Output::CleanUp { worker, process } => {
                self.seen.count("clean-up");
                let sends = vec![(worker, Order::CleanUp { process })];
                self.effect(n, Effect { sends, ..Effect::default() });
            }
            Output::Event(what) => self.count_event(&what),
            Output::AttemptLost { cause, .. } => self.count_loss(&cause),
            Output::TargetEnded { target, verdict, cause } => {
                let end = Decision::EndTarget { target, verdict, cause, at: Timestamp(3) };
                self.effect(n, Effect { decisions: vec![end], ..Effect::default() });
            }
            Output::RunEnded { verdict } => {
                self.seen.count(match verdict {
                    Verdict::Passed => "run passed",
                    Verdict::Failed => "run failed",
                    Verdict::Incomplete => "run incomplete",
                    Verdict::Environment => "run ended by its environment",
                });
                let decisions = vec![Decision::EndRun { at: Timestamp(4) }];
                self.effect(n, Effect { decisions, sends: Vec::new(), ends: true });
            }
        }
    }

    /// The planted fault: a process that gets no more groups is taken to be gone.
    fn pretend_end(&mut self, n: usize, process: ProcessId) {
        if !process.number.is_first() {
            let end = ProcessEnd::Exit(0);
            let news = ProcessNews::Ended { end, complete: true, last_output: String::new() };
            self.schedule(n, Input::Process { process, news });
        }
    }

    fn count_start(&mut self, order: &ProcessOrder, process: ProcessId) {
        if matches!(order, ProcessOrder::Start(_)) {
            self.seen.count(match (process.number.is_first(), process.incarnation > 1) {
                (true, _) => "process 1 again",
                (false, true) => "process again",
                (false, false) => "process added",
            });
        }
    }

    fn count_event(&mut self, what: &What) {
        match what {
            What::ClusterGivenUp { .. } => self.seen.count("cluster given up"),
            What::SessionOpened { session, .. } if session.0 > 1 => {
                self.seen.count("session reopened");
            }
            What::SessionClosed { lost: true, .. } => self.seen.count("session lost"),
            What::PhaseBegan { phase: Phase::Serial, .. } => self.seen.count("serial phase"),
            _ => {}
        }
    }

    fn count_loss(&mut self, cause: &LossCause) {
        self.seen.count(match cause {
            LossCause::ProcessDied { .. } => "lost: process",
            LossCause::WorkerLost { .. } => "lost: worker",
            LossCause::ClusterLost { .. } => "lost: cluster",
            LossCause::Hung { .. } => "lost: hung",
            LossCause::Killed => "lost: killed",
        });
    }
}

fn message(order: multibeam_sched::Order) -> (WorkerId, Order) {
    let multibeam_sched::Order { worker, process, order } = order;
    (worker, Order::Process { process, order })
}
