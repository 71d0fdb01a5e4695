//! A coordinator dies at any moment, between two decisions also, and another one takes over from
//! the ledger and from what the workers tell.

use std::time::Duration;

use multibeam_model::outcome::ProcessEnd;
use multibeam_model::{TargetId, WorkerId};
use multibeam_sched::{Input, Recovered};

use super::world::{Event, World};

/// How long a worker's processes live without a coordinator.
const LEASE: Duration = Duration::from_secs(60);

impl World {
    /// The coordinator dies with everything; another one takes over after the leases.
    pub(crate) fn restart(&mut self) {
        if self.cancelled || self.ledger.cancelled.is_some() || self.down {
            return;
        }
        self.saw("restart");
        self.epoch += 1;
        self.doomed = None;
        self.processes.clear();
        self.running.clear();
        let old: Vec<_> = std::mem::take(&mut self.workers).into_values().collect();
        self.forget_what_was_under_way();
        let ended = self.ended.iter().map(|(&id, (verdict, _))| (id, *verdict)).collect();
        for attempt in self.ledger.queued() {
            self.saw("returned unbegun");
            assert!(!self.begun.contains(&attempt), "{attempt} had begun and is taken as queued");
        }
        let recovered = self.ledger.recover(&ended);
        self.begin_scheduler(Some(recovered));
        for target in self.setting.groups.keys().copied().collect::<Vec<_>>() {
            self.at(
                Duration::from_secs(1),
                Event::Tell(Input::TargetPrepared(self.setting.plan(target))),
            );
        }
        for cluster in self.unready.clone() {
            self.tell(Input::ClusterReady { cluster, ready: false });
        }
        for worker in old {
            self.join(worker.cluster, worker.slots);
        }
    }

    pub(crate) fn doom(&mut self, gap: Duration) {
        if self.down {
            return;
        }
        let decisions = if self.rng.chance(50) { 0 } else { self.rng.range(1, 12) };
        self.doomed = Some((decisions, gap));
        if decisions == 0 {
            self.dies_now();
        }
    }

    /// Whether the coordinator is dead, or dies before it does anything more.
    pub(crate) fn dies_now(&mut self) -> bool {
        match &mut self.doomed {
            Some((0, gap)) => {
                let gap = *gap;
                self.doomed = None;
                self.die_now(gap);
            }
            Some((left, _)) => *left -= 1,
            None => {}
        }
        self.down
    }

    fn die_now(&mut self, gap: Duration) {
        self.trace.push(format!("{} the coordinator dies", self.now.0));
        self.saw("takeover");
        self.down = true;
        self.forget_what_was_under_way();
        let workers: Vec<WorkerId> = self.workers.keys().cloned().collect();
        for worker in workers {
            let cut = self.rng.chance(50);
            let lost = |event: &Event| match event {
                Event::Order(_, order) => order.worker == worker,
                Event::Fact(_, to, ..) => *to == worker,
                _ => false,
            };
            if cut {
                self.queue.retain(|_, event| !lost(event));
            }
            if self.workers[&worker].epoch == self.epoch {
                self.at(LEASE, Event::LeaseOver(self.epoch, worker));
            }
        }
        self.epoch += 1;
        self.at(gap, Event::Office(self.epoch));
    }

    /// What only the coordinator knew.
    pub(crate) fn forget_what_was_under_way(&mut self) {
        let keep = |event: &Event| {
            !matches!(
                event,
                Event::Tell(
                    Input::WorkerLost { .. }
                        | Input::CommitRefused { .. }
                        | Input::LossVoided { .. }
                        | Input::TargetPrepared(_)
                )
            )
        };
        self.queue.retain(|_, event| keep(event));
    }

    pub(crate) fn take_office(&mut self, epoch: u64) {
        let ended = self.ended.iter().map(|(&id, (verdict, _))| (id, *verdict)).collect();
        let record = self.ledger.record(&ended);
        let patience = self.setting.shape.limits.patience();
        let recovered = Recovered::take_over(&record, patience);
        // Meanwhile the workers go on.
        let after = Duration::from_millis(self.rng.range(0, 2_000));
        self.at(after, Event::Serve(epoch, Box::new(recovered)));
    }

    pub(crate) fn serve(&mut self, epoch: u64, recovered: Recovered) {
        assert_eq!(epoch, self.epoch, "one coordinator after the other");
        self.trace.push(format!("{} a coordinator takes over", self.now.0));
        self.down = false;
        let takeover = recovered.takeover.as_ref().expect("it was read for that");
        if takeover.sessions.is_empty() {
            self.saw("takeover: nothing was open");
        }
        if takeover.cancelled.is_some() {
            self.saw("takeover: of a cancelled run");
            self.cancelled = true;
        }
        self.begin_scheduler(Some(recovered));
        let targets: Vec<TargetId> = self.setting.groups.keys().copied().collect();
        let late = self.rng.chance(30);
        for target in targets {
            let prepared = Input::TargetPrepared(self.setting.plan(target));
            if late {
                let after = Duration::from_millis(self.rng.range(0, 3_000));
                self.at(after, Event::Tell(prepared));
            } else {
                self.tell(prepared);
            }
        }
        for cluster in self.unready.clone() {
            self.tell(Input::ClusterReady { cluster, ready: false });
        }
        let workers: Vec<WorkerId> = self.workers.keys().cloned().collect();
        for worker in workers {
            let after = match self.rng.range(0, 99) {
                0..60 => self.rng.range(0, 2_000),
                60..85 => self.rng.range(2_000, 58_000),
                85..95 => self.rng.range(58_000, 120_000),
                _ => {
                    // It dies while nobody looks.
                    self.saw("takeover: a worker never came");
                    self.lose_worker(&worker);
                    continue;
                }
            };
            self.at(Duration::from_millis(after), Event::Connect(epoch, worker));
        }
    }

    pub(crate) fn come_to(&mut self, epoch: u64, id: &WorkerId) {
        if epoch != self.epoch || self.down {
            return;
        }
        let now = self.now;
        let Some(worker) = self.workers.get_mut(id) else { return };
        worker.epoch = epoch;
        let (cluster, slots) = (worker.cluster, worker.slots);
        let standing = worker.roster.standing(now);
        for (_, process) in &standing {
            let ended = process.has_ended();
            for (seen, what) in [
                (!ended && !process.running.is_empty(), "takeover: a running attempt adopted"),
                (!ended && process.queued.is_some(), "takeover: a queued attempt adopted"),
                (!ended && process.alone_told, "takeover: a serial phase adopted"),
                (!ended && process.stop.is_some(), "takeover: a stopped process adopted"),
                (ended, "takeover: an ended process told"),
            ] {
                if seen {
                    self.saw(what);
                }
            }
        }
        self.hear(id, Input::WorkerJoined { worker: id.clone(), cluster, slots });
        let processes: Vec<_> = standing.into_iter().map(|(_, process)| process).collect();
        let adopt = Input::Adopt { worker: id.clone(), processes };
        self.hear(id, adopt.clone());
        if self.rng.chance(10) {
            self.saw("takeover: told twice");
            self.hear(id, adopt);
        }
        // After it has joined.
        self.prepare(id, 300);
    }

    /// A worker gets ready for all targets, in so many milliseconds at least.
    pub(crate) fn prepare(&mut self, id: &WorkerId, shortest: u64) {
        for target in 0..self.setting.shape.targets.len() as u32 {
            let after = Duration::from_millis(self.rng.range(shortest, 3_000));
            let input = Input::WorkerPrepared { worker: id.clone(), target: TargetId(target) };
            self.at(after, Event::News(self.epoch, id.clone(), input));
        }
    }

    /// The guards kill everything.
    pub(crate) fn lease_over(&mut self, epoch: u64, id: &WorkerId) {
        if self.workers.get(id).is_none_or(|worker| worker.epoch != epoch) {
            return;
        }
        self.saw("takeover: a worker lost its lease");
        let here = self.processes.values().filter(|process| process.worker == *id);
        let here: Vec<_> = here.map(|process| process.id).collect();
        for process in here {
            self.die(process, ProcessEnd::LeaseExpired, false);
        }
    }

    /// Whether a worker takes what the coordinator of an epoch says: not after it met a newer one.
    pub(crate) fn speaks_with(&self, worker: &WorkerId, epoch: u64) -> bool {
        self.workers.get(worker).is_some_and(|worker| worker.epoch == epoch)
    }
}
