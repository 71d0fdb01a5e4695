//! Taking up a run that an earlier coordinator has left.

use std::collections::BTreeMap;

use multibeam_model::command::{Change, Command, Decision};
use multibeam_model::record::RunRecord;
use multibeam_model::{LossCause, RunId};
use multibeam_sched::Recovered;
use tonic::Status;

use super::{CoordinatorService, expect};
use crate::clock::wall;
use crate::doubt::Doubt;
use crate::expected::Expected;
use crate::messages::ToHub;
use crate::run::Begin;
use crate::spec::read_spec;
use crate::takeover::catalogs_of;

impl CoordinatorService {
    /// Takes a run up that an earlier coordinator has left.
    pub(super) async fn resume(&self, run: RunId, force: bool) -> Result<RunId, Status> {
        self.not_under_way(&run).await?;
        let mut record = self.hub.ledger.record(&run).await?;
        resumable(&record, force)?;
        if self.heir {
            let patience = read_spec(&record.spec)?.limits.patience();
            let doubt = Doubt::of(&record, patience);
            self.hub.ask(|reply| ToHub::Settle { doubt, reply }).await?;
            // Meanwhile much may have happened.
            self.not_under_way(&run).await?;
            record = self.hub.ledger.record(&run).await?;
            resumable(&record, force)?;
        }
        // First what may take its time: once the ledger has it taken up, it is to begin at once.
        let spec = read_spec(&record.spec)?;
        let expected = Expected::of(&self.hub.ledger, &self.known, &spec).await;
        let epoch = self.hub.term()?.epoch;
        let decide = |decision| Command::Run {
            run: run.clone(),
            change: Change::Decide { epoch, decision },
        };
        let queued = record.queued();
        let lost = record.live().map(|(attempt, live)| {
            let worker = live.worker.0.clone();
            decide(match queued.contains(&attempt) {
                // It cost nothing, so it costs none of the group's attempts.
                true => Decision::Return { attempt },
                false => Decision::Lose { attempt, cause: LossCause::WorkerLost { worker } },
            })
        });
        let open = record.sessions.iter().filter(|(_, session)| session.closed.is_none());
        let closed = open
            .map(|(session, _)| decide(Decision::CloseSession { session: *session, lost: true }));
        let again = decide(Decision::Resume { at: wall() });
        let commands: Vec<Command> = lost.chain(closed).chain([again]).collect();
        expect(self.hub.ledger.propose(&commands).await?)?;
        let record = self.hub.ledger.record(&run).await?;
        self.begin(Begin {
            run: run.clone(),
            spec,
            expected,
            seed: record.seed,
            created: record.created,
            resumed: record.resumed.last().copied(),
            recovered: Some(Recovered::from_record(&record)),
            catalogs: catalogs_of(&record),
            admitted: BTreeMap::new(),
            ended: Vec::new(),
            holder: self.host.clone(),
        })
        .await?;
        Ok(run)
    }

    async fn not_under_way(&self, run: &RunId) -> Result<(), Status> {
        let here = self.hub.ask(|reply| ToHub::Watch { run: run.clone(), reply }).await?;
        match here.is_some_and(|watched| watched.status.verdict.is_none()) {
            true => Err(Status::already_exists(format!(
                "run {run} is under way (hint: `multibeam attach {run}` follows it)"
            ))),
            false => Ok(()),
        }
    }
}

fn resumable(record: &RunRecord, force: bool) -> Result<(), Status> {
    let refuse = |text: String| Err(Status::failed_precondition(text));
    if record.cancelled.is_some() && !force {
        return refuse(format!(
            "run {} was cancelled (hint: --force takes it up all the same)",
            record.run
        ));
    }
    let spec = read_spec(&record.spec)?;
    let complete = |end: &multibeam_model::record::TargetEnd| {
        end.verdict <= multibeam_model::outcome::Verdict::Failed
    };
    let ended = record.targets.values().filter_map(|target| target.end.as_ref());
    if record.ended.is_some() && ended.filter(|end| complete(end)).count() == spec.targets.len() {
        return refuse(format!("run {} is complete; there is nothing to take up", record.run));
    }
    Ok(())
}
