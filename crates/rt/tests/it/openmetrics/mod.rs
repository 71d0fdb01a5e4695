//! A strict reader of OpenMetrics text: enough of the specification to catch what scrapers refuse.

use std::collections::{BTreeMap, BTreeSet};

/// The samples of a text, by name and labels as they are written.
pub(crate) fn parse(text: &str) -> BTreeMap<String, f64> {
    let body = text.strip_suffix("# EOF\n").expect("the text ends with `# EOF`");
    let mut types: BTreeMap<&str, &str> = BTreeMap::new();
    let mut helped = BTreeSet::new();
    let mut samples = BTreeMap::new();
    for line in body.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let (word, rest) = comment.split_once(' ').unwrap();
            let (name, value) = rest.split_once(' ').unwrap();
            match word {
                "TYPE" => {
                    let kinds = ["counter", "gauge", "histogram", "info"];
                    assert!(kinds.contains(&value), "{line}");
                    assert_eq!(types.insert(name, value), None, "{name} is there twice");
                }
                "UNIT" => assert!(name.ends_with(&format!("_{value}")), "{line}"),
                "HELP" => assert!(helped.insert(name), "{name} is explained twice"),
                _ => panic!("unknown comment: {line}"),
            }
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap();
        let name = series.split('{').next().unwrap();
        let (family, kind) = types
            .iter()
            .find(|(family, _)| suffixes(name, family).is_some())
            .unwrap_or_else(|| panic!("{name} has no type"));
        let suffix = suffixes(name, family).unwrap();
        let fits = match *kind {
            "counter" => suffix == "_total",
            "gauge" => suffix.is_empty(),
            "histogram" => ["_bucket", "_sum", "_count"].contains(&suffix),
            _ => suffix == "_info",
        };
        assert!(fits, "{line} is no sample of a {kind}");
        assert!(helped.contains(family), "{family} is not explained");
        let value = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
        assert_eq!(samples.insert(series.to_owned(), value), None, "{series} is there twice");
    }
    samples
}

fn suffixes<'a>(name: &'a str, family: &str) -> Option<&'a str> {
    let suffix = name.strip_prefix(family)?;
    ["", "_total", "_bucket", "_sum", "_count", "_info"].contains(&suffix).then_some(suffix)
}
