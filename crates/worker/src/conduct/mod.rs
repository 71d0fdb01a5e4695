//! The conductor: what to answer one suite process, decided without any I/O.
//!
//! One conductor belongs to one process. It is fed with the process's requests, the coordinator's
//! orders, and the ledger's replies, and returns what is to be answered, shipped, and told. The
//! shell around it (`agent::process`) owns the sockets and the child.
//!
//! Its promises:
//! - A process never runs ahead of the ledger by more than two specs: the one that it runs, and one
//!   that passed and whose report is on its way. `/did-run` of any other report is answered only
//!   when the report is durable (docs/decisions/0012).
//! - What the coordinator hears comes in the order in which it happened, each report's news once it
//!   is durable (see [`journal`]).
//! - `/counter` never gives an index that was not handed out, and gives the same one again when the
//!   process asks twice for the same group.
//! - A report that does not belong to the group handed out stops the target; it is never counted.

mod journal;
mod message;
mod parallel;
mod recall;
mod reports;
mod serial;
mod suite_map;
#[cfg(test)]
mod tests;
mod words;

use std::sync::Arc;

use bytes::Bytes;
use multibeam_ginkgo::protocol::{Answer, BeforeSuite, Request};
use multibeam_model::command::Report;
use multibeam_model::link::{ProcessNews, ProcessOrder, SessionFact, StopHow};
use multibeam_model::{AttemptId, ProcessId, SpecState};

use journal::Journal;
pub use message::{Input, Output, Shipment, Ticket};
use parallel::{Counter, Parallel};
use recall::Recall;
use serial::Serial;
pub use suite_map::{Expected, SuiteMap};
use words::{state_for, state_of};

/// A request whose answer depends on something under way.
#[derive(Debug)]
enum Waiting {
    /// A report on its way to the ledger; whether the process goes on before it is there.
    Report { attempt: AttemptId, failed: bool, done: ProcessNews, goes_on: bool },
    /// A suite node on its way to the ledger.
    SuiteNode { done: ProcessNews },
    /// A fact on its way to the ledger.
    Fact { fact: SessionFact },
    /// A failed spec whose cluster is being checked before it is shipped.
    Check { report: Report, done: ProcessNews },
    /// A cluster that does not answer: what the process would run next fails there as well.
    Cluster,
}

/// Decides for one suite process.
#[derive(Debug)]
pub struct Conductor {
    process: ProcessId,
    /// Whether failures are checked against the cluster's readiness.
    has_cluster: bool,
    cluster: String,
    parallel: Parallel,
    serial: Serial,
    journal: Journal,
    report_before_suite: Option<SpecState>,
    before_suite: Option<Bytes>,
    /// Suite-node reports so far.
    suite_nodes: u32,
    waiting: Vec<(Ticket, Waiting)>,
    recall: Recall,
    stop: Option<StopHow>,
    /// `/suite-did-end` has come.
    complete: bool,
    /// A mismatch was told; nothing counts any more.
    refused: bool,
}

impl Conductor {
    /// A conductor for a process that is about to start. `cluster` names the cluster whose
    /// readiness excuses failures; `None` when the suite uses none.
    #[must_use]
    pub fn new(process: ProcessId, map: Arc<SuiteMap>, cluster: Option<String>) -> Self {
        Self {
            process,
            has_cluster: cluster.is_some(),
            cluster: cluster.unwrap_or_default(),
            parallel: Parallel::new(Arc::clone(&map)),
            serial: Serial::new(map),
            journal: Journal::default(),
            report_before_suite: None,
            before_suite: None,
            suite_nodes: 0,
            waiting: Vec::new(),
            recall: Recall::No,
            stop: None,
            complete: false,
            refused: false,
        }
    }

    /// Takes one input and appends what follows from it to `out`.
    pub fn handle(&mut self, input: Input, out: &mut Vec<Output>) {
        match input {
            Input::Request { ticket, request } => self.request(ticket, request, out),
            Input::Order(order) => self.order(order, out),
            Input::Fact(fact) => self.fact(fact),
            Input::Shipped { ticket, reply } => self.shipped(ticket, &reply, out),
            Input::ClusterChecked { ticket, unreachable } => {
                self.cluster_checked(ticket, unreachable, out);
            }
            Input::ClusterBack { ticket } => {
                if let Some(Waiting::Cluster) = self.take_waiting(ticket)
                    && !self.recall.holds(ticket)
                {
                    self.go_on(ticket, out);
                }
            }
            Input::AbortSeen { ticket } => {
                if let Recall::Told(held) = self.recall
                    && held == ticket
                {
                    self.let_go_recalled(out);
                }
            }
            Input::Ended { end, last_output } => {
                let complete = self.complete;
                self.journal.close(out);
                out.push(Output::News(ProcessNews::Ended { end, complete, last_output }));
            }
        }
    }

    fn request(&mut self, ticket: Ticket, request: Request, out: &mut Vec<Output>) {
        let answer = match request {
            Request::Up => {
                self.journal.tell(ProcessNews::Up, out);
                Answer::Ok
            }
            Request::SuiteWillBegin(_) | Request::EmitOutput(_) | Request::ProgressReport(_) => {
                Answer::Ok
            }
            Request::SuiteDidEnd(report) => {
                self.complete = true;
                if !self.process.number.is_first() {
                    out.push(Output::KeepReport(report.raw));
                }
                Answer::Ok
            }
            Request::ReportBeforeSuiteCompleted(state) => {
                let state = state_of(state);
                return self.ship_fact(ticket, SessionFact::ReportBeforeSuite { state }, out);
            }
            Request::BeforeSuiteCompleted(BeforeSuite { state, raw }) => {
                let data = Some(raw.to_vec());
                let fact = SessionFact::BeforeSuite { state: state_of(state), data };
                return self.ship_fact(ticket, fact, out);
            }
            // One that is killed stays held: told that process 1 is gone it would report that as a
            // failure of its own before-suite.
            Request::ReportBeforeSuiteState | Request::BeforeSuiteState
                if self.stop == Some(StopHow::Kill) =>
            {
                Answer::TooEarly
            }
            Request::ReportBeforeSuiteState => match self.report_before_suite {
                _ if self.stop.is_some() => Answer::Gone,
                Some(state) => Answer::state(state_for(state)),
                None => Answer::TooEarly,
            },
            Request::BeforeSuiteState => match &self.before_suite {
                _ if self.stop.is_some() => Answer::Gone,
                Some(raw) => Answer::Json(raw.clone()),
                None => Answer::TooEarly,
            },
            Request::Counter => match self.parallel.counter(ticket) {
                Counter::Answer(answer, started) => {
                    self.tell_started(started, out);
                    answer
                }
                Counter::Held { wants } => {
                    if wants {
                        self.journal.tell(ProcessNews::WantsGroup, out);
                    }
                    return;
                }
            },
            Request::DidRun(report) => return self.did_run(ticket, report, out),
            Request::HaveNonprimaryProcsFinished => {
                let answer = self.serial.others_finished();
                self.tell_next_serial(out);
                answer
            }
            // Ginkgo's own server answers 410 when one of the others has died, and its node fails.
            // Here another process may have taken the place of that one.
            Request::AggregatedNonprimaryProcsReport if self.serial.may_begin() => {
                return out.push(Output::GatherReports(ticket));
            }
            Request::AggregatedNonprimaryProcsReport => Answer::TooEarly,
            // The interrupt is a signal to the process; answering 410 here as well would turn an
            // interrupted spec into an aborted one. Between two specs there is none.
            Request::ShouldAbort => match self.recall.asked() {
                Some(held) => {
                    out.push(Output::Answer(ticket, Answer::Gone));
                    return out.push(Output::AwaitAbort(held));
                }
                None if self.recall.is_told() => Answer::Gone,
                None => Answer::Ok,
            },
            Request::Abort => {
                self.journal.tell(ProcessNews::Aborted, out);
                Answer::Ok
            }
        };
        out.push(Output::Answer(ticket, answer));
    }

    fn order(&mut self, order: ProcessOrder, out: &mut Vec<Output>) {
        match order {
            // The shell has started the process before it made the conductor.
            ProcessOrder::Start(_) => {}
            ProcessOrder::HandOut { attempt } => {
                if self.stop.is_some() {
                    self.journal.tell(ProcessNews::NotRun { attempt }, out);
                } else if let Some((ticket, answer, started)) = self.parallel.hand_out(attempt) {
                    self.tell_started(Some(started), out);
                    out.push(Output::Answer(ticket, answer));
                }
            }
            ProcessOrder::TakeBack { attempt } => {
                if self.parallel.take_back(attempt) {
                    self.journal.tell(ProcessNews::GivenBack { attempt }, out);
                }
            }
            ProcessOrder::NoMoreGroups => {
                if let Some((ticket, answer)) = self.parallel.no_more() {
                    out.push(Output::Answer(ticket, answer));
                }
            }
            ProcessOrder::SerialPhase { attempts } => self.serial.begin(attempts),
            ProcessOrder::Stop(StopHow::Recall) => {
                if self.stop.is_none() {
                    self.recall.order();
                }
            }
            ProcessOrder::Stop(how) => {
                if self.stop.replace(how.max(self.stop.unwrap_or(how))).is_some() {
                    return;
                }
                for attempt in self.parallel.drop_queue() {
                    self.journal.tell(ProcessNews::NotRun { attempt }, out);
                }
                // One that is killed stays held: let go, it would begin its next spec before it dies.
                if how == StopHow::Kill {
                    return;
                }
                self.let_go(out);
                if let Some((ticket, answer)) = self.parallel.no_more() {
                    out.push(Output::Answer(ticket, answer));
                }
            }
        }
    }

    fn fact(&mut self, fact: SessionFact) {
        match fact {
            SessionFact::ReportBeforeSuite { state } => self.report_before_suite = Some(state),
            SessionFact::BeforeSuite { data, .. } => {
                self.before_suite = Some(data.unwrap_or_default().into());
            }
        }
    }

    fn let_go_recalled(&mut self, out: &mut Vec<Output>) {
        let held = self.recall.let_go();
        out.extend(held.map(|ticket| Output::Answer(ticket, Answer::Ok)));
    }

    /// A process that is to end must not be held.
    fn let_go(&mut self, out: &mut Vec<Output>) {
        self.let_go_recalled(out);
        let (held, waiting) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|(_, waiting)| matches!(waiting, Waiting::Cluster));
        self.waiting = waiting;
        out.extend(held.into_iter().map(|(ticket, _)| Output::Answer(ticket, Answer::Ok)));
    }

    fn take_waiting(&mut self, ticket: Ticket) -> Option<Waiting> {
        let place = self.waiting.iter().position(|(waiting, _)| *waiting == ticket)?;
        Some(self.waiting.swap_remove(place).1)
    }

    fn tell_started(&mut self, started: Option<AttemptId>, out: &mut Vec<Output>) {
        let Some(attempt) = started else { return };
        self.journal.tell(ProcessNews::Started { attempt }, out);
        if self.parallel.has_room() && self.stop.is_none() {
            self.journal.tell(ProcessNews::WantsGroup, out);
        }
    }
}
