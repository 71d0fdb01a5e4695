//! Submissions as our own renderers write them, with exactly one thing wrong in each.
#![allow(dead_code, reason = "each program uses a part")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use multibeam_conformance::catalog::Catalog;
use multibeam_conformance::rules::{Outcome, Rule, Status};
use multibeam_conformance::{Checked, Minor, Request, Verdict, input, verify};
use multibeam_ginkgo::render::{Dialect, MemorySource, console, junit};
use multibeam_ginkgo::report::SuiteHeader;
use multibeam_ginkgo::version::Version;
use serde_json::{Value, json};

/// The release that the fixtures are of.
pub(crate) const MINOR: Minor = Minor::new(1, 36);

/// A run of a suite, before it becomes files.
#[derive(Clone)]
pub(crate) struct Run {
    /// Texts of the specs that ran and passed.
    pub(crate) specs: Vec<String>,
    /// Texts of specs that ran and failed.
    pub(crate) failed: Vec<String>,
    /// Texts of specs that were not selected.
    pub(crate) skipped: Vec<String>,
    pub(crate) server: &'static str,
    pub(crate) suite: &'static str,
    /// Bytes that each spec that ran has written.
    pub(crate) output_bytes: usize,
    /// `SuiteConfig` of the report.
    pub(crate) config: Value,
}

impl Run {
    /// Every required test of the release passed; a few other specs were not selected.
    pub(crate) fn good() -> Self {
        let catalog = Catalog::built_in(MINOR).unwrap();
        let specs = catalog.required(Some(MINOR)).map(|test| test.text.clone()).collect();
        let skipped = (0..20).map(|n| format!("[sig-zoo] Ungulates should graze {n}")).collect();
        let config = json!({
            "RandomSeed": 7, "FocusStrings": ["\\[Conformance\\]"], "ParallelTotal": 4,
            "FlakeAttempts": 0, "DryRun": false,
        });
        let (failed, server, suite) = (Vec::new(), "v1.36.2", "v1.36.1");
        Self { specs, failed, skipped, server, suite, output_bytes: 40, config }
    }

    /// `junit_01.xml` and `e2e.log`.
    pub(crate) fn render(&self) -> (String, String) {
        let header = json!({
            "SuitePath": "/suite", "SuiteDescription": "Kubernetes e2e suite",
            "SuiteSucceeded": self.failed.is_empty(),
            "PreRunStats": {
                "TotalSpecs": self.specs.len() + self.failed.len() + self.skipped.len(),
                "SpecsThatWillRun": self.specs.len() + self.failed.len(),
            },
            "StartTime": "2026-01-01T00:00:00Z", "EndTime": "2026-01-01T01:00:00Z",
            "RunTime": 3_600_000_000_000_i64, "SuiteConfig": self.config,
        });
        let header: SuiteHeader = serde_json::from_value(header).unwrap();
        let versions = format!(
            "I0101 00:00:00.000000 21 e2e.go:109] e2e test version: {}\n\
             I0101 00:00:00.000000 21 e2e.go:122] kube-apiserver version: {}\n",
            self.suite, self.server
        );
        let node = |kind: &str, output: &str| {
            json!({
                "LeafNodeType": kind, "State": "passed", "RunTime": 1_000_000,
                "LeafNodeLocation": {"FileName": "e2e.go", "LineNumber": 71},
                "StartTime": "2026-01-01T00:00:00Z", "EndTime": "2026-01-01T00:00:00Z",
                "CapturedGinkgoWriterOutput": output,
            })
        };
        let mut reports = vec![
            node("ReportBeforeSuite", ""),
            node("SynchronizedBeforeSuite", &versions),
            node("SynchronizedBeforeSuite", ""),
        ];
        reports.extend(self.specs.iter().map(|text| self.spec(text, "passed")));
        reports.extend(self.failed.iter().map(|text| self.spec(text, "failed")));
        reports.extend(self.skipped.iter().map(|text| self.spec(text, "skipped")));
        reports.push(node("SynchronizedAfterSuite", ""));
        let reports = reports.iter().map(|report| report.to_string().into_bytes());
        let source = MemorySource::new(header, reports).unwrap();
        let dialect = Dialect::new(Version::new(2, 28, 0));
        let (mut xml, mut log) = (Vec::new(), Vec::new());
        junit::write(&source, dialect, &mut xml).unwrap();
        console::write(&source, dialect, &mut log).unwrap();
        (String::from_utf8(xml).unwrap(), String::from_utf8(log).unwrap())
    }

    fn spec(&self, text: &str, state: &str) -> Value {
        let failure = match state {
            "failed" => json!({"Message": "expected <no> & got \"yes\"",
                "Location": {"FileName": "a.go", "LineNumber": 3},
                "FailureNodeContext": "leaf-node", "FailureNodeType": "It",
                "FailureNodeLocation": {"FileName": "a.go", "LineNumber": 2}}),
            _ => json!({}),
        };
        let line = "STEP: Creating a kubernetes client, and more\n";
        let lines = if state == "skipped" { 0 } else { self.output_bytes.div_ceil(line.len()) };
        let output = line.repeat(lines);
        json!({
            "ContainerHierarchyTexts": [], "LeafNodeType": "It", "LeafNodeText": text,
            "LeafNodeLocation": {"FileName": "a.go", "LineNumber": 2},
            "LeafNodeLabels": ["sig-zoo", "Conformance"], "State": state, "RunTime": 1_500_000_000,
            "StartTime": "2026-01-01T00:00:01Z", "EndTime": "2026-01-01T00:00:02Z",
            "CapturedGinkgoWriterOutput": output, "Failure": failure,
        })
    }
}

/// A PRODUCT.yaml without a mistake.
pub(crate) const PRODUCT: &str = "\
vendor: Yoyodyne
name: Turbo Encabulator
version: 'v1.7.4'
type: distribution
description: A superb distribution for all encabulating needs.
website_url: https://yoyo.dyne/turbo-encabulator
repo_url: https://github.com/yoyo.dyne/turbo-encabulator
documentation_url: https://yoyo.dyne/turbo-encabulator/docs
product_logo_url: https://yoyo.dyne/assets/turbo-encabulator.svg
contact_email_address: Turbo Team <turbo@yoyo.dyne>
";

const README: &str = "\
# How to reproduce

Install Turbo Encabulator 1.7.4 on three machines with `turbo up --nodes 3`, wait until all nodes are
ready, and take the kubeconfig from `turbo kubeconfig`. Then run the suite:

    multibeam run -f run.yaml
";

/// A submission as files, and what is asked.
#[derive(Clone)]
pub(crate) struct Submission {
    pub(crate) folder: String,
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    /// Files in whose place a link leads elsewhere.
    pub(crate) links: BTreeSet<String>,
    pub(crate) request: Request,
}

impl Submission {
    /// One without a mistake.
    pub(crate) fn good() -> Self {
        static GOOD: OnceLock<Submission> = OnceLock::new();
        GOOD.get_or_init(|| Self::of(&Run::good())).clone()
    }

    pub(crate) fn of(run: &Run) -> Self {
        let (junit, log) = run.render();
        let files = [
            ("README.md", README.to_owned()),
            ("PRODUCT.yaml", PRODUCT.to_owned()),
            ("e2e.log", log),
            ("junit_01.xml", junit),
        ];
        let files = files.map(|(name, text)| (name.to_owned(), text.into_bytes()));
        Self {
            folder: "v1.36/turbo".into(),
            files: files.into(),
            links: BTreeSet::new(),
            request: Request::default(),
        }
    }

    pub(crate) fn text(&self, name: &str) -> String {
        String::from_utf8(self.files[name].clone()).unwrap()
    }

    /// Replaces the first occurrence, which must be there.
    pub(crate) fn replace(&mut self, name: &str, from: &str, to: &str) {
        let text = self.text(name);
        assert!(text.contains(from), "{name} has no {from:?}");
        self.files.insert(name.to_owned(), text.replacen(from, to, 1).into_bytes());
    }

    /// Writes the files below a directory and gives the submission's own.
    pub(crate) fn write(&self, root: &Path) -> PathBuf {
        let directory = root.join(&self.folder);
        for (name, bytes) in &self.files {
            let path = directory.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        for name in &self.links {
            let elsewhere = root.join(format!("elsewhere-{name}"));
            fs::rename(directory.join(name), &elsewhere).unwrap();
            symlink(&elsewhere, directory.join(name)).unwrap();
        }
        directory
    }

    /// The verdict when warnings count.
    pub(crate) fn strict_verdict(&self) -> Verdict {
        let request = Request { strict: true, ..self.request.clone() };
        Self { request, ..self.clone() }.verify().verdict
    }

    /// Verifies it, as the only place of its directory.
    pub(crate) fn verify(&self) -> Checked {
        let root = tempfile::tempdir().unwrap();
        let directory = self.write(root.path());
        let found = input::collect(&[directory]).unwrap();
        assert_eq!(found.len(), 1);
        verify(&found[0], &self.request)
    }
}

/// Begin and end of every case of a JUnit file: of specs and nodes, whether they ran or not.
pub(crate) fn all_cases(text: &str) -> Vec<(usize, usize)> {
    let begin = text.match_indices("<testcase ").map(|(at, _)| at);
    begin.map(|at| (at, at + text[at..].find("</testcase>").unwrap() + 11)).collect()
}

/// Begin and end of the conformance cases of a JUnit file.
pub(crate) fn cases(text: &str) -> Vec<(usize, usize)> {
    let mut all = all_cases(text);
    all.retain(|(begin, end)| text[*begin..*end].contains("[Conformance]"));
    all
}

/// Begin and end of the blocks of conformance specs in a log.
pub(crate) fn blocks(text: &str) -> Vec<(usize, usize)> {
    let rule = "------------------------------\n";
    let begin: Vec<usize> = text.match_indices(rule).map(|(at, _)| at).collect();
    let pairs = begin.windows(2).map(|pair| (pair[0], pair[1]));
    pairs.filter(|(begin, end)| text[*begin..*end].contains("[Conformance]")).collect()
}

/// One thing done to one spec of a file.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Change {
    Delete,
    Rename,
    Flip,
}

/// The text with one of its parts changed; `flip` makes another outcome of it.
pub(crate) fn changed(
    text: &str,
    (begin, end): (usize, usize),
    change: Change,
    flip: impl FnOnce(&str) -> String,
) -> String {
    let part = &text[begin..end];
    let part = match change {
        Change::Delete => String::new(),
        Change::Rename => renamed(part),
        Change::Flip => flip(part),
    };
    format!("{}{part}{}", &text[..begin], &text[end..])
}

/// Another character in the middle of the name.
fn renamed(part: &str) -> String {
    let begin = part.find("[sig-").unwrap();
    let end = begin + part[begin..].find(" [Conformance]").unwrap();
    let at = (begin + end) / 2;
    let at = (at..end).find(|at| part.as_bytes()[*at].is_ascii_alphabetic()).unwrap();
    let other = if &part[at..=at] == "q" { "p" } else { "q" };
    format!("{}{other}{}", &part[..at], &part[at + 1..])
}

/// What a spec that ran may have come to instead: in a JUnit file, and in a log.
pub(crate) const OTHER_CASES: [&str; 3] = [
    "<failure message=\"\" type=\"failed\"></failure>",
    "<error message=\"\" type=\"interrupted\"></error>",
    SKIPPED,
];
const SKIPPED: &str = "<skipped message=\"skipped\"></skipped>";
pub(crate) const OTHER_HEADINGS: [&str; 4] =
    ["• [FAILED] [", "• [PANICKED] [", "S [SKIPPED] [", "P [PENDING] ["];

/// A case with another outcome; one that did not run passed.
pub(crate) fn other_case(part: &str, outcome: &str) -> String {
    if part.contains(SKIPPED) {
        return part.replacen(SKIPPED, "", 1);
    }
    part.replacen("</testcase>", &format!("{outcome}</testcase>"), 1)
}

/// A block of a log with another outcome.
pub(crate) fn other_heading(part: &str, heading: &str) -> String {
    part.replacen("• [", heading, 1)
}

/// The rules that are broken.
pub(crate) fn broken(checked: &Checked) -> Vec<Rule> {
    let broken = |outcome: &&Outcome| matches!(outcome.status, Status::Broken(_));
    checked.outcomes.iter().filter(broken).map(|outcome| outcome.rule).collect()
}

/// What was found, as lines.
pub(crate) fn found(checked: &Checked) -> Vec<String> {
    let lines = |outcome: &Outcome| {
        let line = |f: &multibeam_conformance::rules::Finding| {
            let name = f.file.as_deref().and_then(|file| file.rsplit('/').next()).unwrap_or("");
            format!("{} {name}:{} {}", outcome.rule, f.line.unwrap_or(0), f.message)
        };
        outcome.findings().iter().map(line).collect::<Vec<_>>()
    };
    checked.outcomes.iter().flat_map(lines).collect()
}
