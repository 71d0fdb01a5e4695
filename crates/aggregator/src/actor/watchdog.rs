//! Whether the thread that owns the ledger still moves.
//!
//! A disk may take a write and never come back from it: a file system that hangs, or sled 0.34, which
//! can lock itself up (`docs/decisions/0002-sled-durability.md`). The thread cannot tell; so another one
//! watches a number that grows with its turns and with each sync of its disk. It needs no runtime, whose
//! threads may all be waiting for the owner's lock.

use std::sync::Weak;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Receiver;
use std::time::Duration;

/// How long the owner may take from one turn, or one sync of its disk, to the next. It takes a turn
/// every 50 ms though nobody asks anything; only a state of hundreds of megabytes takes many syncs.
pub const STANDSTILL: Duration = Duration::from_secs(30);

/// How often it is looked.
const LOOK: Duration = Duration::from_secs(1);

/// So many looks that see the same are a standstill. Looks are counted, not time: while the
/// process is stopped or the machine sleeps, nobody looks.
const LOOKS: u64 = STANDSTILL.as_secs() / LOOK.as_secs();

/// What tells the watchdog when to look.
#[derive(Debug, Default)]
pub enum Looks {
    /// The clock.
    #[default]
    EverySecond,
    /// Each message; for tests. The watch ends with the sender.
    Told(Receiver<()>),
}

impl Looks {
    /// Waits for the next look; false when there is none.
    fn wait(&self) -> bool {
        match self {
            Self::EverySecond => {
                std::thread::sleep(LOOK);
                true
            }
            Self::Told(by) => by.recv().is_ok(),
        }
    }
}

/// What was seen so far.
#[derive(Debug, Default)]
struct Watch {
    progress: Option<u64>,
    /// Looks since then that saw the same.
    in_vain: u64,
}

impl Watch {
    /// Looks at the number; true when it has been the same for too long.
    fn look(&mut self, progress: u64) -> bool {
        self.in_vain = if self.progress == Some(progress) { self.in_vain + 1 } else { 0 };
        self.progress = Some(progress);
        self.in_vain >= LOOKS
    }
}

/// Watches until the owner stands still (true) or is gone (false).
pub(super) fn watch(progress: &Weak<AtomicU64>, looks: &Looks) -> bool {
    let mut watch = Watch::default();
    while looks.wait() {
        let Some(progress) = progress.upgrade() else { return false };
        if watch.look(progress.load(Ordering::Relaxed)) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_standstill_is_so_many_looks_that_see_the_same() {
        let mut watch = Watch::default();
        assert!((0..1000).all(|progress| !watch.look(progress)), "it moves");
        assert!((0..LOOKS - 1).all(|_| !watch.look(999)), "a slow turn");
        assert!(!watch.look(1000), "it came back");
        assert!((0..LOOKS - 1).all(|_| !watch.look(1000)));
        assert!(watch.look(1000));
    }
}
