//! Decides what to remove. No clock, no I/O.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::owner::is_suite_like;
use super::state::{Baseline, NodeState, Object, Snapshot, Taint};
use crate::mark::SuiteMark;

/// Whose leavings to remove.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Marks of the processes that are dead for certain.
    pub dead: BTreeSet<SuiteMark>,
    /// `e2e-run` ids known to be of dead processes, e.g. because a report named them.
    pub dead_e2e_runs: BTreeSet<String>,
    /// No suite process of any worker is alive in this cluster, so whatever a suite left is a
    /// leaving.
    pub alone: bool,
}

/// What kind of thing an action is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A namespace.
    Namespace,
    /// A ValidatingWebhookConfiguration.
    ValidatingWebhook,
    /// A MutatingWebhookConfiguration.
    MutatingWebhook,
    /// An APIService.
    ApiService,
    /// A CustomResourceDefinition.
    CustomResource,
    /// A label of a node.
    NodeLabel,
    /// A taint of a node.
    NodeTaint,
    /// A node's being unschedulable.
    NodeCordon,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Namespace => "namespace",
            Self::ValidatingWebhook => "validating webhook configuration",
            Self::MutatingWebhook => "mutating webhook configuration",
            Self::ApiService => "API service",
            Self::CustomResource => "custom resource definition",
            Self::NodeLabel => "node label",
            Self::NodeTaint => "node taint",
            Self::NodeCordon => "node cordon",
        })
    }
}

/// Why something is a leaving.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// A dead process made it.
    MadeBy(SuiteMark),
    /// It carries the `e2e-run` id of a dead process.
    E2eRun(String),
    /// It was not there when the run began, and no suite process is alive.
    NewAndAlone,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MadeBy(mark) => write!(f, "made by the killed process {mark}"),
            Self::E2eRun(id) => write!(f, "labelled e2e-run={id}, the id of a killed process"),
            Self::NewAndAlone => {
                f.write_str("not there when the run began, and no suite process is alive")
            }
        }
    }
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Delete an object, if it still has this UID.
    Delete {
        /// A namespace, webhook configuration, APIService, or CustomResourceDefinition.
        kind: Kind,
        /// Its name.
        name: String,
        /// Its UID.
        uid: String,
    },
    /// Give a node's label its old value, or remove it.
    RestoreLabel {
        /// The node.
        node: String,
        /// The label.
        key: String,
        /// Its value when the run began; None if it had none.
        value: Option<String>,
    },
    /// Remove a taint from a node.
    RemoveTaint {
        /// The node.
        node: String,
        /// The taint.
        taint: Taint,
    },
    /// Make a node schedulable again.
    Uncordon {
        /// The node.
        node: String,
    },
}

impl Action {
    /// The kind of thing it is about.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Delete { kind, .. } => *kind,
            Self::RestoreLabel { .. } => Kind::NodeLabel,
            Self::RemoveTaint { .. } => Kind::NodeTaint,
            Self::Uncordon { .. } => Kind::NodeCordon,
        }
    }

    /// The name of the thing: an object's name, or node and key.
    pub fn name(&self) -> String {
        match self {
            Self::Delete { name, .. } => name.clone(),
            Self::RestoreLabel { node, key, .. } => format!("{node} {key}"),
            Self::RemoveTaint { node, taint } => {
                format!("{node} {}={}:{}", taint.key, taint.value, taint.effect)
            }
            Self::Uncordon { node } => node.clone(),
        }
    }
}

/// An action and its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What to do.
    pub action: Action,
    /// Why.
    pub why: Why,
}

/// Something new that is left alone, for the report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// What kind of thing.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Why it is left alone.
    pub why: String,
}

/// What to do, in order, and what is left alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// To be done in this order: webhooks and APIServices of dead backends come first, because they
    /// can hold up the deletion of namespaces.
    pub steps: Vec<Step>,
    /// New, but perhaps not the suite's.
    pub kept: Vec<Kept>,
}

/// Plans what brings the state `now` back to `baseline`, as far as it is in `scope`.
pub fn plan(baseline: &Baseline, now: &Snapshot, scope: &Scope) -> Plan {
    let before = baseline.state();
    let mut plan = Plan::default();
    let kinds = [
        (Kind::ValidatingWebhook, &before.validating_webhooks, &now.validating_webhooks),
        (Kind::MutatingWebhook, &before.mutating_webhooks, &now.mutating_webhooks),
        (Kind::ApiService, &before.api_services, &now.api_services),
        (Kind::CustomResource, &before.custom_resources, &now.custom_resources),
    ];
    for (kind, before, now) in kinds {
        plan.objects(kind, before, now, scope);
    }
    for (name, node) in &now.nodes {
        // A node that joined later has no state to go back to.
        if let Some(before) = before.nodes.get(name).filter(|before| before.uid == node.uid) {
            plan.node(name, before, node, scope);
        }
    }
    plan.namespaces(before, now, scope);
    plan
}

/// What the owner of a new thing means.
enum Verdict {
    Remove(Why),
    /// A living process's, or a component's own business.
    Leave,
    /// Nobody knows whose.
    Unknown,
}

/// Judges by the marks on a thing. `suite_like`: whether it looks like a suite's doing.
fn judge<'a>(
    marks: impl IntoIterator<Item = &'a SuiteMark>,
    suite_like: bool,
    scope: &Scope,
) -> Verdict {
    let marks: Vec<&SuiteMark> = marks.into_iter().collect();
    let all_dead = marks.iter().all(|mark| scope.dead.contains(*mark));
    match marks.first() {
        // A living process that also wrote to it may be using it.
        Some(mark) if all_dead => Verdict::Remove(Why::MadeBy((*mark).clone())),
        Some(_) if !scope.alone => Verdict::Leave,
        None if !scope.alone || !suite_like => Verdict::Unknown,
        _ => Verdict::Remove(Why::NewAndAlone),
    }
}

impl Plan {
    fn act(&mut self, action: Action, why: Why) {
        self.steps.push(Step { action, why });
    }

    fn keep(&mut self, kind: Kind, name: &str, owner: Option<&str>) {
        let owner = owner.unwrap_or("an unknown client");
        let why = format!("not there when the run began, but made by {owner}");
        self.kept.push(Kept { kind, name: name.to_owned(), why });
    }

    fn objects(
        &mut self,
        kind: Kind,
        before: &BTreeMap<String, Object>,
        now: &BTreeMap<String, Object>,
        scope: &Scope,
    ) {
        for (name, object) in now {
            if before.get(name).is_some_and(|old| old.uid == object.uid) {
                continue;
            }
            // All objects of a custom resource go with its definition, so only a mark will do.
            let suite_like = kind != Kind::CustomResource
                && object.creator.as_deref().is_some_and(is_suite_like);
            match judge(&object.marks, suite_like, scope) {
                Verdict::Remove(why) => {
                    let action =
                        Action::Delete { kind, name: name.clone(), uid: object.uid.clone() };
                    self.act(action, why);
                }
                Verdict::Leave => {}
                Verdict::Unknown => self.keep(kind, name, object.creator.as_deref()),
            }
        }
    }

    fn namespaces(&mut self, before: &Snapshot, now: &Snapshot, scope: &Scope) {
        // One process has one id, so a namespace with a mark gives the others of its id away.
        let mut dead: BTreeSet<&str> = scope.dead_e2e_runs.iter().map(String::as_str).collect();
        let mut living: BTreeSet<&str> = BTreeSet::new();
        for namespace in now.namespaces.values() {
            for mark in &namespace.object.marks {
                let known = if scope.dead.contains(mark) { &mut dead } else { &mut living };
                known.insert(&namespace.e2e_run);
            }
        }
        for (name, namespace) in &now.namespaces {
            let object = &namespace.object;
            if before.namespaces.get(name).is_some_and(|old| old.object.uid == object.uid) {
                continue;
            }
            let id = namespace.e2e_run.as_str();
            let why = if living.contains(id) && !scope.alone {
                continue;
            } else if dead.contains(id) {
                match object.marks.first() {
                    Some(mark) => Why::MadeBy(mark.clone()),
                    None => Why::E2eRun(id.to_owned()),
                }
            } else if scope.alone {
                Why::NewAndAlone
            } else {
                self.keep(Kind::Namespace, name, object.creator.as_deref());
                continue;
            };
            let action = Action::Delete {
                kind: Kind::Namespace,
                name: name.clone(),
                uid: object.uid.clone(),
            };
            self.act(action, why);
        }
    }

    fn node(&mut self, name: &str, before: &NodeState, now: &NodeState, scope: &Scope) {
        for (key, value) in &now.labels {
            if before.labels.get(key) == Some(value) {
                continue;
            }
            let owner = now.label_owners.get(key).map(String::as_str);
            // Components relabel nodes all the time; that is not worth a line in the report.
            if let Verdict::Remove(why) = judge_field(owner, is_test_key(key), scope) {
                let value = before.labels.get(key).cloned();
                self.act(
                    Action::RestoreLabel { node: name.to_owned(), key: key.clone(), value },
                    why,
                );
            }
        }
        for taint in
            now.taints.difference(&before.taints).filter(|taint| !is_of_controllers(&taint.key))
        {
            // All taints of a node are one field, so its owner only tells who wrote the list last:
            // not enough to take a taint away while others live.
            if !scope.alone {
                continue;
            }
            let action = Action::RemoveTaint { node: name.to_owned(), taint: taint.clone() };
            match judge_field(now.taints_owner.as_deref(), is_test_key(&taint.key), scope) {
                Verdict::Remove(why) => self.act(action, why),
                Verdict::Leave => {}
                Verdict::Unknown => {
                    self.keep(Kind::NodeTaint, &action.name(), now.taints_owner.as_deref())
                }
            }
        }
        if now.unschedulable && !before.unschedulable {
            let owner = now.unschedulable_owner.as_deref();
            match judge_field(owner, false, scope) {
                Verdict::Remove(why) => self.act(Action::Uncordon { node: name.to_owned() }, why),
                Verdict::Leave => {}
                Verdict::Unknown => self.keep(Kind::NodeCordon, name, owner),
            }
        }
    }
}

fn judge_field(owner: Option<&str>, test_key: bool, scope: &Scope) -> Verdict {
    let mark = owner.and_then(SuiteMark::of_manager);
    judge(&mark, test_key || owner.is_some_and(is_suite_like), scope)
}

/// Kubernetes' specs use keys such as `kubernetes.io/e2e-<uuid>` and `example.com/e2e-...`.
fn is_test_key(key: &str) -> bool {
    key.rsplit('/').next().is_some_and(|name| name.starts_with("e2e-"))
}

/// Taints that controllers set and remove by a node's state. The one for cordoned nodes goes with
/// the cordon.
fn is_of_controllers(key: &str) -> bool {
    key.starts_with("node.kubernetes.io/") || key.starts_with("node.cloudprovider.kubernetes.io/")
}

#[cfg(test)]
mod tests;
