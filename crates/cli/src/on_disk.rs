//! What a run file names, held against this host's disk, as far as that shows without starting
//! anything.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use multibeam_runfile::{Code, Diagnostic, Mention, Mentioned, Place, Severity};
use multibeam_worker::agent::{Server, check_binary, check_kubeconfig};

use crate::convert::absolute;
use crate::written::finding;

/// What of a run file's host matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Its suites and their directories.
    pub suites: bool,
    /// How its clusters are reached.
    pub kubeconfigs: bool,
    /// Where its results go.
    pub results: bool,
}

impl Extent {
    /// The file itself is all that matters.
    pub const NOTHING: Self = Self { suites: false, kubeconfigs: false, results: false };
    /// What would run is asked for, and not where.
    pub const SUITES: Self = Self { suites: true, ..Self::NOTHING };
    /// All that it names.
    pub const EVERYTHING: Self = Self { suites: true, kubeconfigs: true, results: true };

    fn covers(self, what: &Mentioned) -> bool {
        match what {
            Mentioned::Binary { .. } | Mentioned::WorkDir { .. } => self.suites,
            Mentioned::Kubeconfig { .. } => self.kubeconfigs,
            Mentioned::Results { .. } => self.results,
        }
    }
}

/// Looks at everything that a run file in `directory` names.
#[must_use]
pub fn check(mentions: &[Mention], directory: &Path, extent: Extent) -> Vec<Diagnostic> {
    let mut servers = Servers::default();
    let wanted = mentions.iter().filter(|mention| extent.covers(&mention.what));
    let wrong = wanted.filter_map(|mention| {
        let (place, code, text) = mistake(mention, directory, &mut servers).err()?;
        Some(finding(place, Severity::Error, code, &text))
    });
    wrong.collect()
}

fn mistake<'a>(
    mention: &'a Mention,
    directory: &Path,
    servers: &mut Servers,
) -> Result<(), (&'a Place, Code, String)> {
    let Mention { what, place, context: at_context } = mention;
    let here = |code| move |text| (place, code, text);
    match what {
        Mentioned::Binary { path, .. } => {
            check_binary(&absolute(directory, path)).map_err(here(Code::BadSuite))
        }
        Mentioned::WorkDir { path } => {
            check_work_dir(&absolute(directory, path)).map_err(here(Code::BadSuite))
        }
        Mentioned::Results { path } => {
            check_results(&absolute(directory, path)).map_err(here(Code::BadValue))
        }
        Mentioned::Kubeconfig { cluster, path, context } => {
            let at_context = at_context.as_ref().unwrap_or(place);
            let path = absolute(directory, path);
            let server =
                check_kubeconfig(cluster, &path, context.as_deref()).map_err(|mistake| {
                    let place = if mistake.in_context { at_context } else { place };
                    (place, Code::BadKubeconfig, mistake.message)
                })?;
            let added = servers.add(server, cluster, at_context.line);
            added.map_err(|text| (at_context, Code::Duplicate, text))
        }
    }
}

fn check_work_dir(path: &Path) -> Result<(), String> {
    let expected = || format!("expected a directory at {}", path.display());
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(_) => Err(format!("{}, but that is none", expected())),
        Err(error) => {
            Err(format!("{}: {error} (hint: the suite's processes run in it)", expected()))
        }
    }
}

/// A directory for results is made where it is missing, unless something else stands in its way.
fn check_results(path: &Path) -> Result<(), String> {
    let there = path.ancestors().find_map(|part| Some((part, fs::metadata(part).ok()?)));
    match there {
        Some((part, found)) if !found.is_dir() => Err(format!(
            "expected a directory or nothing at {}, but that is a file (hint: each run gets a directory of its own in results.dir)",
            part.display()
        )),
        _ => Ok(()),
    }
}

/// The clusters behind the kubeconfigs so far, each with its name and the line that it stands in.
#[derive(Debug, Default)]
struct Servers(BTreeMap<Server, (String, usize)>);

impl Servers {
    /// A cluster under two names would be used by two at once. Names that lead to it by different
    /// addresses show only when it is asked who it is.
    fn add(&mut self, server: Server, cluster: &str, line: usize) -> Result<(), String> {
        let Some((first, of_first)) = self.0.get(&server) else {
            self.0.insert(server, (cluster.to_owned(), line));
            return Ok(());
        };
        let hint = match *of_first == line {
            true => "each of them needs a cluster of its own".to_owned(),
            false => format!("the other one is in line {of_first}"),
        };
        Err(format!(
            "the clusters {first:?} and {cluster:?} are one: both are at {server} (hint: {hint})"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KUBECONFIG: &str = "
current-context: one
contexts:
- {name: one, context: {cluster: c1, user: me}}
- {name: admin, context: {cluster: c1, user: me}}
- {name: two, context: {cluster: c2, user: me}}
- {name: half, context: {cluster: nowhere, user: me}}
clusters:
- {name: c1, cluster: {server: 'https://one:6443'}}
- {name: c2, cluster: {server: 'https://two:6443'}}
users:
- {name: me, user: {token: secret}}
";

    /// What is found in a run file with these results and clusters of its only target: line, column,
    /// code, and text.
    fn found(results: &str, clusters: &[&str], extent: Extent) -> Vec<(usize, usize, String)> {
        let scratch = tempfile::tempdir().unwrap();
        fs::write(scratch.path().join("kube"), KUBECONFIG).unwrap();
        fs::create_dir(scratch.path().join("runs")).unwrap();
        let clusters: String = clusters.iter().map(|it| format!("- {it}\n")).collect();
        let text = format!(
            "apiVersion: multibeam.dev/v1\nkind: Run\nresults: {{dir: {results}}}\nsuite: {{binary: no/suite}}\n\
             targets:\n- name: t\n  clusters:\n{}",
            clusters.replace("- ", "  - ")
        );
        let file = multibeam_runfile::examine("run.yaml", text.as_bytes(), None);
        assert!(file.run.is_some(), "{}", file.found);
        let found = check(&file.mentions, scratch.path(), extent).into_iter();
        let here = scratch.path().to_string_lossy().into_owned();
        let shown = found.map(|it| {
            let text = format!("{:?} {} {}", it.code, it.message, it.hint.unwrap_or_default());
            (it.line, it.column, text.replace(&here, "HERE"))
        });
        shown.collect()
    }

    const CLUSTERS: Extent = Extent { kubeconfigs: true, ..Extent::NOTHING };

    #[test]
    fn results_need_a_directory_or_nothing_in_their_way() {
        let of = |results| found(results, &["{name: a}"], Extent { results: true, ..CLUSTERS });
        for good in ["runs", "runs/more/and/more", "new", "."] {
            assert_eq!(of(good), [], "{good}");
        }
        for bad in ["kube", "./kube/runs"] {
            let found = of(bad);
            let [(3, 16, text)] = &found[..] else { panic!("{bad}: {found:?}") };
            assert!(
                text.starts_with("BadValue expected a directory or nothing at HERE/"),
                "{text}"
            );
        }
        assert_eq!(found("kube", &["{name: a}"], CLUSTERS), [], "they go elsewhere");
    }

    #[test]
    fn a_context_is_wrong_where_it_stands() {
        let clusters = [
            "{name: a, kubeconfig: kube, context: three}",
            "{name: b, kubeconfig: kube, context: half}",
            "{name: c, kubeconfig: nothing, context: one}",
            "{name: d, kubeconfig: kube, context: two}",
        ];
        let found = found("runs", &clusters, CLUSTERS);
        let [(8, 42, unknown), (9, 42, incomplete), (10, 27, unreadable)] = &found[..] else {
            panic!("{found:?}")
        };
        assert!(unknown.contains("no context `three`"), "{unknown}");
        assert!(incomplete.contains("no cluster `nowhere`"), "{incomplete}");
        assert!(unreadable.contains("cannot read the kubeconfig"), "{unreadable}");
    }

    #[test]
    fn one_cluster_under_two_names_shows_in_its_address() {
        let clusters = [
            "{name: a, kubeconfig: kube}",
            "{name: b, kubeconfig: kube, context: two}",
            "{name: c, kubeconfig: ./kube, context: admin}",
        ];
        let found = found("runs", &clusters, CLUSTERS);
        let twin = "Duplicate the clusters \"a\" and \"c\" are one: both are at https://one:6443 the other one is in line 8";
        assert_eq!(found, [(10, 44, twin.to_owned())]);
    }
}
