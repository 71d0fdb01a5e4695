//! `sonobuoy_results.yaml`: what Sonobuoy makes of a JUnit file once the plugin is done, without the
//! specs' output, which stands in the JUnit file beside it.

use std::collections::BTreeMap;
use std::io::{BufReader, Read};

use multibeam_ginkgo::render::Dialect;
use multibeam_ginkgo::render::junit::{Outcome, case};
use multibeam_ginkgo::report::{GoTime, SpecReport, read_reports};
use multibeam_ginkgo::spec::full_text;
use serde::Serialize;

use crate::ExportError;

/// Text of a failure is kept up to here, in bytes.
const MOST_TEXT: usize = 64 << 10;

/// A node of the tree (`results.Item` of vmware-tanzu/sonobuoy).
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Item {
    name: String,
    status: &'static str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    meta: BTreeMap<&'static str, &'static str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    details: BTreeMap<&'static str, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    items: Vec<Self>,
}

/// What JUnit files are sorted by.
type Place = (String, GoTime);

/// The tree over a report: summary, file, suite, cases in the order of the JUnit file.
pub(super) fn summary(report: &mut dyn Read, dialect: Dialect) -> Result<Item, ExportError> {
    let mut cases: Vec<(Place, Item)> = Vec::new();
    let mut wrong = None;
    let suites =
        read_reports(BufReader::new(report), |spec: SpecReport| match item(&spec, dialect) {
            Ok(item) => {
                let texts = &spec.container_hierarchy_texts;
                let text = full_text(texts, &spec.leaf_node_text, dialect.version());
                cases.push(((text, spec.start_time), item));
            }
            Err(error) => wrong = Some(error),
        })?;
    if let Some(error) = wrong {
        return Err(error);
    }
    cases.sort_by(|((a, begun), _), ((b, begun_b), _)| {
        a.cmp(b).then_with(|| begun.cmp_instant(begun_b))
    });
    let suite = Item {
        name: suites.first().map(|suite| suite.suite_description.clone()).unwrap_or_default(),
        ..Item::over(cases.into_iter().map(|(_, item)| item).collect())
    };
    let meta = [("file", "results/global/junit_01.xml"), ("type", "file")];
    let file =
        Item { name: "junit_01.xml".to_owned(), meta: meta.into(), ..Item::over(vec![suite]) };
    let meta = [("type", "summary")];
    Ok(Item { name: "e2e".to_owned(), meta: meta.into(), ..Item::over(vec![file]) })
}

fn item(spec: &SpecReport, dialect: Dialect) -> Result<Item, ExportError> {
    let (name, outcome) = case(spec, dialect)?;
    let mut item = Item { name, status: "passed", ..Item::default() };
    match outcome {
        Outcome::Passed => {}
        Outcome::Skipped(_) => item.status = "skipped",
        Outcome::Failed { element, text, .. } => {
            item.status = "failed";
            item.details.insert(element, cut(&text));
        }
    }
    Ok(item)
}

fn cut(text: &[u8]) -> String {
    let whole = String::from_utf8_lossy(&text[..text.len().min(MOST_TEXT)]);
    let rest = if text.len() > MOST_TEXT { " […]" } else { "" };
    format!("{}{rest}", whole.trim())
}

// === impl Item ===

impl Item {
    /// A node over others: failed if one of them is, unknown without any.
    fn over(items: Vec<Self>) -> Self {
        let has = |status| items.iter().any(|item| item.status == status);
        let status = match () {
            () if has("failed") => "failed",
            () if items.is_empty() || has("unknown") => "unknown",
            () => "passed",
        };
        Self { status, items, ..Self::default() }
    }
}
