//! Attempts: hand-outs, reports, seals, losses. The order of the log decides: a seal before a loss
//! voids the loss, and after a loss nothing makes the attempt count.

use multibeam_model::command::{Refusal, Reply, Report};
use multibeam_model::record::{
    AttemptRecord, AttemptState, GroupRecord, PayloadRef, ReportRecord, RunRecord,
};
use multibeam_model::{AttemptId, Epoch, GroupId, LossCause, ProcessId, TargetId, WorkerId};

use crate::plant::{self, Plant};

pub(crate) fn hand_out(
    run: &mut RunRecord,
    epoch: Epoch,
    here: PayloadRef,
    id: AttemptId,
    process: ProcessId,
    worker: &WorkerId,
    reports: u32,
) -> Reply {
    if let Some(old) = run.attempt(id) {
        let same = (old.process, &old.worker, old.reports) == (process, worker, reports);
        return if same { Reply::Duplicate } else { refusal_of_old(run, id) };
    }
    if run.cancelled.is_some() || run.ended.is_some() {
        return Reply::Refused(Refusal::RunOver);
    }
    let open = run
        .sessions
        .get(&process.session)
        .is_some_and(|session| session.closed.is_none() && session.target == id.target);
    let Some(target) = run.targets.get_mut(&id.target).filter(|t| t.catalog.is_some() && open)
    else {
        return Reply::Refused(Refusal::Unknown);
    };
    if target.end.is_some() {
        return Reply::Refused(Refusal::RunOver);
    }
    let known = target.groups.get(&id.group);
    let expected = known.map_or(1, GroupRecord::next_number);
    if let Some(refusal) = known.and_then(closed_to_attempts) {
        return Reply::Refused(refusal);
    }
    if id.number != expected || reports == 0 {
        return Reply::Refused(Refusal::WrongNumber { expected });
    }
    let attempts = &mut target.groups.entry(id.group).or_default().attempts;
    // Hardly any group has a second one, and a ledger has hundreds of thousands of groups.
    attempts.reserve_exact(1);
    attempts.push(AttemptRecord {
        number: id.number,
        process,
        worker: worker.clone(),
        epoch,
        handed_out: here.index,
        reports,
        state: AttemptState::Live,
        received: Default::default(),
        late: Default::default(),
    });
    Reply::Done
}

/// Why a group takes no further attempt now, if it takes none.
fn closed_to_attempts(group: &GroupRecord) -> Option<Refusal> {
    if group.live().is_some() {
        Some(Refusal::LiveAttempt)
    } else if group.sealed().is_some() || group.given_up.is_some() {
        Some(Refusal::GroupDone)
    } else {
        None
    }
}

/// The answer to a hand-out under a number that another one has.
fn refusal_of_old(run: &RunRecord, id: AttemptId) -> Reply {
    let group = run.group(id.target, id.group);
    let expected = group.map_or(1, GroupRecord::next_number);
    let closed = group.and_then(closed_to_attempts);
    Reply::Refused(closed.unwrap_or(Refusal::WrongNumber { expected }))
}

pub(crate) fn report(run: &mut RunRecord, here: PayloadRef, report: &Report) -> Reply {
    let id = report.attempt;
    let Some(group) = group_mut(run, id.target, id.group) else {
        return Reply::Refused(Refusal::Unknown);
    };
    // Failing while the cluster is gone is excused once per group; the second time the group
    // itself is the likelier reason, and its failure counts.
    let excused = !group.losses().any(|cause| matches!(cause, LossCause::ClusterLost { .. }));
    let Some(attempt) = attempt_mut(group, id.number) else {
        return Reply::Refused(Refusal::Unknown);
    };
    let record = ReportRecord {
        spec: report.spec,
        state: report.state,
        explained: report.explained,
        cluster_lost: report.cluster_lost,
        payload: here,
        len: report.payload.len() as u64,
    };
    let sealed = match &attempt.state {
        AttemptState::Lost(_) | AttemptState::Returned => {
            let known = [&attempt.received, &attempt.late];
            if !known.iter().any(|reports| reports.contains(report.ordinal)) {
                attempt.late.insert(report.ordinal, record);
            }
            return Reply::Refused(Refusal::AttemptLost);
        }
        AttemptState::Sealed => true,
        AttemptState::Live => false,
    };
    if let Some(old) = attempt.received.get(report.ordinal)
        && !plant::is(Plant::SealTwice)
    {
        return match same_report(old, &record) {
            true if sealed => Reply::Sealed,
            true => Reply::Duplicate,
            false => Reply::Refused(Refusal::Conflict),
        };
    }
    // A sealed attempt has every ordinal, so this one can only lie beyond the end.
    let beyond = report.ordinal >= attempt.reports;
    let same_spec =
        |(ordinal, old): (u32, &ReportRecord)| ordinal != report.ordinal && old.spec == report.spec;
    if beyond || attempt.received.iter().any(same_spec) {
        return Reply::Refused(Refusal::Conflict);
    }
    attempt.received.insert(report.ordinal, record);
    let complete = attempt.received.len() as u64 == u64::from(attempt.reports);
    let voided = excused && attempt.received.values().any(|report| report.cluster_lost);
    if complete && !voided {
        attempt.state = AttemptState::Sealed;
        return Reply::Sealed;
    }
    Reply::Done
}

/// Whether two reports under one ordinal are the same one sent twice.
fn same_report(a: &ReportRecord, b: &ReportRecord) -> bool {
    let key = |r: &ReportRecord| (r.spec, r.state, r.explained, r.cluster_lost, r.len);
    key(a) == key(b)
}

pub(crate) fn lose(run: &mut RunRecord, id: AttemptId, cause: &LossCause) -> Reply {
    end(run, id, AttemptState::Lost(cause.clone()))
}

pub(crate) fn give_back(run: &mut RunRecord, id: AttemptId) -> Reply {
    end(run, id, AttemptState::Returned)
}

/// Ends a live attempt without a seal. One that is over already stays as it is.
fn end(run: &mut RunRecord, id: AttemptId, state: AttemptState) -> Reply {
    let attempt = group_mut(run, id.target, id.group).and_then(|g| attempt_mut(g, id.number));
    let Some(attempt) = attempt else {
        return Reply::Refused(Refusal::Unknown);
    };
    match attempt.state {
        AttemptState::Sealed if !plant::is(Plant::LossAfterSeal) => Reply::AlreadySealed,
        AttemptState::Live | AttemptState::Sealed => {
            attempt.state = state;
            Reply::Done
        }
        AttemptState::Lost(_) | AttemptState::Returned => Reply::Duplicate,
    }
}

/// Gives a group up. An attempt that is still live is lost by the same command.
pub(crate) fn give_up(
    run: &mut RunRecord,
    target: TargetId,
    group: GroupId,
    cause: &LossCause,
) -> Reply {
    let Some(group) = group_mut(run, target, group) else {
        return Reply::Refused(Refusal::Unknown);
    };
    if group.given_up.is_some() {
        return Reply::Duplicate;
    }
    match group.attempts.last_mut() {
        None => return Reply::Refused(Refusal::Unknown),
        Some(AttemptRecord { state: AttemptState::Sealed, .. }) => return Reply::AlreadySealed,
        Some(AttemptRecord { state: state @ AttemptState::Live, .. }) => {
            *state = AttemptState::Lost(cause.clone());
        }
        Some(_) => {}
    }
    group.given_up = Some(cause.clone());
    Reply::Done
}

fn group_mut(run: &mut RunRecord, target: TargetId, group: GroupId) -> Option<&mut GroupRecord> {
    run.targets.get_mut(&target)?.groups.get_mut(&group)
}

fn attempt_mut(group: &mut GroupRecord, number: u32) -> Option<&mut AttemptRecord> {
    group.attempts.get_mut(number.checked_sub(1)? as usize)
}
