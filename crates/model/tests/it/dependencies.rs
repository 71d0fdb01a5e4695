//! Who may depend on whom, held against `cargo metadata`. docs/architecture.md shows the table to
//! people; a crate that is not in it fails here.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// A crate and all that it may use of this workspace outside its tests.
const TABLE: &[(&str, &[&str])] = &[
    ("multibeam-model", &[]),
    ("multibeam-proto", &["model"]),
    ("multibeam-ginkgo", &["model"]),
    ("multibeam-sched", &["model"]),
    ("multibeam-forecast", &["model", "sched"]),
    ("multibeam-history", &["model"]),
    ("multibeam-ledger", &["model", "history"]),
    ("multibeam-document", &[]),
    ("multibeam-runfile", &["document"]),
    ("multibeam-compare", &["model", "ginkgo"]),
    ("multibeam-export", &["model", "ginkgo"]),
    ("multibeam-conformance", &["model", "ginkgo"]),
    ("multibeam-bundle", &["model", "ginkgo", "document", "export", "conformance"]),
    ("multibeam-rt", &[]),
    ("multibeam-kubernetes", &["model"]),
    ("multibeam-worker", &["model", "proto", "rt", "ginkgo", "kubernetes"]),
    ("multibeam-coordinator", &["model", "proto", "rt", "ginkgo", "sched", "forecast", "history"]),
    ("multibeam-aggregator", &["model", "proto", "rt", "ginkgo", "ledger"]),
    (
        "multibeam",
        &[
            "model",
            "proto",
            "rt",
            "ginkgo",
            "forecast",
            "history",
            "runfile",
            "compare",
            "export",
            "conformance",
            "bundle",
            "worker",
            "coordinator",
            "aggregator",
        ],
    ),
];

/// Crates that decide without doing: nothing that waits, listens, or draws lots may be in them.
const CORES: &[&str] = &[
    "multibeam-model",
    "multibeam-ginkgo",
    "multibeam-sched",
    "multibeam-forecast",
    "multibeam-history",
    "multibeam-ledger",
    "multibeam-document",
    "multibeam-runfile",
    "multibeam-compare",
    "multibeam-export",
];

/// What a core must not contain, however far down. `getrandom` stands for randomness.
const NOT_IN_CORES: &[&str] = &[
    "tokio",
    "futures-executor",
    "mio",
    "hyper",
    "tonic",
    "socket2",
    "nix",
    "rustix",
    "getrandom",
    "rand",
];

/// What a core contains all the same, and why.
const EXCUSED: &[(&str, &str, &str)] = &[
    (
        "multibeam-ledger",
        "rand",
        "raft draws the length of its waits for a leader, and nothing else",
    ),
    ("multibeam-ledger", "getrandom", "below rand"),
];

/// Crates that the program contains in two incompatible versions, and why.
const TWICE: &[(&str, &str)] = &[
    ("base64", "0.22: tonic, k8s-openapi, tower-http"),
    ("embedded-io", "0.4 and 0.6: postcard names both, for writers that nobody uses here"),
    ("getrandom", "0.2: ring"),
    ("parking_lot", "0.11: sled"),
    ("parking_lot_core", "0.8: sled, through its parking_lot"),
    ("rand", "0.8: raft"),
    ("rand_chacha", "0.3: raft"),
    ("rand_core", "0.6: raft"),
    ("syn", "2: procedural macros move to 3 one by one; it ends with the build"),
    ("thiserror", "1: raft"),
    ("thiserror-impl", "1: raft"),
];

#[test]
fn crates_use_only_what_the_table_allows() {
    let graph = Graph::read();
    let table: BTreeMap<&str, &[&str]> = TABLE.iter().copied().collect();
    let shipped: BTreeSet<&str> = graph.shipped.iter().map(|id| graph.name(id)).collect();
    let listed: BTreeSet<&str> = table.keys().copied().collect();
    assert_eq!(shipped, listed, "a new crate gets a row here and in the architecture page");
    for id in &graph.shipped {
        let allowed: BTreeSet<String> =
            table[graph.name(id)].iter().map(|name| format!("multibeam-{name}")).collect();
        let used = graph.uses[id].iter().filter(|used| graph.members.contains(*used));
        for used in used.map(|used| graph.name(used)) {
            assert!(allowed.contains(used), "{} must not depend on {used}", graph.name(id));
        }
    }
}

#[test]
fn cores_have_no_runtime_no_sockets_and_no_randomness() {
    let graph = Graph::read();
    let mut seen = 0;
    for core in graph.shipped.iter().filter(|id| CORES.contains(&graph.name(id))) {
        seen += 1;
        for id in graph.tree(core) {
            let name = graph.name(id);
            let excused = EXCUSED.iter().any(|(c, n, _)| (*c, *n) == (graph.name(core), name));
            let refused = NOT_IN_CORES.contains(&name) && !excused;
            assert!(!refused, "{} contains {name}", graph.name(core));
        }
    }
    assert_eq!(seen, CORES.len());
}

#[test]
fn nothing_is_there_twice_without_a_reason() {
    let graph = Graph::read();
    let program = graph.shipped.iter().find(|id| graph.name(id) == "multibeam").unwrap();
    let mut versions: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for id in graph.tree(program) {
        let version = compatible(&graph.packages[id]["version"]);
        versions.entry(graph.name(id)).or_default().insert(version);
    }
    let twice: BTreeSet<&str> =
        versions.iter().filter(|(_, versions)| versions.len() > 1).map(|(name, _)| *name).collect();
    let known: BTreeSet<&str> = TWICE.iter().map(|(name, _)| *name).collect();
    assert_eq!(twice, known, "crates that the program has in two incompatible versions");
}

/// The part of a version within which Cargo picks one.
fn compatible(version: &Value) -> String {
    let mut parts = version.as_str().unwrap().split('.');
    match parts.next().unwrap() {
        "0" => format!("0.{}", parts.next().unwrap()),
        major => major.to_owned(),
    }
}

/// The resolved dependencies on this platform, without those of tests and build scripts.
struct Graph {
    packages: BTreeMap<String, Value>,
    members: BTreeSet<String>,
    /// Members that are no fixtures of tests.
    shipped: BTreeSet<String>,
    uses: BTreeMap<String, BTreeSet<String>>,
}

impl Graph {
    fn read() -> Self {
        let metadata = output(Command::new(env!("CARGO")).args([
            "metadata",
            "--format-version=1",
            "--locked",
            "--filter-platform",
            &host(),
        ]));
        let metadata: Value = serde_json::from_str(&metadata).unwrap();
        let list = |value: &Value| value.as_array().unwrap().clone();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let packages: BTreeMap<String, Value> =
            list(&metadata["packages"]).into_iter().map(|p| (text(&p["id"]), p)).collect();
        let members: BTreeSet<String> =
            list(&metadata["workspace_members"]).iter().map(text).collect();
        let tests = format!("{}/tests/", text(&metadata["workspace_root"]));
        let is_shipped = |id: &&String| !text(&packages[*id]["manifest_path"]).starts_with(&tests);
        let shipped = members.iter().filter(is_shipped).cloned().collect();
        let is_normal = |dependency: &&Value| {
            list(&dependency["dep_kinds"]).iter().any(|kind| kind["kind"].is_null())
        };
        let uses_of = |node: &Value| {
            let uses = list(&node["deps"]);
            let uses = uses.iter().filter(is_normal).map(|used| text(&used["pkg"])).collect();
            (text(&node["id"]), uses)
        };
        let uses = list(&metadata["resolve"]["nodes"]).iter().map(uses_of).collect();
        Self { packages, members, shipped, uses }
    }

    fn name<'a>(&'a self, id: &str) -> &'a str {
        self.packages[id]["name"].as_str().unwrap()
    }

    /// A package and everything below it.
    fn tree<'a>(&'a self, root: &'a String) -> BTreeSet<&'a String> {
        let mut found = BTreeSet::new();
        let mut open = vec![root];
        while let Some(id) = open.pop() {
            if found.insert(id) {
                open.extend(&self.uses[id]);
            }
        }
        found
    }
}

/// The platform that this compiler builds for.
fn host() -> String {
    let version = output(Command::new("rustc").arg("-vV"));
    version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap().to_owned()
}

fn output(command: &mut Command) -> String {
    let output = command.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
