//! What is printed: Markdown.

use std::time::Duration;

/// A table under construction.
pub(crate) struct Table {
    text: String,
}

impl Table {
    /// With a heading and the names of its columns.
    pub(crate) fn new(heading: &str, columns: &[&str]) -> Self {
        let rule = columns.iter().enumerate().map(|(at, _)| if at == 0 { "---" } else { "---:" });
        let rule = rule.collect::<Vec<_>>().join("|");
        Self { text: format!("\n### {heading}\n\n| {} |\n|{rule}|\n", columns.join(" | ")) }
    }

    pub(crate) fn row(&mut self, cells: &[String]) {
        self.text += &format!("| {} |\n", cells.join(" | "));
    }

    /// Prints it, with what has to be said to it.
    pub(crate) fn print(&self, note: &str) {
        println!("{}\n{note}", self.text);
    }
}

/// Whether a goal is met, as a cell.
pub(crate) fn goal(text: &str, met: bool) -> String {
    format!("{text}: {}", if met { "met" } else { "**missed**" })
}

pub(crate) fn ms(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1e3)
}

pub(crate) fn mb(bytes: u64) -> String {
    format!("{:.0} MB", bytes as f64 / 1e6)
}

/// The middle one; `None` without any.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    let lower = *values.get((values.len() - 1) / 2)?;
    Some((lower + upper) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median([]), None);
    }
}
