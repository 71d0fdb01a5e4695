//! Arguments and variables that a run file must not give to the suite, because Multibeam gives
//! them itself or because they would make the processes of a run disagree.

/// What is wrong with an argument or variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Conflict {
    /// The flag or variable, as its documentation writes it.
    pub(crate) name: String,
    /// Why it cannot stand there, to follow "is not allowed: ".
    pub(crate) why: &'static str,
    /// What to do instead.
    pub(crate) hint: String,
    /// Refused only in a certified run.
    pub(crate) certified_only: bool,
}

/// How a refused flag is dealt with.
enum Verdict {
    /// Another key of the run file says the same.
    UseKey(&'static str),
    /// Multibeam sets it; there is nothing to set.
    Own,
    /// Each process needs its own value, which Multibeam gives.
    OutputPath,
    /// The binary would print something and exit.
    PrintsAndExits,
    /// Fine, but not in a certified run.
    NotCertified,
}

use Verdict::{NotCertified, OutputPath, Own, PrintsAndExits, UseKey};

/// Flags of Ginkgo, without `ginkgo.`, and what to say. Older spellings are listed too: Ginkgo
/// still reads them.
const GINKGO: &[(&str, Verdict)] = &[
    ("seed", UseKey("seed")),
    ("focus", UseKey("suite.focus")),
    ("skip", UseKey("suite.skip")),
    ("label-filter", UseKey("suite.labelFilter")),
    ("timeout", UseKey("suite.timeout")),
    ("fail-fast", UseKey("failFast")),
    ("failFast", UseKey("failFast")),
    ("dry-run", Own),
    ("dryRun", Own),
    ("json-report", OutputPath),
    ("gojson-report", OutputPath),
    ("junit-report", OutputPath),
    ("teamcity-report", OutputPath),
    ("output-dir", OutputPath),
    ("flake-attempts", NotCertified),
    ("flakeAttempts", NotCertified),
    ("skip-file", NotCertified),
    ("focus-file", NotCertified),
];

/// Flags of `e2e.test` and of Go's test binaries.
const OTHERS: &[(&str, Verdict)] = &[
    ("report-dir", OutputPath),
    ("kubeconfig", UseKey("targets[].clusters[].kubeconfig")),
    ("kube-context", UseKey("targets[].clusters[].context")),
    ("context", UseKey("targets[].clusters[].context")),
    ("test.timeout", UseKey("suite.timeout")),
    ("test.list", PrintsAndExits),
    ("version", PrintsAndExits),
    ("list-conformance-tests", PrintsAndExits),
    ("list-images", PrintsAndExits),
    ("list-tests", PrintsAndExits),
    ("help", PrintsAndExits),
    ("h", PrintsAndExits),
];

/// Looks at one argument. Go reads `-flag` and `--flag` alike.
pub(crate) fn argument(arg: &str) -> Option<Conflict> {
    let body = arg.strip_prefix("--").or_else(|| arg.strip_prefix('-'))?;
    let flag = body.split_once('=').map_or(body, |(flag, _)| flag);
    let find = |table: &'static [(&str, Verdict)], flag: &str| {
        table.iter().find(|(name, _)| *name == flag).map(|(_, verdict)| verdict)
    };
    let verdict = match flag.strip_prefix("ginkgo.") {
        Some(own) if own.starts_with("parallel.") => Some(&Own),
        Some(own) => find(GINKGO, own),
        None => find(OTHERS, flag),
    }?;
    Some(explain(format!("--{flag}"), verdict))
}

/// Looks at one environment variable.
pub(crate) fn variable(name: &str) -> Option<Conflict> {
    let verdict = match name {
        "KUBECONFIG" => UseKey("targets[].clusters[].kubeconfig"),
        "GINKGO_PARALLEL_PROTOCOL" => Own,
        _ => return None,
    };
    Some(explain(name.to_owned(), &verdict))
}

fn explain(name: String, verdict: &Verdict) -> Conflict {
    let (why, hint) = match verdict {
        UseKey(key) => ("it has a key of its own", format!("use the key {key}")),
        Own => ("Multibeam sets it for each process", "remove it".to_owned()),
        OutputPath => (
            "every process would write to the same place, and Multibeam gives each its own",
            "remove it; the reports are in results.dir".to_owned(),
        ),
        PrintsAndExits => ("the binary would print something and exit", "remove it".to_owned()),
        NotCertified => (
            "a certified run takes every selected spec once, as it comes",
            "remove it, or set certified: false".to_owned(),
        ),
    };
    Conflict { name, why, hint, certified_only: matches!(verdict, NotCertified) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_that_have_a_key_are_refused_and_the_key_is_named() {
        for (arg, key) in [
            ("--ginkgo.seed=1", "key seed"),
            ("-ginkgo.focus", "suite.focus"),
            ("--ginkgo.skip=x=y", "suite.skip"),
            ("--ginkgo.label-filter=a", "suite.labelFilter"),
            ("--ginkgo.timeout=2h", "suite.timeout"),
            ("--ginkgo.fail-fast", "failFast"),
            ("--kubeconfig=/x", "clusters[].kubeconfig"),
        ] {
            let conflict = argument(arg).expect(arg);
            assert!(conflict.hint.contains(key), "{arg}: {conflict:?}");
            assert!(!conflict.certified_only, "{arg}");
        }
    }

    #[test]
    fn what_multibeam_sets_is_refused() {
        for arg in [
            "--ginkgo.parallel.process=1",
            "--ginkgo.parallel.total",
            "--ginkgo.parallel.host=x",
            "-ginkgo.dryRun",
            "--ginkgo.json-report=x",
            "--ginkgo.junit-report=x",
            "--report-dir=/tmp",
            "--version",
        ] {
            assert!(argument(arg).is_some_and(|c| !c.certified_only), "{arg}");
        }
    }

    #[test]
    fn flake_attempts_are_refused_in_certified_runs_only() {
        assert!(argument("--ginkgo.flake-attempts=2").unwrap().certified_only);
    }

    #[test]
    fn other_arguments_pass() {
        for arg in [
            "--provider=skeleton",
            "--num-nodes=3",
            "--ginkgo.v",
            "--ginkgo.poll-progress-after=60s",
            "--report-prefix=x",
            "ginkgo.seed=1",
            "--ginkgo.focusx",
            "-",
            "--",
            "",
        ] {
            assert_eq!(argument(arg), None, "{arg}");
        }
        assert_eq!(variable("HOME"), None);
        assert!(variable("KUBECONFIG").is_some());
    }
}
