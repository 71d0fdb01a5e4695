//! Metrics as OpenMetrics text. Every module owns its families and registers them itself:
//! `register(registry) -> Self` gives a handle that is cheap to clone and to count with.
//!
//! Names end in their unit (`_seconds`, `_bytes`), counters get `_total` from the library. Labels
//! take values of a list that the code knows; never an id, an address, or a text of a peer.

pub mod calls;
mod process;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use prometheus_client::encoding::text;
use prometheus_client::metrics::info::Info;
pub use prometheus_client::registry::Registry;

/// The prefix of all that is not common to all programs.
const PREFIX: &str = "multibeam";

/// What the text is, for `Content-Type`.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All metrics of a process; cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Mutex<Registry>>,
}

impl Metrics {
    /// The metrics that every process has: `process_*`, `multibeam_build_info` with `version`
    /// (that of the program) and `service`, and `multibeam_task_panics_total`.
    #[must_use]
    pub fn new(service: &'static str, version: &'static str) -> Self {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(process::Process::begun_now()));
        let ours = registry.sub_registry_with_prefix(PREFIX);
        // The library adds `_info` to the name.
        let labels = [("service", service), ("version", version)];
        ours.register("build", "What runs here", Info::new(labels));
        ours.register_collector(Box::new(process::TaskPanics));
        Self { registry: Arc::new(Mutex::new(registry)) }
    }

    /// Lets a module register its families; their names get the prefix `multibeam_`.
    pub fn register<T>(&self, register: impl FnOnce(&mut Registry) -> T) -> T {
        register(self.lock().sub_registry_with_prefix(PREFIX))
    }

    /// All metrics as OpenMetrics text.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut encoded = String::new();
        if let Err(error) = text::encode(&mut encoded, &self.lock()) {
            // A String takes everything; only a collector of ours could refuse.
            tracing::error!(%error, "cannot write the metrics");
        }
        encoded
    }

    fn lock(&self) -> MutexGuard<'_, Registry> {
        // A module that panicked while it registered has left a registry that can be read.
        self.registry.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}
