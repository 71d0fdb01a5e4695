//! The clusters of a target, and that none of them is there twice.

use std::collections::BTreeMap;
use std::fmt;

use multibeam_document::diagnostic::Code;
use multibeam_document::render::quote;
use multibeam_document::yaml::Span;

use super::Seen;
use super::scope::Writer;
use crate::bounds::MAX_CLUSTERS;
use crate::mention::Mentioned;
use crate::name::{PLAIN_RULE, is_plain};
use crate::settings::cluster::{Cluster, DEFAULT_PROCESSES, DEFAULT_WORKERS, RawCluster};
use crate::settings::run::RawRun;
use crate::settings::target::RawTarget;
use crate::template::{Row, Template};

/// A kubeconfig and a context, as written.
type Access = (String, Option<String>);

/// What every cluster name of the run stands for. A cluster may be in several targets, always
/// under the same name: its serial phase is shared, and workers are bound to the name.
#[derive(Default)]
pub(super) struct Bindings {
    by_name: BTreeMap<String, Binding>,
    by_access: BTreeMap<Access, (String, Span)>,
}

/// What a name stands for, and where it was written first.
struct Binding {
    access: Option<Access>,
    size: Size,
    at: Span,
}

/// How many workers a cluster has, and how many processes each of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Size {
    workers: u32,
    processes: u32,
}

/// The clusters of one row.
pub(super) fn resolve(
    raw: &RawRun,
    target: &RawTarget,
    row: &Row,
    seen: &mut Seen,
    out: &mut Writer<'_, '_>,
) -> Vec<Cluster> {
    let mut clusters: Vec<Cluster> = Vec::new();
    let mut here: BTreeMap<String, Span> = BTreeMap::new();
    for entry in &target.clusters {
        check_once(entry, out);
        let size = size(raw, target, entry);
        for index in 1..=entry.count {
            let Some(at) = &entry.name else { continue };
            let name = out.write(at, row, index);
            if !is_plain(&name) {
                let message = format!("a cluster cannot be called {}", quote(&name));
                out.once(Code::BadName, at.span, message, Some(PLAIN_RULE.to_owned()));
                continue;
            }
            let mut path = |t: &Option<Template>, key: &str| {
                let t = t.as_ref()?;
                let text = out.write(t, row, index);
                if text.trim().is_empty() {
                    let hint = "remove the key, or give it a value".to_owned();
                    out.once(Code::BadValue, t.span, format!("{key} is empty"), Some(hint));
                }
                Some(text)
            };
            let kubeconfig = path(&entry.kubeconfig, "kubeconfig");
            let context = path(&entry.context, "context");
            if let Some(first) = here.get(&name) {
                let message = format!("the target has two clusters called {}", quote(&name));
                let hint = match first.start == at.span.start {
                    true => "put ${cluster.index} into the name".to_owned(),
                    false => format!("the other one is in line {}", first.start.line),
                };
                out.once(Code::Duplicate, at.span, message, Some(hint));
                continue;
            }
            here.insert(name.clone(), at.span);
            let readable = entry.kubeconfig.is_some() || !entry.names_kubeconfig;
            if readable {
                let access = kubeconfig.clone().map(|path| (path, context.clone()));
                let first = seen.bindings.add(&name, at, entry, access, size, out);
                if let (true, Some(path), Some(at)) = (first, &kubeconfig, &entry.kubeconfig) {
                    let (cluster, path) = (name.clone(), path.clone());
                    let what = Mentioned::Kubeconfig { cluster, path, context: context.clone() };
                    let context = entry.context.as_ref().map(|context| context.span);
                    seen.mentions.add_with_context(what, at.span, context);
                }
            }
            let Size { workers, processes } = size;
            clusters.push(Cluster { name, kubeconfig, context, workers, processes });
        }
    }
    if clusters.len() > MAX_CLUSTERS {
        let message = format!("a target with more than {MAX_CLUSTERS} clusters");
        out.once(Code::TooLarge, target.span, message, None);
    }
    clusters
}

/// The size of the clusters of an entry: the most specific one that is written counts.
fn size(raw: &RawRun, target: &RawTarget, entry: &RawCluster) -> Size {
    let pick = |own: Option<u32>, of_target: Option<u32>, of_run: Option<u32>, default: u32| {
        own.or(of_target).or(of_run).unwrap_or(default)
    };
    Size {
        workers: pick(entry.workers, target.workers, raw.workers, DEFAULT_WORKERS),
        processes: pick(entry.processes, target.processes, raw.processes, DEFAULT_PROCESSES),
    }
}

/// What does not depend on the row.
fn check_once(entry: &RawCluster, out: &mut Writer<'_, '_>) {
    if let (Some(context), false) = (&entry.context, entry.names_kubeconfig) {
        let message = "context without kubeconfig".to_owned();
        let hint = "say which kubeconfig has the context, or remove it".to_owned();
        out.once(Code::MissingKey, context.span, message, Some(hint));
    }
    if let Some(name) = entry.name.as_ref().filter(|t| entry.count > 1 && !t.has_cluster_index()) {
        let message = "the clusters that count stands for need different names".to_owned();
        let hint = "put ${cluster.index} into the name".to_owned();
        out.once(Code::Duplicate, name.span, message, Some(hint));
    }
}

// === impl Bindings ===

impl Bindings {
    /// Takes in what a name stands for here. Gives whether it was not known and may be used.
    fn add(
        &mut self,
        name: &str,
        at: &Template,
        entry: &RawCluster,
        access: Option<Access>,
        size: Size,
        out: &mut Writer<'_, '_>,
    ) -> bool {
        if let Some(access) = &access {
            let span = entry.kubeconfig.as_ref().map_or(at.span, |t| t.span);
            match self.by_access.get(access) {
                Some((other, first)) if other != name => {
                    let message = format!(
                        "the clusters {} and {} are one: same kubeconfig and context",
                        quote(other),
                        quote(name)
                    );
                    let hint = match first.start == at.span.start {
                        true => {
                            "put ${cluster.index} or ${matrix.AXIS} into the kubeconfig or context"
                                .to_owned()
                        }
                        false => format!("the other one is in line {}", first.start.line),
                    };
                    out.once(Code::Duplicate, span, message, Some(hint));
                    return false;
                }
                Some(_) => {}
                None => {
                    self.by_access.insert(access.clone(), (name.to_owned(), at.span));
                }
            }
        }
        let Some(Binding { access: other, size: other_size, at: first }) = self.by_name.get(name)
        else {
            self.by_name.insert(name.to_owned(), Binding { access, size, at: at.span });
            return true;
        };
        let written_once = first.start == at.span.start;
        let line = first.start.line;
        let (message, hint) = if *other != access {
            let message = format!("{} stands for two different clusters", quote(name));
            let hint = match written_once {
                true => "put the axis that the kubeconfig depends on into the name".to_owned(),
                false => format!(
                    "in line {line} it has another kubeconfig or context; give it another name here"
                ),
            };
            (message, hint)
        } else if *other_size != size {
            let message = format!(
                "the cluster {} has {size} here and {other_size} in line {line}",
                quote(name)
            );
            (message, "one name is one cluster: give it the same size everywhere".to_owned())
        } else {
            return false;
        };
        out.once(Code::Duplicate, at.span, message, Some(hint));
        false
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |number: u32, one: &str, many: &str| match number {
            1 => format!("1 {one}"),
            _ => format!("{number} {many}"),
        };
        write!(
            f,
            "{} with {}",
            count(self.workers, "worker", "workers"),
            count(self.processes, "process", "processes")
        )
    }
}
