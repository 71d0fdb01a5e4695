use super::*;

fn read(text: &str) -> Log {
    Log::read(text.as_bytes()).unwrap()
}

const LIVE: &str = "\
------------------------------
[sig-a] Pods should run [Conformance] [sig-a, Conformance]
k8s.io/kubernetes/test/e2e/a.go:1
  I0101 00:00:00.000000      21 e2e.go:109] e2e test version: v1.36.2
  I0101 00:00:00.000000      21 e2e.go:122] kube-apiserver version: v1.36.1
  I0101 00:00:00.000000      21 e2e.go:122] kube-apiserver version: v1.36.1
• [0.1 seconds]
------------------------------
↺ [FLAKEY TEST - TOOK 2 ATTEMPTS TO PASS] [0.000 seconds]
• [FAILED] [0.1 seconds]
[sig-b] Pods [BeforeEach] should fail [Conformance]
k8s.io/kubernetes/test/e2e/a.go:2

[FAIL] [sig-b] Pods [BeforeEach] should fail [Conformance]
Ran 2 of 3 Specs in 1.000 seconds
FAIL! -- 1 Passed | 1 Failed | 0 Pending | 1 Skipped
PASS

Test Suite Passed
";

#[test]
fn specs_versions_flakes_and_the_summary_are_found() {
    let log = read(LIVE);
    let specs: Vec<_> =
        log.specs.iter().map(|(text, found)| (text.as_str(), found.line, found.outcome)).collect();
    let expected = [
        ("[sig-a] Pods should run [Conformance] [sig-a, Conformance]", 2, None),
        ("[sig-b] Pods should fail [Conformance]", 11, Some(LoggedOutcome::Failed)),
    ];
    assert_eq!(specs, expected);
    let versions: Vec<_> =
        log.versions.iter().map(|v| (v.component, v.version.as_str(), v.line)).collect();
    let expected = [(Component::Suite, "v1.36.2", 4), (Component::ApiServer, "v1.36.1", 5)];
    assert_eq!(versions, expected);
    assert_eq!(log.flaked, [9]);
    assert_eq!(log.summary.as_ref().unwrap().line, 16);
    assert_eq!((log.after_summary, log.lines), (None, 19));
}

#[test]
fn colours_carriage_returns_and_times_do_not_matter() {
    let plain = read(LIVE);
    let dressed: String = LIVE
        .lines()
        .map(|line| format!("2026-01-01T00:00:00.000000001Z \x1b[1m{line}\x1b[0m\r\n"))
        .collect();
    let mut dressed = read(&dressed);
    assert_eq!(dressed.summary.as_ref().unwrap().counts, plain.summary.as_ref().unwrap().counts);
    dressed.summary.clone_from(&plain.summary);
    assert_eq!(dressed, plain);
}

#[test]
fn a_second_run_in_the_same_log_is_noticed() {
    let twice = format!("{LIVE}{LIVE}");
    assert_eq!(read(&twice).summary.unwrap().line, 16 + 19);
    let begun = format!("{LIVE}[sig-a] Pods should run [Conformance]\n");
    assert_eq!(read(&begun).after_summary, Some(20));
}

#[test]
fn the_mark_of_a_failed_node_is_no_part_of_the_text() {
    for (line, text) in [
        ("[sig-a] Pods [It] run [Conformance]", "[sig-a] Pods run [Conformance]"),
        ("[It] [sig-a] run [Conformance]", "[sig-a] run [Conformance]"),
        ("[sig-a] Pods [Conformance] [BeforeEach]", "[sig-a] Pods [Conformance]"),
        ("[sig-a] Pods [Itself] run [Conformance]", "[sig-a] Pods [Itself] run [Conformance]"),
    ] {
        let log = read(&format!("{line}\n"));
        assert_eq!(log.specs.keys().collect::<Vec<_>>(), [text]);
    }
}

#[test]
fn dots_with_failures_between_are_not_verbose() {
    assert!(read(LIVE).is_verbose());
    for dots in [
        "SS•SS\nSUCCESS! -- 2 Passed | 0 Failed\n",
        "•SS\n• [FAILED] [0.1 seconds]\n[sig-b] Pods [It] fail [Conformance]\n•S\n",
        "[sig-node] Pods\n  should run [Conformance]\n",
    ] {
        assert!(!read(dots).is_verbose(), "{dots}");
    }
    let other = read("[sig-a] Pods should run\n[other] line\n");
    assert_eq!(other.specs.keys().collect::<Vec<_>>(), ["[sig-a] Pods should run"]);
}

#[test]
fn utf_16_and_endless_names_are_refused() {
    let utf16: Vec<u8> = [0xff, 0xfe].into_iter().chain("[".bytes().flat_map(|b| [b, 0])).collect();
    assert!(matches!(Log::read(&utf16[..]), Err(LogError::Encoding(_))));
    let line = |index: usize| format!("[sig-a] {index} {} [Conformance]\n", "x".repeat(60_000));
    let long: String = (0..500).map(line).collect();
    assert!(matches!(Log::read(long.as_bytes()), Err(LogError::Limit)));
    let bytes = b"\xff\xff [\xc3\n\0\n[sig-a] \xff [Conformance]\n";
    assert_eq!(Log::read(&bytes[..]).unwrap().specs.len(), 1);
}
