//! How much runs on a cluster at once: what holds groups back although a process is free.
//!
//! - A tag's `atOnce`: a group is not handed out while so many with the tag run on the cluster.
//!   Such groups never go ahead to a busy process, where they would count without running.
//! - The *width* of a cluster, when it adapts: how many of its processes get groups. It begins as
//!   wide as there are processes. When groups that began since the last change take far longer than
//!   was expected, or time out, a quarter of the processes is left out; when they keep to it again,
//!   one after the other comes back. One always goes on.
//!
//! Only parallel groups count: a serial one has its cluster to itself anyway.

use std::time::Duration;

use multibeam_model::event::What;
use multibeam_model::outcome::SpecState;
use multibeam_model::plan::GroupPlan;
use multibeam_model::run::TagLimit;
use multibeam_model::{ClusterId, Moment, SessionId};

use crate::pace::Record;
use crate::run::Run;
use crate::session::{Process, Running, Session};

/// Groups that take so many times as long as expected show that a cluster has too much to do.
const LATE: f64 = 2.0;

/// Groups that keep to this show that it has not.
const WELL: f64 = 1.25;

/// One group in so many that times out shows it, too.
const TIMED_OUT: u32 = 5;

/// Groups of each process that are looked at before the width changes, and the fewest of all.
const ROUNDS: u32 = 2;
const FEWEST: u32 = 4;

/// What a failure says when something took too long: Ginkgo and Gomega, Go's contexts, and
/// Kubernetes' own polls.
const LATE_WORDS: [&str; 3] = ["timed out", "deadline exceeded", "i/o timeout"];

/// How many processes of a cluster get groups.
#[derive(Clone, Debug, Default)]
pub(crate) struct Width {
    /// `None` for all.
    now: Option<u32>,
    /// Since when.
    since: Moment,
    /// Groups that have begun and ended since.
    groups: u32,
    /// Those of them that timed out.
    timed_out: u32,
    record: Record,
}

/// What a cluster does for a target at the moment.
#[derive(Clone, Debug)]
pub(crate) struct Crowd<'a> {
    rules: &'a [TagLimit],
    width: u32,
    /// Processes that have a group.
    busy: u32,
    /// Groups by rule.
    tagged: Vec<u32>,
}

// === impl Width ===

impl Width {
    /// How many of so many processes get groups.
    pub(crate) fn of(&self, processes: u32) -> u32 {
        self.now.map_or(processes, |width| width.min(processes))
    }

    /// A group has come to its end on one of so many processes. Says what changes because of that.
    fn note(&mut self, now: Moment, ended: &Running, processes: u32) -> Option<String> {
        // One that began before the last change tells of the time before it.
        if ended.since < self.since || ended.expected.is_zero() {
            return None;
        }
        self.groups += 1;
        self.timed_out += u32::from(ended.timed_out);
        self.record.note(now.since(ended.since), ended.expected);
        let width = self.of(processes);
        if self.groups < FEWEST.max(width * ROUNDS) {
            return None;
        }
        let ratio = self.record.ratio(Duration::ZERO, 1.0);
        let why = if self.timed_out * TIMED_OUT >= self.groups {
            Some(format!("{} of its last {} groups timed out", self.timed_out, self.groups))
        } else {
            (ratio > LATE).then(|| format!("its specs take {ratio:.1} times as long as expected"))
        };
        let next = match &why {
            Some(_) => (width * 3 / 4).max(1),
            None if ratio < WELL => (width + 1).min(processes),
            None => width,
        };
        *self = Self { now: (next < processes).then_some(next), since: now, ..Self::default() };
        let why = why.unwrap_or_else(|| "its specs keep to what was expected".to_owned());
        (next != width).then(|| format!("{why}: {next} of {processes} processes get specs"))
    }
}

// === impl Crowd ===

impl Crowd<'_> {
    /// Whether a process may get another group: an idle one widens the crowd.
    pub(crate) fn takes(&self, process: &Process) -> bool {
        self.busy + u32::from(process.is_empty()) <= self.width
    }

    /// Whether a group may begin; `ahead` of which none knows when that will be.
    pub(crate) fn admits(&self, plan: &GroupPlan, ahead: bool) -> bool {
        let full = |rule: &u32| {
            let rule = *rule as usize;
            let limit = self.rules.get(rule).map_or(u32::MAX, |rule| rule.at_once);
            self.tagged.get(rule).is_some_and(|tagged| *tagged >= limit)
        };
        if ahead { plan.crowds.is_empty() } else { !plan.crowds.iter().any(full) }
    }
}

/// Whether a spec failed because something took too long.
pub(crate) fn is_late(state: SpecState, message: &str) -> bool {
    let says = || {
        let message = message.to_ascii_lowercase();
        LATE_WORDS.iter().any(|word| message.contains(word))
    };
    state == SpecState::TimedOut || state.is_failure() && says()
}

impl Run {
    /// What runs in a session now.
    pub(crate) fn crowd(&self, session: &Session) -> Crowd<'_> {
        let limits = &self.limits.concurrency;
        let rules = limits.by_tag.as_slice();
        let mut crowd =
            Crowd { rules, width: self.width(session), busy: 0, tagged: vec![0; rules.len()] };
        if rules.is_empty() && !limits.adaptive {
            return crowd;
        }
        for process in session.live.values().filter(|process| !process.is_empty()) {
            crowd.busy += 1;
            if rules.is_empty() {
                continue;
            }
            for attempt in process.attempts() {
                let group = self.group(attempt.target, attempt.group);
                for rule in group.iter().flat_map(|group| &group.plan.crowds) {
                    if let Some(count) = crowd.tagged.get_mut(*rule as usize) {
                        *count += 1;
                    }
                }
            }
        }
        crowd
    }

    /// How many processes of a session get groups.
    pub(crate) fn width(&self, session: &Session) -> u32 {
        if !self.limits.concurrency.adaptive {
            return u32::MAX;
        }
        let cluster = self.clusters.get(&session.cluster);
        cluster.map_or(u32::MAX, |cluster| cluster.width.of(serving(session)))
    }

    /// A parallel group has come to its end.
    pub(crate) fn note_crowd(&mut self, session: SessionId, ended: &Running) {
        let Some(session) = self.sessions.get(&session) else { return };
        let (now, processes) = (self.now, serving(session));
        if !self.limits.concurrency.adaptive || self.keeps_widths || processes == 0 {
            return;
        }
        let Some(cluster) = self.clusters.get_mut(&session.cluster) else { return };
        if let Some(change) = cluster.width.note(now, ended, processes) {
            let message = format!("cluster {}: {change}", cluster.name);
            self.say(What::Warning { message });
        }
    }

    /// How many suite processes may still be started on a cluster.
    pub(crate) fn room_on(&self, id: ClusterId) -> u32 {
        let Some(limit) = self.limits.concurrency.per_cluster else { return u32::MAX };
        // By the session: after a takeover some of their workers may not be back yet.
        let taken = self.processes_on(id).filter(|process| process.takes_slot()).count();
        limit.saturating_sub(u32::try_from(taken).unwrap_or(u32::MAX))
    }
}

fn serving(session: &Session) -> u32 {
    let serving = session.live.values().filter(|process| process.serves()).count();
    u32::try_from(serving).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use multibeam_model::{AttemptId, GroupId, TargetId};

    use super::*;

    fn s(seconds: u64) -> Moment {
        Moment::default() + Duration::from_secs(seconds)
    }

    fn group(since: Moment, timed_out: bool) -> Running {
        let attempt = AttemptId { target: TargetId(0), group: GroupId(0), number: 1 };
        let expected = Duration::from_secs(10);
        Running { attempt, since, sign: since, expected, limit: None, timed_out }
    }

    /// The width after groups of so many seconds, one after the other.
    fn after(width: &mut Width, from: u64, takes: &[u64]) -> u32 {
        for secs in takes {
            let _ = width.note(s(from + secs), &group(s(from), false), 4);
        }
        width.of(4)
    }

    #[test]
    fn late_groups_narrow_a_cluster_down_to_one_process_and_timely_ones_widen_it() {
        let mut width = Width::default();
        assert_eq!(after(&mut width, 0, &[30; 7]), 4, "too few to tell");
        assert_eq!(after(&mut width, 0, &[30]), 3);
        assert_eq!(after(&mut width, 0, &[30; 9]), 3, "they began before it narrowed");
        assert_eq!(after(&mut width, 100, &[30; 6]), 2);
        assert_eq!(after(&mut width, 200, &[30; 4]), 1);
        assert_eq!(after(&mut width, 300, &[90; 20]), 1, "one always goes on");
        assert_eq!(after(&mut width, 500, &[15; 4]), 1, "neither late nor timely");
        for (from, expected) in [(600, 2), (700, 3), (800, 4)] {
            assert_eq!(after(&mut width, from, &[10; 6]), expected);
        }
    }

    #[test]
    fn groups_that_time_out_narrow_it_however_quick_they_are() {
        let mut width = Width::default();
        let said: Vec<String> =
            (0..8).filter_map(|n| width.note(s(5), &group(s(0), n % 4 == 0), 4)).collect();
        assert_eq!(said, ["2 of its last 8 groups timed out: 3 of 4 processes get specs"]);
    }

    #[test]
    fn what_took_too_long_is_told_by_state_or_message() {
        assert!(is_late(SpecState::TimedOut, ""));
        assert!(is_late(SpecState::Failed, "Timed out after 300.001s."));
        assert!(is_late(SpecState::Failed, "client rate limiter: context deadline exceeded"));
        assert!(!is_late(SpecState::Failed, "expected timeoutSeconds to equal 2"));
        assert!(!is_late(SpecState::Passed, "timed out"));
    }
}
