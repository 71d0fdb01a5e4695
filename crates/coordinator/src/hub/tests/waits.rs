//! What a run's watchers are told while it waits: for its turn, and for workers that are silent.

use multibeam_model::ClusterId;
use multibeam_model::event::What;
use multibeam_model::outcome::Verdict;
use multibeam_model::record::{ProcessRecord, TargetEnd};
use multibeam_model::status::Queue;
use multibeam_sched::RecoveredSession;

use super::*;

#[tokio::test]
async fn a_run_that_waits_for_its_turn_says_for_whom() {
    let mut hub = hub();
    begin(&mut hub, "r1", &["a"]);
    begin(&mut hub, "r2", &["b"]);
    begin(&mut hub, "r3", &["b", "a"]);
    let queue = |hub: &mut Task| {
        let (reply, mut answer) = oneshot::channel();
        hub.handle(ToHub::Queue { reply });
        answer.try_recv().unwrap().into_iter().collect::<Vec<_>>()
    };
    let queued = |hub: &mut Task| watch(hub, "r3").status.queued;
    let behind = |run: &str, cluster| Queue { behind: run.into(), cluster: ClusterId(cluster) };
    assert_eq!(queue(&mut hub), [("r3".into(), "r2".into())]);
    assert_eq!(queued(&mut hub), Some(behind("r2", 0)));
    assert_eq!(watch(&mut hub, "r3").status.warnings, [""; 0], "it is no warning");
    let (now, mut events) = (hub.clock.now(), watch(&mut hub, "r3").events);
    hub.runs.remove(&RunId("r2".into()));
    hub.activate_runs(now);
    hub.activate_runs(now);
    assert_eq!(queued(&mut hub), Some(behind("r1", 1)));
    hub.runs.remove(&RunId("r1".into()));
    hub.activate_runs(now);
    assert_eq!((queue(&mut hub), queued(&mut hub)), (vec![], None));
    let told = std::iter::from_fn(|| events.try_recv().ok()).map(|event| event.what);
    let queued = What::Queued { behind: "r1".into(), cluster: ClusterId(1) };
    assert_eq!(told.collect::<Vec<_>>(), [queued, What::Dequeued], "each is said once");
}

/// The silent workers of the first cluster of run `r`, as its watchers see them at that time.
fn silent_at(hub: &mut Task, now: Moment) -> Vec<String> {
    let patience = hub.patience();
    for run in hub.runs.values_mut() {
        run.notice_silence(&hub.workers, patience, now);
    }
    watch(hub, "r").status.clusters[0].silent.keys().cloned().collect()
}

/// A heartbeat of a worker comes in.
fn hear(hub: &mut Task, name: &str, now: Moment) {
    assert!(hub.workers.heard(&worker(name), 0, 0, now));
}

#[tokio::test]
async fn a_worker_that_falls_silent_is_told_of_before_it_is_given_up() {
    let mut hub = hub();
    connect(&mut hub, "a-1", "a");
    begin(&mut hub, "r", &["a"]);
    let (beat, second) = (Limits::default().heartbeat, Duration::from_secs(1));
    let now = hub.clock.now();
    hear(&mut hub, "a-1", now);
    assert_eq!(silent_at(&mut hub, now + beat * 3), [""; 0], "a few may be late");
    assert_eq!(silent_at(&mut hub, now + beat * 3 + second), ["a-1"]);
    let silence = watch(&mut hub, "r").status.clusters[0].silent["a-1"];
    let whole = u128::try_from(silence.until.0 - silence.since.0).unwrap();
    assert_eq!(whole, hub.patience().as_nanos(), "all that it is given");
    let again = now + beat * 5;
    hear(&mut hub, "a-1", again);
    assert_eq!(silent_at(&mut hub, again), [""; 0]);
    let late = again + beat * 4;
    assert_eq!(silent_at(&mut hub, late), ["a-1"]);
    hub.with_run(&RunId("r".into()), |run| run.worker_lost(&worker("a-1"), "silent", late));
    assert_eq!(silent_at(&mut hub, late), [""; 0], "it is gone");
}

#[tokio::test]
async fn a_worker_that_does_not_come_to_a_new_coordinator_is_missed() {
    let mut hub = hub();
    let (patience, cluster) = (Duration::from_secs(71), ClusterId(0));
    let id = ProcessId { session: SessionId(1), number: ProcessNumber(1), incarnation: 1 };
    let process = ProcessRecord { worker: worker("a-1"), total: 1, share: Vec::new(), ended: None };
    let session = RecoveredSession {
        target: TargetId(0),
        cluster,
        facts: Vec::new(),
        passed: true,
        processes: BTreeMap::from([(id, process)]),
    };
    let takeover = Takeover {
        patience,
        sessions: BTreeMap::from([(SessionId(1), session)]),
        served: BTreeMap::new(),
        queued: BTreeSet::new(),
        cancelled: None,
        resumed: false,
    };
    let recovered = Recovered { takeover: Some(takeover), ..Recovered::default() };
    hub.take_over(vec![Begin { recovered: Some(recovered), ..a_run("r", &["a"]) }]);
    connect(&mut hub, "a-2", "a");
    let now = hub.clock.now();
    assert_eq!(silent_at(&mut hub, now), [""; 0]);
    let late = now + Duration::from_secs(16);
    hear(&mut hub, "a-2", late);
    assert_eq!(silent_at(&mut hub, late), ["a-1"]);
    let over = now + patience + Duration::from_secs(1);
    hear(&mut hub, "a-2", over);
    assert_eq!(silent_at(&mut hub, over), [""; 0], "it is given up");
}

#[tokio::test]
async fn a_target_that_was_over_before_a_takeover_ended_then() {
    let mut hub = hub();
    let at = Timestamp(7);
    let end = TargetEnd { verdict: Verdict::Passed, cause: None, at };
    begin_as(&mut hub, Begin { ended: vec![(TargetId(0), end)], ..a_run("r", &["a"]) });
    let status = watch(&mut hub, "r").status;
    assert_eq!(status.targets[0].ended, Some(at));
    assert!(status.updated > at, "time does not go back");
}

#[tokio::test]
async fn time_counts_from_the_beginning_or_from_the_resume() {
    let mut hub = hub();
    let catalogs = BTreeMap::from([(TargetId(0), catalog("old"))]);
    begin_as(&mut hub, Begin { catalogs: catalogs.clone(), ..a_run("r", &["a"]) });
    let resumed = Some(Timestamp(9));
    begin_as(&mut hub, Begin { catalogs, resumed, ..a_run("again", &["b"]) });
    let since = |hub: &mut Task, run| {
        let status = watch(hub, run).status;
        let run = hub.runs.get(&RunId::from(run)).unwrap();
        (status.started, status.resumed, run.at_work_since(TargetId(0)))
    };
    assert_eq!(since(&mut hub, "r"), (Timestamp(1), false, Timestamp(5)));
    assert_eq!(since(&mut hub, "again"), (Timestamp(9), true, Timestamp(9)));
}
