//! Tasks that somebody owns: named, instrumented, drained at the end, and never lost in a panic.

use std::any::Any;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures::FutureExt;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tracing::Instrument;

/// The tasks of one service. Dropping it aborts them all.
#[derive(Debug)]
pub struct TaskGroup {
    shared: Arc<Shared>,
}

/// Starts tasks in a [`TaskGroup`]; cheap to clone.
#[derive(Clone, Debug)]
pub struct Spawner {
    shared: Arc<Shared>,
}

/// One task of a group. Dropping it changes nothing: the group owns the task.
#[derive(Debug)]
pub struct Task {
    id: u64,
    shared: Arc<Shared>,
}

/// Tells when the group wants its tasks to come to an end.
#[derive(Clone, Debug)]
pub struct Drain {
    draining: watch::Receiver<bool>,
}

/// A task of the group panicked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("task `{task}` panicked: {message}")]
pub struct TaskPanicked {
    /// The task's name.
    pub task: String,
    /// What it said.
    pub message: String,
}

/// How many tasks of this process have panicked, in all groups.
static PANICS: AtomicU64 = AtomicU64::new(0);

/// How many tasks of this process have panicked, for the metrics.
#[must_use]
pub fn panics() -> u64 {
    PANICS.load(Ordering::Relaxed)
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Counts ends of tasks, so that waiting for one needs no polling.
    ended: watch::Sender<u64>,
    draining: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct State {
    closed: bool,
    next: u64,
    running: BTreeMap<u64, Running>,
    panicked: Option<TaskPanicked>,
}

#[derive(Debug)]
struct Running {
    name: Cow<'static, str>,
    /// Missing for the moment between a task's entry and its start.
    abort: Option<AbortHandle>,
}

impl Default for TaskGroup {
    fn default() -> Self {
        Self::new()
    }
}

impl TaskGroup {
    /// An empty group.
    #[must_use]
    pub fn new() -> Self {
        Self {
            shared: Arc::new(Shared {
                state: Mutex::default(),
                ended: watch::Sender::new(0),
                draining: watch::Sender::new(false),
            }),
        }
    }

    /// A handle that starts tasks in this group.
    #[must_use]
    pub fn spawner(&self) -> Spawner {
        Spawner { shared: Arc::clone(&self.shared) }
    }

    /// Returns when a task has panicked; never, as long as none has. The owner waits for it
    /// beside its main work and goes down with it.
    pub async fn panicked(&self) -> TaskPanicked {
        self.shared.wait(|state| state.panicked.clone()).await
    }

    /// Ends the group: nothing new starts, tasks are told to drain and get `grace` for it, then
    /// are aborted. Returns the names of those that had to be.
    ///
    /// # Errors
    /// A task panicked, now or before. All tasks are gone then, too.
    pub async fn shutdown(self, grace: Duration) -> Result<Vec<String>, TaskPanicked> {
        self.shared.lock().closed = true;
        self.shared.draining.send_replace(true);
        let gone = self.shared.wait(|state| state.running.is_empty().then_some(()));
        let mut aborted = Vec::new();
        if tokio::time::timeout(grace, gone).await.is_err() {
            aborted = self.shared.abort_all();
            tracing::debug!(tasks = ?aborted, ?grace, "aborted tasks that did not end in time");
            self.shared.wait(|state| state.running.is_empty().then_some(())).await;
        }
        match self.shared.lock().panicked.take() {
            Some(panicked) => Err(panicked),
            None => Ok(aborted),
        }
    }
}

impl Drop for TaskGroup {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.abort_all();
    }
}

impl Spawner {
    /// Starts `future` as a task. `name` appears in logs and panics. In a group that is closed
    /// the future is dropped, and the task counts as ended.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn spawn<F>(&self, name: impl Into<Cow<'static, str>>, future: F) -> Task
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let name = name.into();
        // A task may outlive the span that it is started in, and must not keep it open.
        let span = tracing::info_span!(parent: None, "task", task = %name);
        let id = {
            let mut state = self.shared.lock();
            let id = state.next;
            state.next += 1;
            if state.closed {
                tracing::debug!(task = %name, "not started: the group is closed");
                return self.task(id);
            }
            state.running.insert(id, Running { name, abort: None });
            id
        };
        let end = End { id, shared: Arc::clone(&self.shared) };
        let body = async move {
            // Moved in, so that it also runs when the task is aborted before its first step.
            let end = end;
            if let Err(panic) = AssertUnwindSafe(future).catch_unwind().await {
                end.panicked(&*panic);
            }
        };
        #[expect(clippy::disallowed_methods, reason = "the one place")]
        let abort = tokio::spawn(body.instrument(span)).abort_handle();
        let mut state = self.shared.lock();
        if state.closed {
            abort.abort();
        }
        if let Some(running) = state.running.get_mut(&id) {
            running.abort = Some(abort);
        }
        drop(state);
        self.task(id)
    }

    /// Tells when the group wants its tasks to come to an end.
    #[must_use]
    pub fn drain(&self) -> Drain {
        Drain { draining: self.shared.draining.subscribe() }
    }

    fn task(&self, id: u64) -> Task {
        Task { id, shared: Arc::clone(&self.shared) }
    }
}

impl Task {
    /// Aborts the task at its next wait.
    pub fn abort(&self) {
        if let Some(running) = self.shared.lock().running.get(&self.id)
            && let Some(abort) = &running.abort
        {
            abort.abort();
        }
    }

    /// Returns when the task has ended, in whatever way.
    pub async fn ended(&self) {
        self.shared.wait(|state| (!state.running.contains_key(&self.id)).then_some(())).await;
    }
}

impl Drain {
    /// Returns when the group drains. It can be used as the shutdown signal of a server.
    pub async fn requested(mut self) {
        // An error means that the group is gone, which is reason enough.
        let _ = self.draining.wait_for(|draining| *draining).await;
    }

    /// Whether the group drains.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        *self.draining.borrow()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing that can panic runs under this lock")
    }

    async fn wait<T>(&self, mut done: impl FnMut(&State) -> Option<T>) -> T {
        let mut ended = self.ended.subscribe();
        loop {
            if let Some(value) = done(&self.lock()) {
                return value;
            }
            ended.changed().await.expect("the sender lives as long as `self`");
        }
    }

    fn abort_all(&self) -> Vec<String> {
        let state = self.lock();
        for running in state.running.values() {
            if let Some(abort) = &running.abort {
                abort.abort();
            }
        }
        state.running.values().map(|running| running.name.clone().into_owned()).collect()
    }
}

/// Takes a task off the list when it ends, in whatever way.
struct End {
    id: u64,
    shared: Arc<Shared>,
}

impl End {
    fn panicked(&self, panic: &(dyn Any + Send)) {
        let message = panic
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "no message".to_owned());
        let mut state = self.shared.lock();
        let task = state
            .running
            .get(&self.id)
            .map(|running| running.name.clone().into_owned())
            .unwrap_or_default();
        tracing::error!(task, message, "task panicked");
        PANICS.fetch_add(1, Ordering::Relaxed);
        state.panicked.get_or_insert(TaskPanicked { task, message });
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.shared.lock().running.remove(&self.id);
        self.shared.ended.send_modify(|count| *count += 1);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[tokio::test]
    async fn a_panic_ends_the_group_with_the_tasks_name() {
        let group = TaskGroup::new();
        let spawner = group.spawner();
        spawner.spawn("steady", std::future::pending());
        spawner.spawn(format!("worker {}", 7), async { panic!("bad {}", 1 + 1) });
        let before = panics();
        let panicked = group.panicked().await;
        assert_eq!(panicked.to_string(), "task `worker 7` panicked: bad 2");
        assert!(panics() > before);
        assert_eq!(group.shutdown(Duration::ZERO).await, Err(panicked));
    }

    #[tokio::test(start_paused = true)]
    async fn tasks_that_drain_in_time_are_not_aborted() {
        let group = TaskGroup::new();
        let spawner = group.spawner();
        let finished = Arc::new(AtomicBool::new(false));
        let drain = spawner.drain();
        let flag = Arc::clone(&finished);
        spawner.spawn("drains", async move {
            drain.requested().await;
            tokio::time::sleep(HOUR / 2).await;
            flag.store(true, Ordering::Relaxed);
        });
        assert_eq!(group.shutdown(HOUR).await, Ok(Vec::new()));
        assert!(finished.load(Ordering::Relaxed));
    }

    #[tokio::test(start_paused = true)]
    async fn tasks_that_do_not_drain_are_aborted_after_the_grace() {
        let group = TaskGroup::new();
        let spawner = group.spawner();
        let start = tokio::time::Instant::now();
        let dropped = Arc::new(());
        let held = Arc::clone(&dropped);
        spawner.spawn("deaf", async move {
            let _held = held;
            std::future::pending::<()>().await;
        });
        assert_eq!(group.shutdown(HOUR).await, Ok(vec!["deaf".to_owned()]));
        assert_eq!(start.elapsed(), HOUR);
        assert_eq!(Arc::strong_count(&dropped), 1, "the task must be gone");
    }

    #[tokio::test]
    async fn a_panic_while_draining_is_not_lost() {
        let group = TaskGroup::new();
        let spawner = group.spawner();
        let drain = spawner.drain();
        spawner.spawn("late", async move {
            drain.requested().await;
            panic!("too late");
        });
        let panicked = group.shutdown(HOUR).await.unwrap_err();
        assert_eq!(panicked.task, "late");
    }

    #[tokio::test]
    async fn nothing_starts_in_a_closed_group() {
        let group = TaskGroup::new();
        let spawner = group.spawner();
        assert!(!spawner.drain().is_requested());
        group.shutdown(HOUR).await.unwrap();
        assert!(spawner.drain().is_requested());
        let task = spawner.spawn("late", async { panic!("must not run") });
        task.ended().await;
        tokio::task::yield_now().await;
    }

    #[tokio::test]
    async fn one_task_can_be_aborted_and_waited_for() {
        let group = TaskGroup::new();
        let task = group.spawner().spawn("one", std::future::pending());
        task.abort();
        task.ended().await;
        assert_eq!(group.shutdown(Duration::ZERO).await, Ok(Vec::new()));
    }

    #[tokio::test]
    async fn dropping_the_group_aborts_its_tasks() {
        let group = TaskGroup::new();
        let task = group.spawner().spawn("one", std::future::pending());
        drop(group);
        task.ended().await;
    }
}
