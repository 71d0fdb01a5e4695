//! A backup of a ledger, restored. The sums behind its frames are made right: without that, nothing
//! behind the first one would be looked at.
#![no_main]

use libfuzzer_sys::fuzz_target;
use multibeam_aggregator::store::restore;
use sha2::{Digest, Sha256};

/// The first line of a backup, and the length of a sum.
const BEGIN: &[u8] = b"multibeam-backup 1\n";
const SUM: usize = 8;

/// What a store's buffers take, and more than a backup may on top of that.
const STORE: usize = 256 << 20;

fuzz_target!(|data: &[u8]| {
    multibeam_fuzz::allow(STORE);
    let _ = restored(data);
    let mut backup = BEGIN.to_vec();
    for frame in multibeam_fuzz::split(data) {
        let Some((kind, body)) = frame.split_first() else { continue };
        backup.push(*kind);
        backup.extend_from_slice(&(body.len() as u32).to_le_bytes());
        backup.extend_from_slice(body);
        let sum = Sha256::digest(&backup);
        backup.extend_from_slice(&sum[..SUM]);
    }
    let _ = restored(&backup);
});

fn restored(backup: &[u8]) -> bool {
    let directory = tempfile::tempdir().expect("a directory can be made");
    restore(backup, directory.path(), None).is_ok()
}
