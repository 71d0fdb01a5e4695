//! Three aggregators, two coordinators, four workers on two clusters, each on a host of its own, and a
//! network that is cut, deaf, lossy, or flaps while a run goes on: its end is that of an undisturbed
//! run.
//!
//! What is cut is cut silently: no connection breaks, so that only silence tells. Needs root and
//! network namespaces; skipped, which is told, where these are not to be had, or failed where
//! `MULTIBEAM_NETWORK_TESTS=required` says that they must be.

use std::time::Duration;

use nix::sys::signal::Signal;

use crate::support::netns::{
    AGGREGATORS, COORDINATORS, Fault, IN_OFFICE, STANDING_BY, Suite, System, WORKERS,
};

/// Longer than any fault here lasts, so that no worker is given up.
const LONG: &str = "2m";

/// Lets a worker be given up soon.
const SHORT: &str = "20s";

/// The aggregators but this one.
fn others(than: &str) -> Vec<&'static str> {
    AGGREGATORS.into_iter().filter(|host| *host != than).collect()
}

#[test]
fn the_leader_and_a_worker_are_killed() {
    let Some(mut system) = System::start() else { return };
    let run = system.submit(Suite::Shaped, SHORT);
    let leader = system.leader(&AGGREGATORS);
    system.kill(leader);
    system.wait_for_specs();
    system.crash("a1");
    system.faults(&[]);
    system.start_on(leader);
    system.start_on("a1");
    system.finish(&run);
}

#[test]
fn the_leader_is_cut_off() {
    let Some(system) = System::start() else { return };
    let run = system.submit(Suite::Shaped, LONG);
    let leader = system.leader(&AGGREGATORS);
    system.faults(&[Fault::Isolated(leader)]);
    let _ = system.leader(&others(leader));
    // Everybody has left it for another one, though none of their connections to it has ended.
    system.wait_for_specs();
    system.faults(&[]);
    system.wait_for_all_aggregators();
    system.finish(&run);
}

#[test]
fn the_leader_sends_but_does_not_hear() {
    let Some(system) = System::start() else { return };
    let run = system.submit(Suite::Shaped, LONG);
    let leader = system.leader(&AGGREGATORS);
    system.faults(&[Fault::Deaf(leader)]);
    let _ = system.leader(&others(leader));
    system.wait_for_specs();
    system.faults(&[]);
    system.wait_for_all_aggregators();
    system.finish(&run);
}

#[test]
fn a_follower_comes_and_goes_and_a_worker_loses_packets() {
    let Some(system) = System::start() else { return };
    let run = system.submit(Suite::Shaped, LONG);
    let follower = others(system.leader(&AGGREGATORS))[0];
    let lossy = Fault::Lossy("a1", &AGGREGATORS, 20);
    for round in 0..8 {
        system.faults(&[lossy, Fault::Isolated(follower)]);
        std::thread::sleep(Duration::from_secs(1));
        system.faults(&[lossy]);
        std::thread::sleep(Duration::from_secs(1));
        if round == 1 {
            system.wait_for_specs();
        }
    }
    system.faults(&[]);
    system.wait_for_all_aggregators();
    system.finish(&run);
}

#[test]
fn the_coordinator_in_office_is_stopped_and_comes_back() {
    let Some(system) = System::start() else { return };
    let run = system.submit(Suite::Zoo, LONG);
    let [first, second] = COORDINATORS;
    system.signal(first, Signal::SIGSTOP);
    system.wait_until_said(second, IN_OFFICE);
    system.signal(first, Signal::SIGCONT);
    system.wait_until_said(first, STANDING_BY);
    system.finish(&run);
}

#[test]
fn the_coordinator_in_office_is_cut_off_from_the_workers() {
    let Some(system) = System::start() else { return };
    let run = system.submit(Suite::Zoo, LONG);
    let before = system.complaints();
    // It stays in office: the ledger hears from it.
    system.faults(&[Fault::Apart(COORDINATORS[0], &WORKERS)]);
    system.wait_for_complaints(&before);
    system.faults(&[]);
    system.finish(&run);
}

#[test]
fn the_coordinator_in_office_is_cut_off_from_everybody() {
    let Some(system) = System::start() else { return };
    let run = system.submit(Suite::Shaped, LONG);
    let [first, second] = COORDINATORS;
    system.faults(&[Fault::Isolated(first)]);
    system.wait_until_said(second, IN_OFFICE);
    system.wait_for_specs();
    system.faults(&[]);
    system.wait_until_said(first, STANDING_BY);
    system.finish(&run);
}
