//! The run's spans: one trace per run, and in it every target, session, and attempt. A span lives
//! as long as its handle here; nothing is ever entered, because many are open at once.

use std::collections::BTreeMap;

use multibeam_model::command::{Decision, Refusal};
use multibeam_model::link::{CoordinatorMessage, ProcessOrder};
use multibeam_model::outcome::Verdict;
use multibeam_model::run::RunSpec;
use multibeam_model::{AttemptId, ClusterId, ProcessId, RunId, SessionId, TargetId, WorkerId};
use multibeam_rt::trace::{TARGET, to_text};
use tracing::field::{Empty, display};
use tracing::{Span, debug_span, info_span};

/// The open spans of one run.
#[derive(Debug)]
pub(super) struct Spans {
    run: Span,
    targets: BTreeMap<TargetId, Span>,
    sessions: BTreeMap<SessionId, Span>,
    attempts: BTreeMap<AttemptId, Span>,
}

impl Spans {
    pub(super) fn begin(id: &RunId, spec: &RunSpec, resumed: bool) -> Self {
        let run = info_span!(
            target: TARGET,
            parent: None,
            "run",
            run = %id,
            name = spec.name,
            resumed,
            verdict = Empty,
        );
        let target = |place: u32, name: &str| {
            let span = info_span!(
                target: TARGET,
                parent: &run,
                "target",
                run = %id,
                target = name,
                verdict = Empty,
            );
            (TargetId(place), span)
        };
        let targets = (0..).zip(&spec.targets).map(|(place, it)| target(place, &it.name)).collect();
        Self { run, targets, sessions: BTreeMap::new(), attempts: BTreeMap::new() }
    }

    /// The span of everything that belongs to no part of the run.
    pub(super) fn run(&self) -> &Span {
        &self.run
    }

    /// Opens and closes what a decision opens and closes. An attempt ends by the ledger's answer.
    pub(super) fn decided(&mut self, decision: &Decision, cluster: impl Fn(ClusterId) -> String) {
        match decision {
            Decision::OpenSession { session, target, cluster: of } => {
                let parent = self.targets.get(target).unwrap_or(&self.run);
                let span = info_span!(
                    target: TARGET,
                    parent: parent,
                    "session",
                    session = %session,
                    cluster = Empty,
                    lost = Empty,
                );
                if !span.is_disabled() {
                    span.record("cluster", cluster(*of));
                }
                self.sessions.insert(*session, span);
            }
            Decision::CloseSession { session, lost } => {
                if let Some(span) = self.sessions.remove(session) {
                    span.record("lost", lost);
                }
            }
            Decision::HandOut { attempt, process, worker, .. } => {
                self.handed_out(*attempt, *process, worker);
            }
            _ => {}
        }
    }

    fn handed_out(&mut self, attempt: AttemptId, process: ProcessId, worker: &WorkerId) {
        let parent = self.sessions.get(&process.session).unwrap_or(&self.run);
        let span = debug_span!(
            target: TARGET,
            parent: parent,
            "attempt",
            attempt = %attempt,
            group = attempt.group.0,
            number = attempt.number,
            process = %process,
            worker = %worker,
            spec = Empty,
            outcome = Empty,
            cause = Empty,
            otel.status_code = Empty,
        );
        if !span.is_disabled() {
            self.attempts.insert(attempt, span);
        }
    }

    /// Names the spec that an attempt begins with.
    pub(super) fn started(&self, attempt: AttemptId, spec: impl FnOnce() -> String) {
        if let Some(span) = self.attempts.get(&attempt) {
            span.record("spec", spec());
        }
    }

    /// The ledger has sealed an attempt.
    pub(super) fn sealed(&mut self, attempt: AttemptId, failed: bool) {
        if let Some(span) = self.attempts.remove(&attempt) {
            span.record("outcome", if failed { "failed" } else { "passed" });
            if failed {
                span.record("otel.status_code", "ERROR");
            }
        }
    }

    /// The ledger has refused a hand-out.
    pub(super) fn refused(&mut self, attempt: AttemptId, why: &Refusal) {
        if let Some(span) = self.attempts.remove(&attempt) {
            span.record("outcome", "refused");
            span.record("cause", display(why));
        }
    }

    /// The ledger has taken the loss or the return of an attempt.
    pub(super) fn ended(&mut self, decision: &Decision) {
        match decision {
            Decision::Lose { attempt, cause } => {
                if let Some(span) = self.attempts.remove(attempt) {
                    span.record("outcome", "lost");
                    span.record("cause", cause.summary());
                    span.record("otel.status_code", "ERROR");
                }
            }
            Decision::Return { attempt } => {
                if let Some(span) = self.attempts.remove(attempt) {
                    span.record("outcome", "returned");
                }
            }
            _ => {}
        }
    }

    pub(super) fn target_ended(&mut self, target: TargetId, verdict: Verdict) {
        if let Some(span) = self.targets.remove(&target) {
            span.record("verdict", display(verdict));
        }
    }

    /// Closes what is open, the run last.
    pub(super) fn run_ended(&mut self, verdict: Verdict) {
        self.attempts.clear();
        self.sessions.clear();
        self.targets.clear();
        std::mem::replace(&mut self.run, Span::none()).record("verdict", display(verdict));
    }

    /// The contexts that go with a message; none when nothing is exported.
    pub(super) fn contexts(&self, message: &CoordinatorMessage) -> Vec<String> {
        let one = |span: Option<&Span>| span.and_then(to_text).into_iter().collect();
        match message {
            CoordinatorMessage::Prepare(prepare) => one(self.targets.get(&prepare.target)),
            CoordinatorMessage::SendCatalog { target, .. } => one(self.targets.get(target)),
            CoordinatorMessage::CleanUp { .. } => one(Some(&self.run)),
            CoordinatorMessage::Process { process, order, .. } => match order {
                ProcessOrder::Start(_) => one(self.sessions.get(&process.session)),
                ProcessOrder::HandOut { attempt } => one(self.attempts.get(attempt)),
                ProcessOrder::SerialPhase { attempts } if !self.attempts.is_empty() => {
                    let context = |attempt| self.attempts.get(attempt).and_then(to_text);
                    attempts.iter().map(|attempt| context(attempt).unwrap_or_default()).collect()
                }
                _ => Vec::new(),
            },
            _ => Vec::new(),
        }
    }
}
