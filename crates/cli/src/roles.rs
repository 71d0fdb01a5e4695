//! Who may call what.

use multibeam_rt::access::RequireRole;
use multibeam_rt::identity::Role;

const COORDINATOR: &str = "/multibeam.coordinator.v1.Coordinator";
const LEDGER: &str = "/multibeam.aggregator.v1.Ledger";
const RESULTS: &str = "/multibeam.aggregator.v1.Results";
const RAFT: &str = "/multibeam.aggregator.v1.Raft";

/// The rules of the coordinator's server.
pub(crate) fn coordinator() -> RequireRole {
    let mut rules = RequireRole::new().allow(RESULTS, &[Role::User]);
    for call in ["Work", "UploadCatalog"] {
        rules = rules.allow(format!("{COORDINATOR}/{call}"), &[Role::Worker]);
    }
    for call in ["Submit", "Watch", "Cancel", "ListRuns", "Status"] {
        rules = rules.allow(format!("{COORDINATOR}/{call}"), &[Role::User]);
    }
    rules
}

/// The rules of the aggregator's server.
pub(crate) fn aggregator() -> RequireRole {
    let mut rules = RequireRole::new()
        .allow(RESULTS, &[Role::User, Role::Coordinator])
        .allow(RAFT, &[Role::Aggregator])
        .allow(format!("{LEDGER}/Propose"), &[Role::Coordinator])
        .allow(format!("{LEDGER}/Report"), &[Role::Worker]);
    for call in ["ReadRun", "ReadCatalog", "ListRuns"] {
        rules = rules.allow(format!("{LEDGER}/{call}"), &[Role::User, Role::Coordinator]);
    }
    rules
}
