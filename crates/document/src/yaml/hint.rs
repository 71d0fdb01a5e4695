//! Hints for what the YAML scanner says.

/// What usually lies behind a message of the scanner.
pub(super) fn syntax_hint(info: &str) -> Option<&'static str> {
    let has = |part: &str| info.contains(part);
    if has("unknown anchor") {
        Some("an alias such as *name needs an anchor &name before it")
    } else if has("escape") {
        Some("in double quotes write \\\\ for \\, or use single quotes for patterns")
    } else if has("quoted scalar") {
        Some("a quote is not closed, or its further lines are not indented")
    } else if has("mapping values are not allowed") || has("simple key") {
        Some(
            "put text with \": \" in quotes, and check the indentation of this line and the one before",
        )
    } else if has("unexpected character") || has("start any token") {
        Some("put text that begins with @, `, % or another special character in quotes")
    } else if has("flow") || has("illegal placement") {
        Some(
            "a \"[\" or \"{\" is not closed, or text within it needs quotes, such as '[sig-network]' and '${matrix.cni}'",
        )
    } else if has("indent") || has("block") || has("expected") {
        Some("check the indentation of this line and the one before")
    } else {
        None
    }
}
