//! Makes foreign text fit to be shown: no secrets, no control characters, a bounded length.

/// Longest piece of foreign text that is shown, in characters; the end is kept, since that is where
/// programs say why they gave up.
const LIMIT: usize = 1_000;

/// Runs of this many token characters are taken for a secret: shorter than any access token and
/// longer than a UUID (36).
const TOKEN: usize = 40;

/// Cleans `text`. Each of `secrets` (environment values and arguments given to the program that
/// wrote it) is blanked out, as is everything that looks like a token or a PEM block.
pub(crate) fn redact<'a>(text: &str, secrets: impl IntoIterator<Item = &'a str>) -> String {
    let mut text = text.to_owned();
    for secret in secrets {
        // Shorter ones (`1`, `eu`, `true`) are no secrets and would blank out ordinary words.
        if secret.len() >= 6 {
            text = text.replace(secret, "[redacted]");
        }
    }
    let text = without_pem(&text);
    let text = without_tokens(&text);
    let clean: Vec<&str> = text
        .split(|c: char| c.is_control() || c.is_whitespace())
        .filter(|w| !w.is_empty())
        .collect();
    let clean = clean.join(" ");
    let length = clean.chars().count();
    if length > LIMIT {
        let end: String = clean.chars().skip(length - LIMIT).collect();
        format!("... {end}")
    } else {
        clean
    }
}

fn without_pem(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("-----BEGIN") {
        out.push_str(&rest[..start]);
        out.push_str("[redacted]");
        // A block without an end hides everything after it.
        let Some(end) = rest[start..].find("-----END") else {
            return out;
        };
        let after = &rest[start + end + "-----END".len()..];
        rest = match after.find("-----") {
            Some(close) => &after[close + "-----".len()..],
            None => "",
        };
    }
    out.push_str(rest);
    out
}

fn without_tokens(text: &str) -> String {
    let token_char =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '+' | '=' | '.' | '~');
    let mut out = String::with_capacity(text.len());
    let mut run = String::new();
    let flush = |run: &mut String, out: &mut String| {
        // A JSON web token begins with `{"` in base64; shorter ones than TOKEN exist.
        if run.len() >= TOKEN || (run.starts_with("eyJ") && run.len() >= 12) {
            out.push_str("[redacted]");
        } else {
            out.push_str(run);
        }
        run.clear();
    };
    for c in text.chars() {
        if token_char(c) {
            run.push(c);
        } else {
            flush(&mut run, &mut out);
            out.push(c);
        }
    }
    flush(&mut run, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stay_and_tokens_go() {
        let text = "Error: token eyJhbGciOi.eyJzdWIi.c2ln expired;\n\tlog in at https://login.example.com/device";
        assert_eq!(
            redact(text, []),
            "Error: token [redacted] expired; log in at https://login.example.com/device"
        );
    }

    #[test]
    fn long_runs_and_pem_blocks_go() {
        let long = "x".repeat(40);
        assert_eq!(redact(&format!("key={long}"), []), "[redacted]");
        let pem = "a -----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY----- b";
        assert_eq!(redact(pem, []), "a [redacted] b");
        assert_eq!(redact("a -----BEGIN PRIVATE KEY-----\nMIIE", []), "a [redacted]");
    }

    #[test]
    fn given_secrets_go() {
        assert_eq!(
            redact("cannot use hunter22 here", ["hunter22", "he"]),
            "cannot use [redacted] here"
        );
    }

    #[test]
    fn the_end_of_a_long_text_is_kept() {
        let text = format!("{}the end", "word ".repeat(1_000));
        let shown = redact(&text, []);
        assert!(shown.starts_with("... ") && shown.ends_with("the end"));
        assert_eq!(shown.chars().count(), LIMIT + 4);
    }
}
