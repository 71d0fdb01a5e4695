//! Runs for the tests of the views, told as events.

use std::time::Duration;

use multibeam_model::event::{Event, Phase, What, Work};
use multibeam_model::ids::{
    AttemptId, ClusterId, GroupId, ProcessId, ProcessNumber, RunId, SessionId, TargetId,
};
use multibeam_model::outcome::SpecState;
use multibeam_model::status::RunStatus;
use multibeam_model::time::Timestamp;

/// When every story begins; no round number.
const BEGIN: i64 = 1_767_225_600_123_456_789;

/// A moment of a story, in seconds since its beginning.
pub(crate) fn at(secs: f64) -> Timestamp {
    Timestamp(BEGIN + (secs * 1e9) as i64)
}

/// Events in their order.
#[derive(Debug)]
pub(crate) struct Story {
    pub(crate) events: Vec<Event>,
    now: f64,
    group: u32,
}

impl Story {
    /// A run of targets with their clusters.
    pub(crate) fn new(targets: &[(&str, &[&str])]) -> Self {
        let mut clusters: Vec<String> = Vec::new();
        let mut serves = Vec::new();
        for (_, names) in targets {
            let mut own = Vec::new();
            for name in *names {
                let known = clusters.iter().position(|known| known == name);
                let index = known.unwrap_or_else(|| {
                    clusters.push((*name).to_owned());
                    clusters.len() - 1
                });
                own.push(ClusterId(index as u32));
            }
            serves.push(own);
        }
        let mut story = Self { events: Vec::new(), now: 0.0, group: 0 };
        story.tell(What::RunStarted {
            run: RunId::from("20260101-000000-ab12"),
            name: "nightly".to_owned(),
            certified: false,
            targets: targets.iter().map(|(name, _)| (*name).to_owned()).collect(),
            clusters,
            serves,
            since: at(0.0),
            resumed: false,
        });
        story
    }

    /// Lets time go by.
    pub(crate) fn at(&mut self, secs: f64) -> &mut Self {
        self.now = secs;
        self
    }

    pub(crate) fn tell(&mut self, what: What) -> &mut Self {
        self.events.push(Event { at: at(self.now), what });
        self
    }

    pub(crate) fn prepared(
        &mut self,
        target: u32,
        selected: u32,
        serial: u32,
        secs: u64,
    ) -> &mut Self {
        self.tell(What::TargetPrepared {
            target: TargetId(target),
            selected,
            total: selected * 2,
            serial,
            done: 0,
            expected: Duration::from_secs(secs),
            work: Work::default(),
            since: at(self.now),
        })
    }

    /// So much is left of a target.
    pub(crate) fn outlook(&mut self, target: u32, secs: u64) -> &mut Self {
        let left = Duration::from_secs(secs);
        self.tell(What::Outlook { target: TargetId(target), left })
    }

    pub(crate) fn joined(&mut self, cluster: u32, slots: u32) -> &mut Self {
        let worker = format!("w{cluster}");
        self.tell(What::WorkerJoined { worker, cluster: ClusterId(cluster), slots })
    }

    /// A session that works on its parallel part.
    pub(crate) fn session(
        &mut self,
        session: u32,
        target: u32,
        cluster: u32,
        processes: u32,
    ) -> &mut Self {
        self.tell(What::SessionOpened {
            session: SessionId(session),
            target: TargetId(target),
            cluster: ClusterId(cluster),
            processes,
        })
        .phase(session, Phase::Parallel)
    }

    pub(crate) fn phase(&mut self, session: u32, phase: Phase) -> &mut Self {
        self.tell(What::PhaseBegan { session: SessionId(session), phase })
    }

    /// A spec begins on a process; the next `done` of that process ends it.
    pub(crate) fn start(&mut self, session: u32, process: u32, spec: &str) -> &mut Self {
        self.group += 1;
        let (attempt, process) = (self.attempt(session), process_id(session, process));
        let cluster = self.cluster(session);
        self.tell(What::SpecStarted { attempt, process, cluster, spec: spec.to_owned() })
    }

    pub(crate) fn done(
        &mut self,
        session: u32,
        spec: &str,
        state: SpecState,
        message: &str,
    ) -> &mut Self {
        let (attempt, cluster) = (self.attempt(session), self.cluster(session));
        self.tell(What::SpecDone {
            attempt,
            process: process_id(session, 1),
            cluster,
            spec: spec.to_owned(),
            state,
            expected: std::time::Duration::ZERO,
            run_time: Duration::from_millis(3_240),
            message: message.to_owned(),
            selected: true,
        })
    }

    /// Specs that pass one after the other.
    pub(crate) fn pass(&mut self, session: u32, number: usize) -> &mut Self {
        for _ in 0..number {
            self.group += 1;
            self.done(session, "a spec that passes", SpecState::Passed, "");
        }
        self
    }

    pub(crate) fn attempt(&self, session: u32) -> AttemptId {
        let (target, _) = self.place(session);
        AttemptId { target, group: GroupId(self.group), number: 1 }
    }

    pub(crate) fn status(&self) -> RunStatus {
        let mut status = RunStatus::default();
        for event in &self.events {
            status.apply(event);
        }
        status
    }

    fn cluster(&self, session: u32) -> ClusterId {
        self.place(session).1
    }

    fn place(&self, wanted: u32) -> (TargetId, ClusterId) {
        let found = self.events.iter().find_map(|event| match event.what {
            What::SessionOpened { session, target, cluster, .. } if session.0 == wanted => {
                Some((target, cluster))
            }
            _ => None,
        });
        found.expect("a story opens its sessions")
    }
}

fn process_id(session: u32, number: u32) -> ProcessId {
    ProcessId { session: SessionId(session), number: ProcessNumber(number), incarnation: 1 }
}

/// Three targets in the midst of their work, two clusters each.
pub(crate) fn busy() -> Story {
    let mut story = Story::new(&[
        ("v1.36 / cilium", &["a1", "a2"]),
        ("v1.35 / cilium", &["b1", "b2"]),
        ("v1.34 / calico", &["c1", "c2"]),
    ]);
    for cluster in 0..6 {
        story.joined(cluster, 4);
    }
    story.at(2.0).prepared(0, 402, 30, 900).prepared(1, 400, 30, 900).prepared(2, 398, 28, 900);
    for cluster in 0..6 {
        story.session(cluster + 1, cluster / 2, cluster, 4);
    }
    story.at(60.0).pass(1, 100).pass(2, 60).pass(3, 240).pass(5, 12);
    story.start(1, 2, "[sig-apps] StatefulSet Basic StatefulSet functionality [StatefulSetBasic] should perform rolling updates and roll backs of template modifications [Conformance]");
    story.at(200.0);
    story.start(2, 1, "[sig-network] DNS should provide DNS for services [Conformance]");
    story.start(3, 1, "[sig-node] Pods should be restarted with a /healthz http liveness probe");
    story.done(
        3,
        "[sig-node] Probing container should fail",
        SpecState::Failed,
        "Timed out after 300s.\nExpected\n    <bool>: false\nto be true",
    );
    story.at(230.0).phase(4, Phase::Serial).outlook(0, 578).outlook(1, 273).outlook(2, 672);
    story
}
