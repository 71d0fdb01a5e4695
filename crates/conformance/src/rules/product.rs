//! PRODUCT.yaml, field by field.

use super::{Context, Finding, Rule, Sink};
use crate::product::{
    Field, FieldValue, OPTIONAL, Product, REQUIRED, TYPES, is_email, is_url, other_graphic,
    other_scheme,
};
use crate::verify::{Online, UrlAnswer};

/// Fields that hold a URL.
const URLS: [&str; 4] = ["website_url", "repo_url", "documentation_url", "product_logo_url"];

/// Those of them that must be web pages.
const PAGES: [&str; 3] = ["website_url", "repo_url", "documentation_url"];

/// Rules that look into the file.
const WITHIN: [Rule; 9] = [
    Rule::ProductScalars,
    Rule::ProductFields,
    Rule::ProductBlank,
    Rule::ProductUrls,
    Rule::ProductEmail,
    Rule::ProductType,
    Rule::ProductLogo,
    Rule::ProductQuoted,
    Rule::ProductKnown,
];

/// Those that need answers of web servers.
const ONLINE: [Rule; 2] = [Rule::ProductContentType, Rule::ProductReachable];

pub(super) fn check(context: &Context<'_>, sink: &mut Sink) {
    let Some((name, read)) = &context.evidence.product else {
        return without(sink, context.without("there is no PRODUCT.yaml"));
    };
    let empty = context.evidence.files.iter().any(|file| file.name == *name && file.size == 0);
    if empty {
        return without(sink, "PRODUCT.yaml is empty");
    }
    let file = context.path(name);
    match read {
        Ok(product) => {
            sink.check(Rule::ProductMapping, |_| {});
            fields(product, &file, sink);
            values(product, &file, sink);
            online(context, product, &file, sink);
        }
        Err(error) => {
            sink.check(Rule::ProductMapping, |found| {
                found.push(Finding::at(file, None, error.to_string()));
            });
            sink.not_checked(&WITHIN, "PRODUCT.yaml is unreadable");
            sink.not_checked(&ONLINE, "PRODUCT.yaml is unreadable");
        }
    }
}

fn without(sink: &mut Sink, reason: &str) {
    sink.not_checked(&[Rule::ProductMapping], reason);
    sink.not_checked(&WITHIN, reason);
    sink.not_checked(&ONLINE, reason);
}

fn fields(product: &Product, file: &str, sink: &mut Sink) {
    sink.check(Rule::ProductScalars, |found| {
        for field in product.fields.iter().filter(|field| field.value == FieldValue::Nested) {
            found.push(at(file, field, "a list or mapping, expected a text"));
        }
    });
    sink.check(Rule::ProductFields, |found| {
        for name in REQUIRED {
            match product.field(name) {
                None => {
                    let message = format!("the field {name} is missing");
                    found.push(Finding::at(file.to_owned(), None, message));
                }
                Some(field) if field.value == FieldValue::Null => {
                    found.push(at(file, field, "has no value"));
                }
                Some(_) => {}
            }
        }
    });
    sink.check(Rule::ProductBlank, |found| {
        for field in REQUIRED.iter().filter_map(|name| product.field(name)) {
            if field.text().is_some_and(|text| text.trim().is_empty()) {
                found.push(at(file, field, "is blank"));
            }
        }
    });
    sink.check(Rule::ProductQuoted, |found| {
        for field in &product.fields {
            if let FieldValue::Text { text, retyped: true } = &field.value {
                found.push(at(file, field, format!("{text} is no text to YAML without quotes")));
            }
        }
    });
    sink.check(Rule::ProductKnown, |found| {
        for (index, field) in product.fields.iter().enumerate() {
            let known = REQUIRED.iter().chain(&OPTIONAL).any(|name| *name == field.name);
            let again = product.fields[..index].iter().any(|before| before.name == field.name);
            if !known {
                found.push(at(file, field, "is no field that is known"));
            } else if again {
                found.push(at(file, field, "is there twice"));
            }
        }
    });
}

fn values(product: &Product, file: &str, sink: &mut Sink) {
    sink.check(Rule::ProductUrls, |found| {
        for (field, text) in URLS.iter().filter_map(|name| filled(product, name)) {
            if !is_url(text) {
                found.push(at(file, field, format!("{text:?} is no URL")));
            }
        }
    });
    sink.check(Rule::ProductEmail, |found| {
        if let Some((field, text)) = filled(product, "contact_email_address")
            && !is_email(text)
        {
            found.push(at(file, field, format!("{text:?} is no e-mail address")));
        }
    });
    sink.check(Rule::ProductType, |found| {
        if let Some((field, text)) = filled(product, "type")
            && !TYPES.contains(&text)
        {
            found.push(at(file, field, format!("{text:?} is none of {}", TYPES.join(", "))));
        }
    });
    sink.check(Rule::ProductLogo, |found| {
        if let Some((field, text)) = filled(product, "product_logo_url")
            && let Some(ending) = other_graphic(text)
        {
            found.push(at(file, field, format!("a .{ending} file, expected .svg, .ai, or .eps")));
        }
    });
}

fn online(context: &Context<'_>, product: &Product, file: &str, sink: &mut Sink) {
    let elsewhere = elsewhere(product, file);
    let Some(online) = &context.request.online else {
        let reason = "it takes the network; ask for it with --online";
        sink.not_checked(&[Rule::ProductContentType], reason);
        return match elsewhere.is_empty() {
            true => sink.not_checked(&[Rule::ProductReachable], reason),
            false => sink.check(Rule::ProductReachable, |found| *found = elsewhere),
        };
    };
    content_types(online, product, file, sink);
    sink.check(Rule::ProductReachable, |found| {
        *found = elsewhere;
        for (field, text, answer) in answers(online, product, &URLS) {
            // That nobody answers to another scheme is no news.
            if let (UrlAnswer::Failed(why), None) = (answer, other_scheme(text)) {
                found.push(at(file, field, format!("cannot be reached: {why}")));
            }
        }
    });
}

/// URLs that lead to no web server, which can be told without asking one.
fn elsewhere(product: &Product, file: &str) -> Vec<Finding> {
    let found = URLS.iter().filter_map(|name| {
        let (field, text) = filled(product, name)?;
        let scheme = other_scheme(text)?;
        Some(at(file, field, format!("a URL of {scheme}, expected one of http or https")))
    });
    found.collect()
}

fn content_types(online: &Online, product: &Product, file: &str, sink: &mut Sink) {
    let mut others = Vec::new();
    let mut unanswered = Vec::new();
    for (field, _, answer) in answers(online, product, &PAGES) {
        match answer {
            UrlAnswer::Failed(_) => unanswered.push(field.name.as_str()),
            UrlAnswer::ContentType(kind) if !kind.contains("text/html") => {
                others.push(at(file, field, format!("is served as {kind:?}")));
            }
            UrlAnswer::ContentType(_) => {}
        }
    }
    let rule = Rule::ProductContentType;
    if others.is_empty() && !unanswered.is_empty() {
        let reason = format!("nobody answered for {}", unanswered.join(", "));
        return sink.not_checked(&[rule], &reason);
    }
    sink.check(rule, |found| *found = others);
}

/// Fields with a URL, and what came of asking for it.
fn answers<'a>(
    online: &'a Online,
    product: &'a Product,
    names: &'a [&str],
) -> impl Iterator<Item = (&'a Field, &'a str, &'a UrlAnswer)> {
    names.iter().filter_map(|name| {
        let (field, text) = filled(product, name)?;
        Some((field, text, online.answers.get(text)?))
    })
}

/// Every URL of a PRODUCT.yaml.
pub(crate) fn urls(product: &Product) -> impl Iterator<Item = &str> {
    URLS.iter().filter_map(|name| filled(product, name)).map(|(_, text)| text)
}

/// A field with a text that is not blank.
fn filled<'a>(product: &'a Product, name: &str) -> Option<(&'a Field, &'a str)> {
    let field = product.field(name)?;
    let text = field.text()?;
    (!text.trim().is_empty()).then_some((field, text))
}

fn at(file: &str, field: &Field, message: impl AsRef<str>) -> Finding {
    let message = format!("{}: {}", field.name, message.as_ref());
    Finding::at(file.to_owned(), field.line, message)
}
