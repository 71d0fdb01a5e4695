//! The vocabulary of Multibeam: ids, plans, attempts, outcomes, commands, and messages.
//!
//! Every other crate speaks in these types. The crate has no I/O, no clock, no async runtime, and
//! no policy: it says what things *are*, never what to do with them. Anything that is stored or
//! travels is converted at the edge (`proto` for the wire, [`command::Envelope`] for the ledger).

pub mod adopt;
pub mod command;
pub mod event;
pub mod ids;
pub mod incident;
pub mod lesson;
pub mod link;
pub mod markdown;
pub mod outcome;
pub mod plan;
pub mod record;
pub mod relay;
pub mod run;
pub mod spec_text;
pub mod status;
pub mod time;

pub use ids::{
    AttemptId, ClusterId, Epoch, GroupId, ProcessId, ProcessNumber, RunId, SessionId, SpecIndex,
    TargetId, WorkerId,
};
pub use outcome::{Cause, LossCause, SpecState};
pub use time::{Moment, Timestamp};
