//! Does every message survive the wire, and is what cannot be read refused by name?

use multibeam_model::link::{CoordinatorMessage, WorkerMessage};
use multibeam_model::outcome::Verdict;
use multibeam_proto::coordinator::v1 as wire;
use multibeam_proto::{CHUNK_BYTES, WireErrorKind, aggregator, chunks};
use proptest::prelude::*;
use prost::Message;

proptest! {
    #[test]
    fn worker_messages_round_trip(message in crate::strategies::worker_message()) {
        let bytes = wire::WorkerMessage::from(message.clone()).encode_to_vec();
        let read = wire::WorkerMessage::decode(&*bytes).unwrap();
        prop_assert_eq!(WorkerMessage::try_from(read).unwrap(), message);
    }

    #[test]
    fn coordinator_messages_round_trip(message in crate::strategies::coordinator_message()) {
        let bytes = wire::CoordinatorMessage::from(message.clone()).encode_to_vec();
        let read = wire::CoordinatorMessage::decode(&*bytes).unwrap();
        prop_assert_eq!(CoordinatorMessage::try_from(read).unwrap(), message);
    }

    #[test]
    fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        read_both(&bytes);
    }

    /// Damage that leaves most of a message intact reaches deeper than pure noise.
    #[test]
    fn damage_never_panics(
        worker in crate::strategies::worker_message(),
        coordinator in crate::strategies::coordinator_message(),
        place in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let messages = [
            wire::WorkerMessage::from(worker).encode_to_vec(),
            wire::CoordinatorMessage::from(coordinator).encode_to_vec(),
        ];
        for mut bytes in messages {
            let place = place.index(bytes.len());
            bytes[place] = byte;
            read_both(&bytes);
            read_both(&bytes[..place]);
        }
    }

    #[test]
    fn chunks_lose_nothing(len in 0..4 * CHUNK_BYTES) {
        let data: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
        let pieces: Vec<_> = chunks(data.clone().into()).collect();
        prop_assert!(pieces.iter().all(|piece| piece.len() <= CHUNK_BYTES));
        prop_assert_eq!(pieces.len(), len.div_ceil(CHUNK_BYTES).max(1));
        prop_assert_eq!(pieces.concat(), data);
    }
}

/// Reads `bytes` as either message; whatever can be read is written back and read the same.
fn read_both(bytes: &[u8]) {
    if let Ok(read) = wire::WorkerMessage::decode(bytes)
        && let Ok(message) = WorkerMessage::try_from(read)
    {
        let again = wire::WorkerMessage::from(message.clone());
        assert_eq!(WorkerMessage::try_from(again), Ok(message));
    }
    if let Ok(read) = wire::CoordinatorMessage::decode(bytes)
        && let Ok(message) = CoordinatorMessage::try_from(read)
    {
        let again = wire::CoordinatorMessage::from(message.clone());
        assert_eq!(CoordinatorMessage::try_from(again), Ok(message));
    }
}

fn from_worker(kind: Option<wire::worker_message::Kind>) -> String {
    WorkerMessage::try_from(wire::WorkerMessage { kind, ..Default::default() }).unwrap_err().path
}

fn from_coordinator(kind: wire::coordinator_message::Kind) -> String {
    CoordinatorMessage::try_from(wire::CoordinatorMessage {
        kind: Some(kind),
        ..Default::default()
    })
    .unwrap_err()
    .path
}

fn news(kind: wire::process_news::Kind) -> Option<wire::worker_message::Kind> {
    Some(wire::worker_message::Kind::Process(wire::ProcessReport {
        run: "run".to_owned(),
        process: Some(wire::ProcessId::default()),
        news: Some(wire::ProcessNews { kind: Some(kind) }),
    }))
}

#[test]
fn what_is_missing_is_named_with_its_path() {
    assert_eq!(from_worker(None), "worker_message");
    assert_eq!(
        from_worker(news(wire::process_news::Kind::Sealed(wire::Sealed::default()))),
        "worker_message.process.news.sealed.attempt"
    );
    assert_eq!(
        from_worker(news(wire::process_news::Kind::Lost(wire::Lost {
            attempt: Some(wire::AttemptId::default()),
            cause: Some(wire::LossCause {
                kind: Some(wire::loss_cause::Kind::ProcessDied(wire::ProcessDied::default())),
            }),
        }))),
        "worker_message.process.news.lost.cause.process_died.end"
    );
    let process =
        wire::RunProcess { run: "run".to_owned(), process: Some(wire::ProcessId::default()) };
    assert_eq!(
        from_worker(Some(wire::worker_message::Kind::Hello(wire::Hello {
            processes: vec![process, wire::RunProcess::default()],
            ..wire::Hello::default()
        }))),
        "worker_message.hello.processes[1].process"
    );
    assert_eq!(
        from_coordinator(wire::coordinator_message::Kind::Prepare(Box::default())),
        "coordinator_message.prepare.suite"
    );
    assert_eq!(
        from_coordinator(wire::coordinator_message::Kind::Fact(wire::SessionNews::default())),
        "coordinator_message.fact.fact"
    );
}

#[test]
fn unknown_and_absent_enumeration_values_are_told_apart() {
    let done = |state| {
        let kind = news(wire::process_news::Kind::SuiteNodeDone(wire::SuiteNodeDone {
            state,
            ..wire::SuiteNodeDone::default()
        }));
        WorkerMessage::try_from(wire::WorkerMessage { kind, ..Default::default() })
    };
    let error = done(0).unwrap_err();
    assert_eq!(error.kind, WireErrorKind::Missing);
    let error = done(99).unwrap_err();
    assert_eq!(error.kind, WireErrorKind::Unknown(99));
    assert_eq!(
        error.to_string(),
        "worker_message.process.news.suite_node_done.state: unknown value 99 \
         (hint: both sides must run the same version of multibeam)"
    );
    assert!(done(1).is_ok());
}

#[test]
fn verdicts_round_trip() {
    for verdict in [Verdict::Passed, Verdict::Failed, Verdict::Incomplete, Verdict::Environment] {
        let there = aggregator::v1::Verdict::from(verdict);
        assert_eq!(Verdict::try_from(there), Ok(verdict));
    }
    assert!(Verdict::try_from(aggregator::v1::Verdict::Unspecified).is_err());
}
