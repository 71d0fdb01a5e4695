//! How a run can be repeated: a run file that selects the same specs, and the suite's own command
//! line.

use crate::facts::{Run, Suite, Target};

/// The seed is a setting of the whole run, and each process gets it.
const SEED: &str = "--ginkgo.seed=";

/// Flags that have settings of their own in a run file.
const LISTS: [(&str, &str); 2] = [("--ginkgo.focus=", "focus"), ("--ginkgo.skip=", "skip")];
const LABEL_FILTER: &str = "--ginkgo.label-filter=";

/// Where the suite finds `kubectl`, unless on the `PATH`.
pub(crate) const KUBECTL: &str = "--kubectl-path=";

/// A run file that does the same on clusters of the same names. Texts are JSON strings, which are
/// YAML as well.
pub(crate) fn run_file(run: &Run, target: &Target, suite: &Suite) -> String {
    let mut text = String::from("apiVersion: multibeam.dev/v1\nkind: Run\n");
    // A mode selects on the command line what would otherwise stand in the file.
    let by_mode = run.mode.is_some();
    if run.not_certifiable.is_empty() && !by_mode {
        text.push_str("certified: true\n");
    }
    text.push_str(&format!("seed: {}\nsuite:\n  binary: ./e2e.test\n", run.seed));
    for (flag, key) in LISTS {
        list(&mut text, key, &values(suite, flag), by_mode);
    }
    if let Some(filter) = values(suite, LABEL_FILTER).first().filter(|_| !by_mode) {
        text.push_str(&format!("  labelFilter: {}\n", quoted(filter)));
    }
    let own = |argument: &&str| {
        let flags = LISTS.iter().map(|(flag, _)| *flag).chain([SEED, LABEL_FILTER]);
        !flags.into_iter().any(|flag| argument.starts_with(flag))
    };
    let others: Vec<&str> = suite.arguments.iter().map(String::as_str).filter(own).collect();
    list(&mut text, "args", &others, false);
    text.push_str(&format!("targets:\n  - name: {}\n    clusters:\n", quoted(&target.name)));
    for (number, cluster) in (1..).zip(&target.clusters) {
        let kubeconfig = format!("./cluster-{number}.kubeconfig");
        text.push_str(&format!("      - name: {}\n", quoted(cluster)));
        text.push_str(&format!("        kubeconfig: {kubeconfig}\n"));
    }
    text
}

/// The suite's command line, as a shell takes it.
pub(crate) fn command_line(suite: &Suite) -> String {
    let words = suite.arguments.iter().map(|argument| shell_word(argument));
    let words: Vec<String> = words.collect();
    format!("./e2e.test --kubeconfig=./cluster-1.kubeconfig {}", words.join(" "))
}

/// The values of a flag among the suite's arguments, in their order.
pub(crate) fn values<'a>(suite: &'a Suite, flag: &str) -> Vec<&'a str> {
    suite.arguments.iter().filter_map(|argument| argument.strip_prefix(flag)).collect()
}

fn list(text: &mut String, key: &str, values: &[&str], left_out: bool) {
    if values.is_empty() || left_out {
        return;
    }
    let values: Vec<String> = values.iter().map(|value| quoted(value)).collect();
    text.push_str(&format!("  {key}: [{}]\n", values.join(", ")));
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A word that a POSIX shell takes as it is.
fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:,@%+".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stay_words() {
        assert_eq!(shell_word("--provider=skeleton"), "--provider=skeleton");
        assert_eq!(
            shell_word(r"--ginkgo.focus=\[Conformance\]"),
            r"'--ginkgo.focus=\[Conformance\]'"
        );
        assert_eq!(shell_word("it's $HOME"), r"'it'\''s $HOME'");
        assert_eq!(shell_word(""), "''");
    }
}
