//! Reports of the shape that workers send: Ginkgo's `SpecReport` as JSON, about 10 KB of it, most of
//! that captured output of a test that waits for things in a cluster.
//!
//! The fields are those of `types.SpecReport` in
//! [Ginkgo v2](https://pkg.go.dev/github.com/onsi/ginkgo/v2/types#SpecReport). The same seed gives
//! the same reports.

use fastrand::Rng;
use serde_json::{Value, json};

/// Bytes of captured output, after which a report is about 10 KB.
const OUTPUT_BYTES: usize = 7_400;

/// The level that workers compress with.
pub(crate) const COMPRESSION: i32 = 1;

const AREAS: [(&str, &str, &str); 6] = [
    (
        "[sig-network] Services",
        "test/e2e/network/service.go",
        "should serve endpoints on same port",
    ),
    ("[sig-apps] StatefulSet", "test/e2e/apps/statefulset.go", "should perform rolling updates"),
    ("[sig-node] Pods", "test/e2e/common/node/pods.go", "should run through the lifecycle of Pods"),
    ("[sig-storage] Projected configMap", "test/e2e/common/storage/projected.go", "updates should"),
    ("[sig-cli] Kubectl client", "test/e2e/kubectl/kubectl.go", "should create and stop a replica"),
    ("[sig-auth] ServiceAccounts", "test/e2e/auth/service_accounts.go", "should mount projected"),
];

/// One report: as the suite sends it, and as the worker ships it.
pub(crate) struct Report {
    /// JSON.
    pub(crate) plain: Vec<u8>,
    /// The same, compressed with zstd.
    pub(crate) packed: Vec<u8>,
}

/// So many reports of the usual shape.
pub(crate) fn usual(seed: u64, count: usize) -> std::io::Result<Vec<Report>> {
    let mut rng = Rng::with_seed(seed);
    let make = |_| {
        let plain = report(&mut rng).to_string().into_bytes();
        let packed = zstd::bulk::compress(&plain, COMPRESSION)?;
        Ok(Report { plain, packed })
    };
    (0..count).map(make).collect()
}

/// So many payloads of these lengths that no compression makes smaller.
pub(crate) fn noise(seed: u64, lengths: impl Iterator<Item = usize>) -> Vec<Vec<u8>> {
    let mut rng = Rng::with_seed(seed);
    let make = |length| {
        let mut bytes = vec![0; length];
        rng.fill(&mut bytes);
        bytes
    };
    lengths.map(make).collect()
}

fn report(rng: &mut Rng) -> Value {
    let (area, file, leaf) = AREAS[rng.usize(..AREAS.len())];
    let number = rng.u32(..10_000);
    let name = format!("{leaf} number {number} [Conformance]");
    let namespace = format!("{}-{}", word(rng, 8), rng.u32(1_000..10_000));
    let mut clock = Clock { seconds: rng.u32(..80_000), millis: rng.u32(..1_000) };
    let (begun, began) = (clock.iso(), clock.clone());
    let output = output(rng, &mut clock, &namespace, &name);
    let location =
        |line: u32| json!({"FileName": format!("k8s.io/kubernetes/{file}"), "LineNumber": line});
    let line = rng.u32(40..3_000);
    let event = |kind: &str, message: &str, at: &Clock, offset: usize| {
        json!({
            "SpecEventType": kind,
            "CodeLocation": location(line),
            "TimelineLocation": {"Offset": offset, "Order": offset / 97, "Time": at.iso()},
            "Message": message,
            "NodeType": "It",
        })
    };
    json!({
        "ContainerHierarchyTexts": [area],
        "ContainerHierarchyLocations": [location(line - 20)],
        "ContainerHierarchyLabels": [["sig"]],
        "LeafNodeType": "It",
        "LeafNodeLocation": location(line),
        "LeafNodeLabels": ["Conformance"],
        "LeafNodeText": name,
        "State": "passed",
        "StartTime": begun,
        "EndTime": clock.iso(),
        "RunTime": u64::from(clock.seconds - began.seconds) * 1_000_000_000 + rng.u64(..1_000_000_000),
        "ParallelProcess": rng.u32(1..9),
        "RunningInParallel": true,
        "NumAttempts": 1,
        "MaxFlakeAttempts": 0,
        "MaxMustPassRepeatedly": 0,
        "CapturedGinkgoWriterOutput": output,
        "SpecEvents": [
            event("Node", &format!("{area} {name}"), &began, 0),
            event("By", "Creating a kubernetes client", &began, 97),
            event("By", "Building a namespace api object, basename", &began, 194),
            event("By", "Waiting for a default service account to be provisioned", &began, 291),
            event("NodeEnd", &format!("{area} {name}"), &clock, 7_000),
        ],
    })
}

/// What a test says while it waits for a pod, again and again.
fn output(rng: &mut Rng, clock: &mut Clock, namespace: &str, name: &str) -> String {
    let pod = format!("pod-{:016x}", rng.u64(..));
    let (node, image, container) = (rng.u32(1..4), rng.u32(40..60), word(rng, 6));
    let mut text = format!("  STEP: Creating a kubernetes client @ {}\n", clock.klog());
    text += &format!("  {}: INFO: >>> kubeConfig: /tmp/kubeconfig-{}\n", clock.klog(), rng.u32(..));
    text += &format!(
        "  STEP: Building a namespace api object, basename {namespace} @ {}\n",
        clock.klog()
    );
    text += &format!("  STEP: creating {pod} for {name} @ {}\n", clock.klog());
    let (begun, made) = (clock.seconds, clock.iso());
    while text.len() < OUTPUT_BYTES {
        clock.pass(rng);
        let elapsed = clock.seconds - begun;
        text += &match rng.u32(..3) {
            0 => format!(
                "  {}: INFO: At {elapsed}s - event for {pod}: {{kubelet node-{node}}} Pulled: Container image \"registry.k8s.io/e2e-test-images/agnhost:2.{image}\" already present on machine\n",
                clock.klog(),
            ),
            1 => format!(
                "  {}: INFO: {pod} node-{node} Running {elapsed}s [{{Initialized True 0001-01-01 00:00:00 +0000 UTC {made}}} {{Ready False 0001-01-01 00:00:00 +0000 UTC {made} ContainersNotReady containers with unready status: [{container}]}} {{ContainersReady False 0001-01-01 00:00:00 +0000 UTC {made} ContainersNotReady containers with unready status: [{container}]}} {{PodScheduled True 0001-01-01 00:00:00 +0000 UTC {made}}}]\n",
                clock.klog(),
            ),
            _ => format!(
                "  {}: INFO: Pod \"{pod}\": Phase=\"Pending\", Reason=\"\", readiness=false. Elapsed: {elapsed}.{:03}s\n",
                clock.klog(),
                clock.millis,
            ),
        };
    }
    text + &format!(
        "  STEP: Destroying namespace \"{namespace}\" for this suite. @ {}\n",
        clock.klog()
    )
}

fn word(rng: &mut Rng, length: usize) -> String {
    (0..length).map(|_| rng.lowercase()).collect()
}

/// The time of a made-up day.
#[derive(Clone)]
struct Clock {
    seconds: u32,
    millis: u32,
}

impl Clock {
    /// Kubernetes asks every two seconds, and each question takes two milliseconds or so.
    fn pass(&mut self, rng: &mut Rng) {
        // A poll every two seconds, and a few milliseconds more each time.
        let millis = self.millis + rng.u32(..8);
        self.seconds += 2 + millis / 1_000;
        self.millis = millis % 1_000;
    }

    fn hms(&self) -> String {
        let (hours, minutes) = (self.seconds / 3600, self.seconds / 60 % 60);
        format!("{hours:02}:{minutes:02}:{:02}.{:03}", self.seconds % 60, self.millis)
    }

    /// As Kubernetes' tests have it.
    fn klog(&self) -> String {
        format!("Nov 28 {}", self.hms())
    }

    /// As Go's JSON has it.
    fn iso(&self) -> String {
        format!("2026-11-28T{}Z", self.hms())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_have_the_shape_that_is_promised() {
        let reports = usual(7, 200).unwrap();
        let plain = reports.iter().map(|report| report.plain.len()).sum::<usize>() / 200;
        let packed = reports.iter().map(|report| report.packed.len()).sum::<usize>() / 200;
        assert!((9_500..11_000).contains(&plain), "{plain} bytes");
        assert!((7.0..9.0).contains(&(plain as f64 / packed as f64)), "{plain} to {packed} bytes");
        assert_eq!(usual(7, 3).unwrap()[2].plain, reports[2].plain, "the seed decides");
        assert_ne!(usual(8, 3).unwrap()[2].plain, reports[2].plain);
    }
}
