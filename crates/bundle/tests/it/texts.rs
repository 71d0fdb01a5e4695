//! What the files of a submission say, and which targets become one.

use crate::support::fixtures::Run as Fixture;
use crate::support::{Bundle, product_file, run_json, target};
use multibeam_bundle::archive::{self, Checksums};
use multibeam_bundle::facts::Run;
use multibeam_bundle::{EXAMPLE, PlanError, of_the_example, parse, plan, pull_request, unused};
use multibeam_conformance::product::Product;
use multibeam_export::Input;
use serde_json::{Value, json};

fn facts(run: &Value) -> Run {
    Run::read(run.to_string().as_bytes()).unwrap()
}

fn bundle(run: &Value) -> Bundle {
    Bundle::of(run, &product_file(), &Fixture::good())
}

#[test]
fn the_readme_tells_how_to_reproduce_and_what_happened() {
    let mut run = run_json();
    run["resumed"] = json!(["2026-01-01T00:05:00.123Z"]);
    run["cleaned"] = json!([
        {"cluster": "b", "removed": ["namespace `x`"]}, {"cluster": "other", "removed": ["y"]},
    ]);
    run["targets"][0]["sessions"][1]["lost"] = json!(true);
    run["targets"][0]["suite"]["environment"] = json!(["HTTPS_PROXY", "TOKEN"]);
    let specs: Vec<String> = (1..=5).map(|n| format!("[sig-a] spec {n}")).collect();
    run["targets"][0]["lostAttempts"] = json!([{
        "attempt": "t0g1#1", "specs": specs, "process": "s0p1", "worker": "w", "cluster": "b",
        "cause": "its suite process died (killed by signal 9); last output: a | b\nc", "reported": [],
        "final": false,
    }]);
    let text = bundle(&run).text("README.md");
    for expected in [
        "# Turbo Encabulator v1.7.4 for Kubernetes v1.36\n",
        "    turbo up --nodes 3\n",
        "certified: true\nseed: 7\nsuite:\n  binary: ./e2e.test\n  focus: [\"\\\\[Conformance\\\\]\"]\n  args: [\"--provider=skeleton\"]\n",
        "```console\nmultibeam run -f run.yaml\n```",
        "environment variables `HTTPS_PROXY`, `TOKEN`, whose values are not given here",
        "Sessions are numbered over all targets of a run.",
        "./e2e.test --kubeconfig=./cluster-1.kubeconfig --ginkgo.seed=7 '--ginkgo.focus=\\[Conformance\\]' --provider=skeleton",
        "| API server | `v1.36.2` |",
        "| suite | `v1.36.1` |",
        "| `cni` | `cilium` |",
        "| begun and ended | 2026-01-01T00:00:10Z and 2026-01-01T00:12:34Z, 12 min 24 s |",
        "466 in the suite, 446 selected: 446 passed",
        "2 interchangeable clusters, `a`, `b`, with `4` suite processes in all",
        "| 2 | `b` | lost; what it had not finished was run in another session |",
        "taken up again at 2026-01-01T00:05:00Z",
        "| `[sig-a] spec 1`, `[sig-a] spec 2`, `[sig-a] spec 3`, and 2 more | `b` | `its suite process died (killed by signal 9); last output: a \\| b c` | yes |",
        "- `b`: `` namespace `x` ``",
    ] {
        assert!(text.contains(expected), "{expected:?} in\n{text}");
    }
    assert!(!text.contains("`other`"), "{text}");
    assert!(text.contains("Some specs call `kubectl`, expected on the `PATH`."), "{text}");
    let mut quiet = run_json();
    quiet["targets"][0]["suite"]["arguments"] = json!(["--kubectl-path=./kubectl"]);
    let quiet = bundle(&quiet).text("README.md");
    assert!(quiet.contains("Some specs call `kubectl`, expected at `./kubectl`."), "{quiet}");
    assert!(quiet.contains("None: every spec ran once."), "{quiet}");
    assert!(!quiet.contains("environment variable"), "{quiet}");
    assert!(quiet.contains("removed nothing"), "{quiet}");
}

#[test]
fn the_run_file_of_the_readme_is_one() {
    let mut run = run_json();
    run["targets"][0]["suite"]["arguments"] = json!([
        "--ginkgo.seed=7",
        "--ginkgo.focus=it's \\[\"x\"\\]",
        "--ginkgo.skip=a|b",
        "--ginkgo.label-filter=!red",
        "--report=${HOME} 'x'",
    ]);
    run["notCertifiable"] = json!(["the run file does not ask for a certified run"]);
    for mode in [json!(null), json!({"name": "certified-conformance", "cannotCertify": null})] {
        run["mode"] = mode.clone();
        let text = bundle(&run).text("README.md");
        let yaml = text.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
        let yaml = yaml.replace("${HOME}", "x");
        let read = multibeam_runfile::parse("run.yaml", &yaml).unwrap_or_else(|e| panic!("{e}"));
        let suite = &read.run.targets[0].suite;
        let by_mode = !mode.is_null();
        assert_eq!(suite.focus.is_empty(), by_mode, "{yaml}");
        assert_eq!(text.contains("run.yaml --mode certified-conformance\n"), by_mode, "{text}");
        assert_eq!(read.run.seed, Some(7));
        assert_eq!(read.run.targets[0].clusters.len(), 2);
        assert!(text.contains("- `the run file does not ask for a certified run`"), "{text}");
    }
}

#[test]
fn product_yaml_gives_back_what_the_product_file_says() {
    let text = bundle(&run_json()).text("PRODUCT.yaml");
    let product = Product::parse(text.as_bytes()).unwrap();
    assert_eq!(product.text("vendor"), Some("Yoyodyne"));
    assert_eq!(product.fields.len(), 10);
    assert!(
        text.starts_with(
            "vendor: \"Yoyodyne\"\nname: \"Turbo Encabulator\"\nversion: \"v1.7.4\"\n"
        ),
        "{text}"
    );
}

#[test]
fn every_target_of_every_run_becomes_one_submission() {
    let mut first = run_json();
    first["targets"] = json!([target("v1.34", "v1.34.3"), target("v1.35", "v1.35.0")]);
    let runs = [facts(&first), facts(&run_json())];
    let submissions = plan(&runs, &product_file(), &[]).unwrap();
    let of: Vec<_> = submissions
        .iter()
        .map(|s| (s.run, s.directory(), s.name(), s.product.field("version").to_owned()))
        .collect();
    let expected = [
        (0, "v1.34/turbo", "v1.34-turbo", "v1.6.9"),
        (0, "v1.35/turbo", "v1.35-turbo", "v1.7.4"),
        (1, "v1.36/turbo", "v1.36-turbo", "v1.7.4"),
    ];
    assert_eq!(of, expected.map(|(n, d, f, v)| (n, d.to_owned(), f.to_owned(), v.to_owned())));
    assert_eq!(unused(&runs, &product_file()), ["v1.36-ipvs"]);
    assert_eq!(plan(&runs, &product_file(), &["v1.35".to_owned()]).unwrap().len(), 1);
}

#[test]
fn what_cannot_become_a_submission_is_said() {
    let mut run = run_json();
    run["targets"] = json!([target("one", "v1.36.0"), target("v1.36-ipvs", "v1.36.1")]);
    assert_eq!(plan(&[facts(&run)], &product_file(), &[]).unwrap().len(), 2);
    run["targets"][1]["name"] = json!("two");
    let planned =
        |run: &Value, only: &[String]| plan(&[facts(run)], &product_file(), only).unwrap_err();
    let error = planned(&run, &[]);
    assert!(matches!(error, PlanError::Twice { .. }));
    let said = error.to_string();
    assert!(said.contains("v1.36/turbo: one of run 20260101-000000-aaaa and two of run"), "{said}");
    assert!(matches!(planned(&run, &["three".to_owned()]), PlanError::Unknown { .. }));
    run["targets"][1]["suite"]["version"] = json!(null);
    assert!(matches!(planned(&run, &[]), PlanError::NoRelease { .. }));
    run["targets"][1]["suite"] = json!(null);
    assert!(matches!(planned(&run, &[]), PlanError::NoSuite { .. }));
}

#[test]
fn the_pull_request_says_what_it_is_and_what_is_wrong_with_it() {
    let run = facts(&run_json());
    let runs = [run];
    let submissions = plan(&runs, &product_file(), &[]).unwrap();
    assert_eq!(pull_request::title(&submissions[0]), "Conformance results for v1.36/turbo");
    let good = bundle(&run_json());
    let body = pull_request::body(&submissions[0], &good.verify());
    assert!(body.contains("446 of 446 required tests passed"), "{body}");
    assert!(!body.contains("multibeam verify") && !body.contains("is listed"), "{body}");
    good.put("README.md", "");
    let forced = pull_request::body(&submissions[0], &good.verify());
    assert!(forced.contains("**`multibeam verify` says: not verified.**"), "{forced}");
    assert!(forced.contains("- `files-not-empty`: `README.md is empty`"), "{forced}");
    let closed = "apiVersion: multibeam.dev/v1\nkind: Product\ndirectory: t\nsetup: x\nproduct: {vendor: V, name: N Kubernetes, version: v1, type: installer, description: D, website_url: 'https://a.b', documentation_url: 'https://a.b', contact_email_address: a@b.c}\n";
    let file = parse("p", closed.as_bytes()).unwrap().file;
    let submissions = plan(&runs, &file, &[]).unwrap();
    let body = pull_request::body(&submissions[0], &good.verify());
    assert!(body.contains("not open source") && body.contains("PRODUCT.yaml links none"), "{body}");
    assert!(body.contains("`N Kubernetes` is listed"), "{body}");
}

#[test]
fn the_same_run_gives_the_same_bytes() {
    let runs = [facts(&run_json())];
    let submissions = plan(&runs, &product_file(), &[]).unwrap();
    let pack = |bundle: &Bundle| {
        let texts = multibeam_bundle::FILES.map(|name| (name, bundle.text(name)));
        let mut contents: Vec<(_, &[u8])> =
            texts.iter().map(|(name, text)| (*name, text.as_bytes())).collect();
        let mut inputs: Vec<Input<'_>> = contents
            .iter_mut()
            .map(|(name, content)| Input { name, bytes: content.len() as u64, content })
            .collect();
        let mut out = Vec::new();
        archive::write(&submissions[0], &mut inputs, &mut out).unwrap();
        out
    };
    let (first, second) = (bundle(&run_json()), bundle(&run_json()));
    let bytes = pack(&first);
    assert_eq!(bytes, pack(&second));
    // What is packed is verified as it is.
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bundle.tar.gz");
    std::fs::write(&path, bytes).unwrap();
    let found = multibeam_conformance::input::collect(&[path]).unwrap();
    assert_eq!(found[0].folder.as_ref().unwrap().1, "turbo");
    assert_eq!(found[0].files.len(), multibeam_bundle::FILES.len());
}

#[test]
fn checksums_are_those_of_the_last_content_by_path() {
    let sums = |files: &[(&str, &str)]| {
        let mut sums = Checksums::default();
        for (path, content) in files {
            sums.add((*path).to_owned(), content.as_bytes()).unwrap();
        }
        sums
    };
    let earlier = sums(&[("a b", "abc"), ("c", "old"), ("gone", "x")]);
    let text = earlier.to_string();
    let line = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  a b\n";
    assert!(text.starts_with(line), "{text}");
    assert_eq!(Checksums::parse(&format!("# mine\n\nabc  d\n{text}")), earlier);
    let mut now = earlier;
    now.retain(|path| path != "gone");
    for (path, content) in [("c", "new"), ("0", "y")] {
        now.add(path.to_owned(), content.as_bytes()).unwrap();
    }
    assert_eq!(now, sums(&[("0", "y"), ("a b", "abc"), ("c", "new")]));
}

#[test]
fn what_the_example_says_is_named_until_it_is_changed() {
    let (run, example) = ([facts(&run_json())], product_file());
    let keys = |file| of_the_example(&plan(&run, file, &[]).unwrap());
    let all = keys(&example);
    assert!(
        all.starts_with(&["directory", "vendor", "name"]) && all.ends_with(&["setup"]),
        "{all:?}"
    );
    // There are only three types, and versions look alike.
    assert!(!all.contains(&"type") && !all.contains(&"version"), "{all:?}");
    let text = EXAMPLE.replace("yoyo.dyne", "acme.example").replace("urbo", "orpedo");
    let text = text.replace("Yoyodyne", "Acme").replace("needs", "use");
    let file = parse("product.yaml", text.as_bytes()).unwrap().file;
    assert_eq!(keys(&file), [""; 0]);
}
