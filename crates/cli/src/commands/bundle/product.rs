//! Where the product comes from: a product file, or whoever sits at the terminal.

use std::fs::{self, File};
use std::io::{self, ErrorKind, IsTerminal as _, Write as _};
use std::path::Path;

use multibeam_bundle::{Parsed, ProductFile, ask, parse};
use multibeam_runfile::Diagnostics;

use crate::args::{BundleArgs, ColorChoice};
use crate::exit::Exit;
use crate::load::styles;

/// The file that is looked for when none is named.
const DEFAULT: &str = "product.yaml";

/// Reads the product file; without one asks for its content, if there is a terminal to ask.
pub(super) fn file(args: &BundleArgs, color: ColorChoice) -> Result<ProductFile, Exit> {
    let path = args.product.as_deref().unwrap_or(Path::new(DEFAULT));
    let can_ask = io::stdin().is_terminal() && io::stderr().is_terminal();
    match fs::read(path) {
        Ok(bytes) => told(parse(&path.display().to_string(), &bytes), color),
        Err(error) if error.kind() == ErrorKind::NotFound && args.product.is_none() && can_ask => {
            asked(path)
        }
        Err(error) => Err(unread(path, &error)),
    }
}

fn unread(path: &Path, error: &io::Error) -> Exit {
    eprintln!("error: cannot read the product file {}: {error}", path.display());
    eprintln!("  (hint: `multibeam init --example product > {DEFAULT}` writes one)");
    Exit::INPUT
}

/// What a product file says. Mistakes and warnings go to standard error.
pub(in crate::commands) fn told(
    parsed: Result<Parsed, Diagnostics>,
    color: ColorChoice,
) -> Result<ProductFile, Exit> {
    let (found, file) = match parsed {
        Ok(parsed) => (parsed.warnings, Ok(parsed.file)),
        Err(mistakes) => (mistakes, Err(Exit::INPUT)),
    };
    eprint!("{}", found.render(&styles(color)));
    file
}

/// Asks, and keeps the answers, so that they are given once.
fn asked(path: &Path) -> Result<ProductFile, Exit> {
    let failed = |error: io::Error| {
        eprintln!("error: cannot ask for the product: {error}");
        Exit::ENVIRONMENT
    };
    let Some(file) = ask::ask(&mut io::stdin().lock(), &mut io::stderr()).map_err(failed)? else {
        eprintln!("\nerror: expected an answer to every question (hint: or give --product FILE)");
        return Err(Exit::INPUT);
    };
    let kept =
        File::create_new(path).and_then(|mut out| out.write_all(ask::file_text(&file).as_bytes()));
    match kept {
        Ok(()) => eprintln!("\nThe answers are kept in {}.\n", path.display()),
        Err(error) => eprintln!("\nnote: cannot keep the answers in {}: {error}\n", path.display()),
    }
    Ok(file)
}
