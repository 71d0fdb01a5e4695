//! Results that other tools left, as something to compare: a Sonobuoy tarball, what Hydrophone wrote,
//! or any `e2e.log` and `junit_01.xml`. They are read as `multibeam verify` reads them.

use std::path::Path;

use multibeam_compare::input::{Outcome, Run, Target};
use multibeam_conformance::junit::{Case, Junit};
use multibeam_conformance::log::Component;
use multibeam_conformance::{Evidence, Minor, input};
use multibeam_model::SpecState;

use crate::commands::fail;
use crate::commands::verify::exit_of;
use crate::exit::Exit;

/// The label that every target has whose log tells the version of the API server.
const KUBERNETES: &str = "kubernetes";

/// One target for each place with a JUnit file.
///
/// # Errors
/// When the path holds none, or it cannot be read; that has been said.
pub(crate) fn run(path: &Path) -> Result<Run, Exit> {
    let shown = path.display().to_string();
    let found =
        input::collect(&[path.to_owned()]).map_err(|error| fail(exit_of(&error), &error))?;
    let mut run = Run { id: shown.clone(), ..Run::default() };
    for evidence in found {
        let Some((name, junit)) = &evidence.junit else { continue };
        let junit = junit.as_ref().map_err(|error| {
            eprintln!("in {}:", evidence.path(name));
            fail(Exit::INPUT, error)
        })?;
        let begun = junit.suites.iter().filter_map(|suite| suite.header.begun).min();
        run.started = run.started.max(begun.unwrap_or_default().saturating_mul(1_000_000_000));
        run.targets.push(target(&evidence, junit, &shown));
    }
    if run.targets.is_empty() {
        eprintln!("error: {shown}: expected a JUnit file in it (hint: such as junit_01.xml)");
        return Err(Exit::INPUT);
    }
    Ok(run)
}

fn target(evidence: &Evidence, junit: &Junit, root: &str) -> Target {
    let below = evidence.place.strip_prefix(root).map(|rest| rest.trim_start_matches('/'));
    let name = below.filter(|rest| !rest.is_empty()).unwrap_or(&evidence.place).to_owned();
    let mut target = Target { name, ..Target::default() };
    if let Some(minor) = server(evidence) {
        target.labels.insert(KUBERNETES.to_owned(), minor.to_string());
    }
    // What did not run was not selected, as far as a JUnit file tells.
    for case in junit.cases.iter().filter(|case| case.state.ran()) {
        match case.is_spec() {
            true => target.add(case.required_name(), outcome(case)),
            false => target.add_suite_node(case.required_name(), outcome(case)),
        }
    }
    target
}

fn outcome(case: &Case) -> Outcome {
    if case.state.is_failure() {
        return Outcome::Failed { state: SpecState::Failed, message: case.message.clone() };
    }
    Outcome::Passed
}

/// The release of the API server, by the log.
fn server(evidence: &Evidence) -> Option<Minor> {
    let (_, log) = evidence.read_log()?;
    let line = log.versions.iter().find(|line| line.component == Component::ApiServer)?;
    Minor::parse(&line.version)
}
