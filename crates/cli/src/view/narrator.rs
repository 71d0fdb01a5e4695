//! Events in words: what the live view leaves above itself and the plain view prints.

use std::collections::{BTreeMap, BTreeSet};

use multibeam_model::event::{Event, Phase, What};
use multibeam_model::ids::{ClusterId, SessionId, TargetId};
use multibeam_model::outcome::{SpecState, Verdict};
use multibeam_model::status::{Queue, RunStatus, Silence, TargetStatus};
use multibeam_model::time::Timestamp;

use super::style::Role;
use super::text::{count, without_colours};
use super::time::{between, exact, short};

/// Most lines of a failure's message.
const MESSAGE_LINES: usize = 12;

/// Something to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    /// Whether it stays on a terminal above the live view, which shows the rest by itself.
    pub(crate) lasting: bool,
    /// How good or bad it is.
    pub(crate) role: Role,
    /// The target or cluster that it is about; empty for the run.
    pub(crate) subject: String,
    /// One line.
    pub(crate) text: String,
    /// Further lines.
    pub(crate) more: Vec<String>,
}

/// Knows what the status forgets: sessions that are over.
#[derive(Debug, Default)]
pub(crate) struct Narrator {
    sessions: BTreeMap<SessionId, (TargetId, ClusterId)>,
    /// Workers that have joined: each joins again when another coordinator takes over.
    joined: BTreeSet<String>,
}

impl Narrator {
    /// What there is to tell about an event; `status` is the one after it.
    pub(crate) fn tell(&mut self, status: &RunStatus, event: &Event) -> Vec<Note> {
        for (id, session) in &status.sessions {
            self.sessions.entry(*id).or_insert((session.target, session.cluster));
        }
        match &event.what {
            What::WorkerJoined { worker, .. } if !self.joined.insert(worker.clone()) => {
                return Vec::new();
            }
            What::WorkerLeft { worker, .. } => {
                self.joined.remove(worker);
            }
            _ => {}
        }
        self.note(status, &event.what).into_iter().collect()
    }

    fn note(&self, status: &RunStatus, what: &What) -> Option<Note> {
        let of_session = |session: &SessionId| {
            let (target, cluster) = self.sessions.get(session)?;
            Some((target_name(status, *target), cluster_name(status, *cluster)))
        };
        let unknown = || (String::new(), "?".to_owned());
        Some(match what {
            What::RunStarted { .. } => passing("", run_started(status)),
            What::Queued { .. } => lasting(Role::Warn, "", queued(status)?),
            What::Dequeued => {
                passing("", "its turn has come: no other run has its clusters".to_owned())
            }
            What::WorkerSilent { worker, cluster, since, until } => {
                let silence = silence(&Silence { since: *since, until: *until }, status.updated);
                let text = format!("worker {worker} {silence}");
                lasting(Role::Warn, &cluster_name(status, *cluster), text)
            }
            What::WorkerHeard { worker, cluster } => {
                let text = format!("worker {worker} is heard from again");
                lasting(Role::Good, &cluster_name(status, *cluster), text)
            }
            What::WorkerJoined { worker, cluster, slots } => {
                let text =
                    format!("worker {worker} joined with {}", count(*slots as usize, "process"));
                passing(&cluster_name(status, *cluster), text)
            }
            What::WorkerLeft { worker, cluster, reason } => {
                let subject = cluster_name(status, *cluster);
                let text = format!("worker {worker} left: {reason}");
                // At the end all of them leave.
                if status.targets.iter().all(|target| target.verdict.is_some()) {
                    passing(&subject, text)
                } else {
                    lasting(Role::Warn, &subject, text)
                }
            }
            What::TargetPrepared { target, selected, total, serial, done, expected, .. } => {
                let mut text = format!("{selected} of {} selected", count(*total as usize, "spec"));
                if *serial > 0 {
                    text += &format!(", {serial} serial");
                }
                if *done > 0 {
                    text += &format!(", {done} done before");
                }
                if !expected.is_zero() {
                    text += &format!(", about {}", short(*expected));
                }
                passing(&target_name(status, *target), text)
            }
            What::TargetPlanned { target, planned } => {
                let range = format!("{} to {}", short(planned.low), short(planned.high));
                let text = format!("planned: {} ({range})", short(planned.expected));
                passing(&target_name(status, *target), text)
            }
            What::SessionOpened { target, cluster, processes, .. } => {
                let cluster = cluster_name(status, *cluster);
                let processes = count(*processes as usize, "process");
                passing(&target_name(status, *target), format!("starting {processes} on {cluster}"))
            }
            What::PhaseBegan { session, phase } => {
                let (target, cluster) = of_session(session).unwrap_or_else(unknown);
                passing(&target, format!("{} on {cluster}", phase_text(*phase)?))
            }
            What::SessionClosed { session, lost: true } => {
                let (target, cluster) = of_session(session).unwrap_or_else(unknown);
                let text = format!("the session on {cluster} was lost");
                lasting(Role::Warn, &target, text)
            }
            What::ProcessEnded { process, end, complete: false } => {
                let (target, cluster) = of_session(&process.session).unwrap_or_else(unknown);
                let number = process.number;
                passing(&target, format!("process {number} on {cluster} ended early: {end}"))
            }
            What::SpecDone {
                attempt,
                cluster,
                spec,
                state,
                run_time,
                message,
                selected: true,
                ..
            } if state.is_failure() => {
                let cluster = cluster_name(status, *cluster);
                let text = format!("{state}: {spec} ({cluster}, {})", exact(*run_time));
                let subject = target_name(status, attempt.target);
                match status.cancelling && *state == SpecState::Interrupted {
                    // That is what the cancel is for.
                    true => passing(&subject, text),
                    false => lasting(Role::Bad, &subject, text).with(message),
                }
            }
            What::SuiteNodeDone { session, node, state, message } if state.is_failure() => {
                let (target, cluster) = of_session(session).unwrap_or_else(unknown);
                lasting(Role::Bad, &target, format!("{state}: {node} ({cluster})")).with(message)
            }
            What::AttemptLost { attempt, spec, cause, given_up } => {
                let subject = target_name(status, attempt.target);
                let next = match given_up {
                    true => ", given up",
                    false if status.cancelling => "",
                    false => ", will be run again",
                };
                let (role, text) =
                    (Role::Warn, format!("lost: {spec} (attempt {}{next})", attempt.number));
                let role = if *given_up { Role::Bad } else { role };
                lasting(role, &subject, text).with(&cause.to_string())
            }
            What::ClusterReady { cluster, ready, detail } => {
                let subject = cluster_name(status, *cluster);
                let (role, text) = match ready {
                    true => (Role::Good, "answers again"),
                    false => (Role::Warn, "does not answer"),
                };
                let text = match detail.trim() {
                    "" => text.to_owned(),
                    detail => format!("{text}: {detail}"),
                };
                lasting(role, &subject, text)
            }
            What::ClusterGivenUp { cluster, reason } => {
                let subject = cluster_name(status, *cluster);
                lasting(Role::Bad, &subject, format!("given up: {reason}"))
            }
            What::CleanedUp { cluster, removed } => {
                let subject = cluster_name(status, *cluster);
                let text =
                    format!("removed {} that lost specs had left", count(removed.len(), "object"));
                passing(&subject, text).with(&removed.join("\n"))
            }
            What::Cancelling { force: false } => {
                let text = "the run is being cancelled: running specs are interrupted and clean up";
                lasting(Role::Warn, "", text.to_owned())
            }
            What::Cancelling { force: true } => lasting(
                Role::Warn,
                "",
                "the run is being stopped by force: running specs are killed".to_owned(),
            ),
            What::Warning { message } => {
                lasting(Role::Warn, "", "warning".to_owned()).joined(message)
            }
            What::TargetEnded { target, verdict, cause } => {
                let subject = target_name(status, *target);
                let mut text = verdict.to_string();
                if let Some(target) = status.targets.get(target.0 as usize) {
                    text += &format!(": {}", tally(target));
                }
                let note = lasting(verdict_role(*verdict), &subject, text);
                note.with(&cause.as_ref().map(ToString::to_string).unwrap_or_default())
            }
            What::RunEnded { verdict } => passing("", format!("run ended: {verdict}")),
            What::SpecStarted { .. }
            | What::SpecDone { .. }
            | What::SuiteNodeDone { .. }
            | What::AttemptSealed { .. }
            | What::ProcessEnded { .. }
            | What::SerialShare { .. }
            | What::Outlook { .. }
            | What::SessionClosed { .. } => return None,
        })
    }
}

impl Note {
    fn with(mut self, text: &str) -> Self {
        let text = without_colours(text);
        let lines: Vec<&str> = text.trim_end().lines().collect();
        let shown = lines.iter().take(MESSAGE_LINES).map(|line| (*line).to_owned());
        self.more.extend(shown);
        if lines.len() > MESSAGE_LINES {
            let rest = lines.len() - MESSAGE_LINES;
            self.more.push(format!("… and {}", count(rest, "more line")));
        }
        self
    }

    /// The first line of `text` behind the note's own, the others below.
    fn joined(mut self, text: &str) -> Self {
        let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
        self.text = format!("{}: {first}", self.text);
        self.with(rest)
    }
}

fn passing(subject: &str, text: String) -> Note {
    Note { lasting: false, ..lasting(Role::Plain, subject, text) }
}

fn lasting(role: Role, subject: &str, text: String) -> Note {
    Note { lasting: true, role, subject: subject.to_owned(), text, more: Vec::new() }
}

/// Behind the time of a run: what was before a resume is not counted, for nobody knows how much of it
/// the run was at work.
pub(crate) fn since_resumed(status: &RunStatus) -> &'static str {
    if status.resumed { " since it was resumed" } else { "" }
}

/// What a queued run waits for.
pub(crate) fn queued(status: &RunStatus) -> Option<String> {
    let Queue { behind, cluster } = status.queued.as_ref()?;
    let cluster = cluster_name(status, *cluster);
    Some(format!("queued: waits for run {behind}, which wants cluster {cluster} as well"))
}

/// For how long a worker is silent, and how long nobody may have its specs.
pub(crate) fn silence(silence: &Silence, now: Timestamp) -> String {
    let (since, until) = (between(silence.since, now), between(now, silence.until));
    format!("not heard from for {}, given up in {}", short(since), short(until))
}

fn run_started(status: &RunStatus) -> String {
    let certified = if status.certified { " (certified)" } else { "" };
    let resumed = if status.resumed { " taken up again" } else { "" };
    format!(
        "run {} of {}{certified}{resumed}: {}, {}",
        status.run,
        status.name,
        count(status.targets.len(), "target"),
        count(status.clusters.len(), "cluster"),
    )
}

/// `402 of 402 specs, 399 passed, 2 failed`.
pub(crate) fn tally(target: &TargetStatus) -> String {
    let mut text = format!("{} of {}", target.done, count(target.selected as usize, "spec"));
    // No event tells how those ended that a resume found done.
    let before = target.done.saturating_sub(target.states.values().sum());
    if before > 0 {
        text += &format!(", {before} before");
    }
    for (state, number) in target.states.iter().filter(|(_, number)| **number > 0) {
        text += &format!(", {number} {state}");
    }
    text
}

/// The colour of a verdict.
pub(crate) fn verdict_role(verdict: Verdict) -> Role {
    match verdict {
        Verdict::Passed => Role::Good,
        Verdict::Failed => Role::Bad,
        Verdict::Incomplete | Verdict::Environment => Role::Warn,
    }
}

fn phase_text(phase: Phase) -> Option<&'static str> {
    match phase {
        Phase::Parallel => Some("parallel specs"),
        Phase::Serial => Some("serial specs, one at a time,"),
        Phase::Starting | Phase::Draining | Phase::Done => None,
    }
}

/// A target's name; its number if the status does not know it.
pub(crate) fn target_name(status: &RunStatus, id: TargetId) -> String {
    let target = status.targets.get(id.0 as usize);
    target.map_or_else(|| format!("target {id}"), |target| target.name.clone())
}

/// A cluster's name; its number if the status does not know it.
pub(crate) fn cluster_name(status: &RunStatus, id: ClusterId) -> String {
    let cluster = status.clusters.get(id.0 as usize);
    cluster.map_or_else(|| format!("cluster {id}"), |cluster| cluster.name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::fixture::Story;

    #[test]
    fn a_worker_joins_once_however_many_coordinators_it_joins() {
        let mut story = Story::new(&[("t", &["a"])]);
        story.joined(0, 2).joined(0, 2);
        let (worker, cluster) = ("w0".to_owned(), ClusterId(0));
        story.tell(What::WorkerLeft { worker, cluster, reason: "not heard from".to_owned() });
        story.joined(0, 2);
        let (status, mut narrator) = (story.status(), Narrator::default());
        let notes = story.events.iter().flat_map(|event| narrator.tell(&status, event));
        let texts: Vec<String> = notes.map(|note| note.text).collect();
        let joined = texts.iter().filter(|text| text.contains("joined")).count();
        assert_eq!(joined, 2, "{texts:?}");
    }
}
