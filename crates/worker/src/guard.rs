//! The guard: a small process between a worker and one suite process.
//!
//! A Ginkgo process whose server is gone goes on alone, through its whole serial list. So every
//! suite process has a guard, which is this same program re-executed. The guard lives in a session
//! of its own (a terminal's Ctrl-C does not reach it), adopts every orphan below it (child
//! subreaper), and kills the whole tree when its worker is gone: when the pipe from the worker ends
//! or the lease in it runs out, which a stopped worker cannot prevent.
//!
//! Worker and guard speak in lines, see [`wire`]. Nothing of the tree is alive once the guard has
//! reported the end of its suite process.

pub mod clock;
pub mod wire;

mod child;
mod main;
mod tree;

pub use main::{EXEC_COMMAND, GUARD_COMMAND, main};
