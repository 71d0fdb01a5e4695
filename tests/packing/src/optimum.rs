//! Small instances, and the best schedule of each by exhaustive search.

use std::time::Duration;

use multibeam_forecast::{Costs, Draw, Scene, play};
use multibeam_model::TargetId;
use multibeam_model::plan::{GroupPlan, TargetPlan};

use crate::conformance::{exactly, group, scene};

/// A small instance: at most 8 groups on at most 3 clusters with at most 3 processes each.
#[derive(Clone, Debug)]
pub struct Small {
    /// The groups.
    pub plan: TargetPlan,
    /// How many clusters.
    pub clusters: u32,
    /// How many processes each has.
    pub slots: u32,
}

// === impl Small ===

impl Small {
    /// The instance of a seed. A third of the groups is serial, and a fifth is long.
    #[must_use]
    pub fn draw(seed: u64) -> Self {
        let mut draw = Draw(seed);
        let groups = draw.range(2, 8);
        let groups = (0..groups).map(|id| {
            let serial = draw.range(0, 2) == 0;
            let longest = if draw.range(0, 4) == 0 { 300 } else { 60 };
            group(id, serial, Duration::from_secs(draw.range(1, longest).into()))
        });
        let plan = TargetPlan { target: TargetId(0), groups: groups.collect() };
        Self { plan, clusters: draw.range(1, 3), slots: draw.range(1, 3) }
    }

    /// How long the scheduler takes when nothing but the groups costs any time.
    ///
    /// # Panics
    /// When the run does not end.
    #[must_use]
    pub fn scheduled(&self) -> Duration {
        let scene = scene(self.plan.clone(), self.clusters, self.slots);
        let scene = Scene { costs: Costs::NOTHING, ..scene };
        play(&scene, &exactly(&self.plan)).expect("every run ends").end()
    }

    /// The best possible: every assignment of parallel groups to processes and of serial ones to
    /// clusters is looked at, but for those that only swap equal processes or clusters and those
    /// that are worse already. Order within a process or a cluster does not matter.
    #[must_use]
    pub fn optimum(&self) -> Duration {
        let mut groups: Vec<&GroupPlan> = self.plan.groups.iter().collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.expected));
        let cluster = vec![Duration::ZERO; self.slots as usize + 1];
        let mut search = Search {
            groups,
            // The serial load, then those of the processes.
            loads: vec![cluster; self.clusters as usize],
            best: Duration::MAX,
        };
        search.place(0);
        search.best
    }
}

struct Search<'a> {
    groups: Vec<&'a GroupPlan>,
    loads: Vec<Vec<Duration>>,
    best: Duration,
}

// === impl Search ===

impl Search<'_> {
    fn place(&mut self, next: usize) {
        let ends = self.loads.iter().map(|loads| end(loads));
        let end = ends.max().unwrap_or_default();
        if end >= self.best {
            return;
        }
        let Some(group) = self.groups.get(next) else {
            self.best = end;
            return;
        };
        let (serial, time) = (group.serial, group.expected);
        let mut seen: Vec<Vec<Duration>> = Vec::new();
        for cluster in 0..self.loads.len() {
            let places = if serial { 0..1 } else { 1..self.loads[cluster].len() };
            for place in places {
                self.loads[cluster][place] += time;
                let mut shape = self.loads[cluster].clone();
                shape[1..].sort_unstable();
                // What the cluster was before makes the difference between equal outcomes, too.
                shape.push(self.loads[cluster][place] - time);
                if !seen.contains(&shape) {
                    seen.push(shape);
                    self.place(next + 1);
                }
                self.loads[cluster][place] -= time;
            }
        }
    }
}

/// When a cluster is done: its longest process, then its serial load.
fn end(loads: &[Duration]) -> Duration {
    let (serial, processes) = loads.split_first().map_or((Duration::ZERO, loads), |(s, p)| (*s, p));
    serial + processes.iter().max().copied().unwrap_or_default()
}
