//! What is measured: something that keeps values, and answers when a majority has them.

use std::future::Future;

use tonic::Status;

/// A client of a replicated store.
pub(crate) trait Store: Clone + Send + Sync + 'static {
    /// What one call brings.
    type Item: Clone + Send + Sync + 'static;

    /// Makes it durable. An error that trying again cannot help ends the measurement.
    fn put(&self, item: Self::Item) -> impl Future<Output = Result<(), Status>> + Send;
}
