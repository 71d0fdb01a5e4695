//! A run as an aggregator tells it: read, and taken up by a coordinator.
#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use multibeam_fuzz as _;
use multibeam_model::record::{RunLine, RunRecord};
use multibeam_sched::Recovered;

fuzz_target!(|data: &[u8]| {
    if let Ok(line) = RunLine::decode(data) {
        assert_eq!(RunLine::decode(&line.encode()).expect("what was written is read"), line);
    }
    let Ok(record) = RunRecord::decode(data) else { return };
    assert_eq!(RunRecord::decode(&record.encode()).expect("what was written is read"), record);
    let _ = (record.line(), record.live().count(), record.queued());
    let _ = Recovered::take_over(&record, Duration::from_secs(60));
});
