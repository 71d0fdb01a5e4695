//! Catalogs on their way to the coordinator: tried until they arrive, as long as their run is of
//! interest.

use std::collections::BTreeMap;
use std::future::Future;

use multibeam_model::RunId;
use tokio::task::{AbortHandle, JoinError, JoinSet};

/// Uploads under way.
#[derive(Debug, Default)]
pub(super) struct Uploads {
    tasks: JoinSet<()>,
    of_run: BTreeMap<RunId, Vec<AbortHandle>>,
}

impl Uploads {
    /// Starts one.
    pub(super) fn start(&mut self, run: RunId, upload: impl Future<Output = ()> + Send + 'static) {
        let of_run = self.of_run.entry(run).or_default();
        of_run.retain(|upload| !upload.is_finished());
        of_run.push(self.tasks.spawn(upload));
    }

    /// Nothing of the run is needed any more.
    pub(super) fn forget(&mut self, run: &RunId) {
        for upload in self.of_run.remove(run).unwrap_or_default() {
            upload.abort();
        }
    }

    /// One that has ended, if any has.
    pub(super) fn try_next(&mut self) -> Option<Result<(), JoinError>> {
        self.tasks.try_join_next()
    }

    /// Breaks all off and waits for them.
    pub(super) async fn end(&mut self) {
        self.of_run.clear();
        self.tasks.shutdown().await;
    }
}

#[cfg(test)]
mod tests {
    use multibeam_rt::backoff::{Backoff, retry};
    use tonic::Status;

    use super::*;

    #[tokio::test]
    async fn an_upload_that_never_arrives_ends_with_its_run() {
        let mut uploads = Uploads::default();
        let never = || async {
            let nobody = || async { Err::<(), _>(Status::unavailable("nobody there")) };
            let _ = retry(Backoff::SERVICE, || 0.0, nobody).await;
        };
        let (a, b) = (RunId("a".into()), RunId("b".into()));
        uploads.start(a.clone(), never());
        uploads.start(b.clone(), never());
        tokio::task::yield_now().await;
        uploads.forget(&a);
        assert!(uploads.tasks.join_next().await.unwrap().unwrap_err().is_cancelled());
        tokio::task::yield_now().await;
        assert!(uploads.try_next().is_none(), "the other run's goes on");
        uploads.end().await;
        assert!(uploads.tasks.is_empty());
    }
}
