use std::sync::Arc;

use multibeam_ginkgo::protocol::{Answer, Request, SpecReport};
use multibeam_ginkgo::spec::{CodeLocation, SpecKey};
use multibeam_model::command::Reply;
use multibeam_model::link::{ProcessNews, ProcessOrder, SessionFact, StopHow};
use multibeam_model::outcome::{LossCause, ProcessEnd};
use multibeam_model::{
    AttemptId, GroupId, ProcessId, ProcessNumber, SessionId, SpecIndex, SpecState, TargetId,
};

use super::words::state_of;
use super::{Conductor, Expected, Input, Output, Shipment, SuiteMap, Ticket};

/// Drives a conductor with short words and keeps what came out.
struct Bench {
    conductor: Conductor,
    tickets: u64,
    out: Vec<Output>,
}

fn expected(index: u32, text: &str, selected: bool) -> Expected {
    let location = CodeLocation { file: "suite.go".into(), line: index };
    Expected { spec: SpecIndex(index), key: SpecKey { text: text.into(), location }, selected }
}

/// Groups a | b, c (Ordered; c unselected) and serial s | t.
fn map() -> Arc<SuiteMap> {
    Arc::new(SuiteMap {
        parallel: vec![
            vec![expected(0, "a", true)],
            vec![expected(1, "b", true), expected(2, "c", false)],
        ],
        serial: vec![vec![expected(3, "s", true)], vec![expected(4, "t", true)]],
    })
}

fn attempt(group: u32) -> AttemptId {
    AttemptId { target: TargetId(0), group: GroupId(group), number: 1 }
}

fn report(line: u32, text: &str, state: &str, message: &str) -> Request {
    let failure = match message {
        "" => String::new(),
        message => format!(r#","Failure":{{"Message":"{message}"}}"#),
    };
    let raw = format!(
        r#"{{"LeafNodeType":"It","LeafNodeText":"{text}","State":"{state}","RunTime":2000,
            "LeafNodeLocation":{{"FileName":"suite.go","LineNumber":{line}}}{failure}}}"#
    );
    Request::DidRun(SpecReport::parse(raw.into()).unwrap())
}

impl Bench {
    fn new(number: u32, cluster: Option<&str>) -> Self {
        let process =
            ProcessId { session: SessionId(1), number: ProcessNumber(number), incarnation: 1 };
        let conductor = Conductor::new(process, map(), cluster.map(str::to_owned));
        Self { conductor, tickets: 0, out: Vec::new() }
    }

    fn input(&mut self, input: Input) -> Vec<Output> {
        self.out.clear();
        self.conductor.handle(input, &mut self.out);
        std::mem::take(&mut self.out)
    }

    fn ask(&mut self, request: Request) -> (Ticket, Vec<Output>) {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        (ticket, self.input(Input::Request { ticket, request }))
    }

    fn order(&mut self, order: ProcessOrder) -> Vec<Output> {
        self.input(Input::Order(order))
    }

    /// Asks and expects an answer at once.
    fn answered(&mut self, request: Request) -> Answer {
        let (ticket, out) = self.ask(request);
        answer_to(&out, ticket).unwrap_or_else(|| panic!("no answer in {out:?}"))
    }

    /// Reports a spec, lets the ledger reply, and gives what followed. Only one that failed waits
    /// for that.
    fn report(&mut self, request: Request, reply: Reply) -> Vec<Output> {
        let failed =
            matches!(&request, Request::DidRun(it) if state_of(it.header.state).is_failure());
        let (ticket, mut all) = self.ask(request);
        assert!(
            all.iter().any(|it| matches!(it, Output::Ship(shipped, _) if *shipped == ticket)),
            "expected a shipment, got {all:?}"
        );
        assert_eq!(answer_to(&all, ticket), (!failed).then_some(Answer::Ok), "{all:?}");
        all.extend(self.input(Input::Shipped { ticket, reply }));
        assert_eq!(answer_to(&all, ticket), Some(Answer::Ok));
        all
    }
}

fn answer_to(out: &[Output], ticket: Ticket) -> Option<Answer> {
    out.iter().find_map(|output| match output {
        Output::Answer(to, answer) if *to == ticket => Some(answer.clone()),
        _ => None,
    })
}

fn news(out: &[Output]) -> Vec<&ProcessNews> {
    out.iter()
        .filter_map(|output| match output {
            Output::News(news) => Some(news),
            _ => None,
        })
        .collect()
}

#[test]
fn a_process_waits_at_the_counter_until_a_group_comes() {
    let mut bench = Bench::new(2, None);
    let (ticket, out) = bench.ask(Request::Counter);
    assert_eq!(news(&out), [&ProcessNews::WantsGroup]);
    assert_eq!(answer_to(&out, ticket), None);
    let out = bench.order(ProcessOrder::HandOut { attempt: attempt(1) });
    assert_eq!(answer_to(&out, ticket), Some(Answer::counter(1)));
    assert_eq!(
        news(&out),
        [&ProcessNews::Started { attempt: attempt(1) }, &ProcessNews::WantsGroup],
        "the next one is wanted while this one runs"
    );
}

#[test]
fn a_repeated_question_gets_the_same_group() {
    let mut bench = Bench::new(2, None);
    bench.order(ProcessOrder::HandOut { attempt: attempt(0) });
    bench.order(ProcessOrder::HandOut { attempt: attempt(1) });
    assert_eq!(bench.answered(Request::Counter), Answer::counter(0));
    assert_eq!(bench.answered(Request::Counter), Answer::counter(0));
    let out = bench.report(report(0, "a", "passed", ""), Reply::Sealed);
    assert!(news(&out).contains(&&ProcessNews::Sealed { attempt: attempt(0), failed: false }));
    assert_eq!(bench.answered(Request::Counter), Answer::counter(1));
}

#[test]
fn only_a_group_that_has_not_begun_is_given_back() {
    let mut bench = Bench::new(2, None);
    bench.order(ProcessOrder::HandOut { attempt: attempt(0) });
    bench.answered(Request::Counter);
    let out = bench.order(ProcessOrder::TakeBack { attempt: attempt(0) });
    assert_eq!(out, [], "it runs");
    bench.order(ProcessOrder::HandOut { attempt: attempt(1) });
    let out = bench.order(ProcessOrder::TakeBack { attempt: attempt(1) });
    assert_eq!(news(&out), [&ProcessNews::GivenBack { attempt: attempt(1) }]);
    let out = bench.order(ProcessOrder::TakeBack { attempt: attempt(1) });
    assert_eq!(out, [], "it is gone");
    bench.report(report(0, "a", "passed", ""), Reply::Sealed);
    let (ticket, out) = bench.ask(Request::Counter);
    assert_eq!(out, [], "that it has room is known");
    let again = AttemptId { number: 2, ..attempt(1) };
    let out = bench.order(ProcessOrder::HandOut { attempt: again });
    assert_eq!(answer_to(&out, ticket), Some(Answer::counter(1)));
}

#[test]
fn the_failure_of_an_earlier_spec_is_told_with_the_seal() {
    let mut bench = Bench::new(2, None);
    bench.order(ProcessOrder::HandOut { attempt: attempt(1) });
    bench.answered(Request::Counter);
    bench.report(report(1, "b", "failed", "no"), Reply::Done);
    let out = bench.report(report(2, "c", "skipped", ""), Reply::Sealed);
    assert!(news(&out).contains(&&ProcessNews::Sealed { attempt: attempt(1), failed: true }));
}

#[test]
fn another_spec_than_the_one_handed_out_is_a_mismatch() {
    let mut bench = Bench::new(2, None);
    bench.order(ProcessOrder::HandOut { attempt: attempt(0) });
    bench.answered(Request::Counter);
    let (_, out) = bench.ask(report(1, "b", "passed", ""));
    assert!(matches!(news(&out)[..], [ProcessNews::Mismatch { .. }]), "{out:?}");
    let (ticket, out) = bench.ask(report(0, "a", "passed", ""));
    assert_eq!(out, [Output::Answer(ticket, Answer::Ok)], "nothing counts after a mismatch");
}

#[test]
fn a_selected_spec_that_was_passed_over_did_not_run() {
    let mut bench = Bench::new(2, None);
    bench.order(ProcessOrder::HandOut { attempt: attempt(1) });
    bench.answered(Request::Counter);
    let (_, out) = bench.ask(report(1, "b", "skipped", ""));
    assert_eq!(news(&out), [&ProcessNews::NotRun { attempt: attempt(1) }]);
    let (ticket, out) = bench.ask(report(2, "c", "skipped", ""));
    assert_eq!(out, [Output::Answer(ticket, Answer::Ok)]);
}

#[test]
fn skip_with_a_message_is_a_result() {
    let mut bench = Bench::new(2, None);
    bench.order(ProcessOrder::HandOut { attempt: attempt(0) });
    bench.answered(Request::Counter);
    let (_, out) = bench.ask(report(0, "a", "skipped", "not here"));
    let [Output::Ship(_, Shipment::Report(shipped)), Output::Answer(..)] = &out[..] else {
        panic!("{out:?}")
    };
    assert!(shipped.explained);
}

#[test]
fn the_serial_share_waits_for_the_others_and_steps_over_the_rest() {
    let mut bench = Bench::new(1, None);
    bench.order(ProcessOrder::NoMoreGroups);
    assert_eq!(bench.answered(Request::Counter), Answer::counter(2), "past the end");
    assert_eq!(bench.answered(Request::HaveNonprimaryProcsFinished), Answer::TooEarly);
    bench.order(ProcessOrder::SerialPhase { attempts: vec![attempt(3)] });
    let (ticket, out) = bench.ask(Request::HaveNonprimaryProcsFinished);
    assert_eq!(answer_to(&out, ticket), Some(Answer::Ok));
    assert_eq!(news(&out), [&ProcessNews::Started { attempt: attempt(3) }]);
    assert_eq!(bench.answered(report(3, "s", "skipped", "")), Answer::Ok, "not its share");
    let out = bench.report(report(4, "t", "passed", ""), Reply::Sealed);
    assert!(news(&out).contains(&&ProcessNews::Sealed { attempt: attempt(3), failed: false }));
}

#[test]
fn the_start_of_each_serial_group_is_told_once() {
    let mut bench = Bench::new(1, None);
    bench.order(ProcessOrder::NoMoreGroups);
    bench.answered(Request::Counter);
    bench.order(ProcessOrder::SerialPhase { attempts: vec![attempt(2), attempt(3)] });
    bench.answered(Request::HaveNonprimaryProcsFinished);
    let out = bench.report(report(3, "s", "passed", ""), Reply::Sealed);
    assert_eq!(
        news(&out).iter().filter(|n| matches!(n, ProcessNews::Started { .. })).count(),
        1,
        "{out:?}"
    );
    let out = bench.report(report(4, "t", "passed", ""), Reply::Sealed);
    assert!(!news(&out).iter().any(|n| matches!(n, ProcessNews::Started { .. })), "{out:?}");
}

#[test]
fn the_before_suite_is_passed_on_only_when_it_is_durable() {
    let mut first = Bench::new(1, None);
    let raw = r#"{"Data":"aGk=","State":"passed"}"#;
    let request = Request::parse("POST", "/before-suite-completed", raw.into()).unwrap();
    let (ticket, out) = first.ask(request);
    let Some(Output::Ship(_, Shipment::Fact(fact))) = out.last() else { panic!("{out:?}") };
    let fact = fact.clone();
    assert_eq!(answer_to(&out, ticket), None);
    let out = first.input(Input::Shipped { ticket, reply: Reply::Done });
    assert_eq!(news(&out), [&ProcessNews::Fact(fact.clone())]);

    let mut second = Bench::new(2, None);
    assert_eq!(second.answered(Request::BeforeSuiteState), Answer::TooEarly);
    second.input(Input::Fact(fact));
    assert_eq!(second.answered(Request::BeforeSuiteState), Answer::Json(raw.into()));
}

#[test]
fn a_failure_while_the_cluster_is_unreachable_is_lost_to_the_cluster() {
    let mut bench = Bench::new(2, Some("blue"));
    bench.order(ProcessOrder::HandOut { attempt: attempt(1) });
    bench.answered(Request::Counter);
    let (ticket, out) = bench.ask(report(1, "b", "failed", "refused"));
    assert_eq!(out, [Output::CheckCluster(ticket)]);
    let out = bench.input(Input::ClusterChecked { ticket, unreachable: true });
    let [Output::Ship(_, Shipment::Report(shipped))] = &out[..] else { panic!("{out:?}") };
    assert!(shipped.cluster_lost);
    let out = bench.input(Input::Shipped { ticket, reply: Reply::Done });
    let cause = LossCause::ClusterLost { cluster: "blue".into() };
    assert_eq!(news(&out), [&ProcessNews::Lost { attempt: attempt(1), cause }]);
    assert_eq!(answer_to(&out, ticket), None, "what comes next would fail as well");
    assert!(out.contains(&Output::AwaitCluster(ticket)));
    let out = bench.input(Input::ClusterBack { ticket });
    assert_eq!(answer_to(&out, ticket), Some(Answer::Ok));
    assert_eq!(bench.answered(report(2, "c", "skipped", "x")), Answer::Ok, "the rest is ignored");
}

#[test]
fn a_process_that_waits_for_its_cluster_can_be_stopped() {
    let mut bench = Bench::new(2, Some("blue"));
    bench.order(ProcessOrder::HandOut { attempt: attempt(1) });
    bench.answered(Request::Counter);
    let (ticket, _) = bench.ask(report(1, "b", "failed", "refused"));
    bench.input(Input::ClusterChecked { ticket, unreachable: true });
    bench.input(Input::Shipped { ticket, reply: Reply::Done });
    let out = bench.order(ProcessOrder::Stop(StopHow::Interrupt));
    assert_eq!(answer_to(&out, ticket), Some(Answer::Ok));
    assert_eq!(bench.input(Input::ClusterBack { ticket }), []);
}

#[test]
fn a_process_that_is_killed_is_not_let_go_before() {
    let mut bench = Bench::new(2, Some("blue"));
    bench.order(ProcessOrder::HandOut { attempt: attempt(1) });
    bench.answered(Request::Counter);
    let (ticket, _) = bench.ask(report(1, "b", "failed", "refused"));
    bench.input(Input::ClusterChecked { ticket, unreachable: true });
    bench.input(Input::Shipped { ticket, reply: Reply::Done });
    let out = bench.order(ProcessOrder::Stop(StopHow::Kill));
    assert_eq!(answer_to(&out, ticket), None, "it would begin its next spec");
}

#[test]
fn a_process_that_is_killed_does_not_hear_that_the_before_suite_is_gone() {
    let mut bench = Bench::new(2, None);
    bench.order(ProcessOrder::Stop(StopHow::Kill));
    assert_eq!(bench.answered(Request::BeforeSuiteState), Answer::TooEarly);
    assert_eq!(bench.answered(Request::ReportBeforeSuiteState), Answer::TooEarly);
}

#[test]
fn a_failure_on_a_healthy_cluster_counts() {
    let mut bench = Bench::new(2, Some("blue"));
    bench.order(ProcessOrder::HandOut { attempt: attempt(0) });
    bench.answered(Request::Counter);
    let (ticket, _) = bench.ask(report(0, "a", "failed", "no"));
    bench.input(Input::ClusterChecked { ticket, unreachable: false });
    let out = bench.input(Input::Shipped { ticket, reply: Reply::Sealed });
    assert!(news(&out).contains(&&ProcessNews::Sealed { attempt: attempt(0), failed: true }));
}

#[test]
fn stop_gives_back_what_has_not_started_and_lets_the_process_leave() {
    let mut bench = Bench::new(2, None);
    bench.order(ProcessOrder::HandOut { attempt: attempt(0) });
    bench.answered(Request::Counter);
    bench.order(ProcessOrder::HandOut { attempt: attempt(1) });
    let out = bench.order(ProcessOrder::Stop(StopHow::Interrupt));
    assert_eq!(news(&out), [&ProcessNews::NotRun { attempt: attempt(1) }]);
    bench.report(report(0, "a", "interrupted", "by user"), Reply::Sealed);
    assert_eq!(bench.answered(Request::Counter), Answer::counter(2));
    let out = bench.order(ProcessOrder::HandOut { attempt: attempt(1) });
    assert_eq!(news(&out), [&ProcessNews::NotRun { attempt: attempt(1) }], "too late");
    assert_eq!(bench.answered(Request::BeforeSuiteState), Answer::Gone);
}

#[test]
fn facts_given_at_the_start_are_known() {
    let mut bench = Bench::new(3, None);
    bench.input(Input::Fact(SessionFact::ReportBeforeSuite { state: SpecState::Passed }));
    let answer = bench.answered(Request::ReportBeforeSuiteState);
    assert_eq!(answer, Answer::Json("\"passed\"".into()));
}

/// A process that runs group 0 with group 1 queued, and has shipped the report of its only spec.
fn one_ahead() -> (Bench, Ticket) {
    let mut bench = Bench::new(2, None);
    bench.order(ProcessOrder::HandOut { attempt: attempt(0) });
    bench.order(ProcessOrder::HandOut { attempt: attempt(1) });
    bench.answered(Request::Counter);
    let (ticket, out) = bench.ask(report(0, "a", "passed", ""));
    assert_eq!(answer_to(&out, ticket), Some(Answer::Ok), "{out:?}");
    (bench, ticket)
}

#[test]
fn a_process_runs_ahead_by_one_report_and_nobody_hears_of_it_before() {
    let (mut bench, first) = one_ahead();
    let (ticket, out) = bench.ask(Request::Counter);
    assert_eq!(answer_to(&out, ticket), Some(Answer::counter(1)));
    assert_eq!(news(&out), Vec::<&ProcessNews>::new(), "an earlier group may have to run again");
    let (second, out) = bench.ask(report(1, "b", "passed", ""));
    assert_eq!(out, [], "two reports are not durable");

    let out = bench.input(Input::Shipped { ticket: first, reply: Reply::Sealed });
    let told = news(&out);
    assert!(matches!(told[0], ProcessNews::SpecDone { .. }), "{told:?}");
    let sealed = ProcessNews::Sealed { attempt: attempt(0), failed: false };
    let started = ProcessNews::Started { attempt: attempt(1) };
    assert_eq!(told[1..], [&sealed, &started, &ProcessNews::WantsGroup]);
    assert!(matches!(&out[out.len() - 2], Output::Ship(shipped, _) if *shipped == second));
    assert_eq!(answer_to(&out, second), Some(Answer::Ok));
}

#[test]
fn a_failure_is_told_with_a_seal_that_comes_when_the_next_group_runs() {
    let mut bench = Bench::new(2, None);
    bench.order(ProcessOrder::HandOut { attempt: attempt(1) });
    bench.answered(Request::Counter);
    bench.order(ProcessOrder::HandOut { attempt: attempt(0) });
    bench.report(report(1, "b", "failed", "no"), Reply::Done);
    let (ticket, _) = bench.ask(report(2, "c", "skipped", ""));
    assert_eq!(bench.answered(Request::Counter), Answer::counter(0));
    let out = bench.input(Input::Shipped { ticket, reply: Reply::Sealed });
    assert!(news(&out).contains(&&ProcessNews::Sealed { attempt: attempt(1), failed: true }));
}

#[test]
fn a_failed_spec_waits_for_the_report_before_it_as_well() {
    let (mut bench, first) = one_ahead();
    bench.answered(Request::Counter);
    let (second, out) = bench.ask(report(1, "b", "failed", "no"));
    assert_eq!(out, []);
    let out = bench.input(Input::Shipped { ticket: first, reply: Reply::Sealed });
    assert_eq!(answer_to(&out, second), None);
    let out = bench.input(Input::Shipped { ticket: second, reply: Reply::Done });
    assert_eq!(answer_to(&out, second), Some(Answer::Ok));
}

#[test]
fn what_began_is_told_before_the_end_even_if_nothing_becomes_durable() {
    let (mut bench, _) = one_ahead();
    bench.answered(Request::Counter);
    let ended = Input::Ended { end: ProcessEnd::Signal(9), last_output: String::new() };
    let out = bench.input(ended);
    let told = news(&out);
    assert_eq!(told[0], &ProcessNews::Started { attempt: attempt(1) });
    assert!(matches!(told.last(), Some(ProcessNews::Ended { complete: false, .. })), "{told:?}");
}

/// A process 1 that runs the first of its two serial groups.
fn at_its_serial_groups() -> Bench {
    let mut bench = Bench::new(1, None);
    bench.order(ProcessOrder::NoMoreGroups);
    bench.answered(Request::Counter);
    bench.order(ProcessOrder::SerialPhase { attempts: vec![attempt(2), attempt(3)] });
    bench.answered(Request::HaveNonprimaryProcsFinished);
    bench
}

#[test]
fn a_recalled_process_ends_its_group_and_begins_no_other() {
    let mut bench = at_its_serial_groups();
    assert_eq!(bench.order(ProcessOrder::Stop(StopHow::Recall)), []);
    assert_eq!(bench.answered(Request::ShouldAbort), Answer::Ok, "a spec runs");
    let (held, _) = bench.ask(report(3, "s", "passed", ""));
    let out = bench.input(Input::Shipped { ticket: held, reply: Reply::Sealed });
    assert!(news(&out).contains(&&ProcessNews::Sealed { attempt: attempt(2), failed: false }));
    assert_eq!(answer_to(&out, held), None, "it would begin its next spec");
    let (ticket, out) = bench.ask(Request::ShouldAbort);
    assert_eq!(out, [Output::Answer(ticket, Answer::Gone), Output::AwaitAbort(held)]);
    assert_eq!(bench.answered(Request::ShouldAbort), Answer::Gone, "it may not have heard");
    let out = bench.input(Input::AbortSeen { ticket: held });
    assert_eq!(out, [Output::Answer(held, Answer::Ok)]);
    let (ticket, out) = bench.ask(report(4, "t", "skipped", ""));
    assert_eq!(news(&out), [&ProcessNews::NotRun { attempt: attempt(3) }]);
    assert_eq!(answer_to(&out, ticket), Some(Answer::Ok));
}

#[test]
fn a_recalled_process_can_be_stopped_harder() {
    let mut bench = at_its_serial_groups();
    bench.order(ProcessOrder::Stop(StopHow::Recall));
    let (held, _) = bench.ask(report(3, "s", "passed", ""));
    bench.input(Input::Shipped { ticket: held, reply: Reply::Sealed });
    let out = bench.order(ProcessOrder::Stop(StopHow::Interrupt));
    assert_eq!(answer_to(&out, held), Some(Answer::Ok));
    assert_eq!(bench.input(Input::AbortSeen { ticket: held }), []);
}

#[test]
fn process_1_hears_of_the_others_when_they_have_finished() {
    let mut first = Bench::new(1, None);
    assert_eq!(first.answered(Request::AggregatedNonprimaryProcsReport), Answer::TooEarly);
    first.order(ProcessOrder::SerialPhase { attempts: Vec::new() });
    let (ticket, out) = first.ask(Request::AggregatedNonprimaryProcsReport);
    assert_eq!(out, [Output::GatherReports(ticket)]);

    let end = || Request::parse("POST", "/suite-did-end", "{}".into()).unwrap();
    let (ticket, out) = Bench::new(2, None).ask(end());
    assert_eq!(out, [Output::KeepReport("{}".into()), Output::Answer(ticket, Answer::Ok)]);
    assert_eq!(first.answered(end()), Answer::Ok, "its own is not of the others");
}
