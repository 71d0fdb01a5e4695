//! A message of raft as it came from another member.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use multibeam_fuzz as _;
use multibeam_ledger::node::envelope::Received;

fuzz_target!(|data: &[u8]| {
    if let Ok(received) = Received::decode(&Bytes::copy_from_slice(data)) {
        let _ = (received.from(), received.to(), received.is_snapshot(), received.snapshot_index());
    }
});
