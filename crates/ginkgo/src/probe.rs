//! The probe: one process, started as 1 of 2 with a focus that matches nothing, walks through all
//! execution groups and tells them. Answering `/counter` with 0, 1, 2, ... makes it report each
//! group's specs as skipped between two questions; what comes after
//! `/have-nonprimary-procs-finished` is the serial list. No before-suite runs, so no cluster is
//! touched.

use thiserror::Error;

use crate::protocol::{Answer, Request, SuiteReport};
use crate::spec::{SpecHeader, SpecState};

/// Answers the probe's process and collects what it tells.
#[derive(Debug, Default)]
pub struct Probe {
    phase: Phase,
    parallel: Vec<Vec<SpecHeader>>,
    serial: Vec<SpecHeader>,
    suite: Option<SuiteReport>,
    ended: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Phase {
    #[default]
    Starting,
    Parallel,
    Serial,
}

/// What the probe found.
#[derive(Debug)]
pub struct ProbeOutcome {
    /// Execution groups in the order of `/counter`: the position is the index.
    pub parallel: Vec<Vec<SpecHeader>>,
    /// Serial specs in the order in which process 1 runs them.
    pub serial: Vec<SpecHeader>,
    /// The suite as the process saw it.
    pub suite: SuiteReport,
}

/// Why a probe gives nothing.
#[derive(Debug, Error)]
pub enum ProbeError {
    /// A spec ran although the focus matches nothing.
    #[error(
        "expected the probe to skip every spec, but {spec} came back as {state} (hint: the suite changes its own focus; it cannot be sharded)"
    )]
    SpecRan {
        /// Text of the spec.
        spec: String,
        /// State it reported.
        state: SpecState,
    },
    /// A spec was reported before the first group was handed out.
    #[error("expected no spec before the first execution group, got {spec}")]
    EarlySpec {
        /// Text of the spec.
        spec: String,
    },
    /// The process said that its own suite aborted.
    #[error(
        "the suite aborted itself during the probe (hint: look for AbortSuite in its ReportBeforeSuite nodes)"
    )]
    Aborted,
    /// A question that a single process must not ask.
    #[error("expected the questions of process 1, got {request}")]
    Unexpected {
        /// Name of the request.
        request: &'static str,
    },
    /// The process left before the end.
    #[error(
        "the suite ended before the probe was over: {seen} groups seen (hint: its output may say why)"
    )]
    Incomplete {
        /// Groups seen so far.
        seen: usize,
    },
}

impl Probe {
    /// A probe before its process has started.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a request of the process and gives the answer.
    ///
    /// # Errors
    /// [`ProbeError`]: the probe is over and its process should be killed.
    pub fn handle(&mut self, request: Request) -> Result<Answer, ProbeError> {
        match request {
            Request::Up
            | Request::ReportBeforeSuiteCompleted(_)
            | Request::BeforeSuiteCompleted(_)
            | Request::EmitOutput(_)
            | Request::ProgressReport(_)
            | Request::ShouldAbort => Ok(Answer::Ok),
            Request::SuiteWillBegin(suite) => {
                self.suite = Some(suite);
                Ok(Answer::Ok)
            }
            Request::SuiteDidEnd(_) => {
                self.ended = true;
                Ok(Answer::Ok)
            }
            Request::Counter => Ok(self.counter()),
            Request::DidRun(report) => {
                self.did_run(report.header)?;
                Ok(Answer::Ok)
            }
            Request::HaveNonprimaryProcsFinished => {
                self.phase = Phase::Serial;
                Ok(Answer::Ok)
            }
            Request::AggregatedNonprimaryProcsReport => Ok(Answer::no_report()),
            Request::Abort => Err(ProbeError::Aborted),
            request @ (Request::ReportBeforeSuiteState | Request::BeforeSuiteState) => {
                Err(ProbeError::Unexpected { request: request.name() })
            }
        }
    }

    fn counter(&mut self) -> Answer {
        self.phase = Phase::Parallel;
        // A repeated question (the first one's connection broke) must get the same index: no group
        // is empty, so an open group that is still empty is being asked for again.
        if self.parallel.last().is_none_or(|group| !group.is_empty()) {
            self.parallel.push(Vec::new());
        }
        let index = self.parallel.len() - 1;
        Answer::counter(u32::try_from(index).expect("a suite has fewer than 2^32 groups"))
    }

    fn did_run(&mut self, header: SpecHeader) -> Result<(), ProbeError> {
        if !header.is_spec() {
            return Ok(());
        }
        if !matches!(header.state, SpecState::Skipped | SpecState::Pending) {
            return Err(ProbeError::SpecRan {
                spec: header.key().to_string(),
                state: header.state,
            });
        }
        match (self.phase, self.parallel.last_mut()) {
            (Phase::Serial, _) => self.serial.push(header),
            (Phase::Parallel, Some(group)) => group.push(header),
            _ => {
                return Err(ProbeError::EarlySpec { spec: header.key().to_string() });
            }
        }
        Ok(())
    }

    /// Number of groups and serial specs seen so far.
    pub fn seen(&self) -> usize {
        self.parallel.len() + self.serial.len()
    }

    /// Ends the probe when its process has left.
    ///
    /// # Errors
    /// [`ProbeError::Incomplete`] when the process left too early.
    pub fn finish(mut self) -> Result<ProbeOutcome, ProbeError> {
        let seen = self.seen();
        match self.suite {
            Some(suite) if self.ended && self.phase != Phase::Starting => {
                // The index past the end opened one group too many.
                if self.parallel.last().is_some_and(Vec::is_empty) {
                    self.parallel.pop();
                }
                Ok(ProbeOutcome { parallel: self.parallel, serial: self.serial, suite })
            }
            _ => Err(ProbeError::Incomplete { seen }),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn post(path: &str, body: String) -> Request {
        Request::parse("POST", path, body.into()).unwrap()
    }

    fn did_run(kind: &str, text: &str, state: &str) -> Request {
        let body =
            format!(r#"{{"LeafNodeType":"{kind}","LeafNodeText":"{text}","State":"{state}"}}"#);
        post("/did-run", body)
    }

    fn index(answer: &Answer) -> usize {
        let body = answer.clone().into_body();
        let text = std::str::from_utf8(&body).unwrap();
        text.trim_start_matches("{\"Index\":").trim_end_matches('}').parse().unwrap()
    }

    /// Plays a suite process with the given groups against the probe.
    fn play(groups: &[Vec<String>], serial: &[String], repeat: bool) -> ProbeOutcome {
        let mut probe = Probe::new();
        let ask = |probe: &mut Probe, request| probe.handle(request).unwrap();
        ask(&mut probe, Request::Up);
        ask(&mut probe, post("/suite-will-begin", "{\"SuiteDescription\":\"s\"}".into()));
        ask(&mut probe, did_run("ReportBeforeSuite", "", "passed"));
        loop {
            let first = ask(&mut probe, Request::Counter);
            if repeat {
                assert_eq!(ask(&mut probe, Request::Counter), first);
            }
            let Some(group) = groups.get(index(&first)) else {
                break;
            };
            for text in group {
                ask(&mut probe, did_run("It", text, "skipped"));
            }
        }
        ask(&mut probe, Request::HaveNonprimaryProcsFinished);
        for text in serial {
            ask(&mut probe, did_run("It", text, "pending"));
        }
        ask(&mut probe, Request::HaveNonprimaryProcsFinished);
        ask(&mut probe, did_run("ReportAfterSuite", "", "passed"));
        ask(&mut probe, post("/suite-did-end", "{}".into()));
        probe.finish().unwrap()
    }

    proptest! {
        #[test]
        fn finds_exactly_the_groups(
            groups in proptest::collection::vec(
                proptest::collection::vec("[a-c]{1,3}", 1..4), 0..12),
            serial in proptest::collection::vec("[a-c]{1,3}", 0..6),
            repeat in any::<bool>(),
        ) {
            let found = play(&groups, &serial, repeat);
            let texts = |headers: &[SpecHeader]| -> Vec<String> {
                headers.iter().map(|header| header.leaf_node_text.clone()).collect()
            };
            let parallel: Vec<_> = found.parallel.iter().map(|group| texts(group)).collect();
            prop_assert_eq!(parallel, groups);
            prop_assert_eq!(texts(&found.serial), serial);
            prop_assert_eq!(found.suite.header.suite_description, "s");
        }
    }

    #[test]
    fn a_process_that_leaves_early_is_an_error() {
        let mut probe = Probe::new();
        probe.handle(Request::Up).unwrap();
        probe.handle(post("/suite-will-begin", "{}".into())).unwrap();
        probe.handle(Request::Counter).unwrap();
        probe.handle(did_run("It", "a", "skipped")).unwrap();
        assert!(matches!(probe.finish(), Err(ProbeError::Incomplete { seen: 1 })));
    }

    #[test]
    fn a_spec_that_runs_is_an_error() {
        let mut probe = Probe::new();
        probe.handle(Request::Counter).unwrap();
        let ran = probe.handle(did_run("It", "a", "passed"));
        assert!(matches!(ran, Err(ProbeError::SpecRan { state: SpecState::Passed, .. })));
        let early = Probe::new().handle(did_run("It", "a", "skipped"));
        assert!(matches!(early, Err(ProbeError::EarlySpec { .. })));
    }
}
