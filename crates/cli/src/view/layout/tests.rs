use multibeam_model::event::{Phase, What};
use multibeam_model::ids::{ClusterId, TargetId};
use multibeam_model::outcome::{Cause, SpecState, Verdict};

use super::super::fixture::{Story, at, busy};
use super::super::text::width as width_of;
use super::*;

fn plain(story: &Story, secs: f64, width: usize, height: usize) -> String {
    let lines = render(&story.status(), at(secs), width, height, Style::PLAIN);
    assert!(lines.len() <= height, "{} lines in {height} rows", lines.len());
    for line in &lines {
        assert!(width_of(line) <= width, "{line:?} is wider than {width}");
    }
    lines.join("\n")
}

#[test]
fn a_wide_terminal_shows_clusters_and_running_specs() {
    expect(
        &plain(&busy(), 245.0, 100, 29),
        "
nightly  20260101-000000-ab12                                             4m05s elapsed, 10m57s left
  v1.36 / cilium  parallel         ━━━━━━━━━───────────────  160/402             9m23s left
    a1  parallel, 1 of 4 running
    a2  parallel, 1 of 4 running
  v1.35 / cilium  parallel+serial  ━━━━━━━━━━━━━━──────────  241/400  1 failed   4m18s left
    b1  parallel, 0 of 4 running
    b2  serial, 0 of 4 running
  v1.34 / calico  parallel         ────────────────────────   12/398            10m57s left
    c1  parallel, 0 of 4 running
    c2  parallel, 0 of 4 running
running: 2
   3m05s  a1  [sig-apps] StatefulSet Basic Stat…d roll backs of template modifications [Conformance]
     45s  a2  [sig-network] DNS should provide DNS for services [Conformance]
",
    );
}

#[test]
fn a_common_terminal() {
    expect(
        &plain(&busy(), 245.0, 79, 23),
        "
nightly  20260101-000000-ab12                        4m05s elapsed, 10m57s left
  v1.36 / cilium  parallel         ━━━━────────  160/402             9m23s left
  v1.35 / cilium  parallel+serial  ━━━━━━━─────  241/400  1 failed   4m18s left
  v1.34 / calico  parallel         ────────────   12/398            10m57s left
running: 2
   3m05s  a1  [sig-apps] StatefulSet Ba…of template modifications [Conformance]
     45s  a2  [sig-network] DNS should provide DNS for services [Conformance]
",
    );
}

#[test]
fn forty_columns() {
    expect(
        &plain(&busy(), 245.0, 39, 23),
        "
nightly      4m05s elapsed, 10m57s left
  v1.36 / cilium  160/402       9m23s
  v1.35 / cilium  241/400  ✗1   4m18s
  v1.34 / calico   12/398      10m57s
running: 2
   3m05s  [sig-apps]…ions [Conformance]
     45s  [sig-netwo…ices [Conformance]
",
    );
}

#[test]
fn ten_rows() {
    expect(
        &plain(&busy(), 245.0, 79, 9),
        "
nightly  20260101-000000-ab12                        4m05s elapsed, 10m57s left
  v1.36 / cilium  parallel         ━━━━────────  160/402             9m23s left
  v1.35 / cilium  parallel+serial  ━━━━━━━─────  241/400  1 failed   4m18s left
  v1.34 / calico  parallel         ────────────   12/398            10m57s left
running: 2
   3m05s  a1  [sig-apps] StatefulSet Ba…of template modifications [Conformance]
",
    );
}

/// Compares with what a terminal of that size shows.
fn expect(found: &str, expected: &str) {
    assert_eq!(found, expected.trim_matches('\n'), "found:\n{found}\n");
}

#[test]
fn many_targets_take_one_line_each_and_ended_ones_give_way() {
    let names: Vec<String> = (0..12).map(|n| format!("v1.{n} / cilium / nftables")).collect();
    let clusters: Vec<String> = (0..12).map(|n| format!("cluster-{n}")).collect();
    let clusters: Vec<[&str; 1]> = clusters.iter().map(|c| [c.as_str()]).collect();
    let targets: Vec<(&str, &[&str])> =
        names.iter().zip(&clusters).map(|(n, c)| (n.as_str(), c.as_slice())).collect();
    let mut story = Story::new(&targets);
    for index in 0..12 {
        story.prepared(index, 100, 10, 600).session(index + 1, index, index, 4);
        story.pass(index + 1, index as usize * 8);
    }
    for target in [0, 3] {
        let target = TargetId(target);
        story.at(90.0).tell(What::TargetEnded { target, verdict: Verdict::Passed, cause: None });
    }
    let all = plain(&story, 100.0, 80, 24);
    for name in &names {
        assert!(all.contains(name.as_str()), "{name} is missing in\n{all}");
    }
    let few = plain(&story, 100.0, 80, 12);
    assert!(!few.contains(&names[0]) && !few.contains(&names[3]), "{few}");
    assert!(few.contains(&names[1]) && few.contains("… and 2 more targets"), "{few}");
}

#[test]
fn nothing_is_too_small() {
    for width in 0..60 {
        for height in 0..14 {
            plain(&busy(), 245.0, width, height);
        }
    }
}

#[test]
fn hostile_names_stay_within_their_cells() {
    let mut story = Story::new(&[
        ("日本語のターゲット名前がとても長い", &["クラスタ"]),
        ("evil\x1b[2J\x07\u{202e}name", &["b"]),
    ]);
    story.prepared(0, 10, 0, 60).prepared(1, 10, 0, 60).session(1, 0, 0, 4).session(2, 1, 1, 4);
    story.start(1, 1, "[sig-x] \x1b]0;owned\x07 \r\n\u{9b}31m 👩‍🔬 spec");
    for width in [30, 50, 79, 120] {
        let text = plain(&story, 10.0, width, 24);
        let bad = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
        assert!(!text.contains(bad), "{text:?}");
    }
    assert!(plain(&story, 10.0, 120, 24).contains("\\u{1b}]0;owned\\u{7}"));
}

#[test]
fn colours_only_add_escape_sequences() {
    let status = busy().status();
    let painted = render(&status, at(245.0), 100, 29, Style { color: true });
    let plain = render(&status, at(245.0), 100, 29, Style::PLAIN);
    assert!(painted.iter().any(|line| line.contains("\x1b[1;31m1 failed")), "{painted:?}");
    let stripped = painted.iter().map(|line| {
        let pieces = line.split('\x1b').enumerate();
        let pieces =
            pieces.map(|(n, piece)| if n == 0 { piece } else { piece.split_once('m').unwrap().1 });
        pieces.collect::<String>().trim_end().to_owned()
    });
    assert_eq!(stripped.collect::<Vec<_>>(), plain);
}

#[test]
fn what_is_wrong_is_named() {
    let mut story = busy();
    let text = |story: &Story| plain(story, 250.0, 100, 40);
    assert!(!text(&story).contains("does not answer"));
    let cluster = ClusterId(4);
    story.tell(What::ClusterReady { cluster, ready: false, detail: "refused".into() });
    assert!(text(&story).contains("! c1 does not answer"), "{}", text(&story));
    let reason = "no answer for 5m".to_owned();
    story.tell(What::ClusterGivenUp { cluster, reason });
    assert!(text(&story).contains("! c1 given up: no answer for 5m"), "{}", text(&story));
    story.tell(What::Cancelling { force: false });
    assert!(text(&story).lines().next().unwrap().contains("cancelling"));
}

#[test]
fn a_queued_run_says_what_it_waits_for() {
    let mut story = Story::new(&[("t", &["east", "west"])]);
    let behind = multibeam_model::ids::RunId::from("20260101-000000-0001");
    story.tell(What::Queued { behind, cluster: ClusterId(0) });
    expect(
        &plain(&story, 12.0, 90, 24),
        "
nightly  20260101-000000-ab12                                               queued for 12s
  t  queued
! queued: waits for run 20260101-000000-0001, which wants cluster east as well
",
    );
    story.at(13.0).tell(What::Dequeued);
    let text = plain(&story, 14.0, 90, 24);
    assert!(text.contains("14s elapsed") && text.contains("preparing"), "{text}");
    assert!(!text.contains("queued"), "{text}");
}

/// A worker of a cluster falls silent at 100 s and is given up at 171 s.
fn fall_silent(story: &mut Story, worker: &str, cluster: u32) {
    let (worker, cluster) = (worker.to_owned(), ClusterId(cluster));
    let (since, until) = (at(100.0), at(171.0));
    story.tell(What::WorkerSilent { worker, cluster, since, until });
}

#[test]
fn a_silent_worker_is_no_healthy_one() {
    let mut story = Story::new(&[("t", &["east", "west"])]);
    story.joined(0, 4).joined(1, 4).prepared(0, 40, 0, 600);
    story.session(1, 0, 0, 4).session(2, 0, 1, 4);
    fall_silent(&mut story, "w0", 0);
    let text = plain(&story, 125.0, 90, 40);
    assert!(text.contains("    east  not heard from for 25s, given up in 46s\n"), "{text}");
    assert!(text.contains("    west  parallel, 0 of 4 running\n"), "{text}");
    assert!(text.contains("\n! east not heard from for 25s, given up in 46s"), "{text}");
    // Another one of the cluster is there.
    let (worker, cluster) = ("new".to_owned(), ClusterId(0));
    story.tell(What::WorkerJoined { worker, cluster, slots: 4 });
    let text = plain(&story, 125.0, 90, 40);
    let line = "parallel, 0 of 4 running, 1 of 2 workers not heard from for 25s, given up in 46s";
    assert!(text.contains(&format!("    east  {line}\n")), "{text}");
    story.tell(What::WorkerHeard { worker: "w0".to_owned(), cluster });
    assert!(!plain(&story, 126.0, 90, 40).contains("not heard from"));
}

#[test]
fn a_worker_that_never_came_back_may_not_be_known() {
    let mut story = Story::new(&[("t", &["east"])]);
    story.prepared(0, 40, 0, 600).session(1, 0, 0, 4);
    fall_silent(&mut story, "of another time", 0);
    let text = plain(&story, 125.0, 90, 40);
    assert!(text.contains("\n! east not heard from for 25s, given up in 46s"), "{text}");
    let (worker, cluster) = ("of another time".to_owned(), ClusterId(0));
    story.tell(What::WorkerLeft { worker, cluster, reason: String::new() });
    assert!(!plain(&story, 172.0, 90, 40).contains("not heard from"));
}

#[test]
fn targets_that_share_a_cluster_say_whose_turn_it_is() {
    let mut story = Story::new(&[("v1.36", &["east", "west"]), ("v1.36-b", &["east"])]);
    story.joined(0, 4).joined(1, 4).prepared(0, 40, 0, 600).prepared(1, 40, 0, 600);
    story.session(1, 1, 0, 4).session(2, 0, 1, 4);
    let clusters = |story: &Story| {
        let text = plain(story, 1.0, 100, 40);
        let lines = text.lines().filter_map(|line| line.strip_prefix("    "));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let running = "parallel, 0 of 4 running";
    let west = format!("west  {running}");
    let theirs = format!("east  {running}");
    assert_eq!(clusters(&story), ["east  at v1.36-b".to_owned(), west.clone(), theirs]);
    story.tell(What::SessionClosed { session: multibeam_model::ids::SessionId(1), lost: false });
    assert_eq!(clusters(&story), ["east  idle".to_owned(), west.clone(), "east  idle".to_owned()]);
    story.session(3, 0, 0, 4);
    let mine = format!("east  {running}");
    assert_eq!(clusters(&story), [mine, west, "east  at v1.36".to_owned()]);
}

#[test]
fn time_goes_on_after_a_takeover_and_anew_after_a_resume() {
    let mut story = Story::new(&[("t", &["a"])]);
    let again = |resumed| What::RunStarted {
        run: multibeam_model::ids::RunId::from("20260101-000000-ab12"),
        name: "nightly".to_owned(),
        certified: false,
        targets: vec!["t".to_owned()],
        clusters: vec!["a".to_owned()],
        serves: vec![vec![ClusterId(0)]],
        since: at(5.0),
        resumed,
    };
    let header = |story: &Story| plain(story, 60.0, 79, 24).lines().next().unwrap().to_owned();
    story.at(50.0).tell(again(false));
    assert!(header(&story).ends_with("  55s elapsed, – left"), "{}", header(&story));
    story.at(50.0).tell(again(true));
    let resumed = "  55s elapsed since it was resumed, – left";
    assert!(header(&story).ends_with(resumed), "{}", header(&story));
    // One that nobody serves: its summary says no more.
    let status = RunStatus { updated: Timestamp::default(), ..story.status() };
    let text = status_text(&status, at(60.0), 79, Style::PLAIN);
    assert!(text.lines().next().unwrap().ends_with("  not under way"), "{text}");
}

#[test]
fn a_run_that_has_ended_says_how() {
    let mut story = Story::new(&[("a", &["x"]), ("b", &["y"])]);
    story.at(1.0).prepared(0, 4, 0, 0).session(1, 0, 0, 2).pass(1, 3);
    story.done(1, "s", SpecState::Panicked, "boom");
    story
        .at(65.0)
        .tell(What::SessionClosed { session: multibeam_model::ids::SessionId(1), lost: false });
    story.tell(What::TargetEnded { target: TargetId(0), verdict: Verdict::Failed, cause: None });
    let cause = Some(Cause::NoCluster("y".into()));
    story.tell(What::TargetEnded { target: TargetId(1), verdict: Verdict::Environment, cause });
    story.at(66.0).tell(What::RunEnded { verdict: Verdict::Environment });
    expect(
        &plain(&story, 999.0, 79, 24),
        "
nightly  20260101-000000-ab12                 incomplete (environment) in 1m06s
  a  failed       ━━━━━━━━━━━━━━━━━━━━━━━━  4/4  1 failed  in 1m04s
  b  environment  ────────────────────────
",
    );
}

#[test]
fn one_look_shows_everything() {
    let mut story = busy();
    for number in 0..30 {
        story.start(6, number + 1, "[sig-storage] many");
    }
    let text = status_text(&story.status(), at(300.0), 100, Style::PLAIN);
    assert_eq!(text.matches("[sig-storage] many").count(), 30);
    assert!(!text.contains('…') || text.contains("StatefulSet"));
}

#[test]
fn phases_of_clusters_are_summed_up() {
    let mut story = Story::new(&[("a", &["x", "y"])]);
    let state = |story: &Story| plain(story, 1.0, 120, 5);
    assert!(state(&story).contains("preparing"));
    story.prepared(0, 10, 2, 60);
    assert!(state(&story).contains("waiting"));
    story.session(1, 0, 0, 2).session(2, 0, 1, 2);
    assert!(state(&story).contains("parallel "));
    story.phase(1, Phase::Draining);
    assert!(state(&story).contains("parallel "));
    story.phase(1, Phase::Serial);
    assert!(state(&story).contains("parallel+serial"));
    story.phase(2, Phase::Serial);
    assert!(state(&story).contains(" serial") && !state(&story).contains("parallel"));
}

#[test]
fn what_a_cancel_interrupts_is_no_failure() {
    let mut story = Story::new(&[("t", &["a"])]);
    story.prepared(0, 10, 0, 600).session(1, 0, 0, 2).pass(1, 3);
    story.done(1, "was cut short", SpecState::Interrupted, "interrupted by the user");
    let text = render(&story.status(), at(60.0), 100, 20, Style::PLAIN).join("\n");
    assert!(text.contains("4/10") && !text.contains("failed"), "{text}");
    story.done(1, "is broken", SpecState::Panicked, "no");
    let text = render(&story.status(), at(60.0), 100, 20, Style::PLAIN).join("\n");
    assert!(text.contains("1 failed"), "{text}");
}
