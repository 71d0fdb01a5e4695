//! The product file as a table of keys.

use multibeam_conformance::Minor;
use multibeam_conformance::product::{TYPES, is_email, is_url, other_graphic};
use multibeam_document::Format;
use multibeam_document::table::{Extra, Field, KeyRule, Object, Rule, Ty, optional, required};

/// What a field of PRODUCT.yaml takes, besides its type.
#[derive(Debug, Clone, Copy)]
pub struct FieldInfo {
    /// Its name in PRODUCT.yaml.
    pub name: &'static str,
    /// Whether PRODUCT.yaml must have it.
    pub needed: bool,
    /// What it means.
    pub doc: &'static str,
    kind: Kind,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Ruled(&'static Rule),
    Type,
}

static LINE: Rule = Rule {
    what: "a text of one line",
    hint: "write it on one line, without control characters, and not blank",
    allows: is_line,
};

static URL: Rule = Rule {
    what: "a URL",
    hint: "write the whole address, such as https://example.com/product",
    allows: is_line_and_url,
};

static EMAIL: Rule = Rule {
    what: "an e-mail address",
    hint: "write an address such as kubernetes@example.com",
    allows: is_line_and_email,
};

static LOGO: Rule = Rule {
    what: "the URL of a vector graphic",
    hint: "link an SVG, AI, or EPS file that shows the product's name",
    allows: is_logo,
};

static DIRECTORY: Rule = Rule {
    what: "the name of a directory",
    hint: "up to 63 letters, digits, dots, dashes, and underscores, beginning with a letter or digit",
    allows: is_directory,
};

static MINOR: Rule = Rule {
    what: "a release such as v1.36",
    hint: "write v, the major, a point, and the minor number",
    allows: is_minor,
};

static STEPS: Rule = Rule {
    what: "a text that says how a cluster is made",
    hint: "write the steps with their commands, in Markdown; a link alone is not enough",
    allows: is_filled,
};

/// The fields of PRODUCT.yaml, in the order in which they are written.
pub const FIELDS: [FieldInfo; 10] = [
    field(
        "vendor",
        true,
        Kind::Ruled(&LINE),
        "Legal entity whose participation form the CNCF has.",
    ),
    field("name", true, Kind::Ruled(&LINE), "Name of the product."),
    field("version", true, Kind::Ruled(&LINE), "Version of the product, not of Kubernetes."),
    field(
        "type",
        true,
        Kind::Type,
        "What the product is: distribution, hosted platform, or installer.",
    ),
    field("description", true, Kind::Ruled(&LINE), "The product in one sentence."),
    field("website_url", true, Kind::Ruled(&URL), "A page about the product."),
    field("repo_url", false, Kind::Ruled(&URL), "Its sources, if they are open."),
    field("documentation_url", true, Kind::Ruled(&URL), "Its documentation."),
    field("product_logo_url", false, Kind::Ruled(&LOGO), "Its logo, as a vector graphic."),
    field(
        "contact_email_address",
        true,
        Kind::Ruled(&EMAIL),
        "Whom to write to about the certificate.",
    ),
];

const fn field(name: &'static str, needed: bool, kind: Kind, doc: &'static str) -> FieldInfo {
    FieldInfo { name, needed, doc, kind }
}

/// The fields as keys: those that PRODUCT.yaml needs must be there, or none must.
const fn keys(all_needed: bool) -> [Field; FIELDS.len()] {
    let mut keys = [const { optional("", Ty::Bool, "") }; FIELDS.len()];
    let mut at = 0;
    while at < FIELDS.len() {
        let FieldInfo { name, needed, doc, kind } = FIELDS[at];
        let ty = match kind {
            Kind::Ruled(rule) => Ty::Ruled(rule),
            Kind::Type => Ty::Choice(&TYPES),
        };
        keys[at] = Field { key: name, ty, required: needed && all_needed, doc };
        at += 1;
    }
    keys
}

static PRODUCT_KEYS: [Field; FIELDS.len()] = keys(true);
static CHANGE_KEYS: [Field; FIELDS.len()] = keys(false);

static PRODUCT: Object = Object {
    name: "product",
    doc: "The fields of PRODUCT.yaml.",
    fields: &PRODUCT_KEYS,
    extra: None,
};

static PRODUCT_CHANGES: Object = Object {
    name: "product",
    doc: "Fields of PRODUCT.yaml that have another value here.",
    fields: &CHANGE_KEYS,
    extra: None,
};

static CHANGES: Object = Object {
    name: "a change",
    doc: "What is different here.",
    fields: &[
        optional("directory", Ty::Ruled(&DIRECTORY), "The product's directory in vX.Y."),
        optional("product", Ty::Object(&PRODUCT_CHANGES), "Fields of PRODUCT.yaml."),
        optional("setup", Ty::Ruled(&STEPS), "How a cluster is made, in Markdown."),
    ],
    extra: None,
};

static RELEASES: Object = Object {
    name: "releases",
    doc: "What is different for a release of Kubernetes.",
    fields: &[],
    extra: Some(&Extra {
        keys: KeyRule {
            what: "a release",
            pattern: "^v1\\.[0-9]{2}$",
            rule: "a release is written like v1.36",
            allows: is_minor,
        },
        value: Ty::Object(&CHANGES),
    }),
};

static TARGETS: Object = Object {
    name: "targets",
    doc: "What is different for a target of the runs, by its name. It wins over the release's.",
    fields: &[],
    extra: Some(&Extra {
        keys: KeyRule {
            what: "a target",
            pattern: "[^ ]",
            rule: "write the target's name as in the run file",
            allows: |name| !name.trim_matches(' ').is_empty(),
        },
        value: Ty::Object(&CHANGES),
    }),
};

static MINOR_TY: Ty = Ty::Ruled(&MINOR);

static ROOT: Object = Object {
    name: "a product file",
    doc: "A product that is to be certified, for all releases of Kubernetes at once.",
    fields: &[
        required("apiVersion", Ty::Const("multibeam.dev/v1"), "Version of the format."),
        required("kind", Ty::Const("Product"), "Kind of the document."),
        required(
            "directory",
            Ty::Ruled(&DIRECTORY),
            "The product's directory: a submission is vX.Y/DIRECTORY.",
        ),
        required("product", Ty::Object(&PRODUCT), "The fields of PRODUCT.yaml."),
        required(
            "setup",
            Ty::Ruled(&STEPS),
            "How a cluster of the product is made, in Markdown. It goes into README.md.",
        ),
        optional(
            "qualifying",
            Ty::List { item: &MINOR_TY, min: 1 },
            "Releases of Kubernetes that can be certified now. Default: the newest that this build knows, and the two before it.",
        ),
        optional("releases", Ty::Object(&RELEASES), "What is different for a release."),
        optional("targets", Ty::Object(&TARGETS), "What is different for a target."),
    ],
    extra: None,
};

/// How product files look.
pub(super) static FORMAT: Format = Format {
    root: &ROOT,
    api_version: "multibeam.dev/v1",
    kind: "Product",
    example: "`multibeam init --example product` writes an example",
    shorter: "write what releases and targets share only once, at the top",
};

// === impl FieldInfo ===

impl FieldInfo {
    /// Whether its value says which product it is: there are few types, and versions look alike.
    pub(super) fn is_telling(&self) -> bool {
        !matches!(self.kind, Kind::Type) && self.name != "version"
    }

    /// What is wrong with a value, as a fragment, and what to write instead.
    ///
    /// # Errors
    /// When it is none that PRODUCT.yaml may have.
    pub fn check(&self, value: &str) -> Result<(), String> {
        match self.kind {
            Kind::Ruled(rule) if (rule.allows)(value) => Ok(()),
            Kind::Ruled(rule) => Err(format!("expected {} (hint: {})", rule.what, rule.hint)),
            Kind::Type if TYPES.contains(&value) => Ok(()),
            Kind::Type => Err(format!("expected {}", TYPES.join(", "))),
        }
    }
}

/// What stands on one line in YAML 1.1, too, which knows three more line ends.
fn is_line(text: &str) -> bool {
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    is_filled(text) && !text.contains(breaks)
}

fn is_line_and_url(text: &str) -> bool {
    is_line(text) && is_url(text)
}

fn is_line_and_email(text: &str) -> bool {
    is_line(text) && is_email(text)
}

fn is_logo(text: &str) -> bool {
    is_line_and_url(text) && other_graphic(text).is_none()
}

fn is_filled(text: &str) -> bool {
    !text.trim().is_empty()
}

fn is_minor(text: &str) -> bool {
    Minor::of_directory(text).is_some()
}

/// A name that is the same on every file system, and in the title of a pull request.
pub(crate) fn is_directory(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    text.len() <= 63
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(plain)
}

/// What a directory's name must be, for whoever asks for one.
pub(crate) fn directory_hint() -> &'static str {
    DIRECTORY.hint
}
