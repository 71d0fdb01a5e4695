//! The state of a run as a watcher sees it, folded from [`crate::event::Event`]s.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::event::{Event, Phase, What, Work};
use crate::ids::{AttemptId, ClusterId, ProcessId, SessionId, TargetId};
use crate::outcome::{Cause, SpecState, Verdict};
use crate::plan::Planned;
use crate::time::Timestamp;

/// A run at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunStatus {
    /// The run's id.
    pub run: String,
    /// Its name.
    pub name: String,
    /// Whether it can lead to a certificate.
    pub certified: bool,
    /// Since when it is at work: when it was made, or taken up by a resume last.
    pub started: Timestamp,
    /// Whether a resume has taken it up: what was before [`RunStatus::started`] is not told here.
    #[serde(default)]
    pub resumed: bool,
    /// The time of the last event.
    pub updated: Timestamp,
    /// What it waits for before it begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queued: Option<Queue>,
    /// Its targets.
    pub targets: Vec<TargetStatus>,
    /// Its clusters.
    pub clusters: Vec<ClusterStatus>,
    /// Sessions that are open.
    pub sessions: BTreeMap<SessionId, SessionStatus>,
    /// Whether it is being cancelled.
    pub cancelling: bool,
    /// How it ended, when it has.
    pub verdict: Option<Verdict>,
    /// Warnings so far.
    pub warnings: Vec<String>,
}

/// What a run waits for before it begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Queue {
    /// The run that has its turn first.
    pub behind: String,
    /// The cluster that both want.
    pub cluster: ClusterId,
}

/// A target at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TargetStatus {
    /// Its name.
    pub name: String,
    /// Its clusters.
    pub clusters: Vec<ClusterId>,
    /// Whether discovery is done.
    pub prepared: bool,
    /// Specs to run.
    pub selected: u32,
    /// Of these, serial ones.
    pub serial: u32,
    /// Specs with a report that has arrived.
    pub done: u32,
    /// How many of each state.
    pub states: BTreeMap<SpecState, u32>,
    /// Attempts lost so far.
    pub lost_attempts: u32,
    /// How long it was expected to take when it was prepared.
    pub expected: Duration,
    /// What was expected of it before it began, once that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned: Option<Planned>,
    /// How long it still takes, as was told last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outlook: Option<Outlook>,
    /// What is still to be run, running specs included.
    #[serde(default)]
    pub left: Work,
    /// Since when it is at work: when it was prepared, or taken up by a resume last.
    pub prepared_at: Timestamp,
    /// How long the specs done so far have run, one after the other.
    pub ran: Duration,
    /// How long they were expected to run.
    pub ran_expected: Duration,
    /// Failures, in the order they came.
    pub failures: Vec<Failure>,
    /// How it ended, when it has.
    pub verdict: Option<Verdict>,
    /// Why specs were not run, if any were not.
    pub cause: Option<Cause>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// Reports of attempts that are not sealed yet: a loss takes them back.
    pub unsealed: Vec<Unsealed>,
}

/// How long something still takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outlook {
    /// When that was said.
    pub at: Timestamp,
    /// How long from then on.
    pub left: Duration,
}

/// What an attempt has reported before its seal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Unsealed {
    /// The attempt.
    pub attempt: AttemptId,
    /// The states of its selected specs so far.
    pub states: Vec<SpecState>,
    /// How much of [`TargetStatus::left`] they were.
    #[serde(default)]
    pub work: Work,
}

/// One failure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// The attempt that reported it; `None` for suite nodes.
    #[serde(default)]
    pub attempt: Option<AttemptId>,
    /// The spec's full text, or the suite node's name.
    pub spec: String,
    /// Its state.
    pub state: SpecState,
    /// Where it ran.
    pub cluster: ClusterId,
    /// The failure's first lines.
    pub message: String,
    /// Whether all its attempts were lost, and not to a cancel by force: its state is made up.
    #[serde(default)]
    pub lost: bool,
}

/// A cluster at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterStatus {
    /// Its name.
    pub name: String,
    /// Its workers and their slots.
    pub workers: BTreeMap<String, u32>,
    /// Workers that are not heard from, also those that another coordinator knew and that have not
    /// come back.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub silent: BTreeMap<String, Silence>,
    /// Whether its API server does not answer.
    pub unready: bool,
    /// Why it is no longer used, if it is not.
    pub given_up: Option<String>,
}

/// A worker is not heard from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Silence {
    /// Since when.
    pub since: Timestamp,
    /// When it is given up, and what it has is run again.
    pub until: Timestamp,
}

/// An open session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionStatus {
    /// Its target.
    pub target: TargetId,
    /// Its cluster.
    pub cluster: ClusterId,
    /// Its phase.
    pub phase: Phase,
    /// How many processes it started with.
    pub processes: u32,
    /// What is left of its serial share; `None` before that has begun.
    #[serde(default)]
    pub serial_left: Option<Duration>,
    /// What runs in it now.
    pub running: Vec<RunningSpec>,
}

/// A spec that runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunningSpec {
    /// Where it runs.
    pub process: ProcessId,
    /// Its attempt.
    pub attempt: AttemptId,
    /// Its full text.
    pub spec: String,
    /// When it began.
    pub since: Timestamp,
}

impl TargetStatus {
    /// Keeps what an attempt has reported until it is sealed or lost.
    fn note(&mut self, attempt: AttemptId, state: SpecState, expected: Duration, serial: bool) {
        let left = self.left.part_mut(serial);
        let done = expected.min(*left);
        *left -= done;
        let known = self.unsealed.iter().position(|unsealed| unsealed.attempt == attempt);
        let place = known.unwrap_or_else(|| {
            let work = Work::default();
            self.unsealed.push(Unsealed { attempt, states: Vec::new(), work });
            self.unsealed.len() - 1
        });
        let unsealed = &mut self.unsealed[place];
        unsealed.states.push(state);
        *unsealed.work.part_mut(serial) += done;
    }

    /// Takes the reports of a lost attempt back; those of one given up count.
    fn lose(&mut self, attempt: AttemptId, given_up: bool) {
        let Some(place) = self.unsealed.iter().position(|u| u.attempt == attempt) else {
            return;
        };
        let unsealed = self.unsealed.swap_remove(place);
        if given_up {
            return;
        }
        self.failures.retain(|failure| failure.attempt != Some(attempt));
        self.left.parallel += unsealed.work.parallel;
        self.left.serial += unsealed.work.serial;
        for state in unsealed.states {
            self.done = self.done.saturating_sub(1);
            if let Some(count) = self.states.get_mut(&state) {
                *count = count.saturating_sub(1);
            }
        }
    }
}

impl RunStatus {
    /// Takes one event in.
    pub fn apply(&mut self, event: &Event) {
        let at = event.at;
        // What ended before a takeover is told again, as of then.
        self.updated = self.updated.max(at);
        match &event.what {
            What::RunStarted {
                run,
                name,
                certified,
                targets,
                clusters,
                serves,
                since,
                resumed,
            } => {
                *self = Self {
                    run: run.0.clone(),
                    name: name.clone(),
                    certified: *certified,
                    started: told_or(*since, at),
                    resumed: *resumed,
                    updated: at,
                    targets: targets
                        .iter()
                        .zip(serves)
                        .map(|(name, clusters)| TargetStatus {
                            name: name.clone(),
                            clusters: clusters.clone(),
                            ..TargetStatus::default()
                        })
                        .collect(),
                    clusters: clusters
                        .iter()
                        .map(|name| ClusterStatus {
                            name: name.clone(),
                            ..ClusterStatus::default()
                        })
                        .collect(),
                    ..Self::default()
                };
            }
            What::Queued { behind, cluster } => {
                self.queued = Some(Queue { behind: behind.0.clone(), cluster: *cluster });
            }
            What::Dequeued => self.queued = None,
            What::WorkerJoined { worker, cluster, slots } => {
                if let Some(cluster) = self.cluster_mut(*cluster) {
                    cluster.workers.insert(worker.clone(), *slots);
                    cluster.silent.remove(worker);
                }
            }
            What::WorkerLeft { worker, cluster, .. } => {
                if let Some(cluster) = self.cluster_mut(*cluster) {
                    cluster.workers.remove(worker);
                    cluster.silent.remove(worker);
                }
            }
            What::WorkerSilent { worker, cluster, since, until } => {
                if let Some(cluster) = self.cluster_mut(*cluster) {
                    let silence = Silence { since: *since, until: *until };
                    cluster.silent.insert(worker.clone(), silence);
                }
            }
            What::WorkerHeard { worker, cluster } => {
                if let Some(cluster) = self.cluster_mut(*cluster) {
                    cluster.silent.remove(worker);
                }
            }
            What::TargetPrepared {
                target, selected, serial, done, expected, work, since, ..
            } => {
                if let Some(target) = self.target_mut(*target) {
                    target.prepared = true;
                    target.selected = *selected;
                    target.serial = *serial;
                    target.done = *done;
                    target.expected = *expected;
                    target.left = *work;
                    target.prepared_at = told_or(*since, at);
                }
            }
            What::TargetPlanned { target, planned } => {
                if let Some(target) = self.target_mut(*target) {
                    target.planned = Some(*planned);
                }
            }
            What::Outlook { target, left } => {
                if let Some(target) = self.target_mut(*target) {
                    target.outlook = Some(Outlook { at, left: *left });
                }
            }
            What::SessionOpened { session, target, cluster, processes } => {
                self.sessions.insert(
                    *session,
                    SessionStatus {
                        target: *target,
                        cluster: *cluster,
                        phase: Phase::Starting,
                        processes: *processes,
                        serial_left: None,
                        running: Vec::new(),
                    },
                );
            }
            What::PhaseBegan { session, phase } => {
                if let Some(session) = self.sessions.get_mut(session) {
                    session.phase = *phase;
                }
            }
            What::SerialShare { session, expected } => {
                if let Some(session) = self.sessions.get_mut(session) {
                    session.serial_left = Some(*expected);
                }
            }
            What::SessionClosed { session, .. } => {
                self.sessions.remove(session);
            }
            What::ProcessEnded { process, .. } => {
                if let Some(session) = self.sessions.get_mut(&process.session) {
                    session.running.retain(|running| running.process != *process);
                }
            }
            What::SpecStarted { attempt, process, spec, .. } => {
                if let Some(session) = self.sessions.get_mut(&process.session) {
                    session.running.retain(|running| running.process != *process);
                    session.running.push(RunningSpec {
                        process: *process,
                        attempt: *attempt,
                        spec: spec.clone(),
                        since: at,
                    });
                }
            }
            What::SpecDone {
                attempt,
                process,
                cluster,
                spec,
                state,
                message,
                selected,
                run_time,
                expected,
            } => {
                let mut serial = false;
                if let Some(session) = self.sessions.get_mut(&process.session) {
                    session.running.retain(|running| running.process != *process);
                    // Nothing else runs in that phase.
                    serial = session.phase == Phase::Serial;
                    if let Some(left) = session.serial_left.as_mut().filter(|_| *selected) {
                        *left = left.saturating_sub(*expected);
                    }
                }
                if let Some(target) = self.target_mut(attempt.target).filter(|_| *selected) {
                    target.done += 1;
                    target.ran += *run_time;
                    target.ran_expected += *expected;
                    *target.states.entry(*state).or_default() += 1;
                    target.note(*attempt, *state, *expected, serial);
                    if state.is_failure() {
                        target.failures.push(Failure {
                            attempt: Some(*attempt),
                            spec: spec.clone(),
                            state: *state,
                            cluster: *cluster,
                            message: message.clone(),
                            lost: false,
                        });
                    }
                }
            }
            What::SuiteNodeDone { session, node, state, message } if state.is_failure() => {
                let place = self.sessions.get(session).map(|s| (s.target, s.cluster));
                if let Some((target, cluster)) = place
                    && let Some(target) = self.target_mut(target)
                {
                    target.failures.push(Failure {
                        attempt: None,
                        spec: node.clone(),
                        state: *state,
                        cluster,
                        message: message.clone(),
                        lost: false,
                    });
                }
            }
            What::AttemptSealed { attempt } => {
                if let Some(target) = self.target_mut(attempt.target) {
                    target.unsealed.retain(|unsealed| unsealed.attempt != *attempt);
                }
            }
            What::AttemptLost { attempt, given_up, .. } => {
                if let Some(target) = self.target_mut(attempt.target) {
                    target.lost_attempts += 1;
                    target.lose(*attempt, *given_up);
                }
            }
            What::ClusterReady { cluster, ready, .. } => {
                if let Some(cluster) = self.cluster_mut(*cluster) {
                    cluster.unready = !ready;
                }
            }
            What::ClusterGivenUp { cluster, reason } => {
                if let Some(cluster) = self.cluster_mut(*cluster) {
                    cluster.given_up = Some(reason.clone());
                }
            }
            What::Cancelling { .. } => {
                self.cancelling = true;
                // It ends without having begun.
                self.queued = None;
            }
            What::Warning { message } => self.warnings.push(message.clone()),
            What::TargetEnded { target, verdict, cause } => {
                if let Some(target) = self.target_mut(*target) {
                    target.verdict = Some(*verdict);
                    target.cause.clone_from(cause);
                    target.ended = Some(at);
                }
            }
            What::RunEnded { verdict } => self.verdict = Some(*verdict),
            What::SuiteNodeDone { .. } | What::CleanedUp { .. } => {}
        }
    }

    fn target_mut(&mut self, id: TargetId) -> Option<&mut TargetStatus> {
        self.targets.get_mut(id.0 as usize)
    }

    fn cluster_mut(&mut self, id: ClusterId) -> Option<&mut ClusterStatus> {
        self.clusters.get_mut(id.0 as usize)
    }
}

/// An older coordinator does not tell since when something is at work.
fn told_or(since: Timestamp, at: Timestamp) -> Timestamp {
    if since == Timestamp::default() { at } else { since }
}

#[cfg(test)]
mod tests;
