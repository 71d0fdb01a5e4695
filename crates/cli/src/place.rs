//! Where runs are: the layout of a results directory, and the way to whoever serves a run.

use std::path::{Path, PathBuf};

use multibeam_aggregator::render::RunJson;
use multibeam_proto::aggregator::v1::RunState;
use multibeam_proto::aggregator::v1::results_client::ResultsClient;
use multibeam_proto::coordinator::v1::coordinator_client::CoordinatorClient;
use multibeam_rt::endpoints::Endpoints;
use multibeam_rt::uds;

use crate::args::Place;
use crate::commands::fail;
use crate::connect;
use crate::exit::Exit;

/// The directory of one run.
#[derive(Clone, Debug)]
pub struct RunDirectory {
    path: PathBuf,
}

impl RunDirectory {
    /// The directory of a run below a results directory.
    #[must_use]
    pub fn new(results: &Path, run: &str) -> Self {
        Self { path: results.join(run) }
    }

    /// Where the reports are.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The results directory that it lies in.
    #[must_use]
    pub fn results(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("."))
    }

    /// The run's name.
    #[must_use]
    pub fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    fn hidden(&self) -> PathBuf {
        self.path.join(".multibeam")
    }

    /// The run's ledger.
    #[must_use]
    pub fn ledger(&self) -> PathBuf {
        self.hidden().join("ledger")
    }

    /// The socket of the program that runs it.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.hidden().join("control.sock")
    }

    /// Output and private files of its workers.
    #[must_use]
    pub fn workers(&self) -> PathBuf {
        self.hidden().join("workers")
    }

    /// A file that is locked as long as any of its suite processes lives.
    #[must_use]
    pub fn alive(&self) -> PathBuf {
        self.hidden().join("alive.lock")
    }

    /// What the run file calls the run. The ledger has it as well, but belongs to one program.
    #[must_use]
    pub fn title(&self) -> PathBuf {
        self.hidden().join("name")
    }

    /// The summary.
    #[must_use]
    pub fn summary(&self) -> PathBuf {
        self.path.join("run.json")
    }

    /// The summary, if it can be read.
    #[must_use]
    pub fn read_summary(&self) -> Option<RunJson> {
        serde_json::from_slice(&std::fs::read(self.summary()).ok()?).ok()
    }

    /// Whether it looks like the directory of a run.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.hidden().is_dir() || self.summary().is_file()
    }
}

/// All runs of a results directory, oldest first: their names begin with the time.
#[must_use]
pub fn runs_in(results: &Path) -> Vec<RunDirectory> {
    let entries = std::fs::read_dir(results).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.collect();
    names.sort();
    let runs = names.iter().map(|name| RunDirectory::new(results, name));
    runs.filter(RunDirectory::exists).collect()
}

/// The run that is meant: by its name or the beginning of it, or the newest one.
///
/// # Errors
/// When there is none, or several begin like that.
pub fn find(results: &Path, run: Option<&str>) -> Result<RunDirectory, Exit> {
    let found = match run {
        Some(run) => {
            let exact = Some(RunDirectory::new(results, run)).filter(RunDirectory::exists);
            let mut alike = if exact.is_some() { Vec::new() } else { beginning(results, run) };
            if alike.len() > 1 {
                let names: Vec<String> = alike.iter().map(RunDirectory::name).collect();
                eprintln!("error: several runs begin with {run}: {}", names.join(", "));
                return Err(Exit::INPUT);
            }
            exact.or_else(|| alike.pop())
        }
        None => runs_in(results).pop(),
    };
    found.ok_or_else(|| {
        match run {
            Some(run) => eprintln!("error: no run {run} in {}", results.display()),
            None => eprintln!("error: no run in {}", results.display()),
        }
        eprintln!(
            "  (hint: a run's results are where its run file says, which is `results` beside that file; --results names the place)"
        );
        Exit::INPUT
    })
}

/// The runs whose names begin like that.
fn beginning(results: &Path, start: &str) -> Vec<RunDirectory> {
    let mut runs = runs_in(results);
    runs.retain(|run| !start.is_empty() && run.name().starts_with(start));
    runs
}

/// Whoever serves a run.
#[derive(Clone, Debug)]
pub struct Served {
    /// The run.
    pub run: String,
    /// The coordinator.
    pub coordinator: CoordinatorClient<Endpoints>,
    /// The files made from the ledger.
    pub results: ResultsClient<Endpoints>,
    /// The way to all coordinators.
    pub endpoints: Endpoints,
}

impl Served {
    /// Clients over one channel to a program that serves both.
    #[must_use]
    pub fn over(channel: Endpoints, run: String) -> Self {
        let limit = multibeam_proto::MAX_MESSAGE_BYTES;
        Self {
            run,
            coordinator: CoordinatorClient::new(channel.clone())
                .max_decoding_message_size(limit)
                .max_encoding_message_size(limit),
            results: ResultsClient::new(channel.clone()).max_decoding_message_size(limit),
            endpoints: channel,
        }
    }

    /// Whether it is a standing coordinator, which another one may follow.
    #[must_use]
    pub fn is_standing(&self) -> bool {
        !self.endpoints.current().is_empty()
    }
}

/// Where a run was found.
#[derive(Clone, Debug)]
pub enum Found {
    /// Somebody serves it now.
    Served(Box<Served>),
    /// Only its directory is there: it has ended, or its program was killed.
    Left(RunDirectory),
}

/// Looks for a run.
///
/// # Errors
/// When there is none, or a standing coordinator cannot be reached.
pub async fn look(place: &Place, run: Option<&str>) -> Result<Found, Exit> {
    if let Some(endpoint) = &place.endpoint {
        let channel = connect::coordinators(endpoint, &place.tls).await?;
        let mut served = Served::over(channel, run.unwrap_or_default().to_owned());
        if run.is_none() {
            served.run = newest_of(&mut served, false).await?;
        }
        return Ok(Found::Served(Box::new(served)));
    }
    let directory = find(place.results(), run)?;
    match uds::connect(&directory.socket()).await {
        Ok(channel) => Ok(Found::Served(Box::new(Served::over(channel.into(), directory.name())))),
        Err(uds::SocketError::NotServed { .. }) => Ok(Found::Left(directory)),
        Err(error) => Err(fail(Exit::ENVIRONMENT, &error)),
    }
}

/// The newest run of a standing coordinator; with `open` the newest one that has not ended.
///
/// # Errors
/// When there is none, or the coordinator does not tell.
pub async fn newest_of(served: &mut Served, open: bool) -> Result<String, Exit> {
    let request = multibeam_proto::coordinator::v1::ListRunsRequest {};
    let runs = served.coordinator.list_runs(request).await;
    let runs = runs.map_err(|status| crate::commands::fail_status(&status))?.into_inner().runs;
    match runs.into_iter().rfind(|run| !open || run.state() != RunState::Ended) {
        Some(run) => Ok(run.run),
        None => {
            let such = if open { "run that has not ended" } else { "run" };
            eprintln!("error: there is no {such} at this coordinator");
            Err(Exit::INPUT)
        }
    }
}

/// The newest run that has not ended.
///
/// # Errors
/// When there is none.
pub fn newest_open(results: &Path) -> Result<RunDirectory, Exit> {
    let has_ended = |run: &RunDirectory| run.read_summary().is_some_and(|it| it.ended.is_some());
    runs_in(results).into_iter().rfind(|run| !has_ended(run)).ok_or_else(|| {
        eprintln!("error: every run in {} has ended", results.display());
        eprintln!("  (hint: one that was cancelled goes on when it is named, with --force)");
        Exit::INPUT
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_found_by_the_beginning_of_its_name() {
        let results = tempfile::tempdir().unwrap();
        for run in ["20260101-000000-aaaa", "20260101-000000-bbbb", "20260102-000000-cccc"] {
            std::fs::create_dir_all(results.path().join(run).join(".multibeam")).unwrap();
        }
        let find = |run| find(results.path(), Some(run)).map(|run| run.name());
        assert_eq!(find("20260102").unwrap(), "20260102-000000-cccc");
        assert_eq!(find("20260101-000000-b").unwrap(), "20260101-000000-bbbb");
        for wrong in ["20260101", "2027", ""] {
            assert_eq!(find(wrong), Err(Exit::INPUT), "{wrong:?}");
        }
        std::fs::create_dir_all(results.path().join("20260101").join(".multibeam")).unwrap();
        assert_eq!(find("20260101").unwrap(), "20260101", "a whole name is no beginning");
    }

    #[test]
    fn the_newest_run_that_has_not_ended_is_to_be_resumed() {
        let results = tempfile::tempdir().unwrap();
        let newest = || newest_open(results.path()).map(|run| run.name());
        assert_eq!(newest(), Err(Exit::INPUT));
        for run in ["1", "2", "3"] {
            std::fs::create_dir_all(results.path().join(run).join(".multibeam")).unwrap();
        }
        let ended = serde_json::json!({
            "format": 1, "run": "3", "name": "n", "rerunOf": null, "notCertifiable": [],
            "started": "2026-01-01T00:00:00Z", "ended": "2026-01-01T00:00:09Z", "cancelledBy": null,
            "resumed": [], "verdict": null, "seed": 1, "matrixJunit": false, "cleaned": [],
            "targets": [],
        });
        std::fs::write(results.path().join("3/run.json"), ended.to_string()).unwrap();
        assert_eq!(newest().unwrap(), "2");
    }
}
