//! README.md: how to reproduce the results, and how they came about.

use std::fmt::Write as _;

use multibeam_conformance::Evidence;
use multibeam_conformance::log::Component;
use multibeam_ginkgo::report::GoTime;
use multibeam_model::markdown::{block, cell, code};

use crate::Submission;
use crate::facts::{LostAttempt, Run, Suite};
use crate::run_file::{KUBECTL, command_line, run_file, values};

/// Characters of a cause that are shown; the rest of it is output of a process.
const CAUSE: usize = 200;

/// Specs of one lost attempt that are named.
const NAMED: usize = 3;

/// What a README is made of.
#[derive(Debug, Clone, Copy)]
pub struct Reproduction<'a> {
    /// The submission.
    pub submission: &'a Submission<'a>,
    /// Its run.
    pub run: &'a Run,
    /// What its log and JUnit file tell.
    pub evidence: &'a Evidence,
}

/// The text of README.md.
#[must_use]
pub fn readme(of: &Reproduction<'_>) -> String {
    let mut out = String::new();
    let product = &of.submission.product;
    let title = format!("{} {}", product.field("name"), product.field("version"));
    let _ = writeln!(out, "# {} for Kubernetes {}\n", plain(&title), of.submission.release);
    out.push_str(
        "How to reproduce the conformance results in this directory, and how they came about.\n\n",
    );
    let _ = writeln!(out, "## The cluster\n\n{}\n", product.setup.trim_end());
    if let Some(suite) = &of.submission.target.suite {
        the_run(&mut out, of, suite);
        facts(&mut out, of, suite);
    }
    sharding(&mut out, of);
    losses(&mut out, &of.submission.target.lost_attempts);
    clean_ups(&mut out, of);
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

fn the_run(out: &mut String, of: &Reproduction<'_>, suite: &Suite) {
    let version = suite.version.as_deref().unwrap_or("unknown");
    let clusters = of.submission.target.clusters.len();
    let _ = writeln!(
        out,
        "## The run\n\nThe suite is Kubernetes' own `e2e.test` of {}, unmodified. Multibeam starts it as the parallel \
         processes of one Ginkgo run on each cluster, hands its specs out to them, and merges their \
         reports into one `e2e.log` and one `junit_01.xml`.\n\nPut `e2e.test` and {} beside this \
         `run.yaml`. Some specs call `kubectl`, {}.\n",
        code(version),
        match clusters {
            1 => "the cluster's kubeconfig (`cluster-1.kubeconfig`)".to_owned(),
            n => format!("the kubeconfigs of {n} such clusters (`cluster-1.kubeconfig` and so on)"),
        },
        match values(suite, KUBECTL).last() {
            Some(path) => format!("expected at {}", code(path)),
            None => "expected on the `PATH`".to_owned(),
        }
    );
    let _ = writeln!(out, "{}", block("yaml", &run_file(of.run, of.submission.target, suite)));
    environment(out, suite);
    let mode = of.run.mode.as_ref().map(|mode| format!(" --mode {}", mode.name));
    let command = format!("multibeam run -f run.yaml{}", mode.unwrap_or_default());
    let _ = writeln!(out, "{}", block("console", &command));
    out.push_str(
        "The same specs run without Multibeam, one after the other, with the arguments that each process got:\n\n",
    );
    let _ = writeln!(out, "{}", block("console", &command_line(suite)));
}

/// What the run file leaves out: values that may be secrets.
fn environment(out: &mut String, suite: &Suite) {
    let names: Vec<String> = suite.environment.iter().map(|name| code(name)).collect();
    let (variables, values) = match names.len() {
        0 => return,
        1 => ("variable", "value is"),
        _ => ("variables", "values are"),
    };
    let _ = writeln!(
        out,
        "The suite also got the environment {variables} {}, whose {values} not given here; set them under \
         `suite.env` of the run file.\n",
        names.join(", ")
    );
}

fn facts(out: &mut String, of: &Reproduction<'_>, suite: &Suite) {
    let target = of.submission.target;
    out.push_str("## What was run\n\n| | |\n|---|---|\n");
    let mut row = |what: &str, value: String| {
        let _ = writeln!(out, "| {what} | {value} |");
    };
    row("API server", versions(of.evidence, Component::ApiServer));
    row("suite", cell(suite.version.as_deref().unwrap_or("unknown")));
    row("SHA-256 of the suite", cell(&suite.digest));
    row("Ginkgo", cell(&suite.ginkgo));
    if !of.run.multibeam.is_empty() {
        row("Multibeam", cell(&of.run.multibeam));
    }
    row("run and target", format!("{}, {}", cell(&of.run.run), cell(&target.name)));
    for (key, value) in &target.labels {
        row(&cell(key), cell(value));
    }
    if let (Some(started), Some(ended)) = (&target.started, &target.ended) {
        row(
            "begun and ended",
            format!("{} and {}, {}", time(started), time(ended), took(started, ended)),
        );
    }
    if let Some(specs) = &target.specs {
        let states: Vec<String> =
            specs.states.iter().map(|(state, count)| format!("{count} {state}")).collect();
        let selected = format!("{} in the suite, {} selected", specs.total, specs.selected);
        row("specs", format!("{selected}: {}", states.join(", ")));
    }
    out.push('\n');
}

fn sharding(out: &mut String, of: &Reproduction<'_>) {
    let target = of.submission.target;
    out.push_str("## How the specs were shared out\n\n");
    let clusters: Vec<String> = target.clusters.iter().map(|cluster| code(cluster)).collect();
    let processes = of.evidence.read_junit().and_then(|(_, junit)| junit.property("ParallelTotal"));
    let processes = processes.map_or(String::new(), |(total, _)| {
        format!(", with {} suite processes in all", code(total))
    });
    let _ = match clusters.as_slice() {
        [one] => writeln!(out, "All specs ran on one cluster, {one}{processes}."),
        all => writeln!(
            out,
            "Each spec ran on one of {} interchangeable clusters, {}{processes}.",
            all.len(),
            all.join(", ")
        ),
    };
    out.push_str(
        "On each cluster parallel specs ran first; serial specs ran after them, with nothing else \
         on their cluster. Every selected spec is in the report exactly once. \
         Sessions are numbered over all targets of a run.\n\n",
    );
    out.push_str("| session | cluster | |\n|---:|---|---|\n");
    for session in &target.sessions {
        let how = match session.lost {
            Some(false) => "complete",
            Some(true) => "lost; what it had not finished was run in another session",
            None => "not ended",
        };
        let _ = writeln!(out, "| {} | {} | {how} |", session.session, cell(&session.cluster));
    }
    out.push('\n');
    for resumed in &of.run.resumed {
        let _ = writeln!(
            out,
            "The run was interrupted, and taken up again at {}: specs that had a result were not run again.\n",
            time(resumed)
        );
    }
    if !of.run.not_certifiable.is_empty() {
        out.push_str("The run says of itself that it cannot lead to a certificate:\n\n");
        for why in &of.run.not_certifiable {
            let _ = writeln!(out, "- {}", code(why));
        }
        out.push('\n');
    }
}

fn losses(out: &mut String, lost: &[LostAttempt]) {
    out.push_str("## Lost attempts\n\n");
    if lost.is_empty() {
        out.push_str("None: every spec ran once.\n\n");
        return;
    }
    out.push_str(
        "A spec is tried again only when its process, worker, or cluster was lost, never because it \
         failed. What a lost attempt had reported counts only if it was not tried again.\n\n\
         | specs | cluster | cause | tried again |\n|---|---|---|---|\n",
    );
    for attempt in lost {
        let mut specs: Vec<String> =
            attempt.specs.iter().take(NAMED).map(|spec| cell(spec)).collect();
        if attempt.specs.len() > NAMED {
            specs.push(format!("and {} more", attempt.specs.len() - NAMED));
        }
        let cluster = attempt.cluster.as_deref().map_or("unknown".to_owned(), cell);
        let cause: String = attempt.cause.chars().take(CAUSE).collect();
        let again = if attempt.last { "no" } else { "yes" };
        let _ = writeln!(out, "| {} | {cluster} | {} | {again} |", specs.join(", "), cell(&cause));
    }
    out.push('\n');
}

fn clean_ups(out: &mut String, of: &Reproduction<'_>) {
    out.push_str("## Clean-ups\n\n");
    let clusters = &of.submission.target.clusters;
    let cleaned: Vec<_> =
        of.run.cleaned.iter().filter(|cleaned| clusters.contains(&cleaned.cluster)).collect();
    if cleaned.iter().all(|cleaned| cleaned.removed.is_empty()) {
        out.push_str("Multibeam removed nothing from the clusters.\n\n");
        return;
    }
    out.push_str(
        "Before a lost attempt was repeated, what it had left in its cluster was removed:\n\n",
    );
    for cleaned in cleaned {
        for object in &cleaned.removed {
            let _ = writeln!(out, "- {}: {}", code(&cleaned.cluster), code(object));
        }
    }
    out.push('\n');
}

/// Every version that the log prints of a component.
fn versions(evidence: &Evidence, component: Component) -> String {
    let lines = evidence.read_log().map(|(_, log)| log.versions.as_slice()).unwrap_or_default();
    let of = lines.iter().filter(|line| line.component == component);
    let all: Vec<String> = of.map(|line| cell(&line.version)).collect();
    if all.is_empty() { "not in the log".to_owned() } else { all.join(", ") }
}

/// Text of one line in which Markdown sees no markup.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if "\\`*_[]<>#|&".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn time(time: &GoTime) -> String {
    let whole = GoTime::from_unix(time.to_unix().0, 0);
    whole.unwrap_or(*time).to_string()
}

fn took(from: &GoTime, to: &GoTime) -> String {
    let seconds = (to.to_unix().0 - from.to_unix().0).max(0);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}
