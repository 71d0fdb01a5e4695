//! What a run gives that nothing disturbs, and whether a disturbed one gives the same.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use multibeam_e2e::{
    Outcome, Results, RunFile, Scratch, assert_plain_zoo, assert_rendered_as_by_ginkgo,
    assert_same, suites, trace,
};
use serde_json::Value;

/// The Ginkgo of both suites.
const VERSION: &str = suites::KUBERNETES;
/// The only target of a run.
const TARGET: &str = "t";
/// Its clusters.
pub(super) const CLUSTERS: [&str; 2] = ["a", "b"];

/// What is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Suite {
    /// The conformance-shaped one, in which everything passes.
    Shaped,
    /// The zoo, in which much fails by intent.
    Zoo,
}

impl Suite {
    /// A run of it that lasts for so long that faults fall into its parallel part, or one that ends
    /// soon.
    pub(super) fn run_file(self, slow: bool) -> RunFile {
        let file = match self {
            Self::Shaped => RunFile::new(&suites::shaped(VERSION))
                .env("SHAPED_SCALE", if slow { "100" } else { "6000" }),
            Self::Zoo => RunFile::new(&suites::zoo(VERSION))
                .env("ZOO_SLOW_MS", if slow { "2000" } else { "20" }),
        };
        file.set(&["seed"], 5).target(TARGET, &CLUSTERS)
    }

    /// The exit status of a run.
    pub(super) fn code(self) -> i32 {
        match self {
            Self::Shaped => 0,
            Self::Zoo => 1,
        }
    }

    fn undisturbed(self) -> &'static Undisturbed {
        static RUNS: [OnceLock<Undisturbed>; 2] = [const { OnceLock::new() }; 2];
        RUNS[self as usize].get_or_init(|| {
            let scratch = Scratch::new();
            let (ended, results) = scratch.run_to_end(self.run_file(false));
            let _ = ended.expect(self.code());
            let executions = times(&executions(&scratch));
            Undisturbed { outcomes: Outcome::all(&results.report(TARGET)), executions }
        })
    }

    /// Panics unless a run gave what an undisturbed one gives, and the traces say that every spec
    /// ran as often: once more at most for each attempt that was lost with one of these workers,
    /// which died, and for one that each of them may have begun without anybody hearing of it.
    pub(super) fn assert_undisturbed(self, scratch: &Scratch, results: &Results, dead: &[i32]) {
        let (want, report) = (self.undisturbed(), results.report(TARGET));
        assert_same("outcomes", want.outcomes.clone(), Outcome::all(&report));
        assert_rendered_as_by_ginkgo(VERSION, &results.target_dir(TARGET));
        let executions = executions(scratch);
        match self {
            Self::Shaped => assert_eq!(report.count("passed"), 402),
            Self::Zoo if dead.is_empty() => assert_plain_zoo(&report, &executions),
            Self::Zoo => {}
        }
        let again = lost(results, dead);
        let begun = times(&executions);
        let ended: Vec<_> = executions.into_iter().filter(|it| it.end.is_some()).collect();
        let ended = times(&ended);
        let of = |times: &Times, spec| times.get(spec).copied().unwrap_or_default();
        // A worker that died may have begun one more while a report was on its way.
        let mut unheard = 0;
        for (spec, times) in &want.executions {
            let (least, most) = (*times, times + of(&again, spec));
            let (begun, ended) = (of(&begun, spec), of(&ended, spec));
            assert!(ended >= least, "{spec:?} ended {ended} times, expected {least}");
            assert!(begun <= most + 1, "{spec:?} began {begun} times, expected {most} at most");
            unheard += usize::from(begun > most);
        }
        assert!(
            unheard <= dead.len(),
            "{unheard} specs began unheard, {} workers died",
            dead.len()
        );
        let strange = begun.keys().find(|spec| !want.executions.contains_key(*spec));
        assert_eq!(strange, None, "this ran and should not have");
        for cluster in CLUSTERS {
            trace::assert_serial_alone(cluster, &trace::executions(&scratch.trace(cluster)));
        }
    }
}

/// How often specs ran, by their texts.
type Times = BTreeMap<String, usize>;

/// A run in one process, which nothing disturbs.
struct Undisturbed {
    outcomes: Vec<Outcome>,
    executions: Times,
}

fn times(executions: &[trace::Execution]) -> Times {
    let mut times = Times::new();
    for execution in executions {
        *times.entry(execution.start.text.clone()).or_default() += 1;
    }
    times
}

/// What the suite wrote about itself on all clusters.
fn executions(scratch: &Scratch) -> Vec<trace::Execution> {
    let of = |cluster: &&str| trace::executions(&scratch.trace(cluster));
    CLUSTERS.iter().flat_map(of).collect()
}

/// How often attempts of each spec were lost. Panics when one was not lost with a worker that died.
fn lost(results: &Results, dead: &[i32]) -> Times {
    let target = results.target(TARGET);
    let mut lost = Times::new();
    for attempt in target["lostAttempts"].as_array().unwrap() {
        let worker = attempt["worker"].as_str().unwrap();
        let died = dead.iter().any(|pid| worker.ends_with(&format!("-{pid}-1")));
        assert!(died, "lost, though its worker lived: {attempt:#}");
        for spec in attempt["specs"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            *lost.entry(spec.to_owned()).or_default() += 1;
        }
    }
    lost
}
