//! A run as a user submits it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use multibeam_coordinator::spec::read_spec;
use multibeam_fuzz as _;
use multibeam_proto::coordinator::v1::SubmitRequest;
use prost::Message as _;

fuzz_target!(|data: &[u8]| {
    let _ = read_spec(data);
    let Ok(request) = SubmitRequest::decode(data) else { return };
    let Ok(spec) = read_spec(&request.spec_json) else { return };
    let again = serde_json::to_vec(&spec).expect("it was read from JSON");
    assert_eq!(read_spec(&again).expect("what was written is read"), spec);
    let _ = (spec.limits.patience(), SubmitRequest::decode(&request.encode_to_vec()[..]));
});
