//! Saying what is wrong with something that a run file names: at its place in the file, where there
//! is one to point at.

use multibeam_runfile::{Code, Diagnostic, Diagnostics, Mentioned, Place, Severity};

use crate::args::ColorChoice;
use crate::load::{Loaded, styles};
use crate::view::clean;

/// Where a run was described.
#[derive(Clone, Copy, Debug)]
pub enum Written<'a> {
    /// In a run file that was read just now.
    In(&'a Loaded, ColorChoice),
    /// In that of an earlier run.
    Before,
}

// === impl Written ===

impl<'a> Written<'a> {
    /// Where the kubeconfig of a cluster is named.
    #[must_use]
    pub fn kubeconfig(self, wanted: &str) -> Option<&'a Place> {
        self.place(
            |what| matches!(what, Mentioned::Kubeconfig { cluster, .. } if cluster == wanted),
        )
    }

    /// Where the suite of a target is named.
    #[must_use]
    pub fn binary(self, wanted: &str) -> Option<&'a Place> {
        self.place(|what| matches!(what, Mentioned::Binary { target, .. } if target == wanted))
    }

    fn place(self, is_wanted: impl Fn(&Mentioned) -> bool) -> Option<&'a Place> {
        let Self::In(loaded, _) = self else { return None };
        let mention = loaded.mentions.iter().find(|mention| is_wanted(&mention.what));
        mention.map(|mention| &mention.place)
    }

    /// Says findings, the same about one place only once, and gives how many there are.
    pub fn say(
        self,
        severity: Severity,
        code: Code,
        findings: impl IntoIterator<Item = (Option<&'a Place>, String)>,
    ) -> usize {
        let (mut placed, mut bare): (Vec<Diagnostic>, Vec<String>) = Default::default();
        for (place, text) in findings {
            match place {
                Some(place) => placed.push(finding(place, severity, code, &text)),
                None if !bare.contains(&text) => bare.push(text),
                None => {}
            }
        }
        for text in &bare {
            // It may hold what a suite has printed.
            let lines: Vec<String> = text.lines().map(clean).collect();
            eprintln!("{severity}: {}", lines.join("\n"));
        }
        let Self::In(loaded, color) = self else { return bare.len() };
        let found = Diagnostics::new(&loaded.name, placed);
        eprint!("{}", found.render(&styles(color)));
        bare.len() + found.items.len() + found.omitted
    }
}

/// A finding from a text whose first line may end with a hint, and whose other lines are what
/// somebody else said.
pub(crate) fn finding(place: &Place, severity: Severity, code: Code, text: &str) -> Diagnostic {
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    let hint = first.strip_suffix(')').and_then(|it| it.split_once(" (hint: "));
    let (message, hint) = hint.map_or((first, None), |(message, hint)| (message, Some(hint)));
    let detail = lines.map(clean).collect();
    Diagnostic { detail, ..place.finding(severity, code, message, hint) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_falls_into_message_hint_and_detail() {
        let place = Place { line: 3, column: 5, length: 1, source: "    x".to_owned() };
        let split = |text| {
            let found = finding(&place, Severity::Error, Code::BadSuite, text);
            (found.message, found.hint, found.detail)
        };
        let hint = Some("chmod +x it".to_owned());
        assert_eq!(split("no (hint: chmod +x it)"), ("no".to_owned(), hint, vec![]));
        let (message, hint, detail) = split("it said (hint: a):\none\n\ttwo");
        assert_eq!((message.as_str(), hint), ("it said (hint: a):", None));
        assert_eq!(detail, ["one", "  two"]);
    }
}
