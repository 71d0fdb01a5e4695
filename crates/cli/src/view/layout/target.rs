//! The targets, one line each, and their clusters where there is room.

use multibeam_model::event::Phase;
use multibeam_model::ids::ClusterId;
use multibeam_model::outcome::{SpecState, Verdict};
use multibeam_model::status::{RunStatus, SessionStatus, TargetStatus};
use multibeam_model::time::Timestamp;

use super::super::eta;
use super::super::narrator::{cluster_name, target_name, verdict_role};
use super::super::style::{Line, Role};
use super::super::text::{clean, pad, width as width_of};
use super::super::time::{between, short};
use super::{and_more, silent};

/// Columns of a progress bar.
const BAR: std::ops::RangeInclusive<usize> = 8..=24;

/// From this width on numbers stand with their words.
const WORDS_FROM: usize = 70;

/// Columns of a name that are worth more than the state's.
const FAIR_NAME: usize = 20;

/// Before every line.
const INDENT: &str = "  ";

/// The cells of a target's line.
struct Row {
    name: String,
    state: (Role, String),
    part: f64,
    count: String,
    failed: String,
    lost: String,
    time: String,
    ended: bool,
}

/// Widths of the columns; 0 leaves a column out.
struct Columns {
    name: usize,
    state: usize,
    bar: usize,
    count: usize,
    failed: usize,
    lost: usize,
    time: usize,
}

/// All targets.
pub(super) struct Table<'a> {
    status: &'a RunStatus,
    now: Timestamp,
    rows: Vec<Row>,
    columns: Columns,
}

impl<'a> Table<'a> {
    pub(super) fn new(status: &'a RunStatus, now: Timestamp, width: usize) -> Self {
        let words = width >= WORDS_FROM;
        let rows: Vec<Row> =
            (0..status.targets.len()).map(|index| Row::new(status, index, now, words)).collect();
        let columns = Columns::for_rows(&rows, width);
        Self { status, now, rows, columns }
    }

    /// Lines with one per target and one per cluster of a target that has several.
    pub(super) fn detailed_rows(&self) -> usize {
        let targets = 0..self.status.targets.len();
        let clusters = targets.map(|index| clusters_shown(self.status, index).len());
        self.rows.len() + clusters.sum::<usize>()
    }

    /// At most `room` lines, one per target. Targets that have ended make room for the others.
    pub(super) fn short(&self, room: usize) -> Vec<Line> {
        if self.rows.len() <= room {
            return self.rows.iter().map(|row| self.line(row)).collect();
        }
        let Some(most) = room.checked_sub(1) else {
            return Vec::new();
        };
        let mut order: Vec<usize> = (0..self.rows.len()).collect();
        order.sort_by_key(|index| self.rows[*index].ended);
        order.truncate(most);
        order.sort_unstable();
        let mut lines: Vec<Line> = order.into_iter().map(|i| self.line(&self.rows[i])).collect();
        lines.push(and_more(INDENT, self.rows.len() - most, "target"));
        lines
    }

    /// Every target with its clusters.
    pub(super) fn detailed(&self) -> Vec<Line> {
        let mut lines = Vec::new();
        for (index, row) in self.rows.iter().enumerate() {
            lines.push(self.line(row));
            for cluster in clusters_shown(self.status, index) {
                lines.push(cluster_line(self.status, index, *cluster, self.now));
            }
        }
        lines
    }

    fn line(&self, row: &Row) -> Line {
        let columns = &self.columns;
        let mut line = Line::of(Role::Plain, INDENT);
        line.push(Role::Bold, &pad(&row.name, columns.name));
        let (role, state) = &row.state;
        if columns.state > 0 {
            line.push(Role::Plain, "  ");
            line.push(*role, state);
            line.push(Role::Plain, &blanks(columns.state, state));
        }
        if columns.bar > 0 {
            let full = (row.part * columns.bar as f64).floor() as usize;
            let full = full.min(columns.bar);
            line.push(Role::Plain, "  ");
            line.push(*role, &"━".repeat(full));
            line.push(Role::Dim, &"─".repeat(columns.bar - full));
        }
        for (role, text, width) in [
            (Role::Plain, &row.count, columns.count),
            (Role::Bad, &row.failed, columns.failed),
            (Role::Warn, &row.lost, columns.lost),
            (Role::Plain, &row.time, columns.time),
        ] {
            if width > 0 {
                line.push(Role::Plain, &format!("  {}", blanks(width, text)));
                line.push(role, text);
            }
        }
        line
    }
}

/// What fills a column beside its text.
fn blanks(column: usize, text: &str) -> String {
    " ".repeat(column.saturating_sub(width_of(text)))
}

impl Row {
    fn new(status: &RunStatus, index: usize, now: Timestamp, words: bool) -> Self {
        let target = &status.targets[index];
        // What a cancel has interrupted says nothing about the suite.
        let failed = |state: &SpecState| state.is_failure() && *state != SpecState::Interrupted;
        let states = target.states.iter().filter(|(state, _)| failed(state));
        let specs: u32 = states.map(|(_, number)| number).sum();
        // A suite node that failed is no spec, but not nothing.
        let mut nodes = target.failures.iter().filter(|failure| failure.attempt.is_none());
        let node = nodes.any(|failure| failed(&failure.state));
        let failed = specs.max(node.into());
        let number = |number: u32, word: &str, sign: &str| match number {
            0 => String::new(),
            n if words => format!("{n} {word}"),
            n => format!("{sign}{n}"),
        };
        Self {
            name: clean(&target.name),
            state: state(status, index),
            part: match target.selected {
                0 => 0.0,
                all => f64::from(target.done.min(all)) / f64::from(all),
            },
            count: if target.prepared {
                format!("{}/{}", target.done, target.selected)
            } else {
                String::new()
            },
            failed: number(failed, "failed", "✗"),
            lost: number(target.lost_attempts, "lost", "↻"),
            time: time(status, index, now, words),
            ended: target.verdict.is_some(),
        }
    }
}

impl Columns {
    /// What is missed least gets no room when there is not enough.
    fn for_rows(rows: &[Row], width: usize) -> Self {
        let widest = |of: fn(&Row) -> &str| rows.iter().map(|row| width_of(of(row))).max();
        let widest = |of| widest(of).unwrap_or(0);
        let name = widest(|row| &row.name);
        let count = widest(|row| &row.count);
        let mut columns = Self {
            name: name.min((width / 4).max(8)),
            state: 0,
            bar: 0,
            count,
            failed: 0,
            lost: 0,
            time: 0,
        };
        let used = INDENT.len() + columns.name + if count > 0 { count + 2 } else { 0 };
        let mut left = width.saturating_sub(used);
        columns.failed = grant(&mut left, widest(|row| &row.failed));
        columns.time = grant(&mut left, widest(|row| &row.time));
        // Names of a matrix differ at their ends, too.
        let more = (name.min(FAIR_NAME).saturating_sub(columns.name)).min(left);
        columns.name += more;
        left -= more;
        columns.state = grant(&mut left, widest(|row| &row.state.1));
        columns.lost = grant(&mut left, widest(|row| &row.lost));
        let more = (name - columns.name).min(left);
        columns.name += more;
        left -= more;
        if count > 0 && left >= BAR.start() + 2 {
            columns.bar = (left - 2).min(*BAR.end());
        }
        columns
    }
}

/// The column that is wished for, and its gap, out of what is left; 0 when it does not fit.
fn grant(left: &mut usize, wish: usize) -> usize {
    if wish == 0 || wish + 2 > *left {
        return 0;
    }
    *left -= wish + 2;
    wish
}

fn time(status: &RunStatus, index: usize, now: Timestamp, words: bool) -> String {
    let target = &status.targets[index];
    match target.ended {
        Some(_) if !target.prepared => String::new(),
        Some(ended) => {
            let took = short(between(target.prepared_at, ended));
            if words { format!("in {took}") } else { took }
        }
        None if !target.prepared => String::new(),
        None => {
            let left = eta::remaining(status, index, now);
            let left = left.map_or_else(|| "–".to_owned(), short);
            if words { format!("{left} left") } else { left }
        }
    }
}

fn sessions(status: &RunStatus, target: usize) -> impl Iterator<Item = &SessionStatus> {
    let of_target = move |s: &&SessionStatus| s.target.0 as usize == target;
    status.sessions.values().filter(of_target)
}

/// What a target does, from what its clusters do.
fn state(status: &RunStatus, index: usize) -> (Role, String) {
    let target = &status.targets[index];
    if let Some(verdict) = target.verdict {
        let text = match verdict {
            Verdict::Environment => "environment".to_owned(),
            other => other.to_string(),
        };
        return (verdict_role(verdict), text);
    }
    if status.queued.is_some() {
        return (Role::Dim, "queued".to_owned());
    }
    if !target.prepared {
        return (Role::Dim, "preparing".to_owned());
    }
    let mut phases: Vec<Phase> = sessions(status, index).map(|s| s.phase).collect();
    phases.sort_unstable();
    phases.dedup();
    // Clusters reach their serial phases at different times.
    match phases.as_slice() {
        [] => (Role::Dim, "waiting".to_owned()),
        [one] => (Role::Accent, phase(*one).to_owned()),
        several if several.contains(&Phase::Serial) && several.contains(&Phase::Parallel) => {
            (Role::Accent, "parallel+serial".to_owned())
        }
        several if several.contains(&Phase::Serial) => {
            (Role::Accent, phase(Phase::Serial).to_owned())
        }
        several if several.contains(&Phase::Parallel) => {
            (Role::Accent, phase(Phase::Parallel).to_owned())
        }
        [first, ..] => (Role::Accent, phase(*first).to_owned()),
    }
}

fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Starting => "starting",
        Phase::Parallel => "parallel",
        Phase::Draining => "draining",
        Phase::Serial => "serial",
        Phase::Done => "ending",
    }
}

/// One cluster alone says nothing that its target does not say, unless another target wants it as
/// well. A run that waits for its turn has none yet.
fn clusters_shown(status: &RunStatus, index: usize) -> &[ClusterId] {
    let target = &status.targets[index];
    if target.verdict.is_some() || status.queued.is_some() {
        return &[];
    }
    match target.clusters.as_slice() {
        [one] if !others(status, index).any(|other| other.clusters.contains(one)) => &[],
        clusters => clusters,
    }
}

/// The other targets that have not ended.
fn others(status: &RunStatus, index: usize) -> impl Iterator<Item = &TargetStatus> {
    let others = status.targets.iter().enumerate().filter(move |(other, _)| *other != index);
    others.map(|(_, target)| target).filter(|target| target.verdict.is_none())
}

fn cluster_line(status: &RunStatus, target: usize, id: ClusterId, now: Timestamp) -> Line {
    let mut line = Line::of(Role::Plain, "    ");
    line.push(Role::Accent, &cluster_name(status, id));
    line.push(Role::Plain, "  ");
    let Some(cluster) = status.clusters.get(id.0 as usize) else {
        return line;
    };
    let silent = silent(cluster, now);
    let on_it = || status.sessions.values().filter(|session| session.cluster == id);
    let of_target = |session: &&SessionStatus| session.target.0 as usize == target;
    match (on_it().find(of_target), silent) {
        _ if cluster.given_up.is_some() => line.push(Role::Bad, "given up"),
        _ if cluster.unready => line.push(Role::Warn, "does not answer"),
        (_, Some((true, text))) => line.push(Role::Warn, &text),
        (Some(session), silent) => {
            let (running, processes) = (session.running.len(), session.processes);
            line.push(Role::Plain, phase(session.phase));
            line.push(Role::Dim, &format!(", {running} of {processes} running"));
            if let Some((_, text)) = silent {
                line.push(Role::Warn, &format!(", {text}"));
            }
        }
        (None, _) if cluster.workers.is_empty() => line.push(Role::Dim, "no worker"),
        // A cluster has one session at a time.
        (None, _) => match on_it().next() {
            Some(other) => {
                line.push(Role::Dim, "at ");
                line.push(Role::Plain, &target_name(status, other.target));
            }
            None => line.push(Role::Dim, "idle"),
        },
    }
    line
}
