//! Logs of any tool: read, in one piece and byte by byte.
#![no_main]

use std::io::{self, Read};

use libfuzzer_sys::fuzz_target;
use multibeam_conformance::log::Log;
use multibeam_fuzz as _;

/// Gives one byte at a time.
struct Dripping<'a>(&'a [u8]);

impl Read for Dripping<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = out.len().min(1);
        (&mut self.0).read(&mut out[..count])
    }
}

fuzz_target!(|data: &[u8]| {
    let whole = Log::read(data);
    if let Ok(log) = &whole {
        assert!(log.specs.values().all(|mention| (1..=log.lines).contains(&mention.line)));
    }
    // What a log begins with may come in pieces, too; only its first bytes tell the encoding.
    if let (Ok(whole), Ok(dripped)) = (whole, Log::read(Dripping(data))) {
        assert_eq!(whole, dripped);
    }
});
