//! What the user can type. Syntax only: nothing here looks at a file or a clock.

mod aggregator;
mod bundle;
mod compare;
mod conformance;
mod coordinator;
mod files;
mod history;
mod mode;
mod place;

use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue};
use clap::{Args, Parser, Subcommand, ValueEnum};

pub use aggregator::{
    AggregatorArgs, AggregatorCommand, AggregatorServeArgs, MemberArg, MembersPlace,
};
pub use bundle::BundleArgs;
pub use compare::{CompareArgs, ExportArgs, ExportFormat};
pub use conformance::{
    ConformanceArgs, ConformanceCommand, ListsArgs, ReportFormat, StatsArgs, VerifyArgs,
};
pub use coordinator::CoordinatorArgs;
pub use files::{CheckArgs, Example, InitArgs, SchemaOf};
pub use history::{
    HistoryArgs, HistoryCommand, HistoryExportArgs, HistoryImportArgs, HistoryListArgs,
};
pub use mode::ModeArg;
pub use place::{Place, TlsArgs};

/// Run a Ginkgo suite as many beams and get one report per target.
///
/// Multibeam shards the specs of a suite binary (such as Kubernetes' e2e.test) over workers on
/// several clusters, holds serial specs back for a phase of their own on each cluster, and merges
/// one e2e.log and one junit_01.xml per target.
#[derive(Debug, Parser)]
#[command(name = "multibeam", version, propagate_version = true, max_term_width = 100)]
#[command(after_help = "\
Exit status of run, attach, and status --watch:
  0  every selected spec passed
  1  specs failed
  2  incomplete: cancelled, fail-fast, or specs lost for good
  3  the input is wrong; nothing was started
  4  incomplete because the environment gave out

Start with:  multibeam init > run.yaml && multibeam list -f run.yaml && multibeam run -f run.yaml")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,

    /// When to use colours.
    #[arg(long, global = true, value_enum, default_value_t = ColorChoice::Auto, value_name = "WHEN")]
    pub color: ColorChoice,

    /// What to log on standard error, such as `info` or `multibeam_worker=debug`.
    #[arg(long, global = true, env = "MULTIBEAM_LOG", value_name = "FILTER")]
    pub log: Option<String>,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a commented run file (or product file) to standard output.
    Init(InitArgs),
    /// Show what a run file would run, without running it.
    List(ListArgs),
    /// Say how long a run file should take and why, without running it.
    Plan(PlanArgs),
    /// Run a run file.
    Run(Box<RunArgs>),
    /// Show how a run stands.
    Status(StatusArgs),
    /// Print the log of a run's targets.
    Logs(LogsArgs),
    /// Write a run's results, also those of a run that has not ended.
    Results(ResultsArgs),
    /// Say what differs between targets, and which labels explain it.
    Compare(CompareArgs),
    /// Write a run's results in the format of another tool.
    Export(ExportArgs),
    /// Follow a run in the live view.
    Attach(AttachArgs),
    /// Cancel a run: running specs are interrupted and clean up; what arrives counts.
    Cancel(CancelArgs),
    /// List the runs.
    Runs(RunsArgs),
    /// Show, write, or add how long specs took in earlier runs: plans and schedules rest on it.
    History(HistoryArgs),
    /// Check a run file or a product file, or print the JSON schema of such files.
    Check(CheckArgs),
    /// Hold results or a submission against the rules of the certification.
    Verify(Box<VerifyArgs>),
    /// Make submissions vX.Y/PRODUCT of the results of runs, and verify them.
    Bundle(Box<BundleArgs>),
    /// Show which tests a release of Kubernetes requires, and what changed.
    Conformance(ConformanceArgs),
    /// Serve runs: the coordinator.
    Coordinator(CoordinatorArgs),
    /// Keep the ledger: an aggregator, alone or in a group of three or five.
    Aggregator(Box<AggregatorArgs>),
    /// Offer suite processes for one cluster: a worker.
    Worker(WorkerArgs),
    /// Make certificates for coordinator, aggregator, and workers.
    Pki(PkiArgs),
}

/// `multibeam plan`
#[derive(Args, Debug)]
pub struct PlanArgs {
    /// The run file.
    #[arg(short, long, value_name = "FILE")]
    pub file: PathBuf,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// Also write the chart as an HTML file that needs nothing else.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Plan what this mode selects instead of what the run file does.
    #[arg(long, value_enum, value_name = "NAME")]
    pub mode: Option<ModeArg>,
    /// Where the durations of earlier runs are.
    #[command(flatten)]
    pub place: Place,
    /// What one suite process is taken to need.
    #[arg(long, value_name = "MIB", default_value_t = 256,
          value_parser = clap::value_parser!(u64).range(1..=1_048_576))]
    pub process_memory: u64,
}

/// `multibeam list`
#[derive(Args, Debug)]
pub struct ListArgs {
    /// The run file.
    #[arg(short, long, value_name = "FILE")]
    pub file: PathBuf,
    /// Only this target.
    #[arg(long, value_name = "NAME")]
    pub target: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// Print only the counts.
    #[arg(long)]
    pub counts: bool,
    /// List what this mode selects instead of what the run file does.
    #[arg(long, value_enum, value_name = "NAME")]
    pub mode: Option<ModeArg>,
    /// Use this seed (0 to 2147483647).
    #[arg(long, value_parser = clap::value_parser!(i64).range(0..=2_147_483_647))]
    pub seed: Option<i64>,
}

/// `multibeam run`
#[derive(Args, Debug)]
#[command(
    override_usage = "multibeam run --file <FILE> [OPTIONS]
       multibeam run --resume [RUN] [OPTIONS]
       multibeam run --rerun-failed <RUN> [OPTIONS]",
    mut_arg("results", |results| results.help(
        "The directory for the results; when absent, what the run file says in `results.dir`"
    ))
)]
pub struct RunArgs {
    /// The run file.
    #[arg(short, long, value_name = "FILE", required_unless_present_any = ["resume", "rerun_failed"])]
    pub file: Option<PathBuf>,

    /// Run what this mode selects. The run file must not select anything else.
    #[arg(long, value_enum, value_name = "NAME", conflicts_with_all = ["resume", "rerun_failed"])]
    pub mode: Option<ModeArg>,

    /// Go on with a run that did not end; without a name the newest one. Specs with a result are not
    /// run again.
    #[arg(long, value_name = "RUN", conflicts_with_all = ["file", "rerun_failed"])]
    pub resume: Option<Option<String>>,

    /// With --resume: also when the run was cancelled. Specs that were interrupted then stay so.
    #[arg(long, requires = "resume")]
    pub force: bool,

    /// Run what failed in another run, as a new run that can not be certified.
    #[arg(long, value_name = "RUN", conflicts_with = "file")]
    pub rerun_failed: Option<String>,

    /// Where to write results, and with --endpoint where to submit the run.
    #[command(flatten)]
    pub place: Place,

    /// With --endpoint: submit and return at once.
    #[arg(long, requires = "endpoint")]
    pub detach: bool,

    /// Print events as JSON, one per line.
    #[arg(long, conflicts_with = "plain")]
    pub json: bool,

    /// Print lines instead of the live view.
    #[arg(long)]
    pub plain: bool,

    /// Use this seed (0 to 2147483647) instead of a random one.
    #[arg(long, value_parser = clap::value_parser!(i64).range(0..=2_147_483_647))]
    pub seed: Option<i64>,
}

/// `multibeam status`
#[derive(Args, Debug)]
pub struct StatusArgs {
    /// The run; the newest one when absent.
    pub run: Option<String>,
    /// Where it is.
    #[command(flatten)]
    pub place: Place,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// Go on until the run ends.
    #[arg(long)]
    pub watch: bool,
}

/// `multibeam logs`
#[derive(Args, Debug)]
pub struct LogsArgs {
    /// The run; the newest one when absent.
    pub run: Option<String>,
    /// Where it is.
    #[command(flatten)]
    pub place: Place,
    /// Go on until the run ends.
    #[arg(short, long)]
    pub follow: bool,
    /// Only this target.
    #[arg(long, value_name = "NAME")]
    pub target: Option<String>,
    /// Only specs whose text contains this.
    #[arg(long, value_name = "TEXT")]
    pub spec: Option<String>,
}

/// `multibeam results`
#[derive(Args, Debug)]
pub struct ResultsArgs {
    /// The run; the newest one when absent.
    pub run: Option<String>,
    /// Where it is.
    #[command(flatten)]
    pub place: Place,
    /// Print run.json.
    #[arg(long)]
    pub json: bool,
    /// Write the result files to this directory instead of the run's own.
    #[arg(long, value_name = "DIR")]
    pub to: Option<PathBuf>,
}

/// `multibeam attach`
#[derive(Args, Debug)]
pub struct AttachArgs {
    /// The run; the newest one when absent.
    pub run: Option<String>,
    /// Where it is.
    #[command(flatten)]
    pub place: Place,
    /// Print events as JSON, one per line.
    #[arg(long, conflicts_with = "plain")]
    pub json: bool,
    /// Print lines instead of the live view.
    #[arg(long)]
    pub plain: bool,
}

/// `multibeam cancel`
#[derive(Args, Debug)]
pub struct CancelArgs {
    /// The run; the newest one when absent.
    pub run: Option<String>,
    /// Where it is.
    #[command(flatten)]
    pub place: Place,
    /// Kill running specs instead of interrupting them.
    #[arg(long)]
    pub force: bool,
}

/// `multibeam runs`
#[derive(Args, Debug)]
pub struct RunsArgs {
    /// Where they are.
    #[command(flatten)]
    pub place: Place,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// `multibeam worker`
#[derive(Args, Debug)]
pub struct WorkerArgs {
    /// The cluster it belongs to, by its name in run files.
    #[arg(long, value_name = "NAME")]
    pub cluster: String,
    /// The cluster's kubeconfig. It never leaves this host. Absent for suites without a cluster.
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// The kubeconfig's context.
    #[arg(long, value_name = "NAME", requires = "kubeconfig")]
    pub context: Option<String>,
    /// The suite binary on this host, instead of the run file's path.
    #[arg(long, value_name = "FILE")]
    pub suite: Option<PathBuf>,
    /// How many suite processes to offer.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub processes: u32,
    /// Where to keep the output of its processes; `worker-NAME` when absent.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// The coordinators: the one in office, and those that stand by.
    #[arg(long, value_name = "URL", default_value = "https://localhost:7400")]
    pub coordinator: Vec<String>,
    /// The aggregators; any of a group will do, and all of them make it survive their loss.
    #[arg(long, value_name = "URL", default_value = "https://localhost:7401")]
    pub aggregator: Vec<String>,
    /// Where to serve /live, /ready, and /metrics; nowhere when absent.
    #[arg(long, value_name = "ADDR")]
    pub admin: Option<std::net::SocketAddr>,
    /// Certificates.
    #[command(flatten)]
    pub tls: TlsArgs,
}

/// `multibeam pki`
#[derive(Args, Debug)]
pub struct PkiArgs {
    /// What to make.
    #[command(subcommand)]
    pub command: PkiCommand,
}

/// What to make.
#[derive(Debug, Subcommand)]
pub enum PkiCommand {
    /// A certificate authority.
    Ca {
        /// Where to write it.
        #[arg(long, value_name = "DIR", default_value = "pki")]
        dir: PathBuf,
    },
    /// A certificate for one role.
    Issue {
        /// The role.
        #[arg(value_enum)]
        role: RoleArg,
        /// A worker's cluster, or a name for people.
        #[arg(long, value_name = "NAME", default_value = "default")]
        name: String,
        /// DNS names and IP addresses of the server (coordinator and aggregator).
        #[arg(long, value_name = "HOST", default_values_t = ["localhost".to_owned(), "127.0.0.1".to_owned()])]
        host: Vec<String>,
        /// Where the CA is and the certificate goes.
        #[arg(long, value_name = "DIR", default_value = "pki")]
        dir: PathBuf,
    },
}

/// Who a certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RoleArg {
    /// The coordinator.
    Coordinator,
    /// The aggregator.
    Aggregator,
    /// A worker of one cluster.
    Worker,
    /// A person or script that submits and follows runs.
    User,
}

/// What else a user may have meant whose command line is wrong: a run file without its flag.
#[must_use]
pub fn did_you_mean(error: &clap::Error) -> Option<String> {
    if error.kind() != clap::error::ErrorKind::UnknownArgument {
        return None;
    }
    let Some(ContextValue::String(found)) = error.get(ContextKind::InvalidArg) else {
        return None;
    };
    let is_file = [".yaml", ".yml"].iter().any(|end| found.ends_with(end));
    (is_file && !found.starts_with('-')).then(|| format!("(hint: did you mean `-f {found}`?)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistake(line: &[&str]) -> clap::Error {
        Cli::try_parse_from([&["multibeam"], line].concat()).unwrap_err()
    }

    #[test]
    fn a_run_file_without_its_flag_is_known_for_one() {
        let hint = did_you_mean(&mistake(&["run", "run.yaml"]));
        assert_eq!(hint.as_deref(), Some("(hint: did you mean `-f run.yaml`?)"));
        for other in [&["run", "now"][..], &["run", "--nope.yaml"], &["run"]] {
            assert_eq!(did_you_mean(&mistake(other)), None, "{other:?}");
        }
    }

    #[test]
    fn the_usage_of_run_has_all_its_ways() {
        let usage = mistake(&["run"]).to_string();
        for way in ["--file <FILE>", "--resume [RUN]", "--rerun-failed <RUN>"] {
            assert!(usage.contains(&format!("multibeam run {way}")), "{usage}");
        }
    }

    #[test]
    fn a_resume_needs_no_name() {
        let resume =
            |line: &[&str]| match Cli::try_parse_from([&["multibeam", "run"], line].concat()) {
                Ok(Cli { command: Command::Run(args), .. }) => args.resume,
                other => panic!("{other:?}"),
            };
        assert_eq!(resume(&["--resume"]), Some(None));
        assert_eq!(resume(&["--resume", "--force"]), Some(None));
        assert_eq!(resume(&["--resume", "r"]), Some(Some("r".to_owned())));
        assert_eq!(resume(&["-f", "run.yaml"]), None);
    }
}
