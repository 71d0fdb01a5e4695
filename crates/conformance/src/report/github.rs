//! Annotations: lines that a GitHub workflow shows at the files of a pull request.

use std::io::{self, Write};

use super::paint::printable;
use crate::rules::Level;
use crate::verify::Checked;

pub(super) fn write(out: &mut impl Write, all: &[Checked]) -> io::Result<()> {
    for checked in all {
        for outcome in &checked.outcomes {
            let level = if outcome.counts(checked.strict) { Level::Error } else { Level::Warning };
            let info = outcome.rule.info();
            for finding in outcome.findings() {
                let mut place = String::new();
                if let Some(file) = &finding.file {
                    place = format!("file={},", property(file));
                }
                if let Some(line) = finding.line {
                    place.push_str(&format!("line={line},"));
                }
                let text = data(&format!("{} (hint: {})", finding.message, info.advice));
                writeln!(out, "::{level} {place}title={}::{text}", property(info.id))?;
            }
        }
        // Our own word comes first: a line that begins with `::` is a command, too.
        let line = format!("{}: {}", checked.verdict, checked.place);
        writeln!(out, "{}", no_command(&printable(&line)))?;
    }
    Ok(())
}

/// What a message must not hold as it is.
fn data(text: &str) -> String {
    let text = no_command(text).replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    printable(&text)
}

/// Text without the beginning of an older form of commands, which is obeyed anywhere in a line.
fn no_command(text: &str) -> String {
    text.replace("##[", "#\\#[")
}

/// The same for a property, which ends with a comma or colon.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_become_a_command() {
        assert_eq!(data("100%\n::error::x"), "100%25%0A::error::x");
        assert_eq!(property("a,b:c\r"), "a%2Cb%3Ac%0D");
        assert_eq!(data("\u{1b}[2J"), "\\u{1b}[2J");
        assert_eq!(data("a ###[error]b"), "a ##\\#[error]b");
    }
}
