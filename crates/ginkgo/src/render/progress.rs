//! Progress reports: what a node was doing when it was asked, timed out or was interrupted.

use std::io::{self, Write};

use super::go_text::unstyled;
use super::printer::Printer;
use crate::report::{FunctionCall, GoTime, Goroutine, NodeType, ProgressReport, duration};

/// Lines of writer output shown at the end of a long one.
const OUTPUT_LIMIT: usize = 10;

/// Prints a progress report; `with_output` adds the writer output it carries.
pub(super) fn print<W: Write>(
    out: &mut Printer<W>,
    mut levels: usize,
    with_output: bool,
    report: &ProgressReport,
) -> io::Result<()> {
    let now = &report.timeline_location.time;
    if !report.message.is_empty() {
        out.block(levels, &*unstyled(&format!("{}\n", report.message)))?;
        levels += 1;
    }
    if !report.leaf_node_text.is_empty() {
        print_subject(out, levels, report)?;
        levels += 1;
    }
    if report.current_node_type != NodeType::Invalid {
        out.run_on(levels, format!("In [{}]", report.current_node_type))?;
        if !report.current_node_text.is_empty() && report.current_node_type != NodeType::It {
            out.run_on(0, format!(" {}", report.current_node_text))?;
        }
        let runtime = since(now, &report.current_node_start_time);
        out.run_on(0, format!(" (Node Runtime: {runtime})\n"))?;
        out.run_on(levels + 1, format!("{}\n", report.current_node_location))?;
        levels += 1;
    }
    if !report.current_step_text.is_empty() {
        let runtime = since(now, &report.current_step_start_time);
        let step = &report.current_step_text;
        out.run_on(levels, format!("At [By Step] {step} (Step Runtime: {runtime})\n"))?;
        out.run_on(levels + 1, format!("{}\n", report.current_step_location))?;
        levels += 1;
    }
    let levels = levels.saturating_sub(1);
    if with_output && !report.captured_ginkgo_writer_output.is_empty() {
        print_output(out, levels, &report.captured_ginkgo_writer_output)?;
    }
    print_goroutines(out, levels, report)
}

/// `(Spec Runtime: 1.2s)` and the like.
fn since(now: &GoTime, start: &GoTime) -> String {
    duration::display(duration::round_to_millis(now.since(start)))
}

fn print_subject<W: Write>(
    out: &mut Printer<W>,
    levels: usize,
    report: &ProgressReport,
) -> io::Result<()> {
    let mut subject_levels = levels;
    if !report.container_hierarchy_texts.is_empty() {
        // Ginkgo joins the texts with style tags between them and takes tags out of the whole,
        // then uses the result as a format, which takes them out again.
        let mut joined = String::new();
        for (index, text) in report.container_hierarchy_texts.iter().enumerate() {
            if index > 0 {
                joined.push(' ');
            }
            joined.push_str(if index % 2 == 0 { "{{/}}" } else { "{{gray}}" });
            joined.push_str(text);
        }
        joined.push_str("{{/}}");
        out.run_on(levels, &*unstyled(&unstyled(&joined)))?;
        out.run_on(0, " ")?;
        subject_levels = 0;
    }
    let runtime = since(&report.timeline_location.time, &report.spec_start_time);
    let subject = &report.leaf_node_text;
    out.run_on(subject_levels, format!("{subject} (Spec Runtime: {runtime})\n"))?;
    out.run_on(levels + 1, format!("{}\n", report.leaf_node_location))
}

fn print_output<W: Write>(out: &mut Printer<W>, levels: usize, text: &str) -> io::Result<()> {
    out.run_on(0, "\n")?;
    out.block(levels, "Begin Captured GinkgoWriter Output >>")?;
    let lines: Vec<&str> = text.split('\n').collect();
    if lines.len() <= OUTPUT_LIMIT {
        out.block(levels + 1, text)?;
    } else {
        out.block(levels + 1, "...")?;
        for line in &lines[lines.len() - OUTPUT_LIMIT - 1..] {
            out.block(levels + 1, line)?;
        }
    }
    out.block(levels, "<< End Captured GinkgoWriter Output")
}

fn print_goroutines<W: Write>(
    out: &mut Printer<W>,
    levels: usize,
    report: &ProgressReport,
) -> io::Result<()> {
    if let Some(of_spec) = report.goroutines.iter().find(|g| g.is_spec_goroutine)
        && of_spec.id != 0
    {
        out.run_on(0, "\n")?;
        out.run_on(levels, "Spec Goroutine\n")?;
        print_stacks(out, levels, &[of_spec])?;
    }
    if !report.additional_reports.is_empty() {
        out.run_on(0, "\n")?;
        out.block(levels, "Begin Additional Progress Reports >>")?;
        let last = report.additional_reports.len() - 1;
        for (index, additional) in report.additional_reports.iter().enumerate() {
            out.run_on(levels + 1, &*unstyled(additional))?;
            if index < last {
                out.block(levels + 1, "-".repeat(10))?;
            }
        }
        out.block(levels, "<< End Additional Progress Reports")?;
    }
    let others = report.goroutines.iter().filter(|g| !g.is_spec_goroutine);
    let (of_interest, rest): (Vec<_>, Vec<_>) = others.partition(|g| g.has_highlights());
    for (title, goroutines) in [("Goroutines of Interest", of_interest), ("Other Goroutines", rest)]
    {
        if !goroutines.is_empty() {
            out.run_on(0, "\n")?;
            out.run_on(levels, format!("{title}\n"))?;
            print_stacks(out, levels, &goroutines)?;
        }
    }
    Ok(())
}

fn print_stacks<W: Write>(
    out: &mut Printer<W>,
    levels: usize,
    goroutines: &[&Goroutine],
) -> io::Result<()> {
    for (index, goroutine) in goroutines.iter().enumerate() {
        if index > 0 {
            out.run_on(0, "\n")?;
        }
        out.run_on(levels, format!("goroutine {} [{}]\n", goroutine.id, goroutine.state))?;
        for call in &goroutine.stack {
            if call.highlight {
                out.run_on(levels, format!("> {}\n", call.function))?;
                out.run_on(levels + 2, format!("{}:{}\n", call.filename, call.line))?;
                print_source(out, levels + 3, call)?;
            } else {
                out.run_on(levels + 1, format!("{}\n", call.function))?;
                out.run_on(levels + 2, format!("{}:{}\n", call.filename, call.line))?;
            }
        }
    }
    Ok(())
}

/// The source around a call, without the indentation that its lines share.
fn print_source<W: Write>(
    out: &mut Printer<W>,
    levels: usize,
    call: &FunctionCall,
) -> io::Result<()> {
    let blanks = |line: &&String| line.len() - line.trim_start_matches([' ', '\t']).len();
    let shared = call.source.iter().filter(|line| !line.is_empty()).map(|line| blanks(&line)).min();
    let shared = shared.unwrap_or(0);
    for (index, line) in call.source.iter().enumerate() {
        let line = if line.len() > shared { &line[shared..] } else { line };
        if i64::try_from(index) == Ok(call.source_highlight) {
            out.run_on(levels, format!("> {line}\n"))?;
        } else {
            out.run_on(levels, format!("| {line}\n"))?;
        }
    }
    Ok(())
}
