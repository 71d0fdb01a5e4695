//! What the suites wrote about themselves: the only witness of what ran, how often, beside what.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

/// One line of a trace. See tests/suites/README.md.
#[derive(Clone, Debug, Deserialize)]
pub struct Line {
    /// `start`, `end`, `again`, `node`, or `note`.
    pub event: String,
    /// The full text of the spec, or the suite node's name.
    pub text: String,
    /// `file:line` of the leaf.
    #[serde(default)]
    pub location: String,
    /// The suite process.
    pub pid: i32,
    /// Its number in its session, from 1.
    pub process: u32,
    /// Nanoseconds since 1970.
    pub time: i64,
    /// Whether the spec is Serial.
    pub serial: bool,
    /// Whether it is in an Ordered container.
    pub ordered: bool,
    /// The final state, at the end.
    #[serde(default)]
    pub state: String,
    /// Free text.
    #[serde(default)]
    pub note: String,
}

/// One execution of a spec.
#[derive(Clone, Debug)]
pub struct Execution {
    /// Its start.
    pub start: Line,
    /// Its end; absent when its process died in it.
    pub end: Option<Line>,
}

/// Reads a trace; a file that is not there is one without lines. A last line without an end (a
/// process is writing it, or was killed) is left out.
#[must_use]
pub fn read(path: &Path) -> Vec<Line> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

/// Pairs starts with ends, in the order of their starts. A process runs one spec at a time; anything
/// else in the trace panics.
#[must_use]
pub fn executions(lines: &[Line]) -> Vec<Execution> {
    let mut open: BTreeMap<i32, usize> = BTreeMap::new();
    let mut found: Vec<Execution> = Vec::new();
    for line in lines {
        match line.event.as_str() {
            "start" => {
                let before = open.insert(line.pid, found.len());
                assert_eq!(
                    before, None,
                    "process {} starts {:?} within another",
                    line.pid, line.text
                );
                found.push(Execution { start: line.clone(), end: None });
            }
            "end" => {
                let begun = open.remove(&line.pid).map(|index| &mut found[index]);
                let begun = begun.unwrap_or_else(|| panic!("{:?} ends without a start", line.text));
                assert_eq!(begun.start.text, line.text);
                begun.end = Some(line.clone());
            }
            _ => {}
        }
    }
    found
}

/// How often each spec ran to its end, by text and place. Several specs may share both.
#[must_use]
pub fn times_run(executions: &[Execution]) -> BTreeMap<(String, String), usize> {
    let mut times = BTreeMap::new();
    for end in executions.iter().filter_map(|execution| execution.end.as_ref()) {
        *times.entry((end.text.clone(), end.location.clone())).or_default() += 1;
    }
    times
}

/// How many of these ran at once at most. An execution without an end counts as none.
#[must_use]
pub fn most_at_once<'a>(executions: impl Iterator<Item = &'a Execution>) -> usize {
    let ended = executions.filter_map(|it| Some((it.start.time, it.end.as_ref()?.time)));
    // At one moment ends come first: the next spec may begin when the one before it ends.
    let mut changes: Vec<(i64, i32)> = ended.flat_map(|(from, to)| [(from, 1), (to, -1)]).collect();
    changes.sort_unstable();
    let counts = changes.into_iter().scan(0, |count, (_, change)| {
        *count += change;
        Some(*count)
    });
    usize::try_from(counts.max().unwrap_or(0)).unwrap_or(0)
}

/// Panics unless every Serial spec of a cluster ran with nothing beside it. An execution whose
/// process died counts as if it had ended at once: when it died, the trace does not know.
pub fn assert_serial_alone(cluster: &str, executions: &[Execution]) {
    let end = |execution: &Execution| execution.end.as_ref().unwrap_or(&execution.start).time;
    for (i, serial) in executions.iter().enumerate().filter(|(_, e)| e.start.serial) {
        for (j, other) in executions.iter().enumerate() {
            let beside = serial.start.time < end(other) && other.start.time < end(serial);
            assert!(
                i == j || !beside,
                "on {cluster}: Serial {:?} ran beside {:?}",
                serial.start.text,
                other.start.text
            );
        }
    }
    let refused = executions.iter().find(|execution| execution.start.note.starts_with("overlap"));
    assert!(refused.is_none(), "on {cluster}: {refused:?}");
}
