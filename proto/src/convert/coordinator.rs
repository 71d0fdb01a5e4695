//! What a coordinator says.

use std::time::Duration;

use multibeam_model::link::{
    CoordinatorMessage, Prepare, ProcessOrder, SessionFact, StartProcess, StopHow,
};
use multibeam_model::run::{Concurrency, Limits, SpecTimeout, SuiteSpec};
use multibeam_model::{AttemptId, Epoch, GroupId, Moment, RunId, SessionId, TargetId};

use super::shared::nanos;
use super::{At, FromWire, WireError, list, shared};
use crate::coordinator::v1 as wire;

impl From<CoordinatorMessage> for wire::CoordinatorMessage {
    fn from(message: CoordinatorMessage) -> Self {
        use wire::coordinator_message::Kind;
        let kind = match message {
            CoordinatorMessage::Welcome { epoch } => {
                Kind::Welcome(wire::Welcome { epoch: epoch.0 })
            }
            CoordinatorMessage::HeartbeatAck { sent_at } => {
                Kind::HeartbeatAck(wire::Heartbeat { sent_at_us: sent_at.0 })
            }
            CoordinatorMessage::Prepare(prepare) => Kind::Prepare(Box::new((*prepare).into())),
            CoordinatorMessage::SendCatalog { run, target } => {
                Kind::SendCatalog(wire::RunTarget { run: run.0, target: target.0 })
            }
            CoordinatorMessage::Process { run, process, order } => {
                Kind::Process(wire::ProcessCommand {
                    run: run.0,
                    process: Some(process.into()),
                    order: Some(order.into()),
                })
            }
            CoordinatorMessage::Fact { run, session, fact } => Kind::Fact(wire::SessionNews {
                run: run.0,
                session: session.0,
                fact: Some(fact.into()),
            }),
            CoordinatorMessage::CleanUp { run, process } => Kind::CleanUp((run, process).into()),
            CoordinatorMessage::Forget { run } => Kind::Forget(run.0),
        };
        // The link that sends it sets the numbers.
        Self { kind: Some(kind), ..Self::default() }
    }
}

impl TryFrom<wire::CoordinatorMessage> for CoordinatorMessage {
    type Error = WireError;

    fn try_from(wire: wire::CoordinatorMessage) -> Result<Self, WireError> {
        use wire::coordinator_message::Kind;
        let at = At::root("coordinator_message");
        Ok(match at.required(wire.kind)? {
            Kind::Welcome(welcome) => Self::Welcome { epoch: Epoch(welcome.epoch) },
            Kind::HeartbeatAck(beat) => Self::HeartbeatAck { sent_at: Moment(beat.sent_at_us) },
            Kind::Prepare(prepare) => {
                let prepare = Prepare::from_wire(*prepare, at.field("prepare"))?;
                Self::Prepare(Box::new(prepare))
            }
            Kind::SendCatalog(which) => {
                Self::SendCatalog { run: RunId(which.run), target: TargetId(which.target) }
            }
            Kind::Process(command) => {
                let at = at.field("process");
                let order = at.field("order");
                Self::Process {
                    run: RunId(command.run),
                    process: shared::process(command.process, &at)?,
                    order: ProcessOrder::from_wire(order.required(command.order)?, order)?,
                }
            }
            Kind::Fact(news) => {
                let at = at.field("fact");
                let fact = at.field("fact");
                Self::Fact {
                    run: RunId(news.run),
                    session: SessionId(news.session),
                    fact: SessionFact::from_wire(fact.required(news.fact)?, fact)?,
                }
            }
            Kind::CleanUp(which) => {
                let (run, process) = FromWire::from_wire(which, at.field("clean_up"))?;
                Self::CleanUp { run, process }
            }
            Kind::Forget(run) => Self::Forget { run: RunId(run) },
        })
    }
}

impl From<Prepare> for wire::Prepare {
    fn from(prepare: Prepare) -> Self {
        Self {
            run: prepare.run.0,
            target: prepare.target.0,
            target_name: prepare.target_name,
            suite: Some(prepare.suite.into()),
            seed: prepare.seed,
            certified: prepare.certified,
            limits: Some(prepare.limits.into()),
            holder: prepare.holder,
        }
    }
}

impl FromWire<wire::Prepare> for Prepare {
    fn from_wire(wire: wire::Prepare, at: At<'_>) -> Result<Self, WireError> {
        Ok(Self {
            run: RunId(wire.run),
            target: TargetId(wire.target),
            target_name: wire.target_name,
            suite: at.field("suite").required(wire.suite)?.into(),
            seed: wire.seed,
            certified: wire.certified,
            limits: at.field("limits").required(wire.limits)?.into(),
            holder: wire.holder,
        })
    }
}

impl From<SuiteSpec> for wire::SuiteSpec {
    fn from(suite: SuiteSpec) -> Self {
        Self {
            binary: suite.binary,
            args: suite.args,
            env: suite.env,
            working_dir: suite.working_dir,
            focus: suite.focus,
            skip: suite.skip,
            label_filter: suite.label_filter,
            timeout_ns: nanos(suite.timeout),
            flake_attempts: suite.flake_attempts,
        }
    }
}

impl From<wire::SuiteSpec> for SuiteSpec {
    fn from(wire: wire::SuiteSpec) -> Self {
        Self {
            binary: wire.binary,
            args: wire.args,
            env: wire.env,
            working_dir: wire.working_dir,
            focus: wire.focus,
            skip: wire.skip,
            label_filter: wire.label_filter,
            timeout: Duration::from_nanos(wire.timeout_ns),
            flake_attempts: wire.flake_attempts,
        }
    }
}

impl From<Limits> for wire::Limits {
    fn from(limits: Limits) -> Self {
        Self {
            attempts: limits.attempts,
            lease_ns: nanos(limits.lease),
            heartbeat_ns: nanos(limits.heartbeat),
            no_worker_ns: nanos(limits.no_worker),
            cluster_unready_ns: nanos(limits.cluster_unready),
            grace_ns: nanos(limits.grace),
            spec_timeouts: limits
                .spec_timeouts
                .into_iter()
                .map(|timeout| wire::SpecTimeout {
                    tag: timeout.tag,
                    limit_ns: nanos(timeout.limit),
                })
                .collect(),
            spool_bytes: limits.spool,
            cleanup: limits.cleanup,
        }
    }
}

impl From<wire::Limits> for Limits {
    fn from(wire: wire::Limits) -> Self {
        Self {
            attempts: wire.attempts,
            lease: Duration::from_nanos(wire.lease_ns),
            heartbeat: Duration::from_nanos(wire.heartbeat_ns),
            no_worker: Duration::from_nanos(wire.no_worker_ns),
            cluster_unready: Duration::from_nanos(wire.cluster_unready_ns),
            grace: Duration::from_nanos(wire.grace_ns),
            spec_timeouts: wire
                .spec_timeouts
                .into_iter()
                .map(|timeout| SpecTimeout {
                    tag: timeout.tag,
                    limit: Duration::from_nanos(timeout.limit_ns),
                })
                .collect(),
            spool: wire.spool_bytes,
            cleanup: wire.cleanup,
            // For the scheduler alone: no worker is told.
            concurrency: Concurrency::default(),
        }
    }
}

impl From<ProcessOrder> for wire::ProcessOrder {
    fn from(order: ProcessOrder) -> Self {
        use wire::process_order::Kind;
        let kind = match order {
            ProcessOrder::Start(start) => Kind::Start(wire::StartProcess {
                target: start.target.0,
                total: start.total,
                serial_share: start.serial_share.into_iter().map(|group| group.0).collect(),
                facts: start.facts.into_iter().map(Into::into).collect(),
            }),
            ProcessOrder::HandOut { attempt } => Kind::HandOut(attempt.into()),
            ProcessOrder::TakeBack { attempt } => Kind::TakeBack(attempt.into()),
            ProcessOrder::NoMoreGroups => Kind::NoMoreGroups(wire::Empty {}),
            ProcessOrder::SerialPhase { attempts } => Kind::SerialPhase(wire::SerialPhase {
                attempts: attempts.into_iter().map(Into::into).collect(),
            }),
            ProcessOrder::Stop(how) => Kind::Stop(wire::StopHow::from(how).into()),
        };
        Self { kind: Some(kind) }
    }
}

impl FromWire<wire::ProcessOrder> for ProcessOrder {
    fn from_wire(wire: wire::ProcessOrder, at: At<'_>) -> Result<Self, WireError> {
        use wire::process_order::Kind;
        Ok(match at.required(wire.kind)? {
            Kind::Start(start) => Self::Start(StartProcess {
                target: TargetId(start.target),
                total: start.total,
                serial_share: start.serial_share.into_iter().map(GroupId).collect(),
                facts: list(start.facts, &at.field("start"), "facts")?,
            }),
            Kind::HandOut(attempt) => {
                Self::HandOut { attempt: AttemptId::from_wire(attempt, at.field("hand_out"))? }
            }
            Kind::TakeBack(attempt) => {
                Self::TakeBack { attempt: AttemptId::from_wire(attempt, at.field("take_back"))? }
            }
            Kind::NoMoreGroups(wire::Empty {}) => Self::NoMoreGroups,
            Kind::SerialPhase(phase) => Self::SerialPhase {
                attempts: list(phase.attempts, &at.field("serial_phase"), "attempts")?,
            },
            Kind::Stop(how) => Self::Stop(StopHow::from_wire(how, at.field("stop"))?),
        })
    }
}
