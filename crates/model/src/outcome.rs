//! How things end: specs, attempts, targets, runs. The whole space is modelled; nothing is folded
//! into "failed".

use std::fmt;

use serde::{Deserialize, Serialize};

/// Ginkgo's final state of a spec or suite node (`types.SpecState`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SpecState {
    /// It ran and passed.
    Passed,
    /// It was not selected, not begun, or called `Skip()`.
    Skipped,
    /// Its author marked it pending.
    Pending,
    /// An assertion failed.
    Failed,
    /// It panicked.
    Panicked,
    /// A signal, or the loss of its process, ended it.
    Interrupted,
    /// `AbortSuite()` or another process's fail-fast ended it.
    Aborted,
    /// A timeout ended it.
    TimedOut,
}

impl SpecState {
    /// Ginkgo's `SpecStateFailureStates`: every state that makes a suite fail.
    #[must_use]
    pub fn is_failure(self) -> bool {
        matches!(
            self,
            Self::Failed | Self::Panicked | Self::Interrupted | Self::Aborted | Self::TimedOut
        )
    }

    /// The word Ginkgo uses in its JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Skipped => "skipped",
            Self::Pending => "pending",
            Self::Failed => "failed",
            Self::Panicked => "panicked",
            Self::Interrupted => "interrupted",
            Self::Aborted => "aborted",
            Self::TimedOut => "timedout",
        }
    }

    /// The state that Ginkgo's JSON calls `word`; `None` for the zero value and unknown words.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "passed" => Self::Passed,
            "skipped" => Self::Skipped,
            "pending" => Self::Pending,
            "failed" => Self::Failed,
            "panicked" => Self::Panicked,
            "interrupted" => Self::Interrupted,
            "aborted" => Self::Aborted,
            "timedout" => Self::TimedOut,
            _ => return None,
        })
    }
}

impl fmt::Display for SpecState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What ended a suite process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProcessEnd {
    /// It exited by itself with this status.
    Exit(i32),
    /// This signal killed it.
    Signal(i32),
    /// Its guard killed it because the worker had lost its lease.
    LeaseExpired,
    /// It could not be started.
    NotStarted,
}

impl fmt::Display for ProcessEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exit(code) => write!(f, "exit status {code}"),
            Self::Signal(signal) => write!(f, "killed by signal {signal}"),
            Self::LeaseExpired => f.write_str("killed because its worker lost its lease"),
            Self::NotStarted => f.write_str("could not be started"),
        }
    }
}

/// Why an attempt was lost. A loss says nothing about the group's specs, so another attempt is
/// made within the bounds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum LossCause {
    /// Its suite process died.
    ProcessDied {
        /// How it ended.
        end: ProcessEnd,
        /// The last lines it wrote outside of captured specs; bounded.
        last_output: String,
    },
    /// Its worker was not heard from for the lease and its margin.
    WorkerLost {
        /// The worker.
        worker: String,
    },
    /// It failed while the cluster's API server did not answer.
    ClusterLost {
        /// The cluster's name.
        cluster: String,
    },
    /// It ran longer than the run file's `specTimeout` allows and did not react to an interrupt.
    Hung {
        /// The limit that applied, in milliseconds.
        limit_ms: u64,
    },
    /// The run was stopped by force.
    Killed,
}

impl LossCause {
    /// The same without the suite's own output, for logs and traces: nobody knows what is in it.
    #[must_use]
    pub fn summary(&self) -> String {
        match self {
            Self::ProcessDied { end, .. } => format!("its suite process died ({end})"),
            other => other.to_string(),
        }
    }
}

impl fmt::Display for LossCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ProcessDied { end, last_output } => {
                write!(f, "its suite process died ({end})")?;
                match last_output.trim() {
                    "" => Ok(()),
                    text => write!(f, "; last output: {text}"),
                }
            }
            Self::WorkerLost { worker } => write!(f, "its worker {worker} was lost"),
            Self::ClusterLost { cluster } => {
                write!(f, "the API server of cluster {cluster} did not answer")
            }
            Self::Hung { limit_ms } => {
                let secs = limit_ms / 1000;
                write!(f, "it ran longer than {secs} s and did not react to an interrupt")
            }
            Self::Killed => f.write_str("the run was stopped by force"),
        }
    }
}

/// Why work was left undone, in the order of precedence: a later one replaces an earlier one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// A spec failed and the run file says `failFast`.
    FailFast,
    /// The suite asked for the end of the run with `AbortSuite()`.
    Aborted,
    /// The before-suite failed on every cluster; the text names them.
    BeforeSuiteFailed(String),
    /// No worker, or no usable cluster, was left for longer than the limit; the text says more.
    NoCluster(String),
    /// The suite did something Multibeam cannot shard; the text says what and what to do.
    Refused(String),
    /// Somebody cancelled the run.
    Cancelled,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FailFast => f.write_str("a spec failed and failFast is set"),
            Self::Aborted => f.write_str("the suite aborted itself"),
            Self::BeforeSuiteFailed(text) => write!(f, "the before-suite failed: {text}"),
            Self::NoCluster(text) => write!(f, "no usable cluster: {text}"),
            Self::Refused(text) => f.write_str(text),
            Self::Cancelled => f.write_str("the run was cancelled"),
        }
    }
}

/// How a target, or a whole run, ended. The order is that of precedence when a run sums up its
/// targets: the greatest wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every selected spec and suite node passed or skipped itself.
    Passed,
    /// All ran; at least one failed.
    Failed,
    /// Not everything ran: cancelled, fail-fast, or specs lost for good.
    Incomplete,
    /// Not everything ran because the environment gave out (no usable cluster).
    Environment,
}

impl Verdict {
    /// The documented exit status of `multibeam run`.
    #[must_use]
    pub fn exit_status(self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::Failed => 1,
            Self::Incomplete => 2,
            Self::Environment => 4,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Incomplete => "incomplete",
            Self::Environment => "incomplete (environment)",
        })
    }
}
