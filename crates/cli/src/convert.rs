//! From the run file's words to the model's.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use multibeam_model::run::{
    ClusterSpec, Concurrency, Limits, RunMode, RunSpec, SpecTimeout, SuiteSpec, TagLimit,
    TargetSpec,
};
use multibeam_runfile::{Cleanup, Cluster, HumanDuration, RunFile, Suite};

/// A limit that no spec reaches, for rules that say `off`: the model's rules always have one.
pub const NO_LIMIT: Duration = Duration::from_secs(100 * 365 * 86_400);

/// The run that a run file describes. `directory` is the one of the run file, absolute; relative
/// paths begin there.
#[must_use]
pub fn run_spec(file: &RunFile, directory: &Path) -> RunSpec {
    let mut clusters = Clusters::default();
    let mut targets = Vec::with_capacity(file.targets.len());
    for target in &file.targets {
        let indices = target.clusters.iter().map(|cluster| clusters.add(cluster, directory));
        targets.push(TargetSpec {
            name: target.name.clone(),
            dir_name: target.dir_name.clone(),
            labels: target.labels.clone(),
            suite: suite(&target.suite, directory),
            clusters: indices.collect(),
        });
    }
    RunSpec {
        name: file.name.clone(),
        certified: file.certified,
        mode: file.mode.map(|mode| RunMode {
            name: mode.name().to_owned(),
            cannot_certify: mode.cannot_certify().map(str::to_owned),
        }),
        rerun_of: None,
        fail_fast: file.fail_fast,
        seed: file.seed.map(|seed| i64::try_from(seed).unwrap_or(i64::MAX)),
        targets,
        clusters: clusters.table,
        limits: limits(file),
        matrix_junit: file.results.matrix_junit,
    }
}

/// A path of a run file in `directory`, in UTF-8 as the file itself.
#[must_use]
pub fn absolute(directory: &Path, path: &str) -> PathBuf {
    let mut out = PathBuf::new();
    for part in directory.join(path).components() {
        // Takes only "." out: ".." may lead through a symbolic link.
        if part != std::path::Component::CurDir {
            out.push(part);
        }
    }
    out
}

/// A path for people: without `..`, wherever symbolic links lead, if there is such a file.
pub(crate) fn shown(path: &str) -> Cow<'_, str> {
    let parents = Path::new(path).components().any(|part| part == std::path::Component::ParentDir);
    match std::fs::canonicalize(path) {
        Ok(found) if parents => Cow::Owned(found.to_string_lossy().into_owned()),
        _ => Cow::Borrowed(path),
    }
}

fn text(directory: &Path, path: &str) -> String {
    absolute(directory, path).to_string_lossy().into_owned()
}

fn suite(suite: &Suite, directory: &Path) -> SuiteSpec {
    SuiteSpec {
        binary: text(directory, &suite.binary),
        args: suite.args.clone(),
        env: suite.env.clone(),
        working_dir: suite.workdir.as_ref().map(|path| text(directory, path)),
        focus: suite.focus.clone(),
        skip: suite.skip.clone(),
        label_filter: suite.label_filter.clone(),
        timeout: duration(suite.timeout),
        // The run file has no key for it; suites that want it get the flag as an argument.
        flake_attempts: 1,
    }
}

fn limits(file: &RunFile) -> Limits {
    let own = &file.limits;
    let rules = file.spec_timeouts.by_tag.iter().map(|rule| SpecTimeout {
        tag: Some(rule.matches.clone()),
        limit: rule.timeout.map_or(NO_LIMIT, duration),
    });
    let default =
        file.spec_timeouts.default.map(|limit| SpecTimeout { tag: None, limit: duration(limit) });
    Limits {
        attempts: own.attempts,
        lease: duration(own.lease),
        heartbeat: duration(own.heartbeat),
        no_worker: duration(own.no_worker_give_up),
        cluster_unready: duration(own.cluster_unready_give_up),
        grace: duration(own.grace),
        spec_timeouts: rules.chain(default).collect(),
        spool: own.spool_limit.0,
        cleanup: file.cleanup == Cleanup::Auto,
        concurrency: Concurrency {
            per_cluster: file.concurrency.per_cluster,
            adaptive: file.concurrency.adaptive,
            by_tag: file
                .concurrency
                .by_tag
                .iter()
                .map(|rule| TagLimit { tag: rule.matches.clone(), at_once: rule.at_once })
                .collect(),
        },
    }
}

fn duration(human: HumanDuration) -> Duration {
    human.0
}

/// The table of clusters: each name once, in the order of the file. One name is one cluster, which
/// the reader of run files has seen to.
#[derive(Default)]
struct Clusters {
    table: Vec<ClusterSpec>,
    /// Index in the table.
    known: BTreeMap<String, u32>,
}

impl Clusters {
    fn add(&mut self, cluster: &Cluster, directory: &Path) -> u32 {
        if let Some(index) = self.known.get(&cluster.name) {
            return *index;
        }
        let index =
            u32::try_from(self.table.len()).expect("a run file has a bounded number of clusters");
        self.table.push(ClusterSpec {
            name: cluster.name.clone(),
            kubeconfig: cluster.kubeconfig.as_ref().map(|path| text(directory, path)),
            context: cluster.context.clone(),
            workers: cluster.workers,
            processes: cluster.processes,
        });
        self.known.insert(cluster.name.clone(), index);
        index
    }
}

#[cfg(test)]
mod tests;
