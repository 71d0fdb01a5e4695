//! Mistakes in PRODUCT.yaml.

use multibeam_conformance::UrlAnswer;
use multibeam_conformance::rules::Rule;

use super::Case;
use crate::rules::spoil::{answer, product};

pub(super) const CASES: &[Case] = &[
    (Rule::ProductMapping, "a list", |s| product(s, "- a\n"), "expected a mapping"),
    (
        Rule::ProductMapping,
        "no YAML",
        |s| s.replace("PRODUCT.yaml", "vendor:", "vendor: ["),
        "not valid YAML",
    ),
    (
        Rule::ProductScalars,
        "a list",
        |s| s.replace("PRODUCT.yaml", "Yoyodyne", "[Yoyodyne]"),
        "vendor: a list",
    ),
    (
        Rule::ProductFields,
        "no vendor",
        |s| s.replace("PRODUCT.yaml", "vendor: Yoyodyne\n", ""),
        "the field vendor is missing",
    ),
    (
        Rule::ProductFields,
        "null",
        |s| s.replace("PRODUCT.yaml", "Yoyodyne", "~"),
        "vendor: has no value",
    ),
    (
        Rule::ProductBlank,
        "blank",
        |s| s.replace("PRODUCT.yaml", "Yoyodyne", "' '"),
        "vendor: is blank",
    ),
    (
        Rule::ProductUrls,
        "no URL",
        |s| s.replace("PRODUCT.yaml", "https://yoyo.dyne/turbo-encabulator\n", "yoyo.dyne\n"),
        "website_url: \"yoyo.dyne\" is no URL",
    ),
    (
        Rule::ProductEmail,
        "no address",
        |s| s.replace("PRODUCT.yaml", "turbo@yoyo.dyne", "turbo"),
        "contact_email_address: ",
    ),
    (
        Rule::ProductType,
        "capitals",
        |s| s.replace("PRODUCT.yaml", "type: distribution", "type: Distribution"),
        "type: \"Distribution\" is none of",
    ),
    (
        Rule::ProductLogo,
        "a PNG",
        |s| s.replace("PRODUCT.yaml", "encabulator.svg", "encabulator.png"),
        "product_logo_url: a .png file",
    ),
    (
        Rule::ProductQuoted,
        "a number",
        |s| s.replace("PRODUCT.yaml", "'v1.7.4'", "1.30"),
        "version: 1.30 is no text",
    ),
    (
        Rule::ProductKnown,
        "a typo",
        |s| s.replace("PRODUCT.yaml", "repo_url", "repo_ulr"),
        "repo_ulr: is no field",
    ),
    (
        Rule::ProductKnown,
        "twice",
        |s| s.replace("PRODUCT.yaml", "name:", "vendor: Yoyodyne\nname:"),
        "vendor: is there twice",
    ),
    (
        Rule::ProductContentType,
        "a PDF",
        |s| answer(s, UrlAnswer::ContentType("application/pdf".into())),
        "documentation_url: is served as",
    ),
    (
        Rule::ProductReachable,
        "no answer",
        |s| answer(s, UrlAnswer::Failed("timed out".into())),
        "documentation_url: cannot be reached",
    ),
    (
        Rule::ProductReachable,
        "another scheme",
        |s| s.replace("PRODUCT.yaml", "https://yoyo.dyne/turbo-encabulator\n", "ftp://yoyo.dyne\n"),
        "website_url: a URL of ftp, expected",
    ),
];
