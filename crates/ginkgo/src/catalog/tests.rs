use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::probe::Probe;
use crate::protocol::Request;

/// A spec of the made-up suite: container, text, state in the dry run.
type Made = (&'static str, String, &'static str);

fn report(spec: &Made, state: &str) -> String {
    let (container, text, _) = spec;
    serde_json::json!({
        "ContainerHierarchyTexts": [container], "LeafNodeType": "It", "LeafNodeText": text,
        "ContainerHierarchyLocations": [{"FileName": container, "LineNumber": 1}],
        "LeafNodeLocation": {"FileName": "f.go", "LineNumber": 3}, "State": state,
    })
    .to_string()
}

fn dry_run(specs: &[Made]) -> DryRun {
    let reports: Vec<String> = specs.iter().map(|spec| report(spec, spec.2)).collect();
    let file = format!(
        r#"[{{"SuiteDescription":"s","SuiteConfig":{{"RandomizeAllSpecs":true,"SkipStrings":["x"]}},"SpecReports":[{}]}}]"#,
        reports.join(",")
    );
    DryRun::parse(&Bytes::from(file)).unwrap()
}

fn probe(groups: &[Vec<Made>], serial: &[Made]) -> ProbeOutcome {
    let mut probe = Probe::new();
    let mut post = |path: &str, body: String| {
        let method = if body.is_empty() { "GET" } else { "POST" };
        probe.handle(Request::parse(method, path, body.into()).unwrap()).unwrap();
    };
    post("/suite-will-begin", "{}".into());
    for group in groups {
        post("/counter", String::new());
        group.iter().for_each(|spec| post("/did-run", report(spec, "skipped")));
    }
    post("/counter", String::new());
    post("/have-nonprimary-procs-finished", String::new());
    serial.iter().for_each(|spec| post("/did-run", report(spec, "skipped")));
    post("/suite-did-end", "{}".into());
    probe.finish().unwrap()
}

fn join(dry_run: &DryRun, probe: &ProbeOutcome) -> Result<Catalog, CatalogError> {
    let mut lasting = Neighbours::of(dry_run.specs.iter().map(|spec| &spec.header));
    lasting.intersect(&Neighbours::of(&probe.serial));
    Catalog::join(Discovered {
        suite_digest: "00".into(),
        arguments: vec!["--a".into()],
        seed: 1,
        ginkgo: dry_run.suite.ginkgo,
        suite_version: None,
        dry_run,
        probe,
        lasting: &lasting,
    })
}

fn made(container: &'static str, text: &str, state: &'static str) -> Made {
    (container, text.to_owned(), state)
}

#[test]
fn joins_and_survives_storage() {
    let (a, twin) = (made("A", "a", "passed"), made("A", "twin", "passed"));
    let (p, s) = (made("B", "p", "pending"), made("C", "s", "passed"));
    let t = made("C", "t", "skipped");
    let specs = [twin.clone(), a.clone(), s.clone(), t.clone(), twin.clone(), p.clone()];
    let probe = probe(&[vec![twin.clone()], vec![a, twin], vec![p]], &[s, t]);
    let catalog = join(&dry_run(&specs), &probe).unwrap();

    assert!(catalog.randomize_all);
    assert_eq!(catalog.filters.skip, ["x"]);
    assert_eq!(
        catalog.groups,
        [vec![SpecIndex(0)], vec![SpecIndex(1), SpecIndex(4)], vec![SpecIndex(5)]]
    );
    assert_eq!(catalog.serial_groups, [[SpecIndex(2), SpecIndex(3)]]);
    assert_eq!((catalog.specs[0].ordinal, catalog.specs[4].ordinal), (0, 1));
    assert_eq!(catalog.specs[2].placement, Placement::Serial(SerialIndex(0)));
    assert_eq!(catalog.selected_groups().collect::<Vec<_>>(), [GroupIndex(0), GroupIndex(1)]);
    assert_eq!(catalog.skip_all_serial_but(&BTreeSet::new()).unwrap(), ["^s C s$"]);
    let all = BTreeSet::from([SerialIndex(0)]);
    assert!(catalog.skip_all_serial_but(&all).unwrap().is_empty());
    assert_eq!(Catalog::from_json(&catalog.to_json()).unwrap(), catalog);
}

#[test]
fn other_formats_are_refused() {
    let probe = probe(&[], &[]);
    let mut catalog = join(&dry_run(&[]), &probe).unwrap();
    catalog.format = FORMAT + 1;
    let read = Catalog::from_json(&catalog.to_json());
    assert!(matches!(read, Err(ReadError::Format { found }) if found == FORMAT + 1));
    assert!(matches!(Catalog::from_json(b"{}"), Err(ReadError::Json(_))));
}

#[test]
fn a_parallel_spec_with_a_serial_text_is_named() {
    let same = made("A", "same", "passed");
    let mut serial_report = report(&same, "passed");
    serial_report = serial_report.replace("\"LineNumber\":3", "\"LineNumber\":9");
    let mut dry_run = dry_run(&[same.clone(), same.clone()]);
    dry_run.specs[1].header = serde_json::from_str(&serial_report).unwrap();
    let mut probe = probe(&[vec![same]], &[]);
    probe.serial.push(dry_run.specs[1].header.clone());
    let catalog = join(&dry_run, &probe).unwrap();
    let hit = catalog.groups_hit_by_serial_skips(&BTreeSet::new());
    assert_eq!(hit, BTreeSet::from([GroupIndex(0)]));
    let here = BTreeSet::from([SerialIndex(0)]);
    assert!(catalog.groups_hit_by_serial_skips(&here).is_empty());
}

#[test]
fn differences_are_errors() {
    let (a, b) = (made("A", "a", "passed"), made("A", "b", "passed"));
    let both = dry_run(&[a.clone(), b.clone()]);
    let only_a = probe(&[vec![a.clone()]], &[]);
    assert!(matches!(join(&both, &only_a), Err(CatalogError::OnlyInDryRun { .. })));
    let dry_run_of_a = dry_run(std::slice::from_ref(&a));
    let swapped = probe(&[vec![b], vec![a]], &[]);
    assert!(matches!(join(&dry_run_of_a, &swapped), Err(CatalogError::OnlyInProbe { .. })));
    assert!(matches!(join(&both, &swapped), Err(CatalogError::OrderVaries { .. })));
}

/// Who sends one could stop whoever looks a spec up by a number that it does not have.
#[test]
fn a_stored_catalog_whose_groups_do_not_fit_is_refused() {
    let (a, b) = (made("A", "a", "passed"), made("A", "b", "passed"));
    let good = join(&dry_run(&[a.clone(), b.clone()]), &probe(&[vec![a], vec![b]], &[])).unwrap();
    let torn: [fn(&mut Catalog); 6] = [
        |catalog| catalog.groups[1][0] = SpecIndex(2),
        |catalog| catalog.groups[1][0] = SpecIndex(0),
        |catalog| catalog.groups[1].clear(),
        |catalog| catalog.serial_groups.push(vec![SpecIndex(u32::MAX)]),
        |catalog| catalog.specs[1].placement = Placement::Parallel(GroupIndex(7)),
        |catalog| catalog.specs[1].placement = Placement::Serial(SerialIndex(0)),
    ];
    for (number, tear) in torn.into_iter().enumerate() {
        let mut catalog = good.clone();
        tear(&mut catalog);
        let read = Catalog::from_json(&catalog.to_json());
        assert!(matches!(read, Err(ReadError::Torn)), "{number}: {read:?}");
    }
}

proptest! {
    #[test]
    fn every_spec_has_exactly_one_place(
        suite in proptest::collection::vec((0usize..4, 0u8..5, any::<bool>()), 0..40),
    ) {
        // Neighbours with the same container number form a group; few texts make many copies.
        let mut specs: Vec<Made> = Vec::new();
        let mut groups: Vec<Vec<Made>> = Vec::new();
        let mut serial: Vec<Made> = Vec::new();
        for (container, text, is_serial) in suite {
            let prefix = if is_serial { "serial" } else { "parallel" };
            let spec = made(["A", "B", "C", "D"][container], &format!("{prefix} {text}"), "passed");
            specs.push(spec.clone());
            if is_serial {
                serial.push(spec);
            } else if container == 0 && !groups.is_empty() {
                groups.last_mut().unwrap().push(spec);
            } else {
                groups.push(vec![spec]);
            }
        }
        let catalog = join(&dry_run(&specs), &probe(&groups, &serial)).unwrap();
        let places = catalog.groups.iter().chain(&catalog.serial_groups).flatten();
        let mut seen: Vec<u32> = places.map(|index| index.0).collect();
        seen.sort_unstable();
        prop_assert_eq!(seen, (0..specs.len() as u32).collect::<Vec<_>>());
        let identities: BTreeSet<_> =
            catalog.specs.iter().map(|spec| (spec.key(), spec.ordinal)).collect();
        prop_assert_eq!(identities.len(), specs.len());
        prop_assert_eq!(Catalog::from_json(&catalog.to_json()).unwrap(), catalog);
    }
}
