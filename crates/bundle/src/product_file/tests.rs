use multibeam_conformance::product::{OPTIONAL, REQUIRED};

use super::*;

fn read(text: &str) -> Result<ProductFile, String> {
    parse("product.yaml", text.as_bytes()).map(|parsed| parsed.file).map_err(|e| e.to_string())
}

/// The example with one piece replaced, which must be in it.
fn with(from: &str, to: &str) -> Result<ProductFile, String> {
    assert!(EXAMPLE.contains(from), "{from:?}");
    read(&EXAMPLE.replacen(from, to, 1))
}

#[test]
fn the_example_is_good_and_shows_every_key() {
    let parsed = parse("product.yaml", EXAMPLE.as_bytes()).unwrap_or_else(|e| panic!("{e}"));
    assert!(parsed.warnings.is_empty(), "{}", parsed.warnings);
    let keys = ["directory", "setup", "qualifying", "releases", "targets"];
    for key in FIELDS.iter().map(|info| info.name).chain(keys) {
        assert!(EXAMPLE.contains(&format!("{key}:")), "{key}");
    }
    // What is commented out is good as well.
    let (before, targets) = EXAMPLE.split_once("\n# targets:").unwrap();
    let targets = format!("\n# targets:{targets}").replace("\n# ", "\n");
    let file = read(&format!("{before}{targets}")).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(file.targets().collect::<Vec<_>>(), ["v1.36-ipvs"]);
}

#[test]
fn the_fields_are_those_that_are_verified() {
    let of = |needed| {
        let fields = FIELDS.iter().filter(move |info| info.needed == needed);
        fields.map(|info| info.name).collect::<BTreeSet<_>>()
    };
    assert_eq!(of(true), REQUIRED.into());
    assert_eq!(of(false), OPTIONAL.into());
}

#[test]
fn what_is_nearer_wins() {
    let text = "\
apiVersion: multibeam.dev/v1
kind: Product
directory: turbo
product: {vendor: V, name: N, version: '1', type: installer, description: D, website_url: 'https://a.b',
  documentation_url: 'https://a.b/docs', contact_email_address: a@b.c}
setup: make up
releases:
  v1.36: {product: {version: '2'}, setup: make up2}
targets:
  ipvs: {directory: turbo-ipvs, product: {version: '3'}}
";
    let file = read(text).unwrap();
    let product = |minor, target: &str| file.product(Minor::new(1, minor), target);
    assert_eq!(product(35, "x").field("version"), "1");
    assert_eq!(product(36, "x").field("version"), "2");
    let nearest = product(36, "ipvs");
    assert_eq!(
        (nearest.directory.as_str(), nearest.setup.as_str(), nearest.field("version")),
        ("turbo-ipvs", "make up2", "3")
    );
    assert_eq!((nearest.field("vendor"), nearest.field("repo_url")), ("V", ""));
    assert!(file.qualifying.is_empty());
}

#[test]
fn every_mistake_is_told_in_one_pass_with_its_line_and_a_hint() {
    let text = EXAMPLE
        .replacen("vendor:", "vendro:", 1)
        .replacen("type: distribution", "type: Distribution", 1)
        .replacen("website_url: https://", "website_url: ", 1)
        .replacen("directory: turbo", "directory: ../turbo", 1);
    let found = parse("product.yaml", text.as_bytes()).unwrap_err();
    let said = found.to_string();
    for expected in [
        "unknown key \"vendro\"",
        "did you mean \"vendor\"?",
        "product needs the key \"vendor\"",
        "expected distribution or hosted platform or installer, found \"Distribution\"",
        "is not a URL",
        "directory: \"../turbo\" is not the name of a directory",
    ] {
        assert!(said.contains(expected), "{expected:?} in\n{said}");
    }
    assert_eq!(found.items.len(), 5, "{said}");
    assert!(found.items.iter().all(|item| item.line > 1));
}

#[test]
fn values_are_held_against_the_rules_of_a_submission() {
    for (from, to, expected) in [
        ("version: v1.7.4", "version: 1.30", "expected a string, found a number"),
        ("vendor: Yoyodyne", "vendor: ' '", "is not a text of one line"),
        ("vendor: Yoyodyne", "vendor: \"a\\u2028b\"", "is not a text of one line"),
        ("turbo.svg", "turbo.png", "is not the URL of a vector graphic"),
        ("certificates@yoyo.dyne", "certificates", "is not an e-mail address"),
        ("kind: Product", "kind: Run", "a product file has kind: Product"),
        ("qualifying: [v1.34", "qualifying: ['1.34'", "is not a release such as v1.36"),
    ] {
        let said = with(from, to).unwrap_err();
        assert!(said.contains(expected), "{from} -> {to}: {said}");
    }
}

#[test]
fn the_checked_in_schema_is_the_generated_one() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schema/product.schema.json");
    if std::env::var_os("MULTIBEAM_BLESS").is_some() {
        std::fs::write(path, schema_text()).unwrap();
    }
    let found = std::fs::read_to_string(path).unwrap_or_default();
    assert!(found == schema_text(), "{path} is old (MULTIBEAM_BLESS=1 rewrites it)");
    assert!(jsonschema::meta::is_valid(&schema()));
}
