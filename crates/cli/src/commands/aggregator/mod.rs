//! `multibeam aggregator`: serving, and what can be done with a group.

mod directory;
mod members;
mod serve;

use crate::args::{AggregatorArgs, AggregatorCommand};
use crate::exit::Exit;

/// Version of the shapes of `--json`. New keys may come within it.
const JSON_FORMAT: u32 = 1;

pub(super) async fn run(args: AggregatorArgs) -> Result<(), Exit> {
    match args.command {
        None => serve::run(args.serve).await,
        Some(AggregatorCommand::List { place, stale, json }) => {
            members::list(&place, stale, json).await
        }
        Some(AggregatorCommand::Add { node, address, no_wait, place }) => {
            members::add(&place, node, address, no_wait).await
        }
        Some(AggregatorCommand::Remove { node, force, place }) => {
            members::remove(&place, node, force).await
        }
        Some(AggregatorCommand::Check { dir, json }) => directory::check(&dir, json),
        Some(AggregatorCommand::Backup { dir, file }) => directory::backup(&dir, &file),
        Some(AggregatorCommand::Restore { dir, from, node, alone, address }) => {
            match (from, alone) {
                (Some(from), _) => directory::restore(&from, &dir, node),
                (None, Some(group)) => directory::alone(&dir, &group, address.as_deref()),
                (None, None) => unreachable!("the syntax wants one of them"),
            }
        }
    }
}
