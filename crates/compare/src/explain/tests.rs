//! The search against planted causes, and against an oracle that tries everything.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

type Labels = BTreeMap<String, String>;

fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// Three versions × three CNIs × three modes.
fn matrix() -> Vec<Labels> {
    let mut all = Vec::new();
    for version in ["1.34", "1.35", "1.36"] {
        for cni in ["calico", "cilium", "flannel"] {
            for mode in ["iptables", "ipvs", "nftables"] {
                all.push(labels(&[("kubernetes", version), ("cni", cni), ("kube-proxy", mode)]));
            }
        }
    }
    all
}

fn keys(all: &[Labels]) -> Vec<String> {
    let keys: BTreeSet<&String> = all.iter().flat_map(BTreeMap::keys).collect();
    keys.into_iter().cloned().collect()
}

/// Explains a spec that fails where `fails` says so and passes everywhere else.
fn of(all: &[Labels], fails: impl Fn(usize) -> bool) -> Explanation<usize> {
    let keys = keys(all);
    let size = all.len();
    let failing = Bits::of(size, &fails);
    let passing = Bits::of(size, |index| !fails(index));
    Explainer::new(all.iter().collect(), &keys).explain(&failing, &passing)
}

fn text(condition: &Condition) -> String {
    condition.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ")
}

fn separated(explanation: &Explanation<usize>) -> String {
    match explanation {
        Explanation::Separated { condition, .. } => text(condition),
        other => panic!("expected a complete explanation, got {other:?}"),
    }
}

#[test]
fn one_label_is_found() {
    let all = matrix();
    let is = |key: &'static str, value: &'static str| {
        let all = all.clone();
        move |index: usize| all[index][key] == value
    };
    assert_eq!(separated(&of(&all, is("kube-proxy", "ipvs"))), "kube-proxy=ipvs");
    assert_eq!(separated(&of(&all, |i| !is("cni", "calico")(i))), "cni≠calico");
    assert_eq!(separated(&of(&all, |i| !is("kubernetes", "1.34")(i))), "kubernetes≥1.35");
    assert_eq!(separated(&of(&all, |i| !is("kubernetes", "1.36")(i))), "kubernetes≤1.35");
}

#[test]
fn two_labels_are_found_where_one_is_not_enough() {
    let all = matrix();
    let fails = |i: usize| all[i]["kube-proxy"] == "ipvs" && all[i]["kubernetes"] != "1.34";
    assert_eq!(separated(&of(&all, fails)), "kube-proxy=ipvs and kubernetes≥1.35");
    let three = |i: usize| fails(i) && all[i]["cni"] == "cilium";
    let found = separated(&of(&all, three));
    assert_eq!(found, "cni=cilium and kube-proxy=ipvs and kubernetes≥1.35");
}

#[test]
fn a_list_of_values_must_be_more_than_names_of_targets() {
    let make = |mode: &str, at: usize| labels(&[("mode", mode), ("host", &format!("h{at}"))]);
    let modes = ["a", "a", "b", "b", "c", "c", "d", "d"];
    let all: Vec<Labels> = modes.iter().zip(0..).map(|(mode, at)| make(mode, at)).collect();
    assert_eq!(separated(&of(&all, |index| index < 4)), "mode=a|b");
    let singles: Vec<Labels> =
        ["a", "b", "c", "d", "e", "f"].map(|m| labels(&[("mode", m)])).into();
    let found = of(&singles, |index| index < 3);
    assert!(matches!(found, Explanation::Partly { .. }), "{found:?}");
}

#[test]
fn a_label_that_some_targets_lack_is_a_label() {
    let mut all = matrix();
    for labels in &mut all[..9] {
        labels.insert("fips".to_owned(), "on".to_owned());
    }
    assert_eq!(separated(&of(&all[6..], |index| index < 3)), "fips=on");
    assert_eq!(separated(&of(&all[6..], |index| index >= 3)), "no fips label");
}

#[test]
fn labels_that_go_together_are_all_named() {
    let mut all = matrix();
    for labels in &mut all {
        let os = if labels["cni"] == "cilium" { "talos" } else { "ubuntu" };
        labels.insert("os".to_owned(), os.to_owned());
    }
    let found = of(&all, |index| all[index]["cni"] == "cilium");
    let Explanation::Separated { condition, also, .. } = found else { panic!("{found:?}") };
    // Two values say less about a target than three.
    assert_eq!(text(&condition), "os=talos");
    assert_eq!(also.iter().map(text).collect::<Vec<_>>(), ["cni=cilium"]);
}

#[test]
fn what_nothing_explains_comes_with_its_counter_examples() {
    let all = matrix();
    // Two of the nine targets with IPVS pass, one of the others fails.
    let ipvs: Vec<usize> = (0..27).filter(|i| all[*i]["kube-proxy"] == "ipvs").collect();
    let fails = |i: usize| (ipvs.contains(&i) && i != ipvs[0] && i != ipvs[4]) || i == 26;
    let found = of(&all, fails);
    let Explanation::Partly { condition, passing_with, failing_without, exhaustive, .. } = found
    else {
        panic!("{found:?}")
    };
    assert_eq!(text(&condition), "kube-proxy=ipvs");
    assert_eq!((passing_with, failing_without), (vec![ipvs[0], ipvs[4]], vec![26]));
    assert!(exhaustive);
}

#[test]
fn without_labels_nothing_is_said() {
    let bare = vec![Labels::new(); 4];
    assert_eq!(of(&bare, |index| index == 0), Explanation::Nothing);
    assert_eq!(of(&bare, |_| true), Explanation::Everywhere);
}

#[test]
fn a_coincidence_is_likely_where_labels_name_every_target() {
    let all = matrix();
    let share = |found: Explanation<usize>| match found {
        Explanation::Separated { coincidence, .. } => coincidence.unwrap(),
        other => panic!("{other:?}"),
    };
    assert!(share(of(&all, |i| all[i]["kube-proxy"] == "ipvs")) < 1e-5);
    let names: Vec<Labels> = ["a", "b", "c"].map(|name| labels(&[("host", name)])).into();
    assert!(share(of(&names, |index| index == 1)) > 0.99);
}

#[test]
fn a_search_without_end_is_cut_and_says_so() {
    // Every subset of targets has a name of its own in some label.
    let wide = |target: usize| {
        let pairs = (0..120).map(|key: usize| {
            let bit = (key.wrapping_mul(2_654_435_761) >> (target % 29)) & 3;
            (format!("k{key}"), bit.to_string())
        });
        pairs.collect::<Labels>()
    };
    let mut all: Vec<Labels> = (0..40).map(wide).collect();
    // Two targets that no label tells apart, of which one fails: nothing can separate them.
    all[1] = all[0].clone();
    let found = of(&all, |index| index == 0 || index % 7 == 3);
    assert!(matches!(found, Explanation::Partly { exhaustive: false, .. }), "{found:?}");
}

/// In their order, which is not that of their letters.
const VERSIONS: [&str; 4] = ["1.9", "1.10", "1.11", "1.12"];

/// Every term of the language that says something about these targets, written down a second time.
fn all_terms(all: &[Labels]) -> Vec<(Term, BTreeSet<usize>)> {
    let mut terms = Vec::new();
    let number = |text: &str| VERSIONS.iter().position(|known| *known == text).unwrap();
    for key in keys(all) {
        let values: BTreeSet<&String> = all.iter().map(|labels| &labels[&key]).collect();
        for value in &values {
            let mut add = |test: Test, holds: &dyn Fn(&String) -> bool| {
                let on = (0..all.len()).filter(|index| holds(&all[*index][&key]));
                terms.push((Term { key: key.clone(), test }, on.collect()));
            };
            let value = (*value).clone();
            add(Test::Is(value.clone()), &|v| *v == value);
            add(Test::IsNot(value.clone()), &|v| *v != value);
            if key == "version" {
                add(Test::AtMost(value.clone()), &|v| number(v) <= number(&value));
                add(Test::AtLeast(value.clone()), &|v| number(v) >= number(&value));
            }
        }
    }
    terms
}

/// The fewest terms about different labels that separate, by trying all.
fn shortest(all: &[Labels], failing: &BTreeSet<usize>) -> Option<usize> {
    let terms = all_terms(all);
    let everything: BTreeSet<usize> = (0..all.len()).collect();
    let mut reached = BTreeSet::from([(0, everything)]);
    for key in keys(all) {
        let own = terms.iter().filter(|(term, _)| term.key == key);
        let longer = own.flat_map(|(_, on)| reached.iter().map(move |(n, set)| (n + 1, set & on)));
        let longer: Vec<_> = longer.collect();
        reached.extend(longer);
    }
    reached.into_iter().filter(|(_, set)| set == failing).map(|(terms, _)| terms).min()
}

/// Up to twelve targets with three labels of few values.
fn some_targets() -> impl Strategy<Value = Vec<Labels>> {
    let one = (0..3usize, 0..3usize, 0..4usize).prop_map(|(a, b, version)| {
        let (a, b) = (["x", "y", "z"][a], ["x", "y", "z"][b]);
        labels(&[("a", a), ("b", b), ("version", VERSIONS[version])])
    });
    proptest::collection::vec(one, 2..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_planted_cause_is_found_and_nothing_longer(
        all in some_targets(),
        picks in proptest::collection::vec(any::<prop::sample::Index>(), 1..3),
    ) {
        let terms = all_terms(&all);
        let chosen: Vec<_> = picks.iter().map(|pick| pick.get(&terms)).collect();
        let failing = chosen.iter().map(|(_, on)| on.clone()).reduce(|a, b| &a & &b).unwrap();
        let about: BTreeSet<&String> = chosen.iter().map(|(term, _)| &term.key).collect();
        prop_assume!(about.len() == chosen.len());
        prop_assume!(!failing.is_empty() && failing.len() < all.len());
        let found = of(&all, |index| failing.contains(&index));
        let Explanation::Separated { condition, also, .. } = found else {
            return Err(TestCaseError::fail(format!("{found:?}")));
        };
        prop_assert!(condition.len() <= picks.len());
        for condition in also.iter().chain([&condition]) {
            let sets = condition.iter().filter_map(|term| match &term.test {
                // A list is true of whoever has one of its values.
                Test::OneOf(values) => {
                    let is_in = |i: &usize| values.contains(&all[*i][&term.key]);
                    Some((0..all.len()).filter(is_in).collect())
                }
                _ => terms.iter().find(|(known, _)| known == term).map(|(_, on)| on.clone()),
            });
            let sets: Vec<BTreeSet<usize>> = sets.collect();
            prop_assert_eq!(sets.len(), condition.len());
            let holds = sets.into_iter().reduce(|a, b| &a & &b).unwrap();
            prop_assert_eq!(&holds, &failing, "{}", text(condition));
        }
    }

    #[test]
    fn an_explanation_is_as_short_as_the_oracles(
        all in some_targets(),
        pattern in any::<u16>(),
    ) {
        let fails = |index: usize| pattern & (1 << index) != 0;
        let failing: BTreeSet<usize> = (0..all.len()).filter(|i| fails(*i)).collect();
        prop_assume!(!failing.is_empty() && failing.len() < all.len());
        let found = of(&all, fails);
        match (&found, shortest(&all, &failing)) {
            (Explanation::Separated { condition, .. }, Some(least)) => {
                prop_assert!(condition.len() <= least, "{found:?}, {least}");
            }
            (Explanation::Separated { condition, .. }, None) => {
                // Only the oracle knows no lists of values.
                prop_assert!(condition.iter().any(|t| matches!(t.test, Test::OneOf(_))));
            }
            (Explanation::Partly { exhaustive, passing_with, failing_without, .. }, None) => {
                prop_assert!(*exhaustive);
                prop_assert!(!passing_with.is_empty() || !failing_without.is_empty());
            }
            (Explanation::Nothing, None) => {}
            (other, least) => prop_assert!(false, "{other:?}, the oracle needs {least:?}"),
        }
    }
}
