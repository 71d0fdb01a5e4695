//! PRODUCT.yaml: a flat mapping of texts.

use std::str::FromStr as _;

use email_address::{EmailAddress, Options};
use http::Uri;

use crate::yaml::{self, Value, YamlError};

/// Fields that must be there.
pub const REQUIRED: [&str; 8] = [
    "vendor",
    "name",
    "version",
    "type",
    "description",
    "website_url",
    "documentation_url",
    "contact_email_address",
];

/// Fields that may be there.
pub const OPTIONAL: [&str; 2] = ["repo_url", "product_logo_url"];

/// What `type` may be.
pub const TYPES: [&str; 3] = ["distribution", "hosted platform", "installer"];

/// Schemes of pages.
const WEB: [&str; 2] = ["http", "https"];

/// Endings of vector graphics that are accepted for a logo.
const VECTOR: [&str; 3] = ["svg", "ai", "eps"];

/// Words that YAML 1.1, which the bot reads, takes for true and false.
const BOOLEANS: [&str; 8] = ["y", "yes", "on", "true", "n", "no", "off", "false"];

/// Why a file is no PRODUCT.yaml.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProductError {
    /// It is no YAML.
    #[error("not valid YAML: {0}")]
    Yaml(#[from] YamlError),
    /// It is YAML, of another shape.
    #[error("expected a mapping of fields such as `vendor: ...`")]
    Shape,
    /// It is no text.
    #[error("expected UTF-8 text")]
    Encoding,
    /// It is larger than any such file.
    #[error("larger than any PRODUCT.yaml")]
    Size,
}

/// The fields of a PRODUCT.yaml, in its order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Product {
    /// The fields.
    pub fields: Vec<Field>,
}

/// A field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its key.
    pub name: String,
    /// Its value.
    pub value: FieldValue,
    /// Line, from 1.
    pub line: u64,
}

/// The value of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldValue {
    /// Nothing, or `null`.
    Null,
    /// Text.
    Text {
        /// As it stands there.
        text: String,
        /// Whether YAML 1.1 sees a number or a boolean in it, because no quotes stand around it.
        retyped: bool,
    },
    /// A list or a mapping.
    Nested,
}

// === impl Product ===

impl Product {
    /// Reads the file.
    ///
    /// # Errors
    /// When it is no YAML mapping.
    pub fn parse(bytes: &[u8]) -> Result<Self, ProductError> {
        let text = std::str::from_utf8(bytes).map_err(|_| ProductError::Encoding)?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let root = yaml::load(text)?.ok_or(ProductError::Shape)?;
        let Value::Map(pairs) = root.value else { return Err(ProductError::Shape) };
        let field = |(key, value): (yaml::Node, yaml::Node)| {
            let line = key.line;
            let name = key.text().ok_or(ProductError::Shape)?.to_owned();
            Ok(Field { name, value: FieldValue::of(value.value), line })
        };
        Ok(Self { fields: pairs.into_iter().map(field).collect::<Result<_, ProductError>>()? })
    }

    /// Whether it is the product file that `multibeam bundle` makes a PRODUCT.yaml of: it has the same
    /// name in other letters.
    #[must_use]
    pub fn is_product_file(&self) -> bool {
        self.text("apiVersion").is_some_and(|version| version.starts_with("multibeam.dev/"))
    }

    /// The field of that name; of several the last one counts.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().rev().find(|field| field.name == name)
    }

    /// The text of a field, if it has one.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.field(name)?.text()
    }
}

// === impl Field ===

impl Field {
    /// The text, unless there is none.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            FieldValue::Text { text, .. } => Some(text),
            FieldValue::Null | FieldValue::Nested => None,
        }
    }
}

// === impl FieldValue ===

impl FieldValue {
    fn of(value: Value) -> Self {
        match value {
            Value::Scalar { text, plain: true } if is_null(&text) => Self::Null,
            Value::Scalar { text, plain } => {
                let retyped = plain && (is_boolean(&text) || is_number(&text));
                Self::Text { text, retyped }
            }
            Value::List(_) | Value::Map(_) => Self::Nested,
        }
    }
}

/// Whether a text is an absolute URL of a server, as the fields that end with `_url` must be.
#[must_use]
pub fn is_url(text: &str) -> bool {
    Uri::from_str(text)
        .is_ok_and(|uri| uri.scheme().is_some() && uri.host().is_some_and(|h| !h.is_empty()))
}

/// The scheme of a URL that no browser shows as a page, in lower case: the bot takes any, and asks only
/// servers that speak HTTP.
#[must_use]
pub fn other_scheme(url: &str) -> Option<String> {
    let scheme = Uri::from_str(url).ok()?.scheme_str()?.to_ascii_lowercase();
    (!WEB.contains(&scheme.as_str())).then_some(scheme)
}

/// Whether a text is an e-mail address as RFC 5322 has it, with or without a name in front.
#[must_use]
pub fn is_email(text: &str) -> bool {
    EmailAddress::parse_with_options(text, Options::default()).is_ok()
}

/// The ending of a logo's URL, in lower case, if it is that of no vector graphic. A URL without one
/// may lead to anything.
#[must_use]
pub fn other_graphic(url: &str) -> Option<String> {
    let uri = Uri::from_str(url).ok()?;
    let name = uri.path().rsplit('/').next()?;
    let (_, ending) = name.rsplit_once('.')?;
    let ending = ending.to_ascii_lowercase();
    (!VECTOR.contains(&ending.as_str())).then_some(ending)
}

fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

fn is_boolean(text: &str) -> bool {
    BOOLEANS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

fn is_number(text: &str) -> bool {
    let digits = text.trim_start_matches(['+', '-']).replace('_', "");
    let radix = |prefix: &str, radix| {
        let rest = digits.strip_prefix(prefix);
        rest.is_some_and(|rest| u64::from_str_radix(rest, radix).is_ok())
    };
    let decimal = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && digits.parse::<f64>().is_ok();
    decimal || radix("0x", 16) || radix("0o", 8) || radix("0b", 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_with_lines_and_types() {
        let text =
            "# product\nvendor: Yoyodyne\nversion: 1.30\nname: '1.30'\ntype:\nlist: [a]\nname: b\n";
        let product = Product::parse(text.as_bytes()).unwrap();
        assert_eq!(product.text("vendor"), Some("Yoyodyne"));
        assert_eq!(product.field("type").unwrap().value, FieldValue::Null);
        assert_eq!(product.field("list").unwrap().value, FieldValue::Nested);
        assert_eq!((product.text("name"), product.field("name").unwrap().line), (Some("b"), 7));
        let FieldValue::Text { retyped, .. } = product.field("version").unwrap().value else {
            panic!("no text")
        };
        assert!(retyped);
    }

    #[test]
    fn a_product_file_is_no_product_yaml() {
        let is = |text: &str| Product::parse(text.as_bytes()).unwrap().is_product_file();
        assert!(is("apiVersion: multibeam.dev/v1\nkind: Product\n"));
        assert!(!is("vendor: Yoyodyne\n") && !is("apiVersion: v1\n"));
    }

    #[test]
    fn yaml_sees_types_where_people_see_versions() {
        for text in ["1.30", "7", "1e3", "0x1F", "0o17", "1_000", "yes", "Off", "-1.5", "010"] {
            assert!(is_number(text) || is_boolean(text), "{text}");
        }
        for text in ["v1.30", "1.30.2", "1.30-rc.1", "infinity", "nan", "none", "0xyz", "1.2.3"] {
            assert!(!(is_number(text) || is_boolean(text)), "{text}");
        }
    }

    #[test]
    fn urls_and_endings_are_told_apart() {
        for good in ["https://yoyo.dyne/turbo-encabulator", "http://a", "https://a/b.svg?raw=true"]
        {
            assert!(is_url(good), "{good}");
        }
        for bad in ["yoyo.dyne", "www.example.com/a", "https://", "https://a b/", "/path", "n/a"] {
            assert!(!is_url(bad), "{bad}");
        }
        assert_eq!(other_scheme("FTP://a/b").as_deref(), Some("ftp"));
        for page in ["https://a", "HTTP://a", "yoyo.dyne"] {
            assert_eq!(other_scheme(page), None, "{page}");
        }
        assert_eq!(other_graphic("https://a.dyne/logo.PNG?raw=true").as_deref(), Some("png"));
        for good in ["https://a.dyne/logo.SVG?raw=true", "https://a.dyne/logo"] {
            assert_eq!(other_graphic(good), None);
        }
    }

    #[test]
    fn other_files_are_refused() {
        assert_eq!(Product::parse(b"- a\n"), Err(ProductError::Shape));
        assert_eq!(Product::parse(b"# nothing\n"), Err(ProductError::Shape));
        assert_eq!(Product::parse(b"\xff\xfe"), Err(ProductError::Encoding));
        assert!(matches!(Product::parse(b"a: [\n"), Err(ProductError::Yaml(_))));
    }
}
