//! `multibeam history list` for people.

use multibeam_history::History;
use std::io::{self, Write};

use super::{Wanted, shown};
use crate::view::{Line, Role, Style, count, exact};

/// Writes a line for each spec and set of labels.
///
/// # Errors
/// When `out` cannot be written.
pub(crate) fn write(
    out: &mut impl Write,
    history: &History,
    wanted: &Wanted,
    style: Style,
) -> io::Result<()> {
    let shown = shown(history, wanted);
    if shown.is_empty() {
        return match history.is_empty() {
            true => writeln!(
                out,
                "nothing is remembered yet: runs add to it, and so does `multibeam history import`"
            ),
            false => writeln!(out, "no spec like that"),
        };
    }
    let head = format!("{:>9} {:>8}  runs  spec", "expected", "± about");
    writeln!(out, "{}", Line::of(Role::Dim, &head).paint(style))?;
    for it in &shown {
        let numbers = format!(
            "{:>9} {:>8}  {:>4}  ",
            exact(it.robust.typical),
            exact(it.robust.spread),
            it.took.len()
        );
        let mut line = Line::of(Role::Plain, &numbers);
        line.push(Role::Plain, it.spec);
        let labels = it.labels.iter().map(|(key, value)| format!("{key}={value}"));
        let labels: Vec<String> = labels.collect();
        if !labels.is_empty() {
            line.push(Role::Dim, &format!("  {}", labels.join(" ")));
        }
        writeln!(out, "{}", line.paint(style))?;
    }
    let total =
        format!("{} from {} runs or files", count(history.specs(), "spec"), history.sources());
    writeln!(out, "{}", Line::of(Role::Dim, &total).paint(style))
}

#[cfg(test)]
mod tests {
    use multibeam_model::Timestamp;
    use multibeam_model::lesson::{Lesson, Took};

    use super::*;

    fn listed(wanted: &Wanted) -> String {
        let mut history = History::default();
        for (at, cni, millis) in [(1, "calico", 1200), (2, "cilium", 30_000), (3, "cilium", 31_000)]
        {
            history.learn(&Lesson {
                source: at.to_string(),
                at: Timestamp(at),
                labels: [("cni".to_owned(), cni.to_owned())].into(),
                durations: vec![Took { spec: "[sig-a] x".to_owned(), millis }],
            });
        }
        let mut out = Vec::new();
        write(&mut out, &history, wanted, Style::PLAIN).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_set_of_labels_has_its_line_and_the_longest_is_first() {
        let all = listed(&Wanted::default());
        let lines: Vec<&str> = all.lines().collect();
        assert_eq!(lines[1], "    30.5s     9.2s     2  [sig-a] x  cni=cilium");
        assert_eq!(lines[2], "     1.2s     0.4s     1  [sig-a] x  cni=calico");
        assert_eq!(lines[3], "1 spec from 3 runs or files");
        let labels = [("cni".to_owned(), "calico".to_owned())].into();
        let calico = listed(&Wanted { labels, ..Wanted::default() });
        assert!(calico.contains("1.2s") && !calico.contains("30.5s"), "{calico}");
        let none = Wanted { spec: Some("zebra".to_owned()), ..Wanted::default() };
        assert_eq!(listed(&none), "no spec like that\n");
    }
}
