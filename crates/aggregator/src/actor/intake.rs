//! What callers and other members say, as inputs of the node.

use multibeam_ledger::node::io::Input;

use super::{Message, Owner, Question};
use crate::LedgerError;
use crate::peers::PeerEvent;
use crate::store::Disk;

impl<D: Disk> Owner<D> {
    /// What a message asks of the node; nothing when it is the last one.
    pub(super) fn input(&mut self, message: Message) -> Option<Input> {
        Some(match message {
            Message::Propose { commands, answer, budget } => {
                let ticket = self.ticket(answer, Some(budget));
                Input::Propose { ticket, commands }
            }
            Message::Ask { question, answer } => {
                let ticket = self.ticket(answer, None);
                match question {
                    Question::Read => Input::Read { ticket },
                    Question::Attend(epoch) => Input::Attend { ticket, epoch },
                    Question::Leave(epoch) => Input::Leave { ticket, epoch },
                    Question::Members { change, force } => Input::Members { ticket, change, force },
                }
            }
            Message::Close => return None,
        })
    }

    pub(super) fn event(&mut self, event: PeerEvent) -> Result<(), LedgerError> {
        match event {
            PeerEvent::Message(received) => self.handle(Input::Message(received)),
            PeerEvent::Unreachable(node) => self.handle(Input::Unreachable(node)),
            PeerEvent::Disowned { by } => Err(LedgerError::Disowned { by }),
            PeerEvent::Reads { node, format } => self.handle(Input::Reads { node, format }),
            PeerEvent::SnapshotSent { to, ok } => self.handle(Input::SnapshotSent { to, ok }),
            // The transport sends there by itself.
            PeerEvent::Learned { node, address } => {
                tracing::debug!(%node, address, "heard from a node that is no member yet");
                Ok(())
            }
            PeerEvent::SnapshotHas { reply } => {
                // Nobody listens when the stream has broken meanwhile; so with all replies here.
                let _ = reply.send(self.shared.read_node().status().commit);
                Ok(())
            }
            PeerEvent::Stage { entries, reply } => {
                self.disk.stage(&entries)?;
                let _ = reply.send(Ok(()));
                Ok(())
            }
            PeerEvent::StageAborted => Ok(self.disk.unstage()?),
            PeerEvent::Install { message, state, reply } => {
                self.handle(Input::Snapshot { message, state })?;
                self.perform()?;
                let _ = reply.send(Ok(()));
                Ok(())
            }
        }
    }
}
