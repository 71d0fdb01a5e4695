//! Whatever a run and a product file say, what is made of them is verified; and whatever single thing
//! is then taken away, renamed, or turned around, is found.

use std::fs;
use std::sync::OnceLock;

use crate::support::fixtures::{
    Change, OTHER_CASES, OTHER_HEADINGS, Run, blocks, cases, changed, found, other_case,
    other_heading,
};
use crate::support::{Bundle, product_file, run_json, target};
use multibeam_bundle::{FILES, parse};
use multibeam_conformance::Verdict;
use multibeam_conformance::product::REQUIRED;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Text that may break out of Markdown, YAML, or a shell.
fn text() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9 `|\"'\\\\#:*_<>\\[\\]{}&%@,$!~é\u{202e}-]{1,40}"
}

/// Lines of such text, as a killed process leaves them.
fn output() -> impl Strategy<Value = String> {
    prop::collection::vec(text(), 1..4).prop_map(|lines| lines.join("\n"))
}

fn lost_attempt() -> impl Strategy<Value = Value> {
    (prop::collection::vec(text(), 0..6), prop::option::of(text()), output(), any::<bool>())
        .prop_map(|(specs, cluster, cause, last)| {
            json!({"attempt": "t0g1#1", "specs": specs, "process": "s0p1", "worker": "w",
                "cluster": cluster, "cause": cause, "reported": [], "final": last})
        })
}

/// What may stand in run.json of a run that passed.
fn runs() -> impl Strategy<Value = Value> {
    let lost = prop::collection::vec(lost_attempt(), 0..4);
    let names = prop::collection::vec(text(), 1..4);
    let cleaned = prop::collection::vec(text(), 0..3);
    (text(), names, lost, cleaned, text(), any::<bool>()).prop_map(
        |(name, clusters, lost, cleaned, argument, resumed)| {
            let mut target = target(&name, "v1.36.1");
            target["clusters"] = json!(clusters);
            target["labels"] = json!({name.as_str(): argument});
            target["lostAttempts"] = json!(lost);
            target["suite"]["arguments"] = json!([format!("--flag={argument}")]);
            let mut run = run_json();
            run["targets"] = json!([target]);
            run["cleaned"] = json!([{"cluster": clusters[0], "removed": cleaned}]);
            if resumed {
                run["resumed"] = json!(["2026-01-01T00:05:00Z"]);
            }
            run
        },
    )
}

/// A product file with any text where any text is allowed.
fn products() -> impl Strategy<Value = String> {
    let filled = || text().prop_filter("not blank", |text| !text.trim().is_empty());
    (filled(), filled(), filled(), output()).prop_map(|(vendor, name, version, setup)| {
        let quoted = |text: &str| Value::from(text).to_string();
        let mut text = String::from(
            "apiVersion: multibeam.dev/v1\nkind: Product\ndirectory: turbo\nproduct:\n",
        );
        for (key, value) in [
            ("vendor", vendor.as_str()),
            ("name", &name),
            ("version", &version),
            ("type", "installer"),
            ("description", &format!("{vendor}: {version}")),
            ("website_url", "https://yoyo.dyne/?a=1&b=%20#c"),
            ("documentation_url", "https://yoyo.dyne/docs"),
            ("contact_email_address", "\"T. Urbo\" <turbo@yoyo.dyne>"),
        ] {
            text.push_str(&format!("  {key}: {}\n", quoted(value)));
        }
        text.push_str(&format!("setup: {}\n", quoted(&format!("Run it.\n{setup}"))));
        text
    })
}

/// The fixture's files are the same in each case, and take long to make.
fn fixture() -> &'static Run {
    static RUN: OnceLock<Run> = OnceLock::new();
    RUN.get_or_init(Run::good)
}

fn good() -> Bundle {
    Bundle::of(&run_json(), &product_file(), fixture())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_bundled_is_verified(run in runs(), product in products()) {
        let file = parse("product.yaml", product.as_bytes());
        prop_assert!(file.is_ok(), "{}\n{product}", file.unwrap_err());
        let bundle = Bundle::of(&run, &file.unwrap().file, fixture());
        let checked = bundle.verify();
        prop_assert_eq!(checked.verdict, Verdict::Verified, "{:#?}", found(&checked));
    }

    #[test]
    fn no_change_of_a_spec_goes_unnoticed(
        change in prop::sample::select(vec![Change::Delete, Change::Rename, Change::Flip]),
        which in any::<prop::sample::Index>(),
        outcome in prop::sample::select(OTHER_CASES.to_vec()),
        heading in prop::sample::select(OTHER_HEADINGS.to_vec()),
        in_log in any::<bool>(),
    ) {
        let bundle = good();
        let name = if in_log { "e2e.log" } else { "junit_01.xml" };
        let text = bundle.text(name);
        let all = if in_log { blocks(&text) } else { cases(&text) };
        let flip = |part: &str| match in_log {
            true => other_heading(part, heading),
            false => other_case(part, outcome),
        };
        bundle.put(name, &changed(&text, all[which.index(all.len())], change, flip));
        let checked = bundle.verify();
        prop_assert_eq!(checked.verdict, Verdict::NotVerified, "{:#?}", found(&checked));
    }
}

#[test]
fn no_file_and_no_field_can_go_or_be_called_otherwise() {
    for name in FILES {
        let bundle = good();
        let (path, other) = (bundle.place.join(name), bundle.place.join(format!("{name}.old")));
        fs::rename(&path, &other).unwrap();
        assert_eq!(bundle.verify().verdict, Verdict::NotVerified, "{name} renamed");
        fs::remove_file(&other).unwrap();
        assert_eq!(bundle.verify().verdict, Verdict::NotVerified, "{name} removed");
    }
    let bundle = good();
    let text = bundle.text("PRODUCT.yaml");
    for field in REQUIRED {
        let line = text.lines().find(|line| line.starts_with(&format!("{field}:"))).unwrap();
        for other in [String::new(), line.replacen(field, "other", 1), format!("{field}: ''")] {
            bundle.put("PRODUCT.yaml", &text.replacen(line, &other, 1));
            assert_eq!(bundle.verify().verdict, Verdict::NotVerified, "{field}: {other:?}");
        }
    }
    bundle.put("PRODUCT.yaml", &text);
    assert_eq!(bundle.verify().verdict, Verdict::Verified);
}
