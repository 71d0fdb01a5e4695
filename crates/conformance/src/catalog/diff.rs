//! What changed from one list of conformance tests to another.

use std::collections::{BTreeMap, BTreeSet};

use multibeam_model::spec_text::fold;
use serde::Serialize;

use super::{Catalog, Test};

/// The differences between two lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diff {
    /// Tests that only the new list has.
    pub added: Vec<Change>,
    /// Tests that only the old list has.
    pub removed: Vec<Change>,
    /// Tests of both lists whose text changed.
    pub renamed: Vec<Renamed>,
    /// Tests that both lists have under the same text.
    pub unchanged: usize,
}

/// A test that came or went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The `sig-...` it belongs to, or nothing.
    pub sig: String,
    /// The test.
    #[serde(flatten)]
    pub test: Test,
}

/// A test with another text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Renamed {
    /// The `sig-...` it belongs to now, or nothing.
    pub sig: String,
    /// Its release now.
    pub release: String,
    /// Text in the old list.
    pub from: String,
    /// Text in the new list.
    pub to: String,
    /// Whether nothing but white space changed.
    pub white_space_only: bool,
}

/// Compares two lists. A test counts as renamed when its text without tags, and with white space
/// and case folded, is in both lists, once among the tests that only one of them has.
#[must_use]
pub fn diff(old: &Catalog, new: &Catalog) -> Diff {
    let texts = |catalog: &Catalog| -> BTreeSet<String> {
        catalog.tests().map(|test| test.text.clone()).collect()
    };
    let (old_texts, new_texts) = (texts(old), texts(new));
    let gone: Vec<&Test> = old.tests().filter(|test| !new_texts.contains(&test.text)).collect();
    let come: Vec<&Test> = new.tests().filter(|test| !old_texts.contains(&test.text)).collect();

    let came_as = unique_by_fold(&come);
    let went_as = unique_by_fold(&gone);
    let mut renamed = Vec::new();
    let mut removed = Vec::new();
    for test in &gone {
        let key = fold(&test.text);
        match (went_as.get(&key), came_as.get(&key)) {
            (Some(Some(_)), Some(Some(to))) => renamed.push(Renamed::new(test, to)),
            _ => removed.push(Change::new(test)),
        }
    }
    let renamed_to: BTreeSet<&str> = renamed.iter().map(|change| change.to.as_str()).collect();
    let added = come.iter().filter(|test| !renamed_to.contains(test.text.as_str()));
    let added = added.map(|test| Change::new(test)).collect();
    let mut diff = Diff { added, removed, renamed, unchanged: old.len() - gone.len() };
    diff.added.sort_by(|a, b| (&a.sig, &a.test.text).cmp(&(&b.sig, &b.test.text)));
    diff.removed.sort_by(|a, b| (&a.sig, &a.test.text).cmp(&(&b.sig, &b.test.text)));
    diff.renamed.sort_by(|a, b| (&a.sig, &a.to).cmp(&(&b.sig, &b.to)));
    diff
}

/// Tests by folded text; `None` where several share it and none can be told from the other.
fn unique_by_fold<'a>(tests: &[&'a Test]) -> BTreeMap<String, Option<&'a Test>> {
    let mut by_fold = BTreeMap::new();
    for test in tests {
        by_fold.entry(fold(&test.text)).and_modify(|found| *found = None).or_insert(Some(*test));
    }
    by_fold
}

// === impl Change ===

impl Change {
    fn new(test: &Test) -> Self {
        Self { sig: test.sig().to_owned(), test: test.clone() }
    }
}

// === impl Renamed ===

impl Renamed {
    fn new(from: &Test, to: &Test) -> Self {
        let words = |text: &str| text.split_whitespace().collect::<String>();
        Self {
            sig: to.sig().to_owned(),
            release: to.release.clone(),
            white_space_only: words(&from.text) == words(&to.text),
            from: from.text.clone(),
            to: to.text.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Minor;

    fn minors(old: u16, new: u16) -> Diff {
        let list = |minor| Catalog::built_in(Minor::new(1, minor)).unwrap();
        diff(&list(old), &list(new))
    }

    #[test]
    fn published_lists_differ_as_known() {
        let diff = minors(28, 29);
        assert_eq!((diff.added.len(), diff.removed.len(), diff.renamed.len()), (8, 0, 39));
        assert_eq!(diff.renamed.iter().filter(|change| change.white_space_only).count(), 38);
        assert_eq!(diff.unchanged, 341);
        let diff = minors(29, 30);
        assert_eq!((diff.added.len(), diff.removed.len(), diff.renamed.len()), (14, 0, 0));
        let same = minors(36, 36);
        assert_eq!((same.added.len() + same.removed.len() + same.renamed.len()), 0);
    }

    #[test]
    fn texts_that_fold_alike_are_not_mistaken_for_one_another() {
        let list = |texts: &[&str]| {
            let test = |text: &&str| Test { text: (*text).to_owned(), release: "v1.9".into() };
            Catalog::new(super::super::Origin::BuiltIn(Minor::new(1, 9)), texts.iter().map(test))
        };
        let old = list(&["[sig-a] x [Slow]", "[sig-a] y"]);
        let new = list(&["[sig-a] x", "[sig-a] x [Serial]", "[sig-a]  Y [Serial]"]);
        let diff = diff(&old, &new);
        assert_eq!((diff.added.len(), diff.removed.len(), diff.renamed.len()), (2, 1, 1));
        assert_eq!(diff.renamed[0].to, "[sig-a]  Y [Serial]");
        assert!(!diff.renamed[0].white_space_only);
    }
}
