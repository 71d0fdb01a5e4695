//! `multibeam check`

use multibeam_bundle::{is_product_file, parse};
use multibeam_runfile::{self as runfile, Diagnostics};

use super::bundle::product;
use crate::args::{CheckArgs, ColorChoice, SchemaOf};
use crate::exit::Exit;
use crate::load::{Loaded, Source};
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
        Some(file) => match Source::read(file) {
            Err(exit) => exit,
            Ok(source) if is_product_file(&source.bytes) => {
                check_product(&source, args.json, color)
            }
            Ok(source) if args.json => check_json(source, extent),
            Ok(source) => check_run_file(source, extent, color),
        },
    }
}

fn check_product(source: &Source, json: bool, color: ColorChoice) -> Exit {
    let parsed = parse(&source.name, &source.bytes);
    if json {
        return match parsed {
            Ok(parsed) => print_json(&parsed.warnings, Exit::SUCCESS),
            Err(mistakes) => print_json(&mistakes, Exit::INPUT),
        };
    }
    match product::told(parsed, color) {
        Ok(_) => print(&format!("{}: good\n", source.name), Exit::SUCCESS),
        Err(exit) => exit,
    }
}

fn check_run_file(source: Source, extent: Extent, color: ColorChoice) -> Exit {
    match load::loaded(source, None, extent, color) {
        Ok(Loaded { name, run, .. }) => {
            let targets = count(run.targets.len(), "target");
            let clusters = count(run.clusters.len(), "cluster");
            print(&format!("{name}: good, {targets} on {clusters}\n"), Exit::SUCCESS)
        }
        Err(exit) => exit,
    }
}

/// Prints the findings as one JSON object, also when there are none.
fn check_json(source: Source, extent: Extent) -> Exit {
    let (loaded, found) = load::examine(source, None, extent);
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
