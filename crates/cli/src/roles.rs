//! Who may call what, and for how long.

use multibeam_rt::access::RequireRole;
use multibeam_rt::deadline::Deadlines;
use multibeam_rt::identity::Role;
use multibeam_rt::limits;

const COORDINATOR: &str = "/multibeam.coordinator.v1.Coordinator";
const LEDGER: &str = "/multibeam.aggregator.v1.Ledger";
const RESULTS: &str = "/multibeam.aggregator.v1.Results";
const GROUP: &str = "/multibeam.aggregator.v1.Group";
const RAFT: &str = "/multibeam.aggregator.v1.Raft";

/// The rules of the coordinator's server.
pub(crate) fn coordinator() -> RequireRole {
    let mut rules = RequireRole::new().allow(RESULTS, &[Role::User]);
    for call in ["Work", "UploadCatalog"] {
        rules = rules.allow(format!("{COORDINATOR}/{call}"), &[Role::Worker]);
    }
    for call in ["Submit", "Watch", "Cancel", "ListRuns", "Status", "ReadHistory", "Learn"] {
        rules = rules.allow(format!("{COORDINATOR}/{call}"), &[Role::User]);
    }
    rules
}

/// How long a call to the coordinator or the aggregator may take.
pub(crate) fn deadlines() -> Deadlines {
    Deadlines::new()
        .without("/multibeam.coordinator.v1.Coordinator/Work")
        .without("/multibeam.aggregator.v1.Raft/Deliver")
        .without("/multibeam.aggregator.v1.Raft/Install")
        .set("/multibeam.coordinator.v1.Coordinator/UploadCatalog", limits::UPLOAD_DEADLINE)
}

/// The rules of the aggregator's server.
pub(crate) fn aggregator() -> RequireRole {
    let mut rules = RequireRole::new()
        .allow(RESULTS, &[Role::User, Role::Coordinator])
        .allow(RAFT, &[Role::Aggregator])
        .allow(GROUP, &[Role::Aggregator])
        .allow(format!("{GROUP}/ListMembers"), &[Role::Aggregator, Role::User])
        // Members pass on what the leader has to answer.
        .allow(format!("{LEDGER}/Propose"), &[Role::Coordinator, Role::Aggregator])
        .allow(format!("{LEDGER}/Attend"), &[Role::Coordinator, Role::Aggregator])
        .allow(format!("{LEDGER}/Report"), &[Role::Worker, Role::Aggregator]);
    for call in ["ReadRun", "ReadCatalog", "ListRuns", "ReadHistory"] {
        rules = rules.allow(format!("{LEDGER}/{call}"), &[Role::User, Role::Coordinator]);
    }
    rules
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_caller_that_sends_a_stream_has_a_deadline_of_its_own_or_none() {
        let (coordinator, aggregator, raft) = (
            include_str!("../../../proto/proto/multibeam/coordinator/v1/coordinator.proto"),
            include_str!("../../../proto/proto/multibeam/aggregator/v1/aggregator.proto"),
            include_str!("../../../proto/proto/multibeam/aggregator/v1/raft.proto"),
        );
        let (mut package, mut service, mut streams) = ("", "", 0);
        for line in [coordinator, aggregator, raft].iter().flat_map(|file| file.lines()) {
            let words: Vec<&str> =
                line.split([' ', '(', ';']).filter(|it| !it.is_empty()).collect();
            match words[..] {
                ["package", name] => package = name,
                ["service", name, ..] => service = name,
                ["rpc", method, "stream", ..] => {
                    let path = format!("/{package}.{service}/{method}");
                    assert!(super::deadlines().has_own(&path), "{path}");
                    streams += 1;
                }
                _ => {}
            }
        }
        assert!(streams >= 4, "{streams}");
    }
}
