//! What a worker says.

use multibeam_model::incident::OutputCut;
use multibeam_model::link::{
    ClusterIdentity, Hello, PrepareError, Prepared, ProcessNews, SessionFact, WorkerMessage,
};
use multibeam_model::outcome::ProcessEnd;
use multibeam_model::{AttemptId, Epoch, LossCause, Moment, RunId, SpecIndex, TargetId, WorkerId};

use super::{At, FromWire, WireError, list, shared};
use crate::coordinator::v1 as wire;

impl From<WorkerMessage> for wire::WorkerMessage {
    fn from(message: WorkerMessage) -> Self {
        use wire::worker_message::Kind;
        let kind = match message {
            WorkerMessage::Hello(hello) => Kind::Hello(hello.into()),
            WorkerMessage::Heartbeat { sent_at } => {
                Kind::Heartbeat(wire::Heartbeat { sent_at_us: sent_at.0 })
            }
            WorkerMessage::Prepared { run, target, result } => {
                Kind::Prepared(wire::PreparedTarget {
                    run: run.0,
                    target: target.0,
                    result: Some(match result {
                        Ok(prepared) => wire::prepared_target::Result::Ok(prepared.into()),
                        Err(error) => wire::prepared_target::Result::Error(error.into()),
                    }),
                })
            }
            WorkerMessage::Process { run, process, news } => Kind::Process(wire::ProcessReport {
                run: run.0,
                process: Some(process.into()),
                news: Some(news.into()),
            }),
            WorkerMessage::ClusterReady { ready, detail } => {
                Kind::ClusterReady(wire::ClusterReady { ready, detail })
            }
            WorkerMessage::CleanedUp { run, process, removed } => {
                Kind::CleanedUp(wire::CleanedUp {
                    run: run.0,
                    process: Some(process.into()),
                    removed,
                })
            }
            WorkerMessage::Standing { epoch, processes } => Kind::Standing(wire::Standing {
                epoch: epoch.0,
                processes: processes.into_iter().map(Into::into).collect(),
            }),
        };
        // The link that sends it sets the numbers.
        Self { kind: Some(kind), ..Self::default() }
    }
}

impl TryFrom<wire::WorkerMessage> for WorkerMessage {
    type Error = WireError;

    fn try_from(wire: wire::WorkerMessage) -> Result<Self, WireError> {
        use wire::worker_message::Kind;
        let at = At::root("worker_message");
        Ok(match at.required(wire.kind)? {
            Kind::Hello(hello) => Self::Hello(Hello::from_wire(hello, at.field("hello"))?),
            Kind::Heartbeat(beat) => Self::Heartbeat { sent_at: Moment(beat.sent_at_us) },
            Kind::Prepared(prepared) => {
                let at = at.field("prepared");
                Self::Prepared {
                    run: RunId(prepared.run),
                    target: TargetId(prepared.target),
                    result: match at.field("result").required(prepared.result)? {
                        wire::prepared_target::Result::Ok(ok) => Ok(ok.into()),
                        wire::prepared_target::Result::Error(error) => Err(error.into()),
                    },
                }
            }
            Kind::Process(report) => {
                let at = at.field("process");
                let news = at.field("news");
                Self::Process {
                    run: RunId(report.run),
                    process: shared::process(report.process, &at)?,
                    news: ProcessNews::from_wire(news.required(report.news)?, news)?,
                }
            }
            Kind::ClusterReady(wire::ClusterReady { ready, detail }) => {
                Self::ClusterReady { ready, detail }
            }
            Kind::CleanedUp(cleaned) => Self::CleanedUp {
                run: RunId(cleaned.run),
                process: shared::process(cleaned.process, &at.field("cleaned_up"))?,
                removed: cleaned.removed,
            },
            Kind::Standing(wire::Standing { epoch, processes }) => {
                let processes = list(processes, &at.field("standing"), "processes")?;
                Self::Standing { epoch: Epoch(epoch), processes }
            }
        })
    }
}

impl From<Hello> for wire::Hello {
    fn from(hello: Hello) -> Self {
        Self {
            worker: hello.worker.0,
            cluster: hello.cluster,
            slots: hello.slots,
            epoch: hello.epoch.0,
            host: hello.host,
            format: hello.format,
            processes: hello.processes.into_iter().map(Into::into).collect(),
        }
    }
}

impl FromWire<wire::Hello> for Hello {
    fn from_wire(wire: wire::Hello, at: At<'_>) -> Result<Self, WireError> {
        Ok(Self {
            worker: WorkerId(wire.worker),
            cluster: wire.cluster,
            slots: wire.slots,
            epoch: Epoch(wire.epoch),
            host: wire.host,
            format: wire.format,
            processes: list(wire.processes, &at, "processes")?,
        })
    }
}

impl From<Prepared> for wire::Prepared {
    fn from(prepared: Prepared) -> Self {
        Self {
            suite_digest: prepared.suite_digest,
            catalog_digest: prepared.catalog_digest,
            cluster: prepared.cluster.map(|cluster| wire::ClusterIdentity {
                uid: cluster.uid,
                git_version: cluster.git_version,
            }),
        }
    }
}

impl From<wire::Prepared> for Prepared {
    fn from(wire: wire::Prepared) -> Self {
        Self {
            suite_digest: wire.suite_digest,
            catalog_digest: wire.catalog_digest,
            cluster: wire.cluster.map(|cluster| ClusterIdentity {
                uid: cluster.uid,
                git_version: cluster.git_version,
            }),
        }
    }
}

impl From<PrepareError> for wire::PrepareError {
    fn from(error: PrepareError) -> Self {
        Self { input: error.input, message: error.message }
    }
}

impl From<wire::PrepareError> for PrepareError {
    fn from(wire: wire::PrepareError) -> Self {
        Self { input: wire.input, message: wire.message }
    }
}

impl From<ProcessNews> for wire::ProcessNews {
    fn from(news: ProcessNews) -> Self {
        use wire::process_news::Kind;
        let kind = match news {
            ProcessNews::Up => Kind::Up(wire::Empty {}),
            ProcessNews::Fact(fact) => Kind::Fact(fact.into()),
            ProcessNews::WantsGroup => Kind::WantsGroup(wire::Empty {}),
            ProcessNews::Started { attempt } => Kind::Started(attempt.into()),
            ProcessNews::SpecDone { attempt, spec, state, run_time_us, message } => {
                Kind::SpecDone(wire::SpecDone {
                    attempt: Some(attempt.into()),
                    spec: spec.0,
                    state: wire::SpecState::from(state).into(),
                    run_time_us,
                    message,
                })
            }
            ProcessNews::SuiteNodeDone { node, state, message } => {
                Kind::SuiteNodeDone(wire::SuiteNodeDone {
                    node,
                    state: wire::SpecState::from(state).into(),
                    message,
                })
            }
            ProcessNews::Sealed { attempt, failed } => {
                Kind::Sealed(wire::Sealed { attempt: Some(attempt.into()), failed })
            }
            ProcessNews::Lost { attempt, cause } => {
                Kind::Lost(wire::Lost { attempt: Some(attempt.into()), cause: Some(cause.into()) })
            }
            ProcessNews::NotRun { attempt } => Kind::NotRun(attempt.into()),
            ProcessNews::GivenBack { attempt } => Kind::GivenBack(attempt.into()),
            ProcessNews::Mismatch { message } => Kind::Mismatch(message),
            ProcessNews::Aborted => Kind::Aborted(wire::Empty {}),
            ProcessNews::OutputCut(OutputCut { bytes, error }) => {
                Kind::OutputCut(wire::OutputCut { bytes, error })
            }
            ProcessNews::Ended { end, complete, last_output } => {
                Kind::Ended(wire::Ended { end: Some(end.into()), complete, last_output })
            }
        };
        Self { kind: Some(kind) }
    }
}

impl FromWire<wire::ProcessNews> for ProcessNews {
    fn from_wire(wire: wire::ProcessNews, at: At<'_>) -> Result<Self, WireError> {
        use wire::process_news::Kind;
        Ok(match at.required(wire.kind)? {
            Kind::Up(wire::Empty {}) => Self::Up,
            Kind::Fact(fact) => Self::Fact(SessionFact::from_wire(fact, at.field("fact"))?),
            Kind::WantsGroup(wire::Empty {}) => Self::WantsGroup,
            Kind::Started(attempt) => {
                Self::Started { attempt: AttemptId::from_wire(attempt, at.field("started"))? }
            }
            Kind::SpecDone(done) => {
                let at = at.field("spec_done");
                Self::SpecDone {
                    attempt: shared::attempt(done.attempt, &at)?,
                    spec: SpecIndex(done.spec),
                    state: shared::state(done.state, &at)?,
                    run_time_us: done.run_time_us,
                    message: done.message,
                }
            }
            Kind::SuiteNodeDone(done) => Self::SuiteNodeDone {
                node: done.node,
                state: shared::state(done.state, &at.field("suite_node_done"))?,
                message: done.message,
            },
            Kind::Sealed(sealed) => Self::Sealed {
                attempt: shared::attempt(sealed.attempt, &at.field("sealed"))?,
                failed: sealed.failed,
            },
            Kind::Lost(lost) => {
                let at = at.field("lost");
                let cause = at.field("cause");
                Self::Lost {
                    attempt: shared::attempt(lost.attempt, &at)?,
                    cause: LossCause::from_wire(cause.required(lost.cause)?, cause)?,
                }
            }
            Kind::NotRun(attempt) => {
                Self::NotRun { attempt: AttemptId::from_wire(attempt, at.field("not_run"))? }
            }
            Kind::GivenBack(attempt) => {
                Self::GivenBack { attempt: AttemptId::from_wire(attempt, at.field("given_back"))? }
            }
            Kind::Mismatch(message) => Self::Mismatch { message },
            Kind::Aborted(wire::Empty {}) => Self::Aborted,
            Kind::OutputCut(wire::OutputCut { bytes, error }) => {
                Self::OutputCut(OutputCut { bytes, error })
            }
            Kind::Ended(ended) => {
                let at = at.field("ended");
                let end = at.field("end");
                Self::Ended {
                    end: ProcessEnd::from_wire(end.required(ended.end)?, end)?,
                    complete: ended.complete,
                    last_output: ended.last_output,
                }
            }
        })
    }
}
