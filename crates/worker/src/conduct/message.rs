//! What a conductor is told, and what it wants done.

use bytes::Bytes;
use multibeam_ginkgo::protocol::{Answer, Request};
use multibeam_model::command::{Reply, Report, SuiteNode};
use multibeam_model::link::{ProcessNews, ProcessOrder, SessionFact};
use multibeam_model::outcome::ProcessEnd;

/// Names a request that waits for its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// What a conductor reacts to.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "they are moved once, and few exist at a time")]
pub enum Input {
    /// The process asks or tells something.
    Request {
        /// To answer it by.
        ticket: Ticket,
        /// What it says.
        request: Request,
    },
    /// The coordinator wants something.
    Order(ProcessOrder),
    /// A fact of the session is in the ledger.
    Fact(SessionFact),
    /// What was shipped for this ticket is durable, or was refused for good.
    Shipped {
        /// The ticket.
        ticket: Ticket,
        /// The ledger's reply.
        reply: Reply,
    },
    /// The answer to [`Output::CheckCluster`].
    ClusterChecked {
        /// The ticket.
        ticket: Ticket,
        /// Whether the API server could not be reached, several times over.
        unreachable: bool,
    },
    /// The answer to [`Output::AwaitCluster`]: the API server answers again.
    ClusterBack {
        /// The ticket.
        ticket: Ticket,
    },
    /// The answer to [`Output::AwaitAbort`].
    AbortSeen {
        /// The ticket.
        ticket: Ticket,
    },
    /// The process and all its descendants are gone.
    Ended {
        /// How.
        end: ProcessEnd,
        /// The last lines of its output.
        last_output: String,
    },
}

/// What is to be done.
#[derive(Debug, PartialEq)]
pub enum Output {
    /// Answer a request.
    Answer(Ticket, Answer),
    /// Make something durable, then come back with [`Input::Shipped`]. Payloads are not yet
    /// compressed.
    Ship(Ticket, Shipment),
    /// A spec failed: find out whether the cluster answers, then come back with
    /// [`Input::ClusterChecked`].
    CheckCluster(Ticket),
    /// A group was lost to the cluster: come back with [`Input::ClusterBack`] when it answers.
    AwaitCluster(Ticket),
    /// The process was told to abort: come back with [`Input::AbortSeen`] when it must have taken
    /// notice.
    AwaitAbort(Ticket),
    /// A process other than the first has ended its suite: keep its report for process 1.
    KeepReport(Bytes),
    /// Answer process 1 with the sum of the reports that were kept of its session.
    GatherReports(Ticket),
    /// Tell the coordinator.
    News(ProcessNews),
}

/// What goes to the ledger.
#[derive(Debug, PartialEq, Eq)]
pub enum Shipment {
    /// A spec's report.
    Report(Report),
    /// A suite node's report.
    SuiteNode(SuiteNode),
    /// A fact of the session.
    Fact(SessionFact),
}
