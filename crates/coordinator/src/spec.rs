//! Reading a run's spec.

use std::time::Duration;

use multibeam_model::run::RunSpec;
use tonic::Status;

/// The longest that a run may wait for anything; a run file allows a day.
const LONGEST_WAIT: Duration = Duration::from_secs(30 * 86_400);

/// A run's spec as the ledger keeps it. Its clusters are looked up by number later on.
///
/// # Errors
/// [`tonic::Code::InvalidArgument`] when it cannot be read, names a cluster that it does not have,
/// lets nothing run, or waits for ever.
pub fn read_spec(bytes: &[u8]) -> Result<RunSpec, Status> {
    let spec: RunSpec = serde_json::from_slice(bytes)
        .map_err(|error| Status::invalid_argument(format!("the run cannot be read: {error}")))?;
    let limits = &spec.limits;
    let waits =
        [limits.lease, limits.heartbeat, limits.no_worker, limits.cluster_unready, limits.grace];
    if waits.iter().any(|wait| *wait > LONGEST_WAIT) {
        let days = LONGEST_WAIT.as_secs() / 86_400;
        return Err(Status::invalid_argument(format!(
            "the run waits too long: expected limits of at most {days} days"
        )));
    }
    let concurrency = &spec.limits.concurrency;
    let none = |limit: u32| limit == 0;
    if concurrency.per_cluster.is_some_and(none)
        || concurrency.by_tag.iter().any(|rule| none(rule.at_once))
    {
        let message = "the run's concurrency lets nothing run: expected limits of at least 1";
        return Err(Status::invalid_argument(message));
    }
    let mut used = spec.targets.iter().flat_map(|target| &target.clusters);
    match used.find(|cluster| spec.clusters.get(**cluster as usize).is_none()) {
        Some(cluster) => {
            Err(Status::invalid_argument(format!("the run has no cluster number {cluster}")))
        }
        None => Ok(spec),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lets_nothing_run_is_refused() {
        let read = |limits: &str| {
            let spec = format!(
                r#"{{"name":"n","certified":false,"rerunOf":null,"failFast":false,"seed":null,"targets":[],"clusters":[],"matrixJunit":false,"limits":{{"attempts":3,"lease":{{"secs":60,"nanos":0}},"heartbeat":{{"secs":5,"nanos":0}},"noWorker":{{"secs":1,"nanos":0}},"clusterUnready":{{"secs":1,"nanos":0}},"grace":{{"secs":1,"nanos":0}},"specTimeouts":[],"spool":1,"cleanup":true{limits}}}}}"#
            );
            read_spec(spec.as_bytes()).map(drop).map_err(|status| status.message().to_owned())
        };
        assert_eq!(read(""), Ok(()));
        let one =
            r#","concurrency":{"perCluster":1,"adaptive":false,"byTag":[{"tag":"a","atOnce":1}]}"#;
        assert_eq!(read(one), Ok(()));
        for (from, to) in
            [(r#""perCluster":1"#, r#""perCluster":0"#), (r#""atOnce":1"#, r#""atOnce":0"#)]
        {
            let error = read(&one.replace(from, to)).unwrap_err();
            assert!(error.contains("lets nothing run"), "{error}");
        }
    }
}
