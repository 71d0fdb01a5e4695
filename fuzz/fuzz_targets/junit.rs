//! JUnit files of any tool: read, and held against the rules.
#![no_main]

use libfuzzer_sys::fuzz_target;
use multibeam_conformance::junit::Junit;
use multibeam_fuzz as _;

fuzz_target!(|data: &[u8]| {
    match Junit::read(data) {
        Ok(junit) => {
            let lines = 1 + data.iter().filter(|byte| **byte == b'\n').count() as u64;
            for case in &junit.cases {
                assert!((1..=lines).contains(&case.line));
                let _ = (case.required_name(), case.is_spec());
            }
            let counted: u64 = junit.suites.iter().map(|suite| suite.counted.tests).sum();
            assert!(junit.cases.len() as u64 <= counted);
        }
        Err(error) => assert!(!error.to_string().is_empty() && error.line() != Some(0)),
    }
});
