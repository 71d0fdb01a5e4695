//! `suite`: what is run. Written once for all targets, and again in a target that differs.

use std::collections::BTreeMap;

use multibeam_document::diagnostic::Sink;
use multibeam_document::human::HumanDuration;
use multibeam_document::table::{Extra, KeyRule, Object, Ty, optional};
use multibeam_document::yaml::{Node, Spanned};
use serde::{Deserialize, Serialize};

use super::{TEXT, pairs, text, texts, unit};
use crate::template::{Scope, Template};

/// Ginkgo's own limit for a whole suite is one hour unless another is given, after which every
/// remaining spec is reported as skipped. Kubernetes' conformance image gives this one.
pub const DEFAULT_SUITE_TIMEOUT: HumanDuration = HumanDuration::from_secs(24 * 3_600);

static ENV: Extra = Extra {
    keys: KeyRule {
        what: "an environment variable",
        pattern: "^[A-Za-z_][A-Za-z0-9_]{0,127}$",
        rule: "letters, digits, and underscores, beginning with no digit",
        allows: crate::name::is_variable,
    },
    value: Ty::Scalar,
};

static ENV_MAP: Object = Object {
    name: "env",
    doc: "Environment variables of the suite's processes. Unless set here, MULTIBEAM_TARGET and MULTIBEAM_CLUSTER are the names of the process's target and cluster.",
    fields: &[],
    extra: Some(&ENV),
};

pub(crate) static SUITE: Object = Object {
    name: "suite",
    doc: "What is run. A target's own suite replaces single keys of the one that all targets share (env is merged variable by variable).",
    fields: &[
        optional(
            "binary",
            Ty::Text,
            "Path of the suite, a Ginkgo v2 test binary such as Kubernetes' e2e.test. Relative to the run file. Needed here or in the target.",
        ),
        optional(
            "args",
            Ty::List { item: &TEXT, min: 0 },
            "Arguments of the binary, such as --provider=skeleton. Flags that have a key of their own here are refused.",
        ),
        optional(
            "env",
            Ty::Object(&ENV_MAP),
            "Environment variables of the suite's processes. Unless set here, MULTIBEAM_TARGET and MULTIBEAM_CLUSTER are the names of the process's target and cluster.",
        ),
        optional(
            "focus",
            Ty::List { item: &TEXT, min: 0 },
            "Go regular expressions; a spec is selected if any of them matches. Such as '\\[Conformance\\]'.",
        ),
        optional(
            "skip",
            Ty::List { item: &TEXT, min: 0 },
            "Go regular expressions; a spec is left out if any of them matches. Refused in a certified run.",
        ),
        optional("labelFilter", Ty::Text, "Ginkgo label filter, such as 'sig-network && !Slow'."),
        optional(
            "timeout",
            Ty::Duration {
                min: HumanDuration::from_secs(1),
                max: HumanDuration::from_secs(30 * 86_400),
            },
            "Limit for the whole suite on each process. Default 24h.",
        ),
        optional(
            "workdir",
            Ty::Text,
            "Working directory of the suite's processes. Relative to the run file. Default: the directory of the binary.",
        ),
    ],
    extra: None,
};

/// What a target runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Suite {
    /// As written; the caller resolves it relative to the run file.
    pub binary: String,
    /// Arguments of the binary, without what Multibeam adds.
    pub args: Vec<String>,
    /// Environment variables on top of the worker's own.
    pub env: BTreeMap<String, String>,
    /// Go regular expressions, of which one must match.
    pub focus: Vec<String>,
    /// Go regular expressions, of which none may match.
    pub skip: Vec<String>,
    /// Ginkgo label filter.
    pub label_filter: Option<String>,
    /// Limit for the whole suite on each process.
    pub timeout: HumanDuration,
    /// As written; the caller resolves it relative to the run file.
    pub workdir: Option<String>,
}

/// A `suite` mapping as written, or what two of them give together.
#[derive(Debug, Clone, Default)]
pub(crate) struct RawSuite {
    pub(crate) binary: Option<Template>,
    pub(crate) args: Option<Spanned<Vec<Template>>>,
    pub(crate) env: Vec<(Spanned<String>, Template)>,
    pub(crate) focus: Option<Spanned<Vec<Template>>>,
    pub(crate) skip: Option<Spanned<Vec<Template>>>,
    pub(crate) label_filter: Option<Template>,
    pub(crate) timeout: Option<HumanDuration>,
    pub(crate) workdir: Option<Template>,
    /// Whether a binary was written at all, readable or not.
    pub(crate) names_binary: bool,
}

// === impl RawSuite ===

impl RawSuite {
    /// This suite where it says something, the shared one elsewhere.
    pub(crate) fn over(&self, shared: &RawSuite) -> RawSuite {
        let mut env = shared.env.clone();
        env.retain(|(name, _)| !self.env.iter().any(|(own, _)| own.value == name.value));
        env.extend(self.env.iter().cloned());
        RawSuite {
            binary: self.binary.clone().or_else(|| shared.binary.clone()),
            args: self.args.clone().or_else(|| shared.args.clone()),
            env,
            focus: self.focus.clone().or_else(|| shared.focus.clone()),
            skip: self.skip.clone().or_else(|| shared.skip.clone()),
            label_filter: self.label_filter.clone().or_else(|| shared.label_filter.clone()),
            timeout: self.timeout.or(shared.timeout),
            workdir: self.workdir.clone().or_else(|| shared.workdir.clone()),
            names_binary: self.names_binary || shared.names_binary,
        }
    }

    /// Every string in it.
    pub(crate) fn templates(&self) -> impl Iterator<Item = &Template> {
        let lists = [&self.args, &self.focus, &self.skip];
        let singles = [&self.binary, &self.label_filter, &self.workdir];
        singles
            .into_iter()
            .flatten()
            .chain(lists.into_iter().flatten().flat_map(|list| &list.value))
            .chain(self.env.iter().map(|(_, value)| value))
    }
}

/// Reads a `suite` mapping of the run or of a target, if it is there.
pub(crate) fn read(parent: &Node, sink: &mut Sink<'_>) -> RawSuite {
    let Some(node) = parent.get("suite") else {
        return RawSuite::default();
    };
    RawSuite {
        binary: text(node, "binary", Scope::Target, sink),
        args: texts(node, "args", sink),
        env: pairs(node, "env", sink),
        focus: texts(node, "focus", sink),
        skip: texts(node, "skip", sink),
        label_filter: text(node, "labelFilter", Scope::Target, sink),
        timeout: unit(node, "timeout"),
        workdir: text(node, "workdir", Scope::Target, sink),
        names_binary: node.get("binary").is_some(),
    }
}
