//! What the words of the project mean, here and on its pages.
#![allow(clippy::unwrap_used, reason = "a failed test may panic")]

mod architecture_page;
mod dependencies;
mod json_page;
mod roster;
