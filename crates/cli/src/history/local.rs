//! The history of a results directory: what all runs there have learned, in one file.
//!
//! A run's own ledger lies in the run's directory and leaves with it, so what is to outlast the run is
//! added to this file when the run ends.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use multibeam_history::History;
use multibeam_history::file::{self, FileError, Learned, Origin};
use multibeam_model::lesson::Lesson;

use crate::commands::with_causes;

/// The file's name in a results directory.
const FILE: &str = "history.csv";

/// The file that is locked while the history is replaced.
const LOCK: &str = ".history.lock";

/// The file of one results directory.
#[derive(Clone, Debug)]
pub(crate) struct LocalHistory {
    path: PathBuf,
}

/// It cannot be kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeepError {
    /// What lies there is no history, and stays as it is.
    #[error("{} is no history and is left as it is (hint: move it away)", path.display())]
    Other {
        /// Where.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: FileError,
    },
    /// The disk does not take it.
    #[error("cannot write {}", path.display())]
    Write {
        /// Where.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

// === impl LocalHistory ===

impl LocalHistory {
    /// The file in a results directory.
    pub(crate) fn of(results: &Path) -> Self {
        Self { path: results.join(FILE) }
    }

    /// What is remembered. Whatever is wrong with the file is said in one line, and the rest counts: no
    /// run fails because its history is bad.
    pub(crate) fn recall(&self) -> History {
        let path = self.path.display();
        match self.read() {
            Ok(learned) => {
                if let Some(first) = learned.problems.told.first() {
                    let count = learned.problems.count;
                    let lines =
                        if count == 1 { "1 line is" } else { &format!("{count} lines are") };
                    eprintln!("warning: {path}: {lines} left out, the first one is {first}");
                }
                told(&learned.lessons)
            }
            Err(error) => {
                eprintln!("warning: {path} is not used: {}", with_causes(&error));
                History::default()
            }
        }
    }

    fn read(&self) -> Result<Learned, FileError> {
        match File::open(&self.path) {
            Ok(opened) => file::read(BufReader::new(opened), &Origin::default()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Learned::default()),
            Err(error) => Err(error.into()),
        }
    }

    /// Adds what a run has taught, which can fail and cost nothing but that. Of a file that is no
    /// history [`LocalHistory::recall`] has spoken before.
    pub(crate) fn keep(&self, lessons: &[Lesson]) {
        match self.learn(lessons) {
            Ok(()) | Err(KeepError::Other { .. }) => {}
            Err(error) => {
                let why = with_causes(&error);
                eprintln!("warning: how long specs took is not kept for later runs: {why}");
            }
        }
    }

    /// Adds lessons to the file. Runs that end at the same time wait for each other.
    ///
    /// # Errors
    /// When the file cannot be written, or holds something else.
    pub(crate) fn learn(&self, lessons: &[Lesson]) -> Result<(), KeepError> {
        let path = || self.path.clone();
        let write = |source: io::Error| KeepError::Write { path: path(), source };
        let directory = self.path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(directory).map_err(write)?;
        // A file of its own: the history itself is replaced, and a lock on a directory is more than some
        // file systems know.
        let mut options = File::options();
        let options = options.create(true).truncate(false).write(true);
        let lock = options.open(directory.join(LOCK)).map_err(write)?;
        lock.lock().map_err(write)?;
        let known = self.read().map_err(|source| match source {
            FileError::Columns { .. } => KeepError::Other { path: path(), source },
            FileError::Io(source) => write(source),
        })?;
        let mut history = told(&known.lessons);
        let mut changed = false;
        for lesson in lessons {
            changed |= history.learn(lesson);
        }
        if !changed {
            return Ok(());
        }
        // Nobody sees half a file: it gets its name when it is whole.
        let unfinished = self.path.with_extension("part");
        let written = File::create(&unfinished).and_then(|file| {
            let mut out = BufWriter::new(file);
            file::write(&mut out, &history)?;
            out.flush()?;
            fs::rename(&unfinished, &self.path)
        });
        written.map_err(|source| {
            let _ = fs::remove_file(&unfinished);
            write(source)
        })
    }
}

/// A history of lessons.
pub(super) fn told(lessons: &[Lesson]) -> History {
    let mut history = History::default();
    for lesson in lessons {
        history.learn(lesson);
    }
    history
}

#[cfg(test)]
mod tests {
    use multibeam_model::Timestamp;
    use multibeam_model::lesson::Took;

    use super::*;

    fn lesson(at: i64, millis: u32) -> Lesson {
        let durations = vec![Took { spec: "[sig-x] a".to_owned(), millis }];
        Lesson { source: format!("run-{at}/t"), at: Timestamp(at), durations, ..Lesson::default() }
    }

    #[test]
    fn what_runs_learn_comes_together() {
        let results = tempfile::tempdir().unwrap();
        let history = LocalHistory::of(&results.path().join("new"));
        assert_eq!(history.recall(), History::default());
        history.learn(&[lesson(1, 10)]).unwrap();
        history.learn(&[lesson(2, 20), lesson(1, 10)]).unwrap();
        assert_eq!(history.recall(), told(&[lesson(1, 10), lesson(2, 20)]));
        let before = fs::read(&history.path).unwrap();
        history.learn(&[lesson(2, 20)]).unwrap();
        assert_eq!(fs::read(&history.path).unwrap(), before);
    }

    #[test]
    fn a_file_of_something_else_is_neither_used_nor_overwritten() {
        let results = tempfile::tempdir().unwrap();
        let history = LocalHistory::of(results.path());
        fs::write(&history.path, "my,own,table\n1,2,3\n").unwrap();
        assert_eq!(history.recall(), History::default());
        let refused = history.learn(&[lesson(1, 10)]).unwrap_err();
        assert!(matches!(refused, KeepError::Other { .. }), "{refused}");
        assert_eq!(fs::read(&history.path).unwrap(), b"my,own,table\n1,2,3\n");
    }

    #[test]
    fn lines_that_cannot_be_meant_do_not_cost_the_others() {
        let results = tempfile::tempdir().unwrap();
        let history = LocalHistory::of(results.path());
        fs::write(&history.path, "spec,seconds\na,-1\n[sig-x] a,0.01\nb,NaN\nc,1e9\n").unwrap();
        assert_eq!(history.recall().specs(), 1);
        history.learn(&[lesson(1, 20)]).unwrap();
        assert_eq!(history.recall().rows().next().unwrap().seen.len(), 2);
    }
}
