//! The specs that run now, those that have run longest first.

use multibeam_model::ids::ClusterId;
use multibeam_model::status::{RunStatus, RunningSpec};
use multibeam_model::time::Timestamp;

use super::super::narrator::cluster_name;
use super::super::style::{Line, Role};
use super::super::text::{clean, fit_middle, pad, width as width_of};
use super::super::time::{between, short};
use super::and_more;

/// Columns of an age such as `12m34s`.
const AGE: usize = 6;

/// Below this width there is no room for the cluster.
const CLUSTER_FROM: usize = 56;

pub(super) type Running<'a> = (ClusterId, &'a RunningSpec);

/// All specs that run, the oldest first.
pub(super) fn all(status: &RunStatus) -> Vec<Running<'_>> {
    let sessions = status.sessions.values();
    let mut all: Vec<Running<'_>> = sessions
        .flat_map(|session| session.running.iter().map(|spec| (session.cluster, spec)))
        .collect();
    all.sort_by_key(|(cluster, spec)| (spec.since, *cluster, spec.attempt));
    all
}

/// As many of them as fit into `room` lines, with a title.
pub(super) fn list(
    status: &RunStatus,
    specs: &[Running<'_>],
    now: Timestamp,
    width: usize,
    room: usize,
) -> Vec<Line> {
    if specs.is_empty() || room < 2 {
        return Vec::new();
    }
    let mut lines = vec![Line::of(Role::Dim, &format!("running: {}", specs.len()))];
    let rows = room - 1;
    let shown = match rows {
        rows if specs.len() <= rows => specs.len(),
        // The title says how many there are.
        1 | 2 => rows,
        rows => rows - 1,
    };
    let clusters = if status.clusters.len() > 1 && width >= CLUSTER_FROM {
        let names = specs.iter().map(|(id, _)| width_of(&clean(&cluster_name(status, *id))));
        names.max().unwrap_or(0).min(width / 4)
    } else {
        0
    };
    for (cluster, spec) in &specs[..shown] {
        let age = short(between(spec.since, now));
        let mut line = Line::of(Role::Plain, &format!("  {age:>AGE$}  "));
        if clusters > 0 {
            let name = clean(&cluster_name(status, *cluster));
            line.push(Role::Accent, &format!("{}  ", pad(&name, clusters)));
        }
        let left = width.saturating_sub(line.width());
        line.push(Role::Plain, &fit_middle(&clean(&spec.spec), left));
        lines.push(line);
    }
    if shown < specs.len() && shown < rows {
        lines.push(and_more("          ", specs.len() - shown, "spec"));
    }
    lines
}
