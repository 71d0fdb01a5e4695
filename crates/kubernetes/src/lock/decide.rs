//! The rules of the run lock. No clock, no I/O.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// Times come from API servers that may be several, with clocks apart by less than this.
const CLOCK_MARGIN: SignedDuration = SignedDuration::from_secs(5);

/// A worker that wants the cluster for its run. All workers of a run share the lock, as does the
/// run when it is resumed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Id of the run.
    pub run: String,
    /// Name of the worker's host, shown to whoever finds the cluster held.
    pub host: String,
    /// Name of the worker, unique within the run.
    pub worker: String,
}

impl Member {
    /// What stands in `holderIdentity`.
    pub fn holder(&self) -> String {
        format!("multibeam run {} on {}", self.run, self.host)
    }
}

/// What a Lease says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseView {
    /// `holderIdentity`; empty when nobody holds it.
    pub holder: String,
    /// Id of the holding run; None when the Lease was written by something else.
    pub run: Option<String>,
    /// The run's workers and when each renewed last.
    pub members: BTreeMap<String, Timestamp>,
    /// `renewTime`.
    pub renewed: Option<Timestamp>,
    /// `leaseDurationSeconds`.
    pub duration: Duration,
}

/// What a look at the Lease means for one worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nobody holds the cluster, or its holder is gone: take it.
    Acquire {
        /// The holder that is gone, if there was one.
        from: Option<String>,
    },
    /// The worker's own run holds it: join or renew.
    Renew,
    /// Another run holds it.
    HeldBy {
        /// Who.
        holder: String,
        /// When the Lease runs out unless it is renewed.
        until: Timestamp,
    },
}

/// Decides at `now` (server time) over the Lease as it was read, None if there is none.
/// `unchanged_for` is how long this worker has seen the same Lease, by its own clock: it frees a
/// Lease whose times make no sense.
pub fn decide(
    now: Timestamp,
    lease: Option<&LeaseView>,
    unchanged_for: Duration,
    me: &Member,
) -> Decision {
    let Some(lease) = lease else {
        return Decision::Acquire { from: None };
    };
    if lease.holder.is_empty() {
        return Decision::Acquire { from: None };
    }
    if lease.run.as_deref() == Some(me.run.as_str()) {
        return Decision::Renew;
    }
    let gone = Decision::Acquire { from: Some(lease.holder.clone()) };
    let Some(renewed) = lease.renewed else {
        return gone;
    };
    let until = add(renewed, lease.duration);
    // Strictly longer than two renewals of a living holder are apart.
    if until.checked_add(CLOCK_MARGIN).unwrap_or(Timestamp::MAX) < now
        || unchanged_for > lease.duration
    {
        gone
    } else {
        Decision::HeldBy { holder: lease.holder.clone(), until }
    }
}

/// The Lease as `me` writes it at `now`. Workers of the same run that have not renewed for a whole
/// duration are dropped.
pub(crate) fn renewed(
    now: Timestamp,
    lease: Option<&LeaseView>,
    duration: Duration,
    me: &Member,
) -> LeaseView {
    let same_run = lease.filter(|lease| lease.run.as_deref() == Some(me.run.as_str()));
    let mut members = same_run.map(|lease| living(now, lease)).unwrap_or_default();
    members.insert(me.worker.clone(), now);
    LeaseView {
        holder: me.holder(),
        run: Some(me.run.clone()),
        members,
        renewed: Some(now),
        duration,
    }
}

/// What a worker that leaves does with the Lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Departure {
    /// It was the last of its run: delete the Lease.
    Delete,
    /// Others of its run are at work: write this.
    Keep(LeaseView),
    /// The Lease is not its run's any more: leave it alone.
    NotOurs,
}

/// Decides what to do with the Lease when `me` leaves at `now`.
pub fn depart(now: Timestamp, lease: Option<&LeaseView>, me: &Member) -> Departure {
    let Some(lease) = lease.filter(|lease| lease.run.as_deref() == Some(me.run.as_str())) else {
        return Departure::NotOurs;
    };
    let mut members = living(now, lease);
    members.remove(&me.worker);
    if members.is_empty() {
        Departure::Delete
    } else {
        // `renewed` stays: leaving is no sign of life of the others.
        Departure::Keep(LeaseView { members, ..lease.clone() })
    }
}

fn living(now: Timestamp, lease: &LeaseView) -> BTreeMap<String, Timestamp> {
    lease
        .members
        .iter()
        .filter(|(_, renewed)| {
            add(**renewed, lease.duration).checked_add(CLOCK_MARGIN).is_ok_and(|end| end >= now)
        })
        .map(|(worker, renewed)| (worker.clone(), *renewed))
        .collect()
}

fn add(time: Timestamp, duration: Duration) -> Timestamp {
    time.checked_add(duration).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).unwrap()
    }

    fn worker(run: &str, worker: &str) -> Member {
        Member { run: run.into(), host: "h1".into(), worker: worker.into() }
    }

    fn held(by: &Member, second: i64) -> LeaseView {
        renewed(at(second), None, MINUTE, by)
    }

    #[test]
    fn a_free_cluster_is_taken() {
        let me = worker("r1", "a");
        assert_eq!(decide(at(0), None, Duration::ZERO, &me), Decision::Acquire { from: None });
        let mut empty = held(&worker("r2", "x"), 0);
        empty.holder.clear();
        assert_eq!(
            decide(at(0), Some(&empty), Duration::ZERO, &me),
            Decision::Acquire { from: None }
        );
    }

    #[test]
    fn a_held_cluster_names_its_holder_until_the_lease_and_the_margin_are_over() {
        let me = worker("r1", "a");
        let lease = held(&worker("r2", "x"), 0);
        let expected = Decision::HeldBy { holder: "multibeam run r2 on h1".into(), until: at(60) };
        for second in [0, 60, 65] {
            assert_eq!(decide(at(second), Some(&lease), Duration::ZERO, &me), expected, "{second}");
        }
        let gone = Decision::Acquire { from: Some("multibeam run r2 on h1".into()) };
        assert_eq!(decide(at(66), Some(&lease), Duration::ZERO, &me), gone);
    }

    #[test]
    fn a_lease_from_the_future_is_freed_by_watching_it() {
        let me = worker("r1", "a");
        let lease = held(&worker("r2", "x"), 1_000_000);
        assert!(matches!(decide(at(0), Some(&lease), MINUTE, &me), Decision::HeldBy { .. }));
        let over = MINUTE + Duration::from_millis(1);
        assert!(matches!(
            decide(at(0), Some(&lease), over, &me),
            Decision::Acquire { from: Some(_) }
        ));
    }

    #[test]
    fn the_same_run_joins_even_after_the_lease_ran_out() {
        let lease = held(&worker("r1", "a"), 0);
        for (name, second) in [("a", 1), ("b", 1), ("b", 10_000)] {
            let decision = decide(at(second), Some(&lease), Duration::ZERO, &worker("r1", name));
            assert_eq!(decision, Decision::Renew);
        }
    }

    #[test]
    fn a_lease_of_another_program_counts_as_held() {
        let me = worker("r1", "a");
        let mut lease = held(&worker("r1", "a"), 0);
        lease.run = None;
        lease.holder = "somebody".into();
        assert!(matches!(
            decide(at(1), Some(&lease), Duration::ZERO, &me),
            Decision::HeldBy { .. }
        ));
        lease.renewed = None;
        assert!(matches!(
            decide(at(1), Some(&lease), Duration::ZERO, &me),
            Decision::Acquire { from: Some(_) }
        ));
    }

    #[test]
    fn the_last_worker_of_a_run_deletes_the_lease() {
        let (a, b) = (worker("r1", "a"), worker("r1", "b"));
        let lease = renewed(at(10), Some(&held(&a, 0)), MINUTE, &b);
        assert_eq!(lease.members.keys().collect::<Vec<_>>(), ["a", "b"]);
        let Departure::Keep(rest) = depart(at(20), Some(&lease), &a) else {
            panic!("b is still there")
        };
        assert_eq!(rest.members.keys().collect::<Vec<_>>(), ["b"]);
        assert_eq!(rest.renewed, Some(at(10)));
        assert_eq!(depart(at(21), Some(&rest), &b), Departure::Delete);
    }

    #[test]
    fn a_dead_worker_does_not_keep_the_lease() {
        let (a, b) = (worker("r1", "a"), worker("r1", "b"));
        let lease = renewed(at(10), Some(&held(&a, 0)), MINUTE, &b);
        assert_eq!(depart(at(66), Some(&lease), &b), Departure::Delete);
        let later = renewed(at(66), Some(&lease), MINUTE, &b);
        assert_eq!(later.members.keys().collect::<Vec<_>>(), ["b"]);
    }

    #[test]
    fn a_lease_of_another_run_is_left_alone() {
        let lease = held(&worker("r2", "x"), 0);
        assert_eq!(depart(at(0), Some(&lease), &worker("r1", "x")), Departure::NotOurs);
        assert_eq!(depart(at(0), None, &worker("r1", "x")), Departure::NotOurs);
        let taken = renewed(at(99), Some(&lease), MINUTE, &worker("r1", "a"));
        assert_eq!(taken.members.keys().collect::<Vec<_>>(), ["a"]);
    }
}
