//! Whether the release can still be certified.

use super::{Context, Finding, Rule, Sink};
use crate::catalog::Catalog;

/// The newest release and that many before it qualify.
const BEFORE: u16 = 2;

pub(super) fn check(context: &Context<'_>, sink: &mut Sink) {
    let built_in = || Catalog::built_in_minors().last().copied();
    let latest = context.request.latest.or_else(built_in);
    let rule = Rule::ReleaseSupported;
    let (Some(claimed), Some(latest)) = (context.minor(), latest) else {
        return sink.could_not_tell(rule, "the claimed release is not known; give --release vX.Y");
    };
    let oldest = latest.back(BEFORE);
    sink.check(rule, |found| {
        if claimed < oldest {
            let message = format!(
                "{claimed} is older than {oldest}, the oldest that qualifies while {latest} is the newest"
            );
            found.push(Finding::general(message));
        }
    });
}
