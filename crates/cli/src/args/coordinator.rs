//! `multibeam coordinator`.

use std::path::PathBuf;

use clap::Args;

use super::TlsArgs;

/// `multibeam coordinator`
#[derive(Args, Debug)]
pub struct CoordinatorArgs {
    /// The address to serve on; with port 0 the system picks one, see --address-file.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7400")]
    pub listen: std::net::SocketAddr,
    /// Write the address here once it serves.
    #[arg(long, value_name = "FILE")]
    pub address_file: Option<PathBuf>,
    /// The aggregators; any of a group will do, and all of them make it survive their loss.
    #[arg(long, value_name = "URL", default_value = "https://localhost:7401")]
    pub aggregator: Vec<String>,
    /// What it is called in the ledger and for people; its address and host when absent.
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Where to serve /live, /ready, and /metrics; nowhere when absent. It is ready when it is in
    /// office.
    #[arg(long, value_name = "ADDR")]
    pub admin: Option<std::net::SocketAddr>,
    /// Take office at once, also when another coordinator is in office and alive.
    #[arg(long)]
    pub take_over: bool,
    /// Certificates.
    #[command(flatten)]
    pub tls: TlsArgs,
}
