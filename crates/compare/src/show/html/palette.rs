//! The colours of the page. Text has the contrast that WCAG 2.2 asks for at level AA.

use std::fmt::Write as _;

/// The name of a colour, and what it is on a light and on a dark screen.
type Colour = (&'static str, &'static str, &'static str);

/// All colours.
const COLOURS: [Colour; 11] = [
    ("page", "#fbfbfa", "#16181c"),
    ("panel", "#ffffff", "#1f2228"),
    ("text", "#1d2024", "#e6e8eb"),
    ("muted", "#5a616b", "#a3abb6"),
    ("line", "#d5d9de", "#3a404a"),
    ("link", "#0b57a4", "#8ab8f5"),
    ("good", "#1a6b37", "#7fd49b"),
    ("bad", "#b3261e", "#ff9d94"),
    ("warn", "#7a4b00", "#f1c069"),
    ("bad-panel", "#fdecea", "#43211f"),
    ("good-panel", "#edf7f0", "#1c2f23"),
];

/// The colours as variables: the light ones, and the dark ones for those who prefer them.
pub(super) fn css() -> String {
    let mut light = String::new();
    let mut dark = String::new();
    for (name, on_light, on_dark) in COLOURS {
        let _ = write!(light, "--{name}:{on_light};");
        let _ = write!(dark, "--{name}:{on_dark};");
    }
    format!(":root{{{light}}}\n@media (prefers-color-scheme:dark){{:root{{{dark}}}}}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which text stands on which ground.
    const PAIRS: [(&str, &str); 16] = [
        ("text", "page"),
        ("text", "panel"),
        ("muted", "page"),
        ("muted", "panel"),
        ("link", "page"),
        ("link", "panel"),
        ("good", "page"),
        ("good", "panel"),
        ("good", "good-panel"),
        ("bad", "page"),
        ("bad", "panel"),
        ("bad", "bad-panel"),
        ("warn", "page"),
        ("warn", "panel"),
        ("text", "bad-panel"),
        ("text", "good-panel"),
    ];

    /// Relative luminance, by WCAG 2.2.
    fn luminance(colour: &str) -> f64 {
        let channel = |at: usize| {
            let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    fn contrast(one: &str, other: &str) -> f64 {
        let (a, b) = (luminance(one), luminance(other));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn text_stands_out_from_its_ground() {
        assert!((contrast("#ffffff", "#000000") - 21.0).abs() < 1e-9);
        let colour = |name: &str| COLOURS.iter().find(|(known, _, _)| *known == name).unwrap();
        for (text, ground) in PAIRS {
            let (text, ground) = (colour(text), colour(ground));
            for (a, b) in [(text.1, ground.1), (text.2, ground.2)] {
                let contrast = contrast(a, b);
                assert!(contrast >= 4.5, "{} on {}: {contrast:.2}", text.0, ground.0);
            }
        }
    }
}
