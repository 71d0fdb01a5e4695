//! Names: what runs, targets, clusters, axes, labels and variables may be called.

/// Longest name of a target, in characters. Its directory name has at most as many bytes, well
/// below the 255 of common file systems.
pub const MAX_TARGET_NAME: usize = 100;

/// Longest name of a run or a cluster, in characters: the limit of a DNS label, so that it can
/// also be the value of a Kubernetes label.
pub const MAX_PLAIN_NAME: usize = 63;

/// What a target may be called, in words.
pub(crate) const TARGET_RULE: &str = "up to 100 characters: letters, digits, spaces, and \
     . _ - / + = : @ , ( ), beginning with a letter or digit, without \"..\"";

/// What runs and clusters may be called, in words.
pub(crate) const PLAIN_RULE: &str = "up to 63 letters, digits, dots, dashes, and underscores, beginning and ending with a letter or digit";

/// Directory names that would collide with what a run leaves beside its targets' directories,
/// and device names that Windows reserves.
const RESERVED_DIRS: [&str; 9] =
    ["ledger", "spool", "logs", "con", "prn", "aux", "nul", "run", "runs"];

/// Endings of files that a run leaves beside its targets' directories.
const RESERVED_ENDINGS: [&str; 6] = [".json", ".xml", ".sock", ".log", ".lock", ".tmp"];

/// Checks the name of a target and gives the name of its directory.
///
/// # Errors
/// Says why the name cannot be used.
pub(crate) fn target_dir(name: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || " ._-/+=:@,()".contains(c);
    if name.is_empty() {
        return Err("it is empty".into());
    }
    if name.chars().count() > MAX_TARGET_NAME {
        return Err(format!("it has {} characters", name.chars().count()));
    }
    if let Some(bad) = name.chars().find(|c| !allowed(*c)) {
        return Err(format!("it contains {}", multibeam_document::render::quote(&bad.to_string())));
    }
    if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return Err("it does not begin with a letter or digit".into());
    }
    if name.ends_with(' ') {
        return Err("it ends with a space".into());
    }
    if name.contains("..") {
        return Err("it contains \"..\"".into());
    }
    let dir = slug(name);
    let lower = dir.to_ascii_lowercase();
    if RESERVED_DIRS.contains(&lower.as_str())
        || RESERVED_ENDINGS.iter().any(|e| lower.ends_with(e))
    {
        return Err(format!("the results directory holds other things under {dir:?}"));
    }
    Ok(dir)
}

/// The directory name of a target: letters, digits, dots and underscores stay, each run of
/// anything else becomes one dash, none at the ends.
fn slug(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_ascii_alphanumeric() || matches!(c, '.' | '_') {
            out.push(c);
        } else if !out.ends_with('-') {
            out.push('-');
        }
    }
    out.trim_matches(['-', '.']).to_owned()
}

/// Whether a run or cluster may be called so.
pub(crate) fn is_plain(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let outer = |c: char| c.is_ascii_alphanumeric();
    name.len() <= MAX_PLAIN_NAME
        && name.starts_with(outer)
        && name.ends_with(outer)
        && name.chars().all(inner)
}

/// `[A-Za-z][A-Za-z0-9_-]*`, at most 63.
pub(crate) fn is_axis(name: &str) -> bool {
    name.len() <= 63
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
}

/// `[A-Za-z0-9][A-Za-z0-9._/-]*`, at most 63.
pub(crate) fn is_label(name: &str) -> bool {
    name.len() <= 63
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '/' | '-'))
}

/// `[A-Za-z_][A-Za-z0-9_]*`, at most 128: what a POSIX shell can name.
pub(crate) fn is_variable(name: &str) -> bool {
    name.len() <= 128
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn target_names_become_directories() {
        for (name, dir) in [
            ("v1.36", "v1.36"),
            ("v1.36 / cilium / nftables", "v1.36-cilium-nftables"),
            ("1.30+rke2 (ipvs)", "1.30-rke2-ipvs"),
            ("a.", "a"),
            ("a--b", "a-b"),
        ] {
            assert_eq!(target_dir(name).as_deref(), Ok(dir), "{name}");
        }
    }

    #[test]
    fn unsafe_target_names_are_refused() {
        let long = "x".repeat(101);
        for name in [
            "",
            " ",
            "a ",
            "-a",
            ".hidden",
            "..",
            "a/../b",
            "/etc",
            "~root",
            "a\\b",
            "a\nb",
            "a\0b",
            "été",
            "run.json",
            "Junit.XML",
            "NUL",
            "ledger",
            "a*",
            "$x",
            &long,
        ] {
            assert!(target_dir(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn plain_names() {
        for name in ["a", "cluster-1", "v1.36_x"] {
            assert!(is_plain(name), "{name}");
        }
        for name in ["", "-a", "a-", "a b", "a/b", "é", &"x".repeat(64)] {
            assert!(!is_plain(name), "{name}");
        }
    }
}
