//! Events of a run, as `--json` prints them.

use multibeam_model::event::Event;
use multibeam_model::status::RunStatus;
use serde_json::Value;

/// Folds what `run --json`, `attach --json`, or `status --watch --json` printed into the last status.
#[must_use]
pub fn fold(printed: &str) -> RunStatus {
    let mut status = RunStatus::default();
    for line in printed.lines() {
        let mut value: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        if let Some(format) = value.get("format") {
            assert_eq!(*format, 1);
            if let Some(so_far) = value.get_mut("status") {
                status = serde_json::from_value(so_far.take()).unwrap();
            }
        } else {
            let event: Event =
                serde_json::from_value(value).unwrap_or_else(|e| panic!("{e}: {line}"));
            status.apply(&event);
        }
    }
    status
}
