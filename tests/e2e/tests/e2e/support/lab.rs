//! Clusters for tests: stand-ins for API servers, each with an identity of its own.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use multibeam_apiserver::{Options, Reply, StandIn};
use multibeam_e2e::{RunFile, suites};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

const LEASE: &str = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/multibeam-run";

/// Where the stand-ins run.
pub(crate) struct Lab(Runtime);

/// A cluster.
pub(crate) struct Cluster<'a> {
    lab: &'a Lab,
    pub(crate) name: &'static str,
    pub(crate) server: StandIn,
    pub(crate) kubeconfig: PathBuf,
}

impl Lab {
    pub(crate) fn new() -> Self {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        Self(runtime.worker_threads(1).enable_all().build().unwrap())
    }

    /// A cluster that lets a token in.
    pub(crate) fn cluster(&self, name: &'static str) -> Cluster<'_> {
        let server = self.0.block_on(StandIn::start_with(Options::default()));
        let identity = json!({"metadata": {"uid": format!("uid-of-{name}")}});
        server.objects(|objects| {
            objects.put("/api/v1/namespaces/kube-system", identity);
            // What the shaped suite was made for.
            objects.git_version = "v1.36.2".to_owned();
        });
        let kubeconfig = server.kubeconfig("{token: sesame-open}");
        Cluster { lab: self, name, server, kubeconfig }
    }
}

impl Cluster<'_> {
    /// As it stands in a run file.
    pub(crate) fn entry(&self) -> Value {
        json!({"name": self.name, "kubeconfig": self.kubeconfig})
    }

    /// Closes its port and breaks all connections.
    pub(crate) fn die(&mut self) {
        self.lab.0.block_on(self.server.die());
    }

    /// Refuses everybody.
    pub(crate) fn refuse_all(&self) {
        self.server.on(|_, _| Some(Reply::failure(401, "Unauthorized", "Unauthorized")));
    }

    /// Who holds it.
    pub(crate) fn holder(&self) -> Option<String> {
        let lease = self.server.objects(|objects| objects.all.get(LEASE).cloned())?;
        Some(lease["spec"]["holderIdentity"].as_str().unwrap_or_default().to_owned())
    }

    /// Puts a namespace there that looks as if `manager` had made it.
    pub(crate) fn leave(&self, namespace: &str, manager: &str) {
        let managed = json!([{"manager": manager, "operation": "Update", "apiVersion": "v1",
            "time": "2026-01-01T00:00:00Z", "fieldsType": "FieldsV1", "fieldsV1": {}}]);
        let metadata = json!({"labels": {"e2e-run": "run-x"}, "managedFields": managed});
        let path = format!("/api/v1/namespaces/{namespace}");
        self.server.objects(|objects| objects.put(&path, json!({"metadata": metadata})));
    }

    /// Whether a namespace is there and not on its way out.
    pub(crate) fn has(&self, namespace: &str) -> bool {
        let found = self.server.objects(|objects| {
            objects.all.get(&format!("/api/v1/namespaces/{namespace}")).cloned()
        });
        found.is_some_and(|found| found["status"]["phase"] != "Terminating")
    }

    /// Notes when a namespace is deleted, in nanoseconds since 1970.
    pub(crate) fn note_deletion(&self, namespace: &'static str) -> Arc<Mutex<Option<i64>>> {
        let noted = Arc::new(Mutex::new(None));
        let note = Arc::clone(&noted);
        self.server.on(move |asked, _| {
            if asked.method == "DELETE" && asked.path.ends_with(namespace) {
                let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos();
                note.lock().unwrap().get_or_insert(i64::try_from(now).unwrap());
            }
            None
        });
        noted
    }
}

/// A run of the conformance-shaped suite with clusters; `scale` divides its durations.
pub(crate) fn shaped(scale: u32) -> RunFile {
    RunFile::new(&suites::shaped(suites::KUBERNETES))
        .env("SHAPED_SCALE", &scale.to_string())
        .env("SHAPED_NEEDS_API", "1")
        .processes(2)
}

/// A target with these clusters.
pub(crate) fn target(name: &str, clusters: &[&Cluster<'_>]) -> Value {
    let clusters: Vec<Value> = clusters.iter().map(|cluster| cluster.entry()).collect();
    json!({"name": name, "clusters": clusters})
}

/// The mode of a file.
pub(crate) fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}
