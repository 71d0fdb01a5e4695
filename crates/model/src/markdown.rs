//! Foreign text in Markdown: nothing of it is obeyed.

/// Text as a code span: on one line, and fenced by more backticks than are in it.
#[must_use]
pub fn code(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.is_empty() {
        // Two backticks with nothing between them would begin another span.
        return "` `".to_owned();
    }
    let fence = "`".repeat(longest_run(&text) + 1);
    // A backtick at an end would join the fence.
    let pad = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// Text as a code block of several lines. `language` colours it: `text`, `yaml`, or `console`.
#[must_use]
pub fn block(language: &str, text: &str) -> String {
    let fence = "`".repeat(longest_run(text).max(2) + 1);
    format!("{fence}{language}\n{}\n{fence}\n", text.trim_end_matches('\n'))
}

/// A code span in a cell of a table, where a bar would end the cell even within code.
#[must_use]
pub fn cell(text: &str) -> String {
    code(text).replace('|', "\\|")
}

/// The most backticks in a row.
fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_cannot_leave_its_code() {
        assert_eq!(code("a [b](c) <d>"), "`a [b](c) <d>`");
        assert_eq!(code("a ``b\nc"), "```a ``b c```");
        assert_eq!(code("`"), "`` ` ``");
        assert_eq!(code(" "), "` `");
        assert_eq!(cell("a | b"), "`a \\| b`");
        assert_eq!(block("text", "a\n```\nb\n"), "````text\na\n```\nb\n````\n");
    }
}
