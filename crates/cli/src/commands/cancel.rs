//! `multibeam cancel`

use crate::args::CancelArgs;
use crate::cancels::cancel;
use crate::exit::Exit;
use crate::place::{Found, look};

/// Cancels a run that is under way.
pub(super) async fn run(args: CancelArgs) -> Result<(), Exit> {
    let Found::Served(mut served) = look(&args.place, args.run.as_deref()).await? else {
        eprintln!("error: the run is not under way");
        return Err(Exit::INPUT);
    };
    cancel(&mut served, args.force).await?;
    eprintln!("cancelling {}", served.run);
    Ok(())
}
