//! How a worker's processes stand.

use std::time::Duration;

use multibeam_model::adopt::{AdoptedAttempt, AdoptedProcess};
use multibeam_model::link::StopHow;
use multibeam_model::{AttemptId, RunId};

use super::{At, FromWire, WireError, list, shared};
use crate::coordinator::v1 as wire;

impl From<(RunId, AdoptedProcess)> for wire::StandingProcess {
    fn from((run, process): (RunId, AdoptedProcess)) -> Self {
        Self {
            run: run.0,
            process: Some(process.process.into()),
            asked: process.asked,
            wants: process.wants,
            queued: process.queued.map(Into::into),
            running: process.running.into_iter().map(Into::into).collect(),
            serial: process.serial.into_iter().map(Into::into).collect(),
            released: process.released,
            alone_told: process.alone_told,
            stop: process.stop.map_or(wire::StopHow::Unspecified, Into::into).into(),
            spoiled: process.spoiled,
            told: process.told.into_iter().map(Into::into).collect(),
        }
    }
}

impl FromWire<wire::StandingProcess> for (RunId, AdoptedProcess) {
    fn from_wire(wire: wire::StandingProcess, at: At<'_>) -> Result<Self, WireError> {
        let queued = wire.queued.map(|queued| AttemptId::from_wire(queued, at.field("queued")));
        let stopped = wire.stop != i32::from(wire::StopHow::Unspecified);
        let process = AdoptedProcess {
            process: shared::process(wire.process, &at)?,
            asked: wire.asked,
            wants: wire.wants,
            queued: queued.transpose()?,
            running: list(wire.running, &at, "running")?,
            serial: list(wire.serial, &at, "serial")?,
            released: wire.released,
            alone_told: wire.alone_told,
            stop: stopped.then(|| StopHow::from_wire(wire.stop, at.field("stop"))).transpose()?,
            spoiled: wire.spoiled,
            told: list(wire.told, &at, "told")?,
        };
        Ok((RunId(wire.run), process))
    }
}

impl From<AdoptedAttempt> for wire::RunningAttempt {
    fn from(running: AdoptedAttempt) -> Self {
        Self {
            attempt: Some(running.attempt.into()),
            elapsed_ns: shared::nanos(running.elapsed),
            quiet_ns: shared::nanos(running.quiet),
        }
    }
}

impl FromWire<wire::RunningAttempt> for AdoptedAttempt {
    fn from_wire(wire: wire::RunningAttempt, at: At<'_>) -> Result<Self, WireError> {
        Ok(Self {
            attempt: shared::attempt(wire.attempt, &at)?,
            elapsed: Duration::from_nanos(wire.elapsed_ns),
            quiet: Duration::from_nanos(wire.quiet_ns),
        })
    }
}
