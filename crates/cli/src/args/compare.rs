//! `multibeam compare` and `multibeam export`: what can be made of results on disk.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// `multibeam compare`
#[derive(Args, Debug)]
#[command(after_help = "\
A run is the id of one in --results, or a directory with a run.json; or what another tool left: a
Sonobuoy tarball, or a directory with e2e.log and junit_01.xml such as Hydrophone's. The exit
status is 0 when the comparison was made, whatever fails in it.

  multibeam compare                                    # the newest run
  multibeam compare --earlier results/RUN1 --earlier results/RUN2 --html night.html
  multibeam compare OLD NEW --markdown >> CHANGES.md   # between two runs `run` is a label")]
pub struct CompareArgs {
    /// The runs whose targets to compare; the newest one when absent.
    #[arg(value_name = "RUN")]
    pub runs: Vec<String>,
    /// The directory that holds the results of runs.
    #[arg(long, value_name = "DIR", default_value = "results", env = "MULTIBEAM_RESULTS")]
    pub results: PathBuf,
    /// A run from before, which tells flaky failures from steady ones. Can be repeated.
    #[arg(long, value_name = "RUN")]
    pub earlier: Vec<String>,
    /// Only these labels may explain something.
    #[arg(long, value_name = "KEY", value_delimiter = ',')]
    pub by: Vec<String>,
    /// Print JSON.
    #[arg(long, conflicts_with = "markdown")]
    pub json: bool,
    /// Print Markdown, for a release note.
    #[arg(long)]
    pub markdown: bool,
    /// Write one self-contained page here as well.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

/// `multibeam export`
#[derive(Args, Debug)]
#[command(after_help = "\
sonobuoy writes DIR/TARGET.tar.gz, which `sonobuoy results` reads.
testgrid writes DIR/TARGET/BUILD/{started.json,finished.json,build-log.txt,artifacts/junit_01.xml},
where BUILD is the second in which the target's clock started.")]
pub struct ExportArgs {
    /// The run: the id of one in --results, or a directory with a run.json; the newest one when
    /// absent.
    #[arg(value_name = "RUN")]
    pub run: Option<String>,
    /// The directory that holds the results of runs.
    #[arg(long, value_name = "DIR", default_value = "results", env = "MULTIBEAM_RESULTS")]
    pub results: PathBuf,
    /// Whose format to write.
    #[arg(long, value_enum)]
    pub format: ExportFormat,
    /// Only this target.
    #[arg(long, value_name = "NAME")]
    pub target: Option<String>,
    /// Where to write; `FORMAT` in the run's directory when absent.
    #[arg(long, value_name = "DIR")]
    pub to: Option<PathBuf>,
}

/// A format of another tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// A tarball such as `sonobuoy retrieve` gives, one per target.
    Sonobuoy,
    /// The directory of a build that TestGrid and Prow's Spyglass take in, one per target; also
    /// called `prow`.
    #[value(alias = "prow")]
    Testgrid,
}
