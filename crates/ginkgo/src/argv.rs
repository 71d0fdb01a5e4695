//! The command lines of a suite binary.
//!
//! Go's flag package takes the last of repeated single values and stops at the first word that is
//! no flag, so our own flags come first and the user may not give them again.

use std::time::Duration;

use thiserror::Error;

use crate::catalog::Filters;

/// Linux takes 128 KiB per argument, the final zero included; some room is left.
pub const MAX_ARGUMENT: usize = 100 * 1024;

/// Ginkgo's own default of one hour ends a conformance run half-way.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

/// Matches no text, since every text has a suite description in front.
const MATCHES_NOTHING: &str = "^multibeam selects nothing$";

/// Flags that belong to this program; Ginkgo's deprecated spellings included.
const OWNED: [&str; 18] = [
    "ginkgo.seed",
    "ginkgo.randomize-all",
    "ginkgo.randomizeAllSpecs",
    "ginkgo.dry-run",
    "ginkgo.dryRun",
    "ginkgo.timeout",
    "ginkgo.no-color",
    "ginkgo.noColor",
    "ginkgo.parallel.process",
    "ginkgo.parallel.total",
    "ginkgo.parallel.host",
    "ginkgo.json-report",
    "ginkgo.gojson-report",
    "ginkgo.junit-report",
    "ginkgo.reportFile",
    "ginkgo.teamcity-report",
    "test.count",
    "test.parallel",
];

/// Flags that select specs. A run gets them from the dry run's configuration, where the suite's own
/// additions can be seen, so the user's are dropped there.
const SELECTING: [&str; 6] = [
    "ginkgo.focus",
    "ginkgo.skip",
    "ginkgo.focus-file",
    "ginkgo.skip-file",
    "ginkgo.label-filter",
    "ginkgo.sem-ver-filter",
];

/// Flags that name a directory to write to: two processes must not share it.
const OUTPUT_DIRECTORIES: [&str; 1] = ["report-dir"];

/// What the user wants of a suite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuiteOptions {
    /// Regular expressions for `--ginkgo.focus`.
    pub focus: Vec<String>,
    /// Regular expressions for `--ginkgo.skip`.
    pub skip: Vec<String>,
    /// For `--ginkgo.label-filter`.
    pub label_filter: Option<String>,
    /// For `--ginkgo.timeout`; each process counts from its own start.
    pub timeout: Duration,
    /// Force `--ginkgo.randomize-all`; a suite may also set it itself.
    pub randomize_all: bool,
    /// Everything else, such as `--provider=local`.
    pub args: Vec<String>,
}

impl Default for SuiteOptions {
    fn default() -> Self {
        Self {
            focus: Vec::new(),
            skip: Vec::new(),
            label_filter: None,
            timeout: DEFAULT_TIMEOUT,
            randomize_all: false,
            args: Vec::new(),
        }
    }
}

/// Why there is no command line.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ArgvError {
    /// The user gave a flag that this program sets itself.
    #[error(
        "expected no --{flag} among the suite's arguments, because every process gets its own (hint: remove it; focus, skip, label filter, timeout, and seed have settings)"
    )]
    Owned {
        /// Name of the flag.
        flag: String,
    },
    /// Go's flag package would ignore what comes after.
    #[error(
        "expected a flag among the suite's arguments, got {argument:?}; the suite would ignore all flags after it (hint: write --name=value)"
    )]
    NotAFlag {
        /// The argument.
        argument: String,
    },
    /// The kernel does not take it.
    #[error(
        "expected arguments shorter than {MAX_ARGUMENT} bytes, got one of {length} bytes that begins with {start:?}"
    )]
    TooLong {
        /// Length in bytes.
        length: usize,
        /// Its beginning.
        start: String,
    },
    /// Arguments of programs end at a zero byte.
    #[error("expected arguments without zero bytes, got {argument:?}")]
    ZeroByte {
        /// The argument.
        argument: String,
    },
}

/// One process of a session.
#[derive(Debug, Clone)]
pub struct Process<'a> {
    /// Its number, from 1.
    pub process: u32,
    /// What it takes for the number of processes; at least 2, or Ginkgo talks to no server.
    pub total: u32,
    /// URL of its server, without a slash at the end.
    pub host: &'a str,
    /// Seed of the target.
    pub seed: i64,
    /// As found by the dry run.
    pub randomize_all: bool,
    /// As found by the dry run.
    pub filters: &'a Filters,
    /// Regular expressions of specs that this process must not run, from [`skip_exactly`].
    pub not_here: &'a [String],
    /// Replaces the value of flags such as `--report-dir`, if the user gave any.
    pub output_directory: Option<&'a str>,
}

impl SuiteOptions {
    /// Refuses arguments that would break a run.
    ///
    /// # Errors
    /// [`ArgvError`] for the first mistake.
    pub fn check(&self) -> Result<(), ArgvError> {
        let mut words = self.args.iter();
        while let Some(word) = words.next() {
            let Some((name, value)) = flag(word) else {
                return Err(ArgvError::NotAFlag { argument: word.clone() });
            };
            if OWNED.contains(&name) {
                return Err(ArgvError::Owned { flag: name.to_owned() });
            }
            // `--name value`: whether the next word belongs to the flag is known for ours only; for
            // others a word without a dash can be nothing else, save after a boolean flag, which
            // would end the flags.
            let next_is_value = words.as_slice().first().is_some_and(|next| flag(next).is_none());
            if value.is_none() && (SELECTING.contains(&name) || next_is_value) {
                words.next();
            }
        }
        self.dry_run("", 0).iter().try_for_each(|argument| check_argument(argument))
    }

    /// Arguments that list all specs and write them to `report`.
    ///
    /// `--ginkgo.noColor` is the old spelling on purpose: at the end of its output the suite then
    /// advises against it, and names its Ginkgo version on the way (see
    /// [`Version::in_output`](crate::version::Version::in_output)). No other place tells it: test
    /// binaries have no module list.
    pub fn dry_run(&self, report: &str, seed: i64) -> Vec<String> {
        let mut args = vec![
            "--ginkgo.dry-run".to_owned(),
            format!("--ginkgo.json-report={report}"),
            format!("--ginkgo.seed={seed}"),
            "--ginkgo.noColor".to_owned(),
        ];
        if self.randomize_all {
            args.push("--ginkgo.randomize-all".to_owned());
        }
        repeat(&mut args, "focus", &self.focus);
        repeat(&mut args, "skip", &self.skip);
        args.extend(self.label_filter.iter().map(|it| format!("--ginkgo.label-filter={it}")));
        args.extend(self.user_args(true, None));
        args
    }

    /// What decides, together with the binary, which specs there are, which are selected, and in
    /// which order they come. Runs that share results must have these in common.
    pub fn effective(&self, seed: i64) -> Vec<String> {
        let mut args = self.dry_run("", seed);
        args.retain(|arg| {
            let (name, _) = flag(arg).unwrap_or_default();
            !["ginkgo.dry-run", "ginkgo.json-report", "ginkgo.noColor"].contains(&name)
        });
        args
    }

    /// Arguments that list all specs in another order: all groups shuffled by `seed`.
    pub fn reordered_dry_run(&self, report: &str, seed: i64) -> Vec<String> {
        let shuffled = Self { randomize_all: true, ..self.clone() };
        shuffled.dry_run(report, seed)
    }

    /// Arguments of the probe's process: 1 of 2 that selects nothing.
    pub fn probe(&self, host: &str, seed: i64, randomize_all: bool) -> Vec<String> {
        let filters = Filters { focus: vec![MATCHES_NOTHING.to_owned()], ..Filters::default() };
        self.process(&Process {
            process: 1,
            total: 2,
            host,
            seed,
            randomize_all,
            filters: &filters,
            not_here: &[],
            output_directory: None,
        })
    }

    /// Arguments of a process of a session.
    pub fn process(&self, process: &Process<'_>) -> Vec<String> {
        let mut args = vec![
            format!("--ginkgo.parallel.process={}", process.process),
            format!("--ginkgo.parallel.total={}", process.total),
            format!("--ginkgo.parallel.host={}", process.host),
            format!("--ginkgo.seed={}", process.seed),
            format!("--ginkgo.timeout={}s", self.timeout.as_secs().max(1)),
            "--ginkgo.no-color".to_owned(),
        ];
        if process.randomize_all {
            args.push("--ginkgo.randomize-all".to_owned());
        }
        let filters = process.filters;
        repeat(&mut args, "focus", &filters.focus);
        repeat(&mut args, "skip", &filters.skip);
        repeat(&mut args, "skip", process.not_here);
        repeat(&mut args, "focus-file", &filters.focus_files);
        repeat(&mut args, "skip-file", &filters.skip_files);
        for (name, value) in
            [("label-filter", &filters.label_filter), ("sem-ver-filter", &filters.sem_ver_filter)]
        {
            if !value.is_empty() {
                args.push(format!("--ginkgo.{name}={value}"));
            }
        }
        args.extend(self.user_args(false, process.output_directory));
        args
    }

    /// The user's arguments; output directories are replaced, or left out when there is none.
    fn user_args(&self, with_selection: bool, output_directory: Option<&str>) -> Vec<String> {
        let mut out = Vec::new();
        let mut words = self.args.iter();
        while let Some(word) = words.next() {
            let (name, value) = flag(word).unwrap_or_default();
            let writes = OUTPUT_DIRECTORIES.contains(&name);
            let selects = SELECTING.contains(&name);
            if !writes && !selects {
                out.push(word.clone());
                continue;
            }
            let value = value.map(str::to_owned).or_else(|| words.next().cloned());
            if selects && with_selection {
                out.push(format!("--{name}={}", value.unwrap_or_default()));
            } else if let (true, Some(directory)) = (writes, output_directory) {
                out.push(format!("--{name}={directory}"));
            }
        }
        out
    }
}

/// Patterns for `--ginkgo.skip` that match exactly the specs with these texts (the texts that
/// filters see), as few patterns as the length of an argument allows.
///
/// # Errors
/// [`ArgvError::TooLong`] when one text alone is too long for an argument.
pub fn skip_exactly<'a>(
    suite_description: &str,
    texts: impl IntoIterator<Item = &'a str>,
) -> Result<Vec<String>, ArgvError> {
    let room = MAX_ARGUMENT - "--ginkgo.skip=".len();
    let mut patterns: Vec<String> = Vec::new();
    for text in texts {
        let pattern = format!("^{}$", quote_meta(&format!("{suite_description} {text}")));
        if pattern.len() > room {
            return Err(too_long(&pattern));
        }
        match patterns.last_mut() {
            Some(last) if last.len() + 1 + pattern.len() <= room => {
                last.push('|');
                last.push_str(&pattern);
            }
            _ => patterns.push(pattern),
        }
    }
    Ok(patterns)
}

/// Go's `regexp.QuoteMeta`, with two additions: a zero byte is written as an escape because no
/// argument can carry it, and U+FFFD matches any character because JSON shows it for each invalid
/// byte of a text.
pub fn quote_meta(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '\0' => out.push_str(r"\x00"),
            '\u{fffd}' => out.push_str("(?s:.)"),
            '\\' | '.' | '+' | '*' | '?' | '(' | ')' | '|' | '[' | ']' | '{' | '}' | '^' | '$' => {
                out.push('\\');
                out.push(character);
            }
            _ => out.push(character),
        }
    }
    out
}

fn repeat(args: &mut Vec<String>, name: &str, values: &[String]) {
    args.extend(values.iter().map(|value| format!("--ginkgo.{name}={value}")));
}

fn check_argument(argument: &str) -> Result<(), ArgvError> {
    if argument.contains('\0') {
        return Err(ArgvError::ZeroByte { argument: argument.to_owned() });
    }
    if argument.len() > MAX_ARGUMENT {
        return Err(too_long(argument));
    }
    Ok(())
}

fn too_long(argument: &str) -> ArgvError {
    ArgvError::TooLong { length: argument.len(), start: argument.chars().take(80).collect() }
}

/// Name and value of `-name`, `--name` or `--name=value`; `None` for what Go takes for no flag.
fn flag(word: &str) -> Option<(&str, Option<&str>)> {
    let name = word.strip_prefix("--").or_else(|| word.strip_prefix('-'))?;
    if name.is_empty() || name.starts_with(['-', '=']) {
        return None;
    }
    Some(match name.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (name, None),
    })
}

#[cfg(test)]
mod tests;
