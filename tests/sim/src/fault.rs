//! Faults that can be planted: each breaks one rule that the system lives by, and the simulation
//! has to notice. They sit in the shells here; three sit in the ledger's core, behind its feature
//! `plant`.

use multibeam_ledger::plant::Plant;

/// A planted fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// A node answers before its disk has synced.
    NoSync,
    /// Terms and votes are not written.
    HardStateNotWritten,
    /// Entries that replace others leave those behind them in the log.
    SuffixKept,
    /// A state travels without the payloads that it refers to.
    SnapshotWithoutPayloads,
    /// A state from elsewhere is acknowledged before it is synced.
    SnapshotNotSynced,
    /// A decision of a coordinator that was replaced is taken.
    EpochNotChecked,
    /// A report that comes twice replaces the one that was sealed.
    SealTwice,
    /// A loss voids a seal that came before it.
    LossAfterSeal,
    /// Reads are answered from whatever state the node asked has.
    ReadWithoutIndex,
    /// A new coordinator takes the state of any node for the newest.
    StaleTakeover,
    /// A new coordinator counts everything as lost at once.
    TakeoverWithoutWait,
    /// Orders leave before their decisions are in the ledger.
    OrdersBeforeCommit,
    /// Silence of the coordinator in office is counted by the clock of who wants its place.
    OfficeByClaimersClock,
    /// A leader that may have been replaced tells a coordinator that it is in office.
    AttendUnconfirmed,
    /// A coordinator takes itself to be in office from when the answer came.
    OfficeFromAnswer,
    /// A coordinator renews leases although it may have been replaced.
    AcksOutOfOffice,
    /// A worker's lease is counted from the receipt of the acknowledgement.
    LeaseFromReceipt,
    /// A silent worker is given up after its lease, without a margin.
    NoMargin,
    /// Guards do not kill when the lease is over.
    GuardSleeps,
    /// A worker obeys coordinators of any epoch.
    EpochsIgnored,
    /// A worker that gets a new coordinator says at once that nothing from before lives.
    SettledTooEarly,
    /// A worker goes on although two of its reports are not durable.
    ReportNotAwaited,
    /// A worker obeys an order again that comes twice.
    OrderTwice,
    /// Whether a sealed attempt has failed is taken from what its worker has told so far.
    SealByHearsay,
    /// The serial phase begins while other processes still run.
    SerialTooEarly,
}

/// All of them.
pub const FAULTS: &[Fault] = &[
    Fault::NoSync,
    Fault::HardStateNotWritten,
    Fault::SuffixKept,
    Fault::SnapshotWithoutPayloads,
    Fault::SnapshotNotSynced,
    Fault::EpochNotChecked,
    Fault::SealTwice,
    Fault::LossAfterSeal,
    Fault::ReadWithoutIndex,
    Fault::StaleTakeover,
    Fault::TakeoverWithoutWait,
    Fault::OrdersBeforeCommit,
    Fault::OfficeByClaimersClock,
    Fault::AttendUnconfirmed,
    Fault::OfficeFromAnswer,
    Fault::AcksOutOfOffice,
    Fault::LeaseFromReceipt,
    Fault::NoMargin,
    Fault::GuardSleeps,
    Fault::EpochsIgnored,
    Fault::SettledTooEarly,
    Fault::ReportNotAwaited,
    Fault::OrderTwice,
    Fault::SealByHearsay,
    Fault::SerialTooEarly,
];

impl Fault {
    /// The part of it that sits in the ledger.
    pub(crate) fn plant(self) -> Option<Plant> {
        match self {
            Self::SealTwice => Some(Plant::SealTwice),
            Self::LossAfterSeal => Some(Plant::LossAfterSeal),
            Self::AttendUnconfirmed => Some(Plant::AttendUnconfirmed),
            _ => None,
        }
    }
}
