//! `multibeam check`

use std::path::Path;

use multibeam_runfile as runfile;
use serde_json::{Value, json};

use super::bundle::read_product;
use crate::args::{CheckArgs, ColorChoice, SchemaOf};
use crate::exit::Exit;
use crate::view::count;
use crate::{convert, load, output};

/// Says whether a run file or a product file is good, or prints the schema of such files.
#[must_use]
pub fn run(args: &CheckArgs, color: ColorChoice) -> Exit {
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
        Some(file) if args.json => check_json(file),
        Some(file) => match load::load(file, None, color) {
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

/// Whether a file is meant to be a product file. Standard input is read only once, by whoever takes
/// it for a run file.
fn is_product_file(file: &Path) -> bool {
    file != Path::new("-")
        && std::fs::read(file).is_ok_and(|bytes| multibeam_bundle::is_product_file(&bytes))
}

fn check_product(file: &Path, json: bool, color: ColorChoice) -> Exit {
    if !json {
        return match read_product(file, color) {
            Ok(_) => print(&format!("{}: good\n", file.display()), Exit::SUCCESS),
            Err(exit) => exit,
        };
    }
    let (bytes, _) = match load::read(file) {
        Ok(read) => read,
        Err(exit) => return exit,
    };
    match multibeam_bundle::parse(&file.display().to_string(), &bytes) {
        Ok(parsed) => print_json(&parsed.warnings.to_json(), Exit::SUCCESS),
        Err(mistakes) => print_json(&mistakes.to_json(), Exit::INPUT),
    }
}

/// Prints the findings as one JSON object, also when there are none.
fn check_json(file: &Path) -> Exit {
    let (bytes, directory) = match load::read(file) {
        Ok(read) => read,
        Err(exit) => return exit,
    };
    let name = file.display().to_string();
    let (found, exit) = match runfile::parse_bytes(&name, &bytes) {
        Err(mistakes) => (mistakes.to_json(), Exit::INPUT),
        Ok(parsed) => {
            let mut found = parsed.warnings.to_json();
            match convert::run_spec(&parsed.run, &directory) {
                Ok(_) => (found, Exit::SUCCESS),
                Err(mistake) => {
                    add(&mut found, &mistake.to_string());
                    (found, Exit::INPUT)
                }
            }
        }
    };
    print_json(&found, exit)
}

fn print_json(found: &Value, exit: Exit) -> Exit {
    print(&format!("{found:#}\n"), exit)
}

/// Adds a mistake that concerns the file as a whole.
fn add(found: &mut Value, message: &str) {
    let item = json!({
        "severity": "error", "code": "duplicate",
        "line": 1, "column": 1, "length": 1,
        "message": message, "source": "",
    });
    if let Some(items) = found["items"].as_array_mut() {
        items.push(item);
    }
}

fn print(text: &str, exit: Exit) -> Exit {
    output::print_text(text).err().unwrap_or(exit)
}
