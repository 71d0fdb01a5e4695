//! Whether what comes is from a member, for this member, and something that members send.

use bytes::Bytes;
use multibeam_ledger::node::disk::NodeId;
use multibeam_ledger::node::envelope::{EnvelopeError, Received};
use multibeam_rt::access::Peer;
use multibeam_rt::identity::Role;
use tonic::{Code, Status};

use super::config::{MESSAGE_BYTES, NAME_BYTES, PeerConfig};

/// Why something that came is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// It is of another group.
    #[error(
        "this member is of the group `{own}`, the sender of `{theirs}` (hint: members of one group are started with the same name of it)"
    )]
    Group {
        /// The group of this member.
        own: String,
        /// That of the sender.
        theirs: String,
    },
    /// It is for another member.
    #[error(
        "this is member {own}, not {meant} (hint: does the list of members have the right addresses?)"
    )]
    Receiver {
        /// This member.
        own: NodeId,
        /// The one that is meant.
        meant: NodeId,
    },
    /// A number that no other member has.
    #[error("member {from} sends to member {own} (hint: each member has a number of its own)")]
    Sender {
        /// The sender's number.
        from: NodeId,
        /// This member.
        own: NodeId,
    },
    /// The certificate names another one.
    #[error("the certificate is that of aggregator {certified}, the sender says it is {from}")]
    Certificate {
        /// Whose certificate it is.
        certified: NodeId,
        /// Whom the sender says it is.
        from: NodeId,
    },
    /// It was a member with another directory before.
    #[error(
        "member {from} had another directory when it was first heard, and has forgotten what that one knew (hint: remove the member, and add a new one under a number of its own)"
    )]
    Directory {
        /// The sender.
        from: NodeId,
    },
    /// That it is heard for the first time cannot be written down.
    #[error("{0}")]
    Unwritten(String),
    /// The caller is no aggregator.
    #[error("only aggregators may call this")]
    Role,
    /// A message contradicts what it came in.
    #[error("a message from {from} to {to} in an envelope from {envelope_from} to {envelope_to}")]
    Addressed {
        /// The message's own words.
        from: NodeId,
        /// The message's own words.
        to: NodeId,
        /// Those of what it came in.
        envelope_from: NodeId,
        /// Those of what it came in.
        envelope_to: NodeId,
    },
    /// One stream is from one member.
    #[error("a stream of several senders or formats")]
    Mixed,
    /// A message of raft cannot be read.
    #[error(transparent)]
    Message(#[from] EnvelopeError),
    /// A state is announced in an envelope, or something else in the header of a state.
    #[error("a message of a kind that does not travel this way")]
    Kind,
    /// Something is too long, or there is too much of it.
    #[error("{what}: {found}, at most {most} are taken")]
    TooMuch {
        /// What.
        what: &'static str,
        /// How much it is.
        found: u64,
        /// The limit.
        most: u64,
    },
    /// A format that is none.
    #[error("the sender reads commands of format {found}, expected 1 to 255")]
    Format {
        /// The format.
        found: u32,
    },
    /// The parts of a state do not fit together.
    #[error("a state that contradicts itself: {what}")]
    State {
        /// Where.
        what: &'static str,
    },
    /// What came is not what was sent.
    #[error("{what} was damaged on the way")]
    Damaged {
        /// What.
        what: &'static str,
    },
}

// === impl Refusal ===

impl Refusal {
    /// The kind of failure, for the sender.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Group { .. }
            | Self::Receiver { .. }
            | Self::Sender { .. }
            | Self::Directory { .. } => Code::FailedPrecondition,
            Self::Unwritten(_) => Code::Unavailable,
            Self::Certificate { .. } | Self::Role => Code::PermissionDenied,
            Self::Damaged { .. } => Code::DataLoss,
            _ => Code::InvalidArgument,
        }
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        let mut status = Self::new(refusal.code(), refusal.to_string());
        if let Refusal::Directory { .. } = refusal {
            let yes = tonic::metadata::MetadataValue::from_static("1");
            status.metadata_mut().insert(multibeam_proto::DISOWNED, yes);
        }
        status
    }
}

/// Checks the part that envelopes and states have in common.
pub(super) fn address(
    config: &PeerConfig,
    group: &str,
    from: u64,
    to: u64,
) -> Result<NodeId, Refusal> {
    at_most("bytes of a group's name", group.len(), NAME_BYTES)?;
    if group != config.group {
        return Err(Refusal::Group { own: config.group.clone(), theirs: group.to_owned() });
    }
    let (own, from, to) = (config.node, NodeId(from), NodeId(to));
    if to != own {
        return Err(Refusal::Receiver { own, meant: to });
    }
    if from == own || from.0 == 0 {
        return Err(Refusal::Sender { from, own });
    }
    Ok(from)
}

/// Checks that the caller may speak for member `from`. A certificate binds only if its name is a
/// number: then it is that of a member.
pub(super) fn caller(peer: Option<&Peer>, from: NodeId) -> Result<(), Refusal> {
    let peer = peer.filter(|peer| peer.may_be(Role::Aggregator)).ok_or(Refusal::Role)?;
    let Peer::Certified(identity) = peer else { return Ok(()) };
    match identity.name.parse() {
        Ok(number) if number != from.0 => {
            Err(Refusal::Certificate { certified: NodeId(number), from })
        }
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Reads a message of raft that came from `from`.
pub(super) fn message(bytes: &Bytes, from: NodeId, own: NodeId) -> Result<Received, Refusal> {
    at_most("bytes of a message", bytes.len(), MESSAGE_BYTES)?;
    let received = Received::decode(bytes)?;
    if (received.from(), received.to()) != (from, own) {
        return Err(Refusal::Addressed {
            from: received.from(),
            to: received.to(),
            envelope_from: from,
            envelope_to: own,
        });
    }
    Ok(received)
}

pub(super) fn at_most(what: &'static str, found: usize, most: usize) -> Result<(), Refusal> {
    if found > most {
        return Err(Refusal::TooMuch { what, found: found as u64, most: most as u64 });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use multibeam_rt::identity::Identity;

    use super::*;
    use crate::store::Acquaintances;

    #[test]
    fn a_numbered_certificate_speaks_for_its_member_only() {
        let certified = |role, name: &str| {
            let peer = Peer::Certified(Identity { role, name: name.to_owned() });
            caller(Some(&peer), NodeId(2))
        };
        assert_eq!(certified(Role::Aggregator, "2"), Ok(()));
        assert_eq!(certified(Role::Aggregator, "east"), Ok(()));
        assert_eq!(
            certified(Role::Aggregator, "3"),
            Err(Refusal::Certificate { certified: NodeId(3), from: NodeId(2) })
        );
        for role in [Role::Worker, Role::Coordinator, Role::User] {
            assert_eq!(certified(role, "2"), Err(Refusal::Role));
        }
        assert_eq!(caller(Some(&Peer::Local), NodeId(2)), Err(Refusal::Role));
        assert_eq!(caller(None, NodeId(2)), Err(Refusal::Role));
        assert_eq!(caller(Some(&Peer::Embedded), NodeId(2)), Ok(()));
    }

    #[test]
    fn both_groups_are_named() {
        let config = PeerConfig::new(NodeId(1), "east", "a", Acquaintances::unwritten(1));
        let refusal = address(&config, "west", 2, 1).unwrap_err();
        assert_eq!(refusal.code(), Code::FailedPrecondition);
        let text = refusal.to_string();
        assert!(text.contains("`east`") && text.contains("`west`") && text.contains("hint"));
        assert!(matches!(address(&config, "east", 2, 3), Err(Refusal::Receiver { .. })));
        assert!(matches!(address(&config, "east", 1, 1), Err(Refusal::Sender { .. })));
        assert!(matches!(address(&config, "east", 0, 1), Err(Refusal::Sender { .. })));
        assert_eq!(address(&config, "east", 2, 1), Ok(NodeId(2)));
    }
}
