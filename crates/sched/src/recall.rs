//! Serial groups that are taken back.
//!
//! A serial share is fixed when a process 1 starts. Where it turns out badly (an estimate was wrong,
//! a cluster is slow, another one died), some clusters run dry while one still has much to do. Then
//! its process 1 is *recalled*: it runs the group at hand to its end and no other. What it had not
//! begun goes back, its session closes, and new sessions divide what is left, each with a start-up
//! of its own. That is done only when it saves clearly more than a start-up takes.

use std::time::Duration;

use multibeam_model::event::Phase;
use multibeam_model::link::StopHow;
use multibeam_model::plan::GroupPlan;
use multibeam_model::{ClusterId, TargetId};

use crate::run::Run;
use crate::session::{Process, Session, Why};
use crate::share;

/// How long a start-up is taken to last where none was seen.
const ASSUMED_START: Duration = Duration::from_secs(60);

/// What must be saved, in start-ups as they were seen: one for what a start-up costs, to which the
/// end of the old process comes, and one so that small gains are not run after.
const WORTH: u32 = 2;

/// How long a process may take to notice that it is recalled.
const RECALL: Duration = Duration::from_secs(2);

impl Run {
    /// Recalls what free clusters should take over.
    pub(crate) fn recall(&mut self) {
        let targets: Vec<TargetId> = self.targets.keys().copied().collect();
        for target in targets {
            let free = self.free_clusters(target);
            if free == 0 {
                continue;
            }
            let sessions = self.sessions.values().filter(|session| session.target == target);
            let shares = sessions
                .filter_map(|session| Some((self.saving(session, free)?, session.first()?.id)));
            if let Some((_, process)) = shares.max() {
                self.stop(process, StopHow::Recall, Why::Recalled);
            }
        }
    }

    /// How many clusters could open a session for a target at once and have no work for one. None
    /// while a recall is under way: they wait for what it brings.
    fn free_clusters(&self, target: TargetId) -> u32 {
        let mut sessions = self.sessions.values().filter(|session| session.target == target);
        if sessions.any(|session| session.first().is_some_and(Process::is_recalled)) {
            return 0;
        }
        let Some(state) = self.target(target) else {
            return 0;
        };
        let free = |cluster: &&ClusterId| {
            let open = self.clusters.get(cluster).is_none_or(|c| c.session.is_some());
            !open && self.serves(target, **cluster) && self.roomiest(target, **cluster).is_some()
        };
        u32::try_from(state.clusters.iter().filter(free).count()).unwrap_or(u32::MAX)
    }

    /// How much earlier the serial share of a session would be done when what has not started were
    /// divided over so many more clusters, if that is worth it.
    fn saving(&self, session: &Session, more: u32) -> Option<Duration> {
        let first = session.first().filter(|first| can_be_recalled(session, first))?;
        let waiting: Vec<&GroupPlan> = first
            .serial
            .iter()
            .filter_map(|attempt| self.group(attempt.target, attempt.group))
            .map(|group| &group.plan)
            .collect();
        let start_up = session.start_up.unwrap_or(ASSUMED_START);
        let all: Duration = waiting.iter().map(|plan| plan.expected).sum();
        let saved = all.saturating_sub(share::longest_part(waiting.into_iter(), more + 1));
        let saved = saved.mul_f64(session.pace.of_serial(start_up));
        (saved > start_up * WORTH + RECALL).then_some(saved)
    }
}

/// Whether the process 1 of a session is at its serial groups and under nobody's stop.
fn can_be_recalled(session: &Session, first: &Process) -> bool {
    session.phase == Phase::Serial
        && first.alone_told
        && first.stop.is_none()
        && first.held.is_none()
        && !first.running.is_empty()
}
