//! What a label can say about a target.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::bits::Bits;

/// Most values that one term lists.
const MOST_VALUES: usize = 4;

/// A statement about one label.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Term {
    /// The label's key.
    pub key: String,
    /// What is said of its value.
    #[serde(flatten)]
    pub test: Test,
}

/// What is said of a label's value. The order is that of preference.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase", tag = "test", content = "value")]
pub enum Test {
    /// It is this one.
    Is(String),
    /// There is no such label.
    Missing,
    /// It is this version or an older one.
    AtMost(String),
    /// It is this version or a newer one.
    AtLeast(String),
    /// It is another one, or missing.
    IsNot(String),
    /// There is such a label.
    Present,
    /// It is one of these.
    OneOf(Vec<String>),
}

/// Terms that are true of the same targets.
#[derive(Clone, Debug)]
pub(super) struct Choice {
    /// The best one first.
    pub(super) terms: Vec<Term>,
    /// Of which targets they are true.
    pub(super) on: Bits,
}

/// The values of one label, and which targets have them; `None` is a target without the label.
type Values<'a> = BTreeMap<Option<&'a str>, Bits>;

/// A term with what decides between terms that are true of the same targets.
type Ranked = (usize, usize, Term, Bits);

// === impl Choice ===

impl Choice {
    /// Whether it has a term about every label that the other one has a term about.
    pub(super) fn can_stand_for(&self, other: &Self) -> bool {
        let knows = |key: &String| self.terms.iter().any(|own| own.key == *key);
        other.terms.iter().all(|term| knows(&term.key))
    }
}

// === impl Test ===

impl Test {
    /// The less a test says in passing, the lower.
    fn rank(&self) -> usize {
        match self {
            Self::Is(_) => 0,
            Self::Missing => 1,
            Self::AtMost(_) | Self::AtLeast(_) => 2,
            Self::IsNot(_) | Self::Present => 3,
            Self::OneOf(_) => 4,
        }
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = &self.key;
        match &self.test {
            Test::Is(value) => write!(f, "{key}={value}"),
            Test::Missing => write!(f, "no {key} label"),
            Test::AtMost(value) => write!(f, "{key}≤{value}"),
            Test::AtLeast(value) => write!(f, "{key}≥{value}"),
            Test::IsNot(value) => write!(f, "{key}≠{value}"),
            Test::Present => write!(f, "a {key} label"),
            Test::OneOf(values) => write!(f, "{key}={}", values.join("|")),
        }
    }
}

/// All that labels can say to tell some of the targets in `of` apart from the others, the best
/// first. A list of values is there only if it holds all of `failing` and each of its values more
/// than one target: otherwise it would only call the targets by their names.
pub(super) fn choices(
    labels: &[&BTreeMap<String, String>],
    keys: &[String],
    of: &Bits,
    failing: &Bits,
) -> Vec<Choice> {
    let mut ranked: Vec<Ranked> = Vec::new();
    for key in keys {
        let values = values(labels, key, of);
        if values.len() < 2 {
            continue;
        }
        let mut add = |test: Test, on: Bits| {
            if !on.is_empty() && on != *of {
                ranked.push((test.rank(), values.len(), Term { key: key.clone(), test }, on));
            }
        };
        for (value, on) in &values {
            let (is, is_not) = match value {
                Some(value) => (Test::Is((*value).to_owned()), Test::IsNot((*value).to_owned())),
                None => (Test::Missing, Test::Present),
            };
            add(is, on.clone());
            add(is_not, of.without(on));
        }
        versions(&values, &mut add);
        list(&values, of, failing, &mut add);
    }
    ranked.sort_by(|a, b| (a.0, a.1, &a.2).cmp(&(b.0, b.1, &b.2)));
    let mut choices: Vec<Choice> = Vec::new();
    let mut known: BTreeMap<Bits, usize> = BTreeMap::new();
    for (_, _, term, on) in ranked {
        match known.get(&on) {
            // The same label says it twice: of two values, "is one" and "is not the other".
            Some(&at) if choices[at].terms.iter().any(|known| known.key == term.key) => {}
            Some(&at) => choices[at].terms.push(term),
            None => {
                known.insert(on.clone(), choices.len());
                choices.push(Choice { terms: vec![term], on });
            }
        }
    }
    choices
}

fn values<'a>(labels: &[&'a BTreeMap<String, String>], key: &str, of: &Bits) -> Values<'a> {
    let mut values = Values::new();
    for target in of.members() {
        let value = labels[target].get(key).map(String::as_str);
        values.entry(value).or_insert_with(|| Bits::none(labels.len())).insert(target);
    }
    values
}

/// "This one and older", "this one and newer", where all values are versions.
fn versions(values: &Values<'_>, add: &mut impl FnMut(Test, Bits)) {
    let numbers = |value: &Option<&str>| version((*value)?);
    let mut sorted: Vec<_> = values.iter().map(|(value, on)| (numbers(value), value, on)).collect();
    if sorted.iter().any(|(numbers, _, _)| numbers.is_none()) {
        return;
    }
    sorted.sort();
    if sorted.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        return;
    }
    let union = |part: &[(_, &Option<&str>, &Bits)]| {
        let sets = part.iter().map(|(_, _, on)| (*on).clone());
        sets.reduce(|all, more| all.or(&more))
    };
    for at in 1..sorted.len() {
        let (old, new) = sorted.split_at(at);
        let (newest, oldest) = (old[at - 1].1.unwrap_or_default(), new[0].1.unwrap_or_default());
        if let (Some(old), Some(new)) = (union(old), union(new)) {
            add(Test::AtMost(newest.to_owned()), old);
            add(Test::AtLeast(oldest.to_owned()), new);
        }
    }
}

/// The numbers of `v1.36.0`, `1.36`, or `36`.
fn version(text: &str) -> Option<Vec<u64>> {
    let text = text.strip_prefix('v').unwrap_or(text);
    text.split('.').map(|part| part.parse().ok()).collect()
}

/// The values that failing targets have.
fn list(values: &Values<'_>, of: &Bits, failing: &Bits, add: &mut impl FnMut(Test, Bits)) {
    let held = values.iter().filter(|(_, on)| on.shared(failing) > 0);
    let held: Vec<(&Option<&str>, &Bits)> = held.collect();
    if !(2..=MOST_VALUES).contains(&held.len()) || held.iter().any(|(_, on)| on.len() < 2) {
        return;
    }
    let names: Option<Vec<String>> =
        held.iter().map(|(value, _)| value.map(str::to_owned)).collect();
    let Some(mut names) = names else { return };
    names.sort_by(|a, b| natural(a, b));
    let on = held.iter().fold(of.without(of), |all, (_, on)| all.or(on));
    add(Test::OneOf(names), on);
}

/// Versions by number, everything else by letter.
fn natural(a: &str, b: &str) -> Ordering {
    match (version(a), version(b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        _ => a.cmp(b),
    }
}
