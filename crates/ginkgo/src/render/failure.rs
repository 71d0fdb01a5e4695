//! Failures as the default reporter prints them.

use std::io::{self, Write};

use super::printer::Printer;
use super::progress;
use crate::report::Failure;
use crate::spec::SpecState;

/// The word for a state in brackets.
pub(super) fn shouted(state: SpecState) -> String {
    state.as_str().to_uppercase()
}

/// One line: state, node and place.
pub(super) fn short<W: Write>(
    out: &mut Printer<W>,
    levels: usize,
    state: SpecState,
    failure: &Failure,
) -> io::Result<()> {
    let line = format!(
        "[{}] in [{}] - {} @ {}",
        shouted(state),
        failure.failure_node_type,
        failure.location,
        failure.timeline_location.time.console()
    );
    out.block(levels, line)
}

/// Message, place, panic with its stack, what the node was doing, and, if asked for, the failure
/// that came out of the same node later.
pub(super) fn full<W: Write>(
    out: &mut Printer<W>,
    levels: usize,
    state: SpecState,
    failure: &Failure,
    with_additional: bool,
) -> io::Result<()> {
    out.block(levels, format!("[{}] {}", shouted(state), failure.message))?;
    let place = format!(
        "In [{}] at: {} @ {}\n",
        failure.failure_node_type,
        failure.location,
        failure.timeline_location.time.console()
    );
    out.block(levels, place)?;
    if !failure.forwarded_panic.is_empty() {
        out.block(0, "\n")?;
        out.block(levels, &failure.forwarded_panic)?;
        out.block(0, "\n")?;
        out.block(levels, "Full Stack Trace")?;
        out.block(levels + 1, &failure.location.full_stack_trace)?;
    }
    if !failure.progress_report.is_zero() {
        out.block(0, "\n")?;
        progress::print(out, levels, false, &failure.progress_report)?;
    }
    if let Some(additional) = failure.additional_failure.as_ref().filter(|_| with_additional) {
        out.block(0, "\n")?;
        full(out, levels, additional.state, &additional.failure, true)?;
    }
    Ok(())
}
