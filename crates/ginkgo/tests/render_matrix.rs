//! One JUnit file for several targets holds what their own files hold.

mod render_support;

use multibeam_ginkgo::render::{Dialect, MatrixTarget, MemorySource, junit, matrix_junit};
use multibeam_ginkgo::report::parse_reports;
use multibeam_ginkgo::version::Version;
use render_support::generate::report;

#[test]
fn a_matrix_file_holds_every_targets_suite_under_its_name() {
    let dialect = Dialect::new(Version::new(2, 34, 0));
    let sources: Vec<MemorySource> = (1..4)
        .map(|seed| report(seed, dialect.version()).to_string())
        .map(|json| parse_reports(json.as_bytes()).unwrap().remove(0))
        .map(|report| MemorySource::try_from(report).unwrap())
        .collect();
    let names = ["v1.36 / cilium", "v1.35 / <calico>", "v1.34"];
    let targets: Vec<_> = sources
        .iter()
        .zip(names)
        .map(|(source, name)| MatrixTarget { name, source, dialect })
        .collect();
    let mut matrix = Vec::new();
    matrix_junit(&targets, &mut matrix).unwrap();
    let matrix = String::from_utf8(matrix).unwrap();

    let mut suites = String::new();
    let mut tests = 0;
    for (source, name) in sources.iter().zip(["v1.36 / cilium", "v1.35 / &lt;calico&gt;", "v1.34"])
    {
        let mut own = Vec::new();
        junit::write(source, dialect, &mut own).unwrap();
        let own = String::from_utf8(own).unwrap();
        let start = own.find("\n      <testsuite ").unwrap();
        let end = own.find("\n  </testsuites>").unwrap();
        let prefix = format!("<testsuite name=\"[{name}] ");
        suites += &own[start..end].replacen("<testsuite name=\"", &prefix, 1);
        tests += own.matches("<testcase ").count();
    }
    let (head, rest) = matrix.split_once("\n      <testsuite ").unwrap();
    assert_eq!(format!("\n      <testsuite {rest}"), format!("{suites}\n  </testsuites>"));
    assert!(head.contains(&format!("<testsuites tests=\"{tests}\" ")), "{head}");
}
