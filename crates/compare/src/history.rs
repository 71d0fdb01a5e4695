//! Is a failure new, is it always there, or does it come and go? Earlier runs tell.

use serde::Serialize;

/// How a spec's outcome in one target stands to its outcomes in earlier runs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Steadiness {
    /// It has changed more than once, or passed only after failed attempts: do not trust either.
    Flaky {
        /// How often it failed, this time included.
        failed: usize,
        /// Of how many results.
        results: usize,
        /// How many of them passed only after failed attempts.
        retried: usize,
    },
    /// It fails for the first time.
    New {
        /// How many earlier runs passed.
        passed: usize,
    },
    /// It passed once, and has failed ever since.
    Since {
        /// The first run of those that failed.
        run: String,
        /// How many runs failed since, this one included.
        failed: usize,
    },
    /// It has failed in every run.
    Steady {
        /// How many runs, this one included.
        failed: usize,
    },
    /// It fails, and no earlier run has a result.
    Unknown,
    /// It passes again.
    Mended {
        /// How many runs failed before.
        failed: usize,
    },
}

/// A result in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Past<'a> {
    /// The run.
    pub(crate) run: &'a str,
    /// Whether it failed.
    pub(crate) failed: bool,
    /// Whether it passed only after failed attempts.
    pub(crate) retried: bool,
}

impl Steadiness {
    /// Whether outcomes like that say little about the target.
    #[must_use]
    pub fn is_flaky(&self) -> bool {
        matches!(self, Self::Flaky { .. })
    }
}

/// What the results of a spec in one target say, oldest first, the one that is compared last.
/// `None` when it always passed.
pub(crate) fn steadiness(results: &[Past<'_>]) -> Option<Steadiness> {
    let (now, earlier) = results.split_last()?;
    let failed = results.iter().filter(|result| result.failed).count();
    let retried = results.iter().filter(|result| result.retried).count();
    let changes = results.windows(2).filter(|pair| pair[0].failed != pair[1].failed).count();
    if changes > 1 || retried > 0 {
        return Some(Steadiness::Flaky { failed, results: results.len(), retried });
    }
    if !now.failed {
        return (failed > 0).then_some(Steadiness::Mended { failed });
    }
    Some(match earlier.iter().find(|result| result.failed) {
        _ if earlier.is_empty() => Steadiness::Unknown,
        None => Steadiness::New { passed: earlier.len() },
        Some(_) if failed == results.len() => Steadiness::Steady { failed },
        Some(first) => Steadiness::Since { run: first.run.to_owned(), failed },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `P` passed, `F` failed, `R` passed after failed attempts.
    fn of(results: &str) -> Option<Steadiness> {
        let names: Vec<String> = (1..=results.len()).map(|n| format!("r{n}")).collect();
        let results = names.iter().zip(results.chars()).map(|(run, letter)| Past {
            run,
            failed: letter == 'F',
            retried: letter == 'R',
        });
        steadiness(&results.collect::<Vec<_>>())
    }

    #[test]
    fn one_change_is_news_and_two_are_flaky() {
        assert_eq!(of(""), None);
        assert_eq!(of("PPP"), None);
        assert_eq!(of("F"), Some(Steadiness::Unknown));
        assert_eq!(of("PPF"), Some(Steadiness::New { passed: 2 }));
        assert_eq!(of("FFF"), Some(Steadiness::Steady { failed: 3 }));
        let since = Steadiness::Since { run: "r3".to_owned(), failed: 2 };
        assert_eq!(of("PPFF"), Some(since));
        assert_eq!(of("FFP"), Some(Steadiness::Mended { failed: 2 }));
        let flaky = |failed, results, retried| Some(Steadiness::Flaky { failed, results, retried });
        assert_eq!(of("PFPF"), flaky(2, 4, 0));
        assert_eq!(of("PFP"), flaky(1, 3, 0));
        assert_eq!(of("R"), flaky(0, 1, 1));
        assert_eq!(of("RF"), flaky(1, 2, 1));
    }
}
