//! What is remembered of earlier runs.
//!
//! Nothing here depends on how often or in which order lessons come: a spec has at most one duration
//! from each source, and the newest ones stay. So a lesson may be told twice, and two histories may be
//! laid together. (Only where the bounds of the whole are reached does the order say what goes first.)

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use multibeam_model::Timestamp;
use multibeam_model::lesson::{Lesson, Took};
use multibeam_model::spec_text::squeeze;
use serde::{Deserialize, Serialize};

/// Durations of a spec that are kept for each set of labels: enough that two bad runs in a row change
/// nothing, few enough that a suite that became faster is believed within a week of nights.
const KEPT: usize = 9;

/// Sources that are kept: what nine runs of 28 targets with different labels give. The oldest goes first.
const SOURCES: usize = 256;

/// Specs that are kept: all of six suites like Kubernetes' `e2e.test`.
const SPECS: usize = 50_000;

/// The most durations that are taken from one source, half of all specs, so that none drives all others
/// out. A full e2e suite has 7,500.
const OF_ONE: u64 = 25_000;

/// Durations that are kept in all. Each takes some 6 bytes of a snapshot, a spec its text besides.
const SAMPLES: u64 = 500_000;

/// Bytes of a spec's text. Longer ones are no texts that a person wrote.
const TEXT_BYTES: usize = 4096;

/// No spec takes longer: a day.
pub const LONGEST: Duration = Duration::from_secs(24 * 3600);

const LONGEST_MILLIS: u32 = 24 * 3600 * 1000;

/// What sets a target apart, such as `cni` and `kube-proxy`.
pub type Labels = BTreeMap<String, String>;

/// How long specs took.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    sources: BTreeMap<u32, Source>,
    /// By text, with single blanks; the newest first.
    specs: BTreeMap<String, Vec<Sample>>,
    samples: u64,
}

/// A target of a run, or a file that was imported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Source {
    name: String,
    at: Timestamp,
    labels: Labels,
    /// How many durations are from it.
    samples: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Sample {
    source: u32,
    millis: u32,
}

/// One duration of a spec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen<'a> {
    /// How long it took.
    pub took: Duration,
    /// The labels of the target that it ran in.
    pub labels: &'a Labels,
    /// Who has seen it.
    pub source: &'a str,
    /// When its source ended.
    pub at: Timestamp,
}

/// A spec with all that is remembered of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row<'a> {
    /// Its text, with single blanks.
    pub spec: &'a str,
    /// Its durations, the newest first; there is at least one.
    pub seen: Vec<Seen<'a>>,
}

/// The format of the bytes of a history.
const FORMAT: u8 = 1;

/// A history's bytes cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The other side speaks another format.
    #[error(
        "history format {found} is unknown, expected {FORMAT} (hint: use the same version of multibeam on both sides)"
    )]
    Format {
        /// The format found.
        found: u8,
    },
    /// The bytes are damaged.
    #[error("damaged history")]
    Damaged(#[source] postcard::Error),
    /// There are no bytes.
    #[error("empty history")]
    Empty,
}

// === impl History ===

impl History {
    /// Whether nothing is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.specs.is_empty()
    }

    /// How many specs it knows.
    #[must_use]
    pub fn specs(&self) -> usize {
        self.specs.len()
    }

    /// How many sources it remembers.
    #[must_use]
    pub fn sources(&self) -> usize {
        self.sources.len()
    }

    /// All specs, by their texts.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.specs.iter().map(|(spec, samples)| Row {
            spec,
            seen: samples.iter().filter_map(|sample| self.seen(*sample)).collect(),
        })
    }

    fn seen(&self, sample: Sample) -> Option<Seen<'_>> {
        let Source { name, at, labels, .. } = self.sources.get(&sample.source)?;
        let took = Duration::from_millis(sample.millis.into());
        Some(Seen { took, labels, source: name, at: *at })
    }

    /// The same as it was learned.
    #[must_use]
    pub fn lessons(&self) -> Vec<Lesson> {
        let lesson = |source: &Source| Lesson {
            source: source.name.clone(),
            at: source.at,
            labels: source.labels.clone(),
            durations: Vec::new(),
        };
        let lessons = self.sources.iter().map(|(id, source)| (*id, lesson(source)));
        let mut lessons: BTreeMap<u32, Lesson> = lessons.collect();
        for (spec, samples) in &self.specs {
            for sample in samples {
                if let Some(lesson) = lessons.get_mut(&sample.source) {
                    lesson.durations.push(Took { spec: spec.clone(), millis: sample.millis });
                }
            }
        }
        lessons.into_values().collect()
    }

    /// Takes a lesson in; false when it changes nothing. What cannot be meant (no text, more than
    /// [`LONGEST`]) is left out.
    pub fn learn(&mut self, lesson: &Lesson) -> bool {
        let id = self.source_of(lesson);
        let alike = self.alike(id);
        let mut changed = false;
        for took in &lesson.durations {
            let spec = squeeze(&took.spec);
            let meant = !spec.is_empty() && spec.len() <= TEXT_BYTES;
            if meant && took.millis <= LONGEST_MILLIS {
                changed |= self.add(spec, Sample { source: id, millis: took.millis }, &alike);
            }
        }
        // Newer ones may have taken the place of all that was left of one; or nothing came at all.
        self.sources.retain(|_, source| source.samples > 0);
        while changed
            && self.is_over_full()
            && let Some(oldest) = self.oldest_but(id)
        {
            self.forget(oldest);
        }
        changed
    }

    /// The number of a lesson's source: that of a new one is the lowest that is free, so that numbers
    /// stay small.
    fn source_of(&mut self, lesson: &Lesson) -> u32 {
        let Lesson { source: name, at, labels, .. } = lesson;
        let same = |(_, it): &(&u32, &Source)| it.name == *name && it.labels == *labels;
        if let Some((id, _)) = self.sources.iter().find(same) {
            return *id;
        }
        let free = (0..).find(|id| !self.sources.contains_key(id)).unwrap_or(u32::MAX);
        let source = Source { name: name.clone(), at: *at, labels: labels.clone(), samples: 0 };
        self.sources.insert(free, source);
        free
    }

    /// The sources with the labels of this one.
    fn alike(&self, id: u32) -> BTreeSet<u32> {
        let labels = self.sources.get(&id).map(|source| &source.labels);
        let alike = self.sources.iter().filter(|(_, source)| Some(&source.labels) == labels);
        alike.map(|(id, _)| *id).collect()
    }

    /// Adds a duration, in place of the oldest with its labels when there are many; false when it is
    /// known, is too old itself, or finds no room.
    fn add(&mut self, spec: String, sample: Sample, alike: &BTreeSet<u32>) -> bool {
        let Self { sources, specs, samples: all } = self;
        let spoke = sources.get(&sample.source).map_or(0, |source| source.samples);
        if spoke >= OF_ONE || specs.len() >= SPECS && !specs.contains_key(&spec) {
            return false;
        }
        let samples = specs.entry(spec).or_default();
        if samples.iter().any(|known| known.source == sample.source) {
            return false;
        }
        let place =
            samples.partition_point(|it| age(sources, it.source) > age(sources, sample.source));
        let newer = samples[..place].iter().filter(|it| alike.contains(&it.source)).count();
        if newer >= KEPT {
            return false;
        }
        samples.insert(place, sample);
        *all += 1;
        count(sources, sample.source, 1);
        let mut same = (0..samples.len()).filter(|at| alike.contains(&samples[*at].source));
        if let Some(oldest) = same.nth(KEPT) {
            let gone = samples.remove(oldest);
            *all -= 1;
            count(sources, gone.source, -1);
        }
        true
    }

    fn is_over_full(&self) -> bool {
        let Self { sources, specs, samples } = self;
        sources.len() > SOURCES || specs.len() >= SPECS || *samples > SAMPLES
    }

    /// The oldest source; the one that has just spoken stays, however old it is.
    fn oldest_but(&self, spoke: u32) -> Option<u32> {
        let others = self.sources.keys().copied().filter(|id| *id != spoke);
        others.min_by_key(|id| age(&self.sources, *id))
    }

    fn forget(&mut self, source: u32) {
        self.specs.retain(|_, samples| {
            samples.retain(|sample| sample.source != source);
            !samples.is_empty()
        });
        if let Some(gone) = self.sources.remove(&source) {
            self.samples -= gone.samples;
        }
    }

    /// The bytes that cross the wire: a format number, then postcard.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        postcard::to_extend(self, vec![FORMAT])
            .expect("writing to memory cannot fail and every type has a known shape")
    }

    /// Reads what [`History::encode`] wrote.
    ///
    /// # Errors
    /// An unknown format or damaged bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, HistoryError> {
        match bytes {
            [] => Err(HistoryError::Empty),
            [FORMAT, body @ ..] => postcard::from_bytes(body).map_err(HistoryError::Damaged),
            [found, ..] => Err(HistoryError::Format { found: *found }),
        }
    }
}

/// What sources are ordered by: newer ones are greater.
fn age(sources: &BTreeMap<u32, Source>, id: u32) -> Option<(Timestamp, &str, &Labels)> {
    sources.get(&id).map(|source| (source.at, source.name.as_str(), &source.labels))
}

/// Counts a duration of a source that came or went.
fn count(sources: &mut BTreeMap<u32, Source>, id: u32, change: i64) {
    if let Some(source) = sources.get_mut(&id) {
        source.samples = source.samples.saturating_add_signed(change);
    }
}

#[cfg(test)]
mod tests;
