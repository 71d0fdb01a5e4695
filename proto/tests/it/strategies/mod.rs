//! Arbitrary messages of the model.

use std::time::Duration;

use multibeam_model::adopt::{AdoptedAttempt, AdoptedProcess};
use multibeam_model::incident::OutputCut;
use multibeam_model::link::{
    ClusterIdentity, CoordinatorMessage, Hello, Prepare, PrepareError, Prepared, ProcessNews,
    ProcessOrder, SessionFact, StartProcess, StopHow, WorkerMessage,
};
use multibeam_model::outcome::ProcessEnd;
use multibeam_model::run::{Limits, SpecTimeout, SuiteSpec};
use multibeam_model::{
    AttemptId, Epoch, GroupId, LossCause, Moment, ProcessId, ProcessNumber, RunId, SessionId,
    SpecIndex, SpecState, TargetId, WorkerId,
};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

fn text() -> impl Strategy<Value = String> {
    ".{0,12}"
}

/// Every duration that the wire can carry.
fn duration() -> impl Strategy<Value = Duration> {
    any::<u64>().prop_map(Duration::from_nanos)
}

fn run() -> impl Strategy<Value = RunId> {
    text().prop_map(RunId)
}

fn target() -> impl Strategy<Value = TargetId> {
    any::<u32>().prop_map(TargetId)
}

fn group() -> impl Strategy<Value = GroupId> {
    any::<u32>().prop_map(GroupId)
}

fn process() -> impl Strategy<Value = ProcessId> {
    any::<(u32, u32, u32)>().prop_map(|(session, number, incarnation)| ProcessId {
        session: SessionId(session),
        number: ProcessNumber(number),
        incarnation,
    })
}

fn attempt() -> impl Strategy<Value = AttemptId> {
    (target(), group(), any::<u32>()).prop_map(|(target, group, number)| AttemptId {
        target,
        group,
        number,
    })
}

fn state() -> impl Strategy<Value = SpecState> {
    prop_oneof![
        Just(SpecState::Passed),
        Just(SpecState::Skipped),
        Just(SpecState::Pending),
        Just(SpecState::Failed),
        Just(SpecState::Panicked),
        Just(SpecState::Interrupted),
        Just(SpecState::Aborted),
        Just(SpecState::TimedOut),
    ]
}

fn end() -> impl Strategy<Value = ProcessEnd> {
    prop_oneof![
        any::<i32>().prop_map(ProcessEnd::Exit),
        any::<i32>().prop_map(ProcessEnd::Signal),
        Just(ProcessEnd::LeaseExpired),
        Just(ProcessEnd::NotStarted),
    ]
}

fn loss() -> impl Strategy<Value = LossCause> {
    prop_oneof![
        (end(), text()).prop_map(|(end, last_output)| LossCause::ProcessDied { end, last_output }),
        text().prop_map(|worker| LossCause::WorkerLost { worker }),
        text().prop_map(|cluster| LossCause::ClusterLost { cluster }),
        any::<u64>().prop_map(|limit_ms| LossCause::Hung { limit_ms }),
        Just(LossCause::Killed),
    ]
}

fn fact() -> impl Strategy<Value = SessionFact> {
    prop_oneof![
        state().prop_map(|state| SessionFact::ReportBeforeSuite { state }),
        (state(), option::of(vec(any::<u8>(), 0..20)))
            .prop_map(|(state, data)| SessionFact::BeforeSuite { state, data }),
    ]
}

fn hello() -> impl Strategy<Value = Hello> {
    let processes = vec((run(), process()), 0..4);
    ((text(), text(), any::<u32>(), any::<u64>(), text()), processes, any::<u32>()).prop_map(
        |((worker, cluster, slots, epoch, host), processes, format)| Hello {
            worker: WorkerId(worker),
            cluster,
            slots,
            epoch: Epoch(epoch),
            host,
            processes,
            format,
        },
    )
}

fn prepared() -> impl Strategy<Value = Result<Prepared, PrepareError>> {
    let identity =
        (text(), text()).prop_map(|(uid, git_version)| ClusterIdentity { uid, git_version });
    prop_oneof![
        (text(), text(), option::of(identity)).prop_map(
            |(suite_digest, catalog_digest, cluster)| Ok(Prepared {
                suite_digest,
                catalog_digest,
                cluster,
            })
        ),
        (any::<bool>(), text()).prop_map(|(input, message)| Err(PrepareError { input, message })),
    ]
}

fn news() -> impl Strategy<Value = ProcessNews> {
    prop_oneof![
        Just(ProcessNews::Up),
        fact().prop_map(ProcessNews::Fact),
        Just(ProcessNews::WantsGroup),
        attempt().prop_map(|attempt| ProcessNews::Started { attempt }),
        (attempt(), any::<u32>(), state(), any::<u64>(), text()).prop_map(
            |(attempt, spec, state, run_time_us, message)| ProcessNews::SpecDone {
                attempt,
                spec: SpecIndex(spec),
                state,
                run_time_us,
                message,
            }
        ),
        (text(), state(), text()).prop_map(|(node, state, message)| ProcessNews::SuiteNodeDone {
            node,
            state,
            message,
        }),
        (attempt(), any::<bool>())
            .prop_map(|(attempt, failed)| ProcessNews::Sealed { attempt, failed }),
        (attempt(), loss()).prop_map(|(attempt, cause)| ProcessNews::Lost { attempt, cause }),
        attempt().prop_map(|attempt| ProcessNews::NotRun { attempt }),
        attempt().prop_map(|attempt| ProcessNews::GivenBack { attempt }),
        text().prop_map(|message| ProcessNews::Mismatch { message }),
        Just(ProcessNews::Aborted),
        (any::<u64>(), text())
            .prop_map(|(bytes, error)| ProcessNews::OutputCut(OutputCut { bytes, error })),
        (end(), any::<bool>(), text()).prop_map(|(end, complete, last_output)| {
            ProcessNews::Ended { end, complete, last_output }
        }),
    ]
}

fn stop() -> impl Strategy<Value = StopHow> {
    prop_oneof![
        Just(StopHow::Recall),
        Just(StopHow::Interrupt),
        Just(StopHow::Hung),
        Just(StopHow::Kill)
    ]
}

fn standing() -> impl Strategy<Value = AdoptedProcess> {
    let running = (attempt(), duration(), duration())
        .prop_map(|(attempt, elapsed, quiet)| AdoptedAttempt { attempt, elapsed, quiet });
    (
        (process(), any::<[bool; 5]>(), option::of(attempt()), option::of(stop())),
        (vec(running, 0..3), vec(attempt(), 0..3), vec(news(), 0..3)),
    )
        .prop_map(|((process, flags, queued, stop), (running, serial, told))| AdoptedProcess {
            process,
            asked: flags[0],
            wants: flags[1],
            queued,
            running,
            serial,
            released: flags[2],
            alone_told: flags[3],
            stop,
            spoiled: flags[4],
            told,
        })
}

/// Anything a worker can say.
pub(crate) fn worker_message() -> impl Strategy<Value = WorkerMessage> {
    prop_oneof![
        hello().prop_map(WorkerMessage::Hello),
        any::<u64>().prop_map(|at| WorkerMessage::Heartbeat { sent_at: Moment(at) }),
        (run(), target(), prepared()).prop_map(|(run, target, result)| WorkerMessage::Prepared {
            run,
            target,
            result,
        }),
        (run(), process(), news()).prop_map(|(run, process, news)| WorkerMessage::Process {
            run,
            process,
            news,
        }),
        (any::<bool>(), text())
            .prop_map(|(ready, detail)| WorkerMessage::ClusterReady { ready, detail }),
        (run(), process(), vec(text(), 0..3)).prop_map(|(run, process, removed)| {
            WorkerMessage::CleanedUp { run, process, removed }
        }),
        (any::<u64>(), vec((run(), standing()), 0..3)).prop_map(|(epoch, processes)| {
            WorkerMessage::Standing { epoch: Epoch(epoch), processes }
        }),
    ]
}

fn suite() -> impl Strategy<Value = SuiteSpec> {
    (
        text(),
        vec(text(), 0..3),
        btree_map(text(), text(), 0..3),
        option::of(text()),
        vec(text(), 0..3),
        vec(text(), 0..3),
        option::of(text()),
        duration(),
        any::<u32>(),
    )
        .prop_map(
            |(
                binary,
                args,
                env,
                working_dir,
                focus,
                skip,
                label_filter,
                timeout,
                flake_attempts,
            )| SuiteSpec {
                binary,
                args,
                env,
                working_dir,
                focus,
                skip,
                label_filter,
                timeout,
                flake_attempts,
            },
        )
}

fn limits() -> impl Strategy<Value = Limits> {
    let timeout =
        (option::of(text()), duration()).prop_map(|(tag, limit)| SpecTimeout { tag, limit });
    (
        any::<u32>(),
        (duration(), duration()),
        duration(),
        duration(),
        duration(),
        vec(timeout, 0..3),
        any::<u64>(),
        any::<bool>(),
    )
        .prop_map(
            |(
                attempts,
                (lease, heartbeat),
                no_worker,
                cluster_unready,
                grace,
                spec_timeouts,
                spool,
                cleanup,
            )| {
                Limits {
                    attempts,
                    lease,
                    heartbeat,
                    no_worker,
                    cluster_unready,
                    grace,
                    spec_timeouts,
                    spool,
                    cleanup,
                    // No worker is told of it.
                    concurrency: Default::default(),
                }
            },
        )
}

fn prepare() -> impl Strategy<Value = Prepare> {
    (run(), target(), text(), suite(), any::<i64>(), any::<bool>(), limits(), text()).prop_map(
        |(run, target, target_name, suite, seed, certified, limits, holder)| Prepare {
            run,
            target,
            target_name,
            suite,
            seed,
            certified,
            limits,
            holder,
        },
    )
}

fn order() -> impl Strategy<Value = ProcessOrder> {
    let start = (target(), any::<u32>(), vec(group(), 0..4), vec(fact(), 0..3)).prop_map(
        |(target, total, serial_share, facts)| StartProcess { target, total, serial_share, facts },
    );
    prop_oneof![
        start.prop_map(ProcessOrder::Start),
        attempt().prop_map(|attempt| ProcessOrder::HandOut { attempt }),
        attempt().prop_map(|attempt| ProcessOrder::TakeBack { attempt }),
        Just(ProcessOrder::NoMoreGroups),
        vec(attempt(), 0..4).prop_map(|attempts| ProcessOrder::SerialPhase { attempts }),
        stop().prop_map(ProcessOrder::Stop),
    ]
}

/// Anything a coordinator can say.
pub(crate) fn coordinator_message() -> impl Strategy<Value = CoordinatorMessage> {
    prop_oneof![
        any::<u64>().prop_map(|epoch| CoordinatorMessage::Welcome { epoch: Epoch(epoch) }),
        any::<u64>().prop_map(|at| CoordinatorMessage::HeartbeatAck { sent_at: Moment(at) }),
        prepare().prop_map(|prepare| CoordinatorMessage::Prepare(Box::new(prepare))),
        (run(), target()).prop_map(|(run, target)| CoordinatorMessage::SendCatalog { run, target }),
        (run(), process(), order()).prop_map(|(run, process, order)| {
            CoordinatorMessage::Process { run, process, order }
        }),
        (run(), any::<u32>(), fact()).prop_map(|(run, session, fact)| CoordinatorMessage::Fact {
            run,
            session: SessionId(session),
            fact,
        }),
        (run(), process()).prop_map(|(run, process)| CoordinatorMessage::CleanUp { run, process }),
        run().prop_map(|run| CoordinatorMessage::Forget { run }),
    ]
}
