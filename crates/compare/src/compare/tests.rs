//! What is compared, counted, and grouped; and that order makes no difference.

use multibeam_model::outcome::SpecState;
use proptest::prelude::*;

use super::*;
use crate::show::{html, json, markdown, text};

fn failed(message: &str) -> Outcome {
    Outcome::Failed { state: SpecState::Failed, message: message.to_owned() }
}

/// A target whose specs `a`, `b`, ... end as the letters say: passed, failed, skipped, retried,
/// or absent.
fn target(name: &str, labels: &[(&str, &str)], outcomes: &str) -> Target {
    let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    let mut target =
        Target { name: name.to_owned(), labels: labels.collect(), ..Target::default() };
    for (spec, letter) in ('a'..='z').zip(outcomes.chars()) {
        let outcome = match letter {
            'p' => Outcome::Passed,
            'f' => failed("no"),
            'g' => failed("other"),
            's' => Outcome::Skipped,
            'r' => Outcome::Flaked,
            _ => continue,
        };
        target.add(spec.to_string(), outcome);
    }
    target
}

fn run(id: &str, started: i64, targets: Vec<Target>) -> Run {
    Run { id: id.to_owned(), started, targets }
}

fn specs(group: &Group) -> Vec<&str> {
    group.specs.iter().map(|spec| spec.spec.as_str()).collect()
}

#[test]
fn a_node_of_the_suite_counts_where_it_fails() {
    let node = |name: &str, outcome| {
        let mut target = target(name, &[("mode", name)], "pp");
        target.add_suite_node("[BeforeSuite]".to_owned(), outcome);
        target
    };
    let passed = vec![node("x", Outcome::Passed), node("y", Outcome::Passed)];
    let found = compare(&[run("r", 0, passed)], &[], None).unwrap();
    assert_eq!((found.specs, found.targets[0].passed), (2, 2));
    let failing = vec![node("x", Outcome::Passed), node("y", failed("no"))];
    let found = compare(&[run("r", 0, failing)], &[], None).unwrap();
    assert_eq!((found.specs, found.targets[0].passed, found.targets[1].failed), (3, 2, 1));
    assert_eq!(
        (specs(&found.groups[0]), &found.groups[0].passing),
        (vec!["[BeforeSuite]"], &vec!["x".to_owned()])
    );
}

#[test]
fn specs_that_fail_together_and_say_the_same_are_one_group() {
    let targets = vec![
        target("x", &[("mode", "ipvs")], "fffgfp"),
        target("y", &[("mode", "ipvs")], "fffgfp"),
        target("z", &[("mode", "nft")], "pp-psf"),
    ];
    let found = compare(&[run("r", 0, targets)], &[], None).unwrap();
    assert_eq!((found.specs, found.differing, found.failing_everywhere), (6, 4, 2));
    let groups: Vec<Vec<&str>> = found.groups.iter().map(specs).collect();
    // a and b; d says something else; f fails elsewhere; c and e have no result in z.
    assert_eq!(groups, [vec!["a", "b"], vec!["d"], vec!["f"], vec!["c", "e"]]);
    assert_eq!(found.groups[3].explanation, Explanation::Everywhere);
    assert_eq!(found.groups[3].undecided, ["z"]);
    assert_eq!(found.targets[2].skipped, 1);
    let uneven: Vec<_> = found.uneven.iter().map(|u| (&u.ran, &u.specs)).collect();
    assert_eq!(uneven.len(), 1);
    assert_eq!(uneven[0].1, &["c", "e"]);
}

#[test]
fn a_skip_is_neither_for_nor_against_an_explanation() {
    let targets = vec![
        target("x", &[("mode", "ipvs")], "f"),
        target("y", &[("mode", "ipvs")], "s"),
        target("z", &[("mode", "nft")], "p"),
        target("w", &[("mode", "nft")], "-"),
    ];
    let found = compare(&[run("r", 0, targets)], &[], None).unwrap();
    let group = &found.groups[0];
    assert!(matches!(group.explanation, Explanation::Separated { .. }), "{group:?}");
    assert_eq!(group.undecided, ["w", "y"]);
}

#[test]
fn of_several_runs_the_run_may_be_what_explains_it() {
    let night = |id: &str, started, outcomes: &str| {
        let targets = vec![target("x", &[("cni", "a")], outcomes), target("y", &[], outcomes)];
        run(id, started, targets)
    };
    let found = compare(&[night("new", 2, "f"), night("old", 1, "p")], &[], None).unwrap();
    assert_eq!(found.runs, ["old", "new"]);
    assert_eq!(found.targets[0].id, "old/x");
    let Explanation::Separated { condition, .. } = &found.groups[0].explanation else { panic!() };
    assert_eq!(condition[0].to_string(), "run=new");
    let only = compare(&[night("new", 2, "f"), night("old", 1, "p")], &[], Some(&["cni".into()]));
    assert_eq!(only.unwrap().groups[0].explanation, Explanation::Nothing);
}

#[test]
fn earlier_runs_tell_flaky_from_steady() {
    let night =
        |id: &str, started, outcomes: &str| run(id, started, vec![target("x", &[], outcomes)]);
    // a: new; b: steady; c: flaky; d: mended; e: always good.
    let earlier = [night("2", 2, "pfffp"), night("1", 1, "pfpfp")];
    let found = compare(&[night("3", 3, "ffppp")], &earlier, None).unwrap();
    assert_eq!(found.earlier, ["1", "2"]);
    let kinds: BTreeMap<&str, &Steadiness> = found
        .groups
        .iter()
        .flat_map(|group| &group.specs)
        .map(|spec| (spec.spec.as_str(), &spec.history[0].steadiness))
        .chain(found.unsteady.iter().map(|s| (s.spec.as_str(), &s.history[0].steadiness)))
        .collect();
    let flaky = Steadiness::Flaky { failed: 1, results: 3, retried: 0 };
    let expected = BTreeMap::from([
        ("a", Steadiness::New { passed: 2 }),
        ("b", Steadiness::Steady { failed: 3 }),
        ("c", flaky),
        ("d", Steadiness::Mended { failed: 2 }),
    ]);
    assert_eq!(kinds, expected.iter().map(|(spec, kind)| (*spec, kind)).collect());
    let retried = compare(&[night("3", 3, "r")], &[], None).unwrap();
    assert!(retried.unsteady[0].history[0].steadiness.is_flaky());
}

#[test]
fn what_is_there_twice_or_not_at_all_is_an_error() {
    let of = |runs: &[Run], earlier: &[Run], only: Option<&[String]>| {
        compare(runs, earlier, only).unwrap_err().to_string()
    };
    let one = || run("r", 0, vec![target("x", &[("cni", "a")], "p")]);
    assert!(of(&[], &[], None).contains("at least one target"));
    assert!(of(&[run("r", 0, vec![])], &[], None).contains("at least one target"));
    assert!(of(&[one()], &[one()], None).contains("run r is given twice"));
    let twice = run("r", 0, vec![target("x", &[], "p"), target("x", &[], "p")]);
    assert!(of(&[twice], &[], None).contains("two targets that are called x"));
    assert!(of(&[one()], &[], Some(&["cnl".into()])).contains("there are cni"));
}

#[test]
fn the_text_of_a_night() {
    let lines = text::lines(&crate::show::fixture::nightly());
    let plain: Vec<String> = lines
        .iter()
        .map(|line| line.iter().map(|(_, text)| text.as_str()).collect::<String>())
        .collect();
    let plain = plain.join("\n");
    let expected = include_str!("nightly.txt");
    assert_eq!(plain.trim_end(), expected.trim_end(), "\n{plain}");
}

/// Runs of targets with random labels and outcomes.
fn some_runs() -> impl Strategy<Value = Vec<Run>> {
    let target_of = ("[ab]", "[xyz]", "[pfgsr-]{6}");
    let targets = proptest::collection::vec(target_of, 1..6);
    proptest::collection::vec(targets, 1..4).prop_map(|runs| {
        let runs = runs.into_iter().enumerate().map(|(number, targets)| {
            let targets = targets.iter().enumerate().map(|(at, (cni, mode, outcomes))| {
                target(&format!("t{at}"), &[("cni", cni), ("mode", mode)], outcomes)
            });
            // Two runs may start at once.
            run(&format!("r{number}"), (number / 2) as i64, targets.collect())
        });
        runs.collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_order_of_what_is_given_makes_no_difference(
        runs in some_runs(),
        earlier in 0..3usize,
        turn in 0..6usize,
    ) {
        let (earlier, now) = runs.split_at(earlier.min(runs.len() - 1));
        let turned = |runs: &[Run]| {
            let mut runs = runs.to_vec();
            let by = turn % runs.len().max(1);
            runs.rotate_left(by);
            for run in &mut runs {
                let by = turn % run.targets.len();
                run.targets.rotate_left(by);
                run.targets.reverse();
            }
            runs
        };
        let one = compare(now, earlier, None).unwrap();
        let other = compare(&turned(now), &turned(earlier), None).unwrap();
        prop_assert_eq!(json(&one), json(&other));
        prop_assert_eq!(html::page(&one), html::page(&other));
        prop_assert_eq!(markdown::write(&one), markdown::write(&other));
        prop_assert_eq!(text::lines(&one), text::lines(&other));
    }

    #[test]
    fn every_failure_is_in_exactly_one_group(runs in some_runs()) {
        let found = compare(&runs, &[], None).unwrap();
        let mut seen = BTreeSet::new();
        for group in &found.groups {
            for spec in &group.specs {
                prop_assert!(seen.insert(spec.spec.clone()));
            }
            let all = group.failing.len() + group.passing.len() + group.undecided.len();
            prop_assert_eq!(all, found.targets.len());
        }
        let outcomes = runs.iter().flat_map(|run| &run.targets).flat_map(|target| &target.specs);
        let failing = outcomes.filter(|(_, outcome)| outcome.failed() == Some(true));
        let failing: BTreeSet<String> = failing.map(|(spec, _)| spec.clone()).collect();
        prop_assert_eq!(seen, failing);
        prop_assert_eq!(found.differing + found.failing_everywhere, found.groups.iter().map(|g| g.specs.len()).sum::<usize>());
    }
}
