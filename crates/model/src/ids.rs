//! Names for things. Numbers are unique within one run unless said otherwise.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub String);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl From<&str> for $name {
            fn from(value: &str) -> Self {
                Self(value.to_owned())
            }
        }
    };
}

name! {
    /// One run, unique in a ledger: `YYYYMMDD-HHMMSS-xxxx`, so that names sort by start.
    RunId
}
name! {
    /// One worker process, unique among all workers of a ledger and new at every start of it.
    WorkerId
}
number! {
    /// A target by its place in the run's list of targets.
    TargetId(u32)
}
number! {
    /// A cluster by its place in the run's table of clusters (one cluster may serve two targets).
    ClusterId(u32)
}
number! {
    /// One complete Ginkgo run on one cluster for one target.
    SessionId(u32)
}
number! {
    /// Ginkgo's number of a parallel process within its session, from 1.
    ProcessNumber(u32)
}
number! {
    /// An execution group of a target. The first ones are the parallel groups, numbered as
    /// Ginkgo's `/counter` numbers them; the serial groups follow in suite order.
    GroupId(u32)
}
number! {
    /// A spec by its place in the target's catalog (dry-run order).
    SpecIndex(u32)
}
number! {
    /// The term of office of a coordinator; a higher one fences all lower ones.
    Epoch(u64)
}

impl ProcessNumber {
    /// The process that runs the suite's one-time nodes and the serial share.
    pub const FIRST: Self = Self(1);

    /// Whether this is process 1.
    #[must_use]
    pub fn is_first(self) -> bool {
        self == Self::FIRST
    }
}

/// One process of one session. A process that dies and is replaced keeps its number; the
/// incarnation tells the copies apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ProcessId {
    /// The session it belongs to.
    pub session: SessionId,
    /// Its number in that session.
    pub number: ProcessNumber,
    /// 1 for the first copy started under this number.
    pub incarnation: u32,
}

impl fmt::Display for ProcessId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s{}p{}", self.session, self.number)?;
        if self.incarnation > 1 {
            write!(f, ".{}", self.incarnation)?;
        }
        Ok(())
    }
}

/// One execution of one group. Numbers count from 1 and are never used twice, also when an
/// attempt was returned without having started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AttemptId {
    /// The target whose group it is.
    pub target: TargetId,
    /// The group.
    pub group: GroupId,
    /// 1 for the group's first hand-out.
    pub number: u32,
}

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "t{}g{}#{}", self.target, self.group, self.number)
    }
}
