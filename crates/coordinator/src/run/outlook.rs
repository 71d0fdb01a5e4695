//! Looking ahead: what is expected of the run before it begins, and how long it still takes.
//!
//! Both are played in virtual time, which takes longer than the heartbeats of workers should wait, so
//! the hub has it done elsewhere. What comes of it is shown and remembered; no decision rests on it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use multibeam_forecast::{Scene, planned, planned_groups, rest};
use multibeam_ginkgo::catalog::Catalog;
use multibeam_model::command::Command;
use multibeam_model::event::What;
use multibeam_model::plan::{Planned, TargetPlan};
use multibeam_model::{Moment, TargetId};
use multibeam_rt::leisure::Leisure;
use multibeam_sched::Scheduler;

use super::ActiveRun;
use crate::committer::Effect;
use crate::plan::target_spread;

/// How often the rest of a run is played, ...
const EVERY: Duration = Duration::from_secs(5);

/// ... and how many times longer than that takes it is left alone: a fiftieth of one CPU at most.
const PAUSE: u32 = 50;

/// With so many groups to play, seconds pass: a large one takes some 0.15 ms.
const MANY: usize = 50_000;

/// What is to be played.
#[derive(Debug)]
pub(crate) enum Question {
    /// The run from its beginning.
    Plan(Arc<Scene>),
    /// The run from here on.
    Rest {
        /// How it stands.
        scheduler: Box<Scheduler>,
        /// The run as it was planned.
        scene: Arc<Scene>,
        /// When that is.
        now: Moment,
    },
}

/// What came of it.
#[derive(Debug)]
pub(crate) enum Answer {
    /// What is expected of each target.
    Plan(BTreeMap<TargetId, Planned>),
    /// How long each target still takes.
    Rest(BTreeMap<TargetId, Duration>),
}

/// What a run knows of what is ahead.
#[derive(Debug)]
pub(super) struct Ahead {
    scene: Arc<Scene>,
    /// It was planned, or never will be.
    planned: bool,
    under_way: bool,
    /// When the rest is played next, and whether a target has become known since it was last.
    next: Moment,
    changed: bool,
}

// === impl Question ===

impl Question {
    /// How far playing it gives way to what people and workers wait for.
    pub(crate) fn leisure(&self) -> Leisure {
        let groups = match self {
            Self::Plan(scene) => planned_groups(scene),
            Self::Rest { scene, .. } => scene.groups(),
        };
        match groups {
            0..MANY => Leisure::SmallShare,
            MANY.. => Leisure::Leftovers,
        }
    }

    /// Plays it, which may take seconds. A run of which nothing can be said gets an empty answer.
    pub(crate) fn play(self) -> Answer {
        match self {
            Self::Plan(scene) => Answer::Plan(planned(&scene).unwrap_or_default()),
            Self::Rest { scheduler, scene, now } => {
                Answer::Rest(rest(&scheduler, &scene, now).unwrap_or_default())
            }
        }
    }
}

// === impl Ahead ===

impl Ahead {
    /// Of a run whose targets are not known yet. What is left of one that an earlier coordinator began
    /// is not what was planned.
    pub(super) fn new(scene: Scene, recovered: bool) -> Self {
        let (scene, next) = (Arc::new(scene), Moment::default());
        Self { scene, planned: recovered, under_way: false, next, changed: false }
    }

    /// A target is known.
    pub(super) fn prepared(
        &mut self,
        plan: &TargetPlan,
        spread: BTreeMap<multibeam_model::GroupId, f64>,
    ) {
        self.changed = true;
        let scene = Arc::make_mut(&mut self.scene);
        if let Some(target) = scene.targets.get_mut(plan.target.0 as usize) {
            target.plan = plan.clone();
            target.spread = spread;
        }
    }
}

// === impl ActiveRun ===

impl ActiveRun {
    /// Notes what a target consists of.
    pub(super) fn expect_target(&mut self, catalog: &Catalog, plan: &TargetPlan) {
        let spread = target_spread(catalog, self.expected.in_target(plan.target));
        self.ahead.prepared(plan, spread);
    }

    /// What is to be played now, if it is time. [`ActiveRun::foreseen`] follows each.
    pub(crate) fn look_ahead(&mut self, now: Moment) -> Option<Question> {
        if self.queued || self.is_over() || self.ahead.under_way {
            return None;
        }
        let known = |target: &super::Target| target.catalog.is_some() || target.refused;
        let scene = || Arc::clone(&self.ahead.scene);
        let due = self.ahead.changed || now >= self.ahead.next;
        // The rest first: it is one play, and a plan is many.
        let question = if due && self.targets.iter().any(|it| it.catalog.is_some()) {
            self.ahead.changed = false;
            let scheduler = Box::new(self.scheduler.clone());
            Question::Rest { scheduler, scene: scene(), now }
        } else if !self.ahead.planned && self.targets.iter().all(known) {
            Question::Plan(scene())
        } else {
            return None;
        };
        self.ahead.planned |= matches!(question, Question::Plan(_));
        self.ahead.under_way = true;
        Some(question)
    }

    /// What came of it, in so much processor time; nothing when it could not be played.
    pub(crate) fn foreseen(&mut self, answer: Option<(Answer, Duration)>, now: Moment) {
        self.ahead.under_way = false;
        let (answer, took) = answer.unzip();
        // A plan comes once, whatever it takes.
        if !matches!(answer, Some(Answer::Plan(_))) {
            self.ahead.next = now + EVERY.max(took.unwrap_or_default() * PAUSE);
        }
        // Nothing follows the end.
        match answer.filter(|_| !self.is_told_over()) {
            Some(Answer::Plan(mut targets)) => {
                // One that was refused has no plan; what it will never take is no news.
                let known = |id: TargetId| self.targets.get(id.0 as usize)?.catalog.as_ref();
                targets.retain(|id, _| known(*id).is_some());
                let run = |target, planned| Command::Plan { run: self.id.clone(), target, planned };
                let records = targets.iter().map(|(id, planned)| run(*id, *planned)).collect();
                self.effect(Effect { records, ..Effect::default() });
                for (target, planned) in targets {
                    self.show(What::TargetPlanned { target, planned });
                }
            }
            Some(Answer::Rest(targets)) => {
                for (target, left) in targets {
                    self.show(What::Outlook { target, left });
                }
            }
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use multibeam_forecast::{Costs, TargetScene};
    use multibeam_model::GroupId;
    use multibeam_model::plan::GroupPlan;
    use multibeam_model::run::Concurrency;

    use super::*;

    fn plan_of(groups: u32) -> Question {
        let group = |id| GroupPlan {
            id: GroupId(id),
            serial: false,
            reports: 1,
            expected: Duration::from_secs(1),
            twin: None,
            avoid_first: false,
            limit: None,
            crowds: Vec::new(),
        };
        let plan = TargetPlan { target: TargetId(0), groups: (0..groups).map(group).collect() };
        let (name, clusters, spread) = ("t".to_owned(), Vec::new(), BTreeMap::new());
        let targets = vec![TargetScene { name, clusters, plan, spread }];
        let (costs, concurrency) = (Costs::default(), Concurrency::default());
        Question::Plan(Arc::new(Scene { targets, clusters: Vec::new(), costs, concurrency }))
    }

    #[test]
    fn only_what_takes_seconds_is_left_with_leftovers() {
        assert_eq!(plan_of(446).leisure(), Leisure::SmallShare);
        assert_eq!(plan_of(7_000).leisure(), Leisure::Leftovers);
    }
}
