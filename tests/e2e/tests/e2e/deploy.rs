//! The units in deploy/systemd, with the examples of their environment, start a whole system: three
//! aggregators, two coordinators, and a worker for each of two clusters, set up as deploy/README.md
//! says. Only addresses are other ones, since all hosts are this machine.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use multibeam_e2e::{
    Program, Results, Scratch, assert_rendered_as_by_ginkgo, suites, trace, wait_for,
};
use serde_json::json;

use crate::support::lab::{Cluster, Lab, shaped};
use crate::support::units::{Installed, Service, Site};

const LEDGER: [&str; 3] = ["ledger-1", "ledger-2", "ledger-3"];
const RUNS: [&str; 2] = ["runs-1", "runs-2"];
const CLUSTERS: [&str; 2] = ["east", "west"];
/// One target for both, and one that nobody else can run, so that both have something to do.
const TARGETS: [(&str, &[&str]); 2] = [("both", &CLUSTERS), ("west", &["west"])];

/// A part of the suite that is soon over, and how many specs it has.
const FOCUS: &str = r"\[sig-(auth|cli|instrumentation|scheduling)\]";
const SPECS: usize = 40;

/// A system of installed units.
struct System<'a> {
    site: Site,
    aggregators: Vec<Installed>,
    coordinators: Vec<Installed>,
    workers: Vec<Installed>,
    _clusters: Vec<Cluster<'a>>,
}

impl<'a> System<'a> {
    fn install(lab: &'a Lab) -> Self {
        let mut site = Site::new(&[&LEDGER[..], &RUNS].concat());
        let _ = site.scratch.run(["pki", "issue", "user", "--name", "me"]).expect(0);
        let aggregators = (1..).zip(LEDGER);
        let aggregators = aggregators
            .map(|(node, host)| site.install(Some(host), &Service::aggregator(node)))
            .collect();
        let coordinators = ["coordinator-1", "coordinator-2"].into_iter().zip(RUNS);
        let coordinators = coordinators
            .map(|(name, host)| site.install(Some(host), &Service::coordinator(name)))
            .collect();
        let suite = suites::shaped(suites::KUBERNETES);
        let clusters: Vec<_> = CLUSTERS.iter().map(|name| lab.cluster(name)).collect();
        let workers = clusters.iter().map(|cluster| {
            let files = [
                (format!("worker-{}.kubeconfig", cluster.name), cluster.kubeconfig.clone()),
                // The kubeconfig names it.
                ("ca.crt".to_owned(), cluster.server.dir.path().join("ca.crt")),
            ];
            site.install(None, &Service::worker(cluster.name, &suite, &files))
        });
        let workers = workers.collect();
        Self { site, aggregators, coordinators, workers, _clusters: clusters }
    }

    fn all(&mut self) -> impl Iterator<Item = &mut Installed> {
        self.workers.iter_mut().chain(&mut self.coordinators).chain(&mut self.aggregators)
    }

    /// A user's command at the coordinators.
    fn user(&self, args: &[&str]) -> Program {
        let endpoints = RUNS.map(|host| format!("https://{}:7400", self.site.address(host)));
        let certificate = ["--ca", "pki/ca.pem", "--cert", "pki/user-me.pem"];
        let mut args = args.to_vec();
        let endpoints = endpoints.join(",");
        args.extend(["--endpoint", &endpoints]);
        args.extend(certificate);
        args.extend(["--key", "pki/user-me.key"]);
        self.site.scratch.start(args)
    }

    /// Waits until each service says that it can do its work; one coordinator stands by.
    fn wait_until_ready(&self) {
        for service in self.aggregators.iter().chain(&self.workers) {
            service.wait_until_ready();
        }
        wait_for("one coordinator in office", || {
            (self.coordinators.iter().filter(|unit| unit.is_ready()).count() == 1).then_some(())
        });
    }

    /// What services have written outside of the directories that systemd gives them.
    fn files_elsewhere(&self) -> Vec<PathBuf> {
        let hosts = std::fs::read_dir(self.site.scratch.path()).unwrap().flatten();
        let hosts = hosts.filter(|entry| entry.file_name().to_string_lossy().starts_with("host-"));
        let entries = hosts.flat_map(|host| std::fs::read_dir(host.path()).unwrap().flatten());
        let known = ["etc", "opt", "usr", "var"];
        let paths = entries.map(|entry| entry.path());
        paths.filter(|path| !known.iter().any(|name| path.ends_with(name))).collect()
    }
}

/// Everything passed, once in each target, and the suites' own traces say so too.
fn assert_whole(scratch: &Scratch, results: &Results) {
    for (target, _) in TARGETS {
        let report = results.report(target);
        assert!(report.suite_succeeded);
        assert_eq!(report.count("passed"), SPECS);
        assert_rendered_as_by_ginkgo(suites::KUBERNETES, &results.target_dir(target));
    }
    let mut executions = Vec::new();
    for cluster in CLUSTERS {
        let of_cluster = trace::executions(&scratch.trace(cluster));
        trace::assert_serial_alone(cluster, &of_cluster);
        executions.extend(of_cluster);
    }
    let times = trace::times_run(&executions);
    assert_eq!(times.len(), SPECS);
    assert!(times.values().all(|times| *times == TARGETS.len()), "{times:?}");
}

/// Every service tells what operators were promised, and nothing that they were not told of.
fn assert_metrics(system: &System<'_>) {
    let page =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operations.md"));
    let page = page.unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    let names = rows.flat_map(|line| line.split('|').nth(1).unwrap().split('`').skip(1).step_by(2));
    let promised: BTreeSet<&str> = names
        .filter(|name| name.starts_with("multibeam_") || name.starts_with("process_"))
        .collect();
    let mut sums: BTreeMap<String, f64> = BTreeMap::new();
    for unit in system.aggregators.iter().chain(&system.coordinators).chain(&system.workers) {
        for line in unit.page("/metrics").unwrap().lines().filter(|line| !line.starts_with('#')) {
            let (name, value) = line.split_once(['{', ' ']).unwrap();
            let value = value.rsplit(' ').next().unwrap();
            let family =
                ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
            let family = family.filter(|name| promised.contains(name)).unwrap_or(name);
            *sums.entry(family.to_owned()).or_default() += value.parse::<f64>().unwrap();
        }
    }
    let told: BTreeSet<&str> = sums.keys().map(String::as_str).collect();
    assert_eq!(told, promised, "what /metrics has, and what docs/operations.md has");
    let of = |name: &str| sums[name];
    assert!(of("multibeam_coordinator_epoch") == 1.0, "one is in office");
    assert!(of("multibeam_coordinator_workers") == CLUSTERS.len() as f64);
    assert!(of("multibeam_coordinator_hand_outs_total") >= 2.0);
    assert!(of("multibeam_coordinator_attempts_lost_total") == 0.0);
    let [given, taken] =
        ["multibeam_coordinator_hand_outs_total", "multibeam_worker_hand_outs_total"].map(of);
    assert!(given == taken, "{given} groups were handed out, {taken} arrived");
    assert!(of("multibeam_worker_reports_total") >= (SPECS * TARGETS.len()) as f64);
    assert!(of("multibeam_worker_reports_waiting") == 0.0);
    assert!(of("multibeam_worker_lease_left_seconds") > 0.0);
}

#[test]
fn the_units_start_a_system_that_runs_suites() {
    let lab = Lab::new();
    let mut system = System::install(&lab);
    // All at once, in no order, as when the power comes back.
    system.all().for_each(Installed::start);
    system.wait_until_ready();
    system.all().for_each(|unit| unit.reload());

    // Only workers know where clusters and suites are.
    let file =
        shaped(1000).set(&["suite", "binary"], "e2e.test").set(&["suite", "focus"], json!([FOCUS]));
    let file = TARGETS.into_iter().fold(file, |file, (name, clusters)| file.target(name, clusters));
    let path = system.site.scratch.run_file("run.yaml", file);
    let _ = system.user(&["run", "--plain", "-f", path.to_str().unwrap()]).wait().expect(0);
    let results = system.site.scratch.results();
    assert_whole(&system.site.scratch, &results);

    assert_metrics(&system);

    // The same command lines go on from what they left.
    system.aggregators.iter_mut().for_each(Installed::stop);
    system.aggregators.iter_mut().for_each(Installed::start);
    system.wait_until_ready();
    let run = results.run();
    let again = system.site.scratch.path().join("again");
    let _ = system.user(&["results", &run, "--to", again.to_str().unwrap()]).wait().expect(0);
    let again = Results::at(again);
    for (target, _) in TARGETS {
        for name in ["report.json", "junit_01.xml", "e2e.log"] {
            let read = |of: &Results| std::fs::read(of.target_dir(target).join(name)).unwrap();
            assert!(read(&results) == read(&again), "{name} of {target} is another one");
        }
    }
    system.all().for_each(Installed::stop);
    assert_eq!(system.files_elsewhere(), Vec::<PathBuf>::new());
}
