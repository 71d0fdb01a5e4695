//! What a run file says of kubeconfigs, held against where the run takes place. In this process a
//! kubeconfig that cannot be used is a mistake of the user, found before anything is started. At a
//! standing coordinator each worker has its own, and those of the run file mean nothing.

use multibeam_model::run::{ClusterSpec, RunSpec};
use multibeam_runfile::{Code, Diagnostic, Diagnostics, Severity};
use multibeam_worker::agent::check_kubeconfig;

use crate::args::ColorChoice;
use crate::exit::Exit;
use crate::load::{Loaded, styles};

/// Where a run's clusters were described.
#[derive(Clone, Copy, Debug)]
pub enum Written<'a> {
    /// In a run file that was read just now.
    In(&'a Loaded, ColorChoice),
    /// In that of an earlier run.
    Before,
}

/// Looks at every kubeconfig. An unreachable cluster is no matter of it.
///
/// # Errors
/// [`Exit::INPUT`] when one cannot be used; every such one was named, with its place.
pub fn check(spec: &RunSpec, written: Written<'_>) -> Result<(), Exit> {
    let wrong = spec.clusters.iter();
    let wrong = wrong.filter_map(|cluster| Some((cluster, check_kubeconfig(cluster).err()?)));
    match say(Severity::Error, Code::BadKubeconfig, wrong, written) {
        0 => Ok(()),
        _ => Err(Exit::INPUT),
    }
}

/// Takes the kubeconfigs out of a run for a standing coordinator, and warns that they do not count.
/// It is no error: one run file may serve both kinds of runs, and what it names is on this host.
pub fn leave_out(spec: &mut RunSpec, written: Written<'_>) {
    const TEXT: &str = "a kubeconfig has no effect with --endpoint, where workers bring their own (hint: `multibeam worker --kubeconfig` says which one a worker uses)";
    let unused = spec.clusters.iter().filter(|cluster| cluster.kubeconfig.is_some());
    let unused = unused.map(|cluster| (cluster, TEXT.to_owned()));
    say(Severity::Warning, Code::Unused, unused, written);
    for cluster in &mut spec.clusters {
        (cluster.kubeconfig, cluster.context) = (None, None);
    }
}

/// Says something about the kubeconfigs of clusters, the same about one place only once, and gives
/// how often. A message may end with a hint.
fn say<'a>(
    severity: Severity,
    code: Code,
    findings: impl Iterator<Item = (&'a ClusterSpec, String)>,
    written: Written<'_>,
) -> usize {
    let (mut placed, mut bare): (Vec<Diagnostic>, Vec<String>) = Default::default();
    for (cluster, text) in findings {
        let hint = text.strip_suffix(')').and_then(|it| it.split_once(" (hint: "));
        let (message, hint) = hint.map_or((text.as_str(), None), |(it, hint)| (it, Some(hint)));
        let place = match written {
            Written::In(loaded, _) => loaded.kubeconfigs.get(&cluster.name),
            Written::Before => None,
        };
        match place.map(|place| place.finding(severity, code, message, hint)) {
            Some(finding) if !placed.contains(&finding) => placed.push(finding),
            None if !bare.contains(&text) => bare.push(text),
            _ => {}
        }
    }
    let count = placed.len() + bare.len();
    for text in bare {
        eprintln!("{severity}: {text}");
    }
    if let (Written::In(loaded, color), false) = (written, placed.is_empty()) {
        placed.sort_by_key(|finding| (finding.line, finding.column));
        let found = Diagnostics { file: loaded.name.clone(), items: placed, omitted: 0 };
        eprint!("{}", found.render(&styles(color)));
    }
    count
}
