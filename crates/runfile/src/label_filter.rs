//! A first look at Ginkgo's label filters.
//!
//! `labelFilter` is read by the suite with Ginkgo's own parser (`ParseLabelFilter` in its package
//! `types`), which has the last word. What is checked here is the same grammar, so that mistakes show
//! with their place before anything starts:
//!
//! ```text
//! filter  = term { ( "&&" | "||" | "," ) term }
//! term    = { "!" } ( "(" filter ")" | "/regexp/" | label | key ": " set-operation )
//! ```
//!
//! Set operations are those of Ginkgo 2.16 and newer; an older one takes such a text for a label.

use multibeam_document::render::quote;

use crate::pattern;

/// What ends a label.
const SPECIAL: &str = "&|!,()/";

/// Ginkgo does not tell upper from lower case in them.
const SET_OPERATIONS: [&str; 5] =
    ["containsAny", "containsAll", "consistsOf", "isSubsetOf", "isEmpty"];

/// The one that takes no argument.
const IS_EMPTY: &str = "isEmpty";

/// What is wrong with a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FilterError {
    /// First character that is meant, from 0.
    pub(crate) from: usize,
    /// How many characters are meant.
    pub(crate) length: usize,
    /// A lower-case fragment.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) hint: String,
}

/// Checks a filter. One of spaces alone selects everything, as none does.
///
/// # Errors
/// The first mistake in it.
pub(crate) fn check(filter: &str) -> Result<(), FilterError> {
    Reader { text: filter.chars().collect(), at: 0, open: Vec::new(), last: None }.read()
}

struct Reader {
    text: Vec<char>,
    at: usize,
    /// Where the groups begin that are not closed yet.
    open: Vec<usize>,
    /// Where the last piece begins, and whether it waits for a term: an operator, `!`, or `(`.
    last: Option<(usize, bool)>,
}

// === impl Reader ===

impl Reader {
    fn read(mut self) -> Result<(), FilterError> {
        loop {
            self.skip_spaces();
            let from = self.at;
            let Some(&first) = self.text.get(from) else { break };
            let wants_term = self.last.is_none_or(|(_, waits)| waits);
            match first {
                '&' | '|' => {
                    if self.text.get(from + 1) != Some(&first) {
                        let hint = format!("write {first}{first}");
                        return Err(self.error(from, 1, format!("a single \"{first}\""), hint));
                    }
                    self.operator(from, 2, wants_term)?;
                }
                ',' => self.operator(from, 1, wants_term)?,
                ')' => self.close(from, wants_term)?,
                _ if !wants_term => {
                    let hint = "write &&, ||, or a comma before it".to_owned();
                    let message = "an operator is missing before this".to_owned();
                    return Err(self.error(from, self.text.len() - from, message, hint));
                }
                '!' | '(' => {
                    if first == '(' {
                        self.open.push(from);
                    }
                    self.at += 1;
                    self.last = Some((from, true));
                }
                _ => {
                    if first == '/' {
                        self.regexp()?
                    } else {
                        self.label()?
                    }
                    self.last = Some((from, false));
                }
            }
        }
        match (self.last, self.open.last()) {
            (Some((from, true)), _) => {
                let hint = "a label, a /regexp/, or a group is missing".to_owned();
                Err(self.error(from, self.at - from, "nothing follows this".to_owned(), hint))
            }
            (_, Some(&from)) => {
                let message = "\"(\" without \")\"".to_owned();
                Err(self.error(from, 1, message, "close the group".to_owned()))
            }
            _ => Ok(()),
        }
    }

    fn operator(&mut self, from: usize, length: usize, wants: bool) -> Result<(), FilterError> {
        if wants {
            let hint = "a label, a /regexp/, or a group is missing before it".to_owned();
            return Err(self.error(
                from,
                length,
                "an operator with nothing before it".into(),
                hint,
            ));
        }
        self.at += length;
        self.last = Some((from, true));
        Ok(())
    }

    fn close(&mut self, from: usize, wants: bool) -> Result<(), FilterError> {
        let Some(begin) = self.open.pop() else {
            let hint = "remove it, or open the group".to_owned();
            return Err(self.error(from, 1, "\")\" without \"(\"".to_owned(), hint));
        };
        if wants {
            let hint = "a label, a /regexp/, or a group is missing before \")\"".to_owned();
            let message = "a group that is not complete".to_owned();
            return Err(self.error(begin, from + 1 - begin, message, hint));
        }
        self.at += 1;
        self.last = Some((from, false));
        Ok(())
    }

    /// Ginkgo takes an expression without its second slash to the end.
    fn regexp(&mut self) -> Result<(), FilterError> {
        self.at += 1;
        let from = self.at;
        let text = self.until("/");
        self.at += 1;
        pattern::check(&text).map_err(|error| {
            let message = format!("not a Go regular expression: {}", error.message);
            let hint = format!("see {}", quote(&text));
            self.error(from + error.from, error.length, message, hint)
        })
    }

    /// A label, or the key of a set operation with what follows it.
    fn label(&mut self) -> Result<(), FilterError> {
        let from = self.at;
        let mut label = self.until("&|!,()/:").trim().to_owned();
        if self.text.get(self.at) == Some(&':') {
            if self.text.get(self.at + 1) == Some(&' ') {
                if label.is_empty() {
                    let message = "a set operation without a key".to_owned();
                    return Err(self.error(from, 1, message, set_hint()));
                }
                self.at += 1;
                return self.set_operation(from);
            }
            let rest = self.until(SPECIAL);
            if rest.trim() == ":" {
                let message = "a key without a set operation".to_owned();
                return Err(self.error(from, self.at - from, message, set_hint()));
            }
            label.push_str(rest.trim());
        }
        let lower = label.to_lowercase();
        let operation = SET_OPERATIONS.iter().find(|operation| {
            lower.find(&format!(" {}", operation.to_lowercase())).is_some_and(|at| at > 0)
        });
        match operation {
            None => Ok(()),
            Some(operation) => {
                let message = format!("{operation} without a \":\" after its key");
                Err(self.error(from, self.at - from, message, set_hint()))
            }
        }
    }

    fn set_operation(&mut self, key: usize) -> Result<(), FilterError> {
        self.skip_spaces();
        let from = self.at;
        let written = self.until(" )");
        let known = SET_OPERATIONS.iter().find(|known| known.eq_ignore_ascii_case(&written));
        let Some(operation) = known else {
            let message = format!("{} is no set operation", quote(&written));
            return Err(self.error(from, written.chars().count(), message, set_hint()));
        };
        self.skip_spaces();
        let from = self.at;
        let argument = if self.text.get(from) == Some(&'{') {
            self.at += 1;
            let inner = self.until("}");
            if self.at >= self.text.len() {
                let message = "\"{\" without \"}\"".to_owned();
                return Err(self.error(from, 1, message, "close the set".to_owned()));
            }
            self.at += 1;
            inner
        } else {
            self.until(SPECIAL).trim().to_owned()
        };
        if *operation == IS_EMPTY {
            if argument.is_empty() {
                return Ok(());
            }
            let message = format!("{IS_EMPTY} takes no argument");
            return Err(self.error(from, self.at - from, message, "remove it".to_owned()));
        }
        if argument.is_empty() {
            let message = format!("{operation} needs an argument");
            return Err(self.error(key, self.at - key, message, set_hint()));
        }
        let bad = |value: &str| value.is_empty() || value.contains(|c| SPECIAL.contains(c));
        match argument.split(',').map(str::trim).find(|value| bad(value)) {
            None => Ok(()),
            Some(value) => {
                let message = format!("{} cannot be a value in a set", quote(value));
                let hint = format!("values are not empty and have none of {SPECIAL}");
                Err(self.error(from, self.at - from, message, hint))
            }
        }
    }

    fn skip_spaces(&mut self) {
        while self.text.get(self.at) == Some(&' ') {
            self.at += 1;
        }
    }

    /// What stands before the first of these characters.
    fn until(&mut self, ends: &str) -> String {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let text: String = rest.iter().take_while(|c| !ends.contains(**c)).collect();
        self.at += text.chars().count();
        text
    }

    fn error(&self, from: usize, length: usize, message: String, hint: String) -> FilterError {
        let length = length.min(self.text.len().saturating_sub(from)).max(1);
        FilterError { from, length, message, hint }
    }
}

fn set_hint() -> String {
    format!(
        "such as \"Feature: containsAny {{A, B}}\" or \"Feature: isEmpty\"; known are {}",
        SET_OPERATIONS.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ginkgo_accepts_is_good() {
        for filter in [
            "",
            " ",
            "dog",
            "a label with spaces",
            "dog && cat, fish || !(cow)",
            "!!a",
            "((a))",
            "/^Feature:.*$/ && !/[a]/",
            "/unclosed",
            "Feature:Alpha",
            ":x",
            "Feature: isEmpty",
            "(feature: ISEMPTY {}) || b",
            "Feature: isEmpty && x",
            "Feature: containsAny {Alpha, Beta} && a",
            "Feature: consistsOf Alpha",
            "!k: isSubsetOf {a}",
        ] {
            assert_eq!(check(filter), Ok(()), "{filter}");
        }
    }

    #[test]
    fn mistakes_have_a_place() {
        for (filter, from, length, message) in [
            ("a & b", 2, 1, "a single \"&\""),
            ("a | b", 2, 1, "a single \"|\""),
            ("&& a", 0, 2, "an operator with nothing before it"),
            ("a && || b", 5, 2, "an operator with nothing before it"),
            ("a &&", 2, 2, "nothing follows this"),
            ("a, ", 1, 2, "nothing follows this"),
            ("!", 0, 1, "nothing follows this"),
            ("a (b)", 2, 3, "an operator is missing before this"),
            ("a !b", 2, 2, "an operator is missing before this"),
            ("a /b/", 2, 3, "an operator is missing before this"),
            ("()", 0, 2, "a group that is not complete"),
            ("(a || )", 0, 7, "a group that is not complete"),
            ("(a", 0, 1, "\"(\" without \")\""),
            ("a)", 1, 1, "\")\" without \"(\""),
            ("\u{e4} && /x(/", 7, 1, "not a Go regular expression: unclosed group"),
            (": containsAny x", 0, 1, "a set operation without a key"),
            ("k:", 0, 2, "a key without a set operation"),
            ("k: ", 3, 1, "\"\" is no set operation"),
            ("k: hasAny x", 3, 6, "\"hasAny\" is no set operation"),
            ("k containsAny x", 0, 15, "containsAny without a \":\" after its key"),
            ("k: containsAny", 0, 14, "containsAny needs an argument"),
            ("k: isSubsetOf {}", 0, 16, "isSubsetOf needs an argument"),
            ("k: containsAny {a", 15, 1, "\"{\" without \"}\""),
            ("k: containsAny {a, }", 15, 5, "\"\" cannot be a value in a set"),
            ("k: containsAny {a|b}", 15, 5, "\"a|b\" cannot be a value in a set"),
            ("k: isEmpty x", 11, 1, "isEmpty takes no argument"),
            ("k: isEmpty { }", 11, 3, "isEmpty takes no argument"),
            ("k: containsAny {a} b", 19, 1, "an operator is missing before this"),
        ] {
            let error = check(filter).expect_err(filter);
            let found = (error.from, error.length, error.message.as_str());
            assert_eq!(found, (from, length, message), "{filter}");
            assert!(!error.hint.is_empty());
        }
    }
}
