//! What the end-to-end tests share: the real program, real Ginkgo suites, and eyes of their own.
//!
//! A test makes a [`Scratch`], writes a [`RunFile`] into it, starts the program, waits, and looks at
//! the files that a user gets ([`Results`]) and at what the suites wrote about themselves
//! ([`trace`]). Nothing here asks the program what it has done.
//!
//! Every failure here panics with what was expected: this crate is only for tests.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "tests")]

mod events;
mod junit;
mod loopback;
mod oracle;
mod outcome;
mod program;
mod report;
mod results;
mod runfile;
mod scratch;
pub mod suites;
pub mod trace;
mod wait;

pub use events::fold;
pub use junit::{Case, Junit};
pub use loopback::loopback;
pub use oracle::assert_rendered_as_by_ginkgo;
pub use outcome::{Outcome, assert_plain_zoo, assert_same};
pub use program::{Ended, Program, copy as copy_program, path as program_path};
pub use report::{Report, SpecLine};
pub use results::Results;
pub use runfile::{RunFile, zoo};
pub use scratch::Scratch;
pub use wait::{LIMIT, wait_for};
