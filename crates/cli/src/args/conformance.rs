//! `multibeam verify` and `multibeam conformance`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use multibeam_conformance::Minor;

use super::Place;

/// `multibeam verify`
#[derive(Args, Debug)]
#[command(after_help = "\
Exit status:
  0  verified
  1  not verified: at least one error (with --strict: or warning)
  2  could not tell: the release, or what it requires, is not known
  3  the input is wrong: nothing there, an archive that is refused, or one list for several releases
  4  the environment gave out while reading")]
pub struct VerifyArgs {
    /// Submissions (vX.Y/PRODUCT), results of runs, Sonobuoy tarballs (.tar, .tar.gz, .tar.zst), or
    /// e2e.log and junit_01.xml themselves.
    #[arg(value_name = "PATH", required_unless_present = "rules")]
    pub paths: Vec<PathBuf>,

    /// The release that the results are claimed for; else that of the directory, else of the log.
    #[arg(long, value_name = "vX.Y")]
    pub release: Option<Minor>,

    /// The newest release of Kubernetes, which says what still qualifies; else the newest known.
    #[arg(long, value_name = "vX.Y")]
    pub latest: Option<Minor>,

    /// Take the required tests from the suite binary that ran.
    #[arg(long, value_name = "FILE", conflicts_with = "required")]
    pub suite: Option<PathBuf>,

    /// Take the required tests from a conformance.yaml.
    #[arg(long, value_name = "FILE")]
    pub required: Option<PathBuf>,

    /// The title of the pull request.
    #[arg(long, value_name = "TITLE")]
    pub pr_title: Option<String>,

    /// A file with the paths that the pull request changes, one per line (git diff --name-only).
    #[arg(long, value_name = "FILE")]
    pub changed_files: Option<PathBuf>,

    /// How many commits the pull request has.
    #[arg(long, value_name = "N")]
    pub commits: Option<u32>,

    /// Make no network call (the default).
    #[arg(long, conflicts_with = "online")]
    pub offline: bool,

    /// Ask the web servers whether the URLs of PRODUCT.yaml lead to pages.
    #[arg(long)]
    pub online: bool,

    /// Let warnings count like errors.
    #[arg(long)]
    pub strict: bool,

    /// How to print.
    #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
    pub format: ReportFormat,

    /// The same as --format json.
    #[arg(long, conflicts_with = "format")]
    pub json: bool,

    /// List all rules instead.
    #[arg(long, conflicts_with = "paths")]
    pub rules: bool,
}

/// How to print what was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// For people.
    Text,
    /// One JSON object.
    Json,
    /// JUnit, a case per rule.
    Junit,
    /// SARIF 2.1.0.
    Sarif,
    /// GitHub's workflow annotations.
    Github,
}

/// `multibeam conformance`
#[derive(Args, Debug)]
pub struct ConformanceArgs {
    /// What to show.
    #[command(subcommand)]
    pub command: ConformanceCommand,
}

/// What to show.
#[derive(Debug, Subcommand)]
pub enum ConformanceCommand {
    /// The tests that a release requires, with the release that promoted each; of the newest release that
    /// is built in when no list is named.
    List(ListsArgs),
    /// What changed from one list to another, of which it takes two, the older first: added, removed,
    /// renamed, by SIG.
    Diff(ListsArgs),
    /// A list in numbers: by SIG, Serial, Slow, Disruptive, LinuxOnly, and how long they take; of the newest
    /// release that is built in when no list is named.
    Stats(StatsArgs),
}

/// Which lists.
#[derive(Args, Debug)]
pub struct ListsArgs {
    /// Releases such as v1.36, conformance.yaml files, or suite binaries.
    #[arg(value_name = "LIST")]
    pub lists: Vec<String>,

    /// A conformance.yaml or a suite binary as the last of the lists: with `diff` the newer one.
    #[arg(long, value_name = "FILE|BINARY")]
    pub from: Option<PathBuf>,

    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// `multibeam conformance stats`
#[derive(Args, Debug)]
pub struct StatsArgs {
    /// Which list.
    #[command(flatten)]
    pub lists: ListsArgs,

    /// Where the durations of earlier runs are.
    #[command(flatten)]
    pub place: Place,
}
