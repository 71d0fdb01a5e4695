//! The product file: what is certified, one source for all releases.

mod table;

use std::collections::{BTreeMap, BTreeSet};

use multibeam_conformance::Minor;
use multibeam_document::Diagnostics;
use multibeam_document::yaml::Node;
use serde_json::Value;

use table::FORMAT;
pub use table::{FIELDS, FieldInfo};
pub(crate) use table::{directory_hint, is_directory};

/// A commented product file, valid as it stands.
pub const EXAMPLE: &str = include_str!("../../examples/product.yaml");

/// A product file without a mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// What it says.
    pub file: ProductFile,
    /// What is probably not meant so.
    pub warnings: Diagnostics,
}

/// What is certified, and what is different for a release or a target.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProductFile {
    /// Releases that can be certified now; empty when the file does not say.
    pub qualifying: BTreeSet<Minor>,
    pub(crate) common: Changes,
    releases: BTreeMap<Minor, Changes>,
    targets: BTreeMap<String, Changes>,
}

/// Values of one place of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    pub(crate) directory: Option<String>,
    pub(crate) setup: Option<String>,
    pub(crate) fields: BTreeMap<&'static str, String>,
}

/// The product of one submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// Its directory in vX.Y.
    pub directory: String,
    /// How a cluster of it is made, in Markdown.
    pub setup: String,
    /// The fields of PRODUCT.yaml, in their order.
    pub fields: Vec<(&'static str, String)>,
}

/// Reads a product file. `file_name` is only repeated in messages.
///
/// # Errors
/// Every mistake in the file, warnings among them.
pub fn parse(file_name: &str, bytes: &[u8]) -> Result<Parsed, Diagnostics> {
    let read =
        multibeam_document::parse(&FORMAT, file_name, bytes, |root, _| ProductFile::of(root));
    let (file, warnings) = read?;
    Ok(Parsed { file, warnings })
}

/// Whether a file is meant to be a product file.
#[must_use]
pub fn is_product_file(bytes: &[u8]) -> bool {
    multibeam_document::says(&FORMAT, bytes)
}

/// The JSON schema (draft 2020-12) of product files, for editors.
#[must_use]
pub fn schema() -> Value {
    let id = "https://multibeam.dev/schema/v1/product.schema.json";
    multibeam_document::schema(&FORMAT, id, "Multibeam product file")
}

/// [`schema()`] as the text of a file.
#[must_use]
pub fn schema_text() -> String {
    multibeam_document::schema_text(&schema())
}

// === impl ProductFile ===

impl ProductFile {
    /// The same for every release and target.
    pub(crate) fn new(common: Changes) -> Self {
        Self { common, ..Self::default() }
    }

    /// Reads what has the right shape; the rest was reported before.
    fn of(root: &Node) -> Self {
        let minor = |text: &str| Minor::of_directory(text);
        let qualifying = root.get("qualifying").map(Node::items).unwrap_or_default();
        let releases = entries(root, "releases")
            .filter_map(|(key, node)| Some((minor(key)?, Changes::of(node))));
        Self {
            qualifying: qualifying.iter().filter_map(Node::string).filter_map(minor).collect(),
            common: Changes::of(root),
            releases: releases.collect(),
            targets: entries(root, "targets")
                .map(|(key, node)| (key.to_owned(), Changes::of(node)))
                .collect(),
        }
    }

    /// The product of a target: what the file says at its top, then for the release, then for the
    /// target.
    #[must_use]
    pub fn product(&self, release: Minor, target: &str) -> Product {
        let mut changes = self.common.clone();
        for more in [self.releases.get(&release), self.targets.get(target)].into_iter().flatten() {
            changes.take(more.clone());
        }
        let mut fields = changes.fields;
        Product {
            directory: changes.directory.unwrap_or_default(),
            setup: changes.setup.unwrap_or_default(),
            fields: FIELDS
                .iter()
                .filter_map(|info| Some((info.name, fields.remove(info.name)?)))
                .collect(),
        }
    }

    /// Targets for which the file says something.
    pub(crate) fn targets(&self) -> impl Iterator<Item = &str> {
        self.targets.keys().map(String::as_str)
    }
}

fn entries<'a>(root: &'a Node, key: &str) -> impl Iterator<Item = (&'a str, &'a Node)> {
    let entries = root.get(key).map(Node::entries).unwrap_or_default();
    entries.iter().map(|entry| (entry.key.value.as_str(), &entry.value))
}

// === impl Changes ===

impl Changes {
    fn of(node: &Node) -> Self {
        let text = |node: &Node, key| node.get(key).and_then(Node::string).map(str::to_owned);
        let product = node.get("product");
        let field = |info: &FieldInfo| Some((info.name, text(product?, info.name)?));
        Self {
            directory: text(node, "directory"),
            setup: text(node, "setup"),
            fields: FIELDS.iter().filter_map(field).collect(),
        }
    }

    fn take(&mut self, other: Self) {
        self.directory = other.directory.or(self.directory.take());
        self.setup = other.setup.or(self.setup.take());
        self.fields.extend(other.fields);
    }
}

// === impl Product ===

impl Product {
    /// A field's value; empty when it has none.
    #[must_use]
    pub fn field(&self, name: &str) -> &str {
        let found = self.fields.iter().find(|(key, _)| *key == name);
        found.map_or("", |(_, value)| value)
    }

    /// Keys of the product file under which both have the same, unless that may well be by chance.
    pub(crate) fn in_common(&self, other: &Self) -> Vec<&'static str> {
        let fields = FIELDS.iter().filter(|info| info.is_telling()).map(|info| info.name);
        let same =
            |name: &&str| !self.field(name).is_empty() && self.field(name) == other.field(name);
        let directory = (self.directory == other.directory).then_some("directory");
        let setup = (self.setup == other.setup).then_some("setup");
        directory.into_iter().chain(fields.filter(same)).chain(setup).collect()
    }
}

#[cfg(test)]
mod tests;
