//! What goes into the form of a pull request.

use std::fmt::Write as _;

use multibeam_conformance::rules::Status;
use multibeam_conformance::{Checked, Verdict};
use multibeam_model::markdown::code;

use crate::{FILES, Submission};

/// Findings of one rule that are repeated.
const SHOWN: usize = 5;

/// The title that the CNCF's bot expects.
#[must_use]
pub fn title(submission: &Submission<'_>) -> String {
    format!("Conformance results for {}", submission.directory())
}

/// The paths that the pull request adds.
#[must_use]
pub fn files(submission: &Submission<'_>) -> Vec<String> {
    FILES.iter().map(|name| format!("{}/{name}", submission.directory())).collect()
}

/// The text: what is submitted, what was checked, and what only people can.
#[must_use]
pub fn body(submission: &Submission<'_>, checked: &Checked) -> String {
    let product = &submission.product;
    let field = |name| code(product.field(name));
    let mut out = format!(
        "Conformance results of {} {} by {} for Kubernetes {}.\n\n",
        field("name"),
        field("version"),
        field("vendor"),
        submission.release
    );
    let passed = match checked.passed {
        Some(passed) => format!("{passed} of {} required tests passed", checked.required),
        None => "How many of the required tests passed is not known".to_owned(),
    };
    let _ = writeln!(out, "{passed}. README.md says how to reproduce them.\n");
    if checked.verdict != Verdict::Verified {
        problems(&mut out, checked);
    }
    out.push_str(
        "To be checked by the submitter:\n\n\
         - [ ] the participation form of the vendor is signed and on file, and names this product\n\
         - [ ] README.md has the installation steps themselves, not only a link\n",
    );
    if product.field("product_logo_url").is_empty() {
        out.push_str(
            "- [ ] the logo (SVG, EPS, or AI) is with the CNCF: PRODUCT.yaml links none\n",
        );
    } else {
        let logo = field("product_logo_url");
        let _ = writeln!(out, "- [ ] the logo {logo} states the product's name");
    }
    if product.field("name").to_lowercase().contains("kubernetes") {
        let _ = writeln!(
            out,
            "- [ ] {} is listed in the form among its names with the word Kubernetes",
            field("name")
        );
    }
    if product.field("repo_url").is_empty() {
        out.push_str("- [ ] the product is not open source: PRODUCT.yaml has no `repo_url`\n");
    }
    out
}

/// What stands in the way: such a submission was made by force.
fn problems(out: &mut String, checked: &Checked) {
    let _ = writeln!(out, "**`multibeam verify` says: {}.** Found:\n", checked.verdict);
    for outcome in &checked.outcomes {
        if let Status::CouldNotTell(reason) = &outcome.status {
            let _ = writeln!(out, "- {}: {}", code(outcome.rule.info().id), code(reason));
        }
    }
    for outcome in checked.outcomes.iter().filter(|outcome| outcome.counts(checked.strict)) {
        let found = outcome.findings();
        for finding in found.iter().take(SHOWN) {
            let _ = writeln!(out, "- {}: {}", code(outcome.rule.info().id), code(&finding.message));
        }
        if found.len() > SHOWN {
            let _ =
                writeln!(out, "- {}: {} more", code(outcome.rule.info().id), found.len() - SHOWN);
        }
    }
    out.push('\n');
}
