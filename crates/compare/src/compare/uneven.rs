//! Specs that have a result in some targets only: other versions have other specs, and some skip
//! themselves.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::{Table, Uneven};
use crate::bits::Bits;

/// Such specs, by where they have a result; the largest group first.
pub(super) fn uneven(table: &Table<'_>, specs: &BTreeSet<&str>) -> Vec<Uneven> {
    let mut by_targets: BTreeMap<Bits, Vec<String>> = BTreeMap::new();
    let mut any = Bits::none(table.size());
    for spec in specs {
        let (failing, passing) = table.pattern(spec);
        let ran = failing.or(&passing);
        any = any.or(&ran);
        by_targets.entry(ran).or_default().push((*spec).to_owned());
    }
    // A target without any result was not tested; that is no news about specs.
    let groups = by_targets.into_iter().filter(|(ran, _)| *ran != any);
    let groups = groups.map(|(ran, specs)| Uneven {
        absent: table.names(&any.without(&ran)),
        ran: table.names(&ran),
        specs,
    });
    let mut groups: Vec<Uneven> = groups.collect();
    groups.sort_by(|a, b| (Reverse(a.specs.len()), &a.ran).cmp(&(Reverse(b.specs.len()), &b.ran)));
    groups
}
