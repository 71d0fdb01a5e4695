//! What a user should know of a run although nothing ended of it: `run.json` tells it.

use serde::{Deserialize, Serialize};

use crate::ids::{AttemptId, ProcessId, SpecIndex};

/// Something to be told of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Incident {
    /// Part of what a suite process wrote, outside of the reports of its specs, was not kept.
    OutputCut {
        /// The process.
        process: ProcessId,
        /// How much, and why.
        cut: OutputCut,
    },
    /// A spec was to be interrupted because it ran longer than its limit. Its own report only says that
    /// somebody interrupted it.
    OverLimit {
        /// Its attempt.
        attempt: AttemptId,
        /// The spec.
        spec: SpecIndex,
        /// The limit, in milliseconds.
        limit_ms: u64,
    },
}

/// Output that was not kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputCut {
    /// How much of it so far, in bytes.
    pub bytes: u64,
    /// What the disk said, if that was the reason; empty when there was more output than the run file
    /// has kept (`limits.spoolLimit`).
    pub error: String,
}
