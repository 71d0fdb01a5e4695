//! The running sum over the parts of a state.

use multibeam_proto::aggregator::v1::install_request::Part;
use sha2::{Digest, Sha256};

/// SHA-256 over all parts so far, as `raft.proto` defines it. Both ends make it.
#[derive(Clone, Debug, Default)]
pub struct Sum(Sha256);

// === impl Sum ===

impl Sum {
    /// Adds a part, and gives the sum up to and with it.
    pub fn add(&mut self, part: &Part) -> [u8; 32] {
        match part {
            Part::Header(header) => {
                self.number(1);
                self.bytes(header.group.as_bytes());
                self.number(header.from);
                self.number(header.to);
                self.bytes(&header.message);
                self.number(header.state_length);
                self.bytes(&header.state_sha256);
                self.number(header.entries);
            }
            Part::State(bytes) => {
                self.number(2);
                self.bytes(bytes);
            }
            Part::Entries(entries) => {
                self.number(3);
                for part in &entries.parts {
                    self.number(part.index);
                    self.number(part.term);
                    self.number(i64::from(part.kind).cast_unsigned());
                    self.number(part.length);
                    self.bytes(&part.data);
                }
            }
            Part::Trailer(trailer) => {
                self.number(4);
                self.number(trailer.entries);
            }
        }
        self.0.clone().finalize().into()
    }

    fn number(&mut self, number: u64) {
        self.0.update(number.to_le_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.update(bytes);
    }
}
