//! A night's matrix with one failure of each kind, for the tests of all forms of output.

use std::collections::BTreeMap;

use multibeam_model::outcome::SpecState;

use crate::compare::{Comparison, compare};
use crate::input::{Outcome, Run, Target};

/// A spec that fails with IPVS.
const SERVES: &str = "[sig-network] Services should serve [Conformance]";

fn failed(message: &str) -> Outcome {
    Outcome::Failed { state: SpecState::Failed, message: message.to_owned() }
}

/// Three CNIs × three modes of kube-proxy. `night` counts from 0; in the last one more fails.
pub(crate) fn run(night: i64) -> Run {
    let mut targets = Vec::new();
    for cni in ["calico", "cilium", "flannel"] {
        for mode in ["iptables", "ipvs", "nftables"] {
            let at = targets.len();
            let labels = [("cni", cni), ("kube-proxy", mode)];
            let labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned()));
            let mut target = Target {
                name: format!("{cni}-{mode}"),
                labels: BTreeMap::from(labels),
                ..Target::default()
            };
            let mut add = |spec: &str, is_failed: bool, message: &str| {
                let outcome = if is_failed { failed(message) } else { Outcome::Passed };
                target.add(spec.to_owned(), outcome);
            };
            let last = night == 2;
            let late = format!("Timed out after 300.00{at}s.\nExpected pod web-{at} to be ready");
            add(SERVES, last && mode == "ipvs", &late);
            add("[sig-network] Services should forget", last && mode == "ipvs", &late);
            add("[sig-node] Pods should <b>be</b> steady", true, "exit 1 & \x1b[1mmore\x1b[0m");
            add("[sig-apps] Odd", at == 0 || at == 8, "odd");
            add("[sig-apps] Wavering", night == 1 && at == 3, "once");
            add("[sig-apps] Passes", false, "");
            if cni == "cilium" {
                add("[sig-network] Only with Cilium", false, "");
            } else {
                let skipped = Outcome::Skipped;
                target.add("[sig-network] Only with Cilium".to_owned(), skipped);
            }
            targets.push(target);
        }
    }
    Run { id: format!("night-{night}"), started: night, targets }
}

/// The last night, and the two before it.
pub(crate) fn nightly() -> Comparison {
    compare(&[run(2)], &[run(0), run(1)], None).unwrap()
}
