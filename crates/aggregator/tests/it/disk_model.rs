//! Both disks behave as a very simple one does, whatever is done to them and in which order.

use crate::model::*;
use multibeam_aggregator::store::{Disk, MemoryDisk, Store};
use multibeam_ledger::node::disk::Write;
use proptest::prelude::*;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let length = prop_oneof![4 => 0..400_usize, 2 => 5_000..14_000_usize, 1 => 0..150_000_usize];
    let lengths = prop::collection::vec(length.clone(), 0..12);
    let step = prop_oneof![
        8 => (0..20_u64, lengths, any::<bool>(), any::<bool>()).prop_map(
            |(back, lengths, new_term, sync)| Step::Write {
                back: back.saturating_sub(12), lengths, new_term, sync
            }
        ),
        3 => (0..20_u64, 0..20_u64, 1..5_u64, 0..6_usize).prop_map(
            |(base, start, every, prepared)| Step::Compact { base, start, every, prepared }
        ),
        2 => (0..20_u64, 1..6_usize).prop_map(|(base, slices)| Step::Prepare { base, slices }),
        1 => (1..5_u64).prop_map(|every| Step::Forget { every }),
        1 => (1..5_u64).prop_map(|every| Step::Retain { every }),
        2 => (0..20_u64, 1..4_u64, length)
            .prop_map(|(ahead, every, length)| Step::Stage { ahead, every, length }),
        1 => Just(Step::Unstage),
        2 => (0..20_u64).prop_map(|ahead| Step::Install { ahead }),
        3 => (1..20_usize).prop_map(|slices| Step::Tidy { slices }),
        2 => Just(Step::Reopen),
    ];
    prop::collection::vec(step, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn a_store_is_as_the_model(steps in steps(), first in 0..2_u64) {
        let temp = tempfile::tempdir().unwrap();
        let mut disk = Store::open(temp.path()).unwrap();
        let mut model = founded(&mut disk, first);
        for step in &steps {
            model.step(step, &mut disk);
            if matches!(step, Step::Reopen) {
                drop(disk);
                disk = Store::open(temp.path()).unwrap();
                assert_eq!(disk.identity(), Some(identity()));
            }
            model.compare(&disk);
        }
        while disk.tidy().unwrap() {}
        model.compare(&disk);
    }

    #[test]
    fn a_disk_in_memory_is_as_the_model(steps in steps(), first in 0..2_u64) {
        let mut disk = MemoryDisk::default();
        let mut model = founded(&mut disk, first);
        for step in &steps {
            model.step(step, &mut disk);
            if matches!(step, Step::Reopen) {
                disk.restart();
            }
            model.compare(&disk);
        }
        disk.unstage().unwrap();
        while disk.tidy().unwrap() {}
        model.compare(&disk);
        prop_assert_eq!(disk.stored(), model.log.len() + model.kept.len());
    }

    #[test]
    fn a_crash_takes_back_what_was_not_synced(steps in steps(), crash in 0..40_usize) {
        let mut disk = MemoryDisk::forgetful();
        let mut model = founded(&mut disk, 1);
        let mut durable = model.clone();
        for step in steps.iter().take(crash) {
            model.step(step, &mut disk);
            if matches!(step, Step::Reopen) {
                disk.restart();
            }
            let synced = matches!(step, Step::Write { sync: true, .. } | Step::Install { .. });
            if synced || (matches!(step, Step::Compact { .. }) && model.is.last > 0) {
                durable = model.clone();
            }
        }
        disk.crash();
        durable.compare(&disk);
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let mut disk = MemoryDisk::default();
    founded(&mut disk, 1);
    let write = |index| Write { entries: vec![entry(index, 1, 3, 0)], hard: None, sync: true };
    for (index, word) in [(1, "entry 1"), (3, "entry 3")] {
        let error = disk.clone().write(&write(index)).unwrap_err().to_string();
        assert!(error.contains(word) && error.contains("hint"), "{error}");
    }
    let again = disk.found(&identity(), &base(1, 1), &[]).unwrap_err().to_string();
    assert!(again.contains("belongs to node 2 of group \"a group\""), "{again}");
}
