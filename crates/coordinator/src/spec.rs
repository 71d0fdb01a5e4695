//! Reading a run's spec.

use multibeam_model::run::RunSpec;
use tonic::Status;

/// A run's spec as the ledger keeps it. Its clusters are looked up by number later on.
///
/// # Errors
/// [`tonic::Code::InvalidArgument`] when it cannot be read, or names a cluster that it does not have.
pub fn read_spec(bytes: &[u8]) -> Result<RunSpec, Status> {
    let spec: RunSpec = serde_json::from_slice(bytes)
        .map_err(|error| Status::invalid_argument(format!("the run cannot be read: {error}")))?;
    let mut used = spec.targets.iter().flat_map(|target| &target.clusters);
    match used.find(|cluster| spec.clusters.get(**cluster as usize).is_none()) {
        Some(cluster) => {
            Err(Status::invalid_argument(format!("the run has no cluster number {cluster}")))
        }
        None => Ok(spec),
    }
}
