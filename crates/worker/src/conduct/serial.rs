//! The serial part of process 1. No question comes before a serial group: once the process hears
//! that the others have finished, it walks through the whole serial list in suite order, runs what
//! its filters select, and reports the rest as skipped. So the n-th report is the n-th serial spec.

use std::collections::BTreeMap;
use std::sync::Arc;

use multibeam_ginkgo::protocol::Answer;
use multibeam_ginkgo::spec::SpecHeader;
use multibeam_model::AttemptId;

use super::reports::Placed;
use super::{Expected, SuiteMap};

/// The serial share of one process.
#[derive(Debug)]
pub(super) struct Serial {
    map: Arc<SuiteMap>,
    /// The share, once the phase may begin: by place in the serial list.
    share: Option<BTreeMap<usize, Share>>,
    /// Whether the process was told that it may begin.
    begun: bool,
    /// Where the next report belongs: the serial group and the spec in it.
    cursor: (usize, usize),
    /// The share's group that was last told to have started.
    told: Option<usize>,
}

#[derive(Debug)]
struct Share {
    attempt: AttemptId,
    failed: bool,
    /// A selected spec was passed over: nothing of the group counts.
    void: bool,
}

impl Serial {
    pub(super) fn new(map: Arc<SuiteMap>) -> Self {
        Self { map, share: None, begun: false, cursor: (0, 0), told: None }
    }

    /// The others have finished, and these attempts are in the ledger.
    pub(super) fn begin(&mut self, attempts: Vec<AttemptId>) {
        let places = attempts.into_iter().filter_map(|attempt| {
            let place = self.map.serial_place(attempt.group)?;
            Some((place, Share { attempt, failed: false, void: false }))
        });
        self.share = Some(places.collect());
    }

    /// The answer to `/have-nonprimary-procs-finished`. The process asks again in its after-suite.
    pub(super) fn others_finished(&mut self) -> Answer {
        if !self.may_begin() {
            return Answer::TooEarly;
        }
        self.begun = true;
        Answer::Ok
    }

    /// Whether the others have finished.
    pub(super) fn may_begin(&self) -> bool {
        self.share.is_some()
    }

    pub(super) fn has_begun(&self) -> bool {
        self.begun
    }

    /// Finds the place of a spec report and moves on.
    pub(super) fn place(&mut self, header: &SpecHeader) -> Placed {
        let (group, at) = self.cursor;
        let Some(expected) = self.map.serial.get(group).and_then(|specs| specs.get(at)) else {
            return Placed::Mismatch(format!(
                "{} was reported after the end of the serial list",
                header.key()
            ));
        };
        if expected.key != header.key() {
            return Placed::Mismatch(format!(
                "serial spec {} should have been next, but {} was reported",
                expected.key,
                header.key()
            ));
        }
        self.cursor =
            if at + 1 < self.map.serial[group].len() { (group, at + 1) } else { (group + 1, 0) };
        let Some(share) = self.share.as_mut().and_then(|share| share.get_mut(&group)) else {
            return match header.was_passed_over() || !expected.selected || self.has_twin(expected) {
                true => Placed::Ignored,
                false => Placed::Mismatch(format!(
                    "serial spec {} ran although it is not in this process's share",
                    expected.key
                )),
            };
        };
        if share.void {
            return Placed::Ignored;
        }
        if expected.selected && header.was_passed_over() {
            share.void = true;
            return Placed::NotRun { first_of: Some(share.attempt) };
        }
        let ordinal = u32::try_from(at).expect("a group has fewer than 2^32 specs");
        Placed::Report { attempt: share.attempt, ordinal, expected: expected.clone() }
    }

    /// The next group of the share, once: it starts now.
    pub(super) fn next_started(&mut self) -> Option<AttemptId> {
        let share = self.share.as_ref().filter(|_| self.begun)?;
        let (place, next) = share.range(self.cursor.0..).find(|(_, next)| !next.void)?;
        let told = self.told.replace(*place);
        (told != Some(*place)).then_some(next.attempt)
    }

    /// Ignores what the group still reports.
    pub(super) fn lose(&mut self, attempt: AttemptId) {
        if let Some(share) = self.find(attempt) {
            share.void = true;
        }
    }

    pub(super) fn note_failure(&mut self, attempt: AttemptId) {
        if let Some(share) = self.find(attempt) {
            share.failed = true;
        }
    }

    /// Whether a spec of the attempt has failed so far.
    pub(super) fn failed(&mut self, attempt: AttemptId) -> bool {
        self.find(attempt).is_some_and(|share| share.failed)
    }

    /// Whether the share has a spec of the same text: no filter can tell them apart, so one whose
    /// result is known already runs again with its twin.
    fn has_twin(&self, expected: &Expected) -> bool {
        let groups = self.share.iter().flat_map(BTreeMap::keys);
        groups.flat_map(|place| &self.map.serial[*place]).any(|s| s.key.text == expected.key.text)
    }

    fn find(&mut self, attempt: AttemptId) -> Option<&mut Share> {
        self.share.as_mut()?.values_mut().find(|share| share.attempt == attempt)
    }
}
