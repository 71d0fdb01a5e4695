//! Archives of any tool: read, and what is found in them held against the rules.
#![no_main]

use libfuzzer_sys::fuzz_target;
use multibeam_conformance::{Request, input, report, verify};
use multibeam_fuzz as _;

fuzz_target!(|data: &[u8]| {
    let Ok(Some(found)) = input::archive(data, "archive") else { return };
    assert!(!found.is_empty());
    let all: Vec<_> = found.iter().map(|found| verify(found, &Request::default())).collect();
    let mut out = Vec::new();
    for format in [report::Format::Text(report::Paint::PLAIN), report::Format::Github] {
        report::write(&mut out, format, &all).expect("memory takes everything");
    }
    let text = String::from_utf8(out).expect("only text is written");
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
});
