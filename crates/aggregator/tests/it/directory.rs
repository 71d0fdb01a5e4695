//! A store's directory: what it refuses, and what lies in it.

use std::fs;
use std::sync::atomic::Ordering;

use crate::disk::*;
use multibeam_aggregator::StoreError;
use multibeam_aggregator::store::{Disk, Store};

#[test]
fn nothing_gets_into_a_file_of_its_own() {
    let temp = tempfile::tempdir().unwrap();
    fill(temp.path());
    let mut store = Store::open(temp.path()).unwrap();
    store.stage(&(31..=LAST).map(entry).collect::<Vec<_>>()).unwrap();
    // The largest state and the largest entries are in chunks as well.
    store.write(&write(LAST + 1..=LAST + 80)).unwrap();
    let state = vec![7; 3 << 20];
    store.compact(&multibeam_ledger::node::disk::Compact { state, ..compact() }).unwrap();
    while store.tidy().unwrap() {}
    drop(store);
    // sled never syncs such files.
    assert_eq!(fs::read_dir(temp.path().join("log/blobs")).unwrap().count(), 0);
}

/// Who watches it must not take a large state for a disk that hangs.
#[test]
fn a_long_call_tells_that_it_comes_on() {
    let temp = tempfile::tempdir().unwrap();
    fill(temp.path());
    let mut store = Store::open(temp.path()).unwrap();
    let progress = store.progress();
    let before = progress.load(Ordering::Relaxed);
    let state = vec![7; 3 << 20];
    store.compact(&multibeam_ledger::node::disk::Compact { state, ..compact() }).unwrap();
    let steps = progress.load(Ordering::Relaxed) - before;
    assert!(steps >= 12, "one step for each 256 KiB, and the last one: {steps}");
}

#[test]
fn a_store_is_open_once() {
    let temp = tempfile::tempdir().unwrap();
    let store = Store::open(temp.path()).unwrap();
    let error = Store::open(temp.path()).unwrap_err();
    assert!(matches!(error, StoreError::Locked { .. }));
    assert!(error.to_string().contains("another multibeam has the ledger"), "{error}");
    drop(store);
    Store::open(temp.path()).unwrap();
}

#[test]
fn other_formats_are_refused_before_anything_is_touched() {
    let temp = tempfile::tempdir().unwrap();
    fill(temp.path());
    let before = files(temp.path());
    let format = temp.path().join("FORMAT");
    let current = fs::read_to_string(&format).unwrap();
    let number: u32 = current.trim().rsplit(' ').next().unwrap().parse().unwrap();
    let refused = |text: &str| {
        fs::write(&format, text).unwrap();
        Store::open(temp.path()).unwrap_err()
    };
    let older = refused("multibeam-ledger 1\n");
    assert!(matches!(older, StoreError::Outdated { found: 1, expected, .. } if expected == number));
    assert!(older.to_string().contains("outdated data format 1"), "{older}");
    let newer = refused(&format!("multibeam-ledger {}\n", number + 1));
    assert!(matches!(newer, StoreError::Newer { found, .. } if found == number + 1));
    assert!(matches!(refused("something else"), StoreError::Damaged { .. }));
    fs::write(&format, current).unwrap();
    assert!(files(temp.path()) == before);
    verify(temp.path()).unwrap();
}

#[test]
fn a_directory_with_other_things_is_left_alone() {
    let temp = tempfile::tempdir().unwrap();
    fs::write(temp.path().join("notes.txt"), "mine").unwrap();
    assert!(matches!(Store::open(temp.path()), Err(StoreError::Foreign { .. })));
    assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 1);
}

#[test]
fn a_start_that_was_killed_early_is_no_obstacle() {
    let temp = tempfile::tempdir().unwrap();
    fs::write(temp.path().join("LOCK"), "").unwrap();
    fs::write(temp.path().join("FORMAT.new"), "multibeam-le").unwrap();
    Store::open(temp.path()).unwrap();
}

#[test]
fn a_log_that_lost_its_end_is_noticed() {
    let temp = tempfile::tempdir().unwrap();
    fill(temp.path());
    // Without its files the log is still a valid one, of nothing.
    fs::remove_dir_all(temp.path().join("log")).unwrap();
    let error = Store::open(temp.path()).unwrap_err();
    assert!(error.to_string().contains("was acknowledged"), "{error}");
    assert!(error.to_string().contains("hint"), "{error}");
}

#[test]
fn a_process_that_is_being_started_does_not_keep_it_in_use() {
    let temp = tempfile::tempdir().unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    std::process::Command::new("true").status().unwrap();
                }
            });
        }
        let opened = (0..40).try_for_each(|_| Store::open(temp.path()).map(drop));
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        opened.unwrap();
    });
}
