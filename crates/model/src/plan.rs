//! What a target's schedule is made of.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::{GroupId, TargetId};

/// The selected groups of one target, as discovery found them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetPlan {
    /// The target.
    pub target: TargetId,
    /// Every group that has at least one selected spec, by ascending id.
    pub groups: Vec<GroupPlan>,
}

/// One execution group with what the scheduler has to know of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupPlan {
    /// Its id; for a parallel group also its `/counter` index.
    pub id: GroupId,
    /// Whether it needs its cluster to itself.
    pub serial: bool,
    /// How many spec reports one attempt of it gives: its specs, unselected members of an Ordered
    /// container included. The last one seals the attempt.
    pub reports: u32,
    /// How long it is expected to take.
    pub expected: Duration,
    /// Serial groups with the same number contain specs of equal text. Text is all that a serial
    /// share can be narrowed by, so they must be in one share.
    pub twin: Option<u32>,
    /// A parallel group with a spec whose text equals that of a serial one: a process 1 whose
    /// share leaves that serial spec out would skip this one too, so it never gets the group.
    pub avoid_first: bool,
    /// How long one spec of the group may run before it counts as hung: the longest `specTimeout`
    /// among its selected specs, counted anew after each report; `None` for no limit.
    pub limit: Option<Duration>,
    /// The rules of [`Concurrency::by_tag`](crate::run::Concurrency::by_tag) that apply to one of
    /// its selected specs, as indices, ascending.
    #[serde(default)]
    pub crowds: Vec<u32>,
}

/// What was expected of a target before it began, from its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Planned {
    /// How long it takes when every spec takes what it is expected to.
    pub expected: Duration,
    /// One of ten targets like it is over earlier, or it is what the target takes when suites take no time
    /// to start and to end, whichever is less.
    pub low: Duration,
    /// One of ten targets like it is over later.
    pub high: Duration,
}
