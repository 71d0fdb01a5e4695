//! Raft's messages as bytes, and the check that they pass before the raft crate parses them.
//!
//! The raft crate reads protobuf with a library that skips unknown *groups* by recursion without a
//! bound ([RUSTSEC-2024-0437](https://rustsec.org/advisories/RUSTSEC-2024-0437.html)). Raft's own
//! messages have no groups, so bytes with one are refused before they are parsed.

use bytes::Bytes;
use protobuf::Message as _;
use raft::eraftpb::{Message, MessageType};

use super::disk::NodeId;

/// A message of another member, checked and parsed.
#[derive(Clone, Debug)]
pub struct Received {
    pub(super) message: Message,
}

/// Bytes that are no message of raft.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// A protobuf group, which no message of raft has.
    #[error("a raft message contains a protobuf group, which none does")]
    Group,
    /// Anything else.
    #[error("malformed raft message")]
    Malformed,
    /// A message that only the node itself may give itself.
    #[error("a raft message of a kind that does not travel")]
    Local,
}

impl Received {
    /// Reads a message.
    ///
    /// # Errors
    /// When these bytes are no message of another member.
    pub fn decode(bytes: &Bytes) -> Result<Self, EnvelopeError> {
        check(bytes, &MESSAGE)?;
        let message = Message::parse_from_carllerche_bytes(bytes);
        let message = message.map_err(|_| EnvelopeError::Malformed)?;
        // Proposals go to the leader by a call of its service, which looks at them first.
        let kind = message.get_msg_type();
        if raft::raw_node::is_local_msg(kind) || kind == MessageType::MsgPropose {
            return Err(EnvelopeError::Local);
        }
        Ok(Self { message })
    }

    /// The member that sent it.
    #[must_use]
    pub fn from(&self) -> NodeId {
        NodeId(self.message.from)
    }

    /// The member that it is for.
    #[must_use]
    pub fn to(&self) -> NodeId {
        NodeId(self.message.to)
    }

    /// Whether a state goes with it: then it comes with [`super::Input::Snapshot`] only.
    #[must_use]
    pub fn is_snapshot(&self) -> bool {
        self.message.get_msg_type() == MessageType::MsgSnapshot
    }

    /// The index of the state that goes with it; 0 when none does.
    #[must_use]
    pub fn snapshot_index(&self) -> u64 {
        self.message.get_snapshot().get_metadata().index
    }
}

/// A kind of message: its fields that are messages themselves.
struct Shape {
    nested: &'static [(u64, &'static Shape)],
}

const FLAT: Shape = Shape { nested: &[] };
const METADATA: Shape = Shape { nested: &[(1, &FLAT)] };
const SNAPSHOT: Shape = Shape { nested: &[(2, &METADATA)] };
/// Field 7 is the entries, 9 the snapshot (raft-proto 0.7, `eraftpb.proto`).
const MESSAGE: Shape = Shape { nested: &[(7, &FLAT), (9, &SNAPSHOT)] };
/// Field 2 of a change of members is the single changes.
const CHANGE: Shape = Shape { nested: &[(2, &FLAT)] };

/// Checks the bytes of a change of members before they are parsed.
pub(super) fn check_change(bytes: &[u8]) -> Result<(), EnvelopeError> {
    check(bytes, &CHANGE)
}

fn check(mut bytes: &[u8], shape: &Shape) -> Result<(), EnvelopeError> {
    while !bytes.is_empty() {
        let key = varint(&mut bytes)?;
        match key & 7 {
            0 => drop(varint(&mut bytes)?),
            1 => drop(take(&mut bytes, 8)?),
            2 => {
                let length = varint(&mut bytes)?;
                let body = take(&mut bytes, length)?;
                if let Some((_, inner)) = shape.nested.iter().find(|(field, _)| *field == key >> 3)
                {
                    check(body, inner)?;
                }
            }
            5 => drop(take(&mut bytes, 4)?),
            3 | 4 => return Err(EnvelopeError::Group),
            _ => return Err(EnvelopeError::Malformed),
        }
    }
    Ok(())
}

fn take<'a>(bytes: &mut &'a [u8], length: u64) -> Result<&'a [u8], EnvelopeError> {
    let length = usize::try_from(length).map_err(|_| EnvelopeError::Malformed)?;
    let (body, rest) = bytes.split_at_checked(length).ok_or(EnvelopeError::Malformed)?;
    *bytes = rest;
    Ok(body)
}

fn varint(bytes: &mut &[u8]) -> Result<u64, EnvelopeError> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first().ok_or(EnvelopeError::Malformed)?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(EnvelopeError::Malformed)
}

#[cfg(test)]
mod tests {
    use raft::eraftpb::Entry;

    use super::*;

    fn bytes(message: &Message) -> Bytes {
        message.write_to_bytes().unwrap().into()
    }

    #[test]
    fn messages_survive_their_encoding() {
        let mut message = Message { from: 2, to: 3, ..Message::default() };
        message.set_msg_type(MessageType::MsgAppend);
        let entry = Entry { term: 7, index: 9, data: vec![0xff; 300].into(), ..Entry::default() };
        message.set_entries(vec![entry].into());
        message.mut_snapshot().mut_metadata().mut_conf_state().set_voters(vec![1, 2, 3]);
        let received = Received::decode(&bytes(&message)).unwrap();
        assert_eq!(received.message, message);
        assert_eq!((received.from(), received.to()), (NodeId(2), NodeId(3)));
    }

    #[test]
    fn groups_are_refused_at_every_depth() {
        // Field 99, group start, as often as the parser's stack would not survive.
        let start = [0x9b, 0x06];
        let groups: Vec<u8> = start.iter().copied().cycle().take(200_000).collect();
        assert_eq!(Received::decode(&groups.clone().into()).unwrap_err(), EnvelopeError::Group);
        let within = |field: u8, body: &[u8]| {
            let mut out = vec![field << 3 | 2];
            let mut length = body.len();
            while length >= 0x80 {
                out.push((length & 0x7f) as u8 | 0x80);
                length >>= 7;
            }
            out.push(length as u8);
            out.extend_from_slice(body);
            out
        };
        for nested in [
            within(7, &groups),
            within(9, &groups),
            within(9, &within(2, &groups)),
            within(9, &within(2, &within(1, &groups))),
        ] {
            assert_eq!(Received::decode(&nested.into()).unwrap_err(), EnvelopeError::Group);
        }
    }

    #[test]
    fn what_is_cut_or_local_is_refused() {
        let mut message = Message { from: 2, ..Message::default() };
        message.set_msg_type(MessageType::MsgHup);
        assert_eq!(Received::decode(&bytes(&message)).unwrap_err(), EnvelopeError::Local);
        let whole = bytes(&message);
        let cut = whole.slice(..whole.len() - 1);
        assert_eq!(Received::decode(&cut).unwrap_err(), EnvelopeError::Malformed);
        let endless = Bytes::from_static(&[0xff; 40]);
        assert_eq!(Received::decode(&endless).unwrap_err(), EnvelopeError::Malformed);
    }
}
