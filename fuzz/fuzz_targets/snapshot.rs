//! A state as it came from another member. The hash in front of it is made right: without that,
//! nothing behind it would be looked at.
#![no_main]

use libfuzzer_sys::fuzz_target;
use multibeam_ledger::{Ledger, SNAPSHOT_FORMAT};
use sha2::{Digest, Sha256};

fuzz_target!(|data: &[u8]| {
    let _ = Ledger::from_snapshot(data);
    let mut bytes = vec![SNAPSHOT_FORMAT];
    bytes.extend_from_slice(&Sha256::digest(data));
    bytes.extend_from_slice(data);
    if let Ok(ledger) = Ledger::from_snapshot(&bytes) {
        let _ = ledger.payloads(..);
        let again = Ledger::from_snapshot(&ledger.snapshot()).expect("what was written is read");
        assert_eq!(again.hash(), ledger.hash());
    }
});
