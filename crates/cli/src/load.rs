//! From the path of a run file to a run that can be started.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use multibeam_model::run::RunSpec;
use multibeam_runfile::{Diagnostics, Mention, Mode, RunFile, Styles};

use crate::args::{ColorChoice, Place};
use crate::convert;
use crate::exit::Exit;
use crate::on_disk::{self, Extent};
use crate::view::Style;

/// A run file that has been read.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What it says.
    pub file: RunFile,
    /// The same as the other parts of Multibeam understand it; paths are absolute.
    pub run: RunSpec,
    /// The directory of the run file, absolute: where its relative paths begin.
    pub directory: PathBuf,
    /// `results.dir` of the run file, absolute.
    pub results: PathBuf,
    /// Its name, for findings about it.
    pub name: String,
    /// What it names on the disk, with the places where it does.
    pub mentions: Vec<Mention>,
}

impl Loaded {
    /// The results directory that counts: the command line wins over the run file.
    #[must_use]
    pub fn results_at<'a>(&'a self, place: &'a Place) -> &'a Path {
        place.results.as_deref().unwrap_or(&self.results)
    }
}

/// A file that was read, before anybody knows what it is.
#[derive(Debug)]
pub(crate) struct Source {
    /// Its name, for findings about it.
    pub(crate) name: String,
    /// All of it.
    pub(crate) bytes: Vec<u8>,
    /// Its directory, absolute.
    directory: PathBuf,
}

/// Reads a run file, whose specs a mode may select, and holds it against the disk. Mistakes and
/// warnings go to standard error.
///
/// # Errors
/// [`Exit::INPUT`] when the file cannot be read or has mistakes, which have then been shown.
pub fn load(
    path: &Path,
    mode: Option<Mode>,
    extent: Extent,
    color: ColorChoice,
) -> Result<Loaded, Exit> {
    loaded(Source::read(path)?, mode, extent, color)
}

/// Does the same with what was read before.
///
/// # Errors
/// [`Exit::INPUT`] when it has mistakes, which have then been shown.
pub(crate) fn loaded(
    source: Source,
    mode: Option<Mode>,
    extent: Extent,
    color: ColorChoice,
) -> Result<Loaded, Exit> {
    let (loaded, found) = examine(source, mode, extent);
    if !found.is_empty() {
        eprint!("{}", found.render(&styles(color)));
    }
    loaded.ok_or(Exit::INPUT)
}

/// Does the same, and leaves it to the caller to show what was found.
pub(crate) fn examine(
    source: Source,
    mode: Option<Mode>,
    extent: Extent,
) -> (Option<Loaded>, Diagnostics) {
    let Source { name, bytes, directory } = source;
    let examined = multibeam_runfile::examine(&name, &bytes, mode);
    let mentions = examined.mentions;
    let found = examined.found.and(on_disk::check(&mentions, &directory, extent));
    let good = examined.run.filter(|_| !found.has_errors());
    let loaded = good.map(|file| Loaded {
        run: convert::run_spec(&file, &directory),
        results: convert::absolute(&directory, &file.results.dir),
        file,
        directory,
        name,
        mentions,
    });
    (loaded, found)
}

// === impl Source ===

impl Source {
    /// Reads a file. `-` is standard input, whose relative paths begin at the working directory.
    ///
    /// # Errors
    /// [`Exit::INPUT`] when it cannot be read, which has then been said.
    pub(crate) fn read(path: &Path) -> Result<Self, Exit> {
        let result = if path == Path::new("-") {
            let mut bytes = Vec::new();
            std::io::Read::read_to_end(&mut std::io::stdin().lock(), &mut bytes)
                .and_then(|_| Ok((bytes, std::env::current_dir()?)))
        } else {
            std::fs::read(path).and_then(|bytes| {
                let directory = std::path::absolute(path)?;
                let directory = directory.parent().unwrap_or(Path::new("/"));
                Ok((bytes, directory.to_owned()))
            })
        };
        let name = path.display().to_string();
        let read = result.map(|(bytes, directory)| Self { name, bytes, directory });
        read.map_err(|error| {
            eprintln!("error: cannot read the run file {}: {error}", path.display());
            if error.kind() == std::io::ErrorKind::NotFound {
                eprintln!("  (hint: `multibeam init > run.yaml` writes one)");
            }
            Exit::INPUT
        })
    }
}

/// Colours for findings on standard error.
pub(crate) fn styles(color: ColorChoice) -> Styles {
    if Style::new(color, std::io::stderr().is_terminal()).color {
        Styles::ANSI
    } else {
        Styles::PLAIN
    }
}
