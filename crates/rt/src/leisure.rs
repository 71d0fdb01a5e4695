//! Work that may take its time: it gets what processors others leave. For Linux.

use std::io;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use thread_priority::unix::{set_thread_priority_and_policy, thread_native_id};
use thread_priority::{NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy};
use tokio::sync::oneshot;

/// The most that a thread can give way to others and still have a share (`nice(2)`).
const LAST: i32 = 19;

/// How far it gives way with a tenth of what another one gets.
const BEHIND: i32 = 10;

/// How far work gives way to all other threads of this machine. Where processors are idle that makes no
/// difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leisure {
    /// Where others would take all it gets about a tenth of what one of them gets. For what takes tenths of
    /// a second and must be done some seconds later, however busy the machine is.
    Tenth,
    /// It gets the smallest share, also where others would take all. For what is done in a moment.
    SmallShare,
    /// It gets what nobody else wants, and whoever wakes up interrupts it at once (`SCHED_IDLE` of
    /// `sched(7)`); with a share it would keep a processor for milliseconds, again and again. For what
    /// takes seconds.
    Leftovers,
}

/// Does something on a thread of its own that gives way to others, so that whoever waits for an answer is
/// served first. Gives its result and the processor time it took: how long that lasted says how busy the
/// machine was.
///
/// When the caller stops waiting, the work goes on to its end and is of no use.
///
/// # Errors
/// When no thread can be started, or the work panicked.
pub async fn at_leisure<T: Send + 'static>(
    name: &str,
    leisure: Leisure,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<(T, Duration)> {
    let (done, result) = oneshot::channel();
    let thread = std::thread::Builder::new().name(name.to_owned());
    thread.spawn(move || {
        leisure.begin();
        let result = work();
        // A thread's clock begins with it.
        let took = clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap_or_default();
        let _ = done.send((result, took));
    })?;
    result.await.map_err(|_| io::Error::other(format!("{name} panicked")))
}

// === impl Leisure ===

impl Leisure {
    /// Lets the calling thread give way. Where that fails its work is only less polite.
    fn begin(self) {
        match self {
            // Each thread has a value of its own.
            Self::Tenth => drop(rustix::process::nice(BEHIND)),
            Self::SmallShare => drop(rustix::process::nice(LAST)),
            Self::Leftovers => {
                let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
                let me = thread_native_id();
                drop(set_thread_priority_and_policy(me, ThreadPriority::Min, idle));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use thread_priority::unix::thread_schedule_policy;

    use super::*;

    #[tokio::test]
    async fn only_the_thread_at_work_gives_way() {
        let how = || (rustix::process::nice(0).unwrap(), thread_schedule_policy().unwrap());
        let (niceness, policy) = how();
        let (share, _) = at_leisure("test", Leisure::SmallShare, how).await.unwrap();
        assert_eq!(share, (LAST, policy));
        let (tenth, _) = at_leisure("test", Leisure::Tenth, how).await.unwrap();
        assert_eq!(tenth, ((niceness + BEHIND).min(LAST), policy));
        let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
        let (leftovers, _) = at_leisure("test", Leisure::Leftovers, how).await.unwrap();
        assert_eq!(leftovers.1, idle);
        assert_eq!(how(), (niceness, policy));
    }

    #[tokio::test]
    async fn only_work_takes_processor_time() {
        let sum = || (0..1_000_000_u64).map(std::hint::black_box).sum::<u64>();
        let (_, worked) = at_leisure("test", Leisure::SmallShare, sum).await.unwrap();
        let wait = || std::thread::sleep(Duration::from_millis(1));
        let (_, waited) = at_leisure("test", Leisure::SmallShare, wait).await.unwrap();
        assert!(waited < worked, "{waited:?} and {worked:?}");
    }

    #[tokio::test]
    async fn a_panic_is_an_error() {
        let error = at_leisure::<()>("test", Leisure::SmallShare, || panic!("oh")).await;
        assert_eq!(error.unwrap_err().to_string(), "test panicked");
    }
}
