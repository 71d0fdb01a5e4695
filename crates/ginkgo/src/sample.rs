//! A made-up suite, for tests and benchmarks of what takes catalogs in: nothing but names.

use serde_json::json;

use crate::admission::Admission;
use crate::catalog::{Catalog, FORMAT, Filters, GroupIndex, Placement, Spec, SpecIndex};
use crate::dryrun::{PreRunStats, Selection};
use crate::spec::CodeLocation;
use crate::version::{GinkgoVersion, Version};

/// The catalog of a suite with specs of these names, each a parallel group of its own.
#[must_use]
pub fn catalog<'a>(names: impl IntoIterator<Item = &'a str>) -> Catalog {
    let spec = |(place, name): (u32, &str)| Spec {
        containers: Vec::new(),
        leaf: name.to_owned(),
        location: CodeLocation { file: "sample_test.go".to_owned(), line: place },
        ordinal: 0,
        labels: Vec::new(),
        selection: Selection::Selected,
        placement: Placement::Parallel(GroupIndex(place)),
    };
    let specs: Vec<Spec> = (0..).zip(names).map(spec).collect();
    let count = u32::try_from(specs.len()).unwrap_or(u32::MAX);
    Catalog {
        format: FORMAT,
        suite_digest: "abc".to_owned(),
        arguments: vec!["--ginkgo.seed=7".to_owned()],
        seed: 7,
        randomize_all: true,
        ginkgo: GinkgoVersion {
            exact: Some(Version::new(2, 28, 3)),
            at_least: Version::new(2, 28, 0),
            below: None,
        },
        suite_version: Some("v1.36.2".to_owned()),
        suite_description: "Sample suite".to_owned(),
        suite_path: "/suites".to_owned(),
        programmatic_focus: false,
        pre_run_stats: PreRunStats { total_specs: count, specs_that_will_run: count },
        filters: Filters::default(),
        specs,
        groups: (0..count).map(|place| vec![SpecIndex(place)]).collect(),
        serial_groups: Vec::new(),
    }
}

/// What a run keeps of that suite's discovery, as it is stored.
#[must_use]
pub fn admission<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<u8> {
    let catalog = catalog(names);
    let reports = catalog.specs.iter();
    let reports = reports
        .map(|spec| json!({"LeafNodeType": "It", "LeafNodeText": spec.leaf, "State": "passed"}));
    let dry_run = json!([{
        "SuitePath": catalog.suite_path,
        "SuiteConfig": {"RandomSeed": catalog.seed},
        "SpecReports": reports.collect::<Vec<_>>(),
    }]);
    Admission::encode(&catalog, dry_run.to_string().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_read_as_what_discovery_stores() {
        let read = Admission::decode(&admission(["a", "b"]).into()).unwrap();
        assert_eq!(read.catalog, catalog(["a", "b"]));
        assert_eq!(read.dry_run.specs.len(), 2);
    }
}
