//! The kubeconfigs of a run that was described before, and of one for a standing coordinator, where
//! each worker has its own and those of the run file mean nothing.

use std::path::Path;

use multibeam_model::run::{ClusterSpec, RunSpec};
use multibeam_runfile::{Code, Severity};
use multibeam_worker::agent::check_kubeconfig;

use crate::exit::Exit;
use crate::written::Written;

/// Looks at every kubeconfig of a run whose run file is not at hand. An unreachable cluster is no
/// matter of it.
///
/// # Errors
/// [`Exit::INPUT`] when one cannot be used; every such one was named.
pub fn check(spec: &RunSpec) -> Result<(), Exit> {
    let mistake = |cluster: &ClusterSpec| {
        let kubeconfig = Path::new(cluster.kubeconfig.as_ref()?);
        let found = check_kubeconfig(&cluster.name, kubeconfig, cluster.context.as_deref());
        found.err().map(|mistake| mistake.message)
    };
    let wrong = spec.clusters.iter().filter_map(|cluster| Some((None, mistake(cluster)?)));
    match Written::Before.say(Severity::Error, Code::BadKubeconfig, wrong) {
        0 => Ok(()),
        _ => Err(Exit::INPUT),
    }
}

/// Takes the kubeconfigs out of a run for a standing coordinator, and warns that they do not count.
/// It is no error: one run file may serve both kinds of runs, and what it names is on this host.
pub fn leave_out(spec: &mut RunSpec, written: Written<'_>) {
    const TEXT: &str = "a kubeconfig has no effect with --endpoint, where workers bring their own (hint: `multibeam worker --kubeconfig` says which one a worker uses)";
    let unused = spec.clusters.iter().filter(|cluster| cluster.kubeconfig.is_some());
    let unused = unused.map(|cluster| (written.kubeconfig(&cluster.name), TEXT.to_owned()));
    written.say(Severity::Warning, Code::Unused, unused);
    for cluster in &mut spec.clusters {
        (cluster.kubeconfig, cluster.context) = (None, None);
    }
}
