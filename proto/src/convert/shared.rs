//! Ids, states, and facts: what both directions of the worker link carry.

use std::time::Duration;

use multibeam_model::link::{SessionFact, StopHow};
use multibeam_model::outcome::{LossCause, ProcessEnd, SpecState, Verdict};
use multibeam_model::{AttemptId, GroupId, ProcessId, ProcessNumber, RunId, SessionId, TargetId};

use super::{At, FromWire, WireError};
use crate::aggregator::v1 as ledger;
use crate::coordinator::v1 as wire;

/// Nanoseconds as the wire carries them: whatever is longer than 584 years becomes that.
pub(super) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl From<ProcessId> for wire::ProcessId {
    fn from(id: ProcessId) -> Self {
        Self { session: id.session.0, number: id.number.0, incarnation: id.incarnation }
    }
}

impl FromWire<wire::ProcessId> for ProcessId {
    fn from_wire(wire: wire::ProcessId, _: At<'_>) -> Result<Self, WireError> {
        Ok(Self {
            session: SessionId(wire.session),
            number: ProcessNumber(wire.number),
            incarnation: wire.incarnation,
        })
    }
}

impl From<AttemptId> for wire::AttemptId {
    fn from(id: AttemptId) -> Self {
        Self { target: id.target.0, group: id.group.0, number: id.number }
    }
}

impl FromWire<wire::AttemptId> for AttemptId {
    fn from_wire(wire: wire::AttemptId, _: At<'_>) -> Result<Self, WireError> {
        Ok(Self { target: TargetId(wire.target), group: GroupId(wire.group), number: wire.number })
    }
}

impl From<(RunId, ProcessId)> for wire::RunProcess {
    fn from((run, process): (RunId, ProcessId)) -> Self {
        Self { run: run.0, process: Some(process.into()) }
    }
}

impl FromWire<wire::RunProcess> for (RunId, ProcessId) {
    fn from_wire(wire: wire::RunProcess, at: At<'_>) -> Result<Self, WireError> {
        Ok((RunId(wire.run), process(wire.process, &at)?))
    }
}

/// The field `process`, which must be there.
pub(super) fn process(wire: Option<wire::ProcessId>, at: &At<'_>) -> Result<ProcessId, WireError> {
    let at = at.field("process");
    ProcessId::from_wire(at.required(wire)?, at)
}

/// The field `attempt`, which must be there.
pub(super) fn attempt(wire: Option<wire::AttemptId>, at: &At<'_>) -> Result<AttemptId, WireError> {
    let at = at.field("attempt");
    AttemptId::from_wire(at.required(wire)?, at)
}

/// The enumeration field `state`.
pub(super) fn state(wire: i32, at: &At<'_>) -> Result<SpecState, WireError> {
    SpecState::from_wire(wire, at.field("state"))
}

impl From<SpecState> for wire::SpecState {
    fn from(state: SpecState) -> Self {
        match state {
            SpecState::Passed => Self::Passed,
            SpecState::Skipped => Self::Skipped,
            SpecState::Pending => Self::Pending,
            SpecState::Failed => Self::Failed,
            SpecState::Panicked => Self::Panicked,
            SpecState::Interrupted => Self::Interrupted,
            SpecState::Aborted => Self::Aborted,
            SpecState::TimedOut => Self::TimedOut,
        }
    }
}

impl FromWire<i32> for SpecState {
    fn from_wire(wire: i32, at: At<'_>) -> Result<Self, WireError> {
        match wire::SpecState::try_from(wire) {
            Ok(wire::SpecState::Unspecified) => Err(at.missing()),
            Ok(wire::SpecState::Passed) => Ok(Self::Passed),
            Ok(wire::SpecState::Skipped) => Ok(Self::Skipped),
            Ok(wire::SpecState::Pending) => Ok(Self::Pending),
            Ok(wire::SpecState::Failed) => Ok(Self::Failed),
            Ok(wire::SpecState::Panicked) => Ok(Self::Panicked),
            Ok(wire::SpecState::Interrupted) => Ok(Self::Interrupted),
            Ok(wire::SpecState::Aborted) => Ok(Self::Aborted),
            Ok(wire::SpecState::TimedOut) => Ok(Self::TimedOut),
            Err(_) => Err(at.unknown(wire)),
        }
    }
}

impl From<StopHow> for wire::StopHow {
    fn from(how: StopHow) -> Self {
        match how {
            StopHow::Recall => Self::Recall,
            StopHow::Interrupt => Self::Interrupt,
            StopHow::Hung => Self::Hung,
            StopHow::Kill => Self::Kill,
        }
    }
}

impl FromWire<i32> for StopHow {
    fn from_wire(wire: i32, at: At<'_>) -> Result<Self, WireError> {
        match wire::StopHow::try_from(wire) {
            Ok(wire::StopHow::Unspecified) => Err(at.missing()),
            Ok(wire::StopHow::Recall) => Ok(Self::Recall),
            Ok(wire::StopHow::Interrupt) => Ok(Self::Interrupt),
            Ok(wire::StopHow::Hung) => Ok(Self::Hung),
            Ok(wire::StopHow::Kill) => Ok(Self::Kill),
            Err(_) => Err(at.unknown(wire)),
        }
    }
}

impl From<Verdict> for ledger::Verdict {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Passed => Self::Passed,
            Verdict::Failed => Self::Failed,
            Verdict::Incomplete => Self::Incomplete,
            Verdict::Environment => Self::Environment,
        }
    }
}

impl TryFrom<ledger::Verdict> for Verdict {
    type Error = WireError;

    fn try_from(wire: ledger::Verdict) -> Result<Self, WireError> {
        match wire {
            ledger::Verdict::Unspecified => Err(At::root("verdict").missing()),
            ledger::Verdict::Passed => Ok(Self::Passed),
            ledger::Verdict::Failed => Ok(Self::Failed),
            ledger::Verdict::Incomplete => Ok(Self::Incomplete),
            ledger::Verdict::Environment => Ok(Self::Environment),
        }
    }
}

impl From<ProcessEnd> for wire::ProcessEnd {
    fn from(end: ProcessEnd) -> Self {
        use wire::process_end::Kind;
        let kind = match end {
            ProcessEnd::Exit(status) => Kind::Exit(status),
            ProcessEnd::Signal(signal) => Kind::Signal(signal),
            ProcessEnd::LeaseExpired => Kind::LeaseExpired(wire::Empty {}),
            ProcessEnd::NotStarted => Kind::NotStarted(wire::Empty {}),
        };
        Self { kind: Some(kind) }
    }
}

impl FromWire<wire::ProcessEnd> for ProcessEnd {
    fn from_wire(wire: wire::ProcessEnd, at: At<'_>) -> Result<Self, WireError> {
        use wire::process_end::Kind;
        Ok(match at.required(wire.kind)? {
            Kind::Exit(status) => Self::Exit(status),
            Kind::Signal(signal) => Self::Signal(signal),
            Kind::LeaseExpired(wire::Empty {}) => Self::LeaseExpired,
            Kind::NotStarted(wire::Empty {}) => Self::NotStarted,
        })
    }
}

impl From<LossCause> for wire::LossCause {
    fn from(cause: LossCause) -> Self {
        use wire::loss_cause::Kind;
        let kind = match cause {
            LossCause::ProcessDied { end, last_output } => {
                Kind::ProcessDied(wire::ProcessDied { end: Some(end.into()), last_output })
            }
            LossCause::WorkerLost { worker } => Kind::WorkerLost(worker),
            LossCause::ClusterLost { cluster } => Kind::ClusterLost(cluster),
            LossCause::Hung { limit_ms } => Kind::HungMs(limit_ms),
            LossCause::Killed => Kind::Killed(wire::Empty {}),
        };
        Self { kind: Some(kind) }
    }
}

impl FromWire<wire::LossCause> for LossCause {
    fn from_wire(wire: wire::LossCause, at: At<'_>) -> Result<Self, WireError> {
        use wire::loss_cause::Kind;
        Ok(match at.required(wire.kind)? {
            Kind::ProcessDied(died) => {
                let at = at.field("process_died");
                let end = at.field("end");
                Self::ProcessDied {
                    end: ProcessEnd::from_wire(end.required(died.end)?, end)?,
                    last_output: died.last_output,
                }
            }
            Kind::WorkerLost(worker) => Self::WorkerLost { worker },
            Kind::ClusterLost(cluster) => Self::ClusterLost { cluster },
            Kind::HungMs(limit_ms) => Self::Hung { limit_ms },
            Kind::Killed(wire::Empty {}) => Self::Killed,
        })
    }
}

impl From<SessionFact> for wire::SessionFact {
    fn from(fact: SessionFact) -> Self {
        use wire::session_fact::Kind;
        let kind = match fact {
            SessionFact::ReportBeforeSuite { state } => {
                Kind::ReportBeforeSuite(wire::SpecState::from(state).into())
            }
            SessionFact::BeforeSuite { state, data } => Kind::BeforeSuite(wire::BeforeSuite {
                state: wire::SpecState::from(state).into(),
                data: data.map(Into::into),
            }),
        };
        Self { kind: Some(kind) }
    }
}

impl FromWire<wire::SessionFact> for SessionFact {
    fn from_wire(wire: wire::SessionFact, at: At<'_>) -> Result<Self, WireError> {
        use wire::session_fact::Kind;
        Ok(match at.required(wire.kind)? {
            Kind::ReportBeforeSuite(state) => Self::ReportBeforeSuite {
                state: SpecState::from_wire(state, at.field("report_before_suite"))?,
            },
            Kind::BeforeSuite(before) => Self::BeforeSuite {
                state: state(before.state, &at.field("before_suite"))?,
                data: before.data.map(Into::into),
            },
        })
    }
}
