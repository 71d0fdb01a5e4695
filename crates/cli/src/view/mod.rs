//! What the user sees of a run: the live view of a terminal, lines for a log, JSON for a script,
//! and the summary at the end.
//!
//! All of it is made from two things: the status, and the event that changed it last. What a view
//! shows is computed without a clock or a terminal ([`layout::render`], [`eta::remaining`],
//! [`summary::summary`]); the views themselves only write.

pub mod eta;
mod failures;
mod json;
pub mod layout;
mod live;
mod narrator;
mod plain;
mod style;
mod summary;
mod text;
mod time;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;

use std::io;

use multibeam_model::event::Event;
use multibeam_model::status::RunStatus;
use multibeam_model::time::Timestamp;

pub use json::JsonView;
pub use layout::status_text;
pub use live::{LiveView, Size};
pub use plain::PlainView;
pub(crate) use style::{Line, Role};
pub use style::{Style, colored};
pub use summary::summary;
pub use text::clean;
pub(crate) use text::{count, fit};
pub use time::now;
pub(crate) use time::{exact, short};

/// What a watcher of a run receives.
#[derive(Clone, Debug)]
pub enum Update {
    /// The run so far: the first thing that one who comes later gets.
    Snapshot(Box<RunStatus>),
    /// What happened then.
    Event(Box<Event>),
}

impl Update {
    /// Takes the update into the status and gives the event, for [`View::update`].
    pub fn apply(self, status: &mut RunStatus) -> Option<Event> {
        match self {
            Self::Snapshot(snapshot) => {
                *status = *snapshot;
                None
            }
            Self::Event(event) => {
                status.apply(&event);
                Some(*event)
            }
        }
    }
}

/// A way to show a run.
pub trait View: Send {
    /// Takes in what happened. `status` is the status after `event`; without an event it is a
    /// snapshot.
    ///
    /// # Errors
    /// When the output cannot be written.
    fn update(&mut self, status: &RunStatus, event: Option<&Event>) -> io::Result<()>;

    /// Shows that time goes by; to be called about five times a second. `now` must be of the clock
    /// of the events.
    ///
    /// # Errors
    /// When the output cannot be written.
    fn tick(&mut self, status: &RunStatus, now: Timestamp) -> io::Result<()>;

    /// Says something to the user that is no event, such as how to stop at once.
    ///
    /// # Errors
    /// When the output cannot be written.
    fn note(&mut self, text: &str) -> io::Result<()>;

    /// Leaves the output so that others can write to it. Also a run that goes on may be left.
    ///
    /// # Errors
    /// When the output cannot be written.
    fn finish(&mut self, status: &RunStatus) -> io::Result<()>;
}
