//! A history as a file: CSV with a line for each duration.
//!
//! ```csv
//! spec,seconds,labels,run,ended
//! "[sig-node] Probing should be restarted",41.207,"{""cni"":""cilium""}",20261129-0200-1f2e/v1.36,2026-11-29T02:31:07Z
//! ```
//!
//! Columns are found by their names, in whatever order; others are left alone. Only `spec` and `seconds`
//! must be there, so that a table from elsewhere will do. A line that cannot be meant is a [`Problem`]
//! and left out: nothing in a file makes reading fail but a header that says it is no history.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read, Write};

use csv::StringRecord;
use multibeam_model::Timestamp;
use multibeam_model::lesson::{Lesson, Took};

use crate::history::{History, LONGEST, Labels};

/// Lines with problems that are told one by one.
const TOLD: usize = 20;

/// Bytes of a file that are read: far more than the largest history has.
const MOST_BYTES: u64 = 256 << 20;

const COLUMNS: [&str; 5] = ["spec", "seconds", "labels", "run", "ended"];

/// What lines are taken for that do not say where they come from.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// Who has seen it.
    pub source: String,
    /// When.
    pub at: Timestamp,
    /// In a target with these labels.
    pub labels: Labels,
}

/// What a file says.
#[derive(Clone, Debug, Default)]
pub struct Learned {
    /// One for each source and set of labels.
    pub lessons: Vec<Lesson>,
    /// Lines that cannot be meant.
    pub problems: Problems,
}

/// Lines that cannot be meant: the first ones, and how many there are.
#[derive(Clone, Debug, Default)]
pub struct Problems {
    /// The first ones.
    pub told: Vec<Problem>,
    /// All of them.
    pub count: usize,
}

/// A line that cannot be meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The line, from 1; 0 when it is not known.
    pub line: u64,
    /// What was expected there.
    pub what: Mistake,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mistake {
    /// It has no spec.
    #[error("expected the text of a spec, got nothing")]
    NoSpec,
    /// Its duration is none.
    #[error("expected seconds from 0 to {most}, got {0:?}", most = LONGEST.as_secs())]
    Seconds(String),
    /// Its labels are none.
    #[error("expected labels as a JSON object of texts, such as {{\"cni\":\"cilium\"}}, got {0:?}")]
    Labels(String),
    /// Its time is none.
    #[error("expected a time such as 2026-11-29T02:31:07Z, got {0:?}")]
    Ended(String),
    /// It has more or fewer fields than the header.
    #[error("expected {expected} fields, got {found}")]
    Fields {
        /// Columns of the header.
        expected: u64,
        /// Fields of the line.
        found: u64,
    },
    /// It is no text.
    #[error("expected text in UTF-8")]
    Encoding,
}

/// A file is no history.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It has other columns.
    #[error(
        "expected a history: CSV with the columns spec and seconds in its first line, got {found} (hint: `multibeam history export` writes one)"
    )]
    Columns {
        /// Its first line, in short.
        found: String,
    },
    /// It cannot be read.
    #[error("it cannot be read")]
    Io(#[from] io::Error),
}

// === impl Problems ===

impl Problems {
    /// Notes one.
    pub fn push(&mut self, line: u64, what: Mistake) {
        self.count += 1;
        if self.told.len() < TOLD {
            self.told.push(Problem { line, what });
        }
    }

    /// How many there are besides those that are told.
    #[must_use]
    pub fn more(&self) -> usize {
        self.count - self.told.len()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => self.what.fmt(f),
            line => write!(f, "line {line}: {}", self.what),
        }
    }
}

// === impl Mistake ===

impl Mistake {
    /// These are no seconds that a spec can have taken.
    #[must_use]
    pub fn seconds(found: &str) -> Self {
        Self::Seconds(short(found))
    }
}

/// Seconds as a file has them, in milliseconds; `None` when no spec can have taken so long.
pub fn millis(seconds: f64) -> Option<u32> {
    // False for what is no number.
    let meant = (0.0..=LONGEST.as_secs_f64()).contains(&seconds);
    // In range, so nothing is cut off.
    meant.then(|| (seconds * 1000.0).round() as u32)
}

/// Reads a file.
///
/// # Errors
/// [`FileError`] when it is none or cannot be read.
pub fn read(input: impl Read, origin: &Origin) -> Result<Learned, FileError> {
    let mut csv = csv::Reader::from_reader(input.take(MOST_BYTES));
    let header = csv.headers().map_err(not_a_history)?.clone();
    let columns = Columns::of(&header)?;
    let mut learned = Learned::default();
    let mut lessons: BTreeMap<(String, Labels), Lesson> = BTreeMap::new();
    let mut record = StringRecord::new();
    loop {
        match csv.read_record(&mut record) {
            Ok(false) => break,
            Ok(true) => {
                let line = record.position().map_or(0, csv::Position::line);
                match columns.row(&record, origin) {
                    Ok(row) => take_in(&mut lessons, row),
                    Err(what) => learned.problems.push(line, what),
                }
            }
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                learned.problems.push(line, mistake(error)?);
            }
        }
    }
    learned.lessons = lessons.into_values().collect();
    Ok(learned)
}

/// What a record cannot be read for; the error of the file itself if it is that.
fn mistake(error: csv::Error) -> Result<Mistake, FileError> {
    match error.kind() {
        csv::ErrorKind::Io(_) => Err(FileError::Io(error.into())),
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            Ok(Mistake::Fields { expected: *expected_len, found: *len })
        }
        _ => Ok(Mistake::Encoding),
    }
}

fn not_a_history(error: csv::Error) -> FileError {
    match error.kind() {
        csv::ErrorKind::Io(_) => FileError::Io(error.into()),
        _ => FileError::Columns { found: "something that is no text".to_owned() },
    }
}

/// Where the columns are.
struct Columns {
    spec: usize,
    seconds: usize,
    labels: Option<usize>,
    run: Option<usize>,
    ended: Option<usize>,
}

struct Line {
    source: String,
    at: Timestamp,
    labels: Labels,
    took: Took,
}

// === impl Columns ===

impl Columns {
    fn of(header: &StringRecord) -> Result<Self, FileError> {
        let [spec, seconds, labels, run, ended] =
            COLUMNS.map(|name| header.iter().position(|column| column.trim() == name));
        let (Some(spec), Some(seconds)) = (spec, seconds) else {
            let line = header.iter().collect::<Vec<_>>().join(",");
            let short: String = line.chars().take(60).collect();
            let found =
                if line.is_empty() { "an empty file".to_owned() } else { format!("{short:?}") };
            return Err(FileError::Columns { found });
        };
        Ok(Self { spec, seconds, labels, run, ended })
    }

    fn row(&self, record: &StringRecord, origin: &Origin) -> Result<Line, Mistake> {
        let text = |column: Option<usize>| column.and_then(|at| record.get(at)).unwrap_or_default();
        let spec = text(Some(self.spec));
        if spec.trim().is_empty() {
            return Err(Mistake::NoSpec);
        }
        let seconds = text(Some(self.seconds)).trim();
        let found = seconds.parse().ok().and_then(millis);
        let took = found.ok_or_else(|| Mistake::seconds(seconds))?;
        let labels = match text(self.labels).trim() {
            "" => origin.labels.clone(),
            json => serde_json::from_str(json).map_err(|_| Mistake::Labels(short(json)))?,
        };
        let at = match text(self.ended).trim() {
            "" => origin.at,
            time => time_of(time).ok_or_else(|| Mistake::Ended(short(time)))?,
        };
        let source = match text(self.run) {
            "" => &origin.source,
            run => run,
        };
        let took = Took { spec: spec.to_owned(), millis: took };
        Ok(Line { source: source.to_owned(), at, labels, took })
    }
}

fn take_in(lessons: &mut BTreeMap<(String, Labels), Lesson>, line: Line) {
    let Line { source, at, labels, took } = line;
    let key = (source.clone(), labels.clone());
    let new = || Lesson { source, at, labels, durations: Vec::new() };
    lessons.entry(key).or_insert_with(new).durations.push(took);
}

fn time_of(text: &str) -> Option<Timestamp> {
    let time: jiff::Timestamp = text.parse().ok()?;
    i64::try_from(time.as_nanosecond()).ok().map(Timestamp)
}

/// What a message shows of a field.
fn short(field: &str) -> String {
    field.chars().take(40).collect()
}

/// Writes a history, by spec and the newest first.
///
/// # Errors
/// When the output takes no more.
pub fn write(out: impl Write, history: &History) -> io::Result<()> {
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(COLUMNS).map_err(of_output)?;
    for row in history.rows() {
        for seen in &row.seen {
            let seconds = seen.took.as_secs_f64().to_string();
            let labels = match seen.labels.is_empty() {
                true => String::new(),
                false => serde_json::to_string(seen.labels)?,
            };
            let ended = jiff::Timestamp::from_nanosecond(seen.at.0.into()).unwrap_or_default();
            let ended = ended.to_string();
            let record = [row.spec, &seconds, &labels, seen.source, &ended];
            csv.write_record(record).map_err(of_output)?;
        }
    }
    csv.flush()
}

/// What the output said, which csv's own conversion hides: a closed pipe is to be known for one.
fn of_output(error: csv::Error) -> io::Error {
    match error.kind() {
        csv::ErrorKind::Io(inner) => io::Error::new(inner.kind(), error),
        _ => error.into(),
    }
}

#[cfg(test)]
mod tests;
