//! `limits`: how long to wait, how often to try, how much to keep.

use multibeam_document::diagnostic::{Code, Sink};
use multibeam_document::human::{ByteSize, HumanDuration};
use multibeam_document::table::{Object, Ty, optional};
use multibeam_document::yaml::Node;
use serde::{Deserialize, Serialize};

use super::{number, unit};

const SECOND: HumanDuration = HumanDuration::from_secs(1);
const HOUR: HumanDuration = HumanDuration::from_secs(3_600);
const DAY: HumanDuration = HumanDuration::from_secs(86_400);

/// Between interrupting a spec and killing its process: Ginkgo's own default grace period, in
/// which clean-up nodes run.
pub const DEFAULT_GRACE: HumanDuration = HumanDuration::from_secs(30);

/// How often a group is started at most when attempts are lost: one loss is an accident, a
/// second one may be, and a third attempt runs with nothing else on its worker.
pub const DEFAULT_ATTEMPTS: u32 = 3;

/// How long a worker that is not heard from keeps what it was handed: long enough for a restart
/// of a switch or a pause of a virtual machine, short against the hour that a lost run costs.
pub const DEFAULT_LEASE: HumanDuration = HumanDuration::from_secs(60);

/// How often a worker says that it lives: a dozen may be lost before the lease ends.
pub const DEFAULT_HEARTBEAT: HumanDuration = HumanDuration::from_secs(5);

/// After how long a cluster whose API server does not answer is given up: a control plane node
/// that restarts is back by then.
pub const DEFAULT_CLUSTER_UNREADY_GIVE_UP: HumanDuration = HumanDuration::from_secs(300);

/// After how long without any usable worker a target ends as incomplete: long enough for a pod
/// to be rescheduled and its image pulled.
pub const DEFAULT_NO_WORKER_GIVE_UP: HumanDuration = HumanDuration::from_secs(600);

/// How much output of one suite process is kept on disk: a whole conformance run prints some
/// 20 MiB, a spec that prints without end is cut off.
pub const DEFAULT_SPOOL_LIMIT: ByteSize = ByteSize::from_mib(64);

/// At least this many heartbeats must fit into a lease, or one lost message ends it.
pub const MIN_HEARTBEATS_PER_LEASE: u32 = 3;

pub(crate) static LIMITS: Object = Object {
    name: "limits",
    doc: "How long to wait, how often to try, and how much to keep.",
    fields: &[
        optional(
            "grace",
            Ty::Duration { min: SECOND, max: HOUR },
            "Time between interrupting a spec and killing its process, for clean-up. Default 30s.",
        ),
        optional(
            "attempts",
            Ty::Int { min: 1, max: 5 },
            "How often a group of specs is started at most when its process, worker or cluster is lost. A failed spec is never tried again. Default 3.",
        ),
        optional(
            "lease",
            Ty::Duration { min: HumanDuration::from_secs(10), max: HOUR },
            "How long a worker that is not heard from keeps its specs. Default 60s.",
        ),
        optional(
            "heartbeat",
            Ty::Duration { min: SECOND, max: HOUR },
            "How often a worker says that it lives; at most a third of the lease. Default 5s.",
        ),
        optional(
            "clusterUnreadyGiveUp",
            Ty::Duration { min: SECOND, max: DAY },
            "After how long a cluster whose API server does not answer is given up. Default 5m.",
        ),
        optional(
            "noWorkerGiveUp",
            Ty::Duration { min: SECOND, max: DAY },
            "After how long without any usable worker a target ends as incomplete. Default 10m.",
        ),
        optional(
            "spoolLimit",
            Ty::Size { min: ByteSize(64 << 10), max: ByteSize::from_mib(64 << 10) },
            "How much output of one suite process is kept on disk. Default 64MiB.",
        ),
    ],
    extra: None,
};

/// How long to wait, how often to try, how much to keep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// Time between interrupting a spec and killing its process.
    pub grace: HumanDuration,
    /// How often a group is started at most when attempts are lost.
    pub attempts: u32,
    /// How long a worker that is not heard from keeps what it was handed.
    pub lease: HumanDuration,
    /// How often a worker says that it lives.
    pub heartbeat: HumanDuration,
    /// After how long a cluster whose API server does not answer is given up.
    pub cluster_unready_give_up: HumanDuration,
    /// After how long without any usable worker a target ends as incomplete.
    pub no_worker_give_up: HumanDuration,
    /// How much output of one suite process is kept on disk.
    pub spool_limit: ByteSize,
}

// === impl Limits ===

impl Default for Limits {
    fn default() -> Self {
        Limits {
            grace: DEFAULT_GRACE,
            attempts: DEFAULT_ATTEMPTS,
            lease: DEFAULT_LEASE,
            heartbeat: DEFAULT_HEARTBEAT,
            cluster_unready_give_up: DEFAULT_CLUSTER_UNREADY_GIVE_UP,
            no_worker_give_up: DEFAULT_NO_WORKER_GIVE_UP,
            spool_limit: DEFAULT_SPOOL_LIMIT,
        }
    }
}

/// Reads `limits` of the run, if it is there.
pub(crate) fn read(run: &Node, sink: &mut Sink<'_>) -> Limits {
    let mut limits = Limits::default();
    let Some(node) = run.get("limits") else {
        return limits;
    };
    let durations = [
        ("grace", &mut limits.grace),
        ("lease", &mut limits.lease),
        ("heartbeat", &mut limits.heartbeat),
        ("clusterUnreadyGiveUp", &mut limits.cluster_unready_give_up),
        ("noWorkerGiveUp", &mut limits.no_worker_give_up),
    ];
    for (key, place) in durations {
        if let Some(found) = unit(node, key) {
            *place = found;
        }
    }
    limits.attempts = number(node, "attempts").unwrap_or(limits.attempts);
    limits.spool_limit = unit(node, "spoolLimit").unwrap_or(limits.spool_limit);
    if limits.heartbeat.0.saturating_mul(MIN_HEARTBEATS_PER_LEASE) > limits.lease.0
        && let Some(at) = node.get("heartbeat").or_else(|| node.get("lease"))
    {
        let message = format!(
            "a heartbeat every {} is too rare for a lease of {}",
            limits.heartbeat, limits.lease
        );
        let hint = format!("let at least {MIN_HEARTBEATS_PER_LEASE} heartbeats fit into a lease");
        sink.error(Code::BadValue, at.span, message, Some(hint));
    }
    limits
}
