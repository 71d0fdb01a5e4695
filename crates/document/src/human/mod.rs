//! Values that people write with units.

mod duration;
mod size;

pub(crate) use duration::PATTERN as DURATION_PATTERN;
pub use duration::{HumanDuration, ParseDurationError};
pub(crate) use size::PATTERN as SIZE_PATTERN;
pub use size::{ByteSize, ParseSizeError};
