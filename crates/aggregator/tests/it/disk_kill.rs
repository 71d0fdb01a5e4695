//! A process that is killed with SIGKILL while it does all kinds of things to a disk leaves what it
//! had been told is there: nothing older, and nothing half done.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command as Process, Stdio};

use crate::model::*;
use multibeam_aggregator::store::{Disk, MemoryDisk, Store, check};

const DIR: &str = "MULTIBEAM_TEST_DISK_DIR";
const LIVES: &str = "MULTIBEAM_TEST_DISK_LIVES";

/// Step `number` of a life with this seed.
fn step(seed: u64, number: usize) -> Step {
    let mut noise = seed.wrapping_add(number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut draw = |most: u64| {
        noise ^= noise << 13;
        noise ^= noise >> 7;
        noise ^= noise << 17;
        noise % most
    };
    draw(2);
    match draw(20) {
        0..=11 => {
            let back = draw(20).saturating_sub(15);
            let large = if draw(6) == 0 { 60_000 } else { 700 };
            let lengths = (0..draw(8)).map(|_| draw(large) as usize).collect();
            Step::Write { back, lengths, new_term: draw(8) == 0, sync: draw(4) > 0 }
        }
        12 => Step::Compact { base: draw(30), start: draw(30), every: 1 + draw(3), prepared: 0 },
        13 => Step::Compact { base: draw(30), start: draw(30), every: 1 + draw(3), prepared: 2 },
        14 => Step::Forget { every: 2 + draw(4) },
        15 | 16 => {
            Step::Stage { ahead: draw(10), every: 1 + draw(3), length: draw(20_000) as usize }
        }
        18 => Step::Prepare { base: draw(30), slices: 2 },
        17 => Step::Install { ahead: draw(12) },
        _ => Step::Tidy { slices: 3 },
    }
}

/// What a step makes sure of is there whenever the process is killed after it.
fn syncs(step: &Step) -> bool {
    match step {
        Step::Write { sync, .. } => *sync,
        Step::Compact { .. } | Step::Install { .. } => true,
        _ => false,
    }
}

/// What lives of these seeds and lengths, each ended by a kill, leave behind.
fn replay(lives: &[(u64, usize)]) -> (Model, MemoryDisk) {
    let mut disk = MemoryDisk::default();
    let mut model = founded(&mut disk, 1);
    for &(seed, steps) in lives {
        for number in 0..steps {
            model.step(&step(seed, number), &mut disk);
        }
        model.step(&Step::Reopen, &mut disk);
        disk.restart();
    }
    (model, disk)
}

/// The child: goes on with a disk until it is killed, and prints the number of each step that is
/// done. Does nothing when the test runs in the ordinary way.
#[test]
fn child() {
    let (Ok(dir), Ok(lives)) = (std::env::var(DIR), std::env::var(LIVES)) else { return };
    let number = |text: &str| text.parse::<u64>().unwrap();
    let lives: Vec<(u64, usize)> = lives
        .split(',')
        .map(|life| life.split_once(':').unwrap())
        .map(|(seed, steps)| (number(seed), number(steps) as usize))
        .collect();
    let ((seed, _), before) = lives.split_last().unwrap();
    let (mut model, _) = replay(before);
    let mut disk = Store::open(dir).unwrap();
    for number in 0.. {
        model.step(&step(*seed, number), &mut disk);
        println!("\ndone {number}");
    }
}

/// Starts the child and kills it; how many steps it had said were done.
fn run_and_kill(dir: &Path, lives: &[(u64, usize)], after: usize) -> usize {
    let lives: Vec<_> = lives.iter().map(|(seed, steps)| format!("{seed}:{steps}")).collect();
    let mut child = Process::new(std::env::current_exe().unwrap())
        .args(["--exact", "disk_kill::child", "--nocapture"])
        .env(DIR, dir)
        .env(LIVES, lives.join(","))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut done = 0;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let Ok(line) = line else { break };
        let Some(number) = line.strip_prefix("done ") else { continue };
        done = number.parse::<usize>().unwrap() + 1;
        if done == after {
            // What is still in the pipe was done as well.
            child.kill().unwrap();
        }
    }
    let status = child.wait().unwrap();
    assert!(done >= after, "the child ended by itself: {status}");
    done
}

#[test]
fn what_was_durable_is_there() {
    let temp = tempfile::tempdir().unwrap();
    founded(&mut Store::open(temp.path()).unwrap(), 1);
    let mut lives = Vec::new();
    let base: u64 = std::env::var("SEED").map_or(11, |seed| seed.parse().unwrap());
    for (round, after) in [1, 40, 7, 90, 3, 200, 25, 60, 2, 130].into_iter().enumerate() {
        let seed = base.wrapping_mul(1000) + round as u64;
        lives.push((seed, 0));
        let done = run_and_kill(temp.path(), &lives, after);
        lives.pop();

        // It is as it was after some step: not before the last one that was synced, and at most
        // the one that was under way.
        let (mut model, mut memory) = replay(&lives);
        let mut histories = vec![model.clone()];
        let mut durable = 0;
        for number in 0..=done {
            let step = step(seed, number);
            model.step(&step, &mut memory);
            histories.push(model.clone());
            if number < done && syncs(&step) {
                durable = number + 1;
            }
        }
        assert!(check(temp.path()).unwrap().is_sound());
        let mut disk = Store::open(temp.path()).unwrap();
        let found = (durable..histories.len()).rev().find(|&at| histories[at].is_like(&disk));
        let found = found.unwrap_or_else(|| {
            panic!("round {round}: not as after any of {durable}..={}", done + 1)
        });
        // What a start finds can be tidied and changes nothing.
        while disk.tidy().unwrap() {}
        assert!(histories[found].is_like(&disk));
        lives.push((seed, found));
    }
}
