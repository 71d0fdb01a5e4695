//! What the views print, from the same stories.

mod waits;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use multibeam_model::event::{What, Work};
use multibeam_model::ids::{ClusterId, SessionId, TargetId};
use multibeam_model::outcome::{Cause, LossCause, ProcessEnd, SpecState, Verdict};
use multibeam_model::plan::Planned;

use super::fixture::{Story, at, busy};
use super::live::Size;
use super::*;

/// Plays a story to a view; the view is ticked after every event.
fn play(story: &Story, view: &mut dyn View) -> RunStatus {
    let mut status = RunStatus::default();
    for event in &story.events {
        status.apply(event);
        view.update(&status, Some(event)).unwrap();
        view.tick(&status, event.at).unwrap();
    }
    status
}

fn plain(story: &Story) -> String {
    let mut out = Vec::new();
    play(story, &mut PlainView::new(&mut out, Style::PLAIN));
    String::from_utf8(out).unwrap()
}

/// One target with everything that may happen to it.
fn eventful() -> Story {
    let mut story = Story::new(&[("v1.36 / cilium", &["a"]), ("b", &["b"])]);
    story.at(0.5).joined(0, 2).at(1.0).prepared(0, 40, 4, 600).session(1, 0, 0, 2);
    story.at(5.0).pass(1, 10).outlook(0, 349).at(12.3).pass(1, 1).at(13.0).pass(1, 1);
    story.start(1, 1, "[sig-x] breaks");
    story.at(15.0).done(1, "[sig-x] breaks", SpecState::Failed, "Expected\n    1\n\x1b[2Jto be 2");
    story.start(1, 2, "[sig-x] dies");
    let cause = LossCause::ProcessDied {
        end: ProcessEnd::Signal(9),
        last_output: "fatal error\ngoroutine 1".to_owned(),
    };
    let attempt = story.attempt(1);
    story.at(16.0).tell(What::AttemptLost {
        attempt,
        spec: "[sig-x] dies".to_owned(),
        cause,
        given_up: false,
    });
    let cluster = ClusterId(0);
    story.at(20.0).tell(What::ClusterReady { cluster, ready: false, detail: "refused".into() });
    story.at(30.0).tell(What::ClusterReady { cluster, ready: true, detail: String::new() });
    let node = "SynchronizedAfterSuite".to_owned();
    let (session, message) = (SessionId(1), "left over".to_owned());
    story.at(40.0).tell(What::SuiteNodeDone { session, node, state: SpecState::Failed, message });
    story.tell(What::SessionClosed { session, lost: true });
    story.at(41.0).tell(What::Warning { message: "disk nearly full\nsee df".to_owned() });
    let target = TargetId(0);
    let cause = Some(Cause::Cancelled);
    story.at(75.0).tell(What::TargetEnded { target, verdict: Verdict::Incomplete, cause });
    story
}

#[test]
fn plain_lines_tell_the_story() {
    assert_eq!(
        plain(&eventful()),
        "\
[    0.0s] run 20260101-000000-ab12 of nightly: 2 targets, 2 clusters
[    0.5s] a               worker w0 joined with 2 processes
[    1.0s] v1.36 / cilium  40 of 80 specs selected, 4 serial, about 10m00s
[    1.0s] v1.36 / cilium  starting 2 processes on a
[    1.0s] v1.36 / cilium  parallel specs on a
[   12.3s] v1.36 / cilium  11 of 40 specs, 11 passed, about 5m41s left
[   15.0s] v1.36 / cilium  failed: [sig-x] breaks (a, 3.2s)
             Expected
                 1
             \\u{1b}[2Jto be 2
[   16.0s] v1.36 / cilium  lost: [sig-x] dies (attempt 1, will be run again)
             its suite process died (killed by signal 9); last output: fatal error
             goroutine 1
[   20.0s] a               does not answer: refused
[   30.0s] a               answers again
[   40.0s] v1.36 / cilium  failed: SynchronizedAfterSuite (a)
             left over
[   40.0s] v1.36 / cilium  the session on a was lost
[   41.0s] warning: disk nearly full
             see df
[ 1m15.0s] v1.36 / cilium  incomplete: 13 of 40 specs, 12 passed, 1 failed
             the run was cancelled
"
    );
}

#[test]
fn the_summary_holds_the_plan_against_what_it_took() {
    let mut story = Story::new(&[("t", &["a"])]);
    let secs = Duration::from_secs;
    let planned = Planned { expected: secs(725), low: secs(600), high: secs(850) };
    story.at(5.0).prepared(0, 4, 0, 700).tell(What::TargetPlanned { target: TargetId(0), planned });
    story.session(1, 0, 0, 2).pass(1, 4);
    assert!(!summary(&story.status(), None, Style::PLAIN).contains("planned"));
    let (target, verdict) = (TargetId(0), Verdict::Passed);
    story.at(756.0).tell(What::TargetEnded { target, verdict, cause: None });
    let text = summary(&story.status(), None, Style::PLAIN);
    assert!(text.contains("\nplanned 12m05s (10m00s to 14m10s), took 12m31s\n"), "{text}");
}

#[test]
fn what_was_done_before_a_resume_is_counted() {
    let mut story = Story::new(&[("t", &["a"])]);
    story.tell(What::TargetPrepared {
        target: TargetId(0),
        selected: 40,
        total: 80,
        serial: 0,
        done: 7,
        expected: Duration::ZERO,
        work: Work::default(),
        since: at(0.0),
    });
    story.session(1, 0, 0, 2).at(11.0).pass(1, 1);
    let text = plain(&story);
    assert!(text.contains("8 of 40 specs, 7 before, 1 passed"), "{text}");
}

#[test]
fn nothing_is_run_again_after_a_cancel() {
    let mut story = Story::new(&[("t", &["a"])]);
    story.prepared(0, 40, 4, 0).session(1, 0, 0, 2).start(1, 1, "[sig-x] dies");
    let attempt = story.attempt(1);
    story.tell(What::Cancelling { force: false });
    let cause = LossCause::ProcessDied { end: ProcessEnd::Exit(2), last_output: String::new() };
    let spec = "[sig-x] dies".to_owned();
    story.tell(What::AttemptLost { attempt, spec, cause, given_up: false });
    let text = plain(&story);
    assert!(text.contains("lost: [sig-x] dies (attempt 1)\n"), "{text}");
}

#[test]
fn progress_comes_every_ten_seconds_of_the_events() {
    let mut story = Story::new(&[("t", &["a"])]);
    story.prepared(0, 1_000, 0, 0).session(1, 0, 0, 2);
    for tenth in 0..1_000 {
        story.at(f64::from(tenth) / 10.0).pass(1, 1);
    }
    let text = plain(&story);
    assert_eq!(text.lines().filter(|line| line.contains(" of 1000 specs, ")).count(), 9, "{text}");
}

#[test]
fn json_lines_are_the_events() {
    let story = eventful();
    let mut out = Vec::new();
    play(&story, &mut JsonView::new(&mut out));
    let text = String::from_utf8(out).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("{\"format\":1}"));
    let events: Vec<Event> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events, story.events);
}

#[test]
fn json_of_a_latecomer_begins_with_the_status() {
    let status = busy().status();
    let mut out = Vec::new();
    let mut view = JsonView::new(&mut out);
    view.update(&status, None).unwrap();
    view.update(&status, Some(&eventful().events[3])).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert_eq!(text.lines().count(), 2);
    let head: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(head["format"], 1);
    let found: RunStatus = serde_json::from_value(head["status"].clone()).unwrap();
    assert_eq!(found, status);
}

#[test]
fn the_summary_groups_failures_by_spec() {
    let mut story = Story::new(&[("v1.36", &["a"]), ("v1.35", &["b"]), ("v1.34", &["c"])]);
    for target in 0..3 {
        story.at(1.0).prepared(target, 4, 0, 60).session(target + 1, target, target, 2);
    }
    story.at(61.0).pass(1, 2).pass(2, 3).pass(3, 1);
    story.done(1, "[sig-x] everywhere", SpecState::Failed, "a\n\nb\nc\nd");
    story.done(2, "[sig-x] everywhere", SpecState::Failed, "other");
    story.done(3, "[sig-x] everywhere", SpecState::Failed, "other");
    story.done(1, "[sig-x] once", SpecState::TimedOut, "\x1b[38;5;9mslow\x07\x1b[0m");
    story.done(3, "[sig-x] skips", SpecState::Skipped, "");
    for target in 0..2 {
        let target = TargetId(target);
        story.tell(What::TargetEnded { target, verdict: Verdict::Failed, cause: None });
    }
    let cause = Some(Cause::NoCluster("c was not there".to_owned()));
    let verdict = Verdict::Environment;
    story.at(65.0).tell(What::TargetEnded { target: TargetId(2), verdict, cause });
    story.tell(What::Warning { message: "clock skew".to_owned() }).tell(What::RunEnded { verdict });
    assert_eq!(
        summary(&story.status(), Some("results/20260101-000000-ab12"), Style::PLAIN),
        "\
target  verdict                   passed  failed  timed out  skipped  not run    time
v1.36   failed                         2       1          1        0        0   1m00s
v1.35   failed                         3       1          0        0        0   1m00s
v1.34   incomplete (environment)       1       1          0        1        1   1m04s

not everything ran in v1.34: no usable cluster: c was not there

2 specs failed
  failed [sig-x] everywhere
    fails in all 3 targets
    a
    b
    c
  timedout [sig-x] once
    fails only in v1.36
    slow\\u{7}

warning: clock skew

run 20260101-000000-ab12: incomplete (environment), 3 targets in 1m05s
results in results/20260101-000000-ab12
"
    );
}

#[test]
fn some_targets_are_named() {
    let mut story = Story::new(&[("x", &["a"]), ("y", &["b"]), ("z", &["c"])]);
    for target in 0..3 {
        story.prepared(target, 1, 0, 60).session(target + 1, target, target, 2);
    }
    story.done(1, "s", SpecState::Failed, "").done(3, "s", SpecState::Failed, "");
    let text = summary(&story.status(), None, Style::PLAIN);
    assert!(text.contains("    fails in 2 of 3 targets: x, z\n"), "{text}");
    assert!(text.contains("x       running"), "{text}");
    assert!(text.ends_with("not ended, 3 targets in 0s\n"), "{text}");
}

/// A terminal that understands what the live view writes: what it shows, and what scrolled away.
#[derive(Clone, Default)]
struct Terminal(Arc<Mutex<Screen>>);

#[derive(Default)]
struct Screen {
    lines: Vec<String>,
    row: usize,
    column: usize,
    cursor_hidden: bool,
    wraps: bool,
    rest: String,
}

impl std::io::Write for Terminal {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().feed(std::str::from_utf8(bytes).unwrap());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Screen {
    fn feed(&mut self, text: &str) {
        self.rest.push_str(text);
        let text = std::mem::take(&mut self.rest);
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            if self.lines.is_empty() {
                self.lines.push(String::new());
            }
            match c {
                '\r' => self.column = 0,
                '\n' => {
                    self.row += 1;
                    if self.row == self.lines.len() {
                        self.lines.push(String::new());
                    }
                }
                '\x1b' => {
                    assert_eq!(chars.next(), Some('['), "an unknown sequence");
                    let mut parameter = String::new();
                    let end = loop {
                        match chars.next().unwrap() {
                            c if c.is_ascii_alphabetic() => break c,
                            c => parameter.push(c),
                        }
                    };
                    self.obey(&parameter, end);
                }
                c => {
                    let line = &mut self.lines[self.row];
                    let kept: String = line.chars().take(self.column).collect();
                    let after: String = line.chars().skip(self.column + 1).collect();
                    *line = format!("{kept}{c}{after}");
                    self.column += 1;
                }
            }
        }
    }

    fn obey(&mut self, parameter: &str, end: char) {
        match (parameter, end) {
            (rows, 'A') => self.row -= rows.parse::<usize>().unwrap(),
            ("", 'K') => self.cut(),
            ("", 'J') => {
                self.cut();
                self.lines.truncate(self.row + 1);
            }
            ("?25", 'l') => self.cursor_hidden = true,
            ("?25", 'h') => self.cursor_hidden = false,
            ("?7", 'h' | 'l') => self.wraps = end == 'h',
            ("?2026", 'h' | 'l') | (_, 'm') => {}
            other => panic!("an unknown sequence: {other:?}"),
        }
    }

    fn cut(&mut self) {
        let line = &mut self.lines[self.row];
        *line = line.chars().take(self.column).collect();
    }
}

#[test]
fn the_live_view_draws_in_place_below_what_lasts() {
    let terminal = Terminal::default();
    let size = || Size { columns: 100, rows: 30 };
    let mut view = LiveView::new(terminal.clone(), Style::PLAIN, size);
    let story = eventful();
    let status = play(&story, &mut view);
    view.note("press Ctrl-C again").unwrap();
    {
        let screen = terminal.0.lock().unwrap();
        let text = screen.lines.join("\n");
        assert_eq!(text.matches("nightly  20260101").count(), 1, "{text}");
        assert_eq!(text.matches("✗ v1.36 / cilium  failed: [sig-x] breaks").count(), 1, "{text}");
        assert!(text.contains("!") && text.contains("will be run again"), "{text}");
        let note = text.find("press Ctrl-C again").unwrap();
        assert!(note < text.find("nightly  20260101").unwrap(), "{text}");
        let expected = layout::render(&status, at(75.0), 97, 29, Style::PLAIN);
        assert!(text.ends_with(&expected.join("\n")), "{text}");
        assert!(!screen.cursor_hidden && screen.wraps, "a killed program leaves no mess");
    }
    view.finish(&status).unwrap();
    let screen = terminal.0.lock().unwrap();
    let text = screen.lines.join("\n");
    assert!(!screen.cursor_hidden && !text.contains("nightly  20260101"), "{text}");
    assert!(text.contains("failed: [sig-x] breaks") && text.contains("press Ctrl-C"), "{text}");
    assert_eq!((screen.column, screen.lines.last().unwrap().as_str()), (0, ""));
}

#[test]
fn a_typed_ctrl_c_fits_behind_the_block() {
    let terminal = Terminal::default();
    let size = || Size { columns: 60, rows: 30 };
    let mut view = LiveView::new(terminal.clone(), Style::PLAIN, size);
    let mut story = Story::new(&[("t", &["a"])]);
    story.prepared(0, 40, 4, 600).session(1, 0, 0, 2);
    story.start(1, 1, &"a spec whose name is longer than the terminal is wide ".repeat(2));
    play(&story, &mut view);
    let screen = terminal.0.lock().unwrap();
    assert!(screen.lines[screen.row].contains('…'), "{:?}", screen.lines);
    assert!(screen.column + "^C".len() < 60, "{:?}", screen.lines);
}

#[test]
fn a_panic_takes_the_block_away() {
    let terminal = Terminal::default();
    let inner = terminal.clone();
    let result = std::panic::catch_unwind(move || {
        let mut view = LiveView::new(inner, Style::PLAIN, || Size { columns: 80, rows: 24 });
        play(&busy(), &mut view);
        panic!("a bug");
    });
    assert!(result.is_err());
    let screen = terminal.0.lock().unwrap();
    assert!(!screen.cursor_hidden && screen.wraps);
    assert!(!screen.lines.join("\n").contains("nightly  2026"));
}

#[test]
fn a_terminal_made_narrower_is_cleared_of_wrapped_lines() {
    let terminal = Terminal::default();
    let columns = Arc::new(std::sync::atomic::AtomicU16::new(100));
    let now = Arc::clone(&columns);
    let size = move || Size { columns: now.load(std::sync::atomic::Ordering::Relaxed), rows: 50 };
    let mut view = LiveView::new(terminal.clone(), Style::PLAIN, size);
    let status = play(&busy(), &mut view);
    // The terminal wraps what it shows, as real ones do.
    columns.store(50, std::sync::atomic::Ordering::Relaxed);
    {
        let mut screen = terminal.0.lock().unwrap();
        let wrapped: Vec<String> = screen.lines.iter().flat_map(|line| wrap(line, 50)).collect();
        screen.row = wrapped.len() - 1;
        screen.lines = wrapped;
    }
    view.tick(&status, at(300.0)).unwrap();
    let text = terminal.0.lock().unwrap().lines.join("\n");
    assert_eq!(text.matches("nightly").count(), 1, "{text}");
    assert_eq!(text.matches("v1.35 / cilium").count(), 2, "one line and one failure: {text}");
}

fn wrap(line: &str, columns: usize) -> Vec<String> {
    let chars: Vec<char> = line.chars().collect();
    if chars.is_empty() {
        return vec![String::new()];
    }
    chars.chunks(columns).map(|chunk| chunk.iter().collect()).collect()
}
