use super::*;
use crate::ids::{GroupId, ProcessNumber, RunId};
use crate::outcome::LossCause;

fn fold(events: Vec<What>) -> RunStatus {
    let mut status = RunStatus::default();
    for (at, what) in events.into_iter().enumerate() {
        let at = Timestamp(i64::try_from(at).unwrap());
        status.apply(&Event { at, what });
    }
    status
}

fn one_spec_done() -> Vec<What> {
    let (target, cluster, session) = (TargetId(0), ClusterId(0), SessionId(1));
    let process = ProcessId { session, number: ProcessNumber::FIRST, incarnation: 1 };
    let attempt = AttemptId { target, group: GroupId(4), number: 1 };
    vec![
        What::RunStarted {
            run: RunId::from("r"),
            name: "nightly".into(),
            certified: false,
            targets: vec!["t".into()],
            clusters: vec!["c".into()],
            serves: vec![vec![cluster]],
            since: Timestamp(0),
            resumed: false,
        },
        What::TargetPrepared {
            target,
            selected: 3,
            total: 3,
            serial: 0,
            done: 0,
            expected: Duration::from_secs(5),
            work: Work { parallel: Duration::from_secs(10), serial: Duration::ZERO },
            since: Timestamp(0),
        },
        What::SessionOpened { session, target, cluster, processes: 2 },
        What::SpecStarted { attempt, process, cluster, spec: "a".into() },
        What::SpecDone {
            attempt,
            process,
            cluster,
            spec: "a".into(),
            state: SpecState::Failed,
            run_time: Duration::from_secs(1),
            expected: Duration::from_secs(2),
            message: "no".into(),
            selected: true,
        },
    ]
}

#[test]
fn the_status_survives_json() {
    let mut events = one_spec_done();
    events.truncate(4);
    let status = fold(events);
    assert_eq!(status.sessions[&SessionId(1)].running.len(), 1);
    let json = serde_json::to_string(&status).unwrap();
    assert_eq!(serde_json::from_str::<RunStatus>(&json).unwrap(), status);
    let status = fold(one_spec_done());
    let json = serde_json::to_string(&status).unwrap();
    assert_eq!(serde_json::from_str::<RunStatus>(&json).unwrap(), status);
}

#[test]
fn a_lost_attempt_takes_its_reports_back_unless_it_was_the_last() {
    for given_up in [false, true] {
        let mut events = one_spec_done();
        let attempt = AttemptId { target: TargetId(0), group: GroupId(4), number: 1 };
        events.push(What::AttemptLost {
            attempt,
            spec: "a".into(),
            cause: LossCause::Killed,
            given_up,
        });
        let status = fold(events);
        assert_eq!(status.targets[0].done, u32::from(given_up));
        assert_eq!(status.targets[0].states[&SpecState::Failed], u32::from(given_up));
        assert_eq!(status.targets[0].failures.len(), usize::from(given_up));
        let left = Duration::from_secs(if given_up { 8 } else { 10 });
        assert_eq!(status.targets[0].left, Work { parallel: left, serial: Duration::ZERO });
    }
}

#[test]
fn events_survive_json() {
    for what in one_spec_done() {
        let event = Event { at: Timestamp(7), what };
        let json = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<Event>(&json).unwrap(), event, "{json}");
    }
}
