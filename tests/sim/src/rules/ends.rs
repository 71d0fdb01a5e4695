//! The end: the report has every selected spec once, and what was sealed is in it.

use std::collections::BTreeMap;

use multibeam_ledger::merge::{Item, merge};
use multibeam_model::command::{Change, Command};
use multibeam_model::outcome::Verdict;
use multibeam_model::record::{AttemptState, RunRecord};
use multibeam_model::{Cause, SpecIndex, TargetId};

use super::run_id;
use crate::world::World;

impl World {
    pub(crate) fn check_end(&mut self) {
        let Some(record) = self.rules.state.run(&run_id()).cloned() else {
            return self.rules.breaks("the run is not in the ledger".to_owned());
        };
        for n in 0..self.nodes.len() {
            self.check_node(n);
        }
        for attempt in self.rules.acknowledged.clone() {
            if !self.rules.sealed.contains_key(&attempt) {
                self.rules.breaks(format!("{attempt} was acknowledged and is not sealed"));
            }
        }
        for attempt in self.rules.sealed.keys().copied().collect::<Vec<_>>() {
            self.rules.still_sealed(attempt);
        }
        for (attempt, _) in record.live() {
            self.rules.breaks(format!("{attempt} is live after the end"));
        }
        for (session, state) in &record.sessions {
            if state.closed.is_none() {
                self.rules.breaks(format!("session {session} is open after the end"));
            }
        }
        for target in self.setting.groups.keys().copied().collect::<Vec<_>>() {
            self.check_target(&record, target);
        }
    }

    /// Every node has everything.
    fn check_node(&mut self, n: usize) {
        let known = self.over_since.map_or(0, |(_, known)| known);
        let Some(node) = &self.nodes[n].node else {
            return self.rules.breaks(format!("node {} is not running at the end", n + 1));
        };
        let applied = node.ledger().applied();
        if applied < known {
            let why = format!("node {} is at {applied} of {known} long after all is mended", n + 1);
            return self.rules.breaks(why);
        }
        if node.ledger().run(&run_id()) != self.rules.state.run(&run_id()) {
            self.rules.breaks(format!("node {} has another record of the run", n + 1));
        }
        self.check_payloads(n);
    }

    fn check_target(&mut self, record: &RunRecord, target: TargetId) {
        let planned = self.setting.planned(target);
        let merged = merge(record, target, &planned);
        let mut counted: BTreeMap<SpecIndex, u32> = BTreeMap::new();
        for item in &merged.items {
            match item {
                Item::SuiteNode { .. } => {}
                Item::Spec { spec, attempt, payload, .. } => {
                    *counted.entry(*spec).or_default() += 1;
                    self.check_report(*attempt, *spec, payload.index);
                }
                Item::Interrupted { spec, .. } => *counted.entry(*spec).or_default() += 1,
                Item::NotRun { spec, .. } => *counted.entry(*spec).or_default() += 1,
            }
        }
        for spec in planned.iter().flat_map(|group| &group.selected) {
            let count = counted.remove(spec).unwrap_or(0);
            if count != 1 {
                self.rules.breaks(format!(
                    "spec {spec} of target {target} is in the report {count} times"
                ));
            }
        }
        if let Some(spec) = counted.keys().next() {
            self.rules.breaks(format!("spec {spec} of target {target} was not selected"));
        }
        let Some(end) = record.targets.get(&target).and_then(|target| target.end.clone()) else {
            return self.rules.breaks(format!("target {target} has not ended"));
        };
        if merged.not_run > 0 {
            let excused = match end.cause {
                Some(Cause::NoCluster(_)) => true,
                Some(Cause::Cancelled) => self.cancelled,
                _ => false,
            };
            if !excused {
                let count = merged.not_run;
                let why = format!("{count} specs of target {target} were not run: {:?}", end.cause);
                self.rules.breaks(why);
            }
            self.seen.count("specs not run");
        }
        if end.verdict == Verdict::Passed && !merged.succeeded() {
            self.rules.breaks(format!("target {target} passed, but not all did"));
        }
        if merged.interrupted > 0 {
            self.seen.count("specs interrupted for good");
        }
        self.check_attempts(record, target);
    }

    /// The report is the one that the process of this attempt sent.
    fn check_report(&mut self, attempt: multibeam_model::AttemptId, spec: SpecIndex, index: u64) {
        let data = self.nodes[0].disk.entry(index).map(|entry| Command::decode(&entry.data));
        let Some(Ok(Command::Run { change: Change::Report(report), .. })) = data else {
            return self.rules.breaks(format!("there is no report at {index}"));
        };
        let sent = self.rules.shipped.get(&(report.attempt, report.ordinal));
        if report.attempt != attempt || report.spec != spec || sent != Some(&report.payload) {
            self.rules.breaks(format!("the report at {index} is not that of {attempt}"));
        }
    }

    /// Losses are bounded, and a group has one attempt that counts at most.
    fn check_attempts(&mut self, record: &RunRecord, target: TargetId) {
        let Some(groups) = record.targets.get(&target).map(|target| &target.groups) else { return };
        for (id, group) in groups {
            let count = |state: fn(&AttemptState) -> bool| {
                group.attempts.iter().filter(|attempt| state(&attempt.state)).count()
            };
            let lost = count(|state| matches!(state, AttemptState::Lost(_)));
            let most = self.rules.attempts + self.rules.takeovers;
            if lost > most as usize {
                self.rules.breaks(format!("group {id} was lost {lost} times"));
            }
            if count(|state| *state == AttemptState::Sealed) > 1 {
                self.rules.breaks(format!("group {id} is sealed twice"));
            }
            if lost > 0 && group.sealed().is_some() {
                self.seen.count("sealed after a loss");
            }
            if group.given_up.is_some() {
                self.seen.count("group given up");
            }
            if group.attempts.iter().any(|attempt| !attempt.late.is_empty()) {
                self.seen.count("report after a loss");
            }
        }
    }
}
