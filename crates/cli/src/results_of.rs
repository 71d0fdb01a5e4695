//! Results that lie on disk, whoever wrote them: run.json and the files of its targets.

use std::fs::File;
use std::path::{Path, PathBuf};

use multibeam_aggregator::render::{RUN_JSON_FORMAT, RunJson, TargetJson};
use multibeam_bundle::facts::Run as Facts;
use multibeam_ginkgo::report::GoTime;

use crate::exit::Exit;
use crate::files::is_plain_name;
use crate::place::find;

/// A run's results.
#[derive(Debug)]
pub(crate) struct ResultsOf {
    /// Where they are.
    pub(crate) directory: PathBuf,
    /// Its summary.
    pub(crate) summary: RunJson,
}

/// What is wrong with a run.json, and what may help.
struct Wrong {
    what: String,
    hint: &'static str,
}

// === impl Wrong ===

impl Wrong {
    fn new(what: &impl ToString, hint: &'static str) -> Self {
        Self { what: what.to_string(), hint }
    }
}

// === impl ResultsOf ===

impl ResultsOf {
    /// The results of a run: a directory with a run.json, or a run of a results directory; the
    /// newest one when none is named.
    ///
    /// # Errors
    /// [`Exit::INPUT`] when there are none, or they cannot be read; that has been said.
    pub(crate) fn open(results: &Path, run: Option<&str>) -> Result<Self, Exit> {
        let given = run.map(Path::new).filter(|path| path.join("run.json").is_file());
        let directory = match given {
            Some(path) => path.to_owned(),
            None => find(results, run)?.path().to_owned(),
        };
        let path = directory.join("run.json");
        Self::read(directory).map_err(|Wrong { what, hint }| {
            eprintln!("error: {}: {what}", path.display());
            eprintln!("  (hint: {hint})");
            Exit::INPUT
        })
    }

    /// The results in a directory, if they are those of a run of this version.
    pub(crate) fn of(directory: &Path) -> Option<Self> {
        Self::read(directory.to_owned()).ok()
    }

    fn read(directory: PathBuf) -> Result<Self, Wrong> {
        let bytes = std::fs::read(directory.join("run.json")).map_err(|error| {
            Wrong::new(&error, "`multibeam results` writes what there is of a run")
        })?;
        let hint = "is it of another version of multibeam?";
        let summary: RunJson =
            serde_json::from_slice(&bytes).map_err(|error| Wrong::new(&error, hint))?;
        if summary.format != RUN_JSON_FORMAT {
            let what = format!("expected format {RUN_JSON_FORMAT}, found {}", summary.format);
            return Err(Wrong { what, hint });
        }
        // What a file says must not lead out of the run's directory.
        if let Some(target) = summary.targets.iter().find(|target| !is_plain_name(&target.dir)) {
            let what = format!("the directory {:?} of a target is no plain name", target.dir);
            return Err(Wrong { what, hint: "only files of the run itself are read" });
        }
        Ok(Self { directory, summary })
    }

    /// What a submission tells of the run.
    ///
    /// # Errors
    /// When its run.json cannot be read as such; that has been said.
    pub(crate) fn facts(&self) -> Result<Facts, Exit> {
        let path = self.directory.join("run.json");
        let read = std::fs::read(&path).map_err(|error| error.to_string());
        let facts = read.and_then(|bytes| Facts::read(&bytes).map_err(|error| error.to_string()));
        facts.map_err(|error| {
            eprintln!("error: {}: {error}", path.display());
            Exit::INPUT
        })
    }

    /// A target's file and its length; nothing for a target that was never discovered.
    ///
    /// # Errors
    /// When it cannot be opened; that has been said.
    pub(crate) fn file(
        &self,
        target: &TargetJson,
        name: &str,
    ) -> Result<Option<(File, u64)>, Exit> {
        let path = self.directory.join(&target.dir).join(name);
        let opened = File::open(&path).and_then(|file| {
            let bytes = file.metadata()?.len();
            Ok((file, bytes))
        });
        match opened {
            Ok(opened) => Ok(Some(opened)),
            Err(_) if target.suite.is_none() => Ok(None),
            Err(error) => {
                eprintln!("error: cannot read {}: {error}", path.display());
                Err(Exit::INPUT)
            }
        }
    }
}

/// Nanoseconds since 1970.
pub(crate) fn nanos(time: &GoTime) -> i64 {
    let (seconds, nanos) = time.to_unix();
    seconds.saturating_mul(1_000_000_000).saturating_add(i64::from(nanos))
}
