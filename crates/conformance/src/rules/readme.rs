//! README.md: the steps that lead to the results.

use super::{Context, Finding, Rule, Sink};

/// Words without which nobody can say how a cluster was made and a suite run on it.
const WORDS: usize = 20;

pub(super) fn check(context: &Context<'_>, sink: &mut Sink) {
    let rule = Rule::ReadmeSteps;
    let Some((name, readme)) = &context.evidence.readme else {
        return sink.not_checked(&[rule], context.without("there is no README.md"));
    };
    if readme.text.is_empty() {
        return sink.not_checked(&[rule], "README.md is empty");
    }
    sink.check(rule, |found| {
        let words = readme.text.split_whitespace().filter(|word| !word.contains("://")).count();
        if words < WORDS {
            let message = format!("{words} words besides links are too few for steps");
            found.push(Finding::at(context.path(name), None, message));
        }
    });
}
