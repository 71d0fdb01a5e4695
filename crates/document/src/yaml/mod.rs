//! YAML as a tree in which every node knows where it stands.

mod entries;
mod hint;
mod load;
mod node;

pub use load::load;
pub use node::{Entry, Kind, Node, Pos, Span, Spanned};
