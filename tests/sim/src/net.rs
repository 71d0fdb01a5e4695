//! The network: who reaches whom, how fast, and what is lost.

use std::collections::BTreeMap;

use crate::setting::Setting;
use crate::world::Host;

/// The state of all links.
#[derive(Debug, Default)]
pub(crate) struct Net {
    /// What each partition at work cuts: from, to.
    partitions: BTreeMap<u64, Vec<(Host, Host)>>,
    next: u64,
    blocked: Vec<(Host, Host)>,
    /// The longest that a message takes, in microseconds.
    pub(crate) slowest: u64,
    /// Messages lost and doubled, of 1,000.
    pub(crate) loss: u64,
    pub(crate) double: u64,
}

/// How long a message takes at least, in microseconds.
pub(crate) const FASTEST: u64 = 300;

impl Net {
    pub(crate) fn new(setting: &Setting) -> Self {
        let Setting { slowest, loss, double, .. } = *setting;
        Self { slowest, loss, double, ..Self::default() }
    }

    pub(crate) fn reaches(&self, from: Host, to: Host) -> bool {
        self.blocked.is_empty() || !self.blocked.contains(&(from, to))
    }

    pub(crate) fn cut(&mut self, links: Vec<(Host, Host)>) -> u64 {
        self.next += 1;
        self.partitions.insert(self.next, links);
        self.count();
        self.next
    }

    pub(crate) fn mend(&mut self, partition: u64) {
        self.partitions.remove(&partition);
        self.count();
    }

    pub(crate) fn mend_all(&mut self) {
        self.partitions.clear();
        self.count();
    }

    fn count(&mut self) {
        self.blocked = self.partitions.values().flatten().copied().collect();
    }
}
