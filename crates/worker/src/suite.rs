//! Suite processes and the server they talk to.

pub mod process;
pub mod server;
