//! Reports and facts: where they belong, and what follows once they are durable.

use multibeam_ginkgo::protocol::{Answer, SpecReport};
use multibeam_model::AttemptId;
use multibeam_model::command::{Reply, Report, SuiteNode};
use multibeam_model::link::{ProcessNews, SessionFact, StopHow};
use multibeam_model::outcome::LossCause;

use super::words::{first_lines, may_be_the_cluster, state_of};
use super::{Conductor, Expected, Output, Shipment, Ticket, Waiting};

/// Where a spec report belongs.
#[derive(Debug)]
pub(super) enum Placed {
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

impl Conductor {
    pub(super) fn did_run(&mut self, ticket: Ticket, report: SpecReport, out: &mut Vec<Output>) {
        if !report.header.is_spec() {
            return self.suite_node(ticket, report, out);
        }
        if self.refused {
            return out.push(Output::Answer(ticket, Answer::Ok));
        }
        let placed = if self.serial.has_begun() {
            self.serial.place(&report.header)
        } else {
            self.parallel.place(&report.header)
        };
        match placed {
            Placed::Report { attempt, ordinal, expected } => {
                self.spec(ticket, attempt, ordinal, expected, &report, out);
            }
            Placed::NotRun { first_of } => {
                self.tell_next_serial(out);
                if let Some(attempt) = first_of {
                    self.journal.tell(ProcessNews::NotRun { attempt }, out);
                }
                out.push(Output::Answer(ticket, Answer::Ok));
            }
            Placed::Ignored => out.push(Output::Answer(ticket, Answer::Ok)),
            Placed::Mismatch(message) => {
                self.refused = true;
                self.journal.tell(ProcessNews::Mismatch { message }, out);
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
        let Report { attempt, state, .. } = report;
        // One that failed may have been the last: its process goes on when nothing can be lost. One
        // that is recalled is held by its last report, and one that is killed begins nothing more.
        let killed = self.stop == Some(StopHow::Kill);
        let goes_on = !state.is_failure() && !self.recall.is_ordered() && !killed;
        // By the time that it is durable the process may run another group.
        let failed =
            state.is_failure() || self.parallel.failed(attempt) || self.serial.failed(attempt);
        self.waiting.push((ticket, Waiting::Report { attempt, failed, done, goes_on }));
        self.journal.ship(ticket, Shipment::Report(report), goes_on, out);
        if goes_on {
            self.tell_next_serial(out);
        }
    }

    pub(super) fn cluster_checked(
        &mut self,
        ticket: Ticket,
        unreachable: bool,
        out: &mut Vec<Output>,
    ) {
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

    pub(super) fn suite_node(&mut self, ticket: Ticket, report: SpecReport, out: &mut Vec<Output>) {
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
        self.journal.ship(ticket, Shipment::SuiteNode(node), false, out);
    }

    pub(super) fn ship_fact(&mut self, ticket: Ticket, fact: SessionFact, out: &mut Vec<Output>) {
        self.waiting.push((ticket, Waiting::Fact { fact: fact.clone() }));
        self.journal.ship(ticket, Shipment::Fact(fact), false, out);
    }

    pub(super) fn shipped(&mut self, ticket: Ticket, reply: &Reply, out: &mut Vec<Output>) {
        match self.take_waiting(ticket) {
            Some(Waiting::Report { attempt, failed, done, goes_on }) => {
                let cluster_lost = matches!(done, ProcessNews::Lost { .. });
                let over = *reply == Reply::Sealed || cluster_lost;
                let sealed = ProcessNews::Sealed { attempt, failed };
                let news = [Some(done), (*reply == Reply::Sealed).then_some(sealed)];
                self.journal.shipped(ticket, news.into_iter().flatten(), out);
                if failed {
                    self.parallel.note_failure(attempt);
                    self.serial.note_failure(attempt);
                }
                if cluster_lost && self.stop.is_none() {
                    self.waiting.push((ticket, Waiting::Cluster));
                    out.push(Output::AwaitCluster(ticket));
                    return;
                }
                let held = over && self.stop.is_none() && !goes_on && self.recall.holds(ticket);
                if !goes_on && !held {
                    self.go_on(ticket, out);
                }
            }
            Some(Waiting::SuiteNode { done }) => {
                self.journal.shipped(ticket, [done], out);
                out.push(Output::Answer(ticket, Answer::Ok));
            }
            Some(Waiting::Fact { fact }) => {
                self.fact(fact.clone());
                self.journal.shipped(ticket, [ProcessNews::Fact(fact)], out);
                out.push(Output::Answer(ticket, Answer::Ok));
            }
            Some(Waiting::Check { .. } | Waiting::Cluster) | None => {}
        }
    }

    /// Lets the process go on after a spec.
    pub(super) fn go_on(&mut self, ticket: Ticket, out: &mut Vec<Output>) {
        self.tell_next_serial(out);
        out.push(Output::Answer(ticket, Answer::Ok));
    }

    pub(super) fn tell_next_serial(&mut self, out: &mut Vec<Output>) {
        if let Some(attempt) = self.serial.next_started() {
            self.journal.tell(ProcessNews::Started { attempt }, out);
        }
    }
}
