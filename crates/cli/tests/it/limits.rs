//! The page of limits says what the code does: each value on it is the one of its constant, and no
//! constant of the services is missing.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const PAGE: &str = "docs/limits.md";

/// The services and what is below them: each of their constants is on the page or in the next list.
const WHOLE: [&str; 6] = [
    "crates/rt/src",
    "proto/src",
    "crates/ledger/src",
    "crates/aggregator/src",
    "crates/coordinator/src",
    "crates/worker/src",
];

/// Constants that bound nothing that anybody could meet, by the end of their files' paths.
const NO_LIMITS: &[(&str, &[&str])] = &[
    // Formats and what lies where in them.
    ("ledger/src/lib.rs", &["FIRST_FORMAT"]),
    ("ledger/src/snapshot.rs", &["HASH_LEN", "BODY"]),
    ("node/disk.rs", &["HEAD"]),
    ("node/config.rs", &["FOUNDING_INDEX"]),
    ("peers/config.rs", &["ENTRY_OVERHEAD"]),
    ("render/run_json.rs", &["RUN_JSON_FORMAT"]),
    ("store/dir.rs", &["FORMAT"]),
    ("store/frame.rs", &["OVERHEAD"]),
    ("store/layout.rs", &["SLOTS", "PARTS", "FIRST", "LENGTH", "SUM", "HEAD"]),
    ("store/stream.rs", &["FORMAT", "SUM"]),
    ("discover/cache.rs", &["FORMAT"]),
    // Others by another name.
    ("actor/watchdog.rs", &["LOOK", "LOOKS"]),
    ("node/propose.rs", &["MOST_BYTES"]),
    ("store/durable.rs", &["STAGE"]),
    // How something is done.
    ("store/engine.rs", &["ASKS", "HOUSEKEEPING_MS"]),
    ("agent/ship.rs", &["LARGE"]),
    ("rt/src/pki.rs", &["BACKDATED"]),
    ("admin/server.rs", &["ACCEPT_PAUSE"]),
    ("tls/accept.rs", &["ACCEPT_PAUSE"]),
    // The kernel's, and how much of an output is shown.
    ("rt/src/uds.rs", &["MAX_PATH"]),
    ("agent/process.rs", &["TAIL"]),
    ("conduct/words.rs", &["LINES", "BYTES"]),
    ("discover/error.rs", &["SHOWN"]),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The constants of a file: name, type, and expression. Those of tests are left out.
fn constants(text: &str) -> impl Iterator<Item = (&str, &str, &str)> {
    let shipped = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    shipped.lines().filter_map(|line| {
        let (visibility, rest) = line.trim_start().split_once("const ")?;
        let own = visibility.is_empty() || visibility.starts_with("pub");
        let (name, rest) = rest.split_once(": ").filter(|_| own)?;
        let (of, expression) = rest.split_once(" = ")?;
        Some((name, of, expression.split(';').next()?))
    })
}

/// All constants, by file.
struct Sources(BTreeMap<PathBuf, String>);

impl Sources {
    /// Reads everything below some directories.
    fn read<'a>(directories: impl IntoIterator<Item = &'a str>) -> Self {
        let mut files = BTreeMap::new();
        let mut open: Vec<PathBuf> = directories.into_iter().map(PathBuf::from).collect();
        while let Some(directory) = open.pop() {
            for entry in fs::read_dir(root().join(&directory)).unwrap().flatten() {
                let path = directory.join(entry.file_name());
                if entry.path().is_dir() {
                    open.extend((!path.ends_with("tests")).then_some(path));
                } else if path.extension().is_some_and(|it| it == "rs")
                    && !path.ends_with("tests.rs")
                {
                    files.insert(path, fs::read_to_string(entry.path()).unwrap());
                }
            }
        }
        Self(files)
    }

    /// What a constant of a file is: a number, or a time in nanoseconds.
    fn value(&self, file: &Path, name: &str) -> Option<u128> {
        let (_, _, expression) = constants(self.0.get(file)?).find(|found| found.0 == name)?;
        Some(self.evaluate(file, expression))
    }

    /// The operators that limits are written with, the one that binds least first.
    fn evaluate(&self, file: &Path, expression: &str) -> u128 {
        let sides = |operator| {
            let (left, right) = split(expression, operator)?;
            Some((self.evaluate(file, left), self.evaluate(file, right)))
        };
        if let Some((left, right)) = sides(" << ") {
            return left << right;
        } else if let Some((left, right)) = sides(" + ") {
            return left + right;
        } else if let Some((left, right)) = sides(" * ") {
            return left * right;
        } else if let Some((left, right)) = sides(" / ") {
            return left / right;
        }
        let expression = expression.split(" as ").next().unwrap();
        for (call, unit) in [
            ("Duration::from_secs(", 1_000_000_000),
            ("Duration::from_millis(", 1_000_000),
            ("(", 1),
        ] {
            if let Some(inner) = expression.strip_prefix(call) {
                return unit * self.evaluate(file, inner.strip_suffix(')').unwrap());
            }
        }
        if let Ok(number) = expression.replace('_', "").parse() {
            return number;
        }
        let name = expression.rsplit("::").next().unwrap();
        let here = (name == expression).then(|| self.value(file, name)).flatten();
        let anywhere = || {
            let mut found = self.0.keys().filter_map(|other| self.value(other, name));
            let value = found.next();
            assert_eq!(found.next(), None, "{name} in {} is not the only one", file.display());
            value
        };
        here.or_else(anywhere).unwrap_or_else(|| panic!("{}: {expression}", file.display()))
    }
}

/// Splits an expression at an operator that stands in no parentheses.
fn split<'a>(expression: &'a str, operator: &str) -> Option<(&'a str, &'a str)> {
    let depth = |text: &str| text.matches('(').count() - text.matches(')').count();
    let mut places = expression.match_indices(operator).map(|(place, _)| place);
    let place = places.find(|place| depth(&expression[..*place]) == 0)?;
    Some((&expression[..place], &expression[place + operator.len()..]))
}

/// A value on the page: a number, or a time in nanoseconds.
fn shown(text: &str) -> u128 {
    let (number, unit) = text.split_once(' ').unwrap_or((text, ""));
    let number: u128 = number.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
    number
        * match unit {
            "" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "min" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            other => panic!("{text}: no unit {other}"),
        }
}

/// The rows of the page: file, constant, value.
fn rows(page: &str) -> Vec<(PathBuf, &str, &str)> {
    let mut directory = "";
    let mut rows = Vec::new();
    for line in page.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            directory = heading.split('`').nth(1).unwrap();
        } else if line.starts_with("| `") {
            let cells: Vec<&str> =
                line.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
            let [_, name, value, _, file, _] = cells[..] else { panic!("{line}") };
            rows.push((Path::new(directory).join(file), name, value));
        }
    }
    rows
}

#[test]
fn every_limit_is_on_the_page_with_its_value() {
    let page = fs::read_to_string(root().join(PAGE)).unwrap();
    let rows = rows(&page);
    let sources = Sources::read(WHOLE.into_iter().chain([
        "crates/model/src",
        "crates/sched/src",
        "crates/cli/src",
    ]));
    for (file, name, value) in &rows {
        let found = sources.value(file, name);
        let found = found.unwrap_or_else(|| panic!("no {name} in {}", file.display()));
        assert_eq!(found, shown(value), "{name} of {} is not {value}", file.display());
    }
    let is_listed = |file: &Path, name: &str| {
        rows.iter().any(|(at, row, _)| at == file && *row == name)
            || NO_LIMITS.iter().any(|(end, names)| file.ends_with(end) && names.contains(&name))
    };
    let bounds = |of: &str| ["usize", "u32", "u64", "Duration"].contains(&of);
    let mut missing = Vec::new();
    for (file, text) in
        sources.0.iter().filter(|(file, _)| WHOLE.iter().any(|at| file.starts_with(at)))
    {
        let found = constants(text).filter(|(name, of, _)| bounds(of) && !is_listed(file, name));
        missing.extend(found.map(|(name, ..)| format!("{} {name}", file.display())));
    }
    assert!(
        missing.is_empty(),
        "{PAGE} lacks these, or they are no limits:\n{}",
        missing.join("\n")
    );
}
