//! Text the way Ginkgo's formatter and Go's fmt and strconv write it.

use std::borrow::Cow;

/// Style tags of Ginkgo's formatter. Without colours they are taken out of every *format*, also
/// where a format was put together from a suite's own words; arguments are left alone.
const STYLES: [&str; 15] = [
    "/",
    "bold",
    "underline",
    "red",
    "orange",
    "coral",
    "magenta",
    "green",
    "dark-green",
    "yellow",
    "light-yellow",
    "cyan",
    "gray",
    "light-gray",
    "blue",
];

/// Takes the style tags out, once, from left to right.
pub(super) fn unstyled(text: &str) -> Cow<'_, str> {
    let Some(first) = text.find("{{") else {
        return Cow::Borrowed(text);
    };
    let mut out = text[..first].to_owned();
    let mut rest = &text[first..];
    while let Some(start) = rest.find("{{") {
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        let tag = STYLES.iter().find_map(|style| {
            rest[2..].strip_prefix(style).and_then(|after| after.strip_prefix("}}"))
        });
        match tag {
            Some(after) => rest = after,
            None => {
                out.push('{');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Indents each line that is not empty by two blanks per level.
pub(super) fn indented(levels: usize, text: &[u8]) -> Cow<'_, [u8]> {
    if levels == 0 {
        return Cow::Borrowed(text);
    }
    let padding = vec![b' '; 2 * levels];
    let mut out = Vec::with_capacity(text.len() + text.len() / 16 + padding.len());
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        if line != b"\n" {
            out.extend_from_slice(&padding);
        }
        out.extend_from_slice(line);
    }
    Cow::Owned(out)
}

/// `strconv.FormatFloat(value, 'g', -1, 64)`: the shortest digits that give the value back, with an
/// exponent below 1e-4 and from 1e+06 on.
pub(super) fn shortest(value: f64) -> String {
    if value == 0.0 {
        return if value.is_sign_negative() { "-0" } else { "0" }.to_owned();
    }
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e').expect("written with an exponent");
    let exponent: i32 = exponent.parse().expect("an exponent is a number");
    if (-4..6).contains(&exponent) {
        return format!("{value}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_tags_are_taken_out_and_only_once() {
        for (text, plain) in [
            ("plain", "plain"),
            ("{{red}}a{{/}}b", "ab"),
            ("{{purple}}a", "{{purple}}a"),
            ("{{{bold}}", "{"),
            ("{{{{/}}/}}", "{{/}}"),
            ("{{", "{{"),
            ("{{red", "{{red"),
        ] {
            assert_eq!(unstyled(text), plain);
        }
    }

    #[test]
    fn floats_are_as_short_as_gos() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (5.2e-05, "5.2e-05"),
            (0.0001, "0.0001"),
            (0.1, "0.1"),
            (999_999.0, "999999"),
            (1_000_000.0, "1e+06"),
            (12_345_678.25, "1.234567825e+07"),
            (1e-7, "1e-07"),
            (123_456_789_012_345_680_000.0, "1.2345678901234568e+20"),
        ] {
            assert_eq!(shortest(value), text);
        }
    }

    #[test]
    fn empty_lines_are_not_indented() {
        assert_eq!(&*indented(1, b"a\n\nb\n"), b"  a\n\n  b\n");
        assert_eq!(&*indented(2, b""), b"");
        assert_eq!(&*indented(0, b"a"), b"a");
    }
}
