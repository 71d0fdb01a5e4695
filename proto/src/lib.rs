//! The wire: gRPC services and messages, and their conversions from and to the model.
//!
//! The `.proto` files are the reference for the protocol. The Rust code under `src/gen` is made
//! from them by the test `regenerate` and checked in, so that no build needs a compiler for them.
//! This crate decides nothing: it refuses what it cannot read, with the path of the field, and
//! passes on the rest.

mod convert;

pub use convert::{WireError, WireErrorKind};

/// Messages and services of the coordinator.
pub mod coordinator {
    /// Version 1.
    #[allow(missing_docs, reason = "generated; the .proto files hold the documentation")]
    #[allow(clippy::pedantic, clippy::nursery, unreachable_pub)]
    pub mod v1 {
        include!("gen/multibeam.coordinator.v1.rs");
    }
}

/// Messages and services of the aggregator.
pub mod aggregator {
    /// Version 1.
    #[allow(missing_docs, reason = "generated; the .proto files hold the documentation")]
    #[allow(clippy::pedantic, clippy::nursery, unreachable_pub)]
    pub mod v1 {
        include!("gen/multibeam.aggregator.v1.rs");
    }
}

/// The largest message either side sends or accepts, in bytes. The default of the gRPC library
/// (4 MiB) is too small for a spec that prints a lot; set it on every client and server.
pub const MAX_MESSAGE_BYTES: usize = 64 << 20;

/// In the metadata of an `UNAVAILABLE`: this coordinator works, and another one is in office.
pub const STANDBY: &str = "multibeam-standby";

/// In the metadata of a `FAILED_PRECONDITION`: the sender is known with another directory.
pub const DISOWNED: &str = "multibeam-disowned";

/// The size into which [`chunks`] cuts, in bytes.
pub const CHUNK_BYTES: usize = 256 << 10;

/// Cuts `data` into pieces for a stream of chunks, without copying. Empty data gives one empty
/// piece, so that the reader can tell "empty" from "missing".
pub fn chunks(mut data: bytes::Bytes) -> impl Iterator<Item = bytes::Bytes> + Send {
    let mut first = true;
    std::iter::from_fn(move || {
        if data.is_empty() && !first {
            return None;
        }
        first = false;
        Some(data.split_to(data.len().min(CHUNK_BYTES)))
    })
}
