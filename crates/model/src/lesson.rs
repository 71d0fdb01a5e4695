//! What the history of durations learns from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// How long specs took in one target of one run, or a part of that.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lesson {
    /// Who has seen it, such as `20261129-141422-a1b2/v1.36`. A spec counts once for each source.
    pub source: String,
    /// When it ended. The newest ones are kept.
    pub at: Timestamp,
    /// The labels of the target.
    pub labels: BTreeMap<String, String>,
    /// The specs, in no particular order.
    pub durations: Vec<Took>,
}

/// How long one spec took.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Took {
    /// Its full text.
    pub spec: String,
    /// How long, in milliseconds.
    pub millis: u32,
}

/// Bytes of a part of a lesson, about: far below what one entry of the log may have, so that it holds
/// no hand-out up.
const PART_BYTES: usize = 128 << 10;

impl Lesson {
    /// The same in parts of a bounded size. There is none when there is nothing to learn.
    #[must_use]
    pub fn parts(self) -> Vec<Self> {
        let Self { source, at, labels, durations } = self;
        let mut parts: Vec<Self> = Vec::new();
        let mut bytes = PART_BYTES;
        for took in durations {
            bytes += took.spec.len() + size_of::<u32>();
            match parts.last_mut().filter(|_| bytes <= PART_BYTES) {
                Some(part) => part.durations.push(took),
                None => {
                    bytes = took.spec.len();
                    let (source, labels) = (source.clone(), labels.clone());
                    parts.push(Self { source, at, labels, durations: vec![took] });
                }
            }
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_lesson_comes_in_parts_and_an_empty_one_not_at_all() {
        let took = |n: u32| Took { spec: format!("{n:0200}"), millis: n };
        let durations: Vec<Took> = (0..2000).map(took).collect();
        let lesson = Lesson { source: "r/t".to_owned(), durations, ..Lesson::default() };
        let parts = lesson.clone().parts();
        assert_eq!(parts.len(), 4);
        assert!(parts.iter().all(|part| part.source == lesson.source));
        let together: Vec<Took> = parts.into_iter().flat_map(|part| part.durations).collect();
        assert_eq!(together, lesson.durations);
        assert_eq!(Lesson::default().parts(), []);
    }
}
