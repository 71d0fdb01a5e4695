//! What is wrong with the user's suites shows before anything is started or made on disk. The
//! workers find the results in the cache.

use std::io::{IsTerminal as _, Write as _};

use multibeam_model::run::RunSpec;
use multibeam_worker::agent::discover_suite;
use multibeam_worker::suite::process::GuardProgram;

use crate::commands::fail;
use crate::commands::list::distinct;
use crate::embedded::cache_directory;
use crate::exit::Exit;

/// Discovers every suite of a run once. Draws the seed if the run has none.
///
/// # Errors
/// [`Exit::INPUT`] when a suite cannot be used; every such suite was named.
pub async fn check(spec: &mut RunSpec) -> Result<(), Exit> {
    let seed = *spec.seed.get_or_insert_with(multibeam_coordinator::random_seed);
    let guard = GuardProgram::this_program().map_err(|error| fail(Exit::ENVIRONMENT, &error))?;
    let cache = cache_directory();
    let mut wrong = 0;
    let all: Vec<usize> = (0..spec.targets.len()).collect();
    for (suite, targets) in distinct(spec, &all) {
        progress(&format!("looking into {} ...", suite.binary));
        let found = discover_suite(&guard, suite, None, &cache, seed, spec.certified).await;
        progress("");
        if let Err(error) = found {
            let names = targets.iter().map(|index| spec.targets[*index].name.as_str());
            eprintln!("error: {}: {error}", names.collect::<Vec<_>>().join(", "));
            wrong += 1;
        }
    }
    if wrong == 0 { Ok(()) } else { Err(Exit::INPUT) }
}

/// A line that goes away again.
fn progress(text: &str) {
    let mut out = std::io::stderr();
    if out.is_terminal() {
        let _ = write!(out, "\r\x1b[K{text}");
        let _ = out.flush();
    }
}
