//! What travels between the programs.

use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use multibeam_model::command::{Command, Reply};
use multibeam_model::link::{ProcessNews, ProcessOrder, SessionFact};
use multibeam_model::record::RunRecord;
use multibeam_model::{Epoch, Moment, ProcessId, SessionId, TargetId, WorkerId};

/// One message on its way.
#[derive(Clone, Debug)]
pub(crate) enum Packet {
    /// From node to node.
    Raft(Bytes),
    /// A question to the ledger. The number of the try tells late answers.
    Ask { call: u64, attempt: u32, ask: Rc<Ask> },
    /// Its answer.
    Answer { call: u64, attempt: u32, told: Told },
    /// A worker opens a stream to a coordinator.
    Connect { stream: u64, hello: Hello },
    /// Something in a stream.
    Frame { stream: u64, frame: Frame },
    /// The other side has closed the stream; `refused` when it will never open another one.
    Close { stream: u64, refused: bool },
}

/// A question to the ledger.
#[derive(Clone, Debug)]
pub(crate) enum Ask {
    /// Take these commands, in order.
    Propose(Vec<Command>),
    /// Show the run as everybody knows it by now.
    Read,
    /// Show the run as the node asked knows it.
    ReadStale,
    /// The coordinator of this epoch is alive.
    Attend(Epoch),
}

/// What a node answers.
#[derive(Clone, Debug)]
pub(crate) enum Told {
    Replies(Vec<Reply>),
    Record(Option<Arc<RunRecord>>),
    InOffice(Result<(), Epoch>),
    /// Ask somebody else.
    NotLeader(Option<usize>),
    /// Ask again later.
    Busy,
}

/// Who a worker is.
#[derive(Clone, Debug)]
pub(crate) struct Hello {
    pub(crate) worker: WorkerId,
    pub(crate) cluster: u32,
    pub(crate) slots: u32,
}

/// A numbered message of a stream; number 0 is not kept.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) number: u64,
    pub(crate) acknowledged: u64,
    pub(crate) body: Body,
}

/// Both directions.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    News(News),
    Order(Order),
}

/// What a worker says.
#[derive(Clone, Debug)]
pub(crate) enum News {
    Heartbeat {
        sent_at: Moment,
    },
    Prepared {
        target: TargetId,
    },
    Process {
        process: ProcessId,
        news: ProcessNews,
    },
    ClusterReady {
        ready: bool,
    },
    CleanedUp {
        process: ProcessId,
    },
    /// Nothing that an earlier coordinator had it start lives any more.
    Settled {
        epoch: Epoch,
    },
}

/// What a coordinator says.
#[derive(Clone, Debug)]
pub(crate) enum Order {
    Welcome { epoch: Epoch },
    HeartbeatAck { sent_at: Moment },
    Prepare { target: TargetId },
    Process { process: ProcessId, order: ProcessOrder },
    Fact { session: SessionId, fact: SessionFact },
    CleanUp { process: ProcessId },
    Forget,
}
