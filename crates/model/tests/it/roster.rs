//! What a new coordinator hears of output that was cut off before its time.

use multibeam_model::adopt::Roster;
use multibeam_model::incident::OutputCut;
use multibeam_model::link::{ProcessNews, ProcessOrder, StartProcess};
use multibeam_model::{Moment, ProcessId, ProcessNumber, RunId, SessionId, TargetId};

#[test]
fn the_newest_count_of_lost_output_is_told_again() {
    let process = ProcessId { session: SessionId(1), number: ProcessNumber(1), incarnation: 1 };
    let (run, now) = (RunId::from("r"), Moment(0));
    let mut roster = Roster::default();
    let (target, serial_share) = (TargetId(0), Vec::new());
    let start = StartProcess { target, total: 2, serial_share, facts: Vec::new() };
    roster.ordered(&run, process, &ProcessOrder::Start(start));
    let cut = |bytes| ProcessNews::OutputCut(OutputCut { bytes, error: String::new() });
    for news in [cut(1), ProcessNews::Aborted, cut(7)] {
        roster.told(&run, process, &news, now);
    }
    let (_, state) = roster.standing(now).remove(0);
    assert_eq!(state.told, [ProcessNews::Aborted, cut(7)]);
}
