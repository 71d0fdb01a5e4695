//! One run: what its workers say goes to the scheduler, what the scheduler wants goes to the
//! ledger, the workers, and the watchers.

mod adopt;
mod incidents;
mod lessons;
mod outlook;
mod perform;
mod prepare;
mod queue;
mod refuse;
mod silence;
mod spans;
mod tell;
mod workers;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use lessons::Lessons;
use multibeam_ginkgo::catalog::Catalog;
use multibeam_model::command::Decision;
use multibeam_model::event::{Event, What};
use multibeam_model::link::{CoordinatorMessage, ProcessNews};
use multibeam_model::plan::TargetPlan;
use multibeam_model::record::{CatalogRecord, TargetEnd};
use multibeam_model::run::RunSpec;
use multibeam_model::status::RunStatus;
use multibeam_model::{
    AttemptId, ClusterId, LossCause, Moment, ProcessId, RunId, SessionId, TargetId, Timestamp,
    WorkerId,
};
use multibeam_sched::{Input, Recovered, RunShape, Scheduler, TargetShape};
use outlook::Ahead;
use silence::Silences;
use spans::Spans;
use tokio::sync::broadcast;

use crate::clock::event;
use crate::committer::{Effect, Effects};
use crate::expected::Expected;
use crate::messages::{SentCatalog, Watched};
use crate::plan::scene;

pub(crate) use outlook::Answer;

/// Events that a slow watcher may be behind before it gets a new snapshot instead.
const EVENTS: usize = 4096;

/// How long a run's workers may take to come before its watchers hear that it waits for them.
const ROLL_CALL: Duration = Duration::from_secs(5);

/// A run that is about to begin.
#[derive(Debug)]
pub(crate) struct Begin {
    pub(crate) run: RunId,
    pub(crate) spec: RunSpec,
    pub(crate) expected: Expected,
    pub(crate) seed: i64,
    /// When it was made.
    pub(crate) created: Timestamp,
    /// When a resume took it up last, if one did.
    pub(crate) resumed: Option<Timestamp>,
    /// What an earlier coordinator has left.
    pub(crate) recovered: Option<Recovered>,
    /// The catalogs that the ledger has.
    pub(crate) catalogs: BTreeMap<TargetId, CatalogRecord>,
    /// Those catalogs of a run that is taken over that are needed.
    pub(crate) admitted: BTreeMap<TargetId, SentCatalog>,
    /// Targets that were over before.
    pub(crate) ended: Vec<(TargetId, TargetEnd)>,
    /// Who the lock objects in the clusters name.
    pub(crate) holder: String,
}

impl Begin {
    /// Whether it need not wait for its clusters: an earlier coordinator has left sessions of it open,
    /// or it is cancelled and only ends.
    pub(crate) fn waits_for_nobody(&self) -> bool {
        let takeover = self.recovered.as_ref().and_then(|it| it.takeover.as_ref());
        takeover
            .is_some_and(|takeover| !takeover.sessions.is_empty() || takeover.cancelled.is_some())
    }
}

/// A run under way, or over and still watched.
#[derive(Debug)]
pub(crate) struct ActiveRun {
    id: RunId,
    spec: RunSpec,
    expected: Expected,
    lessons: Lessons,
    ahead: Ahead,
    seed: i64,
    holder: String,
    scheduler: Scheduler,
    targets: Vec<Target>,
    /// The cluster that each worker of this run belongs to.
    workers: BTreeMap<WorkerId, ClusterId>,
    sessions: BTreeMap<SessionId, (TargetId, ClusterId)>,
    /// Workers that see no API server.
    unready: BTreeSet<WorkerId>,
    /// The clusters' identities, and under which name each was seen first.
    identities: BTreeMap<String, ClusterId>,
    effects: Effects,
    sends: Vec<(WorkerId, CoordinatorMessage)>,
    status: RunStatus,
    events: broadcast::Sender<Event>,
    /// What the ledger had sealed before a resume or a takeover.
    recovered: Option<Recovered>,
    /// What is told when its turn comes, of the time before a takeover.
    admitted: BTreeMap<TargetId, SentCatalog>,
    ended: Vec<(TargetId, TargetEnd)>,
    /// Another run has one of its clusters: nothing happens until its turn comes.
    queued: bool,
    /// When a resume took it up last, if one did.
    resumed: Option<Timestamp>,
    silences: Silences,
    /// When its watchers are told which of its clusters have no worker, which is no news then.
    roll_call: Option<Moment>,
    spans: Spans,
}

/// A target of the run.
#[derive(Debug, Default)]
struct Target {
    /// What discovery found, once it is in the ledger's hands.
    catalog: Option<Arc<Catalog>>,
    /// The digests that the first prepared worker told, and that worker.
    first: Option<(WorkerId, String, String)>,
    /// All workers that have prepared it.
    ready: BTreeSet<WorkerId>,
    /// Workers that have another suite.
    strangers: BTreeSet<WorkerId>,
    /// Workers that cannot prepare it, and why.
    unable: BTreeMap<WorkerId, String>,
    /// Clusters that cannot serve it.
    out: BTreeSet<ClusterId>,
    /// The catalog that the ledger has from before a resume or a takeover.
    admitted: Option<CatalogRecord>,
    /// The first of its clusters that told its version, and that version.
    git_version: Option<(String, String)>,
    /// It cannot run.
    refused: bool,
}

impl ActiveRun {
    /// A run that waits for its turn; see [`ActiveRun::activate`].
    pub(crate) fn new(begin: Begin, effects: Effects) -> Self {
        let Begin {
            run,
            spec,
            expected,
            seed,
            created,
            resumed,
            recovered,
            catalogs,
            admitted,
            ended,
            holder,
        } = begin;
        let warning = expected.warning.clone();
        let unknown = |target| (TargetPlan { target, groups: Vec::new() }, BTreeMap::new());
        let ahead = Ahead::new(scene(&spec, unknown), recovered.is_some());
        let shape = RunShape {
            targets: spec
                .targets
                .iter()
                .map(|target| TargetShape {
                    name: target.name.clone(),
                    clusters: target.clusters.iter().copied().map(ClusterId).collect(),
                })
                .collect(),
            clusters: spec.clusters.iter().map(|cluster| cluster.name.clone()).collect(),
            limits: spec.limits.clone(),
            fail_fast: spec.fail_fast,
        };
        let started = What::RunStarted {
            run: run.clone(),
            name: spec.name.clone(),
            certified: spec.certified && spec.rerun_of.is_none(),
            targets: shape.targets.iter().map(|target| target.name.clone()).collect(),
            clusters: shape.clusters.clone(),
            serves: shape.targets.iter().map(|target| target.clusters.clone()).collect(),
            since: resumed.unwrap_or(created),
            resumed: resumed.is_some(),
        };
        let mut this = Self {
            spans: Spans::begin(&run, &spec, recovered.is_some()),
            targets: (0u32..)
                .zip(&spec.targets)
                .map(|(place, _)| Target {
                    admitted: catalogs.get(&TargetId(place)).cloned(),
                    ..Target::default()
                })
                .collect(),
            scheduler: Scheduler::new(shape, recovered.clone()),
            id: run,
            spec,
            expected,
            lessons: Lessons::default(),
            ahead,
            seed,
            holder,
            workers: BTreeMap::new(),
            sessions: BTreeMap::new(),
            unready: BTreeSet::new(),
            identities: BTreeMap::new(),
            effects,
            sends: Vec::new(),
            status: RunStatus::default(),
            events: broadcast::Sender::new(EVENTS),
            recovered,
            admitted,
            ended,
            queued: true,
            resumed,
            silences: Silences::default(),
            roll_call: None,
        };
        this.show(started);
        if let Some(message) = warning {
            this.show(What::Warning { message });
        }
        this
    }

    /// Whether it waits for a cluster that another run has.
    pub(crate) fn is_queued(&self) -> bool {
        self.queued
    }

    /// Its turn has come: from now on time counts.
    pub(crate) fn activate(&mut self, now: Moment) {
        self.dequeue();
        self.roll_call = Some(now + ROLL_CALL);
        let (targets, clusters) = (self.spec.targets.len(), self.spec.clusters.len());
        tracing::info!(run = %self.id, name = self.spec.name, targets, clusters, "run begins");
        self.await_workers(now);
        self.go_on(now);
        self.tick(now);
    }

    pub(crate) fn cluster_names(&self) -> impl Iterator<Item = &str> {
        self.spec.clusters.iter().map(|cluster| cluster.name.as_str())
    }

    /// The names of a target's clusters.
    pub(crate) fn served_by(&self, target: TargetId) -> Option<Vec<String>> {
        let clusters = &self.spec.targets.get(target.0 as usize)?.clusters;
        let name = |cluster: &u32| self.cluster_name(ClusterId(*cluster)).to_owned();
        Some(clusters.iter().map(name).collect())
    }

    /// How long its workers may be silent.
    pub(crate) fn patience(&self) -> Duration {
        self.spec.limits.patience()
    }

    pub(crate) fn next_deadline(&self) -> Option<Moment> {
        let deadlines = self.scheduler.next_deadline().into_iter().chain(self.roll_call);
        deadlines.min().filter(|_| !self.queued && !self.is_over())
    }

    /// Whether the scheduler has nothing more to do.
    pub(crate) fn is_over(&self) -> bool {
        self.scheduler.is_over()
    }

    /// Whether the end is in the ledger and was shown.
    pub(crate) fn is_told_over(&self) -> bool {
        self.status.verdict.is_some()
    }

    /// Nothing more of it is to reach the ledger.
    pub(crate) fn stop_committing(&self) {
        self.effects.stop();
    }

    pub(crate) fn watch(&self) -> Watched {
        Watched { status: self.status.clone(), events: self.events.subscribe() }
    }

    pub(crate) fn take_sends(&mut self) -> Vec<(WorkerId, CoordinatorMessage)> {
        std::mem::take(&mut self.sends)
    }

    pub(crate) fn take_workers(&mut self) -> Vec<WorkerId> {
        std::mem::take(&mut self.workers).into_keys().collect()
    }

    pub(crate) fn tick(&mut self, now: Moment) {
        if self.roll_call.take_if(|at| *at <= now).is_some() {
            self.call_the_roll();
            self.refuse_clusters(now);
        }
        self.schedule(Input::Tick, now);
    }

    pub(crate) fn cancel(&mut self, force: bool, now: Moment) {
        // A queued run ends without having begun.
        self.queued = false;
        self.schedule(Input::Cancel { force }, now);
    }

    pub(crate) fn cleaned_up(
        &mut self,
        worker: &WorkerId,
        process: ProcessId,
        removed: Vec<String>,
        now: Moment,
    ) {
        if let Some(cluster) = self.workers.get(worker).copied().filter(|_| !removed.is_empty()) {
            let decision = Decision::Clean { cluster, removed: removed.clone() };
            let event = What::CleanedUp { cluster, removed };
            self.effect(Effect {
                decisions: vec![decision],
                events: vec![event],
                ..Effect::default()
            });
        }
        self.schedule(Input::CleanedUp { process }, now);
    }

    /// A worker told something about one of its processes.
    pub(crate) fn news(&mut self, process: ProcessId, news: ProcessNews, now: Moment) {
        self.tell(process, &news);
        self.trace(&news);
        self.schedule(Input::Process { process, news }, now);
    }

    /// The ledger has answered. `not_taken` is what the scheduler has to hear of that, in order.
    pub(crate) fn performed(&mut self, events: Vec<What>, not_taken: Vec<Input>, now: Moment) {
        for what in events {
            self.show(what);
        }
        for input in not_taken {
            match &input {
                Input::LossVoided { attempt, failed } => {
                    self.spans.sealed(*attempt, *failed);
                    self.lessons.sealed(*attempt);
                }
                Input::CommitRefused { refused } => {
                    refused.iter().for_each(|(attempt, why)| self.spans.refused(*attempt, why));
                }
                _ => {}
            }
            self.schedule(input, now);
        }
    }

    fn schedule(&mut self, input: Input, now: Moment) {
        if self.is_over() {
            return;
        }
        let mut out = Vec::new();
        self.scheduler.handle(now, input, &mut out);
        for output in out {
            self.perform(output);
        }
    }

    fn cluster_named(&self, name: &str) -> Option<ClusterId> {
        let place = self.spec.clusters.iter().position(|cluster| cluster.name == name)?;
        Some(ClusterId(u32::try_from(place).ok()?))
    }

    fn cluster_name(&self, cluster: ClusterId) -> &str {
        self.spec.clusters.get(cluster.0 as usize).map_or("?", |cluster| &cluster.name)
    }

    fn effect(&self, mut effect: Effect) {
        effect.span = Some(self.spans.run().clone());
        self.effects.send(effect);
    }

    /// Shows to all watchers what happens now.
    fn show(&mut self, what: What) {
        self.show_event(event(what));
    }

    /// Shows an event to all watchers.
    fn show_event(&mut self, event: Event) {
        match &event.what {
            What::TargetEnded { target, verdict, .. } => {
                tracing::info!(run = %self.id, %target, %verdict, "target ended");
                self.spans.target_ended(*target, *verdict);
            }
            What::RunEnded { verdict } => {
                tracing::info!(run = %self.id, %verdict, "run ended");
                self.spans.run_ended(*verdict);
            }
            _ => {}
        }
        self.status.apply(&event);
        // Nobody may be watching.
        let _ = self.events.send(event);
    }

    /// The trace contexts that go with a message.
    pub(crate) fn contexts(&self, message: &CoordinatorMessage) -> Vec<String> {
        self.spans.contexts(message)
    }

    /// Attempts whose loss or return is in the ledger.
    pub(crate) fn trace_ended(&mut self, decisions: &[Decision]) {
        for decision in decisions {
            self.spans.ended(decision);
        }
    }

    fn trace(&mut self, news: &ProcessNews) {
        match news {
            ProcessNews::Started { attempt } => {
                self.spans.started(*attempt, || self.first_spec(*attempt));
            }
            ProcessNews::Sealed { attempt, failed } => self.spans.sealed(*attempt, *failed),
            _ => {}
        }
    }

    /// The name of the first selected spec of an attempt's group, for people.
    fn first_spec(&self, attempt: AttemptId) -> String {
        let Some(catalog) = self.catalog_of(attempt.target) else { return String::new() };
        let specs = tell::specs_of(catalog, attempt.group);
        let first = specs.iter().find(|spec| catalog.spec(**spec).is_selected());
        first.map(|spec| catalog.full_text(*spec)).unwrap_or_default()
    }

    fn catalog_of(&self, target: TargetId) -> Option<&Catalog> {
        self.targets.get(target.0 as usize)?.catalog.as_deref()
    }

    fn target_ids(&self) -> impl Iterator<Item = TargetId> + use<> {
        let count = u32::try_from(self.targets.len());
        (0..count.expect("a run has a bounded number of targets")).map(TargetId)
    }

    fn target_mut(&mut self, target: TargetId) -> Option<&mut Target> {
        self.targets.get_mut(target.0 as usize)
    }

    /// Shows that an attempt was lost.
    fn attempt_lost(&mut self, attempt: AttemptId, cause: LossCause, given_up: bool) -> What {
        let summary = cause.summary();
        tracing::warn!(run = %self.id, %attempt, cause = summary, given_up, "attempt lost");
        What::AttemptLost { attempt, spec: self.first_spec(attempt), cause, given_up }
    }
}
