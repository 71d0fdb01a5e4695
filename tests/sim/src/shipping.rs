//! What suite processes report goes to the ledger. One whose spec passed goes on meanwhile, but no
//! further than to its next report, and nobody hears of it before.

use multibeam_model::command::{Change, Command, Refusal, Reply, Report, SuiteNode};
use multibeam_model::link::ProcessNews;
use multibeam_model::{AttemptId, ProcessId, SpecState};

use crate::client::Purpose;
use crate::fault::Fault;
use crate::message::Ask;
use crate::rules::run_id;
use crate::setting::spec_of;
use crate::suite::Stage;
use crate::trouble::Trouble;
use crate::world::{Host, World, note};

/// Something on its way to the ledger.
#[derive(Clone, Debug)]
pub(crate) struct Shipping {
    number: u64,
    what: Shipment,
}

#[derive(Clone, Debug)]
enum Shipment {
    Node,
    Fact,
    Report(Sent),
}

/// A report on its way.
#[derive(Clone, Copy, Debug)]
struct Sent {
    attempt: AttemptId,
    ordinal: u32,
    state: SpecState,
    lost: bool,
    /// A spec of the group has failed so far.
    failed: bool,
    /// The process did not wait.
    went_on: bool,
}

impl World {
    fn ship(&mut self, host: Host, process: ProcessId, what: Shipment, change: Change) {
        let number = self.number();
        let Some(suite) = self.suite_mut(host, process) else { return };
        suite.shipping = Some(Shipping { number, what });
        let command = Command::Run { run: run_id(), change };
        self.call(host, Purpose::Ship { process, number }, Ask::Propose(vec![command]));
    }

    pub(crate) fn drop_shipping(&mut self, host: Host, process: ProcessId) {
        self.drop_calls(
            host,
            |purpose| matches!(purpose, Purpose::Ship { process: of, .. } if *of == process),
        );
    }

    pub(crate) fn ship_before_suite(&mut self, host: Host, process: ProcessId) {
        let payload = format!("before-suite of {process}").into_bytes();
        let node = SuiteNode { process, ordinal: 0, state: SpecState::Passed, payload };
        self.ship(host, process, Shipment::Node, Change::SuiteNode(node));
    }

    /// A process has run a spec.
    pub(crate) fn spec_done(
        &mut self,
        host: Host,
        process: ProcessId,
        attempt: AttemptId,
        ordinal: u32,
    ) {
        let unawaited = self.fault == Some(Fault::ReportNotAwaited);
        let Some(suite) = self.suite_mut(host, process) else { return };
        if let Some(shipping) = &suite.shipping {
            let before = shipping.what.clone();
            if !unawaited {
                suite.next_report = Some((attempt, ordinal));
                return self.seen.count("second report waits for the first");
            }
            if let Shipment::Report(sent) = before {
                self.rules.durable(sent.attempt, sent.ordinal);
            }
        }
        let suite = &self.suites[&(host, process)];
        let (state, stopped) = (self.state_of(suite, attempt), suite.stop.is_some());
        let cluster = suite.cluster;
        if stopped && self.rng.chance(30) {
            // The suite has passed it over.
            self.rules.ends(host, process);
            self.tell(host, process, ProcessNews::NotRun { attempt });
            return self.ask(host, process);
        }
        let lost = self.unready[cluster.0 as usize] && !stopped;
        let state = if lost { SpecState::Failed } else { state };
        let mut payload = format!("{attempt} {ordinal} {}", self.numbers).into_bytes();
        payload.resize(40 + payload.len() % 7, b'.');
        self.rules.ships(attempt, ordinal, &payload);
        let report = Report {
            attempt,
            ordinal,
            spec: spec_of(attempt.group, ordinal),
            state,
            explained: false,
            cluster_lost: lost,
            payload,
        };
        let failed = state.is_failure();
        let Some(suite) = self.suite_mut(host, process) else { return };
        suite.failed |= failed;
        let went_on = !failed;
        let sent = Sent { attempt, ordinal, state, lost, failed: suite.failed, went_on };
        self.ship(host, process, Shipment::Report(sent), Change::Report(report));
        if went_on {
            self.after_report(host, process, attempt, ordinal);
        }
    }

    pub(crate) fn shipped(
        &mut self,
        host: Host,
        process: ProcessId,
        number: u64,
        replies: &[Reply],
    ) {
        let Some(suite) = self.suite_mut(host, process) else { return };
        let Some(shipping) = suite.shipping.take_if(|it| it.number == number) else { return };
        let reply = replies.first();
        match shipping.what {
            Shipment::Node => {
                let fact = Self::passed_fact();
                let session = process.session;
                let node = "SynchronizedBeforeSuite".to_owned();
                let (state, message) = (SpecState::Passed, String::new());
                self.tell(host, process, ProcessNews::SuiteNodeDone { node, state, message });
                self.ship(host, process, Shipment::Fact, Change::Fact { session, fact });
                return;
            }
            Shipment::Fact => {
                let fact = Self::passed_fact();
                self.tell(host, process, ProcessNews::Fact(fact.clone()));
                self.tell_unheard(host, process);
                self.learn_fact(host, process.session, &fact);
                self.ask(host, process);
            }
            Shipment::Report(sent) => self.report_shipped(host, process, sent, reply),
        }
        self.ship_next(host, process);
        let ended = self.suite_mut(host, process).and_then(|suite| suite.ended);
        let under_way = self.suite_mut(host, process).is_some_and(|suite| suite.shipping.is_some());
        if under_way {
            return;
        }
        if let Some((end, complete)) = ended {
            self.seen.count("shipped after the end of its process");
            self.tell_end(host, process, end, complete);
        }
    }

    /// Tells what had to wait.
    fn tell_unheard(&mut self, host: Host, process: ProcessId) {
        let Some(suite) = self.suite_mut(host, process) else { return };
        for news in std::mem::take(&mut suite.unheard) {
            self.tell(host, process, news);
        }
    }

    /// Ships the report that had to wait.
    fn ship_next(&mut self, host: Host, process: ProcessId) {
        let next = self.suite_mut(host, process).and_then(|suite| suite.next_report.take());
        if let Some((attempt, ordinal)) = next {
            self.spec_done(host, process, attempt, ordinal);
        }
    }

    fn report_shipped(
        &mut self,
        host: Host,
        process: ProcessId,
        sent: Sent,
        reply: Option<&Reply>,
    ) {
        let Sent { attempt, ordinal, state, lost, failed, went_on } = sent;
        self.rules.durable(attempt, ordinal);
        note!(self, "{process} on {}: report {ordinal} of {attempt}: {reply:?}", self.name(host));
        let Some(suite) = self.suite_mut(host, process) else { return };
        let cluster = suite.cluster;
        let news = if lost {
            let cause = self.cluster_lost(cluster);
            ProcessNews::Lost { attempt, cause }
        } else {
            let spec = spec_of(attempt.group, ordinal);
            let message = String::new();
            ProcessNews::SpecDone { attempt, spec, state, run_time_us: 1, message }
        };
        self.tell(host, process, news);
        match reply {
            Some(Reply::Sealed) => {
                self.rules.acknowledged(attempt);
                self.tell(host, process, ProcessNews::Sealed { attempt, failed });
                if failed {
                    self.die_with_news(host);
                }
            }
            Some(Reply::Refused(Refusal::AttemptLost)) => self.seen.count("report after the loss"),
            Some(Reply::Done | Reply::Duplicate) => {}
            other => {
                self.rules.breaks(format!("report {ordinal} of {attempt} is answered {other:?}"))
            }
        }
        self.tell_unheard(host, process);
        if went_on {
            self.seen.count("ran ahead of its report");
            return;
        }
        if lost {
            self.seen.count("spec lost to its cluster");
            self.rules.ends(host, process);
            if self.unready[cluster.0 as usize] {
                return self.rest(host, process, Stage::Held);
            }
            return self.ask(host, process);
        }
        self.after_report(host, process, attempt, ordinal);
    }

    /// Sometimes a worker dies just when it knows what nobody else does.
    fn die_with_news(&mut self, host: Host) {
        if !self.healed && self.rng.chance(8) {
            let n = host - self.worker_host(0);
            let trouble = |trouble| crate::world::Event::Trouble(trouble);
            self.at(std::time::Duration::ZERO, trouble(Trouble::KillWorker(n)));
            let back = self.some_ms(500, 20_000);
            self.at(back, trouble(Trouble::StartWorker(n)));
        }
    }

    /// The process goes on with the next spec of its group, or asks for the next group.
    fn after_report(&mut self, host: Host, process: ProcessId, attempt: AttemptId, ordinal: u32) {
        if ordinal + 1 == self.reports(attempt) {
            return self.ask(host, process);
        }
        if self.suites.get(&(host, process)).is_some_and(|suite| suite.stop.is_some()) {
            self.rules.ends(host, process);
            self.tell(host, process, ProcessNews::NotRun { attempt });
            return self.ask(host, process);
        }
        self.begin_spec(host, process, attempt, ordinal + 1);
    }
}
