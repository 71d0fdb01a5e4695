//! Office: which of several coordinators decides. The ledger gives it to one at a time; the others
//! stand by and ask for it again and again.
//!
//! Who is in office attends, so that its silence tells the ledger that it is gone, and grants leases
//! only as long as that was confirmed a short while ago: a coordinator that is cut off from the
//! ledger, or was stopped for a minute, stops granting them before another one can take over. So a
//! new coordinator knows that whatever does not come to it within a lease is dead. Who ends in order
//! gives the office back, so that nobody waits for its silence.

use std::time::Duration;

use multibeam_model::Epoch;
use multibeam_rt::backoff::{Backoff, random, retry};
use multibeam_rt::endpoints::Endpoints;
use multibeam_rt::metrics::Registry;
use multibeam_rt::tasks::{Drain, Spawner};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use tonic::Status;

use crate::hub::{Task, Until};
use crate::ledger::Ledger;
use crate::messages::ToHub;
use crate::metrics::OfficeMetrics;
use crate::takeover;

/// How often the coordinator in office says that it is alive, and one that stands by asks.
const ATTENDANCE: Duration = Duration::from_secs(5);
const CLAIM: Duration = Duration::from_secs(3);

/// How long a coordinator that ends tries to give its office back. Without that the next one waits
/// for its silence.
const LEAVING: Duration = Duration::from_secs(3);

/// For how long a confirmed attendance lets it grant leases: shorter than the 15 s of silence after
/// which the ledger gives the office to another one.
pub(crate) const CONFIRMED: Duration = Duration::from_secs(10);

/// Why a coordinator cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// The aggregator does not let it take office.
    #[error("cannot take office at the aggregator: {0}")]
    Claim(String),
}

/// A handle to the hub.
#[derive(Clone, Debug)]
pub struct Hub {
    pub(crate) spawner: Spawner,
    pub(crate) ledger: Ledger,
    office: watch::Receiver<Office>,
    metrics: OfficeMetrics,
    /// Whether [`Hub::standing`] has told anything yet.
    told: bool,
}

/// Whether this coordinator is in office.
#[derive(Clone, Debug)]
enum Office {
    /// It is.
    Held(Term),
    /// Another one is, or it is not known who; for people.
    StandBy(String),
}

/// One term of office.
#[derive(Clone, Debug)]
pub(crate) struct Term {
    pub(crate) epoch: Epoch,
    pub(crate) inbox: mpsc::Sender<ToHub>,
}

impl Hub {
    /// Takes office at the ledger behind `aggregator`, whoever holds it, and keeps it until the
    /// group drains. For a coordinator that is the only one of its ledger; runs that an earlier one
    /// has left are taken up when somebody asks for it. `name` tells people which one this is.
    ///
    /// # Errors
    /// When the aggregator refuses.
    pub async fn start(
        aggregator: Endpoints,
        name: &str,
        spawner: &Spawner,
    ) -> Result<Self, HubError> {
        let ledger = Ledger::new(aggregator);
        let claimed = ledger.claim(name, true).await;
        let claimed = claimed.map_err(|status| HubError::Claim(status.message().to_owned()))?;
        let epoch = claimed.map_err(|other| HubError::Claim(format!("{other} is in office")))?;
        let (inbox, messages) = mpsc::channel(Task::QUEUE);
        let term = Term { epoch, inbox };
        let metrics = OfficeMetrics::default();
        let task = Task::new(ledger.clone(), &term, None, metrics.clone());
        let (office_tx, office) = watch::channel(Office::Held(term));
        let drain = spawner.drain();
        spawner.spawn("hub", async move {
            let until = Until { fenced: std::future::pending(), shutdown: drain.requested() };
            task.run(messages, until).await;
            office_tx.send_replace(Office::StandBy("nobody any more".to_owned()));
        });
        Ok(Self { spawner: spawner.clone(), ledger, office, metrics, told: false })
    }

    /// Stands by at the ledger behind `aggregator` and takes office, with all runs that are under
    /// way, when nobody else holds it; `take_over` does not wait for that the first time. `host`
    /// is named in the clusters' lock objects.
    #[must_use]
    pub fn stand_by(
        aggregator: Endpoints,
        name: String,
        host: String,
        take_over: bool,
        spawner: &Spawner,
    ) -> Self {
        let ledger = Ledger::new(aggregator);
        let nobody = Office::StandBy("it is not known who is".to_owned());
        let (office_tx, office) = watch::channel(nobody);
        let metrics = OfficeMetrics::default();
        let candidate = Candidate {
            ledger: ledger.clone(),
            name,
            host,
            take_over,
            office: office_tx,
            metrics: metrics.clone(),
        };
        let drain = spawner.drain();
        spawner.spawn("hub", async move {
            candidate.run(drain).await;
        });
        Self { spawner: spawner.clone(), ledger, office, metrics, told: false }
    }

    /// Registers `coordinator_*`: what is under way while it is in office, and what it has handed
    /// out and lost.
    pub fn register(&self, registry: &mut Registry) {
        self.metrics.register(registry);
    }

    /// Waits until the hub has come into office or lost it; gives `None` for office, else who has
    /// it, for people. Returns at once the first time.
    pub async fn standing(&mut self) -> Option<String> {
        // The hub's task keeps the sender until it ends, and then nothing changes any more.
        if self.told && self.office.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
        self.told = true;
        match &*self.office.borrow_and_update() {
            Office::Held(_) => None,
            Office::StandBy(who) => Some(who.clone()),
        }
    }

    /// A hub in office for good.
    #[cfg(test)]
    pub(crate) fn of(term: Term, ledger: Ledger, spawner: Spawner) -> Self {
        let (_, office) = watch::channel(Office::Held(term));
        Self { spawner, ledger, office, metrics: OfficeMetrics::default(), told: false }
    }

    /// The term of office.
    ///
    /// # Errors
    /// When another coordinator is in office: it has to be asked.
    pub(crate) fn term(&self) -> Result<Term, Status> {
        match &*self.office.borrow() {
            Office::Held(term) => Ok(term.clone()),
            Office::StandBy(who) => {
                let mut status = Status::unavailable(format!(
                    "this coordinator stands by; in office: {who} (hint: name all coordinators; the one in office is found)"
                ));
                let yes = tonic::metadata::MetadataValue::from_static("true");
                status.metadata_mut().insert(multibeam_proto::STANDBY, yes);
                Err(status)
            }
        }
    }

    /// Asks the hub something.
    pub(crate) async fn ask<T>(
        &self,
        make: impl FnOnce(oneshot::Sender<T>) -> ToHub,
    ) -> Result<T, Status> {
        self.term()?.ask(make).await
    }
}

impl Term {
    /// Asks the hub something.
    pub(crate) async fn ask<T>(
        &self,
        make: impl FnOnce(oneshot::Sender<T>) -> ToHub,
    ) -> Result<T, Status> {
        let (reply, answer) = oneshot::channel();
        self.tell(make(reply)).await?;
        answer.await.map_err(|_| over())
    }

    /// Tells the hub something.
    pub(crate) async fn tell(&self, message: ToHub) -> Result<(), Status> {
        self.inbox.send(message).await.map_err(|_| over())
    }
}

fn over() -> Status {
    Status::unavailable("this coordinator is out of office")
}

/// A coordinator that wants to be in office.
struct Candidate {
    ledger: Ledger,
    name: String,
    host: String,
    take_over: bool,
    office: watch::Sender<Office>,
    metrics: OfficeMetrics,
}

impl Candidate {
    async fn run(mut self, drain: Drain) {
        let shutdown = drain.clone().requested();
        tokio::pin!(shutdown);
        loop {
            let claim = self.ledger.claim(&self.name, self.take_over);
            let claimed = tokio::select! {
                () = &mut shutdown => return,
                claimed = claim => claimed,
            };
            match claimed {
                Ok(Ok(epoch)) => {
                    self.serve(epoch, &mut shutdown).await;
                    // It may have ended for that, and must not be asked again then.
                    if drain.is_requested() {
                        self.leave(epoch).await;
                        return;
                    }
                    // Whoever is in office now was put there on purpose.
                    self.take_over = false;
                    self.stand_by("another one, as of a moment ago");
                }
                Ok(Err(other)) => self.stand_by(&other),
                Err(status) => {
                    tracing::error!(code = ?status.code(), message = status.message(), "the ledger does not take a claim");
                }
            }
            tokio::select! {
                () = &mut shutdown => return,
                () = tokio::time::sleep(CLAIM) => {}
            }
        }
    }

    fn stand_by(&self, who: &str) {
        self.office.send_if_modified(|office| {
            let known = matches!(office, Office::StandBy(before) if before == who);
            if !known {
                tracing::info!(in_office = who, "standing by");
                *office = Office::StandBy(who.to_owned());
            }
            !known
        });
    }

    /// Lets another one take office at once. What this one had started goes on, and its leases run
    /// from now on.
    async fn leave(&self, epoch: Epoch) {
        self.office.send_replace(Office::StandBy("nobody any more".to_owned()));
        match tokio::time::timeout(LEAVING, self.ledger.leave(epoch)).await {
            Ok(Ok(())) => tracing::info!(%epoch, "has given the office back"),
            Ok(Err(status)) => {
                tracing::warn!(code = ?status.code(), message = status.message(), "cannot give the office back");
            }
            Err(_) => tracing::warn!("cannot give the office back: no answer"),
        }
    }

    /// Serves until a newer coordinator is in office or the program ends.
    async fn serve(&self, epoch: Epoch, mut shutdown: impl Future<Output = ()> + Unpin) {
        tracing::info!(%epoch, "in office");
        let (inbox, messages) = mpsc::channel(Task::QUEUE);
        let term = Term { epoch, inbox };
        let (confirmed_tx, confirmed) = watch::channel(Instant::now());
        let metrics = self.metrics.clone();
        let mut task = Task::new(self.ledger.clone(), &term, Some(confirmed), metrics);
        let attendance = attend(&self.ledger, epoch, confirmed_tx);
        tokio::pin!(attendance);
        // An earlier coordinator that was forced out may have granted leases a moment ago.
        let margin = if self.take_over { CONFIRMED } else { Duration::ZERO };
        task.expect_other_renewals(margin);
        let open = retry(Backoff::SERVICE, random, || {
            takeover::open_runs(&self.ledger, &self.host, margin)
        });
        let open = tokio::select! {
            () = &mut shutdown => return,
            () = &mut attendance => return,
            open = open => open,
        };
        match open {
            Ok(runs) => task.take_over(runs),
            Err(status) => {
                tracing::error!(code = ?status.code(), message = status.message(), "cannot read the runs that are under way");
                return;
            }
        }
        self.office.send_replace(Office::Held(term));
        task.run(messages, Until { fenced: attendance, shutdown }).await;
        tracing::info!(%epoch, "out of office");
    }
}

/// Says that this coordinator is alive until a newer one is in office.
async fn attend(ledger: &Ledger, epoch: Epoch, confirmed: watch::Sender<Instant>) {
    loop {
        let asked = Instant::now();
        match tokio::time::timeout(ATTENDANCE, ledger.attend(epoch)).await {
            Ok(Ok(newest)) if newest == epoch => {
                confirmed.send_replace(asked);
            }
            Ok(Ok(newest)) => {
                tracing::warn!(%epoch, %newest, "a newer coordinator is in office");
                return;
            }
            Ok(Err(status)) => {
                tracing::warn!(code = ?status.code(), message = status.message(), "cannot attend");
            }
            Err(_) => tracing::warn!("cannot attend: no answer"),
        }
        tokio::time::sleep_until(asked + ATTENDANCE).await;
    }
}

#[cfg(test)]
mod tests {
    use multibeam_rt::tasks::TaskGroup;

    use super::*;
    use crate::fake::FakeLedger;

    #[tokio::test]
    async fn who_ends_in_office_gives_it_back() {
        let (servers, tasks) = (TaskGroup::new(), TaskGroup::new());
        let ledger = FakeLedger::default();
        let (aggregator, name) = (ledger.serve_at(&servers.spawner()), "one".to_owned());
        let mut hub = Hub::stand_by(aggregator, name, "host".to_owned(), false, &tasks.spawner());
        while hub.standing().await.is_some() {}
        assert_eq!(hub.term().unwrap().epoch, Epoch(1));
        assert_eq!(ledger.left(), Vec::<u64>::new(), "it stays as long as it serves");
        let forced = tasks.shutdown(Duration::from_secs(60)).await.unwrap();
        assert_eq!((ledger.left(), forced), (vec![1], vec![]));
        assert!(hub.term().is_err());
    }
}
