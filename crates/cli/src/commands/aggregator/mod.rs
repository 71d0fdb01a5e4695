//! `multibeam aggregator`: serving, and what can be done with a group.

mod members;
mod serve;

use crate::args::{AggregatorArgs, AggregatorCommand};
use crate::exit::Exit;

pub(super) async fn run(args: AggregatorArgs) -> Result<(), Exit> {
    match args.command {
        None => serve::run(args.serve).await,
        Some(AggregatorCommand::List { place, json }) => members::list(&place, json).await,
        Some(AggregatorCommand::Add { node, address, no_wait, place }) => {
            members::add(&place, node, address, no_wait).await
        }
        Some(AggregatorCommand::Remove { node, force, place }) => {
            members::remove(&place, node, force).await
        }
    }
}
