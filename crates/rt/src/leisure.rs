//! Work that may take its time: it gets what processors others leave.

use std::io;

use tokio::sync::oneshot;

/// The most that a thread can give way to others (`nice(2)`).
const LAST: i32 = 19;

/// Does something on a thread of its own that gives way to all others of this machine. Where many
/// processors are idle that makes no difference; where none is, whoever waits for an answer is served
/// first.
///
/// When the caller stops waiting, the work goes on to its end and is of no use.
///
/// # Errors
/// When no thread can be started, or the work panicked.
pub async fn at_leisure<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<T> {
    let (done, result) = oneshot::channel();
    let thread = std::thread::Builder::new().name(name.to_owned());
    thread.spawn(move || {
        // On Linux each thread has a value of its own. Without it the work is only less polite.
        let _ = rustix::process::nice(LAST);
        let _ = done.send(work());
    })?;
    result.await.map_err(|_| io::Error::other(format!("{name} panicked")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_thread_at_work_gives_way() {
        let niceness = || rustix::process::nice(0).unwrap();
        let own = niceness();
        assert_eq!(at_leisure("test", niceness).await.unwrap(), LAST);
        assert_eq!(niceness(), own);
    }

    #[tokio::test]
    async fn a_panic_is_an_error() {
        let error = at_leisure("test", || panic!("oh")).await.map(|()| 0).unwrap_err();
        assert_eq!(error.to_string(), "test panicked");
    }
}
