//! The user's cancels on their way to a run. Nobody waits for them: whoever follows the run goes on,
//! and hears when one does not arrive.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use multibeam_proto::coordinator::v1::CancelRequest;
use tokio::time::{Instant, sleep_until};
use tonic::Status;

use crate::commands::fail_status;
use crate::exit::Exit;
use crate::place::Served;

/// A cancel that takes longer does not reach the ledger.
const SOON: Duration = Duration::from_secs(2);

/// A kill that takes longer has nobody to answer it: the coordinator itself waits less for its
/// ledger.
const LAST: Duration = Duration::from_secs(15);

type Call = Pin<Box<dyn Future<Output = Result<(), Status>> + Send>>;

/// What becomes of the cancels.
#[derive(Debug)]
pub(crate) enum Heard {
    /// The user wants to know.
    Note(String),
    /// The run cannot be followed to its end any more.
    End(Status),
}

/// The cancels of one user.
pub(crate) struct Cancels {
    call: Box<dyn FnMut(bool) -> Call + Send>,
    under_way: Option<Call>,
    presses: u32,
    /// When the user hears that the cancel does not arrive.
    doubt: Option<Instant>,
    /// When a kill is given up.
    end: Option<Instant>,
}

impl Cancels {
    /// For a run that is served.
    pub(crate) fn new(served: Served) -> Self {
        Self::by(move |force| {
            let mut served = served.clone();
            Box::pin(async move { call(&mut served, force).await })
        })
    }

    fn by(call: impl FnMut(bool) -> Call + Send + 'static) -> Self {
        Self { call: Box::new(call), under_way: None, presses: 0, doubt: None, end: None }
    }

    /// The user pressed Ctrl-C: the first cancels, later ones kill. Gives what to say.
    pub(crate) fn press(&mut self) -> &'static str {
        self.presses += 1;
        let force = self.presses > 1;
        // A kill under way goes on: the coordinator would wait anew.
        if self.presses < 3 || self.under_way.is_none() {
            self.under_way = Some((self.call)(force));
        }
        self.doubt = (!force).then(|| Instant::now() + SOON);
        self.end = self.end.or_else(|| force.then(|| Instant::now() + LAST));
        match force {
            // What it means is told when the run is cancelled.
            false => "cancelling; Ctrl-C again kills what runs",
            true => "killing",
        }
    }

    /// What happens next. Nothing is lost when it is dropped.
    pub(crate) async fn next(&mut self) -> Heard {
        loop {
            tokio::select! {
                answer = arrived(&mut self.under_way) => {
                    self.under_way = None;
                    self.doubt = None;
                    match answer {
                        Ok(()) => self.end = None,
                        Err(status) if self.presses > 1 => return Heard::End(status),
                        Err(status) => {
                            return Heard::Note(format!("cannot cancel: {}", status.message()));
                        }
                    }
                }
                () = at(self.doubt) => {
                    self.doubt = None;
                    return Heard::Note(
                        "the ledger cannot be reached, so nothing is cancelled yet; Ctrl-C again kills what runs"
                            .to_owned(),
                    );
                }
                () = at(self.end) => {
                    return Heard::End(Status::unavailable("nobody answers the cancel"));
                }
            }
        }
    }
}

async fn arrived(call: &mut Option<Call>) -> Result<(), Status> {
    match call {
        Some(call) => call.await,
        None => std::future::pending().await,
    }
}

async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

async fn call(served: &mut Served, force: bool) -> Result<(), Status> {
    let by = std::env::var("USER").unwrap_or_else(|_| "somebody".to_owned());
    let request = CancelRequest { run: served.run.clone(), force, by };
    served.coordinator.cancel(request).await.map(drop)
}

/// Cancels a run.
///
/// # Errors
/// When the coordinator refuses.
pub(crate) async fn cancel(served: &mut Served, force: bool) -> Result<(), Exit> {
    call(served, force).await.map_err(|status| fail_status(&status))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cancels that are answered so, by whether they kill; `None` never.
    fn cancels(polite: Option<Result<(), Status>>, kill: Option<Result<(), Status>>) -> Cancels {
        Cancels::by(move |force| {
            let answer = if force { kill.clone() } else { polite.clone() };
            Box::pin(async move {
                match answer {
                    Some(answer) => answer,
                    None => std::future::pending().await,
                }
            })
        })
    }

    /// What is heard within an hour.
    async fn heard(cancels: &mut Cancels) -> Option<Heard> {
        tokio::time::timeout(Duration::from_secs(3600), cancels.next()).await.ok()
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_said_of_what_arrives() {
        let mut cancels = cancels(Some(Ok(())), Some(Ok(())));
        assert!(heard(&mut cancels).await.is_none());
        assert!(cancels.press().starts_with("cancelling"));
        assert!(heard(&mut cancels).await.is_none());
        assert!(cancels.press().starts_with("killing"));
        assert!(heard(&mut cancels).await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_cancel_that_does_not_arrive_is_told_once_and_a_kill_ends_it() {
        let mut cancels = cancels(None, Some(Err(Status::unavailable("no ledger"))));
        cancels.press();
        let note = heard(&mut cancels).await;
        assert!(matches!(&note, Some(Heard::Note(text)) if text.contains("ledger")), "{note:?}");
        assert!(heard(&mut cancels).await.is_none(), "it goes on");
        cancels.press();
        assert!(matches!(heard(&mut cancels).await, Some(Heard::End(_))));
    }

    #[tokio::test(start_paused = true)]
    async fn a_kill_that_nobody_answers_ends_as_well() {
        let mut cancels = cancels(Some(Err(Status::internal("no"))), None);
        cancels.press();
        assert!(matches!(heard(&mut cancels).await, Some(Heard::Note(_))));
        cancels.press();
        // Impatience does not put it off.
        tokio::time::advance(LAST - Duration::from_secs(1)).await;
        cancels.press();
        let end = tokio::time::timeout(Duration::from_secs(2), cancels.next()).await;
        assert!(matches!(end, Ok(Heard::End(_))));
    }
}
