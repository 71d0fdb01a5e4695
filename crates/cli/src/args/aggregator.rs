//! `multibeam aggregator` and what can be done with a group of them.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Subcommand};

use super::TlsArgs;

/// `multibeam aggregator`
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct AggregatorArgs {
    /// What to do with a group or a directory; absent: serve.
    #[command(subcommand)]
    pub command: Option<AggregatorCommand>,
    /// How to serve.
    #[command(flatten)]
    pub serve: AggregatorServeArgs,
}

/// How an aggregator serves.
#[derive(Args, Debug)]
#[command(after_help = "\
A group of three, each line on a host of its own (or with other ports):
  multibeam aggregator --node 1 --member 1=https://a:7401 --member 2=https://b:7401 --member 3=https://c:7401
  multibeam aggregator --node 2 --member 1=https://a:7401 --member 2=https://b:7401 --member 3=https://c:7401
  multibeam aggregator --node 3 --member 1=https://a:7401 --member 2=https://b:7401 --member 3=https://c:7401
The members count when the group is founded; later starts go on from --data.")]
pub struct AggregatorServeArgs {
    /// The address to serve on; with port 0 the system picks one, see --address-file.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7401")]
    pub listen: std::net::SocketAddr,
    /// Write the address here once it serves.
    #[arg(long, value_name = "FILE")]
    pub address_file: Option<PathBuf>,
    /// Where the ledger is kept.
    #[arg(long, value_name = "DIR", default_value = "ledger")]
    pub data: PathBuf,
    /// Which member of the group this is, from 1.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub node: u64,
    /// Take the number from the end of the host's name, plus 1: `aggregator-0` is member 1.
    #[arg(long, conflicts_with = "node")]
    pub node_from_hostname: bool,
    /// A founding member and where the others reach it. Every one is given the same list. Without
    /// any the group has one member.
    #[arg(long = "member", value_name = "N=URL")]
    pub members: Vec<MemberArg>,
    /// Wait to be added to a group by `multibeam aggregator add`.
    #[arg(long, conflicts_with = "members", requires = "address")]
    pub join: bool,
    /// Where the others reach this one, when it joins.
    #[arg(long, value_name = "URL")]
    pub address: Option<String>,
    /// The group's name; the same for all members, and for no other group in reach.
    #[arg(long, value_name = "NAME", default_value = "multibeam")]
    pub group: String,
    /// Ended runs older than this many days leave the ledger. 0 keeps them for ever.
    #[arg(long, value_name = "DAYS", default_value_t = 0)]
    pub keep_days: u32,
    /// Where to serve /live, /ready, and /metrics; nowhere when absent.
    #[arg(long, value_name = "ADDR")]
    pub admin: Option<std::net::SocketAddr>,
    /// Certificates.
    #[command(flatten)]
    pub tls: TlsArgs,
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberArg {
    /// Its number.
    pub node: u64,
    /// Where the others reach it.
    pub address: String,
}

impl FromStr for MemberArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || format!("expected N=URL, such as 1=https://host:7401, got {text:?}");
        let (node, address) = text.split_once('=').ok_or_else(expected)?;
        let node = node.parse().ok().filter(|node| *node > 0).ok_or_else(expected)?;
        if !address.starts_with("https://") && !address.starts_with("http://") {
            return Err(expected());
        }
        Ok(Self { node, address: address.to_owned() })
    }
}

/// What to do with a group or a directory.
#[derive(Debug, Subcommand)]
pub enum AggregatorCommand {
    /// List the members of a group and how they stand.
    ///
    /// The leader says so. Without one, it is what another member knew last, marked as such, and exit
    /// status 4.
    List {
        /// Where the group is.
        #[command(flatten)]
        place: MembersPlace,
        /// Ask no leader: what the member that is asked knows, which may be outdated.
        #[arg(long)]
        stale: bool,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Add a member: it follows first, and votes once it has caught up.
    ///
    /// Start it before or afterwards with --node N --join --address URL. The certificate has to be an
    /// aggregator's, and the others have to be reached at the addresses that `list` shows: a group
    /// that was founded without --member has that of --listen.
    Add {
        /// Its number; one that was removed must not come back under its old one.
        #[arg(value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
        node: u64,
        /// Where the others reach it.
        #[arg(value_name = "URL")]
        address: String,
        /// Do not wait until it votes.
        #[arg(long)]
        no_wait: bool,
        /// Where the group is.
        #[command(flatten)]
        place: MembersPlace,
    },
    /// Remove a member for good. The certificate has to be an aggregator's.
    Remove {
        /// Its number.
        #[arg(value_name = "N")]
        node: u64,
        /// Also when fewer than a majority of the others are alive.
        #[arg(long)]
        force: bool,
        /// Where the group is.
        #[command(flatten)]
        place: MembersPlace,
    },
    /// Read a directory from end to end and say what is wrong with it. Changes nothing.
    Check {
        /// The directory of an aggregator that does not run.
        #[arg(value_name = "DIR")]
        dir: PathBuf,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Write everything in a directory to a file.
    Backup {
        /// The directory of an aggregator that does not run.
        #[arg(value_name = "DIR")]
        dir: PathBuf,
        /// The file; it must not be there yet.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Make a directory of a backup, or let a survivor go on alone.
    ///
    /// A backup is older than what its node has promised the others since. Restore it when the
    /// whole group begins again from it; to replace one member, remove it and add a new one.
    Restore {
        /// The directory: empty or not there with --from; that of the survivor with --alone.
        #[arg(value_name = "DIR")]
        dir: PathBuf,
        /// The backup.
        #[arg(long, value_name = "FILE", required_unless_present = "alone")]
        from: Option<PathBuf>,
        /// As another member of the backup's group.
        #[arg(long, value_name = "N", requires = "from")]
        node: Option<u64>,
        /// When the majority is gone for good: make the directory of a surviving aggregator a new
        /// group of one, and say what may be missing. The others must not come back.
        #[arg(long, value_name = "GROUP", conflicts_with = "from")]
        alone: Option<String>,
        /// Where the survivor is reached, if its state does not know it.
        #[arg(long, value_name = "URL", requires = "alone")]
        address: Option<String>,
    },
}

/// Where a group is.
#[derive(Args, Clone, Debug)]
pub struct MembersPlace {
    /// Any of its members; several are tried in turn.
    #[arg(long, value_name = "URL", default_value = "https://localhost:7401")]
    pub aggregator: Vec<String>,
    /// Certificates: those of an aggregator to change the group, of a user to look at it.
    #[command(flatten)]
    pub tls: TlsArgs,
}
