//! Asks for a product where there is no product file.

use std::io::{self, BufRead, Write};

use crate::product_file::{Changes, FIELDS, ProductFile, directory_hint, is_directory};

/// Asks for everything that a product file must say, one question at a time; a wrong answer is asked
/// for again. Nothing if the answers end before the questions do.
///
/// # Errors
/// When the terminal cannot be read or written.
pub fn ask(input: &mut impl BufRead, out: &mut impl Write) -> io::Result<Option<ProductFile>> {
    writeln!(out, "What is certified? Empty answers leave out what is optional.\n")?;
    let mut common = Changes::default();
    for info in &FIELDS {
        let note = if info.needed { "" } else { " (optional)" };
        writeln!(out, "{}{note}", info.doc)?;
        let check = |answer: &str| match answer {
            "" if !info.needed => Ok(()),
            answer => info.check(answer),
        };
        let Some(answer) = question(input, out, info.name, check)? else { return Ok(None) };
        if !answer.is_empty() {
            common.fields.insert(info.name, answer);
        }
    }
    writeln!(out, "The product's directory: a submission is vX.Y/DIRECTORY.")?;
    let check = |answer: &str| match is_directory(answer) {
        true => Ok(()),
        false => Err(format!("expected {}", directory_hint())),
    };
    let Some(directory) = question(input, out, "directory", check)? else { return Ok(None) };
    common.directory = Some(directory);
    writeln!(
        out,
        "How a cluster is made, in Markdown; a line with a single point ends it, or Ctrl-D."
    )?;
    let Some(setup) = lines(input, out)? else { return Ok(None) };
    common.setup = Some(setup);
    Ok(Some(ProductFile::new(common)))
}

fn question(
    input: &mut impl BufRead,
    out: &mut impl Write,
    name: &str,
    check: impl Fn(&str) -> Result<(), String>,
) -> io::Result<Option<String>> {
    loop {
        write!(out, "{name}: ")?;
        out.flush()?;
        let Some(answer) = line(input)? else { return Ok(None) };
        let answer = answer.trim();
        match check(answer) {
            Ok(()) => return Ok(Some(answer.to_owned())),
            Err(wrong) => writeln!(out, "  {wrong}")?,
        }
    }
}

/// Lines up to a single point, or to the end of the input; nothing counts as an answer that says
/// nothing.
fn lines(input: &mut impl BufRead, out: &mut impl Write) -> io::Result<Option<String>> {
    let mut text = String::new();
    loop {
        write!(out, "setup> ")?;
        out.flush()?;
        let Some(line) = line(input)? else {
            let said = !text.trim().is_empty();
            return Ok(said.then_some(text));
        };
        if line.trim_end() != "." {
            // A product file has no other control characters.
            text.extend(line.trim_end().chars().filter(|c| !c.is_control() || *c == '\t'));
            text.push('\n');
        } else if text.trim().is_empty() {
            writeln!(out, "  expected at least one step")?;
        } else {
            return Ok(Some(text));
        }
    }
}

/// The next line; nothing at the end of the input.
fn line(input: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = String::new();
    Ok((input.read_line(&mut line)? > 0).then_some(line))
}

/// A product file with the answers, so that nobody has to give them again.
#[must_use]
pub fn file_text(file: &ProductFile) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let common = &file.common;
    let mut text = format!(
        "apiVersion: multibeam.dev/v1\nkind: Product\ndirectory: {}\nproduct:\n",
        quoted(common.directory.as_deref().unwrap_or_default())
    );
    for info in &FIELDS {
        if let Some(value) = common.fields.get(info.name) {
            text.push_str(&format!("  {}: {}\n", info.name, quoted(value)));
        }
    }
    text.push_str(&format!("setup: {}\n", quoted(common.setup.as_deref().unwrap_or_default())));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse;

    const ANSWERS: &str = "Yoyodyne\nTurbo \"T\"\n1.30\nboat\ninstaller\nOne sentence: yes.\nyoyo\n\
        https://yoyo.dyne\n\nhttps://yoyo.dyne/docs\n\na@yoyo.dyne\n../x\nturbo\n.\nturbo up\n  wait\n.\n";

    #[test]
    fn wrong_answers_are_asked_for_again_and_right_ones_make_a_product_file() {
        let mut shown = Vec::new();
        let file = ask(&mut ANSWERS.as_bytes(), &mut shown).unwrap().unwrap();
        let shown = String::from_utf8(shown).unwrap();
        for expected in ["expected distribution, hosted", "expected a URL", "at least one step"] {
            assert!(shown.contains(expected), "{expected:?} in\n{shown}");
        }
        assert_eq!(shown.matches("\ndirectory: ").count(), 2);
        let text = file_text(&file);
        let read = parse("product.yaml", text.as_bytes()).unwrap_or_else(|e| panic!("{e}\n{text}"));
        assert_eq!(read.file, file);
        let product = file.product(multibeam_conformance::Minor::new(1, 36), "any");
        assert_eq!((product.field("version"), product.field("repo_url")), ("1.30", ""));
        assert_eq!(
            (product.directory.as_str(), product.setup.as_str()),
            ("turbo", "turbo up\n  wait\n")
        );
    }

    #[test]
    fn whoever_leaves_gets_nothing() {
        for left_at in ["boat", "turbo up"] {
            let part = &ANSWERS[..ANSWERS.find(left_at).unwrap()];
            assert_eq!(ask(&mut part.as_bytes(), &mut Vec::new()).unwrap(), None, "{left_at}");
        }
    }

    #[test]
    fn the_end_of_the_input_ends_the_last_answer() {
        let ask = |answers: &str| ask(&mut answers.as_bytes(), &mut Vec::new()).unwrap();
        let part = ANSWERS.strip_suffix(".\n").unwrap();
        let file = ask(part).unwrap();
        assert_eq!(file.common.setup.as_deref(), Some("turbo up\n  wait\n"));
        assert_eq!(ask(ANSWERS), Some(file));
    }
}
