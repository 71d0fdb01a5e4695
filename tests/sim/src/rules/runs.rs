//! What runs: no group twice at a time, serial ones alone on their cluster, nothing that is not in
//! the ledger.

use multibeam_model::{AttemptId, ClusterId, ProcessId};

use super::{Activity, Rules, Running, run_id};
use crate::world::Host;

impl Rules {
    /// A process is given attempts: they must be in the ledger, for it.
    pub(crate) fn handed(&mut self, attempt: AttemptId, process: ProcessId) {
        let known = self.state.run(&run_id()).and_then(|run| run.attempt(attempt));
        if known.is_none_or(|known| known.process != process) {
            self.breaks(format!("{attempt} came to {process}, but it is not in the ledger so"));
        }
    }

    /// A suite process begins something that touches its cluster.
    pub(crate) fn begins(
        &mut self,
        host: Host,
        process: ProcessId,
        cluster: ClusterId,
        what: Activity,
    ) {
        let serial = |what: Activity| matches!(what, Activity::Group { serial: true, .. });
        for ((_, other), running) in &self.running {
            if running.cluster == cluster && (serial(what) || serial(running.what)) {
                let text = format!(
                    "{what:?} of {process} begins while {:?} of {other} runs on c{cluster}",
                    running.what
                );
                return self.breaks(text);
            }
            if let (Activity::Group { attempt, .. }, Activity::Group { attempt: old, .. }) =
                (what, running.what)
                && (attempt.target, attempt.group) == (old.target, old.group)
            {
                return self.breaks(format!("{attempt} begins while {old} runs"));
            }
        }
        if let Activity::Group { attempt, .. } = what
            && !self.begun.insert(attempt)
        {
            return self.breaks(format!("{attempt} begins twice"));
        }
        self.running.insert((host, process), Running { cluster, what });
    }

    /// It has ended that, or is gone.
    pub(crate) fn ends(&mut self, host: Host, process: ProcessId) {
        self.running.remove(&(host, process));
    }

    /// A process ships a report: an attempt has one report for each of its specs.
    pub(crate) fn ships(&mut self, attempt: AttemptId, ordinal: u32, payload: &[u8]) {
        let first = self.shipped.entry((attempt, ordinal)).or_insert_with(|| payload.to_vec());
        if first != payload {
            self.breaks(format!("{attempt} has two reports number {ordinal}"));
        }
    }

    /// A worker was told that an attempt is sealed.
    pub(crate) fn acknowledged(&mut self, attempt: AttemptId) {
        if !self.sealed.contains_key(&attempt) {
            self.breaks(format!("{attempt} was acknowledged, but it is not sealed"));
        }
        self.acknowledged.insert(attempt);
    }

    /// A worker was told that a report is durable.
    pub(crate) fn durable(&mut self, attempt: AttemptId, ordinal: u32) {
        let known = self.state.run(&run_id()).and_then(|run| run.attempt(attempt));
        let here = known
            .is_some_and(|known| known.received.contains(ordinal) || known.late.contains(ordinal));
        if !here {
            self.breaks(format!("{attempt} goes on, but its report {ordinal} is not durable"));
        }
    }
}
