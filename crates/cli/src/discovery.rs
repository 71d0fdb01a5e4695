//! Looking into the suites of a run before anything is started or made on disk: what is wrong with
//! them shows at once, and the workers find the results in the cache.

use std::io::{self, IsTerminal as _};
use std::time::{Duration, Instant};

use multibeam_model::run::{RunSpec, SuiteSpec};
use multibeam_runfile::{Code, Severity};
use multibeam_worker::agent::discover_suite;
use multibeam_worker::discover::Discovery;
use multibeam_worker::suite::process::GuardProgram;

use crate::cache;
use crate::commands::fail;
use crate::convert::shown;
use crate::exit::Exit;
use crate::view::{clean, count, exact, fit};
use crate::written::Written;

/// A discovery shorter than this (one from the cache) shows no progress.
const PATIENCE: Duration = Duration::from_millis(800);

/// How often the progress is drawn.
const FRAME: Duration = Duration::from_millis(200);

/// Targets of one suite that are named in a message.
const NAMED: usize = 5;

/// A suite, and the targets that have it by their places in the run.
pub(crate) type Shared<'a> = (&'a SuiteSpec, Vec<usize>);

/// Each different suite once, with the targets that have it.
pub(crate) fn distinct<'a>(run: &'a RunSpec, targets: &[usize]) -> Vec<Shared<'a>> {
    let mut out: Vec<Shared<'_>> = Vec::new();
    for index in targets {
        let suite = &run.targets[*index].suite;
        match out.iter_mut().find(|(known, _)| *known == suite) {
            Some((_, users)) => users.push(*index),
            None => out.push((suite, vec![*index])),
        }
    }
    out
}

/// Discovers every suite, in the order given.
///
/// # Errors
/// [`Exit::INPUT`] when a suite cannot be used; every such suite was named.
pub(crate) async fn discover_all(
    run: &RunSpec,
    suites: &[Shared<'_>],
    seed: i64,
    written: Written<'_>,
) -> Result<Vec<Discovery>, Exit> {
    let guard = GuardProgram::this_program().map_err(|error| fail(Exit::ENVIRONMENT, &error))?;
    let cache = cache::directory();
    let (mut found, mut wrong) = (Vec::new(), Vec::new());
    let terminal = io::stderr().is_terminal();
    for (suite, targets) in suites {
        let name = clean(&shown(&suite.binary));
        let begun = Instant::now();
        let work = discover_suite(&guard, suite, None, &cache, seed, run.certified);
        let result = if terminal {
            with_progress(&name, begun, work).await
        } else {
            eprintln!("looking into {name}");
            work.await
        };
        match result {
            Ok(discovery) => {
                if !terminal {
                    eprintln!("{}", looked_into(&name, &discovery, begun.elapsed()));
                }
                found.push(discovery);
            }
            Err(error) => {
                let names: Vec<&str> =
                    targets.iter().map(|index| run.targets[*index].name.as_str()).collect();
                let place = names.first().and_then(|first| written.binary(first));
                wrong.push((place, format!("{}: {error}", naming(&names))));
            }
        }
    }
    match written.say(Severity::Error, Code::BadSuite, wrong) {
        0 => Ok(found),
        _ => Err(Exit::INPUT),
    }
}

/// The same for a command without a runtime.
///
/// # Errors
/// As [`discover_all`].
pub(crate) fn discover_all_blocking(
    run: &RunSpec,
    suites: &[Shared<'_>],
    seed: i64,
    written: Written<'_>,
) -> Result<Vec<Discovery>, Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| fail(Exit::ENVIRONMENT, &error))?;
    runtime.block_on(discover_all(run, suites, seed, written))
}

/// Targets in a message.
fn naming(targets: &[&str]) -> String {
    match targets {
        [one] => format!("target {one}"),
        few if few.len() <= NAMED => format!("targets {}", few.join(", ")),
        many => format!("targets {} and {} more", many[..NAMED].join(", "), many.len() - NAMED),
    }
}

/// What a log says of a discovery, which may have taken its time.
fn looked_into(suite: &str, found: &Discovery, took: Duration) -> String {
    let (selected, total) = (found.catalog.selected_specs(), found.catalog.specs.len());
    let how = match found.cached {
        true => "from the cache".to_owned(),
        false => format!("in {}", exact(took)),
    };
    format!("looked into {suite} {how}: {selected} of {} selected", count(total, "spec"))
}

/// Shows on a terminal that something takes its time.
async fn with_progress<T>(suite: &str, begun: Instant, work: impl Future<Output = T>) -> T {
    let mut frames = tokio::time::interval(FRAME);
    let mut shown = false;
    tokio::pin!(work);
    let result = loop {
        tokio::select! {
            result = &mut work => break result,
            _ = frames.tick() => {
                let elapsed = begun.elapsed();
                if elapsed >= PATIENCE {
                    shown = true;
                    let room = terminal_size::terminal_size().map_or(80, |(width, _)| usize::from(width.0));
                    let text = format!("looking into {suite} … {}s", elapsed.as_secs());
                    eprint!("\r\x1b[K{}", fit(&text, room.saturating_sub(1)));
                }
            }
        }
    };
    if shown {
        eprint!("\r\x1b[K");
    }
    result
}

#[cfg(test)]
mod tests {
    use super::naming;

    #[test]
    fn many_targets_are_counted() {
        assert_eq!(naming(&["a"]), "target a");
        assert_eq!(naming(&["a", "b"]), "targets a, b");
        let many = ["a", "b", "c", "d", "e", "f", "g"];
        assert_eq!(naming(&many), "targets a, b, c, d, e and 2 more");
    }
}
