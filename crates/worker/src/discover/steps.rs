//! The single runs of a suite binary that make up a discovery.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anstream::adapter::strip_str;
use bytes::Bytes;
use multibeam_ginkgo::catalog::CatalogError;
use multibeam_ginkgo::dryrun::{DryRun, Selection};
use multibeam_ginkgo::probe::{Probe, ProbeError, ProbeOutcome};
use multibeam_ginkgo::serial::Neighbours;
use multibeam_ginkgo::spec::SpecKey;
use multibeam_ginkgo::version::Version;
use tokio::sync::{mpsc, oneshot};

use super::error::Output;
use super::{Binary, DiscoverError, DiscoverOptions};
use crate::guard::clock::BootMillis;
use crate::guard::wire::Exit;
use crate::suite::process::{GuardProgram, Handle, Launch, spawn};
use crate::suite::server::Server;

/// Bytes of output looked at.
const READ: u64 = 1 << 20;

/// Exit status of a suite that passed with programmatic focus.
const FOCUSED: i32 = 197;

/// Further orders looked at to find the serial specs that stay together. Two leave about 1/n wrong
/// pairs among n specs, which matters for small suites only, and those are quick.
const FURTHER_ORDERS: i64 = 4;

const VERSION_TIMEOUT: Duration = Duration::from_secs(30);

pub(super) struct Steps<'a> {
    pub(super) guard: &'a GuardProgram,
    pub(super) options: &'a DiscoverOptions,
    pub(super) binary: &'a Binary,
    pub(super) scratch: &'a Path,
}

impl Steps<'_> {
    async fn start(
        &self,
        spool: &str,
        args: Vec<String>,
        timeout: Duration,
    ) -> Result<Handle, DiscoverError> {
        // The guard sees to the time limit: a discovery's lease is never renewed.
        let lease = BootMillis::now().after(timeout);
        let options = self.options;
        let mut launch =
            Launch::new(&self.binary.path, &options.directory, &self.scratch.join(spool), lease)
                .args(args);
        launch.env.extend(options.env.iter().cloned());
        Ok(spawn(self.guard, launch).await?)
    }

    /// What a program has said, without the colours that Ginkgo gives it on any output.
    fn said(handle: &Handle) -> String {
        strip_str(&handle.output_tail(READ)).to_string()
    }

    fn output(handle: &Handle) -> Output {
        Output::of(&Self::said(handle))
    }

    fn suite(&self) -> PathBuf {
        self.binary.path.clone()
    }

    fn timed_out(&self, what: &'static str, handle: &Handle) -> DiscoverError {
        DiscoverError::TimedOut {
            suite: self.suite(),
            what,
            seconds: self.options.timeout.as_secs(),
            output: Self::output(handle),
        }
    }

    /// The JSON report of a dry run, and the Ginkgo version that its output names; `shuffled` for
    /// all groups in the order of `seed`.
    pub(super) async fn dry_run(
        &self,
        seed: i64,
        shuffled: bool,
    ) -> Result<(Bytes, Option<Version>), DiscoverError> {
        let name = format!("dry-run-{seed}-{shuffled}");
        let path = self.scratch.join(format!("{name}.json"));
        let report = path.to_str().ok_or_else(|| {
            let name = std::io::Error::new(std::io::ErrorKind::InvalidInput, "it is not UTF-8");
            DiscoverError::io(format!("use the cache directory {}", path.display()))(name)
        })?;
        let options = &self.options.options;
        let args = if shuffled {
            options.reordered_dry_run(report, seed)
        } else {
            options.dry_run(report, seed)
        };
        let mut handle = self.start(&format!("{name}.log"), args, self.options.timeout).await?;
        let exit = handle.wait().await;
        if exit == Exit::LeaseExpired {
            return Err(self.timed_out("list its specs", &handle));
        }
        let text = Self::said(&handle);
        match (exit, tokio::fs::read(&path).await) {
            (Exit::Code(0 | FOCUSED), Ok(report)) => {
                // Each is read once and may be large.
                let _ = tokio::fs::remove_file(&path).await;
                Ok((report.into(), Version::in_output(&text)))
            }
            (exit, Ok(_)) => Err(self.no_dry_run(Listing::Failed, exit, &text)),
            (exit, Err(_)) => Err(self.no_dry_run(Listing::of(&text), exit, &text)),
        }
    }

    fn no_dry_run(&self, listing: Listing, exit: Exit, text: &str) -> DiscoverError {
        let (suite, output) = (self.suite(), Output::of(text));
        match listing {
            Listing::Failed => DiscoverError::DryRunFailed { suite, exit, output },
            Listing::Version1 => DiscoverError::GinkgoV1 { suite },
            Listing::Foreign => DiscoverError::NotGinkgo { suite, exit, output },
        }
    }

    /// Runs the probe.
    pub(super) async fn probe(&self, randomize_all: bool) -> Result<ProbeOutcome, DiscoverError> {
        let what = "open a port on the loopback interface";
        let server = Server::bind().await.map_err(DiscoverError::io(what))?;
        let host = server.urls().of(1);
        let (incoming_tx, mut incoming) = mpsc::channel(1);
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = server.run(incoming_tx, async {
            // Dropped or used, both mean stop.
            let _ = stopped.await;
        });

        let args = self.options.options.probe(&host, self.options.seed, randomize_all);
        let mut handle = self.start("probe.log", args, self.options.timeout).await?;
        let conversation = async {
            let mut probe = Probe::new();
            let mut failure: Option<ProbeError> = None;
            let exit = loop {
                tokio::select! {
                    exit = handle.wait() => break exit,
                    Some(message) = incoming.recv() => match probe.handle(message.request) {
                        Ok(answer) => {
                            // A killed process takes no answer.
                            let _ = message.reply.send(answer);
                        }
                        Err(error) => {
                            failure.get_or_insert(error);
                            handle.kill().await;
                        }
                    },
                }
            };
            drop(stop);
            (exit, failure.map_or_else(|| probe.finish(), Err))
        };
        let ((exit, outcome), ()) = tokio::join!(conversation, serving);
        if exit == Exit::LeaseExpired {
            return Err(self.timed_out("answer the probe", &handle));
        }
        outcome.map_err(|source| DiscoverError::Probe {
            suite: self.suite(),
            exit,
            output: Self::output(&handle),
            source,
        })
    }

    /// Pairs of serial specs that follow each other in every order: parts of Ordered containers.
    pub(super) async fn lasting_neighbours(
        &self,
        dry_run: &DryRun,
        probe: &ProbeOutcome,
    ) -> Result<Neighbours, DiscoverError> {
        let mut lasting = Neighbours::of(&probe.serial);
        lasting.intersect(&Neighbours::of(dry_run.specs.iter().map(|spec| &spec.header)));
        let selected = selected_among(dry_run, probe);
        // With one serial spec to run there is nothing to divide.
        if selected < 2 || lasting.is_empty() {
            return Ok(lasting);
        }
        // Two are wanted in any case, and each takes as long as a suite takes to begin.
        let (first, second) = tokio::try_join!(self.further_order(1), self.further_order(2))?;
        lasting.intersect(&first);
        let mut before = lasting.clone();
        lasting.intersect(&second);
        for further in 3..=FURTHER_ORDERS {
            if lasting.is_empty() || lasting == before {
                break;
            }
            before = lasting.clone();
            lasting.intersect(&self.further_order(further).await?);
        }
        Ok(lasting)
    }

    /// Which specs follow each other in another order.
    async fn further_order(&self, further: i64) -> Result<Neighbours, DiscoverError> {
        let seed = self.options.seed.wrapping_add(further);
        let (report, _) = self.dry_run(seed, true).await?;
        let order = DryRun::parse(&report)
            .map_err(|source| DiscoverError::DryRunReport { suite: self.suite(), source })?;
        Ok(Neighbours::of(order.specs.iter().map(|spec| &spec.header)))
    }

    /// What `--version` prints, if it looks like a version. `e2e.test` knows the flag; another
    /// suite refuses it before it does anything.
    pub(super) async fn suite_version(&self) -> Option<String> {
        let args = vec!["--version".to_owned()];
        let mut handle = self.start("version.log", args, VERSION_TIMEOUT).await.ok()?;
        let exit = handle.wait().await;
        let output = handle.output_tail(READ);
        let line = output.trim();
        (exit.is_success() && looks_like_version(line)).then(|| line.to_owned())
    }
}

/// Why a program left no report of a dry run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Listing {
    /// A Ginkgo 2 suite that refused something.
    Failed,
    /// A suite of Ginkgo 1: it knows the flag under its old name.
    Version1,
    /// Something else.
    Foreign,
}

impl Listing {
    /// A Go program prints all its flags when it refuses one, each on an indented line; other
    /// programs repeat the one that they refuse. Ginkgo says itself that a filter cannot be read.
    fn of(output: &str) -> Self {
        let refuses = |flag: &str| output.contains(&format!("not defined: -ginkgo.{flag}"));
        let is_flag = |line: &str| {
            line.starts_with([' ', '\t'])
                && line.trim_start().trim_start_matches('-').starts_with("ginkgo.dry-run")
        };
        if refuses("dry-run") && output.contains("-ginkgo.dryRun") {
            Self::Version1
        } else if output.lines().any(is_flag) && !refuses("dry-run")
            || output.contains("Ginkgo detected configuration issues")
        {
            Self::Failed
        } else {
            Self::Foreign
        }
    }
}

/// Before Ginkgo 2.7 a suite that ranges over a Go map has another order in every process.
pub(super) fn expect_same_order(
    first: &ProbeOutcome,
    second: &ProbeOutcome,
) -> Result<(), DiscoverError> {
    let keys = |probe: &ProbeOutcome| -> Vec<Vec<SpecKey>> {
        let groups = probe.parallel.iter().chain([&probe.serial]);
        groups.map(|group| group.iter().map(|spec| spec.key()).collect()).collect()
    };
    let (first, second) = (keys(first), keys(second));
    if first == second {
        return Ok(());
    }
    let moved = first.iter().zip(&second).find(|(a, b)| a != b);
    let spec = moved
        .and_then(|(a, _)| a.first())
        .map_or_else(|| "the number of groups".to_owned(), ToString::to_string);
    Err(CatalogError::OrderVaries { spec }.into())
}

fn selected_among(dry_run: &DryRun, probe: &ProbeOutcome) -> usize {
    use std::collections::BTreeSet;

    let serial: BTreeSet<SpecKey> = probe.serial.iter().map(|spec| spec.key()).collect();
    let selected = dry_run.specs.iter().filter(|spec| spec.selection() == Selection::Selected);
    selected.filter(|spec| serial.contains(&spec.header.key())).count()
}

/// `v1.36.2`, `v1.37.0-alpha.1+dirty`.
fn looks_like_version(text: &str) -> bool {
    let Some(numbers) = text.strip_prefix('v') else {
        return false;
    };
    let release = numbers.split(['-', '+']).next().unwrap_or_default();
    let numbers: Vec<&str> = release.split('.').collect();
    let digits = |number: &&str| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    numbers.len() == 3 && numbers.iter().all(digits) && !text.contains(char::is_whitespace)
}

#[cfg(test)]
mod tests {
    use super::{Listing, looks_like_version};

    #[test]
    fn tells_programs_by_the_flags_they_print() {
        let refusal = "flag provided but not defined: -ginkgo.dry-run\nUsage:\n";
        assert_eq!(Listing::of(&format!("{refusal}  -test.v\n")), Listing::Foreign);
        assert_eq!(Listing::of(&format!("{refusal}  -ginkgo.dryRun\n")), Listing::Version1);
        let own = "flag provided but not defined: -x\nUsage:\n  --ginkgo.dry-run\n";
        assert_eq!(Listing::of(own), Listing::Failed);
        assert_eq!(Listing::of("hello"), Listing::Foreign);
        for repeats in ["ls: unrecognized option '--ginkgo.dry-run'\n", "--ginkgo.dry-run --x\n"] {
            assert_eq!(Listing::of(repeats), Listing::Foreign);
        }
    }

    #[test]
    fn versions_look_like_versions() {
        for version in ["v1.36.2", "v1.37.0-alpha.1.5+abc"] {
            assert!(looks_like_version(version), "{version}");
        }
        for other in ["", "v", "v1.2", "1.2.3", "v1.2.x", "v1.2.3 and more", "v1..3"] {
            assert!(!looks_like_version(other), "{other}");
        }
    }
}
