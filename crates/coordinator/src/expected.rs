//! What is expected of the specs of a run.

use std::collections::BTreeMap;
use std::sync::Arc;

use multibeam_history::{Durations, History, Labels};
use multibeam_model::TargetId;
use multibeam_model::run::RunSpec;
use multibeam_rt::backoff::{Backoff, random, retry};

use crate::ledger::Ledger;

/// What is expected of the specs of each target of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Expected {
    targets: Vec<Arc<Durations>>,
    /// Why the history says nothing, if it should.
    pub(crate) warning: Option<String>,
}

impl Expected {
    /// Asks the ledger what it remembers, and adds what else is known. A history that cannot be had
    /// stops no run.
    pub(crate) async fn of(ledger: &Ledger, known: &Arc<History>, spec: &RunSpec) -> Self {
        let read = retry(Backoff::SERVICE, random, || ledger.history()).await;
        let (remembered, warning) = match read {
            Ok(history) => (history, None),
            Err(status) => {
                let why = status.message();
                let text = format!(
                    "durations of earlier runs cannot be read, so the built-in table says what is expected: {why}"
                );
                (History::default(), Some(text))
            }
        };
        let labels: Vec<Labels> = spec.targets.iter().map(|target| target.labels.clone()).collect();
        let known = Arc::clone(known);
        // A large history takes longer than heartbeats should wait.
        let made = tokio::task::spawn_blocking(move || made_of(remembered, &known, labels)).await;
        Self { targets: made.unwrap_or_default(), warning }
    }

    /// What is expected in a target.
    pub(crate) fn in_target(&self, target: TargetId) -> &Durations {
        let known = self.targets.get(target.0 as usize);
        known.map_or_else(|| Durations::built_in(), Arc::as_ref)
    }
}

fn made_of(mut history: History, known: &History, targets: Vec<Labels>) -> Vec<Arc<Durations>> {
    for lesson in known.lessons() {
        history.learn(&lesson);
    }
    let mut made: BTreeMap<Labels, Arc<Durations>> = BTreeMap::new();
    let of = |labels: Labels| {
        let known = made.entry(labels);
        let make = |labels: &Labels| Arc::new(Durations::of(&history, labels));
        Arc::clone(known.or_insert_with_key(make))
    };
    targets.into_iter().map(of).collect()
}
