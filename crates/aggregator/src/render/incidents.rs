//! What `run.json` tells although nothing ended of it.

use multibeam_model::incident::{Incident, OutputCut};
use multibeam_model::record::RunRecord;
use multibeam_model::run::RunSpec;
use multibeam_model::{AttemptId, ClusterId, SpecIndex, TargetId};
use serde::{Deserialize, Serialize};

/// Output of a suite process that was not kept. What its specs reported is not concerned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CutOutputJson {
    /// The process, such as `s0p3`.
    pub process: String,
    /// Its cluster's name.
    pub cluster: String,
    /// How much of it, in bytes.
    pub bytes: u64,
    /// Why.
    pub reason: String,
}

/// The output of a target's processes that was not kept.
pub(super) fn cut_output(
    incidents: &[Incident],
    record: &RunRecord,
    spec: &RunSpec,
    target: TargetId,
) -> Vec<CutOutputJson> {
    let cut = incidents.iter().filter_map(|incident| {
        let Incident::OutputCut { process, cut: OutputCut { bytes, error } } = incident else {
            return None;
        };
        let session = record.sessions.get(&process.session).filter(|it| it.target == target)?;
        Some(CutOutputJson {
            process: process.to_string(),
            cluster: cluster_name(spec, session.cluster),
            bytes: *bytes,
            reason: match error.as_str() {
                "" => format!("limits.spoolLimit: {} bytes are kept", spec.limits.spool),
                error => error.to_owned(),
            },
        })
    });
    cut.collect()
}

/// Why a spec failed, if it was interrupted because of its limit.
pub(super) fn over_limit(
    incidents: &[Incident],
    attempt: AttemptId,
    spec: SpecIndex,
) -> Option<String> {
    incidents.iter().find_map(|incident| match incident {
        Incident::OverLimit { attempt: of, spec: which, limit_ms }
            if (*of, *which) == (attempt, spec) =>
        {
            Some(format!("interrupted after its limit of {} s (specTimeout)", limit_ms / 1000))
        }
        _ => None,
    })
}

pub(super) fn cluster_name(spec: &RunSpec, id: ClusterId) -> String {
    spec.clusters.get(id.0 as usize).map_or_else(|| id.to_string(), |cluster| cluster.name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use multibeam_model::GroupId;

    #[test]
    fn only_the_spec_of_that_attempt_has_the_cause() {
        let attempt = |number| AttemptId { target: TargetId(0), group: GroupId(3), number };
        let incidents =
            [Incident::OverLimit { attempt: attempt(2), spec: SpecIndex(7), limit_ms: 3_500 }];
        let cause = over_limit(&incidents, attempt(2), SpecIndex(7));
        assert_eq!(cause.as_deref(), Some("interrupted after its limit of 3 s (specTimeout)"));
        assert_eq!(over_limit(&incidents, attempt(1), SpecIndex(7)), None);
        assert_eq!(over_limit(&incidents, attempt(2), SpecIndex(8)), None);
    }
}
