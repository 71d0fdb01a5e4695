//! Places of every kind, and what they are held against.

use multibeam_conformance::catalog::{Catalog, Origin};
use multibeam_conformance::input::InputError;
use multibeam_conformance::report::{self, Format, Paint};
use multibeam_conformance::rules::{Rule, Status};
use multibeam_conformance::{Request, Verdict, input, urls, verify};

use crate::rules::spoil::{link, put, remove};
use crate::support::{self, Submission, broken};

#[test]
fn a_link_is_listed_and_never_followed() {
    let mut submission = Submission::good();
    link(&mut submission, "e2e.log");
    let root = tempfile::tempdir().unwrap();
    let directory = submission.write(root.path());
    let found = input::collect(&[directory]).unwrap();
    let checked = verify(&found[0], &submission.request);
    assert_eq!(broken(&checked), [Rule::FilesPlain]);
    assert!(found[0].log.is_none());
}

#[test]
fn an_unknown_release_is_no_verdict_unless_something_is_wrong() {
    let mut submission = Submission::good();
    submission.folder = "v1.99/turbo".into();
    let text = submission.text("e2e.log").replace("v1.36.", "v1.99.");
    put(&mut submission, "e2e.log", &text);
    let checked = submission.verify();
    assert_eq!(checked.verdict, Verdict::CouldNotTell, "{:?}", support::found(&checked));
    assert_eq!(checked.origin, None);
    remove(&mut submission, "README.md");
    assert_eq!(submission.verify().verdict, Verdict::NotVerified);
}

#[test]
fn a_list_that_is_given_wins_over_the_built_in_one() {
    let mut submission = Submission::good();
    let text = "- codename: '[sig-zoo] Felines should purr [Conformance]'\n  release: v1.30\n\
                - codename: '[sig-zoo] Later [Conformance]'\n  release: v1.37\n";
    let origin = Origin::File("conformance.yaml".into());
    submission.request.catalog = Some(Catalog::parse(origin, text).unwrap());
    let checked = submission.verify();
    assert_eq!(broken(&checked), [Rule::TestsRequired]);
    assert_eq!((checked.required, checked.passed), (1, Some(0)));
}

#[test]
fn results_without_a_submission_around_them_are_verified_by_their_log() {
    let submission = Submission::good();
    let root = tempfile::tempdir().unwrap();
    let target = root.path().join("20260101-000000-abcd/cilium");
    std::fs::create_dir_all(&target).unwrap();
    for name in ["e2e.log", "junit_01.xml"] {
        std::fs::write(target.join(name), &submission.files[name]).unwrap();
    }
    std::fs::write(root.path().join("20260101-000000-abcd/run.json"), "{}").unwrap();
    for paths in
        [vec![root.path().to_owned()], vec![target.join("e2e.log"), target.join("junit_01.xml")]]
    {
        let found = input::collect(&paths).unwrap();
        assert_eq!(found.len(), 1);
        let checked = verify(&found[0], &submission.request);
        assert_eq!(checked.verdict, Verdict::Verified, "{:?}", support::found(&checked));
        assert_eq!(checked.claim.unwrap().minor, support::MINOR);
        assert!(!checked.submission);
    }
    // One of the two is no evidence.
    let alone = |name: &str| input::collect(&[target.join(name)]).unwrap().remove(0);
    let junit = alone("junit_01.xml");
    assert_eq!(broken(&verify(&junit, &submission.request)), [Rule::FilesPresent]);
    // A list that was given is one of what is required, whatever release that is.
    let catalog = Catalog::built_in(support::MINOR);
    let checked = verify(&junit, &Request { catalog, ..Request::default() });
    assert_eq!((checked.claim, checked.required, checked.passed), (None, 446, Some(446)));
    let open = checked.outcomes.iter().filter(|o| matches!(o.status, Status::CouldNotTell(_)));
    assert_eq!(open.map(|o| o.rule).collect::<Vec<_>>(), [Rule::ReleaseSupported]);
    // Without a JUnit file nobody knows what passed.
    let checked = verify(&alone("e2e.log"), &submission.request);
    assert_eq!((checked.required, checked.passed), (446, None));
    let mut text = Vec::new();
    report::write(&mut text, Format::Text(Paint::PLAIN), &[checked]).unwrap();
    let text = String::from_utf8(text).unwrap();
    assert!(
        text.contains("by its log: how many of 446 required tests passed is not known"),
        "{text}"
    );
}

#[test]
fn a_product_file_beside_results_makes_no_submission_of_them() {
    let submission = Submission::good();
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("product.yaml");
    std::fs::write(&file, "apiVersion: multibeam.dev/v1\nkind: Product\n").unwrap();
    for paths in [vec![root.path().to_owned()], vec![file]] {
        let error = input::collect(&paths).unwrap_err();
        assert!(matches!(error, InputError::Nothing { .. }), "{error}");
    }
    for name in ["e2e.log", "junit_01.xml"] {
        std::fs::write(root.path().join(name), &submission.files[name]).unwrap();
    }
    let found = input::collect(&[root.path().to_owned()]).unwrap();
    let checked = verify(&found[0], &submission.request);
    assert_eq!((checked.verdict, checked.submission), (Verdict::Verified, false));
}

#[test]
fn several_submissions_in_one_directory_are_places_of_their_own() {
    let root = tempfile::tempdir().unwrap();
    let mut submission = Submission::good();
    submission.write(root.path());
    submission.folder = "v1.36/other".into();
    submission.write(root.path());
    let found = input::collect(&[root.path().to_owned()]).unwrap();
    let places: Vec<_> = found.iter().map(|e| e.folder.clone().unwrap().1).collect();
    assert_eq!(places, ["other", "turbo"]);
    assert!(found.iter().all(|e| verify(e, &submission.request).verdict == Verdict::Verified));
    assert_eq!(urls(&found[0]).len(), 4);
    // Once, whichever ways lead there.
    let below = root.path().join("v1.36/../v1.36");
    let twice = input::collect(&[below, root.path().to_owned()]).unwrap();
    assert_eq!(twice.len(), 2);
    assert!(twice.iter().all(|evidence| evidence.place.contains("/../")));
}
