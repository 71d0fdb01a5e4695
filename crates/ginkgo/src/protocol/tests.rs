use proptest::prelude::*;

use super::*;

fn parse(method: &str, path: &str, body: &str) -> Result<Request, ProtocolError> {
    Request::parse(method, path, Bytes::copy_from_slice(body.as_bytes()))
}

#[test]
fn reads_every_endpoint() {
    let endpoints = [
        ("GET", "/up", "", "up"),
        ("POST", "/suite-will-begin", "{}", "suite-will-begin"),
        ("POST", "/suite-did-end", "{\"SpecReports\":null}", "suite-did-end"),
        ("POST", "/report-before-suite-completed", "null", "report-before-suite-completed"),
        ("GET", "/report-before-suite-state", "", "report-before-suite-state"),
        ("POST", "/before-suite-completed", "{}", "before-suite-completed"),
        ("GET", "/before-suite-state", "", "before-suite-state"),
        ("GET", "/counter", "", "counter"),
        ("POST", "/did-run", "{}", "did-run"),
        ("POST", "/emit-output", "\u{0}x", "emit-output"),
        ("POST", "/progress-report", "{}", "progress-report"),
        ("GET", "/have-nonprimary-procs-finished", "", "have-nonprimary-procs-finished"),
        ("GET", "/aggregated-nonprimary-procs-report", "", "aggregated-nonprimary-procs-report"),
        ("GET", "/abort", "", "should-abort"),
        ("POST", "/abort", "", "abort"),
    ];
    for (method, path, body, name) in endpoints {
        assert_eq!(parse(method, path, body).unwrap().name(), name);
    }
}

#[test]
fn refuses_what_it_does_not_know() {
    for (method, path) in [("POST", "/counter"), ("GET", "/did-run"), ("GET", "/"), ("GET", "")] {
        let error = parse(method, path, "{}").unwrap_err();
        assert!(matches!(error, ProtocolError::UnknownEndpoint { .. }), "{method} {path}");
    }
    assert!(matches!(parse("POST", "/did-run", "{"), Err(ProtocolError::Body { .. })));
}

#[test]
fn before_suite_state_goes_back_as_it_came() {
    let body = "{\"Data\":\"aGVsbG8=\",\"State\":\"failed\"}\n";
    let Request::BeforeSuiteCompleted(state) =
        parse("POST", "/before-suite-completed", body).unwrap()
    else {
        panic!("wrong request")
    };
    assert_eq!(state.state, SpecState::Failed);
    assert_eq!(state.answer(), Answer::Json(body.into()));
}

#[test]
fn a_last_report_keeps_its_spec_reports_byte_for_byte() {
    let spec = "{ \"LeafNodeType\" : \"It\", \"State\":\"passed\",\"X\":1.50 }";
    let body = format!("{{\"SuiteDescription\":\"d\",\"SpecReports\":[{spec},{{}}]}}");
    let Request::SuiteDidEnd(report) = parse("POST", "/suite-did-end", &body).unwrap() else {
        panic!("wrong request")
    };
    assert_eq!(report.header.suite_description, "d");
    let specs = report.spec_reports().unwrap();
    assert_eq!(specs.len(), 2);
    assert_eq!(specs[0].raw, spec.as_bytes());
    assert!(specs[0].header.is_spec());
}

#[test]
fn answers_are_what_the_client_decodes() {
    assert_eq!(Answer::counter(7).into_body(), "{\"Index\":7}");
    assert_eq!(Answer::state(SpecState::Passed).into_body(), "\"passed\"");
    assert_eq!(Answer::TooEarly.status(), 425);
    assert_eq!(Answer::Gone.status(), 410);
    assert_eq!(Answer::no_report().status(), 200);
}

proptest! {
    #[test]
    fn never_panics(method in "GET|POST|PUT", path in "/[a-z-]{0,12}|/did-run|/suite-did-end",
                    body in proptest::collection::vec(any::<u8>(), 0..64)) {
        let _ = Request::parse(&method, &path, body.into());
    }
}
