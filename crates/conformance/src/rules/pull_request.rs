//! The pull request itself: its title, its files, its commits.

use std::collections::BTreeSet;

use super::{Context, Finding, Rule, Sink};
use crate::Minor;

/// What a title says, in any case; the bot passes over pull requests that do not say it.
const PHRASE: &str = "conformance results for";

pub(super) fn check(context: &Context<'_>, sink: &mut Sink) {
    titles(context, sink);
    products(context, sink);
    match context.request.pull_request.commits {
        None => {
            let reason = context.without("no number of commits was given");
            sink.not_checked(&[Rule::PrOneCommit], reason);
        }
        Some(commits) => sink.check(Rule::PrOneCommit, |found| {
            if commits != 1 {
                found.push(Finding::general(format!("{commits} commits, expected one")));
            }
        }),
    }
}

fn titles(context: &Context<'_>, sink: &mut Sink) {
    let rest = [Rule::PrTitleFormat, Rule::PrTitleVersion];
    let Some(title) = context.request.pull_request.title.as_deref() else {
        let reason = context.without("no title of a pull request was given");
        sink.not_checked(&[Rule::PrTitle], reason);
        return sink.not_checked(&rest, reason);
    };
    sink.check(Rule::PrTitle, |found| {
        if title.is_empty() {
            found.push(Finding::general("the title is empty"));
        }
    });
    if title.is_empty() {
        return sink.not_checked(&rest, "the title is empty");
    }
    let named = release_in_title(title);
    sink.check(Rule::PrTitleFormat, |found| {
        if named.is_none() {
            let message = format!("the title {title:?} names no release and product");
            found.push(Finding::general(message));
        }
        if !title.to_lowercase().contains(PHRASE) {
            let message = format!(
                "the title {title:?} does not say \"Conformance results for\", so the bot passes it over"
            );
            found.push(Finding::general(message));
        }
    });
    match (named, context.minor()) {
        (None, _) => sink.not_checked(&rest[1..], "the title names no release"),
        (_, None) => sink.not_checked(&rest[1..], "the claimed release is not known"),
        (Some(named), Some(claimed)) => sink.check(Rule::PrTitleVersion, |found| {
            if named != claimed {
                let message = format!("the title says {named}, the directory {claimed}");
                found.push(Finding::general(message));
            }
        }),
    }
}

/// The release of a title, as the bot's pattern `(.*) (v1.[0-9]{2})[ /](.*)` finds it: the last one
/// that stands between a blank and a blank or slash.
fn release_in_title(title: &str) -> Option<Minor> {
    let after = |at: usize| title.get(at + 1..at + 7);
    title.match_indices(' ').rev().find_map(|(at, _)| {
        let (release, end) = after(at)?.split_at_checked(5)?;
        matches!(end, " " | "/").then(|| Minor::of_directory(release))?
    })
}

/// Directories that the pull request touches.
fn products(context: &Context<'_>, sink: &mut Sink) {
    let Some(files) = &context.request.pull_request.files else {
        let reason = context.without("no list of changed files was given");
        return sink.not_checked(&[Rule::PrOneProduct], reason);
    };
    sink.check(Rule::PrOneProduct, |found| {
        let directory =
            |file: &String| file.rsplit_once('/').map_or(".", |(dir, _)| dir).to_owned();
        let directories: BTreeSet<String> = files.iter().map(directory).collect();
        if directories.is_empty() {
            let message = "it changes no file, expected those of one directory vX.Y/PRODUCT";
            found.push(Finding::general(message));
        } else if directories.len() > 1 {
            let list: Vec<String> = directories.into_iter().collect();
            let message = format!("{} directories, expected one: {}", list.len(), list.join(", "));
            found.push(Finding::general(message));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_read_as_the_bot_reads_them() {
        let release = |title| release_in_title(title).map(|minor| minor.to_string());
        assert_eq!(release("Conformance results for v1.36/cool").as_deref(), Some("v1.36"));
        assert_eq!(release("Conformance results for v1.36 cool").as_deref(), Some("v1.36"));
        assert_eq!(release("a v1.35/b v1.36/").as_deref(), Some("v1.36"));
        for title in
            ["v1.36/cool", "results for v1.36", "results for v1.9/x", "for v1.36.1/x", "é v"]
        {
            assert_eq!(release(title), None, "{title}");
        }
    }
}
