//! Reading a run's spec.

use multibeam_model::run::RunSpec;
use tonic::Status;

/// A run's spec as the ledger keeps it. Its clusters are looked up by number later on.
///
/// # Errors
/// [`tonic::Code::InvalidArgument`] when it cannot be read, names a cluster that it does not have, or
/// lets nothing run.
pub fn read_spec(bytes: &[u8]) -> Result<RunSpec, Status> {
    let spec: RunSpec = serde_json::from_slice(bytes)
        .map_err(|error| Status::invalid_argument(format!("the run cannot be read: {error}")))?;
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
