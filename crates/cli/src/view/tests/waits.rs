//! Runs that wait, and runs that are cancelled.

use super::*;

#[test]
fn a_wait_is_told_line_by_line_and_to_who_comes_later() {
    let mut story = Story::new(&[("t", &["east"])]);
    let behind = multibeam_model::ids::RunId::from("20260101-000000-0001");
    story.at(0.1).tell(What::Queued { behind, cluster: ClusterId(0) });
    let waits = "queued: waits for run 20260101-000000-0001, which wants cluster east as well\n";
    let text = plain(&story);
    assert!(text.ends_with(&format!("[    0.1s] {waits}")), "{text}");
    let mut out = Vec::new();
    PlainView::new(&mut out, Style::PLAIN).update(&story.status(), None).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert_eq!(text, format!("following run 20260101-000000-ab12 of nightly\n{waits}"));
    story.at(9.0).tell(What::Dequeued);
    assert!(
        plain(&story).ends_with("[    9.0s] its turn has come: no other run has its clusters\n")
    );
}

#[test]
fn a_silence_is_told_when_it_begins_and_when_it_is_over() {
    let mut story = Story::new(&[("t", &["east"])]);
    let (worker, cluster) = ("w0".to_owned(), ClusterId(0));
    let (since, until) = (at(10.0), at(81.0));
    story.at(26.0).tell(What::WorkerSilent { worker: worker.clone(), cluster, since, until });
    story.at(40.0).tell(What::WorkerHeard { worker, cluster });
    let text = plain(&story);
    let lines: Vec<&str> = text.lines().skip(1).collect();
    assert_eq!(
        lines,
        [
            "[   26.0s] east  worker w0 not heard from for 16s, given up in 55s",
            "[   40.0s] east  worker w0 is heard from again",
        ]
    );
}

#[test]
fn what_a_cancel_cuts_short_is_one_line_and_no_finding() {
    let mut story = Story::new(&[("v1.36", &["a"]), ("v1.35", &["b"])]);
    for target in 0..2 {
        story.prepared(target, 9, 0, 60).session(target + 1, target, target, 2);
    }
    story.done(1, "is broken", SpecState::Failed, "no");
    story.tell(What::Cancelling { force: false });
    for spec in ["one", "two"] {
        let why = "Interrupted by User";
        story.done(1, spec, SpecState::Interrupted, why).done(2, spec, SpecState::Interrupted, why);
    }
    let log = plain(&story);
    assert!(log.contains(" interrupted: one (a, 3.2s)\n") && !log.contains("by User"), "{log}");
    let mut status = story.status();
    // What was lost for good hangs whether or not somebody cancels the run.
    let mut lost = status.targets[1].failures.remove(1);
    lost.lost = true;
    status.targets[1].failures.push(lost);
    let text = summary(&status, None, Style::PLAIN);
    let (_, after_table) = text.split_once("\n\n").unwrap();
    let expected = "\
3 specs interrupted by the cancel

2 specs failed
  failed is broken
    fails only in v1.36
    no
  interrupted two
    fails only in v1.35
    Interrupted by User

run ";
    assert!(after_table.starts_with(expected), "{text}");
}
