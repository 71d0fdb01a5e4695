//! Messages between coordinator and worker, either way. What can be read is written back and read
//! the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use multibeam_fuzz as _;
use multibeam_model::link::{CoordinatorMessage, WorkerMessage};
use multibeam_proto::coordinator::v1 as wire;
use prost::Message as _;

fuzz_target!(|data: &[u8]| {
    let Some((&way, data)) = data.split_first() else { return };
    if way & 1 == 0 {
        let Ok(read) = wire::WorkerMessage::decode(data) else { return };
        if let Ok(message) = WorkerMessage::try_from(read) {
            let again = wire::WorkerMessage::from(message.clone());
            assert_eq!(WorkerMessage::try_from(again), Ok(message));
        }
    } else {
        let Ok(read) = wire::CoordinatorMessage::decode(data) else { return };
        if let Ok(message) = CoordinatorMessage::try_from(read) {
            let again = wire::CoordinatorMessage::from(message.clone());
            assert_eq!(CoordinatorMessage::try_from(again), Ok(message));
        }
    }
});
