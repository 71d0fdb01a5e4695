//! `multibeam list --json`
//!
//! ```json
//! {
//!   "format": 1,
//!   "name": "nightly", "certified": false, "seed": 1,
//!   "suites": [{
//!     "binary": "/suites/e2e.test", "digest": "…", "version": "v1.36.2", "ginkgo": "2.28.3",
//!     "total": 7500, "selected": 402, "pending": 0, "serial": 30, "parallelGroups": 365,
//!     "sigs": {"sig-node": 90}, "tags": {"Slow": 12}, "labels": {"Conformance": 402},
//!     "specs": [{
//!       "name": "…", "file": "…", "line": 12, "labels": ["Conformance"],
//!       "serial": false, "group": 17
//!     }]
//!   }],
//!   "targets": [{"name": "v1.36 / cilium", "labels": {"cni": "cilium"},
//!                "clusters": ["a", "b"], "suite": 0}]
//! }
//! ```
//!
//! `suite` is an index into `suites`; suites that are called alike are listed once. Specs are the
//! selected ones, in the suite's order; those with the same `serial` and `group` run together. With
//! `--counts`, `specs` is absent. New keys may come within format 1.

use std::collections::BTreeMap;
use std::io::{self, Write};

use multibeam_ginkgo::catalog::Placement;
use multibeam_model::run::RunSpec;
use serde::Serialize;

use super::counts::Counts;
use super::{Listed, selected};

/// Version of the shape.
pub const FORMAT: u32 = 1;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listing<'a> {
    format: u32,
    name: &'a str,
    certified: bool,
    seed: i64,
    suites: Vec<Suite<'a>>,
    targets: Vec<Target<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Suite<'a> {
    binary: &'a str,
    digest: &'a str,
    version: Option<&'a str>,
    ginkgo: String,
    total: usize,
    selected: usize,
    pending: usize,
    serial: usize,
    parallel_groups: usize,
    sigs: BTreeMap<String, usize>,
    tags: BTreeMap<String, usize>,
    labels: BTreeMap<String, usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    specs: Option<Vec<Spec<'a>>>,
}

#[derive(Serialize)]
struct Spec<'a> {
    name: String,
    file: &'a str,
    line: u32,
    labels: &'a [String],
    serial: bool,
    group: u32,
}

#[derive(Serialize)]
struct Target<'a> {
    name: &'a str,
    labels: &'a BTreeMap<String, String>,
    clusters: Vec<&'a str>,
    suite: usize,
}

/// Writes the listing as one line.
///
/// # Errors
/// When `out` cannot be written.
pub fn write(
    out: &mut impl Write,
    run: &RunSpec,
    suites: &[Listed<'_>],
    seed: i64,
    only_counts: bool,
) -> io::Result<()> {
    // In the order of the run file, which that of the suites need not be.
    let targets = run.targets.iter().filter_map(|target| {
        let uses = |suite: &Listed<'_>| suite.targets.iter().any(|t| t.name == target.name);
        let clusters = target.clusters.iter();
        Some(Target {
            name: &target.name,
            labels: &target.labels,
            clusters: clusters.map(|index| run.clusters[*index as usize].name.as_str()).collect(),
            suite: suites.iter().position(uses)?,
        })
    });
    let listing = Listing {
        format: FORMAT,
        name: &run.name,
        certified: run.certified,
        seed,
        targets: targets.collect(),
        suites: suites.iter().map(|suite| Suite::of(suite, only_counts)).collect(),
    };
    serde_json::to_writer(&mut *out, &listing)?;
    writeln!(out)
}

impl<'a> Suite<'a> {
    fn of(listed: &'a Listed<'_>, only_counts: bool) -> Self {
        let catalog = &listed.catalog;
        let counts = Counts::of(catalog);
        let specs = || {
            selected(catalog).map(|index| {
                let spec = catalog.spec(index);
                Spec {
                    name: catalog.full_text(index),
                    file: &spec.location.file,
                    line: spec.location.line,
                    labels: &spec.labels,
                    serial: spec.is_serial(),
                    group: match spec.placement {
                        Placement::Parallel(group) => group.0,
                        Placement::Serial(group) => group.0,
                    },
                }
            })
        };
        Self {
            binary: &listed.suite.binary,
            digest: &catalog.suite_digest,
            version: catalog.suite_version.as_deref(),
            ginkgo: catalog.ginkgo.to_string(),
            total: counts.total,
            selected: counts.selected,
            pending: counts.pending,
            serial: counts.serial,
            parallel_groups: counts.parallel_groups,
            sigs: counts.sigs,
            tags: counts.tags,
            labels: counts.labels,
            specs: (!only_counts).then(|| specs().collect()),
        }
    }
}
