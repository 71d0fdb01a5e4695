//! `multibeam bundle`.

use std::path::PathBuf;

use clap::Args;
use multibeam_conformance::Minor;

/// `multibeam bundle`
#[derive(Args, Debug)]
#[command(after_help = "\
Writes for each target:
  DIR/vX.Y/PRODUCT/{PRODUCT.yaml,README.md,e2e.log,junit_01.xml}
  DIR/pull-requests/vX.Y-PRODUCT/{title.txt,body.md}
and with --archive DIR/vX.Y-PRODUCT.tar.gz and DIR/SHA256SUMS.

Exit status:
  0  every submission is there and verified (with --force: is there)
  1  at least one is not verified, and was not written
  2  at least one could not be verified, and was not written
  3  the input is wrong
  4  the environment gave out

  multibeam init --example product > product.yaml
  multibeam bundle RUN-1.34 RUN-1.35 RUN-1.36 --archive")]
pub struct BundleArgs {
    /// The runs: ids of runs in --results, or directories with a run.json; the newest run when
    /// absent.
    #[arg(value_name = "RUN")]
    pub runs: Vec<String>,

    /// The directory that holds the results of runs.
    #[arg(long, value_name = "DIR", default_value = "results", env = "MULTIBEAM_RESULTS")]
    pub results: PathBuf,

    /// The product file; product.yaml when absent. Without one a terminal is asked.
    #[arg(long, value_name = "FILE")]
    pub product: Option<PathBuf>,

    /// Only this target; can be repeated.
    #[arg(long, value_name = "NAME")]
    pub target: Vec<String>,

    /// Where to write.
    #[arg(long, value_name = "DIR", default_value = "bundle")]
    pub to: PathBuf,

    /// Also write each submission as one archive, and checksums of everything.
    #[arg(long)]
    pub archive: bool,

    /// Write what is not verified, too.
    #[arg(long)]
    pub force: bool,

    /// The newest release of Kubernetes: it and the two before it qualify, whatever the product
    /// file says.
    #[arg(long, value_name = "vX.Y")]
    pub latest: Option<Minor>,

    /// Take the required tests from the suite binary that ran.
    #[arg(long, value_name = "FILE", conflicts_with = "required")]
    pub suite: Option<PathBuf>,

    /// Take the required tests from a conformance.yaml.
    #[arg(long, value_name = "FILE")]
    pub required: Option<PathBuf>,

    /// Let warnings count like errors.
    #[arg(long)]
    pub strict: bool,

    /// Print one JSON object: what `verify --json` prints, and what was written and refused.
    #[arg(long)]
    pub json: bool,
}
