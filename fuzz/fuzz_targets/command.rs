//! Commands from coordinators and workers: read, and applied one after the other.
#![no_main]

use libfuzzer_sys::fuzz_target;
use multibeam_ledger::Ledger;
use multibeam_model::command::Command;

fuzz_target!(|data: &[u8]| {
    let mut ledger = Ledger::default();
    for bytes in multibeam_fuzz::split(data) {
        let Ok(command) = Command::decode(bytes) else { continue };
        assert_eq!(Command::decode(&command.encode()).as_ref().ok(), Some(&command));
        let index = ledger.applied() + 1;
        let _ = ledger.apply(index, &command);
    }
    let again = Ledger::from_snapshot(&ledger.snapshot()).expect("what was written is read");
    assert_eq!(again.hash(), ledger.hash());
});
