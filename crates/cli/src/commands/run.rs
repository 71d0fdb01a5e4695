//! `multibeam run`: a run file becomes a run, here or at a standing coordinator.

use std::fs;
use std::path::Path;
use std::time::Duration;

use multibeam_aggregator::render::RunJson;
use multibeam_model::outcome::Verdict;
use multibeam_model::run::{RunMode, RunSpec};
use multibeam_model::status::RunStatus;
use multibeam_proto::aggregator::v1::results_client::ResultsClient;
use multibeam_proto::coordinator::v1::SubmitRequest;
use multibeam_rt::endpoints::Endpoints;

use super::{fail, fail_status};
use crate::args::{ColorChoice, RunArgs};
use crate::convert::shown;
use crate::embedded::{Embedded, Start};
use crate::exit::Exit;
use crate::files::{self, FilesError, fetch_all};
use crate::follow::{CtrlC, Look, follow};
use crate::history::LocalHistory;
use crate::load::load;
use crate::on_disk::Extent;
use crate::place::{self, Found, RunDirectory, Served};
use crate::stored::{Stored, end_status};
use crate::view::summary;
use crate::written::Written;
use crate::{connect, discovery, kubeconfigs, rerun};

/// A coordinator that takes longer to begin a run has a reason that the user wants to know.
const SHORT_WAIT: Duration = Duration::from_secs(2);

/// How many times a run that is to be taken up again is asked for once more when somebody still serves
/// it: a program that was killed a moment ago may not have let go of its socket yet.
const AGAIN: u32 = 3;

/// From one such time to the next.
const PAUSE: Duration = Duration::from_millis(200);

/// How long a run that failed may take to write what it has.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// Runs a run.
pub(super) async fn run(args: RunArgs, color: ColorChoice) -> Result<(), Exit> {
    let look = Look { json: args.json, plain: args.plain, color };
    if let Some(run) = &args.resume {
        let run = run.as_deref();
        return match &args.place.endpoint {
            Some(endpoint) => {
                let channel = connect::coordinators(endpoint, &args.place.tls).await?;
                let mut served = Served::over(channel, run.unwrap_or_default().to_owned());
                if run.is_none() {
                    served.run = place::newest_of(&mut served, true).await?;
                }
                let run = served.run.clone();
                submit(&mut served, Vec::new(), Some(run), args.force).await?;
                follow_remote(served, args.place.results(), look).await
            }
            None => resume(&args, run, look).await,
        };
    }
    let (mut spec, loaded, results) = match (&args.rerun_failed, &args.file) {
        (Some(run), _) => (failures_of(&args, run).await?, None, args.place.results().to_owned()),
        (None, Some(file)) => {
            let elsewhere = args.place.endpoint.is_some();
            let extent = if elsewhere { Extent::NOTHING } else { Extent::EVERYTHING };
            // The command line wins, and nothing is written of a run that nobody follows.
            let results = args.place.results.is_none() && !args.detach;
            let extent = Extent { results, ..extent };
            let loaded = load(file, args.mode.map(Into::into), extent, color)?;
            let results = loaded.results_at(&args.place).to_owned();
            (loaded.run.clone(), Some(loaded), results)
        }
        (None, None) => unreachable!("clap asks for one of them"),
    };
    let written = loaded.as_ref().map_or(Written::Before, |loaded| Written::In(loaded, color));
    spec.seed = args.seed.or(spec.seed);
    warn_of_mode(spec.mode.as_ref());
    if let Some(endpoint) = &args.place.endpoint {
        kubeconfigs::leave_out(&mut spec, written);
        let channel = connect::coordinators(endpoint, &args.place.tls).await?;
        let mut served = Served::over(channel, String::new());
        let json = serde_json::to_vec(&spec).map_err(|error| fail(Exit::INPUT, &error))?;
        submit(&mut served, json, None, false).await?;
        if args.detach {
            println!("{}", served.run);
            return Ok(());
        }
        return follow_remote(served, &results, look).await;
    }
    // Wrong input shows before anything is made on disk.
    if let Written::Before = written {
        kubeconfigs::check(&spec)?;
    }
    let seed = *spec.seed.get_or_insert_with(multibeam_coordinator::random_seed);
    let all: Vec<usize> = (0..spec.targets.len()).collect();
    let suites = discovery::distinct(&spec, &all);
    discovery::discover_all(&spec, &suites, seed, written).await?;
    let directory = new_directory(&results, &spec.name)?;
    here(Start::New(Box::new(spec)), directory, look).await
}

async fn resume(args: &RunArgs, run: Option<&str>, look: Look) -> Result<(), Exit> {
    let run = match run {
        Some(run) => run.to_owned(),
        None => place::newest_open(args.place.results())?.name(),
    };
    let mut again = 0;
    loop {
        match place::look(&args.place, Some(&run)).await? {
            Found::Left(directory) => {
                return here(Start::Resume { force: args.force }, directory, look).await;
            }
            Found::Served(_) if again < AGAIN => {
                again += 1;
                tokio::time::sleep(PAUSE).await;
            }
            Found::Served(served) => {
                let run = served.run;
                eprintln!(
                    "error: run {run} is under way (hint: `multibeam attach {run}` follows it)"
                );
                return Err(Exit::INPUT);
            }
        }
    }
}

/// What failed in an earlier run, as a new run. Whoever has that run tells both what it was and how
/// it went.
async fn failures_of(args: &RunArgs, run: &str) -> Result<RunSpec, Exit> {
    let told = match place::look(&args.place, Some(run)).await? {
        Found::Served(served) => earlier(&served.results, &served.run).await,
        Found::Left(directory) => {
            let stored = Stored::open(&directory).await?;
            let told = earlier(&stored.results, &stored.record.run.0).await;
            stored.close().await;
            told
        }
    };
    let (spec, summary) = told.map_err(|error| fail(error.exit(), &error))?;
    rerun::of_failures(spec, &summary).ok_or_else(|| {
        eprintln!("error: nothing failed in run {run}");
        Exit::INPUT
    })
}

async fn earlier(
    results: &ResultsClient<Endpoints>,
    run: &str,
) -> Result<(RunSpec, RunJson), FilesError> {
    Ok((files::submitted(results, run).await?, files::summary(results, run).await?))
}

/// Runs it in this process.
async fn here(start: Start, directory: RunDirectory, look: Look) -> Result<(), Exit> {
    let history = LocalHistory::of(directory.results());
    let mut embedded = Embedded::start(start, &directory, history.recall()).await?;
    let followed = embedded.follow(look).await;
    let served = &embedded.served;
    let files = fetch_all(&served.results, &served.run, directory.path());
    let brought_in = match followed {
        Ok(status) => embedded.bring_in(files).await.map(|found| (status, found)),
        Err(exit) => {
            // What there is, unless the ledger itself is what failed.
            let _ = tokio::time::timeout(LAST_WORDS, files).await;
            Err(exit)
        }
    };
    let ended = embedded.end().await;
    let (status, (lessons, written)) = brought_in?;
    history.keep(&lessons);
    let summary = written.map_err(|error| unwritten(&error, &directory.name()))?;
    ended?;
    show_end(&status, &summary, directory.path(), look);
    exit(&status)
}

/// Says why the results of a run that is over are not here. The ledger has them.
fn unwritten(error: &FilesError, run: &str) -> Exit {
    let exit = fail(Exit::ENVIRONMENT, error);
    eprintln!(
        "  (hint: nothing is lost: `multibeam results {run} --to DIR` writes them to another place)"
    );
    exit
}

/// Follows a run elsewhere and writes its results here.
async fn follow_remote(mut served: Served, results: &Path, look: Look) -> Result<(), Exit> {
    let status = follow(&mut served, look, CtrlC::Cancels).await?;
    let directory = results.join(&served.run);
    let written = fetch_all(&served.results, &served.run, &directory).await;
    let summary = written.map_err(|error| unwritten(&error, &served.run))?;
    show_end(&status, &summary, &directory, look);
    exit(&status)
}

async fn submit(
    served: &mut Served,
    spec_json: Vec<u8>,
    resume_run: Option<String>,
    force: bool,
) -> Result<(), Exit> {
    let request =
        SubmitRequest { spec_json: spec_json.into(), resume_run, force, run: String::new() };
    let submitted = served.coordinator.submit(request);
    tokio::pin!(submitted);
    let submitted = match tokio::time::timeout(SHORT_WAIT, &mut submitted).await {
        Ok(submitted) => submitted,
        Err(_) => {
            eprintln!(
                "waiting for the coordinator, which may have to wait itself: a worker that it cannot reach keeps what an earlier one started until its lease is over"
            );
            submitted.await
        }
    };
    served.run = submitted.map_err(|status| fail_status(&status))?.into_inner().run;
    Ok(())
}

/// The directory of a new run bears its id; the name is for lists.
pub(super) fn new_directory(results: &Path, name: &str) -> Result<RunDirectory, Exit> {
    let failed = |error: std::io::Error| {
        eprintln!("error: cannot make a directory in {}: {error}", results.display());
        Exit::of_directory(&error)
    };
    let directory = RunDirectory::new(results, &multibeam_coordinator::new_run_id());
    let hidden = directory.ledger();
    fs::create_dir_all(hidden.parent().unwrap_or(results)).map_err(failed)?;
    fs::write(directory.title(), name).map_err(failed)?;
    Ok(directory)
}

/// A run that cannot lead to a certificate says so where its user looks, before and after it.
fn warn_of_mode(mode: Option<&RunMode>) {
    if let Some(warning) = mode.and_then(RunMode::warning) {
        eprintln!("note: {warning}");
    }
}

fn show_end(watched: &RunStatus, found: &RunJson, directory: &Path, look: Look) {
    if !look.json {
        let end = end_status(found, watched);
        let directory = directory.to_string_lossy();
        print!("{}", summary(&end, Some(&shown(&directory)), look.style()));
    }
    warn_of_mode(found.mode.as_ref());
}

fn exit(status: &RunStatus) -> Result<(), Exit> {
    match status.verdict {
        Some(Verdict::Passed) => Ok(()),
        Some(verdict) => Err(verdict.into()),
        None => Err(Exit::INCOMPLETE),
    }
}
