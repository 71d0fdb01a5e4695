//! `multibeam plan` for people.

use std::io::{self, Write};
use std::time::Duration;

use multibeam_forecast::{Bar, MORE_PROCESSES, TargetForecast};
use multibeam_model::ClusterId;

use super::{Planned, Row};
use crate::view::{Line, Role, Style, clean, count, fit, short};

/// How many groups of the critical path are named.
const NAMED: usize = 5;

/// Columns before a row of the chart.
const MARGIN: usize = 6;

/// Writes the figures of every target and a chart of every cluster.
///
/// # Errors
/// When `out` cannot be written.
pub fn write(
    out: &mut impl Write,
    planned: &Planned<'_>,
    style: Style,
    width: usize,
) -> io::Result<()> {
    for (scene, target) in planned.scene.targets.iter().zip(&planned.forecast.targets) {
        let name = Line::of(Role::Bold, &scene.name);
        writeln!(out, "{}", name.paint(style))?;
        for line in figures(planned, target, width) {
            writeln!(out, "{}", line.paint(style))?;
        }
        writeln!(out)?;
    }
    for (id, cluster) in planned.scene.clusters() {
        let processes = planned.processes(id);
        let text = format!(
            "{}  {}, {} MiB",
            clean(&cluster.name),
            count(usize::try_from(processes).unwrap_or(usize::MAX), "process"),
            (processes * planned.process_memory) >> 20
        );
        writeln!(out, "{}", Line::of(Role::Bold, &text).paint(style))?;
        chart(out, planned, id, width)?;
    }
    let scale = format!(
        "{:MARGIN$}0{:>room$}",
        "",
        short(planned.forecast.course.end()),
        room = chart_width(width).saturating_sub(1)
    );
    writeln!(out, "{}", Line::of(Role::Dim, &scale).paint(style))?;
    let memory = planned.process_memory >> 20;
    let note = format!(
        "█ parallel  ▒ serial, alone on its cluster  · waiting\n{}\nMemory: {memory} MiB for \
         each suite process, an assumption (--process-memory changes it).",
        planned.assumptions()
    );
    writeln!(out, "{}", Line::of(Role::Dim, "").paint(style))?;
    writeln!(out, "{note}")
}

fn figures(planned: &Planned<'_>, target: &TargetForecast, width: usize) -> Vec<Line> {
    let (low, high) = target.range;
    let mut lines = Vec::new();
    let mut say = |label: &str, text: String| {
        let mut line = Line::of(Role::Plain, &format!("  {label:<12}"));
        line.push(Role::Plain, &text);
        lines.push(line);
    };
    say("expected", format!("{} ({} to {})", short(target.expected), short(low), short(high)));
    let ratio = target.ratio();
    say("limit", format!("{}, the plan takes {ratio:.3} of it", short(target.limit)));
    let gain = |then: Duration| match target.expected.checked_sub(then) {
        Some(less) if less.as_secs() > 0 => format!("{} ({} less)", short(then), short(less)),
        _ => "no gain".to_owned(),
    };
    say("one cluster", format!("more: {}", gain(target.with_cluster)));
    let more = gain(target.with_processes);
    say("processes", format!("{MORE_PROCESSES} more on each cluster: {more}"));
    let path = &target.critical;
    let serial: Duration = path.iter().filter(|bar| bar.serial).map(Bar::length).sum();
    let parallel: Duration = path.iter().filter(|bar| !bar.serial).map(Bar::length).sum();
    let on = path.first().and_then(|bar| planned.scene.clusters.get(bar.cluster.0 as usize));
    let on = on.map_or(String::new(), |cluster| format!(" on {}", clean(&cluster.name)));
    let parts = [(parallel, "parallel"), (serial, "serial")];
    let parts = parts.iter().filter(|(time, _)| !time.is_zero());
    let parts: Vec<String> = parts.map(|(time, what)| format!("{} {what}", short(*time))).collect();
    say("waits for", format!("{}{on}", parts.join(" and then ")));
    let mut longest: Vec<&Bar> = path.iter().collect();
    longest.sort_by_key(|bar| std::cmp::Reverse(bar.length()));
    longest.truncate(NAMED);
    longest.sort_by_key(|bar| bar.from);
    for bar in longest {
        let text = format!("{:>7}  {}", short(bar.length()), clean(&planned.name(bar)));
        lines.push(Line::of(Role::Dim, &format!("    {}", fit(&text, width.saturating_sub(4)))));
    }
    lines
}

fn chart_width(width: usize) -> usize {
    width.saturating_sub(MARGIN + 1).clamp(20, 200)
}

/// One line for each process: what it does most of the time that a column stands for.
fn chart(
    out: &mut impl Write,
    planned: &Planned<'_>,
    cluster: ClusterId,
    width: usize,
) -> io::Result<()> {
    let columns = chart_width(width);
    let step = planned.forecast.course.end().as_secs_f64() / columns as f64;
    for (index, row) in planned.rows(cluster).iter().enumerate() {
        let cells: String =
            (0..columns).map(|column| cell(row, column as f64 * step, step)).collect();
        writeln!(out, "{:>4}  {}", index + 1, cells.trim_end())?;
    }
    Ok(())
}

fn cell(row: &Row<'_>, from: f64, step: f64) -> char {
    let share = |serial: bool| -> f64 {
        let bars = row.bars.iter().filter(|bar| bar.serial == serial);
        let inside = bars.map(|bar| {
            let (begin, end) = (bar.from.as_secs_f64(), bar.to.as_secs_f64());
            (end.min(from + step) - begin.max(from)).max(0.0)
        });
        inside.sum::<f64>() / step.max(f64::MIN_POSITIVE)
    };
    let over = row.bars.iter().all(|bar| bar.to.as_secs_f64() <= from);
    match (share(false), share(true)) {
        (parallel, serial) if parallel.max(serial) < 0.5 => {
            if over {
                ' '
            } else {
                '·'
            }
        }
        (parallel, serial) if parallel >= serial => '█',
        _ => '▒',
    }
}
