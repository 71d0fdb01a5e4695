//! Whole runs of real suites, judged by what the suites say about themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use crate::common::session::{Line, Outcome, Session, pool, read_trace};
use crate::common::{guard, newest, suite, versions};
use multibeam_ginkgo::argv::SuiteOptions;
use multibeam_ginkgo::catalog::{Catalog, SerialIndex};
use multibeam_worker::discover::{DiscoverOptions, Discovery, discover};
use tempfile::TempDir;

async fn find(path: &Path, options: &SuiteOptions, dir: &TempDir) -> Discovery {
    let options = DiscoverOptions {
        suite: path.into(),
        options: options.clone(),
        seed: 7,
        env: Vec::new(),
        directory: dir.path().into(),
        cache: dir.path().join("cache"),
        timeout: Duration::from_secs(300),
        allow_programmatic_focus: false,
    };
    discover(&guard(), &options).await.unwrap()
}

/// Runs a suite over clusters with so many processes each; serial groups are dealt out in turn.
async fn run(
    discovery: &Discovery,
    options: &SuiteOptions,
    processes: &[u32],
    dir: &TempDir,
    env: &[(&'static str, String)],
) -> (Vec<Outcome>, Vec<Vec<Line>>) {
    let pool = pool(&discovery.catalog);
    let mut shares: Vec<BTreeSet<SerialIndex>> = vec![BTreeSet::new(); processes.len()];
    for (i, group) in discovery.catalog.selected_serial_groups().enumerate() {
        shares[i % processes.len()].insert(group);
    }
    let sessions: Vec<Session<'_>> = processes
        .iter()
        .zip(shares)
        .enumerate()
        .map(|(i, (processes, serial))| {
            let directory = dir.path().join(format!("cluster-{i}"));
            std::fs::create_dir(&directory).unwrap();
            let pool = pool.clone();
            let (processes, env) = (*processes, env.to_vec());
            Session { discovery, options, processes, pool, serial, directory, env }
        })
        .collect();
    let mut outcomes = Vec::new();
    match &sessions[..] {
        [one] => outcomes.push(one.run().await),
        [one, two] => outcomes.extend(<[Outcome; 2]>::from(tokio::join!(one.run(), two.run()))),
        _ => panic!("one or two clusters"),
    }
    let traces = sessions.iter().map(|session| read_trace(&session.trace())).collect();
    (outcomes, traces)
}

/// Every selected spec started and ended exactly once over all clusters, and no other did.
fn expect_exactly_once(version: &str, catalog: &Catalog, traces: &[Vec<Line>]) {
    let mut expected: BTreeMap<(String, String), usize> = BTreeMap::new();
    for (index, spec) in (0u32..).map(multibeam_ginkgo::catalog::SpecIndex).zip(&catalog.specs) {
        if spec.is_selected() {
            let key = (catalog.full_text(index), spec.location.to_string());
            *expected.entry(key).or_default() += 1;
        }
    }
    for event in ["start", "end"] {
        let mut seen: BTreeMap<(String, String), usize> = BTreeMap::new();
        for line in traces.iter().flatten().filter(|line| line.event == event) {
            assert_eq!(line.note, "", "{version}: {}", line.text);
            *seen.entry((line.text.clone(), line.location.clone())).or_default() += 1;
        }
        assert_eq!(seen, expected, "{version}: {event}");
    }
}

/// Serial specs run on process 1 with nothing open beside them on their cluster.
fn expect_serial_alone(version: &str, trace: &[Line]) {
    let mut open: BTreeSet<(u32, &str)> = BTreeSet::new();
    for line in trace {
        let key = (line.process, line.text.as_str());
        match line.event.as_str() {
            "start" => {
                if line.serial {
                    assert_eq!((line.process, open.len()), (1, 0), "{version}: {}", line.text);
                }
                open.insert(key);
            }
            "end" => {
                open.remove(&key);
            }
            _ => {}
        }
    }
}

/// Specs of a Serial Ordered container share a serial group.
fn expect_ordered_kept_together(version: &str, catalog: &Catalog, traces: &[Vec<Line>]) -> usize {
    let lines = traces.iter().flatten().filter(|line| line.event == "start");
    let ordered: BTreeSet<&str> =
        lines.filter(|line| line.serial && line.ordered).map(|line| line.text.as_str()).collect();
    let mut groups: BTreeMap<Vec<String>, BTreeSet<usize>> = BTreeMap::new();
    for (group, specs) in catalog.serial_groups.iter().enumerate() {
        for index in specs {
            let spec = catalog.spec(*index);
            if ordered.contains(catalog.full_text(*index).as_str()) {
                groups.entry(spec.containers.clone()).or_default().insert(group);
            }
        }
    }
    for (container, groups) in &groups {
        assert_eq!(groups.len(), 1, "{version}: {container:?} is split");
    }
    groups.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_zoo_of_every_version_runs_once_over_two_clusters() {
    // Everything that passes in a plain run.
    let options = SuiteOptions { label_filter: Some("!red".into()), ..SuiteOptions::default() };
    for version in versions() {
        let dir = tempfile::tempdir().unwrap();
        let discovery = find(&suite(&version, "zoo.test"), &options, &dir).await;
        let catalog = &discovery.catalog;
        let (outcomes, traces) = run(&discovery, &options, &[3, 2], &dir, &[]).await;

        expect_exactly_once(&version, catalog, &traces);
        for trace in &traces {
            expect_serial_alone(&version, trace);
            assert!(trace.iter().any(|line| line.serial), "{version}: both have serial specs");
        }
        assert!(expect_ordered_kept_together(&version, catalog, &traces) > 0, "{version}");
        for outcome in &outcomes {
            assert!(outcome.exits.values().all(|exit| exit.is_success()), "{version}: {outcome:?}");
            assert_eq!(outcome.final_reports, outcome.exits.len(), "{version}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_come_back_as_ginkgo_saw_them() {
    let version = newest();
    let dir = tempfile::tempdir().unwrap();
    let options = SuiteOptions::default();
    let discovery = find(&suite(&version, "zoo.test"), &options, &dir).await;
    let (outcomes, traces) = run(&discovery, &options, &[3], &dir, &[]).await;
    expect_serial_alone(&version, &traces[0]);
    let catalog = &discovery.catalog;
    let specs: Vec<_> =
        outcomes[0].reports.iter().filter(|report| report.header.is_spec()).collect();
    let unselected =
        |report: &&&multibeam_ginkgo::protocol::SpecReport| report.header.was_passed_over();
    // Nothing is filtered out, so nothing may come back without an outcome.
    assert_eq!(specs.iter().filter(unselected).count(), 0);
    // Groups of nothing but pending specs are not handed out.
    let pending_groups: usize = {
        let selected: BTreeSet<_> = catalog.selected_groups().collect();
        let groups = (0u32..).map(multibeam_ginkgo::catalog::GroupIndex).zip(&catalog.groups);
        groups.filter(|(index, _)| !selected.contains(index)).map(|(_, group)| group.len()).sum()
    };
    assert_eq!(specs.len(), catalog.specs.len() - pending_groups);
    assert!(specs.iter().any(|report| report.header.state.is_failure()));
    assert!(!outcomes[0].exits.values().all(|exit| exit.is_success()));
    for line in traces[0].iter().filter(|line| line.event == "end") {
        let same: Vec<_> = specs
            .iter()
            .filter(|report| {
                let header = &report.header;
                header.leaf_node_location.to_string() == line.location
                    && header.key().text == line.text
            })
            .map(|report| report.header.state.as_str())
            .collect();
        assert!(same.contains(&line.state.as_str()), "{}: {} {same:?}", line.text, line.state);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_process_alone_runs_everything() {
    let version = newest();
    let dir = tempfile::tempdir().unwrap();
    let options = SuiteOptions { label_filter: Some("!red".into()), ..SuiteOptions::default() };
    let discovery = find(&suite(&version, "zoo.test"), &options, &dir).await;
    let (outcomes, traces) = run(&discovery, &options, &[1], &dir, &[]).await;
    expect_exactly_once(&version, &discovery.catalog, &traces);
    assert!(outcomes[0].exits[&1].is_success());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shaped_suite_runs_once_over_two_clusters() {
    let version = newest();
    let dir = tempfile::tempdir().unwrap();
    let options = SuiteOptions { args: vec!["--provider=local".into()], ..Default::default() };
    let discovery = find(&suite(&version, "shaped.test"), &options, &dir).await;
    let env = [("SHAPED_SCALE", "5000".to_owned())];
    let (outcomes, traces) = run(&discovery, &options, &[2, 2], &dir, &env).await;
    expect_exactly_once(&version, &discovery.catalog, &traces);
    for (outcome, trace) in outcomes.iter().zip(&traces) {
        expect_serial_alone(&version, trace);
        assert!(outcome.exits.values().all(|exit| exit.is_success()), "{:?}", outcome.exits);
    }
}
