//! A coordinator: a standby that wants office, or the one in office.

mod committer;
mod hub;
mod takeover;
mod workers;

use multibeam_model::command::{Command, Refusal, Reply};
use multibeam_model::{Epoch, Moment, Timestamp};

use crate::client::Purpose;
use crate::fault::Fault;
use crate::message::Ask;
use crate::scale;
use crate::world::{Host, Timer, World, note};
use hub::ActiveRun;
use takeover::Takeover;
use workers::Workers;

/// One coordinator.
#[derive(Debug)]
pub(crate) struct Coordinator {
    number: usize,
    pub(crate) office: Option<Box<Office>>,
    /// The claim under way: when it was made, by the own clock.
    claiming: Option<Moment>,
}

/// What the coordinator in office knows; nothing of it outlives its term.
#[derive(Debug)]
pub(crate) struct Office {
    pub(crate) epoch: Epoch,
    /// When it learned that it is in office, by its own clock.
    since: Moment,
    /// Whether the one before it may have been alive.
    forced: bool,
    /// When its last sign of life that was answered had been sent.
    attended: Moment,
    workers: Workers,
    stage: Stage,
}

/// How far it is with the run.
#[derive(Debug)]
enum Stage {
    /// It has asked for the record, or for the effect of its first decisions.
    Asking,
    /// It waits until nothing that others have started can be alive.
    Waiting(Takeover),
    Active(Box<ActiveRun>),
    Over,
}

impl Coordinator {
    pub(crate) fn new(number: usize) -> Self {
        Self { number, office: None, claiming: None }
    }
}

impl World {
    pub(crate) fn start_coordinator(&mut self, n: usize) {
        let host = self.coordinator_host(n);
        if self.machines[host].up {
            return;
        }
        self.boot(host);
        self.coordinators[n] = Coordinator::new(n);
        let after = self.some_ms(0, 1_500);
        self.wake(host, after, Timer::Claim);
    }

    pub(crate) fn crash_coordinator(&mut self, n: usize) {
        let host = self.coordinator_host(n);
        if !self.machines[host].up {
            return;
        }
        self.seen.count("coordinator crashed");
        if self.coordinators[n].office.is_some() {
            self.seen.count("coordinator in office crashed");
        }
        note!(self, "coordinator{n} crashes");
        self.halt(host);
        self.coordinators[n] = Coordinator::new(n);
    }

    pub(crate) fn office(&mut self, n: usize) -> Option<&mut Office> {
        self.coordinators[n].office.as_deref_mut()
    }

    /// A standby tries to take office.
    pub(crate) fn claim(&mut self, n: usize, take_over: bool) {
        let host = self.coordinator_host(n);
        let at = self.local(host);
        let coordinator = &mut self.coordinators[n];
        if coordinator.office.is_some() || coordinator.claiming.is_some() {
            return;
        }
        coordinator.claiming = Some(at);
        let claim = Command::Claim {
            coordinator: format!("coordinator{}", coordinator.number),
            at: Timestamp(i64::try_from(at.0 * 1000).unwrap_or(0)),
            take_over,
        };
        self.call(host, Purpose::Claim, Ask::Propose(vec![claim]));
    }

    pub(crate) fn claimed(&mut self, n: usize, ask: &Ask, replies: &[Reply]) {
        let host = self.coordinator_host(n);
        let Some(asked) = self.coordinators[n].claiming.take() else { return };
        let forced = match ask {
            Ask::Propose(commands) => {
                matches!(commands.first(), Some(Command::Claim { take_over: true, .. }))
            }
            _ => false,
        };
        match replies.first() {
            Some(Reply::Claimed(epoch)) => self.take_office(n, *epoch, asked, forced),
            Some(Reply::Refused(Refusal::InOffice { .. })) => {
                self.seen.count("claim refused");
                let pause = self.some_ms(0, 400);
                self.wake(host, scale::CLAIM + pause, Timer::Claim);
            }
            other => self.rules.breaks(format!("a claim is answered {other:?}")),
        }
    }

    fn take_office(&mut self, n: usize, epoch: Epoch, asked: Moment, forced: bool) {
        let host = self.coordinator_host(n);
        note!(self, "coordinator{n} is in office, epoch {epoch}, forced: {forced}");
        if epoch > Epoch(1) {
            self.seen.count("takeover");
            self.rules.takeovers += 1;
        }
        if forced {
            self.seen.count("takeover by force");
        }
        let since = self.local(host);
        let office = Office {
            epoch,
            since,
            forced,
            attended: asked,
            workers: Workers::default(),
            stage: Stage::Asking,
        };
        self.coordinators[n].office = Some(Box::new(office));
        self.check_one_office(n);
        self.wake(host, scale::ATTEND, Timer::Attend);
        self.wake(host, scale::LEASE_CHECK, Timer::LeaseCheck);
        self.read_run(n);
    }

    /// Unless somebody forced it, the one before takes itself to be out of office by now.
    fn check_one_office(&mut self, n: usize) {
        let Some(office) = &self.coordinators[n].office else { return };
        let (epoch, forced) = (office.epoch, office.forced);
        for other in (0..self.coordinators.len()).filter(|other| *other != n) {
            let before = self.coordinators[other].office.as_ref();
            let older = before.is_some_and(|office| office.epoch < epoch);
            if older && self.is_fresh(other) {
                if forced {
                    self.seen.count("two in office for a moment");
                } else {
                    let why = format!(
                        "coordinator{n} has taken office while coordinator{other} may act in it"
                    );
                    self.rules.breaks(why);
                }
            }
        }
    }

    /// Who was replaced is not told that it is in office, unless by an answer that comes too late.
    fn check_not_replaced(&mut self, n: usize) {
        let Some(epoch) = self.coordinators[n].office.as_ref().map(|office| office.epoch) else {
            return;
        };
        let mut others = self.coordinators.iter().filter_map(|other| other.office.as_ref());
        if others.any(|other| other.epoch > epoch && !other.forced) && self.is_fresh(n) {
            self.rules.breaks(format!("coordinator{n} takes itself to be in office again"));
        }
    }

    /// Whether no other one can have been admitted, as far as the coordinator itself can tell.
    pub(crate) fn is_fresh(&self, n: usize) -> bool {
        let now = self.local(self.coordinator_host(n));
        self.coordinators[n]
            .office
            .as_ref()
            .is_some_and(|office| now.since(office.attended) <= scale::OFFICE)
    }

    pub(crate) fn attend(&mut self, n: usize) {
        let host = self.coordinator_host(n);
        let sent = self.local(host);
        let Some(office) = self.office(n) else { return };
        let epoch = office.epoch;
        self.wake(host, scale::ATTEND, Timer::Attend);
        // One at a time: the newest is worth most.
        self.drop_calls(host, |purpose| matches!(purpose, Purpose::Attend { .. }));
        self.call(host, Purpose::Attend { sent }, Ask::Attend(epoch));
    }

    pub(crate) fn attended(&mut self, n: usize, sent: Moment, answer: Result<(), Epoch>) {
        let host = self.coordinator_host(n);
        let now = self.local(host);
        let from_answer = self.fault == Some(Fault::OfficeFromAnswer);
        match answer {
            Ok(()) => {
                if let Some(office) = self.office(n) {
                    office.attended = office.attended.max(if from_answer { now } else { sent });
                }
                self.check_not_replaced(n);
            }
            Err(newest) => {
                if self.office(n).is_some_and(|office| office.epoch < newest) {
                    self.fenced(n);
                }
            }
        }
    }

    /// Somebody else is in office: the workers that are still here end their processes.
    pub(crate) fn fenced(&mut self, n: usize) {
        let host = self.coordinator_host(n);
        self.seen.count("coordinator fenced");
        note!(self, "coordinator{n} is fenced");
        self.release_workers(n);
        self.close_streams(n);
        self.coordinators[n].office = None;
        self.drop_calls(host, |_| true);
        self.wake(host, scale::CLAIM, Timer::Claim);
    }

    /// A coordinator that cannot be sure of its office keeps no worker from finding another one.
    fn doubt_office(&mut self, n: usize) {
        if self.coordinators[n].office.is_some()
            && !self.is_fresh(n)
            && self.fault != Some(Fault::AcksOutOfOffice)
        {
            self.seen.count("office in doubt");
            self.close_streams(n);
        }
    }

    pub(crate) fn lease_check(&mut self, n: usize) {
        let host = self.coordinator_host(n);
        if self.coordinators[n].office.is_none() {
            return;
        }
        self.wake(host, scale::LEASE_CHECK, Timer::LeaseCheck);
        self.doubt_office(n);
        self.expire_workers(n);
        self.settle_doubt(n);
    }

    /// The coordinator that acts, if one does.
    pub(crate) fn acting(&self) -> Option<usize> {
        let up = |n: &usize| self.machines[self.coordinator_host(*n)].up;
        let offices = (0..self.coordinators.len()).filter(up);
        let offices =
            offices.filter_map(|n| Some((self.coordinators[n].office.as_ref()?.epoch, n)));
        offices.max().map(|(_, n)| n)
    }

    /// Where a coordinator's program runs.
    pub(crate) fn is_coordinator(&self, host: Host) -> bool {
        host >= self.setting.nodes && host < self.worker_host(0)
    }
}
