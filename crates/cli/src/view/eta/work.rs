//! How long the work that is left takes, when the plan knows it: parallel specs are shared by all
//! processes, then every cluster has its serial share, one spec at a time.

use std::time::Duration;

use multibeam_model::event::Phase;
use multibeam_model::status::{RunStatus, SessionStatus, TargetStatus};
use multibeam_model::time::Timestamp;

use super::super::time::between;

/// The time until all is done; `None` when the plan knows of nothing that is left. `speed` is how
/// long specs take against what was expected of them, `width` how many processes and clusters there
/// are while no session is open.
pub(super) fn left(
    status: &RunStatus,
    id: u32,
    target: &TargetStatus,
    now: Timestamp,
    speed: f64,
    width: (f64, f64),
) -> Option<Duration> {
    let work = target.left;
    if work.parallel + work.serial == Duration::ZERO {
        return None;
    }
    let secs = |expected: Duration| expected.as_secs_f64() * speed;
    let running = |session: &SessionStatus| {
        let since = session.running.iter().map(|spec| between(spec.since, now).as_secs_f64());
        since.sum::<f64>()
    };
    let open = || status.sessions.values().filter(|session| session.target.0 == id);
    let (serial, others): (Vec<_>, Vec<_>) = open().partition(|s| s.phase == Phase::Serial);

    // Of what runs its time so far is done; one that is late may end at any moment.
    let alone = |session: &&SessionStatus| {
        session.serial_left.map_or(0.0, |left| (secs(left) - running(session)).max(0.0))
    };
    let shares: Duration = serial.iter().filter_map(|session| session.serial_left).sum();
    let longest = serial.iter().map(alone).fold(0.0, f64::max);

    // What no cluster has yet goes to those that still come to their shares, else to all again.
    let unshared = secs(work.serial.saturating_sub(shares));
    let processes: u32 = others.iter().map(|session| session.processes).sum();
    let rest = if others.is_empty() {
        let (processes, clusters) = match serial.len() {
            0 => width,
            clusters => (clusters as f64, clusters as f64),
        };
        longest + secs(work.parallel) / processes + unshared / clusters
    } else {
        let begun: f64 = others.iter().map(|session| running(session)).sum();
        let parallel = (secs(work.parallel) - begun).max(0.0) / f64::from(processes.max(1));
        parallel + unshared / others.len() as f64
    };
    Duration::try_from_secs_f64(longest.max(rest)).ok()
}

#[cfg(test)]
mod tests {
    use multibeam_model::event::{What, Work};
    use multibeam_model::ids::{SessionId, TargetId};

    use super::super::super::fixture::{Story, at};
    use super::super::remaining;
    use super::*;

    fn secs(story: &Story, now: f64) -> Option<u64> {
        remaining(&story.status(), 0, at(now)).map(|left| left.as_secs())
    }

    /// A target on two clusters with four processes each: 100 specs, 800 s of them parallel, and 20
    /// serial ones of 400 s.
    fn story() -> Story {
        let mut story = Story::new(&[("a", &["x", "y"])]);
        story.joined(0, 4).joined(1, 4).tell(What::TargetPrepared {
            target: TargetId(0),
            selected: 120,
            total: 200,
            serial: 20,
            done: 0,
            expected: Duration::from_secs(300),
            work: Work { parallel: Duration::from_secs(800), serial: Duration::from_secs(400) },
        });
        story
    }

    fn share(story: &mut Story, session: u32, secs: u64) {
        story.phase(session, Phase::Serial).tell(What::SerialShare {
            session: SessionId(session),
            expected: Duration::from_secs(secs),
        });
    }

    #[test]
    fn serial_work_is_divided_by_clusters_and_parallel_work_by_processes() {
        let mut story = story();
        assert_eq!(secs(&story, 0.0), Some(300), "also before the sessions open");
        story.session(1, 0, 0, 4).session(2, 0, 1, 4);
        assert_eq!(secs(&story, 0.0), Some(300));
        // 100 specs as expected: 8 s each.
        story.at(100.0).ran(1, 50, 8.0, 8.0).ran(2, 50, 8.0, 8.0);
        assert_eq!(secs(&story, 100.0), Some(200));
    }

    #[test]
    fn few_specs_that_are_left_may_take_long() {
        let mut story = story();
        story.session(1, 0, 0, 4).session(2, 0, 1, 4);
        story.at(100.0).ran(1, 50, 8.0, 8.0).ran(2, 50, 8.0, 8.0);
        share(&mut story, 1, 250);
        share(&mut story, 2, 150);
        // The slower of the two clusters counts.
        assert_eq!(secs(&story, 100.0), Some(250));
        story.start(1, 1, "preempts").start(2, 1, "evicts");
        assert_eq!(secs(&story, 130.0), Some(220), "a spec that runs gets on");
        story.at(160.0).ran(2, 6, 25.0, 25.0);
        story.tell(What::SessionClosed { session: SessionId(2), lost: false });
        assert_eq!(secs(&story, 160.0), Some(190));
    }

    #[test]
    fn specs_that_take_twice_as_long_as_expected_go_on_so() {
        let mut story = story();
        story.session(1, 0, 0, 4).session(2, 0, 1, 4);
        story.at(200.0).ran(1, 50, 16.0, 8.0).ran(2, 50, 16.0, 8.0);
        assert_eq!(secs(&story, 200.0), Some(400));
    }

    #[test]
    fn a_cluster_in_its_serial_phase_is_no_help_for_the_others() {
        let mut story = story();
        story.session(1, 0, 0, 4).session(2, 0, 1, 4);
        story.at(50.0).ran(1, 25, 8.0, 8.0).ran(2, 25, 8.0, 8.0);
        share(&mut story, 1, 200);
        // 400 s of parallel work for four processes, then the other share.
        assert_eq!(secs(&story, 50.0), Some(300));
    }
}
