//! Files that are missing, too many, or in the wrong place.

use multibeam_conformance::qualifying_with;
use multibeam_conformance::rules::Rule;

use super::Case;
use crate::rules::spoil::{add, changed, empty, link, put, remove, rename};

pub(super) const CASES: &[Case] = &[
    (Rule::FilesPresent, "no readme", |s| remove(s, "README.md"), "README.md is missing"),
    (Rule::FilesPresent, "no product", |s| remove(s, "PRODUCT.yaml"), "PRODUCT.yaml is missing"),
    (Rule::FilesPresent, "no log", |s| remove(s, "e2e.log"), "e2e.log is missing"),
    (Rule::FilesPresent, "no junit", |s| remove(s, "junit_01.xml"), "junit_01.xml is missing"),
    (Rule::FilesNotEmpty, "empty readme", |s| empty(s, "README.md"), "README.md is empty"),
    (Rule::FilesNotEmpty, "empty product", |s| empty(s, "PRODUCT.yaml"), "PRODUCT.yaml is empty"),
    (Rule::FilesNotEmpty, "empty log", |s| empty(s, "e2e.log"), "e2e.log is empty"),
    (Rule::FilesNotEmpty, "empty junit", |s| empty(s, "junit_01.xml"), "junit_01.xml is empty"),
    (Rule::FilesOnly, "a tarball", |s| add(s, "sonobuoy.tar.gz"), "sonobuoy.tar.gz is no file"),
    (Rule::FilesOnly, "a directory", |s| add(s, "docs/steps.md"), "docs/steps.md is no file"),
    (Rule::FilesOnly, "a second junit", |s| add(s, "junit_02.xml"), "junit_02.xml is no file"),
    (
        Rule::FilesOnly,
        "lower case",
        |s| rename(s, "README.md", "readme.md"),
        "readme.md must be spelled README.md",
    ),
    (
        Rule::FilesOnly,
        "a changed file",
        |s| changed(s, &["v1.36/turbo/e2e.log", "v1.36/turbo/x"]),
        "x is no file",
    ),
    (Rule::FilesFolder, "no release", |s| s.folder = "turbo".into(), "the directory is not called"),
    (
        Rule::FilesFolder,
        "release with patch",
        |s| s.folder = "v1.36.2/turbo".into(),
        "the directory is not called",
    ),
    (
        Rule::FilesFolder,
        "a changed file",
        |s| changed(s, &["v1.36/e2e.log"]),
        "v1.36/e2e.log does not lie",
    ),
    (
        Rule::FilesPlain,
        "a link",
        |s| link(s, "e2e.log"),
        "e2e.log is a symbolic link, expected a plain file",
    ),
    (
        Rule::ReleaseSupported,
        "too old",
        |s| s.request.qualifying = qualifying_with("v1.39".parse().unwrap()),
        "v1.36 is none of the releases that qualify: v1.37, v1.38, v1.39",
    ),
    (
        Rule::ReadmeSteps,
        "a link",
        |s| put(s, "README.md", "See https://yoyo.dyne/how-to\n"),
        "1 words besides links",
    ),
];
