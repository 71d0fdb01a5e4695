//! `bundle`, as a user calls it: from the results of runs to submissions that `verify` lets pass.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::common::multibeam;
use crate::fixtures::Run;
use crate::run_json::{run_json, target};
use multibeam_conformance::Minor;
use multibeam_conformance::catalog::Catalog;
use serde_json::{Value, json};

/// Releases with the version of the suite and of the API server.
const RELEASES: [(Minor, &str, &str); 3] = [
    (Minor::new(1, 34), "v1.34.3", "v1.34.5"),
    (Minor::new(1, 35), "v1.35.1", "v1.35.1"),
    (Minor::new(1, 36), "v1.36.0", "v1.36.2"),
];

fn run(home: &Path, args: &[&str]) -> (i32, String, String) {
    crate::common::run(multibeam(home).args(args))
}

/// Results of a run with a target for each of the releases, all passed; gives the run's directory.
fn results(home: &Path, releases: &[(Minor, &'static str, &'static str)]) -> String {
    let directory = "results/20260101-000000-aaaa";
    let mut targets = Vec::new();
    for (minor, suite, server) in releases {
        let catalog = Catalog::built_in(*minor).unwrap();
        let specs = catalog.required(Some(*minor)).map(|test| test.text.clone()).collect();
        let (junit, log) = Run { specs, suite, server, ..Run::good() }.render();
        let name = minor.to_string();
        let files = home.join(directory).join(&name);
        fs::create_dir_all(&files).unwrap();
        fs::write(files.join("junit_01.xml"), junit).unwrap();
        fs::write(files.join("e2e.log"), log).unwrap();
        targets.push(target(&name, suite));
    }
    write_run(home, directory, targets);
    directory.to_owned()
}

fn write_run(home: &Path, directory: &str, targets: Vec<Value>) {
    let mut run = run_json();
    run["targets"] = json!(targets);
    fs::write(home.join(directory).join("run.json"), run.to_string()).unwrap();
}

/// Writes the example of a product file.
fn product(home: &Path) {
    let (code, text, _) = run(home, &["init", "--example", "product"]);
    assert_eq!(code, 0);
    fs::write(home.join("product.yaml"), text).unwrap();
}

/// Every file below a directory, by its path in it.
fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    let mut open = vec![directory.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(directory).unwrap().display().to_string();
                all.insert(name, fs::read(path).unwrap());
            }
        }
    }
    all
}

#[test]
fn three_releases_become_three_submissions() {
    let home = tempfile::tempdir().unwrap();
    let at = home.path();
    results(at, &RELEASES);
    product(at);
    let (code, text, errors) = run(at, &["bundle", "--archive"]);
    assert_eq!(code, 0, "{errors}\n{text}");
    // Every target that the example speaks of is there.
    assert!(!errors.contains("speaks of a target"), "{errors}");
    let note = "note: the product file still says what its example says: directory, vendor, name, ";
    assert!(errors.starts_with(note), "{errors}");
    let written = files(&at.join("bundle"));
    let mut expected = vec!["SHA256SUMS".to_owned()];
    for release in ["v1.34", "v1.35", "v1.36"] {
        assert!(text.contains(&format!("bundle/{release}/turbo  verified\n")), "{text}");
        assert!(text.contains(&format!("wrote bundle/{release}/turbo\n")), "{text}");
        expected.extend(multibeam_bundle::FILES.map(|name| format!("{release}/turbo/{name}")));
        expected
            .extend(["title.txt", "body.md"].map(|f| format!("pull-requests/{release}-turbo/{f}")));
        expected.push(format!("{release}-turbo.tar.gz"));
    }
    expected.sort();
    assert_eq!(written.keys().cloned().collect::<Vec<_>>(), expected);
    let of = |name: &str| String::from_utf8(written[name].clone()).unwrap();
    assert!(of("v1.34/turbo/PRODUCT.yaml").contains("version: \"v1.6.9\"\n"));
    assert!(of("v1.35/turbo/README.md").contains("| API server | `v1.35.1` |"));
    assert_eq!(of("pull-requests/v1.36-turbo/title.txt"), "Conformance results for v1.36/turbo\n");
    // The run's own files go through as they are.
    let log = fs::read(at.join("results/20260101-000000-aaaa/v1.36/e2e.log")).unwrap();
    assert!(written["v1.36/turbo/e2e.log"] == log);
    let mut check = Command::new("sha256sum");
    check.args(["--check", "--quiet", "SHA256SUMS"]).current_dir(at.join("bundle"));
    assert!(check.stdout(Stdio::null()).status().unwrap().success());
    assert_eq!(of("SHA256SUMS").lines().count(), 15);
    let (code, text, _) = run(at, &["verify", "bundle", "--strict"]);
    assert_eq!(code, 0, "{text}");
    // Every archive is a submission as well, and nothing of it depends on when it was made.
    let (code, text, _) = run(at, &["verify", "bundle/v1.36-turbo.tar.gz", "--strict"]);
    assert_eq!(code, 0, "{text}");
    let (code, text, _) = run(at, &["bundle", "--archive", "--json"]);
    assert_eq!(code, 0);
    assert!(files(&at.join("bundle")) == written);
    let told: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&told["format"], &told["verdict"]), (&json!(1), &json!("verified")), "{text}");
    let places = ["v1.34", "v1.35", "v1.36"].map(|release| format!("bundle/{release}/turbo"));
    assert_eq!((&told["written"], &told["refused"]), (&json!(places), &json!([])), "{text}");
}

#[test]
fn checksums_are_those_of_all_calls() {
    let home = tempfile::tempdir().unwrap();
    let at = home.path();
    results(at, &RELEASES);
    product(at);
    let bundle = |args: &[&str]| {
        let (code, _, errors) = run(at, &[&["bundle"], args].concat());
        assert_eq!(code, 0, "{errors}");
    };
    let sums = |directory: &str| fs::read_to_string(at.join(directory).join("SHA256SUMS")).unwrap();
    bundle(&["--archive"]);
    for release in ["v1.36", "v1.34", "v1.35"] {
        bundle(&["--archive", "--to", "one", "--target", release]);
    }
    assert_eq!(sums("one"), sums("bundle"));
    // Files that went have none.
    fs::remove_dir_all(at.join("one/v1.34")).unwrap();
    bundle(&["--archive", "--to", "one", "--target", "v1.36"]);
    let (all, left) = (sums("bundle"), sums("one"));
    assert!(left.lines().eq(all.lines().filter(|line| !line.contains("  v1.34/"))), "{left}");
    // What is written anew without an archive has neither checksums nor the archive of before.
    bundle(&["--to", "one", "--target", "v1.36"]);
    let (before, left) = (left, sums("one"));
    assert!(left.lines().eq(before.lines().filter(|line| !line.contains("  v1.36"))), "{left}");
    assert!(!at.join("one/v1.36-turbo.tar.gz").exists());
    for release in ["v1.34", "v1.35"] {
        bundle(&["--to", "one", "--target", release]);
    }
    assert!(!at.join("one/SHA256SUMS").exists());
}

#[test]
fn a_list_is_of_one_release_and_a_place_counts_once() {
    let home = tempfile::tempdir().unwrap();
    let at = home.path();
    results(at, &RELEASES);
    product(at);
    assert_eq!(run(at, &["bundle"]).0, 0);
    let first = &crate::fixtures::Run::good().specs[0];
    let list = format!("- codename: '{first}'\n  release: v1.30\n");
    fs::write(at.join("required.yaml"), list).unwrap();
    let (code, text, errors) = run(at, &["verify", "bundle", "--required", "required.yaml"]);
    assert_eq!((code, text.as_str()), (3, ""), "{errors}");
    let said =
        "error: --suite and --required are of one release, and there are v1.34, v1.35, v1.36";
    assert!(errors.starts_with(said), "{errors}");
    let paths = ["bundle/v1.36", "bundle/v1.36/turbo", "bundle/v1.36/../v1.36"];
    let (code, text, errors) =
        run(at, &[&["verify", "--required", "required.yaml"], &paths[..]].concat());
    assert_eq!((code, errors.as_str()), (0, ""), "{text}");
    assert_eq!(text.matches("bundle/v1.36/turbo  verified").count(), 1, "{text}");
    // Files are of one place however their directory is spelled.
    let files = ["bundle/v1.36/turbo/e2e.log", "bundle/v1.36/../v1.36/turbo/junit_01.xml"];
    let (code, text, errors) =
        run(at, &[&["verify", "--required", "required.yaml"], &files[..]].concat());
    assert_eq!((code, errors.as_str()), (0, ""), "{text}");
}

#[test]
fn what_verify_rejects_is_refused_unless_forced() {
    let home = tempfile::tempdir().unwrap();
    let at = home.path();
    let directory = results(at, &RELEASES[1..]);
    product(at);
    let junit = at.join(&directory).join("v1.36/junit_01.xml");
    let text = fs::read_to_string(&junit).unwrap();
    let (begin, end) = crate::fixtures::cases(&text)[7];
    fs::write(&junit, format!("{}{}", &text[..begin], &text[end..])).unwrap();
    let (code, text, errors) = run(at, &["bundle"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("error[tests-required]"), "{text}");
    assert_eq!(run(at, &["bundle", "--target", "v1.36", "--to", "none"]).0, 1);
    assert!(!at.join("none").exists(), "nothing was written");
    assert!(
        text.contains("wrote bundle/v1.35/turbo\nrefused bundle/v1.36/turbo: it is not verified\n")
    );
    assert!(errors.contains("--force writes it all the same"), "{errors}");
    let names: Vec<String> = files(&at.join("bundle")).into_keys().collect();
    assert_eq!(names.len(), 6, "{names:?}");
    assert!(names.iter().all(|name| name.contains("v1.35")), "{names:?}");

    let (code, text, _) = run(at, &["bundle", "--json"]);
    let told: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &told["refused"]), (1, &json!(["bundle/v1.36/turbo"])), "{text}");

    let (code, text, _) = run(at, &["bundle", "--force", "--target", "v1.36"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("wrote bundle/v1.36/turbo, forced: it is not verified"), "{text}");
    let body = fs::read_to_string(at.join("bundle/pull-requests/v1.36-turbo/body.md")).unwrap();
    assert!(body.contains("**`multibeam verify` says: not verified.**"), "{body}");

    // The product file says which releases qualify, and the command line can say otherwise.
    for (args, code) in [(&["--latest", "v1.38"][..], 1), (&["--latest", "v1.36"], 0)] {
        let (found, text, _) = run(at, &[&["bundle", "--target", "v1.35"], args].concat());
        assert_eq!(found, code, "{text}");
    }
    let product = fs::read_to_string(at.join("product.yaml")).unwrap();
    let other = product.replace("qualifying: [v1.34, v1.35, v1.36]", "qualifying: [v1.34, v1.36]");
    fs::write(at.join("product.yaml"), other).unwrap();
    let (code, text, _) = run(at, &["bundle", "--target", "v1.35"]);
    assert_eq!(code, 1);
    assert!(text.contains("v1.35 is none of the releases that qualify: v1.34, v1.36"), "{text}");
}

#[test]
fn a_run_is_verified_by_its_targets_and_nothing_beside_them() {
    let home = tempfile::tempdir().unwrap();
    let at = home.path();
    let directory = results(at, &RELEASES[1..]);
    // An exported build has its log and its JUnit file in two directories.
    let (code, exported, errors) = run(at, &["export", "--format", "testgrid"]);
    assert_eq!((code, exported.lines().count()), (0, 2), "{errors}");
    let matrix = at.join(&directory).join("junit_matrix.xml");
    fs::copy(at.join(&directory).join("v1.36/junit_01.xml"), matrix).unwrap();
    let (code, text, errors) = run(at, &["verify", &directory]);
    assert_eq!((code, errors.as_str()), (0, ""), "{text}");
    assert!(text.contains(&format!("{directory}/v1.35  verified")), "{text}");
    assert!(text.ends_with("\n2 verified\n"), "{text}");
    // Of a target that is gone nothing can be told, however good the others are.
    fs::remove_dir_all(at.join(&directory).join("v1.35")).unwrap();
    let (code, text, errors) = run(at, &["verify", &directory]);
    assert_eq!(code, 2, "{text}");
    assert!(errors.starts_with("note: target v1.35 of run "), "{errors}");
}

#[test]
fn wrong_input_is_said_before_anything_is_written() {
    let home = tempfile::tempdir().unwrap();
    let at = home.path();
    let directory = results(at, &RELEASES[2..]);
    let refused = |args: &[&str], expected: &str| {
        let (code, _, errors) = run(at, &[&["bundle"], args].concat());
        assert_eq!(code, 3, "{args:?}: {errors}");
        assert!(errors.contains(expected), "{expected:?} in {errors}");
        assert!(!at.join("bundle/v1.36").exists());
    };
    // Nobody is asked where there is no terminal.
    refused(&[], "multibeam init --example product > product.yaml");
    product(at);
    refused(&["RUN"], "no run RUN in results");
    refused(&["--target", "x"], "expected one of the targets of the runs, got \"x\"");
    refused(&["--product", "other.yaml"], "cannot read the product file other.yaml");
    let text = fs::read_to_string(at.join("product.yaml")).unwrap();
    let wrong =
        text.replacen("vendor:", "vendro:", 1).replacen("version: v1.7.4", "version: 1.30", 1);
    fs::write(at.join("wrong.yaml"), wrong).unwrap();
    let (code, _, errors) = run(at, &["check", "-f", "wrong.yaml"]);
    assert_eq!(code, 3, "{errors}");
    assert!(errors.contains("(hint: did you mean \"vendor\"?)"), "{errors}");
    refused(&["--product", "wrong.yaml"], "(hint: did you mean \"vendor\"?)");
    refused(&["--product", "wrong.yaml"], "(hint: put it in quotes)");
    // What is no submission is not replaced by one.
    fs::create_dir_all(at.join("other/v1.36/turbo")).unwrap();
    fs::write(at.join("other/v1.36/turbo/notes.txt"), "mine").unwrap();
    refused(&["--to", "other"], "holds notes.txt, which is no file of a submission");
    assert_eq!(files(&at.join("other")).len(), 1);
    fs::remove_file(at.join(&directory).join("v1.36/e2e.log")).unwrap();
    refused(&[], "cannot read results/20260101-000000-aaaa/v1.36/e2e.log");
    let mut ipvs = target("v1.35", "v1.35.0");
    ipvs["suite"]["version"] = json!("v1.36.0");
    write_run(at, &directory, vec![target("v1.36", "v1.36.0"), ipvs]);
    refused(&[], "two targets for v1.36/turbo");
    write_run(at, &directory, vec![target("v1.36", "v1.36.0"), target("v1.35", "v1.35.0")]);
    refused(&["--required", "x.yaml"], "--suite and --required are of one release");
}

#[test]
fn product_files_are_checked_by_themselves() {
    let home = tempfile::tempdir().unwrap();
    let at = home.path();
    product(at);
    let (code, text, errors) = run(at, &["check", "-f", "product.yaml"]);
    assert_eq!((code, text.as_str(), errors.as_str()), (0, "product.yaml: good\n", ""));
    // A pipe can be read only once.
    let piped = fs::File::open(at.join("product.yaml")).unwrap();
    let (code, text, errors) =
        crate::common::run(multibeam(at).args(["check", "-f", "-"]).stdin(piped));
    assert_eq!((code, text.as_str(), errors.as_str()), (0, "-: good\n", ""));
    let text = fs::read_to_string(at.join("product.yaml")).unwrap();
    fs::write(at.join("product.yaml"), text.replacen("directory: turbo", "directory: a/b", 1))
        .unwrap();
    let (code, text, _) = run(at, &["check", "-f", "product.yaml", "--json"]);
    let told: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &told["items"][0]["severity"]), (3, &json!("error")), "{text}");
    let (code, text, _) = run(at, &["check", "--schema=product"]);
    let schema: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &schema["title"]), (0, &json!("Multibeam product file")), "{text}");
}

#[test]
fn the_page_about_certification_shows_a_run_file_that_is_one() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/certification.md");
    let page = fs::read_to_string(page).unwrap();
    let yaml = page.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("run.yaml"), yaml).unwrap();
    let (code, text, errors) = run(home.path(), &["check", "--file-only", "-f", "run.yaml"]);
    assert_eq!((code, errors.as_str()), (0, ""));
    assert_eq!(text, "run.yaml: good, 3 targets on 3 clusters\n");
}
