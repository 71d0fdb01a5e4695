//! How many suite processes of a host start at once.
//!
//! A process computes its spec tree before it speaks for the first time, seconds of one CPU with a
//! Kubernetes `e2e.test`. Were all of them to do so at once, the first would be ready as late as the
//! last. So they wait for their turn in the order in which they were ordered, process 1 of a session,
//! whose before-suite all others wait for, before these.

use std::collections::VecDeque;
use std::num::NonZero;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread::available_parallelism;
use std::time::Duration;

use multibeam_model::link::{ProcessOrder, StopHow};
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore, mpsc};

use super::process::ToProcess;

/// Processes that start at once, for each CPU: while one reads its binary, another computes.
const PER_CPU: usize = 2;

/// A process that has not spoken for so long does not keep others from starting.
pub(super) const LONGEST: Duration = Duration::from_secs(60);

/// The turns of a host: shared by all workers of one program.
#[derive(Debug, Clone)]
pub struct Starts(Arc<Semaphore>);

type Turn = Result<OwnedSemaphorePermit, AcquireError>;
type Waiting = Pin<Box<dyn Future<Output = Turn> + Send>>;

/// A place in the line for a turn.
pub(super) enum Place {
    /// Nobody was before it.
    First(Turn),
    /// It waits for others.
    Behind(Waiting),
}

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

    /// Takes the last place in the line, at once.
    pub(super) fn line_up(&self) -> Place {
        let mut turn: Waiting = Box::pin(Arc::clone(&self.0).acquire_owned());
        // The semaphore knows of it from the first look on; who waits looks again.
        match turn.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(turn) => Place::First(turn),
            Poll::Pending => Place::Behind(turn),
        }
    }
}

// === impl Place ===

impl Place {
    /// Waits for the turn, which lasts until it is dropped; nothing when the process is not to start any
    /// more.
    pub(super) async fn turn(self, inbox: &mut Inbox) -> Option<OwnedSemaphorePermit> {
        let turn = async {
            match self {
                Self::First(turn) => turn,
                Self::Behind(turn) => turn.await,
            }
        };
        tokio::pin!(turn);
        loop {
            tokio::select! {
                biased;
                message = inbox.messages.recv() => match message {
                    // It has nothing to clean up yet.
                    None | Some(ToProcess::Order(ProcessOrder::Stop(
                        StopHow::Interrupt | StopHow::Hung | StopHow::Kill,
                    ), _)) => return None,
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
    async fn processes_take_turns_in_the_order_in_which_they_lined_up() {
        let starts = Starts::at_once(1);
        let ((_a, mut a), (_b, mut b), (_c, mut c)) = (inbox(), inbox(), inbox());
        let [first, second, third] = [(); 3].map(|()| starts.line_up());
        // Whoever asks first.
        let mut third = Box::pin(third.turn(&mut c));
        assert!(waits(&mut third).await);
        let mut second = Box::pin(second.turn(&mut b));
        assert!(waits(&mut second).await);
        drop(first.turn(&mut a).await.unwrap());
        assert!(waits(&mut third).await, "it came last");
        let turn = second.await.unwrap();
        assert!(waits(&mut third).await);
        drop(turn);
        assert!(third.await.is_some());
    }

    #[tokio::test]
    async fn what_comes_meanwhile_is_kept_and_a_stop_ends_the_wait() {
        let starts = Starts::at_once(1);
        let ((_a, mut a), (sender, mut b)) = (inbox(), inbox());
        let first = starts.line_up().turn(&mut a).await.unwrap();
        let place = starts.line_up();
        let orders = [ProcessOrder::NoMoreGroups, ProcessOrder::Stop(StopHow::Recall)];
        for order in orders.clone() {
            sender.send(ToProcess::Order(order, Vec::new())).await.unwrap();
        }
        let mut turn = Box::pin(place.turn(&mut b));
        assert!(waits(&mut turn).await);
        drop(first);
        let turn = turn.await;
        assert!(turn.is_some());
        for order in orders {
            let message = b.recv().await;
            assert!(matches!(message, Some(ToProcess::Order(it, _)) if it == order));
        }

        for how in [StopHow::Interrupt, StopHow::Kill] {
            sender.send(stop(how)).await.unwrap();
            assert!(starts.line_up().turn(&mut b).await.is_none());
        }
        drop((turn, sender));
        assert!(starts.line_up().turn(&mut b).await.is_none(), "forgotten, though there is a turn");
    }
}
