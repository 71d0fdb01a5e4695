//! What must hold while specs run, and at the end.

use multibeam_model::outcome::Verdict;
use multibeam_model::{AttemptId, Cause, ClusterId, ProcessId, SessionId, TargetId};

use super::world::World;

impl World {
    /// A spec begins. This is where overlap would show.
    pub(crate) fn began(&mut self, process: ProcessId, attempt: AttemptId) {
        self.begun.insert(attempt);
        let losses = self.ledger.losses(attempt.target, attempt.group);
        let allowed = self.setting.shape.limits.attempts as usize;
        assert!(losses < allowed || self.ledger.resumed, "{attempt} begins after {losses} losses");
        let plan = self.setting.groups[&attempt.target][&attempt.group].plan.clone();
        let me = &self.processes[&process];
        let cluster = self.sessions[&process.session].1;
        let worker = me.worker.clone();
        let sealed = self.ledger.is_sealed(attempt.target, attempt.group);
        assert!(sealed.is_none(), "{attempt} begins after its seal");
        assert!(!(plan.avoid_first && process.number.is_first()), "{attempt} on process 1");
        let quiet = self.is_last(attempt);
        for (other, other_attempt) in self.running.clone() {
            if other == process || self.sessions[&other.session].1 != cluster {
                continue;
            }
            let serial =
                self.setting.groups[&other_attempt.target][&other_attempt.group].plan.serial;
            assert!(!plan.serial, "serial {attempt} begins while {other_attempt} runs");
            assert!(!serial, "{attempt} begins while serial {other_attempt} runs");
            let same = self.processes[&other].worker == worker;
            assert!(!(same && quiet), "last {attempt} begins while {other_attempt} runs there");
            let theirs = self.is_last(other_attempt);
            assert!(!(same && theirs), "{attempt} begins while last {other_attempt} runs there");
        }
        if quiet {
            self.saw("ran alone");
        }
        if plan.serial {
            self.saw("serial");
        }
        self.running.insert(process, attempt);
        self.check_crowd(cluster);
        let busy = self.running.keys().filter(|p| self.processes[p].worker == worker).count();
        assert!(busy <= self.workers[&worker].slots as usize, "more specs than slots");
    }

    /// No more runs on a cluster at once than the run file allows.
    fn check_crowd(&mut self, cluster: ClusterId) {
        let concurrency = self.setting.shape.limits.concurrency.clone();
        let here = self.running.iter().filter(|(p, _)| self.sessions[&p.session].1 == cluster);
        let plans: Vec<_> =
            here.map(|(_, a)| &self.setting.groups[&a.target][&a.group].plan).collect();
        let most = concurrency.per_cluster.unwrap_or(u32::MAX) as usize;
        assert!(plans.len() <= most, "{} specs on a cluster", plans.len());
        let mut full = false;
        for (n, rule) in (0..).zip(&concurrency.by_tag) {
            let tagged = plans.iter().filter(|plan| plan.crowds.contains(&n)).count();
            assert!(tagged <= rule.at_once as usize, "{tagged} specs of rule {n} on a cluster");
            full |= tagged == rule.at_once as usize && plans.len() > tagged;
        }
        if full {
            self.saw("others beside a full crowd");
        }
    }

    fn is_last(&self, attempt: AttemptId) -> bool {
        let losses = self.ledger.losses(attempt.target, attempt.group);
        losses + 1 >= self.setting.shape.limits.attempts as usize
    }

    pub(crate) fn ended_spec(&mut self, process: ProcessId) {
        self.running.remove(&process);
    }

    pub(crate) fn place(&self, session: SessionId) -> (TargetId, ClusterId) {
        self.sessions[&session]
    }

    pub(crate) fn check_end(&mut self) {
        assert!(self.ledger.open.is_empty(), "sessions stay open");
        assert_eq!(self.ended.len(), self.setting.shape.targets.len());
        let mut worst = Verdict::Passed;
        for (&target, (verdict, cause)) in &self.ended {
            worst = worst.max(*verdict);
            let mut undone = 0;
            let mut failed = false;
            let mut given_up = false;
            for &group in self.setting.groups[&target].keys() {
                let sealed = self.ledger.is_sealed(target, group);
                failed |= sealed == Some(true);
                let gone = self.ledger.given_up.contains_key(&(target, group)) && sealed.is_none();
                given_up |= gone;
                undone += u32::from(sealed.is_none() && !gone);
            }
            if undone > 0 {
                assert!(cause.is_some(), "target {target} left {undone} groups without a cause");
                assert!(*verdict >= Verdict::Incomplete);
            } else if given_up || failed {
                assert!(*verdict >= Verdict::Failed);
            }
            if *verdict == Verdict::Passed {
                assert!(undone == 0 && !failed && !given_up, "passed, but not all did");
            }
        }
        assert_eq!(self.over, Some(worst));
        let causes: Vec<_> = self.ended.values().filter_map(|(_, cause)| cause.clone()).collect();
        for cause in causes {
            self.saw(match cause {
                Cause::FailFast => "cause: fail-fast",
                Cause::Aborted => "cause: aborted",
                Cause::BeforeSuiteFailed(_) => "cause: before-suite",
                Cause::NoCluster(_) => "cause: no cluster",
                Cause::Refused(_) => "cause: refused",
                Cause::Cancelled => "cause: cancelled",
            });
        }
        if worst == Verdict::Passed {
            self.saw("passed");
        }
    }
}
