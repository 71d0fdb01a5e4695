//! The table of all rules.

use std::fmt;

use serde::{Serialize, Serializer};

/// How much a broken rule weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Does not stand in the way of a verdict, unless asked to.
    Warning,
    /// The submission will be rejected.
    Error,
}

/// Who demands it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "who", content = "scenario")]
pub enum Origin {
    /// The CNCF's bot, in the scenario of that number (1 to 15).
    Bot(u8),
    /// The instructions for submissions.
    Instructions,
    /// Those who review submissions, or who would ask.
    Reviewers,
}

/// What there is to know of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Info {
    /// Its stable name.
    pub id: &'static str,
    /// How much it weighs.
    pub level: Level,
    /// Who demands it.
    pub origin: Origin,
    /// What holds when it is kept.
    pub title: &'static str,
    /// What to do when it is broken.
    pub advice: &'static str,
}

macro_rules! rules {
    ($($rule:ident $id:literal $level:ident $origin:expr, $title:literal, $advice:literal;)*) => {
        /// A rule.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Rule {
            $(#[doc = concat!("`", $id, "`: ", $title, ".")] $rule,)*
        }

        impl Rule {
            /// All rules.
            pub const ALL: &'static [Self] = &[$(Self::$rule,)*];

            /// What there is to know of it.
            #[must_use]
            pub fn info(self) -> &'static Info {
                match self {
                    $(Self::$rule => &Info {
                        id: $id,
                        level: Level::$level,
                        origin: $origin,
                        title: $title,
                        advice: $advice,
                    },)*
                }
            }
        }
    };
}

use Origin::{Bot, Instructions, Reviewers};

rules! {
    PrTitle "pr-title" Error Bot(1),
        "the pull request has a title",
        "call it `Conformance results for vX.Y/PRODUCT`";
    PrTitleFormat "pr-title-format" Error Bot(11),
        "the title is `Conformance results for` a release and product",
        "call it `Conformance results for vX.Y/PRODUCT`";
    PrTitleVersion "pr-title-version" Error Bot(6),
        "title and directory name the same release",
        "make the release in the title that of the directory";
    PrOneProduct "pr-one-product" Error Bot(5),
        "the pull request has one product",
        "open one pull request for each release and product";
    PrOneCommit "pr-one-commit" Error Bot(15),
        "the pull request has one commit",
        "squash the commits into one";
    FilesPresent "files-present" Error Bot(2),
        "every file that is asked for is there",
        "add the file: a run leaves e2e.log and junit_01.xml; a submission has README.md and PRODUCT.yaml as well";
    FilesNotEmpty "files-not-empty" Error Bot(2),
        "no file is empty",
        "put its content into it";
    FilesOnly "files-only" Error Bot(3),
        "there is no other file",
        "leave only README.md, PRODUCT.yaml, e2e.log, and junit_01.xml, spelled so; of several JUnit files make one";
    FilesFolder "files-folder" Error Bot(4),
        "the files lie in vX.Y/PRODUCT",
        "move the files into a directory `vX.Y/PRODUCT` at the top of the repository";
    FilesPlain "files-plain" Error Instructions,
        "the files are plain files",
        "put a file in its place: git submits a link as a link, and a pipe or device not at all";
    ReleaseSupported "release-supported" Error Bot(12),
        "the release can still be certified",
        "certify the newest release or one of the two before it";
    ProductMapping "product-mapping" Error Bot(2),
        "PRODUCT.yaml is a YAML mapping",
        "write it as lines `field: value`";
    ProductScalars "product-scalars" Error Bot(8),
        "every field of PRODUCT.yaml is a text",
        "write the value as one text, without lists or mappings";
    ProductFields "product-fields" Error Bot(7),
        "PRODUCT.yaml has the fields that are asked for",
        "add the field with its value";
    ProductBlank "product-blank" Error Instructions,
        "no field that is asked for is blank",
        "fill the field in";
    ProductUrls "product-urls" Error Bot(8),
        "URLs are URLs",
        "write the whole address, such as `https://example.com/product`";
    ProductEmail "product-email" Error Bot(8),
        "the contact is an e-mail address",
        "write an address such as `kubernetes@example.com`";
    ProductType "product-type" Error Instructions,
        "the type is one of the three",
        "write `distribution`, `hosted platform`, or `installer`";
    ProductLogo "product-logo" Error Instructions,
        "the logo is a vector graphic",
        "link an SVG, AI, or EPS file that shows the product's name";
    ProductQuoted "product-quoted" Warning Reviewers,
        "texts that look like numbers are quoted",
        "put quotes around the value: YAML makes 1.3 of 1.30";
    ProductKnown "product-known" Warning Reviewers,
        "every field is a known one, once",
        "correct the name, or remove the field";
    ProductContentType "product-content-type" Error Bot(9),
        "website, repository, and documentation are web pages",
        "link a page that is served as text/html";
    ProductReachable "product-reachable" Warning Reviewers,
        "the URLs can be reached",
        "check the address; the bot lets it pass, people do not";
    ReadmeSteps "readme-steps" Warning Reviewers,
        "README.md says how to reproduce the results",
        "write the steps themselves into README.md, with the commands; a link alone is not enough";
    JunitReadable "junit-readable" Error Bot(13),
        "junit_01.xml is a JUnit file with the root <testsuites>",
        "take the file as the run wrote it: XML in UTF-8, whose root is <testsuites>";
    JunitCounters "junit-counters" Warning Reviewers,
        "the counters in the file's headers are true",
        "do not edit the file; the counters and the cases must be of one run";
    TestsRequired "tests-required" Error Bot(13),
        "every required test is in junit_01.xml",
        "run all tests: focus `\\[Conformance\\]`, no skip, a suite of the claimed release";
    TestsSkipped "tests-skipped" Error Bot(13),
        "no required test was skipped",
        "run all tests: focus `\\[Conformance\\]`, no skip, a suite of the claimed release";
    TestsPassed "tests-passed" Error Bot(14),
        "every conformance test passed",
        "find out why it failed, and run the suite again";
    TestsOnce "tests-once" Error Reviewers,
        "no test is there twice",
        "submit the results of one run; do not join several";
    TestsOther "tests-other" Warning Reviewers,
        "nothing else failed in the same run",
        "see why it failed: a suite that failed does not end with SUCCESS";
    RunSkip "run-skip" Error Instructions,
        "the run skipped nothing",
        "run again without a skip";
    RunDry "run-dry" Error Instructions,
        "the run was no dry run",
        "run the suite against a cluster";
    LogReadable "log-readable" Error Reviewers,
        "e2e.log is a text",
        "take the log as the run wrote it, in UTF-8";
    LogSummary "log-summary" Error Reviewers,
        "the log ends with SUCCESS, nothing failed, nothing pending",
        "take the log of a run that went through to its end";
    LogAfterSummary "log-after-summary" Warning Reviewers,
        "no spec runs after the last summary",
        "take the log of one whole run";
    LogVersion "log-version" Error Reviewers,
        "API server and suite were of the claimed release",
        "run the suite of the claimed release against a cluster of that release";
    LogVersionLines "log-version-lines" Warning Reviewers,
        "the log tells the versions of API server and suite",
        "keep the log whole: e2e.test prints both versions at its begin";
    LogFlakes "log-flakes" Warning Reviewers,
        "no test needed a second attempt",
        "run without flake attempts, or find out why the test is flaky";
    LogVerbose "log-verbose" Warning Reviewers,
        "the log names the specs that ran",
        "run the suite with --ginkgo.v";
    JunitInLog "junit-in-log" Error Reviewers,
        "every test of junit_01.xml that ran is in e2e.log",
        "submit e2e.log and junit_01.xml of one run";
    LogInJunit "log-in-junit" Error Reviewers,
        "every test that e2e.log names is in junit_01.xml",
        "submit e2e.log and junit_01.xml of one run";
    LogOutcomes "log-outcomes" Error Reviewers,
        "e2e.log and junit_01.xml tell the same outcomes",
        "submit e2e.log and junit_01.xml of one run";
}

// === impl Rule ===

impl Rule {
    /// The rule of that name.
    #[must_use]
    pub fn of(id: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|rule| rule.info().id == id)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.info().id)
    }
}

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.info().id)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bot(scenario) => write!(f, "bot, scenario {scenario}"),
            Instructions => f.write_str("instructions"),
            Reviewers => f.write_str("reviewers"),
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_scenario_of_the_bot_has_a_rule_and_every_rule_a_name_of_its_own() {
        let scenario = |rule: &Rule| match rule.info().origin {
            Bot(scenario) => Some(scenario),
            _ => None,
        };
        // The tenth has a step that the bot does not recognize; the instructions demand the same.
        let expected: BTreeSet<u8> = (1..=15).filter(|scenario| *scenario != 10).collect();
        assert_eq!(Rule::ALL.iter().filter_map(scenario).collect::<BTreeSet<_>>(), expected);
        let ids: BTreeSet<&str> = Rule::ALL.iter().map(|rule| rule.info().id).collect();
        assert_eq!(ids.len(), Rule::ALL.len());
        assert!(Rule::ALL.iter().all(|rule| Rule::of(rule.info().id) == Some(*rule)));
    }

    #[test]
    fn what_the_bot_rejects_is_an_error() {
        let soft = |rule: &&Rule| rule.info().level == Level::Warning;
        for rule in Rule::ALL.iter().filter(soft) {
            assert_eq!(rule.info().origin, Reviewers, "{rule}");
        }
    }
}
