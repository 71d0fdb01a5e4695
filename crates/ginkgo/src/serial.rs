//! Which serial specs have to stay together.
//!
//! A report does not say whether a spec belongs to an Ordered container, but the order of a suite
//! does: the specs of an Ordered container follow one another, in the same order, under every seed,
//! while all others are shuffled one by one. So two serial specs are kept together when the second
//! follows the first in *every* order that was seen, under the same outermost container.
//!
//! This never splits an Ordered container. It may keep together specs that need not be: two
//! neighbours stay neighbours in a shuffle of n groups with a chance of about 1/n, so about one
//! pair in all after one further order and 1/n pairs after two. That costs a little balance and
//! nothing else.

use std::collections::{BTreeMap, BTreeSet};

use crate::spec::{SpecHeader, SpecKey};

/// Pairs of neighbours under one outermost container: the second directly follows the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbours(BTreeSet<(SpecKey, SpecKey)>);

impl Neighbours {
    /// The neighbours in one order of specs.
    pub fn of<'a>(order: impl IntoIterator<Item = &'a SpecHeader>) -> Self {
        let mut pairs = BTreeSet::new();
        let mut previous: Option<&SpecHeader> = None;
        for spec in order {
            if let Some(previous) = previous.filter(|previous| share_container(previous, spec)) {
                pairs.insert((previous.key(), spec.key()));
            }
            previous = Some(spec);
        }
        Self(pairs)
    }

    /// Keeps only the pairs that are neighbours in `other` too.
    pub fn intersect(&mut self, other: &Self) {
        self.0.retain(|pair| other.0.contains(pair));
    }

    /// No pair is left: nothing has to stay together, further orders can not change that.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn share_container(a: &SpecHeader, b: &SpecHeader) -> bool {
    match (a.container_hierarchy_locations.first(), b.container_hierarchy_locations.first()) {
        (Some(place_a), Some(place_b)) => {
            place_a == place_b
                && a.container_hierarchy_texts.first() == b.container_hierarchy_texts.first()
        }
        _ => false,
    }
}

/// Cuts the serial list into groups that stay together: lasting neighbours, and specs with the same
/// text (a filter cannot tell them apart). Gives positions in `serial`, each once; groups in the
/// order of their first spec, specs in list order.
pub fn groups(serial: &[SpecHeader], lasting: &Neighbours) -> Vec<Vec<usize>> {
    let keys: Vec<SpecKey> = serial.iter().map(SpecHeader::key).collect();
    let mut parents: Vec<usize> = (0..serial.len()).collect();
    let mut first_with_text: BTreeMap<&str, usize> = BTreeMap::new();
    for (i, key) in keys.iter().enumerate() {
        let first = *first_with_text.entry(&key.text).or_insert(i);
        unite(&mut parents, first, i);
        if i > 0 && lasting.0.contains(&(keys[i - 1].clone(), key.clone())) {
            unite(&mut parents, i - 1, i);
        }
    }

    let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for i in 0..serial.len() {
        let root = root(&mut parents, i);
        groups.entry(root).or_default().push(i);
    }
    groups.into_values().collect()
}

fn root(parents: &mut [usize], mut i: usize) -> usize {
    while parents[i] != i {
        parents[i] = parents[parents[i]];
        i = parents[i];
    }
    i
}

/// The smaller root wins, so that a root is the first position of its group.
fn unite(parents: &mut [usize], a: usize, b: usize) {
    let (a, b) = (root(parents, a), root(parents, b));
    parents[a.max(b)] = a.min(b);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::spec::CodeLocation;

    fn spec(container: u32, text: &str) -> SpecHeader {
        SpecHeader {
            container_hierarchy_texts: vec!["c".into()],
            container_hierarchy_locations: vec![CodeLocation { file: "f".into(), line: container }],
            leaf_node_text: text.into(),
            leaf_node_type: "It".into(),
            ..SpecHeader::default()
        }
    }

    fn lasting(orders: &[Vec<SpecHeader>]) -> Neighbours {
        let mut neighbours = Neighbours::of(&orders[0]);
        for order in &orders[1..] {
            neighbours.intersect(&Neighbours::of(order));
        }
        neighbours
    }

    #[test]
    fn neighbours_of_one_order_only_are_split() {
        let (a, b, c) = (spec(1, "a"), spec(1, "b"), spec(1, "c"));
        let orders = [vec![a.clone(), b.clone(), c.clone()], vec![c.clone(), a.clone(), b.clone()]];
        assert_eq!(groups(&orders[0], &lasting(&orders)), [vec![0, 1], vec![2]]);
    }

    #[test]
    fn other_containers_and_the_top_level_never_join() {
        let bare = |text: &str| SpecHeader { leaf_node_text: text.into(), ..Default::default() };
        let order = vec![spec(1, "a"), spec(2, "b"), bare("x"), bare("y")];
        assert!(lasting(std::slice::from_ref(&order)).is_empty());
        assert_eq!(groups(&order, &lasting(std::slice::from_ref(&order))).len(), 4);
    }

    #[test]
    fn equal_texts_join_from_afar() {
        let order = vec![spec(1, "same"), spec(2, "b"), spec(3, "same")];
        assert_eq!(groups(&order, &Neighbours(BTreeSet::new())), [vec![0, 2], vec![1]]);
    }

    proptest! {
        /// Groups of known size are shuffled; none may ever be split.
        #[test]
        fn an_ordered_container_is_never_split(
            sizes in proptest::collection::vec(1usize..5, 1..30),
            shuffles in proptest::collection::vec(proptest::collection::vec(any::<u32>(), 30), 2..4),
        ) {
            let containers: Vec<Vec<SpecHeader>> = sizes.iter().enumerate().map(|(i, size)| {
                (0..*size).map(|j| spec(0, &format!("{i} {j}"))).collect()
            }).collect();
            let orders: Vec<Vec<SpecHeader>> = shuffles.iter().map(|keys| {
                let mut indices: Vec<usize> = (0..containers.len()).collect();
                indices.sort_by_key(|i| keys[*i]);
                indices.into_iter().flat_map(|i| containers[i].clone()).collect()
            }).collect();
            let found = groups(&orders[0], &lasting(&orders));
            let mut group_of = BTreeMap::new();
            for (group, members) in found.iter().enumerate() {
                for member in members {
                    prop_assert!(group_of.insert(orders[0][*member].key(), group).is_none());
                }
            }
            for container in &containers {
                let groups: BTreeSet<_> = container.iter().map(|it| group_of[&it.key()]).collect();
                prop_assert_eq!(groups.len(), 1);
            }
            prop_assert_eq!(group_of.len(), sizes.iter().sum::<usize>());
        }
    }
}
