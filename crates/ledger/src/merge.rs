//! What goes into a target's report, and in which order: a pure function of the run's record and
//! of the groups that discovery found.
//!
//! Every selected spec comes out exactly once. Suite nodes come from every session that was not
//! lost. The order is Ginkgo's own: process 1's reports, then those of each other process in the
//! order in which they ended; session after session. What has no report comes last, in the order
//! of the groups. Unselected specs are not the ledger's business: the catalog has them.

use std::collections::BTreeMap;

use multibeam_model::record::{
    AttemptRecord, AttemptState, GroupRecord, PayloadRef, ReportRecord, RunRecord, TargetRecord,
};
use multibeam_model::{
    AttemptId, Cause, GroupId, LossCause, ProcessId, SpecIndex, SpecState, TargetId,
};

/// A group with its selected specs, in the order in which it runs them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedGroup {
    /// Its id.
    pub id: GroupId,
    /// Its selected specs.
    pub selected: Vec<SpecIndex>,
}

/// One entry of a target's report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A suite node, as received.
    SuiteNode {
        /// The process that reported it.
        process: ProcessId,
        /// Its state.
        state: SpecState,
        /// Its report.
        payload: PayloadRef,
    },
    /// A spec, as received.
    Spec {
        /// The spec.
        spec: SpecIndex,
        /// The attempt that counts.
        attempt: AttemptId,
        /// The process that reported it.
        process: ProcessId,
        /// Its state.
        state: SpecState,
        /// Its report.
        payload: PayloadRef,
    },
    /// A spec whose group began and was lost for good, without a report of this spec.
    Interrupted {
        /// The spec.
        spec: SpecIndex,
        /// The last attempt.
        attempt: AttemptId,
        /// The process it was handed to.
        process: ProcessId,
        /// Why it was lost.
        cause: LossCause,
    },
    /// A spec whose group never began.
    NotRun {
        /// The spec.
        spec: SpecIndex,
        /// Why its target ended before; `None` when it has not ended, or ended without a cause.
        cause: Option<Cause>,
    },
}

/// The report of a target, as far as the ledger knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Merge {
    /// The entries, in the order of the report.
    pub items: Vec<Item>,
    /// How many selected specs ended in each state. Interrupted ones count as `interrupted`; those
    /// not run are not in here.
    pub states: BTreeMap<SpecState, u32>,
    /// How many selected specs were lost for good.
    pub interrupted: u32,
    /// How many selected specs were not run.
    pub not_run: u32,
    /// How many suite nodes failed.
    pub failed_nodes: u32,
    /// Why the suite failed although no spec says so: for Ginkgo's SpecialSuiteFailureReasons.
    pub reasons: Vec<String>,
}

impl Merge {
    /// Ginkgo's SuiteSucceeded: every selected spec ran, and neither a spec nor a suite node
    /// failed.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        let failed = self.states.iter().any(|(state, &count)| state.is_failure() && count > 0);
        !failed && self.failed_nodes == 0 && self.interrupted == 0 && self.not_run == 0
    }
}

/// Merges the reports of a target.
#[must_use]
pub fn merge(run: &RunRecord, target: TargetId, plan: &[PlannedGroup]) -> Merge {
    let none = TargetRecord::default();
    let record = run.targets.get(&target).unwrap_or(&none);
    let mut reported = BTreeMap::new();
    suite_nodes(run, target, &mut reported);
    let mut missing = Vec::new();
    for group in plan {
        match record.groups.get(&group.id).map(|g| (g, standing(g, record))) {
            Some((_, Standing::Counts(attempt, loss))) => {
                let id = AttemptId { target, group: group.id, number: attempt.number };
                for &spec in &group.selected {
                    match find(attempt, spec, loss.is_some()) {
                        Some(report) => {
                            let item = Item::Spec {
                                spec,
                                attempt: id,
                                process: attempt.process,
                                state: report.state,
                                payload: report.payload,
                            };
                            reported.insert(report.payload, (attempt.process, item));
                        }
                        None => missing.push(Item::Interrupted {
                            spec,
                            attempt: id,
                            process: attempt.process,
                            cause: loss.clone().unwrap_or(LossCause::Killed),
                        }),
                    }
                }
            }
            Some((_, Standing::Nothing)) | None => {
                let cause = not_run_cause(run, record);
                let not_run = |&spec| Item::NotRun { spec, cause: cause.clone() };
                missing.extend(group.selected.iter().map(not_run));
            }
        }
    }
    let mut items = in_order(reported);
    items.append(&mut missing);
    sum_up(items)
}

/// What a group gives to the report.
enum Standing<'a> {
    /// The reports of this attempt; with a loss, specs without a report are interrupted by it.
    Counts(&'a AttemptRecord, Option<LossCause>),
    /// Nothing: it never began, or what it began is not over yet.
    Nothing,
}

fn standing<'a>(group: &'a GroupRecord, target: &TargetRecord) -> Standing<'a> {
    if let Some(sealed) = group.sealed() {
        return Standing::Counts(sealed, None);
    }
    let Some(last) = group.last_begun() else {
        return Standing::Nothing;
    };
    let cause = match (&group.given_up, &last.state) {
        (Some(cause), _) | (None, AttemptState::Lost(cause)) => cause.clone(),
        // A coordinator that was killed together with its workers can leave live attempts behind.
        _ => LossCause::Killed,
    };
    // While the target is open, another attempt may still be made.
    if group.given_up.is_some() || target.end.is_some() {
        Standing::Counts(last, Some(cause))
    } else {
        Standing::Nothing
    }
}

/// The report of a spec in an attempt. In a lost attempt a `skipped` without a message says only
/// that the process did not get to the spec any more.
fn find(attempt: &AttemptRecord, spec: SpecIndex, lost: bool) -> Option<&ReportRecord> {
    let passed_over = |r: &ReportRecord| lost && r.state == SpecState::Skipped && !r.explained;
    attempt.received.values().find(|report| report.spec == spec && !passed_over(report))
}

fn not_run_cause(run: &RunRecord, target: &TargetRecord) -> Option<Cause> {
    match &target.end {
        Some(end) => end.cause.clone(),
        None => run.cancelled.is_some().then_some(Cause::Cancelled),
    }
}

fn suite_nodes(
    run: &RunRecord,
    target: TargetId,
    reported: &mut BTreeMap<PayloadRef, (ProcessId, Item)>,
) {
    let sessions = run.sessions.values();
    for session in sessions.filter(|s| s.target == target && s.closed != Some(true)) {
        for (&process, nodes) in &session.nodes {
            for node in nodes.values() {
                let (state, payload) = (node.state, node.payload);
                reported.insert(payload, (process, Item::SuiteNode { process, state, payload }));
            }
        }
    }
}

/// Puts reports in Ginkgo's order. A process's own reports stay in the order in which they came,
/// which is that of the log: it sends the next one only when the last is durable.
fn in_order(reported: BTreeMap<PayloadRef, (ProcessId, Item)>) -> Vec<Item> {
    let mut by_process: BTreeMap<ProcessId, (PayloadRef, Vec<Item>)> = BTreeMap::new();
    for (payload, (process, item)) in reported {
        let (last, items) = by_process.entry(process).or_insert_with(|| (payload, Vec::new()));
        *last = payload;
        items.push(item);
    }
    let mut processes: Vec<_> = by_process.into_iter().collect();
    processes.sort_by_key(|(process, (last, _))| {
        let later = !process.number.is_first();
        // Copies of process 1 keep their own order; the others stand by their end.
        (process.session, later, if later { last.index } else { process.incarnation.into() })
    });
    processes.into_iter().flat_map(|(_, (_, items))| items).collect()
}

fn sum_up(items: Vec<Item>) -> Merge {
    let mut merge = Merge::default();
    let mut not_run: BTreeMap<Option<Cause>, u32> = BTreeMap::new();
    for item in &items {
        match item {
            Item::SuiteNode { state, .. } if state.is_failure() => merge.failed_nodes += 1,
            Item::SuiteNode { .. } => {}
            Item::Spec { state, .. } => *merge.states.entry(*state).or_default() += 1,
            Item::Interrupted { .. } => {
                merge.interrupted += 1;
                *merge.states.entry(SpecState::Interrupted).or_default() += 1;
            }
            Item::NotRun { cause, .. } => {
                merge.not_run += 1;
                *not_run.entry(cause.clone()).or_default() += 1;
            }
        }
    }
    if merge.interrupted > 0 {
        let specs = specs(merge.interrupted);
        merge.reasons.push(format!("{specs} lost for good before giving a result"));
    }
    for (cause, count) in not_run {
        merge.reasons.push(format!("{} not run: {}", specs(count), not_run_text(cause.as_ref())));
    }
    merge.items = items;
    merge
}

fn specs(count: u32) -> String {
    if count == 1 { "1 spec was".to_owned() } else { format!("{count} specs were") }
}

/// Why specs were not run, in words.
#[must_use]
pub fn not_run_text(cause: Option<&Cause>) -> String {
    cause.map_or_else(|| "the run did not get to it".to_owned(), ToString::to_string)
}
