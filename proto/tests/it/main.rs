//! What goes over the wire, and the code that is made for it.
#![allow(clippy::unwrap_used)]

mod conversions;
mod regenerate;
mod strategies;
