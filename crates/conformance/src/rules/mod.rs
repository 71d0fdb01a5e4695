//! The rules, one family per file.
//!
//! A rule says who demands it ([`Origin`]) and how much it weighs ([`Level`]): an error is what the
//! CNCF's bot rejects, or what the instructions or reviewers demand of every submission; everything
//! else is a warning. One cause gives one finding: a rule that could only repeat what another one
//! has found says nothing.

mod context;
mod evidence;
mod files;
mod log;
mod product;
mod pull_request;
mod readme;
mod release;
mod table;
mod tests;

use serde::Serialize;

pub(crate) use context::Context;
pub(crate) use product::urls;
pub use release::qualifying_with;
pub use table::{Info, Level, Origin, Rule};

/// What came of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The rule.
    pub rule: Rule,
    /// What came of it.
    pub status: Status,
}

/// What came of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// It holds.
    Holds,
    /// It does not.
    Broken(Vec<Finding>),
    /// What it looks at was not given.
    NotChecked(String),
    /// It is needed for a verdict, and what it needs is not known.
    CouldNotTell(String),
}

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The file, as the user knows it.
    pub file: Option<String>,
    /// Line, from 1.
    pub line: Option<u64>,
    /// What is wrong.
    pub message: String,
}

impl Outcome {
    /// Whether it stands in the way of a verdict if the rule is broken.
    #[must_use]
    pub fn counts(&self, strict: bool) -> bool {
        strict || self.rule.info().level == Level::Error
    }

    /// What was found; empty unless the rule is broken.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        match &self.status {
            Status::Broken(found) => found,
            Status::Holds | Status::NotChecked(_) | Status::CouldNotTell(_) => &[],
        }
    }
}

/// Holds evidence against every rule; gives one outcome per rule, in the order of [`Rule::ALL`].
pub(crate) fn check(context: &Context<'_>) -> Vec<Outcome> {
    let mut sink = Sink::default();
    pull_request::check(context, &mut sink);
    files::check(context, &mut sink);
    release::check(context, &mut sink);
    product::check(context, &mut sink);
    readme::check(context, &mut sink);
    tests::check(context, &mut sink);
    log::check(context, &mut sink);
    evidence::check(context, &mut sink);
    sink.finish()
}

/// Takes what the families find.
#[derive(Default)]
struct Sink(Vec<Outcome>);

// === impl Sink ===

impl Sink {
    /// Checks a rule: it holds if nothing is found.
    fn check(&mut self, rule: Rule, check: impl FnOnce(&mut Vec<Finding>)) {
        let mut found = Vec::new();
        check(&mut found);
        let status = if found.is_empty() { Status::Holds } else { Status::Broken(found) };
        self.0.push(Outcome { rule, status });
    }

    /// Does not check rules, and says why.
    fn not_checked(&mut self, rules: &[Rule], reason: &str) {
        for rule in rules {
            let status = Status::NotChecked(reason.to_owned());
            self.0.push(Outcome { rule: *rule, status });
        }
    }

    /// Could not check a rule without which there is no verdict.
    fn could_not_tell(&mut self, rule: Rule, reason: &str) {
        self.0.push(Outcome { rule, status: Status::CouldNotTell(reason.to_owned()) });
    }

    /// Whether a rule was found broken.
    fn is_broken(&self, rule: Rule) -> bool {
        let broken = |o: &Outcome| o.rule == rule && matches!(o.status, Status::Broken(_));
        self.0.iter().any(broken)
    }

    fn finish(mut self) -> Vec<Outcome> {
        self.0.sort_by_key(|outcome| outcome.rule);
        self.0
    }
}

// === impl Finding ===

impl Finding {
    /// Something about the place as a whole.
    fn general(message: impl Into<String>) -> Self {
        Self { file: None, line: None, message: message.into() }
    }

    /// Something in a file.
    fn at(file: String, line: impl Into<Option<u64>>, message: impl Into<String>) -> Self {
        Self { file: Some(file), line: line.into(), message: message.into() }
    }
}
