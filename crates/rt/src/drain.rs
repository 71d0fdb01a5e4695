//! How a standing service ends: it is no longer ready, takes nothing new, finishes what it has, and
//! is forced when that takes too long.

use std::fmt;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::admin::Latch;
use crate::clock;
use crate::tasks::{TaskGroup, TaskPanicked};

/// SIGTERM and SIGINT. From its making on they no longer kill the process, so it belongs where a
/// service is ready: one that hangs while it starts has to die of the first signal.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

/// What a service was ended by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The polite kill of a service manager.
    Terminate,
    /// Ctrl-C.
    Interrupt,
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Terminate => "SIGTERM",
            Self::Interrupt => "SIGINT",
        })
    }
}

impl Signals {
    /// Takes the signals over.
    ///
    /// # Errors
    /// The system refuses.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Returns at the next signal.
    pub async fn asked(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::Terminate,
            _ = self.interrupt.recv() => Asked::Interrupt,
        }
    }
}

/// How a service ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Drained {
    /// Everything came to its end.
    InTime,
    /// The grace was over. These tasks were aborted.
    Forced(Vec<String>),
    /// A second signal did not want to wait.
    Hurried,
}

/// Ends a service that was asked to: `latch` becomes unready, the tasks are told to drain (servers
/// close their port and answer what they have), and what is left after `grace`, or at the second
/// signal, is aborted. One line of the log says how it went.
///
/// # Errors
/// A task panicked, now or before. All tasks are gone then, too.
pub async fn drain(
    asked: Asked,
    signals: &mut Signals,
    latch: &Latch,
    tasks: TaskGroup,
    grace: Duration,
) -> Result<Drained, TaskPanicked> {
    let begun_us = clock::now_us();
    latch.unready(format!("draining after {asked}"));
    // At the second signal the group is dropped, which aborts its tasks.
    let drained = tokio::select! {
        ended = tasks.shutdown(grace) => match ended? {
            aborted if aborted.is_empty() => Drained::InTime,
            aborted => Drained::Forced(aborted),
        },
        _ = signals.asked() => Drained::Hurried,
    };
    let took_ms = (clock::now_us() - begun_us) / 1000;
    match &drained {
        Drained::InTime => tracing::info!(%asked, took_ms, "ended: drained in time"),
        Drained::Forced(tasks) => {
            tracing::warn!(%asked, took_ms, ?tasks, "ended: forced after the grace");
        }
        Drained::Hurried => tracing::warn!(%asked, took_ms, "ended: forced by a second signal"),
    }
    Ok(drained)
}
