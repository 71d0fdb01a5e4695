//! "Did you mean": the known word nearest to one that is not known.

/// The known word that a misspelt one most likely stands for.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A stranger of any length is not worth a comparison that costs its square.
    if word.len() > 64 {
        return None;
    }
    let plain = fold(word);
    let allowed = match plain.len() {
        0..=2 => 0,
        3..=5 => 1,
        6..=8 => 2,
        _ => 3,
    };
    known
        .into_iter()
        .map(|candidate| (distance(&plain, &fold(candidate)), candidate))
        .filter(|(d, _)| *d <= allowed)
        .min_by_key(|(d, _)| *d)
        .map(|(_, candidate)| candidate)
}

/// A hint that names the nearest word or, without one, all of them.
pub fn hint(word: &str, known: &[&str]) -> Option<String> {
    match nearest(word, known.iter().copied()) {
        Some(found) => Some(format!("did you mean {found:?}?")),
        None if known.is_empty() => None,
        None => Some(format!("known here: {}", known.join(", "))),
    }
}

/// `spec_timeout`, `spec-timeout` and `SpecTimeout` are all `specTimeout` written otherwise.
fn fold(word: &str) -> Vec<char> {
    word.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).flat_map(char::to_lowercase).collect()
}

/// Edits (insert, delete, replace, swap of neighbours) between two words.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replace = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replace.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [&str; 5] = ["name", "kubeconfig", "context", "processes", "specTimeout"];

    #[test]
    fn finds_typos_case_and_separators() {
        for (typo, meant) in [
            ("kubconfig", "kubeconfig"),
            ("kubeConfig", "kubeconfig"),
            ("nmae", "name"),
            ("procesess", "processes"),
            ("spec_timeout", "specTimeout"),
            ("spec-timeout", "specTimeout"),
        ] {
            assert_eq!(nearest(typo, KEYS), Some(meant), "{typo}");
        }
    }

    #[test]
    fn leaves_strangers_alone() {
        assert_eq!(nearest("parallelism", KEYS), None);
        assert_eq!(nearest("", KEYS), None);
        assert_eq!(nearest(&"n".repeat(10_000), KEYS), None);
        assert_eq!(
            hint("zzz", &["a", "b"]).as_deref(),
            Some("known here: a, b"),
            "strangers get the list"
        );
    }
}
