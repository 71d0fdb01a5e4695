use proptest::prelude::*;

use super::*;

fn origin() -> Origin {
    let labels = Labels::from([("cni".to_owned(), "calico".to_owned())]);
    Origin { source: "here".to_owned(), at: Timestamp(5), labels }
}

fn told(text: &str) -> (Vec<(String, u32)>, Vec<String>) {
    let learned = read(text.as_bytes(), &origin()).unwrap();
    let durations = learned.lessons.into_iter().flat_map(|lesson| lesson.durations);
    let durations = durations.map(|took| (took.spec, took.millis)).collect();
    (durations, learned.problems.told.iter().map(ToString::to_string).collect())
}

#[test]
fn two_columns_will_do_in_any_order() {
    let learned = read("seconds,what,spec\n1.5,?,[sig-x] a\n".as_bytes(), &origin()).unwrap();
    let took = Took { spec: "[sig-x] a".to_owned(), millis: 1500 };
    let Origin { source, at, labels } = origin();
    assert_eq!(learned.lessons, [Lesson { source, at, labels, durations: vec![took] }]);
}

#[test]
fn nonsense_is_named_by_its_line_and_left_out() {
    let text = "spec,seconds,labels,run,ended\n\
        a,1,,,\n\
        b,-1,,,\n\
        c,NaN,,,\n\
        d,1e9,,,\n\
        e,inf,,,\n\
        ,1,,,\n\
        f,1,cni=x,,\n\
        g,1,,,yesterday\n\
        h,1\n\
        i,0x10,,,\n\
        j,86400,,,\n";
    let (durations, problems) = told(text);
    assert_eq!(durations, [("a".to_owned(), 1000), ("j".to_owned(), 86_400_000)]);
    let lines: Vec<&str> = problems.iter().filter_map(|it| it.split(':').next()).collect();
    let expected = [3, 4, 5, 6, 7, 8, 9, 10, 11].map(|line| format!("line {line}"));
    assert_eq!(lines, expected);
    assert_eq!(problems[0], "line 3: expected seconds from 0 to 86400, got \"-1\"");
    assert!(problems[5].contains("{\"cni\":\"cilium\"}, got \"cni=x\""), "{}", problems[5]);
}

#[test]
fn many_problems_are_counted_and_few_are_told() {
    let text = format!("spec,seconds\n{}", "a,-1\n".repeat(1000));
    let problems = read(text.as_bytes(), &origin()).unwrap().problems;
    assert_eq!((problems.told.len(), problems.count, problems.more()), (TOLD, 1000, 980));
}

#[test]
fn bytes_that_are_no_text_are_a_problem_of_their_line() {
    let text = b"spec,seconds\n\xff\xfe,1\nb,2\n";
    let learned = read(text.as_slice(), &origin()).unwrap();
    assert_eq!((learned.problems.count, learned.lessons[0].durations.len()), (1, 1));
}

#[test]
fn what_is_no_history_is_refused_as_a_whole() {
    for (text, shown) in [
        ("", "an empty file"),
        ("format,specs\n2,\n", "\"format,specs\""),
        ("<?xml version=\"1.0\"?>\n", "<?xml"),
    ] {
        let error = read(text.as_bytes(), &origin()).unwrap_err().to_string();
        assert!(error.contains("columns spec and seconds") && error.contains(shown), "{error}");
    }
}

/// An output that nobody reads any more.
struct Closed;

impl io::Write for Closed {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_closed_pipe_is_known_for_one() {
    let mut history = History::default();
    // More than is kept back until the end.
    let took = |number| Took { spec: format!("{number} {}", "long ".repeat(100)), millis: 1 };
    let durations = (0..100).map(took).collect();
    history.learn(&Lesson {
        source: "r".to_owned(),
        at: Timestamp(1),
        labels: Labels::default(),
        durations,
    });
    for history in [history, History::default()] {
        let error = write(Closed, &history).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe, "{error}");
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(
        lessons in prop::collection::vec(
            ("[a-z,\"\n =#]{1,8}", 0..i64::MAX, prop::option::of("[a-z\",]{1,5}"),
             prop::collection::vec(("[a-z\",\n\\[\\]-]{1,12}", 0..86_400_000_u32), 1..5)),
            0..6,
        ),
    ) {
        let mut history = History::default();
        for (source, at, cni, durations) in lessons {
            let labels = cni.map(|cni| ("cni".to_owned(), cni)).into_iter().collect();
            let took = |(spec, millis)| Took { spec, millis };
            let durations = durations.into_iter().map(took).collect();
            history.learn(&Lesson { source, at: Timestamp(at), labels, durations });
        }
        let mut text = Vec::new();
        write(&mut text, &history).unwrap();
        let learned = read(text.as_slice(), &Origin::default()).unwrap();
        prop_assert_eq!(learned.problems.count, 0);
        let mut again = History::default();
        for lesson in &learned.lessons {
            again.learn(lesson);
        }
        let mut text_again = Vec::new();
        write(&mut text_again, &again).unwrap();
        prop_assert_eq!(String::from_utf8(text).unwrap(), String::from_utf8(text_again).unwrap());
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(bytes.as_slice(), &Origin::default());
        let with_header = [b"spec,seconds,labels,run,ended\n".as_slice(), &bytes].concat();
        prop_assert!(read(with_header.as_slice(), &Origin::default()).is_ok());
    }
}
