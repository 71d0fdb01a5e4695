//! Which entries of the log carry payloads that the state refers to.

use std::collections::BTreeSet;
use std::ops::RangeBounds;

use multibeam_model::record::RunRecord;

use crate::Ledger;

impl Ledger {
    /// The indices in `range` of entries that carry payloads the state refers to, in order.
    #[must_use]
    pub fn payloads(&self, range: impl RangeBounds<u64>) -> Vec<u64> {
        let all = self.runs().flat_map(of_run).filter(|index| range.contains(index));
        all.collect::<BTreeSet<u64>>().into_iter().collect()
    }
}

/// The entries whose payloads one run refers to, in no order.
pub(crate) fn of_run(run: &RunRecord) -> impl Iterator<Item = u64> + '_ {
    let catalogs = run.targets.values().filter_map(|target| target.catalog.as_ref());
    let catalogs = catalogs.map(|catalog| catalog.payload);
    // Late reports never count, but run.json may be asked about them.
    let reports = run.attempts().flat_map(|(_, attempt)| {
        attempt.received.values().chain(attempt.late.values()).map(|report| report.payload)
    });
    let sessions = run.sessions.values();
    let nodes = sessions.flat_map(|session| session.nodes.values().flat_map(|n| n.values()));
    let nodes = nodes.map(|node| node.payload);
    let parts = run.parts.open.values().chain(run.parts.joined.values()).flatten().copied();
    catalogs.chain(reports).chain(nodes).map(|payload| payload.index).chain(parts)
}
