//! Sessions and their processes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use multibeam_model::event::Phase;
use multibeam_model::link::{SessionFact, StopHow};
use multibeam_model::{
    AttemptId, ClusterId, GroupId, Moment, ProcessId, ProcessNumber, SessionId, TargetId, WorkerId,
};

use crate::pace::Pace;

/// One open session.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) id: SessionId,
    pub(crate) target: TargetId,
    pub(crate) cluster: ClusterId,
    /// How many processes it began with.
    pub(crate) initial: u32,
    /// All numbers given out so far.
    pub(crate) numbers: BTreeMap<ProcessNumber, Number>,
    /// Its processes.
    pub(crate) live: BTreeMap<ProcessNumber, Process>,
    /// The serial groups of its process 1.
    pub(crate) share: BTreeSet<GroupId>,
    pub(crate) facts: Vec<SessionFact>,
    /// Whether process 1 has got past its before-suite once.
    pub(crate) passed: bool,
    /// Whether process 1 died before that.
    pub(crate) lost: bool,
    pub(crate) phase: Phase,
    /// Attempts that were sealed or lost in it.
    pub(crate) progress: u32,
    /// Processes in a row that ended by themselves without having done anything.
    pub(crate) bad_ends: u32,
    /// How the before-suite of one of its processes failed, if it did.
    pub(crate) before_suite: Option<String>,
    /// What the last of them wrote.
    pub(crate) last_bad: String,
    /// No process is started in it any more.
    pub(crate) closing: bool,
    /// It leaves the rest of the pool to other clusters.
    pub(crate) leaves: bool,
    /// A group waits behind another one, or has since the last look.
    pub(crate) behind: bool,
    /// How long its process 1 took from the order to start to its first group.
    pub(crate) start_up: Option<Duration>,
    /// How its groups have kept to what was expected of them.
    pub(crate) pace: Pace,
    /// Since when process 1 has been the only one.
    pub(crate) alone_since: Moment,
    pub(crate) was_only_first: bool,
}

/// A process number.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Number {
    pub(crate) incarnations: u32,
    /// Whether a process with this number has ended its suite in order.
    pub(crate) finished: bool,
}

/// A suite process that has been started and has not ended.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    pub(crate) id: ProcessId,
    pub(crate) worker: WorkerId,
    /// When it was ordered to start, or found to be there.
    pub(crate) since: Moment,
    /// It has asked for a group: its before-suite is over.
    pub(crate) asked: bool,
    /// It has room for a group.
    pub(crate) wants: bool,
    /// Handed out and not begun.
    pub(crate) queued: Option<AttemptId>,
    /// The attempt that was last asked back, and when: it is still queued, or has begun all the same.
    pub(crate) asked_back: Option<(AttemptId, Moment)>,
    pub(crate) running: Vec<Running>,
    /// Serial attempts that have not begun, in suite order.
    pub(crate) serial: VecDeque<AttemptId>,
    /// It was told that there are no more groups.
    pub(crate) released: bool,
    /// Process 1 was told that the others have finished.
    pub(crate) alone_told: bool,
    pub(crate) stop: Option<Stop>,
    /// An attempt was sealed or lost on it.
    pub(crate) productive: bool,
    /// It reported a spec as not run: it will not run any other either.
    pub(crate) spoiled: bool,
    /// An earlier coordinator has started it, and its worker has not spoken of it yet: what was
    /// handed out to it, begun or not.
    pub(crate) held: Option<Vec<AttemptId>>,
}

/// An attempt that runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Running {
    pub(crate) attempt: AttemptId,
    pub(crate) since: Moment,
    /// The last sign of it.
    pub(crate) sign: Moment,
    pub(crate) expected: Duration,
    pub(crate) limit: Option<Duration>,
    /// One of its specs failed because something took too long.
    pub(crate) timed_out: bool,
}

/// How and why a process is being stopped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stop {
    pub(crate) how: StopHow,
    pub(crate) why: Why,
    /// When the last order was given.
    pub(crate) at: Moment,
}

/// Why a process is being stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// Its target stops.
    Halt,
    /// This attempt ran longer than its limit.
    Hung(AttemptId),
    /// Its cluster was given up.
    ClusterGivenUp,
    /// Its session or its cluster is of no use for the target.
    Useless,
    /// Its serial share is divided anew.
    Recalled,
}

impl Session {
    pub(crate) fn new(
        id: SessionId,
        target: TargetId,
        cluster: ClusterId,
        share: BTreeSet<GroupId>,
    ) -> Self {
        Self {
            id,
            target,
            cluster,
            initial: 0,
            numbers: BTreeMap::new(),
            live: BTreeMap::new(),
            share,
            facts: Vec::new(),
            passed: false,
            lost: false,
            phase: Phase::Starting,
            progress: 0,
            bad_ends: 0,
            before_suite: None,
            last_bad: String::new(),
            closing: false,
            leaves: false,
            behind: false,
            start_up: None,
            pace: Pace::default(),
            alone_since: Moment::default(),
            was_only_first: false,
        }
    }

    /// Its process 1 is gone. Unless that has got past its before-suite, or has told how that
    /// ended, nobody else can go on.
    pub(crate) fn lose_unless_begun(&mut self) {
        let told = self.facts.iter().any(|fact| match fact {
            SessionFact::ReportBeforeSuite { state } => state.is_failure(),
            SessionFact::BeforeSuite { .. } => true,
        });
        self.lost |= !self.passed && !told;
    }

    pub(crate) fn first(&self) -> Option<&Process> {
        self.live.get(&ProcessNumber::FIRST)
    }

    /// Whether process 1 is the only one left.
    pub(crate) fn only_first(&self) -> bool {
        self.live.len() == 1 && self.first().is_some()
    }
}

impl Process {
    pub(crate) fn new(id: ProcessId, worker: WorkerId, since: Moment) -> Self {
        Self {
            id,
            worker,
            since,
            asked: false,
            wants: false,
            queued: None,
            asked_back: None,
            running: Vec::new(),
            serial: VecDeque::new(),
            released: false,
            alone_told: false,
            stop: None,
            productive: false,
            spoiled: false,
            held: None,
        }
    }

    /// Whether it may get (more) parallel groups, now or later.
    pub(crate) fn serves(&self) -> bool {
        !self.released && self.stop.is_none() && !self.spoiled
    }

    /// Whether nothing runs on it and nothing is queued.
    pub(crate) fn is_empty(&self) -> bool {
        let held = self.held.as_ref().is_some_and(|held| !held.is_empty());
        self.running.is_empty() && self.queued.is_none() && self.serial.is_empty() && !held
    }

    /// Whether it waits for a group with nothing to do.
    pub(crate) fn is_idle(&self) -> bool {
        self.serves() && self.wants && self.is_empty()
    }

    /// What waits on it behind something that runs.
    pub(crate) fn behind(&self) -> Option<AttemptId> {
        self.queued.filter(|_| !self.running.is_empty())
    }

    /// Whether an attempt was asked back, and when.
    pub(crate) fn asked_back(&self, of: AttemptId) -> Option<Moment> {
        self.asked_back.filter(|(attempt, _)| *attempt == of).map(|(_, at)| at)
    }

    /// Whether it will run a group before anything else happens to it.
    pub(crate) fn claims(&self) -> bool {
        self.serves() && self.is_empty()
    }

    /// Whether it begins nothing more, so that its share can be divided anew.
    pub(crate) fn is_recalled(&self) -> bool {
        self.stop.is_some_and(|stop| stop.how == StopHow::Recall)
    }

    /// Whether it takes a place on its worker. A process 1 that only waits for the others does
    /// not, so that a worker with one slot can serve it and another one in turn.
    pub(crate) fn takes_slot(&self) -> bool {
        !(self.id.number.is_first() && self.released && self.is_empty() && !self.alone_told)
    }

    /// Everything that was handed out to it and has not ended.
    pub(crate) fn attempts(&self) -> Vec<AttemptId> {
        let running = self.running.iter().map(|running| running.attempt);
        let held = self.held.iter().flatten().copied();
        running.chain(self.queued).chain(self.serial.iter().copied()).chain(held).collect()
    }

    /// Forgets an attempt; whether it was here.
    pub(crate) fn drop_attempt(&mut self, attempt: AttemptId) -> bool {
        let before = self.attempts().len();
        self.running.retain(|running| running.attempt != attempt);
        self.serial.retain(|serial| *serial != attempt);
        self.queued.take_if(|queued| *queued == attempt);
        if let Some(held) = &mut self.held {
            held.retain(|held| *held != attempt);
        }
        before != self.attempts().len()
    }
}
