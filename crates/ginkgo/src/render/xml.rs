//! XML the way Go's `encoding/xml` writes it with `Indent("  ", "    ")`.

use std::io::{self, Write};

/// Go's `xml.Header`.
pub(super) const HEADER: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

const PREFIX: &str = "  ";
const INDENT: &str = "    ";

/// Writes elements, indented; an element that holds text or nothing stays on one line.
#[derive(Debug)]
pub(super) struct XmlWriter<W> {
    out: W,
    depth: usize,
    begun: bool,
    /// True while the innermost open element holds no other.
    childless: bool,
}

// === impl XmlWriter ===

impl<W: Write> XmlWriter<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out, depth: 0, begun: false, childless: false }
    }

    pub(super) fn open(&mut self, name: &str, attributes: &[(&str, &str)]) -> io::Result<()> {
        self.new_line()?;
        self.depth += 1;
        self.childless = true;
        write!(self.out, "<{name}")?;
        for (attribute, value) in attributes {
            write!(self.out, " {attribute}=\"")?;
            escape(&mut self.out, value.as_bytes())?;
            self.out.write_all(b"\"")?;
        }
        self.out.write_all(b">")
    }

    pub(super) fn close(&mut self, name: &str) -> io::Result<()> {
        self.depth -= 1;
        if !self.childless {
            self.new_line()?;
        }
        self.childless = false;
        write!(self.out, "</{name}>")
    }

    /// An element that holds text only. The text need not be valid UTF-8.
    pub(super) fn leaf(
        &mut self,
        name: &str,
        attributes: &[(&str, &str)],
        text: &[u8],
    ) -> io::Result<()> {
        self.open(name, attributes)?;
        escape(&mut self.out, text)?;
        self.close(name)
    }

    fn new_line(&mut self) -> io::Result<()> {
        if self.begun {
            self.out.write_all(b"\n")?;
        }
        self.begun = true;
        self.out.write_all(PREFIX.as_bytes())?;
        for _ in 0..self.depth {
            self.out.write_all(INDENT.as_bytes())?;
        }
        Ok(())
    }
}

/// `xml.EscapeText`: line ends and tabs become references, what XML cannot carry becomes U+FFFD, as
/// does every single byte that is no UTF-8.
fn escape(out: &mut impl Write, mut text: &[u8]) -> io::Result<()> {
    while !text.is_empty() {
        let (valid, invalid) = match std::str::from_utf8(text) {
            Ok(valid) => (valid, false),
            Err(error) => {
                let valid = std::str::from_utf8(&text[..error.valid_up_to()]);
                (valid.expect("checked up to here"), true)
            }
        };
        escape_str(out, valid)?;
        text = &text[valid.len()..];
        if invalid {
            out.write_all("\u{fffd}".as_bytes())?;
            text = &text[1..];
        }
    }
    Ok(())
}

fn escape_str(out: &mut impl Write, text: &str) -> io::Result<()> {
    let bytes = text.as_bytes();
    let (mut written, mut at) = (0, 0);
    while at < bytes.len() {
        if !SUSPECT[usize::from(bytes[at])] {
            at += 1;
            continue;
        }
        let (reference, length) = match bytes[at] {
            b'"' => ("&#34;", 1),
            b'\'' => ("&#39;", 1),
            b'&' => ("&amp;", 1),
            b'<' => ("&lt;", 1),
            b'>' => ("&gt;", 1),
            b'\t' => ("&#x9;", 1),
            b'\n' => ("&#xA;", 1),
            b'\r' => ("&#xD;", 1),
            b'\0'..=0x1f => ("\u{fffd}", 1),
            // U+FFFE and U+FFFF; what else begins with this byte is fine.
            _ if matches!(bytes[at + 1..], [0xbf, 0xbe | 0xbf, ..]) => ("\u{fffd}", 3),
            _ => {
                at += 3;
                continue;
            }
        };
        out.write_all(&bytes[written..at])?;
        out.write_all(reference.as_bytes())?;
        at += length;
        written = at;
    }
    out.write_all(&bytes[written..])
}

/// First bytes of characters that [`escape_str`] has to look at. Captured output is large and most
/// of it is plain, so the common case is one look into a table.
const SUSPECT: [bool; 256] = {
    let mut suspect = [false; 256];
    let mut byte = 0;
    while byte < 0x20 {
        suspect[byte] = true;
        byte += 1;
    }
    let special = b"\"'&<>\xef";
    let mut index = 0;
    while index < special.len() {
        suspect[special[index] as usize] = true;
        index += 1;
    }
    suspect
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_indented_and_leaves_stay_on_their_line() {
        let mut out = Vec::new();
        let mut xml = XmlWriter::new(&mut out);
        xml.open("a", &[("k", "1\n")]).unwrap();
        xml.leaf("b", &[], b"x").unwrap();
        xml.open("c", &[]).unwrap();
        xml.close("c").unwrap();
        xml.close("a").unwrap();
        let expected = "  <a k=\"1&#xA;\">\n      <b>x</b>\n      <c></c>\n  </a>";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn what_xml_cannot_carry_is_replaced() {
        let mut out = Vec::new();
        escape(&mut out, b"\x00<\xe2\x82&\r\xef\xbf\xbe\x7f\"'\t>\xef\xbf\xbd\xef\xbc\x81")
            .unwrap();
        let expected = "\u{fffd}&lt;\u{fffd}\u{fffd}&amp;&#xD;\u{fffd}\u{7f}&#34;&#39;&#x9;&gt;\u{fffd}\u{ff01}";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
