//! A directory can be checked, copied out, made again from a copy, and go on alone.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use crate::disk::*;
use multibeam_aggregator::StoreError;
use multibeam_aggregator::store::{Disk, Store, backup, check, restore, restore_alone};
use multibeam_ledger::Ledger;
use multibeam_ledger::node::disk::{EntryKind, NodeId};
use multibeam_model::command::Command;

fn written(dir: &Path) -> Vec<u8> {
    let mut out = Vec::new();
    backup(dir, &mut out).unwrap();
    out
}

#[test]
fn a_sound_directory_is_checked_and_left_as_it_is() {
    let temp = tempfile::tempdir().unwrap();
    fill(temp.path());
    let before = files(temp.path());
    let report = check(temp.path()).unwrap();
    assert!(report.is_sound(), "{report:?}");
    let summary = report.summary;
    assert_eq!((summary.node, summary.group.as_deref()), (Some(NodeId(3)), Some("old")));
    assert_eq!((summary.base, summary.first, summary.last), (40, 31, LAST));
    assert_eq!((summary.entries, summary.kept, summary.committed), (LAST - 30, 10, LAST - 5));
    assert_eq!(
        summary.bytes,
        kept().chain(31..=LAST).map(|i| entry(i).data.len() as u64).sum::<u64>()
    );
    assert!(files(temp.path()) == before, "the check has changed files");
}

#[test]
fn damage_is_found_and_located() {
    let temp = tempfile::tempdir().unwrap();
    fill(temp.path());
    // The content of one entry that is one of a kind in the file.
    let db = temp.path().join("log/db");
    let mut bytes = fs::read(&db).unwrap();
    let needle = &entry(45).data[..40];
    let mut hit = false;
    for at in 0..bytes.len() - needle.len() {
        if bytes[at..].starts_with(needle) {
            bytes[at + 3] ^= 1;
            hit = true;
        }
    }
    assert!(hit);
    fs::write(&db, &bytes).unwrap();
    let before = files(temp.path());
    let report = check(temp.path()).unwrap();
    assert!(!report.is_sound());
    assert!(files(temp.path()) == before, "the check has changed files");
    assert!(matches!(backup(temp.path(), Vec::new()), Err(StoreError::Damaged { .. })));
}

#[test]
fn payloads_that_the_state_refers_to_are_missed() {
    let mut ledger = Ledger::default();
    for (index, command) in (11..).zip(crate::common::opening().iter().take(3)) {
        ledger.apply(index, command);
    }
    assert_eq!(ledger.payloads(..), [13]);
    let temp = tempfile::tempdir().unwrap();
    let mut store = Store::open(temp.path()).unwrap();
    store.found(&identity(), &base(13), &ledger.snapshot()).unwrap();
    drop(store);
    let report = check(temp.path()).unwrap();
    assert_eq!(report.findings, ["entry 13 is missing, whose payload the state refers to"]);
}

#[test]
fn only_a_store_is_checked() {
    let temp = tempfile::tempdir().unwrap();
    assert!(matches!(check(temp.path()), Err(StoreError::Io { .. })));
    assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 0);
    let store = Store::open(temp.path()).unwrap();
    assert!(matches!(check(temp.path()), Err(StoreError::Locked { .. })));
    drop(store);
    assert!(check(temp.path()).unwrap().is_sound());
    assert!(matches!(backup(temp.path(), Vec::new()), Err(StoreError::Fresh { .. })));
}

#[test]
fn a_backup_comes_back_as_it_was() {
    let temp = tempfile::tempdir().unwrap();
    let (old, new) = (temp.path().join("old"), temp.path().join("new"));
    fill(&old);
    let bytes = written(&old);
    assert!(written(&old) == bytes, "the same content gives another backup");
    let summary = restore(&bytes[..], &new, None).unwrap();
    assert_eq!(summary, check(&old).unwrap().summary);
    assert_same(&old, &new);
    let store = Store::open(&new).unwrap();
    assert_eq!(store.identity(), Some(identity()));
    drop(store);
    assert!(matches!(restore(&bytes[..], &new, None), Err(StoreError::NotEmpty { .. })));
    let other = temp.path().join("other");
    restore(&bytes[..], &other, Some(NodeId(7))).unwrap();
    assert_eq!(Store::open(&other).unwrap().identity().unwrap().node, NodeId(7));
    // A node goes on with it.
    let mut store = Store::open(&other).unwrap();
    store.write(&write(LAST + 1..=LAST + 3)).unwrap();
    drop(store);
    assert_eq!(check(&other).unwrap().summary.last, LAST + 3);
}

#[test]
fn no_changed_or_shortened_backup_is_taken() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("old");
    fill(&dir);
    let bytes = written(&dir);
    let mut noise = 9_u64;
    for round in 0..60 {
        let into = temp.path().join("new");
        noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let at = (noise >> 20) as usize % bytes.len();
        let mut bad = bytes.clone();
        match round % 3 {
            0 => bad[at] ^= 1 << (round % 8),
            1 => bad.truncate(at),
            _ => bad.push(0),
        }
        let error = restore(&bad[..], &into, None).unwrap_err();
        assert!(
            matches!(error, StoreError::BadBackup { .. } | StoreError::BackupFormat { .. }),
            "{error}"
        );
        // Nobody takes what is there for a store.
        if into.join("FORMAT").exists() {
            let error = Store::open(&into).unwrap_err();
            assert!(matches!(error, StoreError::Unfinished { .. }), "{error}");
            assert!(error.to_string().contains("not finished"), "{error}");
            fs::remove_dir_all(&into).unwrap();
        }
    }
}

#[test]
fn a_backup_that_cannot_be_written_is_an_error() {
    struct Full(usize);
    impl std::io::Write for Full {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 = self.0.checked_sub(bytes.len()).ok_or(std::io::ErrorKind::StorageFull)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let temp = tempfile::tempdir().unwrap();
    fill(temp.path());
    let error = backup(temp.path(), Full(5000)).unwrap_err();
    assert_eq!(error.to_string(), "cannot write the backup");
    let mut sink = std::io::sink();
    sink.flush().unwrap();
    backup(temp.path(), sink).unwrap();
}

#[test]
fn a_survivor_goes_on_alone() {
    let temp = tempfile::tempdir().unwrap();
    let (dir, before) = (temp.path().join("node"), temp.path().join("before"));
    fill(&dir);
    let bytes = written(&dir);
    restore(&bytes[..], &before, None).unwrap();
    let same = restore_alone(&dir, "old", None).unwrap_err().to_string();
    assert!(same.contains("called \"old\" already"), "{same}");
    let alone = restore_alone(&dir, "new", None).unwrap();
    assert_eq!((alone.node, alone.committed, alone.last), (NodeId(3), LAST - 5, LAST));
    assert!(check(&dir).unwrap().is_sound());

    let (old, new) = (Store::open(&before).unwrap(), Store::open(&dir).unwrap());
    assert_eq!(new.identity().unwrap().group, "new");
    let (was, is) = (old.recovered().unwrap(), new.recovered().unwrap());
    assert_eq!(is.base.membership.voters, [NodeId(3)]);
    assert!(is.base.membership.outgoing.is_empty() && is.base.membership.learners.is_empty());
    assert_eq!((is.last, is.terms, is.hard, is.start), (was.last, was.terms, was.hard, was.start));
    let members = Ledger::from_snapshot(&is.state).unwrap().members().clone();
    assert_eq!(
        members.into_iter().map(|(id, m)| (id, m.address)).collect::<Vec<_>>(),
        [(NodeId(3), "http://three".to_owned())]
    );
    let (old, new) = (old.reader(), new.reader());
    for index in 0..=LAST {
        let (was, is) = (old.entry(index).unwrap(), new.entry(index).unwrap());
        let Some(was) = was else {
            assert!(is.is_none());
            continue;
        };
        let is = is.unwrap();
        let witness = matches!(Command::decode(&was.data), Ok(Command::Witness { .. }));
        if index >= 31 && (was.kind == EntryKind::Members || witness) {
            assert!(is.kind == EntryKind::Command && is.data.is_empty() && is.term == was.term);
        } else {
            assert!(is == was, "entry {index}");
        }
    }
}

#[test]
fn a_reader_keeps_the_directory_in_use() {
    let temp = tempfile::tempdir().unwrap();
    fill(temp.path());
    let reader = Store::open(temp.path()).unwrap().reader();
    assert!(matches!(Store::open(temp.path()), Err(StoreError::Locked { .. })));
    assert_eq!(reader.entry(45).unwrap(), Some(entry(45)));
    drop(reader);
    Store::open(temp.path()).unwrap();
}
