//! How a service ends. One test: signals are for the whole process.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use multibeam_rt::admin::Readiness;
use multibeam_rt::drain::{Asked, Drained, Signals, drain};
use multibeam_rt::tasks::TaskGroup;
use nix::sys::signal::{Signal, raise};

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test(start_paused = true)]
async fn a_service_ends_in_time_or_by_force() {
    let mut signals = Signals::new().unwrap();
    let readiness = Readiness::new();
    let latch = readiness.latch("serving");

    latch.ready();
    let group = TaskGroup::new();
    let (wants, unready) = (group.spawner().drain(), readiness.clone());
    group.spawner().spawn("drains", async move {
        wants.requested().await;
        assert_eq!(unready.unready()[0].to_string(), "serving: draining after SIGTERM");
        tokio::time::sleep(HOUR / 2).await;
    });
    raise(Signal::SIGTERM).unwrap();
    let asked = signals.asked().await;
    assert_eq!(asked, Asked::Terminate);
    let drained = drain(asked, &mut signals, &latch, group, HOUR).await;
    assert_eq!(drained, Ok(Drained::InTime));

    let group = TaskGroup::new();
    group.spawner().spawn("deaf", std::future::pending());
    let drained = drain(asked, &mut signals, &latch, group, HOUR).await;
    assert_eq!(drained, Ok(Drained::Forced(vec!["deaf".to_owned()])));

    let group = TaskGroup::new();
    let deaf = group.spawner().spawn("deaf", std::future::pending());
    raise(Signal::SIGINT).unwrap();
    let drained = drain(asked, &mut signals, &latch, group, HOUR).await;
    assert_eq!(drained, Ok(Drained::Hurried));
    deaf.ended().await;

    let group = TaskGroup::new();
    group.spawner().spawn("bad", async { panic!("bad") });
    let panicked = drain(asked, &mut signals, &latch, group, HOUR).await.unwrap_err();
    assert_eq!(panicked.task, "bad");
}
