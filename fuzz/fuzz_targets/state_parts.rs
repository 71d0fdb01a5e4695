//! The parts of an incoming state, in any order. The first byte says what the receiver has, and
//! whether the sums are made right: without that, hardly a part would be looked at.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use multibeam_aggregator::peers::PeerConfig;
use multibeam_aggregator::peers::assemble::{Assembler, Step};
use multibeam_aggregator::peers::sum::Sum;
use multibeam_aggregator::store::Acquaintances;
use multibeam_ledger::node::disk::NodeId;
use multibeam_proto::aggregator::v1::InstallRequest;
use prost::Message as _;

fuzz_target!(|data: &[u8]| {
    let Some((&flags, rest)) = data.split_first() else { return };
    let mut sum = Sum::default();
    let mut requests = multibeam_fuzz::split(rest).into_iter().map_while(|part| {
        let mut request = InstallRequest::decode(part).ok()?;
        if let (true, Some(part)) = (flags & 1 == 0, &request.part) {
            request.sum = Bytes::copy_from_slice(&sum.add(part));
        }
        Some(request)
    });
    let config = PeerConfig::new(NodeId(2), "east", "", Acquaintances::unwritten(2));
    let Some(first) = requests.next() else { return };
    let Ok(mut assembler) = Assembler::begin(&config, first) else { return };
    let mut last = u64::from(flags >> 1);
    assembler.set_has(last);
    let mut check = |entries: Vec<multibeam_ledger::node::disk::LogEntry>| {
        for entry in entries {
            assert!(entry.index > last);
            last = entry.index;
        }
    };
    for request in requests {
        match assembler.take(request) {
            Ok(Step::More) => {}
            Ok(Step::Stage(entries)) => check(entries),
            Ok(Step::All(whole)) => {
                check(whole.rest);
                assert!(last <= whole.message.snapshot_index().max(u64::from(flags >> 1)));
                return;
            }
            Err(_) => return,
        }
    }
});
