//! Discovery of real suites, of every Ginkgo version at hand, and of things that are no suites.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::common::{guard, newest, suite, suites, versions};
use bytes::Bytes;
use multibeam_ginkgo::argv::SuiteOptions;
use multibeam_ginkgo::dryrun::{DryRun, Selection};
use multibeam_ginkgo::version::Version;
use multibeam_worker::discover::{DiscoverError, DiscoverOptions, Discovery, discover};
use tempfile::TempDir;

fn options(suite: &Path, dir: &TempDir) -> DiscoverOptions {
    DiscoverOptions {
        suite: suite.into(),
        options: SuiteOptions::default(),
        seed: 42,
        env: Vec::new(),
        directory: dir.path().into(),
        cache: dir.path().join("cache"),
        timeout: Duration::from_secs(300),
        allow_programmatic_focus: false,
    }
}

async fn find(options: &DiscoverOptions) -> Result<Discovery, DiscoverError> {
    discover(&guard(), options).await
}

async fn fails(suite: &Path) -> DiscoverError {
    let dir = tempfile::tempdir().unwrap();
    find(&options(suite, &dir)).await.unwrap_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn finds_the_zoo_of_every_version() {
    for version in versions() {
        let dir = tempfile::tempdir().unwrap();
        let options = options(&suite(&version, "zoo.test"), &dir);
        let found = find(&options).await.unwrap_or_else(|error| panic!("{version}: {error}"));
        let catalog = &found.catalog;
        assert_eq!(catalog.ginkgo.exact, Version::parse(&version), "{version}");
        assert_eq!(catalog.suite_version, None, "{version}");
        assert!(!found.cached && !catalog.programmatic_focus, "{version}");

        let places: Vec<_> =
            catalog.groups.iter().chain(&catalog.serial_groups).flatten().copied().collect();
        let unique: BTreeSet<_> = places.iter().collect();
        assert_eq!((places.len(), unique.len()), (catalog.specs.len(), catalog.specs.len()));
        assert!(catalog.groups.iter().any(|group| group.len() > 1), "Ordered containers");
        assert!(catalog.serial_groups.len() > 1, "{version}");
        assert!(catalog.specs.iter().any(|spec| spec.ordinal > 0), "duplicated names");
        assert!(catalog.specs.iter().any(|spec| spec.selection == Selection::Pending));
        // What Ginkgo itself labels as serial, where it does, is what the probe found.
        if Version::parse(&version).unwrap() >= Version::new(2, 22, 0) {
            for spec in &catalog.specs {
                let labelled = spec.labels.iter().any(|label| label == "Serial");
                assert_eq!(spec.is_serial(), labelled, "{version}: {}", spec.key());
            }
        }
        let dry_run = DryRun::parse(&Bytes::from(std::fs::read(&found.dry_run).unwrap())).unwrap();
        assert_eq!(dry_run.specs.len(), catalog.specs.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn finds_the_shaped_suite_of_every_version_and_keeps_it() {
    for version in versions() {
        let dir = tempfile::tempdir().unwrap();
        let mut options = options(&suite(&version, "shaped.test"), &dir);
        options.options.args = vec!["--provider=local".into(), "--report-dir=/nowhere".into()];
        let found = find(&options).await.unwrap_or_else(|error| panic!("{version}: {error}"));
        let catalog = &found.catalog;
        assert!(catalog.suite_version.as_ref().is_some_and(|it| it.starts_with("v1.")));
        assert_eq!(catalog.suite_digest.len(), 64);
        assert!(catalog.serial_groups.len() > 1, "{version}");

        let again = find(&options).await.unwrap();
        assert!(again.cached);
        assert_eq!(again.catalog, found.catalog);
        assert_eq!(again.dry_run, found.dry_run);

        // Another seed is another discovery: same specs, other order.
        options.seed = 43;
        let other = find(&options).await.unwrap();
        assert!(!other.cached);
        let texts = |found: &Discovery| -> BTreeSet<_> {
            found.catalog.specs.iter().map(|spec| spec.key()).collect()
        };
        assert_eq!(texts(&other), texts(&found));
        assert_ne!(other.catalog.specs, found.catalog.specs);
        let leftovers = std::fs::read_dir(&options.cache).unwrap();
        assert_eq!(leftovers.count(), 4, "two files for each discovery, no temporary ones");
    }
}

#[tokio::test]
async fn damaged_caches_are_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    let options = options(&suite(&newest(), "zoo.test"), &dir);
    let found = find(&options).await.unwrap();
    let files: Vec<PathBuf> =
        std::fs::read_dir(&options.cache).unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(files.len(), 2);
    for file in files {
        let whole = std::fs::read(&file).unwrap();
        let half = &whole[..whole.len() / 2];
        let other_format =
            String::from_utf8_lossy(&whole).replacen("\"format\":1", "\"format\":9", 1);
        for damaged in [half, b"", other_format.as_bytes()] {
            if damaged == whole {
                continue;
            }
            std::fs::write(&file, damaged).unwrap();
            let again = find(&options).await.unwrap();
            assert!(!again.cached, "{}", file.display());
            assert_eq!(again.catalog, found.catalog);
            assert!(find(&options).await.unwrap().cached);
        }
    }
}

#[tokio::test]
async fn filters_are_the_suites_own() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(&suite(&newest(), "zoo.test"), &dir);
    options.options.skip = vec!["Dangerous".into(), "hostile".into()];
    options.options.label_filter = Some("!red".into());
    options.options.randomize_all = true;
    let found = find(&options).await.unwrap();
    let catalog = &found.catalog;
    assert_eq!(catalog.filters.skip, ["Dangerous", "hostile"]);
    assert_eq!(catalog.filters.label_filter, "!red");
    assert!(catalog.randomize_all);
    assert_eq!(catalog.selected_specs(), catalog.pre_run_stats.specs_that_will_run as usize);
    assert!(catalog.selected_groups().count() < catalog.groups.len());
    for spec in catalog.specs.iter().filter(|spec| spec.is_selected()) {
        assert!(!spec.match_text().contains("Dangerous"));
        assert!(!spec.labels.contains(&"red".to_owned()));
    }
}

#[tokio::test]
async fn what_is_no_suite_is_named() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(fails(Path::new("/no/such")).await, DiscoverError::NotFound { .. }));
    assert!(matches!(fails(dir.path()).await, DiscoverError::NotAFile { .. }));

    let text = dir.path().join("text");
    std::fs::write(&text, "just words\n").unwrap();
    assert!(matches!(fails(&text).await, DiscoverError::NotExecutable { .. }));
    std::fs::set_permissions(&text, std::fs::Permissions::from_mode(0o755)).unwrap();
    assert!(matches!(fails(&text).await, DiscoverError::NotGinkgo { .. }));

    let script = dir.path().join("script");
    std::fs::write(&script, "#!/bin/sh\necho a script ran; exit 3\n").unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let error = fails(&script).await.to_string();
    assert!(error.contains("exit status 3") && error.contains("a script ran"), "{error}");
    for program in ["/bin/true", "/bin/ls", "/bin/cat", "/bin/sleep", "/bin/echo"] {
        let error = fails(Path::new(program)).await;
        assert!(matches!(error, DiscoverError::NotGinkgo { .. }), "{program}: {error}");
    }
}

#[tokio::test]
async fn ginkgo_1_is_named() {
    let error = fails(&suite("v1", "v1.test")).await;
    assert!(matches!(error, DiscoverError::GinkgoV1 { .. }), "{error}");
    assert!(suites().is_dir());
}

#[tokio::test]
async fn programmatic_focus_is_refused_unless_allowed() {
    for version in versions() {
        let dir = tempfile::tempdir().unwrap();
        let mut options = options(&suite(&version, "zoo-focused.test"), &dir);
        for _ in 0..2 {
            let error = find(&options).await.unwrap_err();
            assert!(matches!(error, DiscoverError::ProgrammaticFocus { .. }), "{version}: {error}");
        }
        options.allow_programmatic_focus = true;
        let found = find(&options).await.unwrap();
        assert!(found.catalog.programmatic_focus);
        assert!(found.catalog.selected_specs() < found.catalog.specs.len());
    }
}

#[tokio::test]
async fn a_selection_of_nothing_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(&suite(&newest(), "zoo.test"), &dir);
    options.options.focus = vec!["no spec is called this".into()];
    let error = find(&options).await.unwrap_err();
    assert!(matches!(error, DiscoverError::NothingSelected { total, .. } if total > 50), "{error}");
}

#[tokio::test]
async fn a_suite_that_refuses_its_arguments_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(&suite(&newest(), "zoo.test"), &dir);
    options.options.args = vec!["--no-such-flag=1".into()];
    let error = find(&options).await.unwrap_err();
    assert!(matches!(error, DiscoverError::DryRunFailed { .. }), "{error}");
    assert!(error.to_string().contains("no-such-flag"), "{error}");
    options.options.args = vec!["--ginkgo.seed=1".into()];
    assert!(matches!(find(&options).await.unwrap_err(), DiscoverError::Arguments(_)));

    options.options.args = Vec::new();
    options.options.label_filter = Some("(((".into());
    let error = find(&options).await.unwrap_err();
    assert!(matches!(error, DiscoverError::DryRunFailed { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("Syntax Error Parsing Label Filter\n  (((\n"), "{text:?}");
}

#[tokio::test]
async fn a_suite_that_hangs_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let script = dir.path().join("hang");
    std::fs::write(&script, "#!/bin/sh\necho waiting; while :; do sleep 1; done\n").unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut options = options(&script, &dir);
    options.timeout = Duration::from_millis(500);
    let error = find(&options).await.unwrap_err();
    assert!(matches!(error, DiscoverError::TimedOut { .. }), "{error}");
    assert!(error.to_string().contains("waiting"), "{error}");
}
