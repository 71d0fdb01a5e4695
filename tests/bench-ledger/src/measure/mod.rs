//! The measurements, one file each.

pub(crate) mod catch_up;
pub(crate) mod latency;
pub(crate) mod leader;
pub(crate) mod throughput;
pub(crate) mod trial;

use bytes::Bytes;

use crate::etcd::Pair;
use crate::group::Ledger;
use crate::runs::Coordinator;
use crate::{Outcome, Payloads, Plan};

/// The group under measurement, and who speaks with it.
pub(crate) struct Ours {
    pub(crate) group: crate::group::Group,
    pub(crate) coordinator: Coordinator,
    pub(crate) workers: Vec<Ledger>,
    /// Bytes of all payloads that were sent: as long as no run leaves, all of them live.
    pub(crate) live_bytes: u64,
}

/// The yardstick.
pub(crate) struct Yardstick {
    pub(crate) etcd: crate::etcd::Etcd,
    /// Keys used so far: no key is put twice.
    pub(crate) keys: u64,
}

/// Everything that the measurements share.
pub(crate) struct Bench {
    pub(crate) plan: Plan,
    pub(crate) payloads: Payloads,
    pub(crate) ours: Ours,
    pub(crate) yardstick: Option<Yardstick>,
}

// === impl Ours ===

impl Ours {
    /// Commands of as many reports, each of another attempt; the payloads take turns.
    pub(crate) async fn reports(
        &mut self,
        count: usize,
        payloads: &[Bytes],
    ) -> Outcome<Vec<Vec<Bytes>>> {
        let places = self.coordinator.hand_out(count).await?;
        let mut items = Vec::with_capacity(count);
        for (place, payload) in places.into_iter().zip(payloads.iter().cycle()) {
            self.live_bytes += payload.len() as u64;
            items.push(vec![place.report(payload)]);
        }
        Ok(items)
    }
}

// === impl Yardstick ===

impl Yardstick {
    /// As many pairs with new keys; the values take turns.
    pub(crate) fn pairs(&mut self, count: usize, values: &[Bytes]) -> Vec<Pair> {
        let first = self.keys;
        self.keys += count as u64;
        let keys = (first..).map(|number| Bytes::from(format!("/reports/run/{number:012}")));
        let values = values.iter().cycle().cloned();
        keys.zip(values).take(count).map(|(key, value)| Pair { key, value }).collect()
    }
}
