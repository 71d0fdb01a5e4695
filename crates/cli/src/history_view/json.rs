//! `multibeam history list --json`
//!
//! ```json
//! {
//!   "format": 1,
//!   "specs": [{"spec": "…", "labels": {"cni": "cilium"}, "expectedSeconds": 41.2,
//!              "spreadSeconds": 3.1, "seconds": [40.8, 41.2, 45.0]}]
//! }
//! ```
//!
//! `seconds` has the newest run first. New keys may come within format 1.

use std::io::{self, Write};
use std::time::Duration;

use multibeam_history::{History, Labels};
use serde::Serialize;

use super::{Wanted, shown};

/// Version of the shape.
const FORMAT: u32 = 1;

#[derive(Serialize)]
struct Listing<'a> {
    format: u32,
    specs: Vec<Spec<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Spec<'a> {
    spec: &'a str,
    labels: &'a Labels,
    expected_seconds: f64,
    spread_seconds: f64,
    seconds: Vec<f64>,
}

/// Writes what is wanted.
///
/// # Errors
/// When `out` cannot be written.
pub(crate) fn write(out: &mut impl Write, history: &History, wanted: &Wanted) -> io::Result<()> {
    let specs = shown(history, wanted).into_iter().map(|it| Spec {
        spec: it.spec,
        labels: it.labels,
        expected_seconds: it.robust.typical.as_secs_f64(),
        spread_seconds: it.robust.spread.as_secs_f64(),
        seconds: it.took.iter().map(Duration::as_secs_f64).collect(),
    });
    let listing = Listing { format: FORMAT, specs: specs.collect() };
    serde_json::to_writer_pretty(&mut *out, &listing)?;
    writeln!(out)
}
