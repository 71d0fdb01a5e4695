//! Clients that put items into a store.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use multibeam_rt::backoff::{Backoff, random, retry};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};
use tonic::Status;

use crate::Outcome;
use crate::store::Store;

/// What a load came to.
pub(crate) struct Load {
    /// From the first call to the last answer.
    pub(crate) elapsed: Duration,
    /// Of each item, ascending.
    latencies: Vec<Duration>,
}

impl Load {
    /// So many items, which took so long one by one and together.
    pub(crate) fn new(elapsed: Duration, mut latencies: Vec<Duration>) -> Self {
        latencies.sort_unstable();
        Self { elapsed, latencies }
    }

    pub(crate) fn count(&self) -> usize {
        self.latencies.len()
    }

    pub(crate) fn per_second(&self) -> f64 {
        self.count() as f64 / self.elapsed.as_secs_f64()
    }

    /// The latency below which this share of the items stayed.
    pub(crate) fn quantile(&self, share: f64) -> Duration {
        let last = self.latencies.len().saturating_sub(1);
        let place = (share * last as f64).round() as usize;
        self.latencies.get(place).copied().unwrap_or_default()
    }
}

/// Closed loop: `callers` of them, each with one call under way at any time, until all items are
/// durable. Callers are spread over the clients, which have a connection each.
pub(crate) async fn closed<S: Store>(
    clients: &[S],
    callers: usize,
    items: Vec<S::Item>,
) -> Outcome<Load> {
    let items = Arc::new(items);
    let next = Arc::new(AtomicUsize::new(0));
    let begun = Instant::now();
    let mut tasks = JoinSet::new();
    for client in clients.iter().cycle().take(callers) {
        let (client, items, next) = (client.clone(), Arc::clone(&items), Arc::clone(&next));
        tasks.spawn(async move {
            let mut latencies = Vec::new();
            while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                let asked = Instant::now();
                put(&client, item).await?;
                latencies.push(asked.elapsed());
            }
            Ok::<_, Status>(latencies)
        });
    }
    let mut latencies = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        latencies.extend(ended??);
    }
    Ok(Load::new(begun.elapsed(), latencies))
}

/// Open loop: items leave at a fixed rate, however long the answers take, and their latency counts
/// from the moment at which they had to leave.
pub(crate) async fn open<S: Store>(
    clients: &[S],
    per_second: f64,
    items: Vec<S::Item>,
) -> Outcome<Load> {
    let begun = Instant::now();
    let mut tasks = JoinSet::new();
    let mut latencies = Vec::with_capacity(items.len());
    for ((number, item), client) in items.into_iter().enumerate().zip(clients.iter().cycle()) {
        let due = begun + Duration::from_secs_f64(number as f64 / per_second);
        // Timers count in milliseconds, so what is due within one leaves together.
        if due > Instant::now() {
            sleep_until(due).await;
        }
        let client = client.clone();
        tasks.spawn(async move {
            put(&client, &item).await?;
            Ok::<_, Status>(due.elapsed())
        });
        while let Some(ended) = tasks.try_join_next() {
            latencies.push(ended??);
        }
    }
    while let Some(ended) = tasks.join_next().await {
        latencies.push(ended??);
    }
    Ok(Load::new(begun.elapsed(), latencies))
}

/// How often a probe leaves.
const PROBE: Duration = Duration::from_millis(20);

/// One new item after the other, none waiting for another one, until the first is durable. The time
/// until then.
pub(crate) async fn first<S: Store>(
    clients: &[S],
    items: impl IntoIterator<Item = S::Item>,
) -> Outcome<Duration> {
    let begun = Instant::now();
    let mut tasks = JoinSet::new();
    for (item, client) in items.into_iter().zip(clients.iter().cycle()) {
        let client = client.clone();
        tasks.spawn(async move { put(&client, &item).await });
        tokio::select! {
            Some(ended) = tasks.join_next() => {
                ended??;
                let elapsed = begun.elapsed();
                // The others are let end: what they bring is expected to be there.
                while let Some(ended) = tasks.join_next().await {
                    ended??;
                }
                return Ok(elapsed);
            }
            () = sleep(PROBE) => {}
        }
    }
    Err("nothing became durable while there were probes (hint: is a majority alive?)".into())
}

/// As workers do it: again and again while that can help.
async fn put<S: Store>(client: &S, item: &S::Item) -> Result<(), Status> {
    retry(Backoff::SERVICE, random, || client.put(item.clone())).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_sorted_times() {
        let times = (1..=101).rev().map(Duration::from_millis).collect();
        let load = Load::new(Duration::from_secs(2), times);
        assert_eq!(load.quantile(0.5), Duration::from_millis(51));
        assert_eq!(load.quantile(0.99), Duration::from_millis(100));
        assert_eq!(load.quantile(1.0), Duration::from_millis(101));
        assert!((load.per_second() - 50.5).abs() < 1e-9);
    }
}
