use proptest::prelude::*;

use super::*;

fn options(args: &[&str]) -> SuiteOptions {
    SuiteOptions { args: args.iter().map(ToString::to_string).collect(), ..Default::default() }
}

fn process<'a>(filters: &'a Filters, not_here: &'a [String]) -> Process<'a> {
    Process {
        process: 3,
        total: 4,
        host: "http://127.0.0.1:1/t/3",
        seed: -5,
        randomize_all: true,
        filters,
        not_here,
        output_directory: Some("/out/3"),
    }
}

#[test]
fn a_process_takes_its_filters_from_the_dry_run() {
    let options = options(&[
        "--provider=local",
        "--ginkgo.focus=mine",
        "--ginkgo.skip",
        "mine too",
        "-report-dir",
        "/shared",
        "--ginkgo.flake-attempts=2",
    ]);
    options.check().unwrap();
    let filters = Filters {
        skip: vec![r"\[Flaky\]".into()],
        label_filter: "a || b".into(),
        ..Filters::default()
    };
    let args = options.process(&process(&filters, &["^x$".into()]));
    assert_eq!(
        args,
        [
            "--ginkgo.parallel.process=3",
            "--ginkgo.parallel.total=4",
            "--ginkgo.parallel.host=http://127.0.0.1:1/t/3",
            "--ginkgo.seed=-5",
            "--ginkgo.timeout=86400s",
            "--ginkgo.no-color",
            "--ginkgo.randomize-all",
            r"--ginkgo.skip=\[Flaky\]",
            "--ginkgo.skip=^x$",
            "--ginkgo.label-filter=a || b",
            "--provider=local",
            "--report-dir=/out/3",
            "--ginkgo.flake-attempts=2",
        ]
    );
}

#[test]
fn a_dry_run_has_the_users_filters_and_writes_nothing_else() {
    let mut options = options(&["--report-dir=/x", "--ginkgo.focus", "b", "--provider=local"]);
    options.focus = vec!["a".into()];
    let args = options.dry_run("/tmp/r.json", 9);
    assert!(args.contains(&"--ginkgo.focus=a".to_owned()));
    assert!(args.contains(&"--ginkgo.focus=b".to_owned()));
    assert!(args.contains(&"--ginkgo.json-report=/tmp/r.json".to_owned()));
    assert!(!args.iter().any(|arg| arg.contains("report-dir") || arg.contains("parallel")));
    assert!(!args.contains(&"--ginkgo.randomize-all".to_owned()));
    assert!(options.reordered_dry_run("r", 1).contains(&"--ginkgo.randomize-all".to_owned()));
}

#[test]
fn effective_arguments_decide_about_specs_only() {
    let mut options = options(&["--provider=local"]);
    options.skip = vec!["a".into()];
    assert_eq!(options.effective(9), ["--ginkgo.seed=9", "--ginkgo.skip=a", "--provider=local"]);
}

#[test]
fn a_probe_selects_nothing_of_the_users() {
    let mut options = options(&["--ginkgo.focus=b", "--storage.testdriver=f"]);
    options.skip = vec!["a".into()];
    let args = options.probe("http://h/t/1", 1, false);
    let focus: Vec<_> = args.iter().filter(|arg| arg.starts_with("--ginkgo.focus")).collect();
    assert_eq!(focus.len(), 1);
    assert!(focus[0].contains("selects nothing"));
    assert!(!args.iter().any(|arg| arg.starts_with("--ginkgo.skip")));
    assert!(args.contains(&"--storage.testdriver=f".to_owned()));
}

#[test]
fn flags_of_ours_are_refused() {
    for arg in ["--ginkgo.seed=1", "-ginkgo.parallel.total", "--ginkgo.timeout=1h"] {
        assert!(matches!(options(&[arg]).check(), Err(ArgvError::Owned { .. })), "{arg}");
    }
    for arg in ["word", "", "-", "--", "---x"] {
        assert!(matches!(options(&[arg]).check(), Err(ArgvError::NotAFlag { .. })), "{arg}");
    }
    assert!(matches!(options(&["--a=\0"]).check(), Err(ArgvError::ZeroByte { .. })));
    let long = format!("--a={}", "x".repeat(MAX_ARGUMENT));
    assert!(matches!(options(&[&long]).check(), Err(ArgvError::TooLong { .. })));
    assert_eq!(options(&["--provider", "local", "--x"]).check(), Ok(()));
}

#[test]
fn quotes_like_go() {
    assert_eq!(
        quote_meta(r"a.b[c]{d}(e)|f^g$h*i+j?k\l-m"),
        r"a\.b\[c\]\{d\}\(e\)\|f\^g\$h\*i\+j\?k\\l-m"
    );
    assert_eq!(quote_meta("ü\n\t\"'"), "ü\n\t\"'");
    assert_eq!(quote_meta("\0"), r"\x00");
}

#[test]
fn a_text_too_long_for_an_argument_is_an_error() {
    let long = "x".repeat(MAX_ARGUMENT);
    assert!(matches!(skip_exactly("s", [long.as_str()]), Err(ArgvError::TooLong { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn patterns_stay_short_and_keep_every_text(
        pieces in proptest::collection::vec(("[ -~]{0,20}", 1usize..900), 0..60),
    ) {
        let texts: Vec<String> = pieces.iter().map(|(piece, times)| piece.repeat(*times)).collect();
        let patterns = skip_exactly("suite", texts.iter().map(String::as_str)).unwrap();
        let whole: Vec<String> =
            texts.iter().map(|text| format!("^suite {}$", quote_meta(text))).collect();
        // Not prop_assert_eq: it would print megabytes.
        prop_assert!(patterns.join("|") == whole.join("|"));
        for pattern in &patterns {
            prop_assert!(pattern.len() + "--ginkgo.skip=".len() <= MAX_ARGUMENT);
        }
    }
}
