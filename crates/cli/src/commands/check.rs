//! `multibeam check`

use std::path::Path;

use multibeam_runfile as runfile;

use crate::args::{CheckArgs, ColorChoice};
use crate::exit::Exit;
use crate::on_disk::Extent;
use crate::view::count;
use crate::{load, output};

/// Version of the shape of `--json`: the findings as `multibeam_runfile` has them. New keys may come
/// within it.
const FORMAT: u32 = 1;

/// Says whether a run file is good, or prints the schema of run files.
#[must_use]
pub fn run(args: &CheckArgs, color: ColorChoice) -> Exit {
    let extent = if args.file_only { Extent::Nothing } else { Extent::Everything };
    match &args.file {
        // The command line asks for one of the two.
        None => print(&runfile::schema_text(), Exit::SUCCESS),
        Some(file) if args.json => check_json(file, extent),
        Some(file) => match load::load(file, None, extent, color) {
            Ok(loaded) => {
                let targets = count(loaded.run.targets.len(), "target");
                let clusters = count(loaded.run.clusters.len(), "cluster");
                let text = format!("{}: good, {targets} on {clusters}\n", file.display());
                print(&text, Exit::SUCCESS)
            }
            Err(exit) => exit,
        },
    }
}

/// Prints the findings as one JSON object, also when there are none.
fn check_json(file: &Path, extent: Extent) -> Exit {
    let (loaded, found) = match load::examine(file, None, extent) {
        Ok(examined) => examined,
        Err(exit) => return exit,
    };
    let mut found = found.to_json();
    found["format"] = FORMAT.into();
    let mut text = serde_json::to_string_pretty(&found).expect("a JSON value always serializes");
    text.push('\n');
    print(&text, if loaded.is_some() { Exit::SUCCESS } else { Exit::INPUT })
}

fn print(text: &str, exit: Exit) -> Exit {
    output::print_text(text).err().unwrap_or(exit)
}
