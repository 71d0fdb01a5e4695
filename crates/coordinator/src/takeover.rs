//! The runs that an earlier coordinator has left under way, as the ledger knows them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use multibeam_history::History;
use multibeam_model::record::{CatalogRecord, RunRecord, TargetRecord};
use multibeam_model::{RunId, TargetId};
use multibeam_proto::aggregator::v1::RunState;
use multibeam_rt::backoff::{Recover as _, Recovery};
use multibeam_sched::Recovered;
use tonic::Status;

use crate::expected::Expected;
use crate::ledger::Ledger;
use crate::messages::SentCatalog;
use crate::run::Begin;
use crate::spec::read_spec;

/// Reads all runs that have not ended. `margin` is how long an earlier coordinator may have granted
/// leases after this one took office.
pub(crate) async fn open_runs(
    ledger: &Ledger,
    holder: &str,
    margin: Duration,
) -> Result<Vec<Begin>, Status> {
    let rows = ledger.runs().await?;
    let mut open = Vec::new();
    for row in rows.into_iter().filter(|row| row.state() != RunState::Ended) {
        let run = RunId(row.run);
        match open_run(ledger, &run, holder, margin).await {
            Ok(begin) => open.extend(begin),
            Err(status) if status.recovery() == Recovery::Retry => return Err(status),
            // It stays as it is: another version may be able to read it.
            Err(status) => {
                tracing::error!(%run, message = status.message(), "cannot take over");
            }
        }
    }
    Ok(open)
}

async fn open_run(
    ledger: &Ledger,
    run: &RunId,
    holder: &str,
    margin: Duration,
) -> Result<Option<Begin>, Status> {
    let record = ledger.record(run).await?;
    if record.ended.is_some() {
        return Ok(None);
    }
    let spec = read_spec(&record.spec)?;
    let expected = Expected::of(ledger, &Arc::<History>::default(), &spec).await;
    let recovered = Recovered::take_over(&record, spec.limits.patience() + margin);
    let sessions = recovered.takeover.as_ref().map(|takeover| takeover.sessions.len());
    let live = record.live().count();
    tracing::info!(%run, sessions, live, "taking over");
    let end = |(id, target): (&TargetId, &TargetRecord)| Some((*id, target.end.clone()?));
    Ok(Some(Begin {
        run: run.clone(),
        seed: record.seed,
        created: record.created,
        resumed: record.resumed.last().copied(),
        catalogs: catalogs_of(&record),
        admitted: admitted(ledger, &record).await?,
        ended: record.targets.iter().filter_map(end).collect(),
        recovered: Some(recovered),
        expected,
        holder: holder.to_owned(),
        spec,
    }))
}

/// The catalogs of targets that are not over.
async fn admitted(
    ledger: &Ledger,
    record: &RunRecord,
) -> Result<BTreeMap<TargetId, SentCatalog>, Status> {
    let mut catalogs = BTreeMap::new();
    for (id, CatalogRecord { digest, .. }) in catalogs_of(record) {
        if record.targets.get(&id).is_some_and(|target| target.end.is_some()) {
            continue;
        }
        let bytes = ledger.catalog(&record.run, id).await?;
        let read = tokio::task::spawn_blocking(move || SentCatalog::read(digest, bytes));
        let catalog = read.await.map_err(|error| Status::internal(error.to_string()))?;
        catalogs.insert(id, catalog);
    }
    Ok(catalogs)
}

/// The catalogs that the ledger has.
pub(crate) fn catalogs_of(record: &RunRecord) -> BTreeMap<TargetId, CatalogRecord> {
    let targets = record.targets.iter();
    targets.filter_map(|(id, target)| Some((*id, target.catalog.clone()?))).collect()
}
