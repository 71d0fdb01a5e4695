//! docs/json.md describes every event with every field, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use multibeam_model::event::{EVENT_FORMAT, Event, Phase, What, Work};
use multibeam_model::outcome::{LossCause, ProcessEnd, SpecState, Verdict};
use multibeam_model::plan::Planned;
use multibeam_model::{
    AttemptId, ClusterId, GroupId, ProcessId, ProcessNumber, RunId, SessionId, TargetId, Timestamp,
};

/// The fields of each event.
type Events = BTreeMap<String, BTreeSet<String>>;

/// One of each, whatever its fields say.
fn samples() -> Vec<What> {
    let (target, cluster, session) = (TargetId(0), ClusterId(0), SessionId(0));
    let process = ProcessId { session, number: ProcessNumber(1), incarnation: 1 };
    let attempt = AttemptId { target, group: GroupId(0), number: 1 };
    let (state, time, text) = (SpecState::Passed, Duration::ZERO, String::new);
    vec![
        What::RunStarted {
            run: RunId(text()),
            name: text(),
            certified: true,
            targets: Vec::new(),
            clusters: Vec::new(),
            serves: Vec::new(),
            since: Timestamp(0),
            resumed: false,
        },
        What::Queued { behind: RunId(text()), cluster },
        What::Dequeued,
        What::WorkerSilent { worker: text(), cluster, since: Timestamp(0), until: Timestamp(0) },
        What::WorkerHeard { worker: text(), cluster },
        What::WorkerJoined { worker: text(), cluster, slots: 1 },
        What::WorkerLeft { worker: text(), cluster, reason: text() },
        What::TargetPrepared {
            target,
            selected: 1,
            total: 1,
            serial: 0,
            done: 0,
            expected: time,
            work: Work::default(),
            since: Timestamp(0),
        },
        What::TargetPlanned { target, planned: Planned::default() },
        What::Outlook { target, left: time },
        What::SessionOpened { session, target, cluster, processes: 1 },
        What::PhaseBegan { session, phase: Phase::Parallel },
        What::SerialShare { session, expected: time },
        What::SessionClosed { session, lost: false },
        What::ProcessEnded { process, end: ProcessEnd::Exit(0), complete: true },
        What::SpecStarted { attempt, process, cluster, spec: text() },
        What::SpecDone {
            attempt,
            process,
            cluster,
            spec: text(),
            state,
            run_time: time,
            expected: time,
            message: text(),
            selected: true,
        },
        What::SuiteNodeDone { session, node: text(), state, message: text() },
        What::AttemptSealed { attempt },
        What::AttemptLost { attempt, spec: text(), cause: LossCause::Killed, given_up: true },
        What::ClusterReady { cluster, ready: true, detail: text() },
        What::ClusterGivenUp { cluster, reason: text() },
        What::CleanedUp { cluster, removed: Vec::new() },
        What::Cancelling { force: false },
        What::Warning { message: text() },
        What::TargetEnded { target, verdict: Verdict::Passed, cause: None },
        What::RunEnded { verdict: Verdict::Passed },
    ]
}

/// Events and fields as they are printed.
fn printed() -> Events {
    let fields = |what| {
        let event = serde_json::to_value(Event { at: Timestamp(0), what }).unwrap();
        let mut fields: BTreeSet<String> = event.as_object().unwrap().keys().cloned().collect();
        assert!(fields.remove("at") && fields.remove("event"), "{event}");
        (event["event"].as_str().unwrap().to_owned(), fields)
    };
    samples().into_iter().map(fields).collect()
}

/// Events and fields as the page has them: a heading for each event, a list of its fields below it.
fn documented(page: &str) -> Events {
    let mut events = Events::new();
    let (_, page) = page.split_once("\n## Events\n").unwrap();
    for section in page.split("\n### ").skip(1) {
        let (name, body) = section.split_once('\n').unwrap();
        let fields = body.lines().filter_map(|line| line.strip_prefix("- "));
        let fields = fields.flat_map(|line| {
            let (names, _) = line.split_once(": ").expect("a field and what it means");
            names.split(", ").map(|name| name.trim_matches('`').to_owned()).collect::<Vec<_>>()
        });
        let known = events.insert(name.trim_matches('`').to_owned(), fields.collect());
        assert!(known.is_none(), "{name} is there twice");
    }
    events
}

#[test]
fn the_page_has_every_event_with_its_fields() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/json.md");
    let page = std::fs::read_to_string(page).unwrap();
    assert_eq!(documented(&page), printed());
    assert!(page.contains(&format!("`{{\"format\":{EVENT_FORMAT}}}`")));
}

/// Serde names all events when it meets one that it does not know.
#[test]
fn there_is_a_sample_of_every_event() {
    let error = serde_json::from_str::<What>(r#"{"event":"no such event"}"#).unwrap_err();
    let error = error.to_string();
    let (_, known) = error.split_once("expected one of ").unwrap();
    let known: BTreeSet<&str> = known.split('`').skip(1).step_by(2).collect();
    let printed = printed();
    assert_eq!(printed.keys().map(String::as_str).collect::<BTreeSet<_>>(), known);
}
