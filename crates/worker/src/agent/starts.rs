//! How many suite processes of a host start at once.
//!
//! A process computes its spec tree before it speaks for the first time, seconds of one CPU with a
//! Kubernetes `e2e.test`. Were all of them to do so at once, the first would be ready as late as the
//! last. So they wait for their turn in the order in which they were ordered, process 1 of a session,
//! whose before-suite all others wait for, before these.

use std::collections::VecDeque;
use std::num::NonZero;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use multibeam_model::link::{ProcessOrder, StopHow};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::process::ToProcess;

/// Processes that start at once, for each CPU: while one reads its binary, another computes.
const PER_CPU: usize = 2;

/// A process that has not spoken for so long does not keep others from starting.
pub(super) const LONGEST: Duration = Duration::from_secs(60);

/// The turns of a host: shared by all workers of one program.
#[derive(Debug, Clone)]
pub struct Starts(Arc<Semaphore>);

/// What a process is told, in order, from before it was started.
#[derive(Debug)]
pub(super) struct Inbox {
    messages: mpsc::Receiver<ToProcess>,
    /// What came while it waited for its turn.
    early: VecDeque<ToProcess>,
}

// === impl Starts ===

impl Starts {
    /// As many turns at once as suit the CPUs that this program may use.
    #[must_use]
    pub fn of_this_host() -> Self {
        Self::at_once(PER_CPU * available_parallelism().map_or(1, NonZero::get))
    }

    fn at_once(count: usize) -> Self {
        Self(Arc::new(Semaphore::new(count)))
    }

    /// Waits for a turn, which lasts until it is dropped; nothing when the process is not to start any
    /// more.
    pub(super) async fn turn(&self, inbox: &mut Inbox) -> Option<OwnedSemaphorePermit> {
        let turn = Arc::clone(&self.0).acquire_owned();
        tokio::pin!(turn);
        loop {
            tokio::select! {
                biased;
                message = inbox.messages.recv() => match message {
                    None | Some(ToProcess::Order(ProcessOrder::Stop(StopHow::Kill), _)) => {
                        return None;
                    }
                    Some(message) => inbox.early.push_back(message),
                },
                // Nobody closes it.
                turn = &mut turn => return turn.ok(),
            }
        }
    }
}

// === impl Inbox ===

impl Inbox {
    pub(super) fn new(messages: mpsc::Receiver<ToProcess>) -> Self {
        Self { messages, early: VecDeque::new() }
    }

    /// The next message; nothing once the worker forgets the process. Nothing is lost when this is
    /// dropped before it is ready.
    pub(super) async fn recv(&mut self) -> Option<ToProcess> {
        match self.early.pop_front() {
            Some(message) => Some(message),
            None => self.messages.recv().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a future is not ready when it is asked.
    async fn waits(future: &mut (impl Future + Unpin)) -> bool {
        tokio::select! {
            biased;
            _ = future => false,
            () = std::future::ready(()) => true,
        }
    }

    fn stop(how: StopHow) -> ToProcess {
        ToProcess::Order(ProcessOrder::Stop(how), Vec::new())
    }

    fn inbox() -> (mpsc::Sender<ToProcess>, Inbox) {
        let (sender, messages) = mpsc::channel(8);
        (sender, Inbox::new(messages))
    }

    #[tokio::test]
    async fn processes_take_turns_in_the_order_of_their_orders() {
        let starts = Starts::at_once(1);
        let ((_a, mut a), (_b, mut b), (_c, mut c)) = (inbox(), inbox(), inbox());
        let first = starts.turn(&mut a).await.unwrap();
        let (mut second, mut third) =
            (Box::pin(starts.turn(&mut b)), Box::pin(starts.turn(&mut c)));
        assert!(waits(&mut second).await);
        assert!(waits(&mut third).await);
        drop(first);
        assert!(waits(&mut third).await, "it came last");
        let turn = second.await.unwrap();
        assert!(waits(&mut third).await);
        drop(turn);
        assert!(third.await.is_some());
    }

    #[tokio::test]
    async fn what_comes_meanwhile_is_kept_and_a_kill_ends_the_wait() {
        let starts = Starts::at_once(1);
        let ((_a, mut a), (sender, mut b)) = (inbox(), inbox());
        let first = starts.turn(&mut a).await.unwrap();
        sender.send(stop(StopHow::Interrupt)).await.unwrap();
        assert!(waits(&mut Box::pin(starts.turn(&mut b))).await);
        sender.send(stop(StopHow::Hung)).await.unwrap();
        drop(first);
        let turn = starts.turn(&mut b).await;
        for how in [StopHow::Interrupt, StopHow::Hung] {
            let message = b.recv().await;
            assert!(
                matches!(message, Some(ToProcess::Order(ProcessOrder::Stop(it), _)) if it == how)
            );
        }
        assert!(turn.is_some());

        sender.send(stop(StopHow::Kill)).await.unwrap();
        assert!(starts.turn(&mut b).await.is_none(), "also when there is a turn");
        drop(sender);
        assert!(starts.turn(&mut b).await.is_none(), "forgotten");
    }
}
