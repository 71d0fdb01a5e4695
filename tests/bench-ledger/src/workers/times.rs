//! What all workers measure together.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::load::Load;

/// Latencies of one phase of the measurement.
#[derive(Debug, Default)]
pub(super) struct Times {
    /// `None` while nothing is measured.
    measured: Mutex<Option<Measured>>,
}

#[derive(Debug, Default)]
struct Measured {
    hand_outs: Vec<Duration>,
    reports: Vec<Duration>,
}

// === impl Times ===

impl Times {
    pub(super) fn begin(&self) {
        *self.lock() = Some(Measured::default());
    }

    /// Hand-outs, and reports, since the beginning, which was so long ago.
    pub(super) fn end(&self, elapsed: Duration) -> (Load, Load) {
        let Measured { hand_outs, reports } = self.lock().take().unwrap_or_default();
        (Load::new(elapsed, hand_outs), Load::new(elapsed, reports))
    }

    /// From the moment at which a process has nothing left to its next group.
    pub(super) fn handed_out(&self, took: Duration) {
        if let Some(measured) = self.lock().as_mut() {
            measured.hand_outs.push(took);
        }
    }

    /// From a report to its seal.
    pub(super) fn reported(&self, took: Duration) {
        if let Some(measured) = self.lock().as_mut() {
            measured.reports.push(took);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Measured>> {
        self.measured.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
