//! Workers that are not heard from. Until its lease and the margin are over nobody may have the specs
//! of such a worker, so a run may stand still for a minute: its watchers are to know why.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use multibeam_model::event::What;
use multibeam_model::{ClusterId, Moment, Timestamp, WorkerId};

use super::ActiveRun;
use crate::clock::wall;
use crate::workers::Workers;

/// Heartbeats that may be missing before anybody is told.
const HEARTBEATS: u32 = 3;

/// What a run has told of its workers' silence.
#[derive(Debug, Default)]
pub(super) struct Silences {
    /// Workers that its watchers were told of.
    told: BTreeSet<WorkerId>,
    /// Workers that an earlier coordinator has left processes on, and that have not come yet.
    awaited: BTreeMap<WorkerId, Awaited>,
}

/// A worker that has not come to a new coordinator.
#[derive(Clone, Copy, Debug)]
struct Awaited {
    cluster: ClusterId,
    since: Moment,
    until: Moment,
}

impl ActiveRun {
    /// After a takeover: notes whose processes may be alive.
    pub(super) fn await_workers(&mut self, now: Moment) {
        let takeover = self.recovered.as_ref().and_then(|it| it.takeover.as_ref());
        let Some(takeover) = takeover else { return };
        let until = now + takeover.patience;
        for session in takeover.sessions.values() {
            let alive = session.processes.values().filter(|process| process.ended.is_none());
            for process in alive {
                let awaited = Awaited { cluster: session.cluster, since: now, until };
                self.silences.awaited.insert(process.worker.clone(), awaited);
            }
        }
    }

    /// Tells its watchers which workers fell silent, and which are heard from again. `patience` is
    /// after how much silence a worker is given up.
    pub(crate) fn notice_silence(&mut self, workers: &Workers, patience: Duration, now: Moment) {
        if self.queued || self.is_over() {
            return;
        }
        let limits = &self.spec.limits;
        let bearable = limits.heartbeat.min(limits.lease / HEARTBEATS) * HEARTBEATS;
        let mine = self.workers.iter();
        let heard: Vec<(WorkerId, ClusterId, Moment)> = mine
            .filter_map(|(id, cluster)| Some((id.clone(), *cluster, workers.renewed(id)?)))
            .collect();
        for (worker, cluster, at) in heard {
            self.silences.awaited.remove(&worker);
            let silent = now.since(at) > bearable;
            match (silent, self.silences.told.contains(&worker)) {
                (true, false) => self.tell_of_silence(worker, cluster, (at, at + patience), now),
                (false, true) => {
                    self.silences.told.remove(&worker);
                    self.show(What::WorkerHeard { worker: worker.0, cluster });
                }
                _ => {}
            }
        }
        for (worker, awaited) in self.silences.awaited.clone() {
            let Awaited { cluster, since, until } = awaited;
            if now > until {
                self.silences.awaited.remove(&worker);
                self.silences.told.remove(&worker);
                let reason = "it has not come back".to_owned();
                self.show(What::WorkerLeft { worker: worker.0, cluster, reason });
            } else if now.since(since) > bearable && !self.silences.told.contains(&worker) {
                self.tell_of_silence(worker, cluster, (since, until), now);
            }
        }
    }

    /// It is gone, which ends its silence.
    pub(super) fn forget_silence(&mut self, worker: &WorkerId) {
        self.silences.told.remove(worker);
        self.silences.awaited.remove(worker);
    }

    fn tell_of_silence(
        &mut self,
        worker: WorkerId,
        cluster: ClusterId,
        (since, until): (Moment, Moment),
        now: Moment,
    ) {
        let wall = wall();
        let since = Timestamp(wall.0.saturating_sub(nanos(now.since(since))));
        let until = Timestamp(wall.0.saturating_add(nanos(until.since(now))));
        self.show(What::WorkerSilent { worker: worker.0.clone(), cluster, since, until });
        self.silences.told.insert(worker);
    }
}

fn nanos(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}
