//! `e2e.log`: what Ginkgo's default reporter prints with `-v` and without colours when it learns of
//! each spec from a report (and not while the spec runs): a block per spec with its captured
//! output, the summary of failures, the counts.

use std::io::{BufWriter, Write};

use super::location::{self, Place, component_list};
use super::printer::Printer;
use super::timeline::{self, Detail, Moment};
use super::{Dialect, RenderError, ReportSource, failure, order, source};
use crate::report::{NodeType, SpecReport, SuiteHeader, duration};
use crate::spec::SpecState;

/// Writes the log of one target, one spec at a time: specs that were not selected first, then the
/// others by the time they ended.
///
/// # Errors
/// When a report cannot be loaded or read, or the output takes no more.
pub fn write<S: ReportSource + ?Sized>(
    source: &S,
    dialect: Dialect,
    out: &mut impl Write,
) -> Result<(), RenderError> {
    let mut out = Printer::new(BufWriter::new(out));
    print_header(&mut out, source.suite(), dialect)?;
    let mut failures = Vec::new();
    for index in order::log_order(source) {
        let spec = source::load(source, index)?;
        print_spec(&mut out, &spec, dialect)?;
        if spec.state.is_failure() {
            // Rendered now, so that the report need not be loaded again for the summary.
            let block = location::block(&spec, Place::Failure, dialect);
            failures.push(format!("{} {block}", summary_heading(spec.state)));
        }
    }
    print_summary(&mut out, &failures)?;
    print_counts(&mut out, source)?;
    out.into_inner().flush()?;
    Ok(())
}

fn print_header<W: Write>(
    out: &mut Printer<W>,
    suite: &SuiteHeader,
    dialect: Dialect,
) -> Result<(), RenderError> {
    let banner = format!("Running Suite: {} - {}", suite.suite_description, suite.suite_path);
    out.block(0, &banner)?;
    // Lines under the banner, and what of each counts for the width of the rule.
    let mut lines = Vec::new();
    if !suite.suite_labels.is_empty() {
        lines.push(("", suite.suite_labels.join(", ")));
    }
    if dialect.constraints() && !suite.suite_sem_ver_constraints.is_empty() {
        lines.push(("", suite.suite_sem_ver_constraints.join(", ")));
    }
    if dialect.component_constraints() && !suite.suite_component_sem_ver_constraints.is_empty() {
        lines.push(("Components: ", component_list(suite.components())));
    }
    let mut width = banner.len();
    for (title, list) in lines {
        out.block(0, format!("[{title}{list}] "))?;
        width = width.max(list.len() + 2);
    }
    out.block(0, "=".repeat(width))?;
    let all =
        if suite.suite_config.randomize_all_specs { " - will randomize all specs" } else { "" };
    out.block(0, format!("Random Seed: {}{all}", suite.suite_config.random_seed))?;
    out.run_on(0, "\n")?;
    let stats = &suite.pre_run_stats;
    let will_run = format!("Will run {} of {} specs", stats.specs_that_will_run, stats.total_specs);
    out.block(0, will_run)?;
    let total = suite.suite_config.parallel_total;
    if total > 1 {
        out.block(0, format!("Running in parallel across {total} processes"))?;
    }
    Ok(())
}

fn print_spec<W: Write>(
    out: &mut Printer<W>,
    spec: &SpecReport,
    dialect: Dialect,
) -> Result<(), RenderError> {
    let moments = timeline::moments(spec, Detail::Verbose);
    let with_timeline = shows_timeline(spec, &moments);
    let with_output = !spec.captured_std_out_err.is_empty();
    let skipped = spec.state == SpecState::Skipped;
    let skip_message = skipped && !spec.failure.message.is_empty();
    if skipped && !(skip_message || with_timeline || with_output) {
        out.run_on(0, "S")?;
        return Ok(());
    }
    let mut heading = heading(spec);
    if spec.state != SpecState::Pending && (!skipped || skip_message) {
        heading.push_str(&format!(" [{:.3} seconds]", duration::seconds(spec.run_time)));
    }
    out.delimiter()?;
    out.block(0, heading)?;
    out.block(0, location::block(spec, Place::Node, dialect))?;
    if with_output {
        section(out, "Captured StdOut/StdErr Output", |out| {
            out.block(1, &spec.captured_std_out_err)
        })?;
    }
    if with_timeline {
        section(out, "Timeline", |out| {
            timeline::print(out, 1, spec, &moments, Detail::Verbose, dialect)
        })?;
    }
    if !spec.failure.is_zero() {
        out.block(0, "\n")?;
        failure::full(out, 1, spec.state, &spec.failure, true)?;
        if !spec.additional_failures.is_empty() {
            out.block(
                1,
                "\nThere were additional failures detected.  \
                 To view them in detail run ginkgo -vv",
            )?;
        }
    }
    out.delimiter()?;
    Ok(())
}

/// Whether the timeline tells more than the failure that ends the block. Report entries that are
/// always visible are moments of it, so with `-v` Ginkgo's section for them never appears.
fn shows_timeline(spec: &SpecReport, moments: &[Moment<'_>]) -> bool {
    if !spec.captured_ginkgo_writer_output.is_empty() {
        return true;
    }
    match moments {
        [] | [Moment::Failure(_)] => false,
        [Moment::Failure(failure), _] => failure.additional_failure.is_none(),
        _ => true,
    }
}

fn heading(spec: &SpecReport) -> String {
    let node = if spec.leaf_node_type.is_suite_level() {
        format!("[{}]", spec.leaf_node_type)
    } else {
        "•".to_owned()
    };
    match spec.state {
        SpecState::Passed if spec.num_attempts > 1 && spec.max_flake_attempts > 1 => {
            format!("↺ [FLAKEY TEST - TOOK {} ATTEMPTS TO PASS]", spec.num_attempts)
        }
        SpecState::Passed if spec.leaf_node_type.is_suite_level() => format!("{node} PASSED"),
        SpecState::Passed => node,
        SpecState::Pending => "P [PENDING]".to_owned(),
        SpecState::Skipped if spec.failure.message.is_empty() => "S".to_owned(),
        SpecState::Skipped => "S [SKIPPED]".to_owned(),
        state => {
            let mut heading = format!("{node} [{}]", failure::shouted(state));
            if spec.max_must_pass_repeatedly > 1 {
                heading.push_str(&format!(" DURING REPETITION #{}", spec.num_attempts));
            }
            heading
        }
    }
}

fn section<W: Write>(
    out: &mut Printer<W>,
    title: &str,
    body: impl FnOnce(&mut Printer<W>) -> std::io::Result<()>,
) -> Result<(), RenderError> {
    out.block(0, "\n")?;
    out.block(1, format!("{title} >>"))?;
    body(out)?;
    Ok(out.block(1, format!("<< {title}"))?)
}

fn summary_heading(state: SpecState) -> &'static str {
    match state {
        SpecState::Panicked => "[PANICKED!]",
        SpecState::Aborted => "[ABORTED]",
        SpecState::Timedout => "[TIMEDOUT]",
        SpecState::Interrupted => "[INTERRUPTED]",
        _ => "[FAIL]",
    }
}

fn print_summary<W: Write>(out: &mut Printer<W>, failures: &[String]) -> Result<(), RenderError> {
    if failures.is_empty() {
        return Ok(());
    }
    out.block(0, "\n")?;
    let noun = if failures.len() == 1 { "Failure" } else { "Failures" };
    out.block(0, format!("Summarizing {} {noun}:", failures.len()))?;
    for failure in failures {
        out.block(1, failure)?;
    }
    Ok(())
}

fn print_counts<W: Write, S: ReportSource + ?Sized>(
    out: &mut Printer<W>,
    source: &S,
) -> Result<(), RenderError> {
    let suite = source.suite();
    let summaries = || (0..source.len()).map(|index| source.summary(index));
    let specs = || summaries().filter(|summary| summary.is_spec());
    let with_state = |state| specs().filter(|summary| summary.state == state).count();
    let passed = with_state(SpecState::Passed);
    let failed = specs().filter(|summary| summary.state.is_failure()).count();
    let seconds = duration::seconds(suite.run_time);
    let total = suite.pre_run_stats.total_specs;
    out.block(0, "\n")?;
    out.block(0, format!("Ran {} of {total} Specs in {seconds:.3} seconds", passed + failed))?;
    let status = if suite.suite_succeeded { "SUCCESS!" } else { "FAIL!" };
    match suite.special_suite_failure_reasons.as_slice() {
        [] => out.run_on(0, format!("{status} -- "))?,
        [reason] => out.run_on(0, format!("{status} - {reason} -- "))?,
        reasons => out.block(0, format!("{status} - {}\n", reasons.join(", ")))?,
    }
    let before_suite_failed = summaries().any(|summary| {
        let before_suite = matches!(
            summary.leaf_node_type,
            NodeType::BeforeSuite | NodeType::SynchronizedBeforeSuite
        );
        before_suite && summary.state.is_failure()
    });
    if specs().next().is_none() && before_suite_failed {
        out.run_on(0, "A BeforeSuite node failed so all tests were skipped.\n")?;
        return Ok(());
    }
    let mut counts = format!("{passed} Passed | {failed} Failed | ");
    let flaked = specs().filter(|summary| summary.is_flaked()).count();
    let repeated = specs().filter(|summary| summary.is_repeated()).count();
    for (count, word) in [(flaked, "Flaked"), (repeated, "Repeated")] {
        if count > 0 {
            counts.push_str(&format!("{count} {word} | "));
        }
    }
    let (pending, skipped) = (with_state(SpecState::Pending), with_state(SpecState::Skipped));
    counts.push_str(&format!("{pending} Pending | {skipped} Skipped\n"));
    Ok(out.run_on(0, counts)?)
}
