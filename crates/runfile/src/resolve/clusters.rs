//! The clusters of a target, and that none of them is there twice.

use std::collections::BTreeMap;

use multibeam_document::diagnostic::Code;
use multibeam_document::render::quote;
use multibeam_document::yaml::Span;

use super::scope::Writer;
use crate::bounds::MAX_CLUSTERS;
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
    by_name: BTreeMap<String, (Option<Access>, Span)>,
    by_access: BTreeMap<Access, (String, Span)>,
    /// Where the kubeconfig of each name is written first.
    kubeconfigs: BTreeMap<String, Span>,
}

/// The clusters of one row.
pub(super) fn resolve(
    raw: &RawRun,
    target: &RawTarget,
    row: &Row,
    bindings: &mut Bindings,
    out: &mut Writer<'_, '_>,
) -> Vec<Cluster> {
    let mut clusters: Vec<Cluster> = Vec::new();
    let mut here: BTreeMap<String, Span> = BTreeMap::new();
    for entry in &target.clusters {
        check_once(entry, out);
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
                bindings.add(
                    &name,
                    at,
                    entry,
                    kubeconfig.clone().map(|k| (k, context.clone())),
                    out,
                );
            }
            clusters.push(Cluster {
                name,
                kubeconfig,
                context,
                workers: entry
                    .workers
                    .or(target.workers)
                    .or(raw.workers)
                    .unwrap_or(DEFAULT_WORKERS),
                processes: entry
                    .processes
                    .or(target.processes)
                    .or(raw.processes)
                    .unwrap_or(DEFAULT_PROCESSES),
            });
        }
    }
    if clusters.len() > MAX_CLUSTERS {
        let message = format!("a target with more than {MAX_CLUSTERS} clusters");
        out.once(Code::TooLarge, target.span, message, None);
    }
    clusters
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
    /// Where the kubeconfig of each cluster is written first, by the cluster's name.
    pub(super) fn kubeconfigs(self) -> BTreeMap<String, Span> {
        self.kubeconfigs
    }

    fn add(
        &mut self,
        name: &str,
        at: &Template,
        entry: &RawCluster,
        access: Option<Access>,
        out: &mut Writer<'_, '_>,
    ) {
        if let Some(access) = &access {
            let span = entry.kubeconfig.as_ref().map_or(at.span, |t| t.span);
            self.kubeconfigs.entry(name.to_owned()).or_insert(span);
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
                    return;
                }
                Some(_) => {}
                None => {
                    self.by_access.insert(access.clone(), (name.to_owned(), at.span));
                }
            }
        }
        match self.by_name.get(name) {
            Some((other, first)) if *other != access => {
                let message = format!("{} stands for two different clusters", quote(name));
                let hint = match first.start == at.span.start {
                    true => "put the axis that the kubeconfig depends on into the name".to_owned(),
                    false => format!(
                        "in line {} it has another kubeconfig or context; give it another name here",
                        first.start.line
                    ),
                };
                out.once(Code::Duplicate, at.span, message, Some(hint));
            }
            Some(_) => {}
            None => {
                self.by_name.insert(name.to_owned(), (access, at.span));
            }
        }
    }
}
