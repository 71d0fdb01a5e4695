//! What the text of a spec says of it: its SIG, its tags, and what stays the same when it is
//! reworded a little.

/// The text without tags in square brackets, in lower case and with single blanks. Texts change
/// between Kubernetes versions mostly by white space and by tags; two versions of one spec have the
/// same folded text.
#[must_use]
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    let mut depth = 0u32;
    for c in text.chars() {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ if depth > 0 => {}
            c if c.is_whitespace() => {
                if !folded.ends_with(' ') {
                    folded.push(' ');
                }
            }
            c => folded.extend(c.to_lowercase()),
        }
    }
    folded.trim().to_owned()
}

/// The text with single blanks, and with its tags: what the history of durations knows a spec by.
#[must_use]
pub fn squeeze(text: &str) -> String {
    let mut squeezed = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !squeezed.is_empty() {
            squeezed.push(' ');
        }
        squeezed.push_str(word);
    }
    squeezed
}

/// The `sig-...` of the first tag that names one, or nothing.
#[must_use]
pub fn sig(text: &str) -> &str {
    tags(text).find(|tag| tag.starts_with("sig-")).unwrap_or("")
}

/// What stands in square brackets, in order and without the brackets.
pub fn tags(text: &str) -> impl Iterator<Item = &str> {
    text.split('[').skip(1).filter_map(|rest| rest.split_once(']')).map(|(tag, _)| tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_case_and_white_space_are_folded() {
        let old = "[sig-node] Probing should  be restarted [NodeConformance] [Conformance]";
        assert_eq!(fold(old), "probing should be restarted");
        assert_eq!(fold(old), fold("[sig-node] Probing should be Restarted [Conformance]"));
        assert_ne!(fold(old), fold("[sig-node] Probing should not be restarted [Conformance]"));
        assert_eq!(fold("a ] b [c"), "a b");
    }

    #[test]
    fn white_space_is_squeezed_and_tags_stay() {
        assert_eq!(squeeze("  [sig-a]  x\ty\n[Slow] "), "[sig-a] x y [Slow]");
        assert_eq!(squeeze(" \t "), "");
    }

    #[test]
    fn the_sig_is_the_first_tag_that_names_one() {
        assert_eq!(sig("[sig-apps] Job [Serial]"), "sig-apps");
        assert_eq!(sig("[k8s.io] [sig-node] Pods"), "sig-node");
        assert_eq!(sig("Pods [Slow]"), "");
        assert_eq!(tags("[a] x [b][c] [d").collect::<Vec<_>>(), ["a", "b", "c"]);
    }
}
