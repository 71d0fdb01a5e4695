//! One JSON object. Fields are only ever added while the format number stays the same.

use std::io::{self, Write};

use serde::Serialize;

use super::{not_checked, verdict};
use crate::catalog::Origin;
use crate::rules::{Finding, Info, Rule, Status};
use crate::verify::{Checked, Claim, Verdict};

/// The number of this format.
const FORMAT: u32 = 1;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    format: u32,
    verdict: Verdict,
    places: Vec<Place<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Place<'a> {
    place: &'a str,
    verdict: Verdict,
    submission: bool,
    product: Option<&'a str>,
    claim: Option<Claim>,
    required_from: Option<&'a Origin>,
    required: usize,
    passed: Option<usize>,
    strict: bool,
    findings: Vec<Found<'a>>,
    could_not_tell: Vec<Open<'a>>,
    not_checked: Vec<Open<'a>>,
}

#[derive(Serialize)]
struct Found<'a> {
    rule: Rule,
    #[serde(flatten)]
    finding: &'a Finding,
    #[serde(flatten)]
    info: Brief,
}

/// What of a rule stands beside a finding.
#[derive(Serialize)]
struct Brief {
    level: crate::rules::Level,
    origin: crate::rules::Origin,
    advice: &'static str,
}

#[derive(Serialize)]
struct Open<'a> {
    reason: &'a str,
    rules: Vec<Rule>,
}

/// What came out of some places, as the object that [`Format::Json`](super::Format::Json) prints.
pub fn document(all: &[Checked]) -> impl Serialize + '_ {
    Document { format: FORMAT, verdict: verdict(all), places: all.iter().map(place).collect() }
}

pub(super) fn write(out: &mut impl Write, all: &[Checked]) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, &document(all))?;
    writeln!(out)
}

fn place(checked: &Checked) -> Place<'_> {
    let findings = checked.outcomes.iter().flat_map(|outcome| {
        let rule = outcome.rule;
        let Info { level, origin, advice, .. } = *rule.info();
        let info = move || Brief { level, origin, advice };
        outcome.findings().iter().map(move |finding| Found { rule, finding, info: info() })
    });
    let could_not_tell = checked.outcomes.iter().filter_map(|outcome| match &outcome.status {
        Status::CouldNotTell(reason) => Some(Open { reason, rules: vec![outcome.rule] }),
        _ => None,
    });
    let not_checked = not_checked(&checked.outcomes);
    Place {
        place: &checked.place,
        verdict: checked.verdict,
        submission: checked.submission,
        product: checked.product.as_deref(),
        claim: checked.claim,
        required_from: checked.origin.as_ref(),
        required: checked.required,
        passed: checked.passed,
        strict: checked.strict,
        findings: findings.collect(),
        could_not_tell: could_not_tell.collect(),
        not_checked: not_checked
            .into_iter()
            .map(|(reason, rules)| Open { reason, rules })
            .collect(),
    }
}
