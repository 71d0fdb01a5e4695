//! From Ginkgo's words to the model's and back.

use multibeam_ginkgo::spec;
use multibeam_model::SpecState;

/// The model's word for Ginkgo's state. The zero value comes from nodes that never ran.
pub(super) fn state_of(state: spec::SpecState) -> SpecState {
    match state {
        spec::SpecState::Invalid | spec::SpecState::Skipped => SpecState::Skipped,
        spec::SpecState::Pending => SpecState::Pending,
        spec::SpecState::Passed => SpecState::Passed,
        spec::SpecState::Failed => SpecState::Failed,
        spec::SpecState::Aborted => SpecState::Aborted,
        spec::SpecState::Panicked => SpecState::Panicked,
        spec::SpecState::Interrupted => SpecState::Interrupted,
        spec::SpecState::Timedout => SpecState::TimedOut,
    }
}

/// Ginkgo's word for the model's state.
pub(super) fn state_for(state: SpecState) -> spec::SpecState {
    match state {
        SpecState::Skipped => spec::SpecState::Skipped,
        SpecState::Pending => spec::SpecState::Pending,
        SpecState::Passed => spec::SpecState::Passed,
        SpecState::Failed => spec::SpecState::Failed,
        SpecState::Aborted => spec::SpecState::Aborted,
        SpecState::Panicked => spec::SpecState::Panicked,
        SpecState::Interrupted => spec::SpecState::Interrupted,
        SpecState::TimedOut => spec::SpecState::Timedout,
    }
}

/// What of a failure message travels in live news; the whole is in the report.
pub(super) fn first_lines(message: &str) -> String {
    const LINES: usize = 4;
    const BYTES: usize = 600;
    let text = message.trim().lines().take(LINES).collect::<Vec<_>>().join("\n");
    match text.char_indices().find(|(at, _)| *at >= BYTES) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

/// Whether a dead API server could explain the state.
pub(super) fn may_be_the_cluster(state: SpecState) -> bool {
    matches!(state, SpecState::Failed | SpecState::Panicked | SpecState::TimedOut)
}
