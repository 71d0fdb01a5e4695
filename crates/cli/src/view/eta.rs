//! How long a target still takes.
//!
//! The coordinator plays the rest of the run in virtual time, again and again, and tells what comes of
//! it ([`What::Outlook`](multibeam_model::event::What::Outlook)); until its next word the time just
//! passes. Before its first one the plan counts.

use std::time::Duration;

use multibeam_model::status::RunStatus;
use multibeam_model::time::Timestamp;

use super::time::between;

/// How long the target still takes; `None` when nothing is known.
#[must_use]
pub fn remaining(status: &RunStatus, target: usize, now: Timestamp) -> Option<Duration> {
    let target = status.targets.get(target)?;
    if target.verdict.is_some() {
        return Some(Duration::ZERO);
    }
    if let Some(outlook) = target.outlook {
        return Some(outlook.left.saturating_sub(between(outlook.at, now)));
    }
    let planned = target.planned.map_or(target.expected, |planned| planned.expected);
    // A plan that is overdue says nothing.
    let left = planned.saturating_sub(between(target.prepared_at, now));
    Some(left).filter(|left| target.prepared && !left.is_zero())
}

/// How long the whole run still takes: as long as its slowest target.
#[must_use]
pub fn of_run(status: &RunStatus, now: Timestamp) -> Option<Duration> {
    let targets = 0..status.targets.len();
    let each = targets.map(|target| remaining(status, target, now));
    each.collect::<Option<Vec<_>>>()?.into_iter().max()
}

#[cfg(test)]
mod tests {
    use multibeam_model::event::What;
    use multibeam_model::ids::TargetId;
    use multibeam_model::outcome::Verdict;
    use multibeam_model::plan::Planned;

    use super::super::fixture::{Story, at};
    use super::*;

    const TARGET: TargetId = TargetId(0);

    fn secs(story: &Story, now: f64) -> Option<u64> {
        remaining(&story.status(), 0, at(now)).map(|left| left.as_secs())
    }

    fn story() -> Story {
        let mut story = Story::new(&[("a", &["x"])]);
        story.joined(0, 4).prepared(0, 100, 20, 500);
        story
    }

    #[test]
    fn nothing_is_known_before_the_preparation() {
        let story = Story::new(&[("a", &["x"])]);
        assert_eq!(secs(&story, 10.0), None);
        assert_eq!(of_run(&story.status(), at(10.0)), None);
    }

    #[test]
    fn the_plan_counts_first_and_says_nothing_when_it_is_overdue() {
        let mut story = story();
        assert_eq!(secs(&story, 100.0), Some(400));
        let expected = Duration::from_secs(600);
        let planned = Planned { expected, ..Planned::default() };
        story.tell(What::TargetPlanned { target: TARGET, planned });
        assert_eq!(secs(&story, 100.0), Some(500));
        assert_eq!(secs(&story, 601.0), None);
    }

    #[test]
    fn the_last_outlook_counts_and_time_passes_until_the_next() {
        let mut story = story();
        story.at(100.0).outlook(0, 900);
        assert_eq!(secs(&story, 110.0), Some(890));
        story.at(120.0).outlook(0, 300);
        assert_eq!(secs(&story, 120.0), Some(300));
        assert_eq!(secs(&story, 500.0), Some(0), "it may end at any moment");
    }

    #[test]
    fn an_end_is_an_end_and_the_slowest_target_counts() {
        let mut story = Story::new(&[("a", &["x"]), ("b", &["y"])]);
        story.prepared(0, 100, 0, 600).prepared(1, 100, 0, 900);
        assert_eq!(of_run(&story.status(), at(0.0)).unwrap().as_secs(), 900);
        let verdict = Verdict::Passed;
        story.tell(What::TargetEnded { target: TargetId(1), verdict, cause: None });
        assert_eq!(remaining(&story.status(), 1, at(5.0)), Some(Duration::ZERO));
        assert_eq!(of_run(&story.status(), at(0.0)).unwrap().as_secs(), 600);
    }
}
