//! `multibeam attach`

use crate::args::{AttachArgs, ColorChoice};
use crate::exit::Exit;
use crate::follow::{CtrlC, Look, follow};
use crate::place::{Found, look};

/// Shows a run that somebody else has started. Ctrl-C leaves it alone.
pub(super) async fn run(args: AttachArgs, color: ColorChoice) -> Result<(), Exit> {
    let Found::Served(mut served) = look(&args.place, args.run.as_deref()).await? else {
        eprintln!("error: the run is not under way (hint: `multibeam results` shows what it left)");
        return Err(Exit::INPUT);
    };
    let look = Look { json: args.json, plain: args.plain, color };
    let status = follow(&mut served, look, CtrlC::Leaves).await?;
    match status.verdict.map(Exit::from) {
        Some(exit) if exit != Exit::SUCCESS => Err(exit),
        _ => Ok(()),
    }
}
