//! The conductor: what to answer one suite process, decided without any I/O.
//!
//! One conductor belongs to one process. It is fed with the process's requests, the coordinator's
//! orders, and the ledger's replies, and returns what is to be answered, shipped, and told. The
//! shell around it (`agent::process`) owns the sockets and the child.
//!
//! Its promises:
//! - `/did-run` is answered only when the report is durable, so a process never runs ahead of the
//!   ledger by more than one spec.
//! - `/counter` never gives an index that was not handed out, and gives the same one again when the
//!   process asks twice for the same group.
//! - A report that does not belong to the group handed out stops the target; it is never counted.

mod message;
mod parallel;
mod serial;
mod suite_map;
#[cfg(test)]
mod tests;
mod words;

use std::sync::Arc;

use bytes::Bytes;
use multibeam_ginkgo::protocol::{Answer, BeforeSuite, Request, SpecReport};
use multibeam_model::command::{Reply, Report, SuiteNode};
use multibeam_model::link::{ProcessNews, ProcessOrder, SessionFact, StopHow};
use multibeam_model::outcome::LossCause;
use multibeam_model::{AttemptId, ProcessId, SpecState};

pub use message::{Input, Output, Shipment, Ticket};
use parallel::{Counter, Parallel};
use serial::Serial;
pub use suite_map::{Expected, SuiteMap};
use words::{first_lines, may_be_the_cluster, state_for, state_of};

/// A request whose answer depends on something under way.
#[derive(Debug)]
enum Waiting {
    /// A report on its way to the ledger.
    Report { attempt: AttemptId, failed: bool, done: ProcessNews },
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
    report_before_suite: Option<SpecState>,
    before_suite: Option<Bytes>,
    /// Suite-node reports so far.
    suite_nodes: u32,
    waiting: Vec<(Ticket, Waiting)>,
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
            report_before_suite: None,
            before_suite: None,
            suite_nodes: 0,
            waiting: Vec::new(),
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
                if let Some(Waiting::Cluster) = self.take_waiting(ticket) {
                    self.go_on(ticket, out);
                }
            }
            Input::Ended { end, last_output } => {
                let complete = self.complete;
                out.push(Output::News(ProcessNews::Ended { end, complete, last_output }));
            }
        }
    }

    fn request(&mut self, ticket: Ticket, request: Request, out: &mut Vec<Output>) {
        let answer = match request {
            Request::Up => {
                out.push(Output::News(ProcessNews::Up));
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
                        out.push(Output::News(ProcessNews::WantsGroup));
                    }
                    return;
                }
            },
            Request::DidRun(report) => return self.did_run(ticket, report, out),
            Request::HaveNonprimaryProcsFinished => self.serial.others_finished(out),
            // Ginkgo's own server answers 410 when one of the others has died, and its node fails.
            // Here another process may have taken the place of that one.
            Request::AggregatedNonprimaryProcsReport if self.serial.may_begin() => {
                return out.push(Output::GatherReports(ticket));
            }
            Request::AggregatedNonprimaryProcsReport => Answer::TooEarly,
            // The interrupt is a signal to the process; answering 410 here as well would turn an
            // interrupted spec into an aborted one.
            Request::ShouldAbort => Answer::Ok,
            Request::Abort => {
                out.push(Output::News(ProcessNews::Aborted));
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
                    out.push(Output::News(ProcessNews::NotRun { attempt }));
                } else if let Some((ticket, answer, started)) = self.parallel.hand_out(attempt) {
                    self.tell_started(Some(started), out);
                    out.push(Output::Answer(ticket, answer));
                }
            }
            ProcessOrder::NoMoreGroups => {
                if let Some((ticket, answer)) = self.parallel.no_more() {
                    out.push(Output::Answer(ticket, answer));
                }
            }
            ProcessOrder::SerialPhase { attempts } => self.serial.begin(attempts),
            ProcessOrder::Stop(how) => {
                if self.stop.replace(how.max(self.stop.unwrap_or(how))).is_some() {
                    return;
                }
                for attempt in self.parallel.drop_queue() {
                    out.push(Output::News(ProcessNews::NotRun { attempt }));
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

    fn did_run(&mut self, ticket: Ticket, report: SpecReport, out: &mut Vec<Output>) {
        if !report.header.is_spec() {
            return self.suite_node(ticket, report, out);
        }
        if self.refused {
            return out.push(Output::Answer(ticket, Answer::Ok));
        }
        let placed = if self.serial.has_begun() {
            self.serial.place(&report.header, out)
        } else {
            self.parallel.place(&report.header)
        };
        match placed {
            Placed::Report { attempt, ordinal, expected } => {
                self.spec(ticket, attempt, ordinal, expected, &report, out);
            }
            Placed::NotRun { first_of } => {
                if let Some(attempt) = first_of {
                    out.push(Output::News(ProcessNews::NotRun { attempt }));
                }
                out.push(Output::Answer(ticket, Answer::Ok));
            }
            Placed::Ignored => out.push(Output::Answer(ticket, Answer::Ok)),
            Placed::Mismatch(message) => {
                self.refused = true;
                out.push(Output::News(ProcessNews::Mismatch { message }));
                out.push(Output::Answer(ticket, Answer::Ok));
            }
        }
    }

    fn spec(
        &mut self,
        ticket: Ticket,
        attempt: AttemptId,
        ordinal: u32,
        expected: Expected,
        report: &SpecReport,
        out: &mut Vec<Output>,
    ) {
        let header = &report.header;
        let state = state_of(header.state);
        let message = header.failure_message().unwrap_or_default();
        let done = ProcessNews::SpecDone {
            attempt,
            spec: expected.spec,
            state,
            run_time_us: u64::try_from(header.run_time / 1000).unwrap_or(0),
            message: if state.is_failure() { first_lines(message) } else { String::new() },
        };
        let report = Report {
            attempt,
            ordinal,
            spec: expected.spec,
            state,
            explained: !message.is_empty(),
            cluster_lost: false,
            payload: report.raw.to_vec(),
        };
        if self.has_cluster && self.stop.is_none() && may_be_the_cluster(state) {
            self.waiting.push((ticket, Waiting::Check { report, done }));
            out.push(Output::CheckCluster(ticket));
        } else {
            self.ship_report(ticket, report, done, out);
        }
    }

    fn ship_report(
        &mut self,
        ticket: Ticket,
        report: Report,
        done: ProcessNews,
        out: &mut Vec<Output>,
    ) {
        let failed = report.state.is_failure();
        self.waiting.push((ticket, Waiting::Report { attempt: report.attempt, failed, done }));
        out.push(Output::Ship(ticket, Shipment::Report(report)));
    }

    fn cluster_checked(&mut self, ticket: Ticket, unreachable: bool, out: &mut Vec<Output>) {
        let Some(Waiting::Check { mut report, done }) = self.take_waiting(ticket) else {
            return;
        };
        report.cluster_lost = unreachable;
        if unreachable {
            // The rest of the group tells nothing about the suite any more.
            self.parallel.lose_current(report.attempt);
            self.serial.lose(report.attempt);
        }
        self.ship_report(ticket, report, done, out);
        if unreachable
            && let Some((_, Waiting::Report { attempt, done, .. })) = self.waiting.last_mut()
        {
            let cause = LossCause::ClusterLost { cluster: self.cluster.clone() };
            *done = ProcessNews::Lost { attempt: *attempt, cause };
        }
    }

    fn suite_node(&mut self, ticket: Ticket, report: SpecReport, out: &mut Vec<Output>) {
        let state = state_of(report.header.state);
        let message = report.header.failure_message().unwrap_or_default();
        let done = ProcessNews::SuiteNodeDone {
            node: report.header.leaf_node_type.clone(),
            state,
            message: if state.is_failure() { first_lines(message) } else { String::new() },
        };
        let node = SuiteNode {
            process: self.process,
            ordinal: self.suite_nodes,
            state,
            payload: report.raw.to_vec(),
        };
        self.suite_nodes += 1;
        self.waiting.push((ticket, Waiting::SuiteNode { done }));
        out.push(Output::Ship(ticket, Shipment::SuiteNode(node)));
    }

    fn ship_fact(&mut self, ticket: Ticket, fact: SessionFact, out: &mut Vec<Output>) {
        self.waiting.push((ticket, Waiting::Fact { fact: fact.clone() }));
        out.push(Output::Ship(ticket, Shipment::Fact(fact)));
    }

    fn shipped(&mut self, ticket: Ticket, reply: &Reply, out: &mut Vec<Output>) {
        match self.take_waiting(ticket) {
            Some(Waiting::Report { attempt, failed, done }) => {
                let cluster_lost = matches!(done, ProcessNews::Lost { .. });
                out.push(Output::News(done));
                if *reply == Reply::Sealed {
                    let failed =
                        self.parallel.failed(attempt) || self.serial.failed(attempt) || failed;
                    out.push(Output::News(ProcessNews::Sealed { attempt, failed }));
                } else if failed {
                    self.parallel.note_failure(attempt);
                    self.serial.note_failure(attempt);
                }
                if cluster_lost && self.stop.is_none() {
                    self.waiting.push((ticket, Waiting::Cluster));
                    out.push(Output::AwaitCluster(ticket));
                    return;
                }
                return self.go_on(ticket, out);
            }
            Some(Waiting::SuiteNode { done }) => out.push(Output::News(done)),
            Some(Waiting::Fact { fact }) => {
                self.fact(fact.clone());
                out.push(Output::News(ProcessNews::Fact(fact)));
            }
            Some(Waiting::Check { .. } | Waiting::Cluster) | None => return,
        }
        out.push(Output::Answer(ticket, Answer::Ok));
    }

    /// Lets the process go on after a spec.
    fn go_on(&mut self, ticket: Ticket, out: &mut Vec<Output>) {
        self.serial.tell_next(out);
        out.push(Output::Answer(ticket, Answer::Ok));
    }

    /// A process that is to end must not be held.
    fn let_go(&mut self, out: &mut Vec<Output>) {
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

    fn tell_started(&self, started: Option<AttemptId>, out: &mut Vec<Output>) {
        let Some(attempt) = started else { return };
        out.push(Output::News(ProcessNews::Started { attempt }));
        if self.parallel.has_room() && self.stop.is_none() {
            out.push(Output::News(ProcessNews::WantsGroup));
        }
    }
}

/// Where a spec report belongs.
#[derive(Debug)]
enum Placed {
    /// To this attempt.
    Report { attempt: AttemptId, ordinal: u32, expected: Expected },
    /// The suite passed a selected spec over: its group did not run. `first_of` names the attempt
    /// the first time.
    NotRun { first_of: Option<AttemptId> },
    /// To nothing: unselected specs that every process 1 steps over, and what follows a loss.
    Ignored,
    /// The suite ran something else.
    Mismatch(String),
}
