//! Whether the release can still be certified.

use std::collections::BTreeSet;

use super::{Context, Finding, Rule, Sink};
use crate::Minor;
use crate::catalog::Catalog;

/// The newest release and that many before it qualify.
const BEFORE: u16 = 2;

/// Releases that can be certified while the given one is the newest: it and the two before it.
#[must_use]
pub fn qualifying_with(latest: Minor) -> BTreeSet<Minor> {
    (0..=BEFORE).map(|count| latest.back(count)).collect()
}

pub(super) fn check(context: &Context<'_>, sink: &mut Sink) {
    let rule = Rule::ReleaseSupported;
    let Some(claimed) = context.minor() else {
        return sink.could_not_tell(rule, "the claimed release is not known; give --release vX.Y");
    };
    let mut qualifying = context.request.qualifying.clone();
    if qualifying.is_empty() {
        let newest = Catalog::built_in_minors().last().copied();
        qualifying = newest.map(qualifying_with).unwrap_or_default();
    }
    sink.check(rule, |found| {
        // What is newer than all of them is for the list of required tests to know.
        if let Some(newest) = qualifying.last()
            && claimed <= *newest
            && !qualifying.contains(&claimed)
        {
            let list: Vec<String> = qualifying.iter().map(ToString::to_string).collect();
            let message =
                format!("{claimed} is none of the releases that qualify: {}", list.join(", "));
            found.push(Finding::general(message));
        }
    });
}
