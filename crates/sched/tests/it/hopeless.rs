//! What must come to an end although nobody ever says so.

use crate::rig::{Rig, parallel, serial};
use multibeam_model::link::ProcessNews;
use multibeam_model::outcome::ProcessEnd;
use multibeam_model::{ClusterId, SpecState, WorkerId};
use multibeam_sched::Input;

fn fails_before(rig: &mut Rig, process: &str) {
    let news = ProcessNews::SuiteNodeDone {
        node: "SynchronizedBeforeSuite".to_owned(),
        state: SpecState::Failed,
        message: "no".to_owned(),
    };
    rig.news(process, news);
}

#[test]
fn a_before_suite_that_fails_in_every_process_is_not_tried_for_ever() {
    let mut rig = Rig::new(&[&[0]], 1);
    rig.worker("w", 0, 2);
    rig.plan(0, vec![parallel(0, 5), parallel(1, 5), serial(2, 1)]);
    rig.passed("s1p1");
    rig.skip();
    fails_before(&mut rig, "s1p2");
    rig.wants(["no more s1p2"]);
    fails_before(&mut rig, "s1p1");
    rig.wants(["no more s1p1", "start s1p3 on w total 3"]);
    rig.ended("s1p2");
    rig.wants(["start s1p4 on w total 4"]);
    fails_before(&mut rig, "s1p3");
    rig.wants(["no more s1p3"]);
    rig.ended("s1p3");
    rig.wants(["start s1p5 on w total 5"]);
    fails_before(&mut rig, "s1p4");
    rig.ended("s1p4");
    rig.wants(["no more s1p4"]);
    fails_before(&mut rig, "s1p5");
    rig.ended("s1p5");
    // No further one; process 1 waits in its after-suite, and runs nothing of its share.
    rig.wants(["no more s1p5", "serial s1p1 []"]);
    rig.ended("s1p1");
    rig.wants(["close s1", "end t0 incomplete", "end of run incomplete"]);
}

#[test]
fn a_worker_that_never_prepares_is_not_waited_for_for_ever() {
    let mut rig = Rig::new(&[&[0]], 1);
    let worker = WorkerId::from("w");
    rig.tell(Input::WorkerJoined { worker, cluster: ClusterId(0), slots: 2 });
    rig.wants([]);
    // As long as a preparation may take, and then as long as a target may be without a worker.
    rig.wait(599);
    rig.wants([]);
    rig.wait(2);
    rig.wants([]);
    rig.wait(599);
    rig.wants([]);
    rig.wait(2);
    rig.wants(["end t0 incomplete (environment)", "end of run incomplete (environment)"]);
}

#[test]
fn leases_that_end_before_anything_has_run_speak_against_no_cluster() {
    let mut rig = Rig::new(&[&[0]], 1);
    rig.worker("w", 0, 1);
    rig.plan(0, vec![parallel(0, 5)]);
    rig.skip();
    for session in 1..=5 {
        rig.ends(&format!("s{session}p1"), ProcessEnd::LeaseExpired);
        let (closed, next) = (format!("close s{session} lost"), session + 1);
        let opened = format!("open s{next} t0 c0");
        let started = format!("start s{next}p1 on w total 2");
        rig.wants([closed.as_str(), opened.as_str(), started.as_str()]);
    }
}
