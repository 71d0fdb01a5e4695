//! A unit as systemd reads it: systemd.unit(5), systemd.service(5), and systemd.exec(5), as far as
//! ours go. What they do not use is refused, so that nobody takes it for read.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A service, perhaps one of many of a template, on a host whose files lie below a directory.
pub(crate) struct Unit {
    /// The assignments in its `[Service]` section, in order.
    settings: Vec<(String, String)>,
    host: PathBuf,
}

impl Unit {
    /// Reads a unit file that lies in `host`.
    pub(crate) fn read(host: &Path, file: &Path, instance: &str) -> Self {
        let text = fs::read_to_string(file).unwrap().replace("\\\n", " ");
        let mut section = "";
        let mut settings = Vec::new();
        for line in text.lines().filter(|line| !is_comment(line)) {
            if let Some(name) = line.strip_prefix('[') {
                section = name.trim_end_matches(']');
            } else if section == "Service" {
                let (key, value) = line.split_once('=').unwrap();
                settings.push((key.to_owned(), specified(value, instance)));
            }
        }
        Self { settings, host: host.to_owned() }
    }

    /// What is assigned to a key, word by word.
    fn words<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        let assigned = self.settings.iter().filter(move |(found, _)| found == key);
        assigned.flat_map(|(_, value)| value.split_whitespace())
    }

    /// The variables of the service: those of its files count before its own.
    fn environment(&self) -> BTreeMap<String, String> {
        let own = self.words("Environment").map(assignment);
        let files = self.words("EnvironmentFile").map(|file| self.path(file));
        let files: Vec<String> = files.map(|file| fs::read_to_string(file).unwrap()).collect();
        let files = files.iter().flat_map(|text| text.lines()).filter(|line| !is_comment(line));
        own.chain(files.map(assignment)).collect()
    }

    /// What is started. Directories that systemd makes are made; files are those of the host.
    pub(crate) fn start(&self) -> Command {
        for (key, below) in [("StateDirectory", STATE), ("CacheDirectory", CACHE)] {
            for name in self.words(key) {
                fs::create_dir_all(self.path(below).join(name)).unwrap();
            }
        }
        let variables = self.environment();
        let mut line = self.words("ExecStart").flat_map(|word| expanded(word, &variables));
        let program = self.path(&line.next().unwrap());
        let mut command = Command::new(program);
        command.args(line.map(|word| self.at_host(&word)));
        // Nothing of the caller's, and a service of the system begins at the root.
        command.current_dir(&self.host).stdin(Stdio::null()).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap());
        command.envs(variables.iter().map(|(name, value)| (name, self.at_host(value))));
        command
    }

    /// A path of the host, seen from outside.
    fn path(&self, path: &str) -> PathBuf {
        self.host.join(path.strip_prefix('/').unwrap())
    }

    /// The same, if it is one.
    fn at_host(&self, word: &str) -> String {
        match word.starts_with('/') {
            true => self.path(word).to_str().unwrap().to_owned(),
            false => word.to_owned(),
        }
    }
}

/// What `%S` and `%C` are for services of the system.
const STATE: &str = "/var/lib";
const CACHE: &str = "/var/cache";

fn is_comment(line: &str) -> bool {
    line.is_empty() || line.starts_with(['#', ';'])
}

/// A value with its specifiers replaced.
fn specified(value: &str, instance: &str) -> String {
    let mut parts = value.split('%');
    let mut text = parts.next().unwrap().to_owned();
    for part in parts {
        let (specifier, rest) = part.split_at(1);
        text += match specifier {
            "i" => instance,
            "S" => STATE,
            "C" => CACHE,
            other => panic!("%{other} is not read here: {value}"),
        };
        text += rest;
    }
    text
}

/// `NAME=VALUE` or `NAME="VALUE"`.
fn assignment(text: &str) -> (String, String) {
    let (name, value) = text.split_once('=').unwrap();
    let bare = value.strip_prefix('"').map_or(Some(value), |value| value.strip_suffix('"'));
    let bare = bare.filter(|bare| !bare.contains(['"', '\'', '\\'])).unwrap_or_else(|| {
        panic!("quotes within a value are not read here: {text}");
    });
    (name.to_owned(), bare.to_owned())
}

/// A word of a command line: `${X}` is one word, `$X` as many as it has.
fn expanded(word: &str, variables: &BTreeMap<String, String>) -> Vec<String> {
    let of = |name: &str| variables.get(name).unwrap_or_else(|| panic!("no variable {name}"));
    match word.strip_prefix('$') {
        None => {
            assert!(!word.contains(['$', '"', '\'', '\\']), "this is not read here: {word}");
            vec![word.to_owned()]
        }
        Some(name) => match name.strip_prefix('{') {
            Some(name) => vec![of(name.strip_suffix('}').unwrap()).clone()],
            None => of(name).split_whitespace().map(str::to_owned).collect(),
        },
    }
}
