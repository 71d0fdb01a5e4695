//! A tarball like those that `sonobuoy retrieve` gives, with the plugin `e2e`.
//!
//! The layout is that of Sonobuoy v0.57 (`pkg/client/results` and `pkg/discovery` of
//! vmware-tanzu/sonobuoy). What only Sonobuoy collects, such as the objects of the cluster, is not in
//! it, and nothing is made up in its place.

mod cases;

use std::io::{Read, Write};

use multibeam_ginkgo::render::Dialect;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::ExportError;
use crate::archive::Archive;
use crate::input::{Input, Subject};
use cases::summary;

/// The version whose layout the archive has.
pub const LAYOUT: &str = "v0.57.5";

/// A target's files.
pub struct Files<'a> {
    /// `report.json`.
    pub report: &'a mut dyn Read,
    /// `e2e.log`.
    pub log: Input<'a>,
    /// `junit_01.xml`.
    pub junit: Input<'a>,
}

/// Writes the archive. Of the files only the names and failures of the specs are held in memory.
///
/// # Errors
/// When a file cannot be read, is no report, or changes meanwhile; when the output takes no more.
pub fn write(subject: &Subject, files: Files<'_>, out: impl Write) -> Result<(), ExportError> {
    let results = summary(files.report, Dialect::new(subject.ginkgo))?;
    let mut archive = Archive::new(out, subject.ended.unwrap_or(subject.started));
    archive.json("meta/clusterhealth.json", &cluster_health())?;
    archive.json("meta/config.json", &config(subject))?;
    archive.json("meta/info.json", &json!({"plugins": ["e2e"]}))?;
    archive.json("plugins/e2e/definition.json", &definition(subject))?;
    archive.file("plugins/e2e/results/global/e2e.log", files.log)?;
    archive.file("plugins/e2e/results/global/junit_01.xml", files.junit)?;
    archive.json("plugins/e2e/sonobuoy_results.yaml", &results)?;
    archive.end()
}

/// `sonobuoy results` reads it; Multibeam takes no stock of the cluster.
fn cluster_health() -> Value {
    let nothing = json!({"total_nodes": 0, "healthy_nodes": 0});
    json!({
        "node_health": nothing, "pod_health": nothing, "api_version": "", "error_summary": {},
    })
}

fn config(subject: &Subject) -> Value {
    json!({
        "Description": format!("Multibeam run {}, target {}", subject.run, subject.target),
        "UUID": uuid(subject),
        "Version": LAYOUT,
        "Namespace": "",
        "Plugins": [{"name": "e2e"}],
    })
}

fn definition(subject: &Subject) -> Value {
    json!({
        "Definition": {
            "sonobuoy-config": {
                "driver": "Job",
                "plugin-name": "e2e",
                "result-format": "junit",
                "description": "Run by Multibeam, not by Sonobuoy",
            },
            "spec": {"name": "e2e", "args": subject.arguments, "resources": {}},
        },
        "SessionID": "",
        "Namespace": "",
        "SonobuoyImage": "",
        "CleanedUp": true,
        "ImagePullPolicy": "",
        "ImagePullSecrets": "",
        "CustomAnnotations": subject.labels,
    })
}

/// A UUID of version 8 (RFC 9562: by one's own rule), the same for the same target of a run.
fn uuid(subject: &Subject) -> String {
    let name = format!("{}\0{}", subject.run, subject.target);
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&Sha256::digest(name.as_bytes())[..16]);
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let part = |from: usize, to: usize| hex[from..to].concat();
    [part(0, 4), part(4, 6), part(6, 8), part(8, 10), part(10, 16)].join("-")
}
