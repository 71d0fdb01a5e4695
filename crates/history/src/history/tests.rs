use proptest::prelude::*;

use super::*;

fn labels(cni: &str) -> BTreeMap<String, String> {
    BTreeMap::from([("cni".to_owned(), cni.to_owned())])
}

fn lesson(source: u32, cni: &str, durations: &[(&str, u32)]) -> Lesson {
    let took = |(spec, millis): &(&str, u32)| Took { spec: (*spec).to_owned(), millis: *millis };
    Lesson {
        source: format!("run-{source}/{cni}"),
        at: Timestamp(i64::from(source)),
        labels: labels(cni),
        durations: durations.iter().map(took).collect(),
    }
}

fn told(lessons: &[Lesson]) -> History {
    let mut history = History::default();
    for lesson in lessons {
        history.learn(lesson);
    }
    history
}

/// What there is to see, whatever the sources are numbered.
fn shown(history: &History) -> Vec<String> {
    let seen = |seen: &Seen<'_>| format!(" {:?} by {}", seen.took, seen.source);
    let row =
        |row: Row<'_>| format!("{}:{}", row.spec, row.seen.iter().map(seen).collect::<String>());
    history.rows().map(row).collect()
}

/// The counts are kept by hand.
fn check(history: &History) {
    let all = || history.specs.values().flatten();
    assert_eq!(history.samples, all().count() as u64);
    for (id, source) in &history.sources {
        let own = all().filter(|sample| sample.source == *id).count() as u64;
        assert_eq!((source.samples, own > 0), (own, true), "{source:?}");
    }
    assert!(history.specs.values().all(|samples| !samples.is_empty()));
    assert!(all().all(|sample| history.sources.contains_key(&sample.source)));
}

#[test]
fn a_lesson_counts_once_however_often_it_is_told() {
    let mut history = History::default();
    let first = lesson(1, "a", &[("x  y", 5), ("z", 7), ("x y", 9)]);
    assert!(history.learn(&first));
    let once = history.clone();
    assert!(!history.learn(&first));
    assert_eq!(history, once);
    assert_eq!(shown(&history), ["x y: 5ms by run-1/a", "z: 7ms by run-1/a"]);
}

#[test]
fn the_newest_nine_stay_for_each_set_of_labels() {
    let mut all: Vec<Lesson> = (0..12).map(|n| lesson(n, "a", &[("x", n)])).collect();
    all.push(lesson(0, "b", &[("x", 100)]));
    let history = told(&all);
    check(&history);
    let row = history.rows().next().unwrap();
    let millis: Vec<u128> = row.seen.iter().map(|seen| seen.took.as_millis()).collect();
    assert_eq!(millis, [11, 10, 9, 8, 7, 6, 5, 4, 3, 100]);
    assert_eq!(history.sources(), 10, "those of which nothing is left are forgotten");
    let mut again = history.clone();
    assert!(!again.learn(&all[0]), "it is older than all that is kept");
    assert_eq!(again, history);
}

#[test]
fn what_cannot_be_meant_is_left_out() {
    let long = "x".repeat(TEXT_BYTES + 1);
    let nonsense = lesson(1, "a", &[(" ", 1), ("x", u32::MAX), (&long, 1)]);
    let mut history = History::default();
    assert!(!history.learn(&nonsense));
    assert_eq!(history, History::default());
}

#[test]
fn the_oldest_source_goes_when_there_are_too_many() {
    let count = u32::try_from(SOURCES).unwrap() + 3;
    let texts: Vec<String> = (0..count).map(|n| format!("spec {n}")).collect();
    let own = |n: u32| lesson(n, "a", &[(&texts[n as usize], n)]);
    let history = told(&(0..count).map(own).collect::<Vec<_>>());
    check(&history);
    assert_eq!(history.sources(), SOURCES);
    assert!(history.rows().all(|row| row.seen[0].at.0 >= 3));
}

#[test]
fn a_suite_that_is_too_large_is_kept_in_part() {
    let texts: Vec<String> = (0..OF_ONE + 10).map(|n| format!("spec {n}")).collect();
    let all: Vec<(&str, u32)> = texts.iter().map(|text| (text.as_str(), 1)).collect();
    let mut history = told(&[lesson(1, "a", &[("old", 1)])]);
    history.learn(&lesson(2, "a", &all));
    check(&history);
    // And drives nobody out.
    assert_eq!(history.sources(), 2);
    assert_eq!(u64::try_from(history.specs()).unwrap(), OF_ONE + 1);
}

#[test]
fn bytes_of_another_format_are_refused() {
    let history = told(&[lesson(1, "a", &[("x", 5)])]);
    let mut bytes = history.encode();
    assert_eq!(History::decode(&bytes).unwrap(), history);
    bytes[0] += 1;
    assert!(matches!(History::decode(&bytes), Err(HistoryError::Format { found: 2 })));
    assert!(matches!(History::decode(&[]), Err(HistoryError::Empty)));
    assert!(matches!(History::decode(&[FORMAT, 9]), Err(HistoryError::Damaged(_))));
}

fn any_lessons() -> impl Strategy<Value = Vec<Lesson>> {
    let took = (0..4_usize, 0..1000_u32);
    let one = (0..14_u32, 0..2_usize, prop::collection::vec(took, 0..4));
    prop::collection::vec(one, 0..40).prop_map(|lessons| {
        let mut known = BTreeSet::new();
        let lesson = |(source, cni, mut durations): (u32, usize, Vec<(usize, u32)>)| {
            // A source says one thing of a spec.
            durations.retain(|(spec, _)| known.insert((source, cni, *spec)));
            let spec = |(spec, millis)| (["w", "x", "y", "z"][spec], millis);
            let durations: Vec<(&str, u32)> = durations.into_iter().map(spec).collect();
            lesson(source, ["a", "b"][cni], &durations)
        };
        lessons.into_iter().map(lesson).collect()
    })
}

proptest! {
    #[test]
    fn order_and_repeats_do_not_matter(
        (lessons, other) in any_lessons()
            .prop_flat_map(|lessons| (Just(lessons.clone()), Just(lessons).prop_shuffle())),
    ) {
        let history = told(&lessons);
        check(&history);
        prop_assert_eq!(shown(&history), shown(&told(&other)));
        let mut again = history.clone();
        for lesson in other {
            prop_assert!(!again.learn(&lesson));
        }
        prop_assert_eq!(&again, &history);
        prop_assert_eq!(shown(&told(&history.lessons())), shown(&history));
        prop_assert_eq!(History::decode(&history.encode()).unwrap(), history);
    }
}
