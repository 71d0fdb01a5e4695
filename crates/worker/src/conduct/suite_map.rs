//! What a process is expected to report, by group.

use multibeam_ginkgo::spec::SpecKey;
use multibeam_model::{GroupId, SpecIndex};

/// One spec that a group is expected to report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Its place in the catalog.
    pub spec: SpecIndex,
    /// What tells it from others.
    pub key: SpecKey,
    /// Whether the run's filters select it.
    pub selected: bool,
}

/// All groups of a suite, in the order in which Ginkgo numbers and runs them.
#[derive(Clone, Debug, Default)]
pub struct SuiteMap {
    /// Parallel groups by `/counter` index.
    pub parallel: Vec<Vec<Expected>>,
    /// Serial groups in suite order.
    pub serial: Vec<Vec<Expected>>,
}

impl SuiteMap {
    /// The index that tells a process that there is nothing more.
    #[must_use]
    pub fn past_the_end(&self) -> u32 {
        u32::try_from(self.parallel.len()).expect("a suite has fewer than 2^32 groups")
    }

    /// The specs of a parallel group.
    #[must_use]
    pub fn parallel_group(&self, group: GroupId) -> Option<&[Expected]> {
        self.parallel.get(group.0 as usize).map(Vec::as_slice)
    }

    /// The place of a serial group in the serial list; its id counts on after the parallel ones.
    #[must_use]
    pub fn serial_place(&self, group: GroupId) -> Option<usize> {
        let place = (group.0 as usize).checked_sub(self.parallel.len())?;
        (place < self.serial.len()).then_some(place)
    }
}
