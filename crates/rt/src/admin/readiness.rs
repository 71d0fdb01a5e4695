//! Whether a service is ready: every part that somebody has to wait for holds a latch.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;

/// What a service waits for. It is ready when every latch is released; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Readiness {
    shared: Arc<Mutex<BTreeMap<&'static str, Held>>>,
}

/// One thing that a service waits for. It begins unready. Dropping it leaves the service unready:
/// whoever kept it is gone.
#[derive(Debug)]
pub struct Latch {
    name: &'static str,
    readiness: Readiness,
}

/// Something that is not ready, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unready {
    /// The latch.
    pub name: &'static str,
    /// Why, for people.
    pub reason: Cow<'static, str>,
}

impl fmt::Display for Unready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.reason)
    }
}

/// Why a latch is held; `None` when it is released.
type Held = Option<Cow<'static, str>>;

impl Readiness {
    /// Nothing to wait for yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One more thing to wait for. `name` appears on the page and as a label, so it is one of a
    /// few words that never change, such as `leader`.
    #[must_use]
    pub fn latch(&self, name: &'static str) -> Latch {
        let before = self.lock().insert(name, Some("starting".into()));
        debug_assert!(before.is_none(), "two latches are called {name}");
        Latch { name, readiness: self.clone() }
    }

    /// What is not ready, by name; empty when the service is ready.
    #[must_use]
    pub fn unready(&self) -> Vec<Unready> {
        let unready = |(&name, held): (&&'static str, &Held)| {
            held.clone().map(|reason| Unready { name, reason })
        };
        self.lock().iter().filter_map(unready).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, Held>> {
        self.shared.lock().expect("nothing that can panic runs under this lock")
    }

    fn set(&self, name: &'static str, held: Held) {
        let before = self.lock().insert(name, held.clone()).flatten();
        if before != held {
            match held {
                None => tracing::info!(latch = name, "ready"),
                Some(reason) => tracing::warn!(latch = name, %reason, "not ready"),
            }
        }
    }
}

impl Latch {
    /// It is ready.
    pub fn ready(&self) {
        self.readiness.set(self.name, None);
    }

    /// It is not ready, or no longer. `reason` is for people: `no leader`, `the disk is full`.
    pub fn unready(&self, reason: impl Into<Cow<'static, str>>) {
        self.readiness.set(self.name, Some(reason.into()));
    }
}

impl Drop for Latch {
    fn drop(&mut self) {
        self.readiness.lock().insert(self.name, Some("it has ended".into()));
    }
}

/// One gauge per latch: 1 when it is released.
impl Collector for Readiness {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut family = encoder.encode_descriptor(
            "ready",
            "Whether a part of the service is ready",
            None,
            MetricType::Gauge,
        )?;
        for (name, held) in self.lock().iter() {
            let ready = ConstGauge::new(i64::from(held.is_none()));
            ready.encode(family.encode_family(&[("part", *name)])?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_means_that_every_latch_is_released() {
        let readiness = Readiness::new();
        assert_eq!(readiness.unready(), []);
        let (leader, disk) = (readiness.latch("leader"), readiness.latch("disk"));
        assert_eq!(readiness.unready().len(), 2);
        leader.ready();
        disk.ready();
        assert_eq!(readiness.unready(), []);
        leader.unready("no leader since 3 s");
        let [unready] = &readiness.unready()[..] else { panic!("one is unready") };
        assert_eq!(unready.to_string(), "leader: no leader since 3 s");
        leader.ready();
        drop(disk);
        assert_eq!(readiness.unready()[0].to_string(), "disk: it has ended");
    }
}
