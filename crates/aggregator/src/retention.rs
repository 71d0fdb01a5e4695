//! Old runs leave the ledger.

use std::time::Duration;

use multibeam_ledger::Ledger;
use multibeam_model::command::Command;
use multibeam_model::{RunId, Timestamp};
use multibeam_rt::clock::wall_ns;

use crate::Handle;

/// How often old runs are looked for.
const LOOK: Duration = Duration::from_secs(600);

/// Runs that leave together, at most: each command stays small.
const AT_ONCE: usize = 100;

/// The ended runs that are older than `keep`, oldest first.
fn expired(ledger: &Ledger, now: Timestamp, keep: Duration) -> Vec<RunId> {
    let keep = i64::try_from(keep.as_nanos()).unwrap_or(i64::MAX);
    let latest = now.0.saturating_sub(keep);
    let old = ledger.runs().filter_map(|run| Some((run.ended?, &run.run)));
    let mut old: Vec<_> = old.filter(|(ended, _)| ended.0 < latest).collect();
    old.sort();
    old.into_iter().take(AT_ONCE).map(|(_, run)| run.clone()).collect()
}

/// Has old runs leave for as long as it is polled. Every member may do this; the leader's word
/// counts, and what is asked twice changes nothing.
pub async fn run(ledger: Handle, keep: Duration) {
    loop {
        tokio::time::sleep(LOOK).await;
        let runs = ledger.read(|ledger| expired(ledger, Timestamp(wall_ns()), keep));
        if runs.is_empty() {
            continue;
        }
        let count = runs.len();
        match ledger.propose(vec![Command::Expire { runs }]).await {
            Ok(_) => tracing::info!(count, "old runs have left the ledger"),
            // Another member does it.
            Err(error) => tracing::debug!(%error, "old runs stay for now"),
        }
    }
}

#[cfg(test)]
mod tests {
    use multibeam_model::Epoch;
    use multibeam_model::command::{Change, Decision};

    use super::*;

    #[test]
    fn only_ended_runs_of_long_ago_leave() {
        let mut ledger = Ledger::default();
        let mut index = 0;
        let mut apply = |command| {
            index += 1;
            ledger.apply(index, &command);
        };
        let (coordinator, at) = ("c".to_owned(), Timestamp(0));
        apply(Command::Claim { coordinator, at, take_over: true });
        for (name, ended) in
            [("young", Some(950)), ("old", Some(800)), ("older", Some(7)), ("open", None)]
        {
            let run = RunId::from(name);
            apply(Command::CreateRun { run: run.clone(), spec: Vec::new(), seed: 1, at });
            if let Some(ended) = ended {
                let decision = Decision::EndRun { at: Timestamp(ended) };
                let change = Change::Decide { epoch: Epoch(1), decision };
                apply(Command::Run { run, change });
            }
        }
        let gone = expired(&ledger, Timestamp(1000), Duration::from_nanos(100));
        assert_eq!(gone, [RunId::from("older"), RunId::from("old")]);
    }
}
