//! The spans of one suite process: each attempt it executes, and in it each report on its way to
//! the ledger. The contexts of their parents come with the coordinator's orders; without one there
//! is no span.

use std::collections::BTreeMap;

use multibeam_model::AttemptId;
use multibeam_model::link::{ProcessNews, ProcessOrder};
use multibeam_rt::trace::{TARGET, child_of};
use tracing::field::Empty;
use tracing::{Span, debug_span};

use crate::conduct::Shipment;

/// The open spans of one process.
#[derive(Debug, Default)]
pub(super) struct Executions {
    contexts: BTreeMap<AttemptId, String>,
    open: BTreeMap<AttemptId, Span>,
}

impl Executions {
    /// Keeps the contexts that came with an order, until its attempts begin.
    pub(super) fn ordered(&mut self, order: &ProcessOrder, contexts: Vec<String>) {
        let attempts = match order {
            ProcessOrder::HandOut { attempt } => std::slice::from_ref(attempt),
            ProcessOrder::SerialPhase { attempts } => attempts,
            _ => return,
        };
        let known = attempts.iter().copied().zip(contexts);
        self.contexts.extend(known.filter(|(_, context)| !context.is_empty()));
    }

    /// Opens and closes what a piece of news opens and closes.
    pub(super) fn told(&mut self, news: &ProcessNews) {
        match news {
            ProcessNews::Started { attempt } => self.begin(*attempt),
            ProcessNews::Sealed { attempt, failed } => {
                self.end(*attempt, if *failed { "failed" } else { "passed" }, None);
            }
            ProcessNews::Lost { attempt, cause } => self.end(*attempt, "lost", Some(cause)),
            ProcessNews::NotRun { attempt } | ProcessNews::GivenBack { attempt } => {
                self.end(*attempt, "not run", None);
            }
            _ => {}
        }
    }

    fn begin(&mut self, attempt: AttemptId) {
        let Some(context) = self.contexts.remove(&attempt) else { return };
        let span = child_of(Some(&context), || {
            debug_span!(
                target: TARGET,
                parent: None,
                "execution",
                attempt = %attempt,
                group = attempt.group.0,
                outcome = Empty,
                cause = Empty,
                otel.status_code = Empty,
            )
        });
        self.open.insert(attempt, span);
    }

    fn end(
        &mut self,
        attempt: AttemptId,
        outcome: &str,
        cause: Option<&multibeam_model::LossCause>,
    ) {
        self.contexts.remove(&attempt);
        let Some(span) = self.open.remove(&attempt) else { return };
        span.record("outcome", outcome);
        if let Some(cause) = cause {
            span.record("cause", cause.summary());
        }
        if matches!(outcome, "failed" | "lost") {
            span.record("otel.status_code", "ERROR");
        }
    }

    /// The span under which something is made durable.
    pub(super) fn shipping(&self, shipment: &Shipment) -> Span {
        match shipment {
            Shipment::Report(report) => match self.open.get(&report.attempt) {
                Some(parent) => debug_span!(
                    target: TARGET,
                    parent: parent,
                    "report",
                    attempt = %report.attempt,
                    ordinal = report.ordinal,
                    spec = report.spec.0,
                    state = %report.state,
                    bytes = report.payload.len(),
                ),
                None => Span::none(),
            },
            // They belong to the process itself.
            Shipment::SuiteNode(_) | Shipment::Fact(_) => Span::current(),
        }
    }
}

#[cfg(test)]
mod tests {
    use multibeam_model::{GroupId, TargetId};

    use super::*;

    fn attempt(group: u32) -> AttemptId {
        AttemptId { target: TargetId(0), group: GroupId(group), number: 1 }
    }

    #[test]
    fn contexts_wait_for_their_attempts_and_do_not_pile_up() {
        let mut executions = Executions::default();
        let text = |byte: &str| format!("00-{}-{}-01", byte.repeat(16), byte.repeat(8));
        executions.ordered(&ProcessOrder::HandOut { attempt: attempt(1) }, vec![text("ab")]);
        let serial = ProcessOrder::SerialPhase { attempts: (2..6).map(attempt).collect() };
        executions.ordered(&serial, vec![text("cd"), String::new(), text("ef"), text("01")]);
        assert_eq!(executions.contexts.keys().map(|a| a.group.0).collect::<Vec<_>>(), [1, 2, 4, 5]);

        executions.told(&ProcessNews::Started { attempt: attempt(1) });
        executions.told(&ProcessNews::Started { attempt: attempt(3) });
        assert_eq!(executions.open.keys().map(|a| a.group.0).collect::<Vec<_>>(), [1]);
        executions.told(&ProcessNews::Sealed { attempt: attempt(1), failed: true });
        executions.told(&ProcessNews::NotRun { attempt: attempt(4) });
        assert!(executions.open.is_empty());
        assert_eq!(executions.contexts.keys().map(|a| a.group.0).collect::<Vec<_>>(), [2, 5]);
    }
}
