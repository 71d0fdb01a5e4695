//! How long a run still takes that is under way.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use multibeam_model::outcome::Verdict;
use multibeam_model::{Cause, Moment, TargetId};
use multibeam_sched::{Input, ProcessView, Scheduler};

use crate::play::{Event, Play, Takes};
use crate::process::{Process, Stage};
use crate::scene::Scene;

/// Plays the rest of a run from the state that its scheduler is in: how long each target still takes
/// that has not ended. The scheduler goes on by the pace that it has seen so far. `None` where that is
/// not known: the run is cancelled, has no worker, or its workers have not told yet how they stand.
///
/// `scene` is the run as it was planned; only what its groups take and what processes cost counts.
#[must_use]
pub fn rest(
    scheduler: &Scheduler,
    scene: &Scene,
    now: Moment,
) -> Option<BTreeMap<TargetId, Duration>> {
    if scheduler.is_over() || scheduler.is_cancelled() {
        return None;
    }
    let takes = at_pace(scheduler, scene);
    let mut steady = scheduler.clone();
    // What is known of the future is how the past went: nothing new comes of it.
    steady.keep_widths();
    let mut play = Play::new(scene, &takes, steady);
    play.now = now;
    play.go_on_from(scheduler)?;
    play.go()?;
    let begun = now.since(Moment::default());
    // Of what nobody knows yet what it consists of, nobody knows how long it takes.
    let unknown: BTreeSet<TargetId> = scheduler.unprepared().collect();
    let ends = play.course.ends.iter().filter(|(target, _)| !unknown.contains(target));
    Some(ends.map(|(target, end)| (*target, end.saturating_sub(begun))).collect())
}

/// What groups take when they go on as they have so far.
fn at_pace(scheduler: &Scheduler, scene: &Scene) -> Takes {
    let groups = scene.targets().flat_map(|(id, target)| {
        let pace = scheduler.pace(id);
        target.plan.groups.iter().map(move |group| ((id, group.id), group.expected.mul_f64(pace)))
    });
    groups.collect()
}

impl Play<'_> {
    /// Sets up what the scheduler believes to be there.
    fn go_on_from(&mut self, scheduler: &Scheduler) -> Option<()> {
        self.workers = scheduler.workers().map(|(id, cluster)| (id.clone(), cluster)).collect();
        if self.workers.is_empty() {
            return None;
        }
        for view in scheduler.processes(self.now)? {
            self.put(view);
        }
        // They would be waited for.
        for target in scheduler.unprepared() {
            let cause = Cause::Refused(String::new());
            let refused = Input::TargetRefused { target, cause, verdict: Verdict::Environment };
            self.after(Duration::ZERO, Event::Tell(refused));
        }
        self.after(Duration::ZERO, Event::Tell(Input::Tick));
        Some(())
    }

    /// Puts a process where it is.
    fn put(&mut self, view: ProcessView) {
        let ProcessView { process: id, worker, target, cluster, .. } = view;
        self.places.insert(id.session, (target, cluster));
        if view.session_begun {
            self.begun.insert((id.session, worker.clone()));
        }
        let costs = &self.scene.costs;
        let started = self.now.since(view.since);
        let first = id.number.is_first();
        let (stage, time) = match view.running {
            Some((attempt, left)) => (Stage::Running(attempt), Some(left)),
            None if !view.begun && first && !view.session_begun => {
                let all = costs.boot + costs.before_suite;
                (Stage::BeforeSuite, Some(all.saturating_sub(started)))
            }
            None if !view.begun => (Stage::Booting, Some(costs.boot.saturating_sub(started))),
            None if view.serial.is_some() || (first && view.released) => (Stage::Serial, None),
            None if view.released => (Stage::AfterSuite, Some(costs.after_suite)),
            None => (Stage::Asking, None),
        };
        let process = Process {
            id,
            worker,
            target,
            cluster,
            since: view.since,
            began: self.now,
            stage,
            stages: 0,
            queued: view.queued,
            told_want: view.wants,
            no_more: view.released,
            serial: view.serial.map(Into::into),
            stopped: view.stopping,
        };
        self.processes.insert(id, process);
        match time {
            // What is left is known in real time, whatever the cluster's pace.
            Some(time) => self.after(time, Event::Timer(id, 0)),
            None => self.go_on(id),
        }
    }
}

#[cfg(test)]
mod tests {
    use multibeam_model::plan::{GroupPlan, TargetPlan};
    use multibeam_model::run::Concurrency;
    use multibeam_model::{ClusterId, GroupId};

    use super::*;
    use crate::draw::Draw;
    use crate::play::play;
    use crate::scene::{ClusterScene, Costs, TargetScene};

    const TARGET: TargetId = TargetId(0);

    /// Three clusters with four processes each, and groups of which a sixth is serial.
    fn scene() -> Scene {
        let mut draw = Draw(7);
        let group = |id: u32| GroupPlan {
            id: GroupId(id),
            serial: id >= 100,
            reports: 1,
            expected: Duration::from_secs(20).mul_f64(draw.log_normal(0.8)),
            twin: None,
            avoid_first: false,
            limit: None,
            crowds: Vec::new(),
        };
        let plan = TargetPlan { target: TARGET, groups: (0..120).map(group).collect() };
        let clusters = (0..3).map(|n| ClusterScene::new(&format!("c{n}"), 4)).collect();
        let ids = (0..3).map(ClusterId).collect();
        let spread = BTreeMap::new();
        let target = TargetScene { name: "t".to_owned(), clusters: ids, plan, spread };
        let (costs, concurrency) = (Costs::default(), Concurrency::default());
        Scene { targets: vec![target], clusters, costs, concurrency }
    }

    /// Twenty moments of a run: what was said to be left, and what was.
    fn said(scene: &Scene, takes: &Takes) -> Vec<(f64, f64)> {
        let end = play(scene, takes).expect("it ends").end();
        let moments = (0..20).map(|twentieth| end * twentieth / 20);
        let said = moments.map(|at| {
            let now = Moment::default() + at;
            let scheduler = Play::scheduler_at(scene, takes, now);
            let left = rest(&scheduler, scene, now).expect("it is under way")[&TARGET];
            (left.as_secs_f64(), (end - at).as_secs_f64())
        });
        said.collect()
    }

    #[test]
    fn with_exact_estimates_the_rest_is_known_at_every_moment() {
        let all = said(&scene(), &Takes::new());
        for (said, was) in all {
            assert!((said - was).abs() < 0.03 * was + 5.0, "{said} s were said, {was} s were left");
        }
    }

    #[test]
    fn estimates_that_are_all_wrong_by_one_factor_are_made_good_by_the_pace() {
        let scene = scene();
        let groups = &scene.targets[0].plan.groups;
        let takes = groups.iter().map(|it| ((TARGET, it.id), it.expected * 3)).collect();
        let said = said(&scene, &takes);
        assert!(said[0].0 < 0.5 * said[0].1, "nobody can know at the beginning: {:?}", said[0]);
        for (said, was) in &said[10..] {
            assert!((said - was).abs() < 0.2 * was + 10.0, "{said} s were said, {was} s were left");
        }
    }

    #[test]
    fn nothing_is_said_of_a_run_that_nobody_works_for() {
        let scene = scene();
        let idle = Scheduler::new(scene.shape(), None);
        assert_eq!(rest(&idle, &scene, Moment::default()), None);
    }
}
