//! The live view as a pure function: from the status, the time, and the size of the terminal to
//! lines.

mod running;
mod target;

use multibeam_model::status::{ClusterStatus, RunStatus};
use multibeam_model::time::Timestamp;

use self::target::Table;
use super::eta;
use super::narrator::{queued, silence, since_resumed, verdict_role};
use super::style::{Line, Role, Style};
use super::text::count;
use super::time::{between, short};

/// Lines that running specs get before the clusters of a target do. (However many run now: the
/// layout is not to change all the time.)
const RUNNING: usize = 6;

/// The state of the run in at most `height` lines of at most `width` columns. Where room is short,
/// what is least missed goes first: running specs, details of clusters, targets that have ended.
#[must_use]
pub fn render(
    status: &RunStatus,
    now: Timestamp,
    width: usize,
    height: usize,
    style: Style,
) -> Vec<String> {
    let lines = arrange(status, now, width, height);
    let fitting = lines.into_iter().map(|line| line.fit(width));
    fitting.map(|line| line.paint(style)).take(height).collect()
}

/// The same for one look at a run, as long as it takes.
#[must_use]
pub fn status_text(status: &RunStatus, now: Timestamp, width: usize, style: Style) -> String {
    let mut out = String::new();
    for line in render(status, now, width, usize::MAX, style) {
        out.push_str(&line);
        out.push('\n');
    }
    out
}

fn arrange(status: &RunStatus, now: Timestamp, width: usize, height: usize) -> Vec<Line> {
    let mut lines = vec![header(status, now, width)];
    let mut trouble = trouble(status, now);
    trouble.truncate(if height < 12 { 1 } else { 4 });

    let table = Table::new(status, now, width);
    let room = height.saturating_sub(lines.len() + trouble.len());
    let specs = running::all(status);
    // Running specs leave a part of the terminal to what was said before.
    let most = (height / 3).saturating_mul(2);
    let detailed = table.detailed_rows().saturating_add(lines.len() + trouble.len() + RUNNING);
    if detailed <= most {
        lines.extend(table.detailed());
    } else {
        lines.extend(table.short(room));
    }
    let room = most.saturating_sub(lines.len() + trouble.len());
    if status.verdict.is_none() {
        lines.extend(running::list(status, &specs, now, width, room));
    }
    lines.append(&mut trouble);
    lines
}

fn header(status: &RunStatus, now: Timestamp, width: usize) -> Line {
    let name = if status.name.is_empty() { "run" } else { &status.name };
    let name = Line::of(Role::Bold, name);
    let mut flags = Line::new();
    if status.certified {
        flags.push(Role::Good, "  certified");
    }
    if status.cancelling && status.verdict.is_none() {
        flags.push(Role::Warn, "  cancelling");
    }
    let (mut time, mut brief) = (Line::new(), Line::new());
    match status.verdict {
        Some(verdict) => {
            let took = short(between(status.started, status.updated));
            time.push(verdict_role(verdict), &verdict.to_string());
            brief.append(time.clone());
            time.push(Role::Plain, &format!(" in {took}{}", since_resumed(status)));
        }
        // A ledger that nobody serves does not say until when it was at work.
        None if status.updated == Timestamp::default() => {
            // Nor does a run of which nothing has come yet.
            let text = if status.run.is_empty() { "" } else { "not under way" };
            time.push(Role::Warn, text);
            brief.append(time.clone());
        }
        None => {
            let took = short(between(status.started, now));
            brief.push(Role::Plain, &took);
            if status.queued.is_some() {
                time.push(Role::Plain, &format!("queued for {took}"));
            } else {
                time.append(brief.clone());
                let left = eta::of_run(status, now);
                let left = left.map_or_else(|| "–".to_owned(), short);
                let resumed = since_resumed(status);
                time.push(Role::Dim, &format!(" elapsed{resumed}, {left} left"));
            }
        }
    }
    let with = |parts: &[&Line]| {
        let mut line = Line::new();
        for part in parts {
            line.append((*part).clone());
        }
        line
    };
    let id = Line::of(Role::Dim, &format!("  {}", status.run));
    let choices = [
        (with(&[&name, &id, &flags]), &time),
        (with(&[&name, &flags]), &time),
        (with(&[&name, &flags]), &brief),
        (name, &brief),
    ];
    let fits = |(left, right): &&(Line, &Line)| left.width() + 2 + right.width() <= width;
    let (left, right) = choices.iter().find(fits).unwrap_or(&choices[3]);
    left.clone().flush((*right).clone(), width)
}

/// What the run waits for, and clusters that are of no use now.
fn trouble(status: &RunStatus, now: Timestamp) -> Vec<Line> {
    let mut lines = Vec::new();
    if let Some(text) = queued(status) {
        lines.push(Line::of(Role::Warn, &format!("! {text}")));
    }
    for cluster in &status.clusters {
        let text = match (&cluster.given_up, cluster.unready) {
            (Some(reason), _) => format!("given up: {reason}"),
            (None, true) => "does not answer".to_owned(),
            (None, false) => match silent(cluster, now).filter(|_| status.verdict.is_none()) {
                Some((_, text)) => text,
                None => continue,
            },
        };
        let mut line = Line::of(Role::Warn, &format!("! {} ", cluster.name));
        line.push(Role::Plain, &text);
        lines.push(line);
    }
    lines
}

/// Whether none of a cluster's workers is heard from, and what is to be said of those that are not.
fn silent(cluster: &ClusterStatus, now: Timestamp) -> Option<(bool, String)> {
    let first = cluster.silent.values().min_by_key(|silence| silence.until)?;
    let heard = cluster.workers.keys().filter(|worker| !cluster.silent.contains_key(*worker));
    let (silent, heard) = (cluster.silent.len(), heard.count());
    let who = match heard {
        0 => String::new(),
        heard => format!("{silent} of {} workers ", silent + heard),
    };
    Some((heard == 0, format!("{who}{}", silence(first, now))))
}

/// `… and 3 more targets`.
fn and_more(indent: &str, number: usize, one: &str) -> Line {
    let text = count(number, one);
    let (number, word) = text.split_once(' ').unwrap_or((&text, ""));
    Line::of(Role::Dim, &format!("{indent}… and {number} more {word}"))
}

#[cfg(test)]
mod tests;
