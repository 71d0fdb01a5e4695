//! The store's directory: what it refuses, and what damage it notices.
#![allow(clippy::unwrap_used, reason = "a failed test may panic")]

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;

use multibeam_aggregator::StoreError;
use multibeam_aggregator::store::Log;
use multibeam_aggregator::store::Store;

fn entry(index: u64) -> Vec<u8> {
    // From nothing to some hundred kilobytes, so that entries of one and of many chunks mix.
    let length = (index * index * 37 % 200_000) as usize;
    (0..length).map(|place| (place as u64 * index % 251) as u8).collect()
}

fn fill(dir: &Path, count: u64) {
    let mut store = Store::open(dir).unwrap();
    for first in (1..=count).step_by(5) {
        let batch: Vec<_> = (first..(first + 5).min(count + 1)).map(entry).collect();
        let slices: Vec<_> = batch.iter().map(Vec::as_slice).collect();
        store.append(&slices).unwrap();
    }
}

/// Opens the store and reads everything: the number of entries, all of them as written.
fn check(dir: &Path) -> Result<u64, StoreError> {
    let store = Store::open(dir)?;
    let reader = store.reader();
    for index in 1..=store.last_index() {
        let found = reader.read(index)?;
        assert!(found.as_deref() == Some(&entry(index)[..]), "entry {index} is another one");
    }
    assert_eq!(reader.read(store.last_index() + 1)?, None);
    assert_eq!(reader.read(u64::MAX)?, None);
    Ok(store.last_index())
}

#[test]
fn entries_of_all_sizes_come_back() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("ledger");
    fill(&dir, 60);
    assert_eq!(check(&dir).unwrap(), 60);
    // A file of its own would not be synced.
    assert_eq!(fs::read_dir(dir.join("log/blobs")).unwrap().count(), 0);
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
    fill(temp.path(), 3);
    let format = temp.path().join("FORMAT");
    let refused = |text: &str| {
        fs::write(&format, text).unwrap();
        Store::open(temp.path()).unwrap_err()
    };
    let older = refused("multibeam-ledger 0\n");
    assert!(matches!(older, StoreError::Outdated { found: 0, expected: 1, .. }));
    assert!(older.to_string().contains("outdated data format 0"), "{older}");
    assert!(matches!(refused("multibeam-ledger 2\n"), StoreError::Newer { found: 2, .. }));
    assert!(matches!(refused("something else"), StoreError::Damaged { .. }));
    fs::write(&format, "multibeam-ledger 1\n").unwrap();
    assert_eq!(check(temp.path()).unwrap(), 3);
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
fn damage_is_an_error_or_harmless_and_never_a_loss() {
    let temp = tempfile::tempdir().unwrap();
    let good = temp.path().join("good");
    fill(&good, 40);
    let length = fs::metadata(good.join("log/db")).unwrap().len();
    let mut noticed = 0;
    for part in 0..24 {
        let dir = temp.path().join(format!("bad{part}"));
        copy(&good, &dir);
        let db = OpenOptions::new().write(true).open(dir.join("log/db")).unwrap();
        db.write_all_at(&[0xa5; 64], length * part / 24).unwrap();
        match check(&dir) {
            Ok(count) => assert_eq!(count, 40, "entries are gone in silence"),
            Err(StoreError::Damaged { .. }) => noticed += 1,
            Err(other) => panic!("{other:?}"),
        }
        fs::remove_dir_all(dir).unwrap();
    }
    assert!(noticed > 0);
}

#[test]
fn a_log_that_lost_its_end_is_noticed() {
    let temp = tempfile::tempdir().unwrap();
    fill(temp.path(), 40);
    // Without its end the log is still a valid log, of fewer entries.
    fs::remove_dir_all(temp.path().join("log")).unwrap();
    let error = check(temp.path()).unwrap_err();
    assert!(error.to_string().contains("ends at entry 0, but entry 40"), "{error}");
    assert!(error.to_string().contains("hint"), "{error}");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}
