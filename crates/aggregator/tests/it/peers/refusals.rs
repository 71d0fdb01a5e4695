//! What no member sends is refused, and says why.

use bytes::Bytes;
use multibeam_aggregator::peers::PeerEvent;
use multibeam_aggregator::peers::sum::Sum;
use multibeam_proto::aggregator::v1 as wire;
use multibeam_proto::aggregator::v1::install_request::Part;
use sha2::{Digest, Sha256};
use tokio_stream::iter;
use tonic::{Code, Status};

use crate::rig::{GROUP, HEARTBEAT, HUP, Member, PROPOSE, SNAPSHOT, member, message};

fn envelope(messages: Vec<Bytes>) -> wire::Envelope {
    wire::Envelope {
        group: GROUP.to_owned(),
        from: 1,
        to: 2,
        from_address: "http://127.0.0.1:1".to_owned(),
        reads: 1,
        messages,
        directory: 1,
        receiver_directory: 0,
    }
}

/// What a stream of envelopes is answered with.
async fn deliver(member: &Member, envelopes: Vec<wire::Envelope>) -> Status {
    member.client().await.deliver(iter(envelopes)).await.unwrap_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn envelopes_that_no_member_sends_are_refused() {
    let mut b = member(2);
    let good = || message(HEARTBEAT, 1, 2, 5);
    let cases: Vec<(&str, Code, wire::Envelope)> = vec![
        (
            "`east`, the sender of `west`",
            Code::FailedPrecondition,
            wire::Envelope { group: "west".to_owned(), ..envelope(vec![good()]) },
        ),
        (
            "this is member 2, not 3",
            Code::FailedPrecondition,
            wire::Envelope { to: 3, ..envelope(vec![good()]) },
        ),
        (
            "member 2 sends to member 2",
            Code::FailedPrecondition,
            wire::Envelope { from: 2, ..envelope(vec![]) },
        ),
        (
            "commands of format 0",
            Code::InvalidArgument,
            wire::Envelope { reads: 0, ..envelope(vec![]) },
        ),
        (
            "commands of format 256",
            Code::InvalidArgument,
            wire::Envelope { reads: 256, ..envelope(vec![]) },
        ),
        (
            "bytes of an address: 513",
            Code::InvalidArgument,
            wire::Envelope { from_address: "a".repeat(513), ..envelope(vec![]) },
        ),
        (
            "bytes of a group's name: 600",
            Code::InvalidArgument,
            wire::Envelope { group: "a".repeat(600), ..envelope(vec![]) },
        ),
        (
            "messages in an envelope: 100000",
            Code::InvalidArgument,
            envelope(vec![Bytes::new(); 100_000]),
        ),
        (
            "a message from 4 to 2",
            Code::InvalidArgument,
            envelope(vec![message(HEARTBEAT, 4, 2, 5)]),
        ),
        (
            "a message from 1 to 4",
            Code::InvalidArgument,
            envelope(vec![message(HEARTBEAT, 1, 4, 5)]),
        ),
        (
            "does not travel this way",
            Code::InvalidArgument,
            envelope(vec![message(SNAPSHOT, 1, 2, 5)]),
        ),
        ("does not travel", Code::InvalidArgument, envelope(vec![message(PROPOSE, 1, 2, 5)])),
        ("does not travel", Code::InvalidArgument, envelope(vec![message(HUP, 1, 2, 5)])),
        (
            "malformed raft message",
            Code::InvalidArgument,
            envelope(vec![Bytes::from_static(b"\xff\xff\xff")]),
        ),
        (
            "protobuf group",
            Code::InvalidArgument,
            envelope(vec![[0x9b, 0x06].repeat(100_000).into()]),
        ),
        ("protobuf group", Code::InvalidArgument, envelope(vec![Bytes::from_static(&[0x0c])])),
        (
            "too large",
            Code::OutOfRange,
            envelope(vec![vec![0; multibeam_proto::MAX_MESSAGE_BYTES + (1 << 20)].into()]),
        ),
    ];
    for (words, code, bad) in cases {
        let status = deliver(&b, vec![bad]).await;
        assert_eq!(status.code(), code, "{words}: {status:?}");
        assert!(status.message().contains(words), "{words}: {}", status.message());
    }
    let mixed = wire::Envelope { from: 3, ..envelope(vec![]) };
    let status = deliver(&b, vec![envelope(vec![]), mixed]).await;
    assert!(status.message().contains("several senders"), "{status:?}");
    assert_eq!(deliver(&b, vec![]).await.code(), Code::InvalidArgument);

    // Nothing of all that has reached the owner, but that somebody called.
    let answer = b.client().await.deliver(iter([envelope(vec![good()])])).await;
    answer.unwrap();
    loop {
        match b.next().await {
            PeerEvent::Message(received) => {
                assert_eq!(received.snapshot_index(), 5);
                break;
            }
            PeerEvent::Learned { .. } | PeerEvent::Reads { .. } => {}
            other => panic!("{other:?}"),
        }
    }
}

/// A small state, part by part.
pub(crate) fn parts() -> Vec<Part> {
    let state = Bytes::from_static(b"the state");
    let entry = |index, data: &'static [u8]| wire::EntryPart {
        index,
        term: 1,
        kind: wire::EntryKind::Command.into(),
        length: 6,
        data: Bytes::from_static(data),
    };
    vec![
        Part::Header(wire::InstallHeader {
            group: GROUP.to_owned(),
            from: 1,
            to: 2,
            message: message(SNAPSHOT, 1, 2, 9),
            state_length: state.len() as u64,
            state_sha256: Bytes::copy_from_slice(&Sha256::digest(&state)),
            entries: 2,
        }),
        Part::State(state.slice(..4)),
        Part::State(state.slice(4..)),
        Part::Entries(wire::InstallEntries { parts: vec![entry(3, b"whole."), entry(4, b"in ")] }),
        Part::Entries(wire::InstallEntries { parts: vec![entry(4, b"two")] }),
        Part::Trailer(wire::InstallTrailer { entries: 2 }),
    ]
}

pub(crate) fn summed(parts: Vec<Part>) -> Vec<wire::InstallRequest> {
    let mut sum = Sum::default();
    let summed = |part: Part| wire::InstallRequest {
        sum: Bytes::copy_from_slice(&sum.add(&part)),
        part: Some(part),
    };
    parts.into_iter().map(summed).collect()
}

/// Sends parts, plays the owner, and says how it ended and whether the owner was asked at all.
async fn install(member: &mut Member, parts: Vec<wire::InstallRequest>) -> (Status, bool) {
    let mut client = member.client().await;
    let mut answers = client.install(iter(parts)).await.unwrap().into_inner();
    let (mut asked, mut aborted) = (false, false);
    let status = loop {
        tokio::select! {
            answer = answers.message() => match answer {
                Ok(Some(answer)) => {
                    if matches!(answer.step, Some(wire::install_response::Step::Done(_))) {
                        break Status::ok("");
                    }
                }
                Ok(None) => panic!("an answer"),
                Err(status) => break status,
            },
            event = member.next() => match event {
                PeerEvent::SnapshotHas { reply } => {
                    asked = true;
                    reply.send(2).unwrap();
                }
                PeerEvent::Stage { reply, .. } | PeerEvent::Install { reply, .. } => {
                    reply.send(Ok(())).unwrap();
                }
                PeerEvent::StageAborted => aborted = true,
                other => panic!("{other:?}"),
            },
        }
    };
    if asked && status.code() != Code::Ok && !aborted {
        member.until(|event| matches!(event, PeerEvent::StageAborted)).await;
    }
    (status, asked)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_is_taken_as_it_was_sent_or_not_at_all() {
    let mut b = member(2);
    let (status, _) = install(&mut b, summed(parts())).await;
    assert_eq!(status.code(), Code::Ok, "{status:?}");

    // Each byte of what is sent matters: one bit of one of them in each part.
    for place in 0..parts().len() {
        let mut damaged = summed(parts());
        match damaged[place].part.as_mut().unwrap() {
            Part::Header(header) => header.entries ^= 1,
            Part::State(bytes) => *bytes = flip(bytes),
            Part::Entries(entries) => entries.parts[0].data = flip(&entries.parts[0].data),
            Part::Trailer(trailer) => trailer.entries ^= 1,
        }
        let (status, asked) = install(&mut b, damaged).await;
        assert_eq!(status.code(), Code::DataLoss, "part {place}: {status:?}");
        assert_eq!(asked, place > 0);
    }

    // Cut short, doubled, and left out anywhere.
    for place in 0..parts().len() {
        let mut cut = parts();
        cut.truncate(place);
        let mut doubled = parts();
        doubled.insert(place, doubled[place].clone());
        let mut short = parts();
        short.remove(place);
        for wrong in [cut, doubled, short] {
            // What is behind the last part is of no interest.
            if wrong.len() > 6 && wrong[..6] == parts()[..] {
                continue;
            }
            let (status, _) = install(&mut b, summed(wrong)).await;
            assert_ne!(status.code(), Code::Ok, "part {place}");
        }
    }

    let header = |change: fn(&mut wire::InstallHeader)| {
        let mut parts = parts();
        if let Part::Header(header) = &mut parts[0] {
            change(header);
        }
        parts
    };
    let entries = |change: fn(&mut Vec<wire::EntryPart>)| {
        let mut parts = parts();
        if let Part::Entries(entries) = &mut parts[3] {
            change(&mut entries.parts);
        }
        parts
    };
    for (words, wrong) in [
        ("`east`, the sender of `west`", header(|h| h.group = "west".to_owned())),
        ("this is member 2, not 3", header(|h| h.to = 3)),
        ("a message from 1 to 2", header(|h| h.from = 5)),
        ("does not travel this way", header(|h| h.message = message(HEARTBEAT, 1, 2, 9))),
        ("does not travel this way", header(|h| h.message = message(SNAPSHOT, 1, 2, 0))),
        ("protobuf group", header(|h| h.message = Bytes::from_static(&[0x0b]))),
        ("bytes of a state", header(|h| h.state_length = u64::MAX)),
        ("shorter than announced", header(|h| h.state_length = 500)),
        ("longer than announced", header(|h| h.state_length = 3)),
        ("the state was damaged", header(|h| h.state_sha256 = Bytes::new())),
        ("more entries than announced", header(|h| h.entries = 1)),
        ("out of order", entries(|e| e[0].index = 2)),
        ("out of order", entries(|e| e[1].index = 10)),
        ("different entries", entries(|e| e.swap(0, 1))),
        ("unknown kind", entries(|e| e[0].kind = 99)),
        ("bytes of an entry", entries(|e| e[0].length = u64::MAX)),
        ("an entry that is longer", entries(|e| e[0].length = 5)),
        ("different entries", entries(|e| e[1].term = 7)),
        ("different entries", entries(|e| e[0].length = 7)),
        ("an empty piece", entries(|e| e[1].data = Bytes::new())),
        ("bytes of entries", entries(|e| e[0].data = vec![0; 600 << 10].into())),
    ] {
        let (status, _) = install(&mut b, summed(wrong)).await;
        assert!(status.message().contains(words), "{words}: {status:?}");
    }
    let (status, _) = install(&mut b, vec![wire::InstallRequest::default()]).await;
    assert_eq!(status.code(), Code::InvalidArgument);
    let (status, _) = install(&mut b, summed(parts())).await;
    assert_eq!(status.code(), Code::Ok, "it works again after all that: {status:?}");
}

fn flip(bytes: &Bytes) -> Bytes {
    let mut flipped = bytes.to_vec();
    flipped[0] ^= 0x10;
    flipped.into()
}
