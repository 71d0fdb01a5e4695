//! `multibeam check`

use std::path::Path;

use multibeam_runfile as runfile;
use serde_json::{Value, json};

use crate::args::{CheckArgs, ColorChoice};
use crate::exit::Exit;
use crate::view::count;
use crate::{convert, load, output};

/// Says whether a run file is good, or prints the schema of run files.
#[must_use]
pub fn run(args: &CheckArgs, color: ColorChoice) -> Exit {
    match &args.file {
        // The command line asks for one of the two.
        None => print(&runfile::schema_text(), Exit::SUCCESS),
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
    let mut text = serde_json::to_string_pretty(&found).expect("a JSON value always serializes");
    text.push('\n');
    print(&text, exit)
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
