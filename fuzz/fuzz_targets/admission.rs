//! What a worker sends of a suite: read as it stands and as it comes, packed, and planned.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use multibeam_coordinator::plan::target_plan;
use multibeam_fuzz as _;
use multibeam_ginkgo::admission::Admission;
use multibeam_history::Durations;
use multibeam_model::TargetId;
use multibeam_model::run::Limits;
use multibeam_rt::packed::unpack;

/// Far more than an input is, and little enough for the allocator here.
const MOST: usize = 4 << 20;

fuzz_target!(|data: &[u8]| {
    read(Bytes::copy_from_slice(data));
    if let Ok(plain) = unpack(data, MOST) {
        assert!(plain.len() <= MOST);
        read(plain.into());
    }
});

fn read(bytes: Bytes) {
    let Ok(Admission { catalog, report, .. }) = Admission::decode(&bytes) else { return };
    let plan = target_plan(TargetId(0), &catalog, Durations::built_in(), &Limits::default());
    assert!(plan.groups.len() <= catalog.groups.len() + catalog.serial_groups.len());
    let again = Bytes::from(Admission::encode(&catalog, &report));
    assert_eq!(Admission::decode(&again).expect("what was written is read").catalog, catalog);
}
