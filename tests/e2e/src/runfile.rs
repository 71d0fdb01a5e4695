//! Run files for tests.

use std::path::Path;

use serde_json::{Value, json};

/// A run file in the making. It is written as JSON, which is YAML too.
#[derive(Clone, Debug)]
pub struct RunFile(Value);

/// A run of the zoo of a Ginkgo version.
#[must_use]
pub fn zoo(version: &str) -> RunFile {
    RunFile::new(&crate::suites::zoo(version))
}

impl RunFile {
    /// A run of a suite, without targets yet, not certified (the zoo has a flaky part).
    #[must_use]
    pub fn new(binary: &Path) -> Self {
        Self(json!({
            "apiVersion": "multibeam.dev/v1",
            "kind": "Run",
            "certified": false,
            "suite": {"binary": binary, "env": {}},
            "defaults": {"processes": 4},
            "targets": [],
        }))
    }

    /// Sets any key, by its path such as `["limits", "grace"]`.
    #[must_use]
    pub fn set(mut self, path: &[&str], value: impl Into<Value>) -> Self {
        let place = path.iter().fold(&mut self.0, |place, key| &mut place[*key]);
        *place = value.into();
        self
    }

    /// Sets an environment variable of the suite.
    #[must_use]
    pub fn env(self, name: &str, value: &str) -> Self {
        self.set(&["suite", "env", name], value)
    }

    /// Suite processes of each cluster.
    #[must_use]
    pub fn processes(self, processes: u32) -> Self {
        self.set(&["defaults", "processes"], processes)
    }

    /// Adds a target with clusters that have no API server.
    #[must_use]
    pub fn target(self, name: &str, clusters: &[&str]) -> Self {
        let clusters: Vec<Value> = clusters.iter().map(|name| json!({"name": name})).collect();
        self.target_json(json!({"name": name, "clusters": clusters}))
    }

    /// Adds a target as it stands in a run file.
    #[must_use]
    pub fn target_json(mut self, target: Value) -> Self {
        self.0["targets"].as_array_mut().unwrap().push(target);
        self
    }

    /// The names of all its clusters.
    #[must_use]
    pub fn clusters(&self) -> Vec<String> {
        let targets = self.0["targets"].as_array().unwrap().iter();
        let clusters = targets.flat_map(|target| target["clusters"].as_array().unwrap());
        clusters.map(|cluster| cluster["name"].as_str().unwrap().to_owned()).collect()
    }

    /// Its text.
    #[must_use]
    pub fn text(&self) -> String {
        serde_json::to_string_pretty(&self.0).unwrap()
    }
}
