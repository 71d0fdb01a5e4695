//! What a user should know of a run.

use multibeam_model::incident::{Incident, OutputCut};

use super::*;

fn cut(number: u32, bytes: u64) -> Incident {
    let process =
        ProcessId { session: SessionId(1), number: ProcessNumber(number), incarnation: 1 };
    Incident::OutputCut { process, cut: OutputCut { bytes, error: String::new() } }
}

fn note(run: RunId, incident: &Incident) -> Command {
    Command::Note { run, incident: incident.clone() }
}

#[test]
fn the_newest_count_of_each_process_stays_as_long_as_its_run() {
    let mut bench = Bench::new();
    let unknown = bench.apply(note(RunId::from("nope"), &cut(1, 1)));
    assert_eq!(unknown, Reply::Refused(Refusal::NoSuchRun));
    let before = bench.ledger.hash();
    for (incident, reply) in [
        (cut(1, 1), Reply::Done),
        (cut(2, 5), Reply::Done),
        (cut(1, 9), Reply::Done),
        (cut(1, 9), Reply::Duplicate),
    ] {
        assert_eq!(bench.apply(note(run(), &incident)), reply);
    }
    assert_eq!(bench.ledger.incidents(&run()), [cut(1, 9), cut(2, 5)]);
    assert_ne!(bench.ledger.hash(), before);
    let restored = Ledger::from_snapshot(&bench.ledger.snapshot()).unwrap();
    assert_eq!(restored, bench.ledger);

    assert_eq!(bench.decide(Decision::EndRun { at: Timestamp(9) }), Reply::Done);
    assert_eq!(bench.apply(Command::Expire { runs: vec![run()] }), Reply::Done);
    assert_eq!(bench.ledger.incidents(&run()), []);
}
