//! What a suite process reports: read, and rendered into the files of a target.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use multibeam_fuzz as _;
use multibeam_ginkgo::protocol;
use multibeam_ginkgo::render::{Dialect, MemorySource, console, json, junit};
use multibeam_ginkgo::report::{Report, SpecReport, SpecSummary, SuiteHeader, parse_reports};
use multibeam_ginkgo::version::Version;

fuzz_target!(|data: &[u8]| {
    for path in ["/did-run", "/suite-did-end", "/before-suite-completed"] {
        let request = protocol::Request::parse("POST", path, Bytes::copy_from_slice(data));
        if let Ok(protocol::Request::SuiteDidEnd(report)) = request {
            let _ = report.spec_reports();
        }
    }
    if let Ok(report) = SpecReport::parse(data) {
        let _ = (report.labels(), report.component_sem_ver_constraints());
        assert!(SpecSummary::parse(data).is_ok());
        render(MemorySource::new(SuiteHeader::default(), [data.to_vec()]));
    }
    if let Ok(report) = Report::parse(data) {
        render(MemorySource::try_from(report));
    }
    for report in parse_reports(data).into_iter().flatten() {
        render(MemorySource::try_from(report));
    }
});

fn render<E>(source: Result<MemorySource, E>) {
    let Ok(source) = source else { return };
    let mut out = Vec::new();
    for dialect in [Dialect::OLDEST, Version::new(2, 99, 0)].map(Dialect::new) {
        let _ = junit::write(&source, dialect, &mut out);
        let _ = console::write(&source, dialect, &mut out);
    }
    let _ = json::write(&source, &mut out);
}
