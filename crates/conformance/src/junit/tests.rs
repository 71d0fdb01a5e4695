use super::*;

fn read(text: &str) -> Result<Junit, JunitError> {
    Junit::read(text.as_bytes())
}

fn refused(text: &str) -> (u64, String) {
    let error = read(text).unwrap_err();
    (error.line().unwrap(), error.to_string())
}

const GOOD: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="5" disabled="2" errors="0" failures="1" time="1.5">
  <testsuite name="a" timestamp="2026-01-01T00:00:01" tests="5" disabled="1" skipped="1" errors="0" failures="1">
    <properties>
      <property name="SkipStrings" value="a&#xA;b"></property>
    </properties>
    <testcase name="[It] [sig-a] x &#34;y&#34; [Conformance]" status="passed" time="1"/>
    <testcase name="[It] [sig-a] skipped"><skipped message="skipped"></skipped></testcase>
    <testcase name="[It] [sig-a] pending [Conformance]"><skipped message="pending"/></testcase>
    <testcase
        name="[It] [sig-a] failed"><error/><failure message="no &#x26; yes" type="failed">&lt;text&gt;
          and &#x48;more</failure><system-err><![CDATA[<testcase>]]></system-err></testcase>
    <testcase name="[SynchronizedBeforeSuite]"></testcase>
  </testsuite>
</testsuites>
trailing & rubbish <
"#;

#[test]
fn cases_come_with_names_states_and_lines() {
    let junit = read(GOOD).unwrap();
    let cases: Vec<_> =
        junit.cases.iter().map(|case| (case.name.as_str(), case.state, case.line)).collect();
    let expected = [
        ("[It] [sig-a] x \"y\" [Conformance]", CaseState::Passed, 7),
        ("[It] [sig-a] pending [Conformance]", CaseState::Pending, 9),
        ("[It] [sig-a] failed", CaseState::Failed, 10),
        ("[SynchronizedBeforeSuite]", CaseState::Passed, 13),
    ];
    assert_eq!(cases, expected);
    let suite = &junit.suites[0];
    let counted = Counted { tests: 5, failures: 1, errors: 0, pending: 1, skipped: 1 };
    assert_eq!(suite.counted, counted);
    assert_eq!(
        (suite.header.line, suite.header.tests, suite.header.disabled),
        (3, Some(5), Some(1))
    );
    assert_eq!(junit.cases[2].message, "no & yes");
    assert_eq!((suite.header.begun, junit.root.begun), (Some(1_767_225_601), None));
    assert_eq!((junit.root.line, junit.root.failures, junit.root.skipped), (2, Some(1), None));
    assert_eq!(junit.property("SkipStrings"), Some(("a\nb", 5)));
    assert!(!junit.cases[3].is_spec() && junit.cases[2].is_spec());
    assert_eq!(junit.cases[0].required_name(), "[sig-a] x \"y\" [Conformance]");
}

#[test]
fn names_escaped_twice_are_read_as_the_bot_reads_them() {
    let name = |name: &str| {
        let case = Case {
            name: name.into(),
            line: 1,
            state: CaseState::Passed,
            time: String::new(),
            message: String::new(),
        };
        case.required_name()
    };
    assert_eq!(name("[It] a &#39;b&#39; &#34;c&#34; -&gt; [It] d"), "a 'b' \"c\" -> [It] d");
    assert_eq!(name("with a 'cat /tmp/health'"), "with a \"cat /tmp/health\"");
}

#[test]
fn what_go_refuses_is_refused_with_a_line() {
    let cases = [
        ("", 1, "no element"),
        ("no xml at all", 1, "no element"),
        ("<testsuites>\n<testsuite>\n", 3, "ends within 2"),
        ("<testsuites>\n</testsuite>", 2, "expected"),
        ("\n<testsuite></testsuite>", 2, "root element is <testsuite>"),
        ("<testsuites><testsuite tests=\"many\"/></testsuites>", 1, "no number"),
        ("<testsuites>&nbsp;</testsuites>", 1, "&nbsp; is unknown"),
        (
            "<testsuites>\n<testsuite name=\"&nbsp;\"/></testsuites>",
            2,
            "XML: in the attribute name, the entity &nbsp; is",
        ),
        ("<testsuites a=\"b & c\"/>", 1, "in the attribute a, an & without a ; behind it"),
        ("<testsuites>\n\n\u{1b}[31m</testsuites>", 3, "U+001B"),
        ("<testsuites>&#27;</testsuites>", 1, "U+001B"),
        ("<?xml version='1.0' encoding='ISO-8859-1'?><testsuites/>", 1, "ISO-8859-1"),
        ("<testsuites a=\"1\" a=\"2\"/>", 1, "in the tag <testsuites>, the same attribute twice"),
    ];
    for (text, line, message) in cases {
        let (at, said) = refused(text);
        assert!(said.contains(message), "{text}: {said}");
        assert_eq!(at, line, "{text}: {said}");
    }
}

#[test]
fn bombs_are_refused_in_little_memory() {
    let mut bomb = String::from("<!DOCTYPE x [<!ENTITY a0 \"boom\">\n");
    for n in 1..10 {
        let previous = format!("&a{};", n - 1).repeat(10);
        bomb.push_str(&format!("<!ENTITY a{n} \"{previous}\">\n"));
    }
    bomb.push_str("]><testsuites><testsuite><testcase name=\"&a9;\"/></testsuite></testsuites>");
    assert!(refused(&bomb).1.contains("a9"));

    let deep = format!("<testsuites>{}", "<testsuite>".repeat(100_000));
    assert!(refused(&deep).1.contains("deeper than"));

    // Longer than any piece may be, and never held as a whole.
    let piece = usize::try_from(XML_PIECE).unwrap();
    for (begin, middle) in [("<testsuites><a b=\"", "x"), ("<testsuites>", "x"), ("<!--", "-x")] {
        let text = format!("{begin}{}", middle.repeat(2 * piece / middle.len()));
        assert!(refused(&text).1.contains("more than 16777216 bytes"), "{begin}");
    }
    let name = "x".repeat(1 << 20);
    let case = format!("<testcase name=\"{name}\"/>");
    let names = format!("<testsuites><testsuite>{}", case.repeat(32));
    assert!(refused(&names).1.contains("bytes of names"));
}

#[test]
fn other_encodings_are_named() {
    let utf16: Vec<u8> = "<testsuites/>".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let said = Junit::read(&utf16[..]).unwrap_err().to_string();
    assert!(said.contains("UTF-16 (little endian)"), "{said}");
    let latin1 = b"<testsuites><testsuite>\n<testcase name=\"\xe9\"/></testsuite></testsuites>";
    let error = Junit::read(&latin1[..]).unwrap_err();
    assert!(matches!(error, JunitError::Encoding { line: 2, .. }), "{error:?}");
    let bom = format!("\u{feff}{GOOD}");
    assert_eq!(read(&bom).unwrap().cases.len(), 4);
}

#[test]
fn a_reader_that_fails_is_no_mistake_of_the_file() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the disk is gone"))
        }
    }
    let error = Junit::read("<testsuites>".as_bytes().chain(Broken)).unwrap_err();
    assert!(matches!(error, JunitError::Read(_)), "{error:?}");
    assert_eq!(error.line(), None);
}
