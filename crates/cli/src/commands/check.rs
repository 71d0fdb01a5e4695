//! `multibeam check`

use std::path::Path;

use multibeam_runfile::{self as runfile, Diagnostics};

use super::bundle::product;
use crate::args::{CheckArgs, ColorChoice, SchemaOf};
use crate::exit::Exit;
use crate::on_disk::Extent;
use crate::view::count;
use crate::{load, output};

/// Version of the shape of `--json`: the findings as `multibeam_runfile` has them. New keys may come
/// within it.
const FORMAT: u32 = 1;

/// Says whether a run file or a product file is good, or prints the schema of such files.
#[must_use]
pub fn run(args: &CheckArgs, color: ColorChoice) -> Exit {
    let extent = if args.file_only { Extent::NOTHING } else { Extent::EVERYTHING };
    match &args.file {
        // The command line asks for one of the two.
        None => {
            let text = match args.schema.unwrap_or(SchemaOf::Run) {
                SchemaOf::Run => runfile::schema_text(),
                SchemaOf::Product => multibeam_bundle::schema_text(),
            };
            print(&text, Exit::SUCCESS)
        }
        Some(file) if is_product_file(file) => check_product(file, args.json, color),
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

/// Whether a file is meant to be a product file. A pipe can be read only once, by whoever takes it for
/// a run file.
fn is_product_file(file: &Path) -> bool {
    file.is_file()
        && std::fs::read(file).is_ok_and(|bytes| multibeam_bundle::is_product_file(&bytes))
}

fn check_product(file: &Path, json: bool, color: ColorChoice) -> Exit {
    let examined = match product::examine(file) {
        Ok(examined) => examined,
        Err(exit) => return exit,
    };
    if json {
        return match examined {
            Ok(parsed) => print_json(&parsed.warnings, Exit::SUCCESS),
            Err(mistakes) => print_json(&mistakes, Exit::INPUT),
        };
    }
    match product::told(examined, color) {
        Ok(_) => print(&format!("{}: good\n", file.display()), Exit::SUCCESS),
        Err(exit) => exit,
    }
}

/// Prints the findings as one JSON object, also when there are none.
fn check_json(file: &Path, extent: Extent) -> Exit {
    let (loaded, found) = match load::examine(file, None, extent) {
        Ok(examined) => examined,
        Err(exit) => return exit,
    };
    print_json(&found, if loaded.is_some() { Exit::SUCCESS } else { Exit::INPUT })
}

fn print_json(found: &Diagnostics, exit: Exit) -> Exit {
    let mut found = found.to_json();
    found["format"] = FORMAT.into();
    print(&format!("{found:#}\n"), exit)
}

fn print(text: &str, exit: Exit) -> Exit {
    output::print_text(text).err().unwrap_or(exit)
}
