//! Every file in `tests/bad` gives exactly the diagnostics next to it, every file in `tests/good`
//! and every example exactly the resolved run. `MULTIBEAM_BLESS=1` rewrites what is expected.

use std::fs;
use std::path::{Path, PathBuf};

use multibeam_runfile::{Diagnostics, Example, RunFile, Severity, parse, parse_bytes, template};

fn files(dir: &str) -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(dir);
    let mut all: Vec<PathBuf> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "yaml"))
        .collect();
    all.sort();
    all
}

/// Compares with a golden file, or writes it. Gives what is wrong.
fn golden(path: &Path, found: &str) -> Option<String> {
    if std::env::var_os("MULTIBEAM_BLESS").is_some() {
        fs::write(path, found).unwrap();
        return None;
    }
    let wanted = fs::read_to_string(path).unwrap_or_default();
    (wanted != found)
        .then(|| format!("{}:\n--- wanted\n{wanted}\n--- found\n{found}", path.display()))
}

fn json(run: &RunFile) -> String {
    serde_json::to_string_pretty(run).unwrap() + "\n"
}

fn check(wrong: Vec<String>) {
    let hint = "MULTIBEAM_BLESS=1 rewrites the expected files";
    assert!(wrong.is_empty(), "{} differ ({hint})\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn bad_files_give_the_expected_diagnostics() {
    let files = files("bad");
    assert!(files.len() >= 60, "only {} bad files", files.len());
    let mut wrong = Vec::new();
    for path in files {
        let bytes = fs::read(&path).unwrap();
        match parse_bytes("run.yaml", &bytes) {
            Ok(_) => wrong.push(format!("{} was accepted", path.display())),
            Err(found) => {
                positions_are_in_the_file(&path, &found, &String::from_utf8(bytes).unwrap());
                wrong.extend(golden(&path.with_extension("txt"), &found.to_string()));
            }
        }
    }
    check(wrong);
}

fn positions_are_in_the_file(path: &Path, found: &Diagnostics, text: &str) {
    let lines: Vec<&str> = text.lines().collect();
    assert!(found.has_errors(), "{}", path.display());
    for d in &found.items {
        let at = format!("{}: {d:?}", path.display());
        // A mistake may be found at the end of the text.
        assert!(d.line >= 1 && d.line <= lines.len().max(1) + 1, "{at}");
        let width = lines.get(d.line - 1).map_or(0, |line| line.chars().count());
        assert!(d.column >= 1 && d.column <= width + 1 && d.length >= 1, "{at}");
        let message = &d.message;
        assert!(!message.ends_with('.') && !message.contains('\n'), "{at}");
        if d.severity == Severity::Error {
            assert!(!message.is_empty(), "{at}");
        }
    }
}

#[test]
fn good_files_give_the_expected_run() {
    let mut wrong = Vec::new();
    for path in files("good") {
        let text = fs::read_to_string(&path).unwrap();
        let parsed = parse("run.yaml", &text).unwrap_or_else(|e| panic!("{}\n{e}", path.display()));
        wrong.extend(golden(&path.with_extension("json"), &json(&parsed.run)));
        wrong.extend(golden(&path.with_extension("txt"), &parsed.warnings.to_string()));
    }
    for example in Example::ALL {
        let run = parse("run.yaml", template(example)).unwrap().run;
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join(format!("tests/good/example-{}.json", example.name()));
        wrong.extend(golden(&path, &json(&run)));
    }
    check(wrong);
}

#[test]
fn a_resolved_run_reads_back_as_it_was() {
    let texts = files("good").into_iter().map(|path| fs::read_to_string(path).unwrap());
    for text in texts.chain(Example::ALL.map(|e| template(e).to_owned())) {
        let run = parse("run.yaml", &text).unwrap().run;
        let back: RunFile = serde_json::from_str(&serde_json::to_string(&run).unwrap()).unwrap();
        assert_eq!(back, run);
    }
}

#[test]
fn a_matrix_gives_the_product_less_what_is_excluded() {
    let run = parse("run.yaml", template(Example::Matrix)).unwrap().run;
    // 3 × 2 × 3, less 3 (cilium with ipvs) and 2 (1.34 with nftables), and one more.
    assert_eq!(run.targets.len(), 18 - 3 - 2 + 1);
    let first = &run.targets[0];
    assert_eq!(first.name, "v1.34 / cilium / iptables");
    assert_eq!(first.dir_name, "v1.34-cilium-iptables");
    assert_eq!(first.suite.binary, "./suites/v1.34/e2e.test");
    assert_eq!(first.labels["kube-proxy"], "iptables");
    assert_eq!(first.labels["distribution"], "example");
    assert_eq!(first.clusters.len(), 2);
    assert_eq!(first.clusters[1].name, "v1.34-cilium-iptables-2");
    assert_eq!(first.clusters[1].context.as_deref(), Some("iptables-2"));
    assert_eq!(first.clusters[1].processes, 8);
    assert_eq!(run.targets.last().unwrap().matrix["cni"], "flannel");
}

#[test]
fn bytes_that_are_no_text_are_said_to_be() {
    let found = parse_bytes("run.yaml", b"apiVersion: x\nn\xc3\xa4me: \xff\n").unwrap_err();
    assert_eq!(found.items.len(), 1);
    assert_eq!((found.items[0].line, found.items[0].column), (2, 7));
}

#[test]
fn a_file_that_is_too_large_is_not_read() {
    let found = parse("run.yaml", &"#".repeat(1024 * 1024 + 1)).unwrap_err();
    assert_eq!(found.items.len(), 1);
    assert!(found.to_string().contains("1048577 bytes"));
}

#[test]
fn json_for_scripts_has_code_position_and_hint() {
    let found =
        parse("run.yaml", "apiVersion: multibeam.dev/v1\nkind: Run\nspeed: 9\n").unwrap_err();
    let json = found.to_json();
    assert_eq!(json["file"], "run.yaml");
    let item =
        json["items"].as_array().unwrap().iter().find(|i| i["code"] == "unknown-key").unwrap();
    assert_eq!(
        (&item["line"], &item["column"], &item["length"]),
        (&3.into(), &1.into(), &5.into())
    );
    assert_eq!(item["severity"], "error");
    assert!(
        item["hint"].as_str().unwrap().starts_with("did you mean \"seed\"")
            || item["hint"].as_str().unwrap().contains("known here")
    );
}
