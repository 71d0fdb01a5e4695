//! Random logs against an oracle that knows no state machine: it looks only at the list of
//! commands and answers, and reads off it what must count.

use std::collections::{BTreeMap, BTreeSet};

use multibeam_model::outcome::Verdict;
use multibeam_model::record::PayloadRef;
use proptest::prelude::*;

use super::*;
use crate::merge::{Item, PlannedGroup, merge};

const GROUPS: u32 = 3;
const SPECS: [u32; GROUPS as usize] = [1, 2, 3];

/// A command with small ids, so that repeats, conflicts, and races are frequent.
#[derive(Clone, Debug)]
enum Op {
    Claim(u8),
    HandOut {
        old: bool,
        group: u32,
        number: u32,
        process: u32,
    },
    Report {
        group: u32,
        number: u32,
        ordinal: u32,
        state: SpecState,
        cluster_lost: bool,
    },
    Lose {
        old: bool,
        group: u32,
        number: u32,
        cluster: bool,
    },
    Return {
        group: u32,
        number: u32,
    },
    GiveUp {
        group: u32,
    },
    Node {
        process: u32,
        ordinal: u32,
    },
    Cancel(bool),
    EndTarget,
    EndRun,
    Resume(u8),
    /// The command that stands this far back, once more.
    Again(usize),
}

fn op() -> impl Strategy<Value = Op> {
    let group = 0..GROUPS;
    let number = 1..4_u32;
    let state = prop_oneof![
        4 => Just(SpecState::Passed),
        1 => Just(SpecState::Failed),
        1 => Just(SpecState::Skipped),
    ];
    let rarely = prop::bool::weighted(0.15);
    prop_oneof![
        1 => (0..3_u8).prop_map(Op::Claim),
        12 => (rarely, group.clone(), number.clone(), 1..4_u32)
            .prop_map(|(old, group, number, process)| Op::HandOut { old, group, number, process }),
        30 => (group.clone(), number.clone(), 0..3_u32, state, rarely).prop_map(
            |(group, number, ordinal, state, cluster_lost)| Op::Report {
                group, number, ordinal, state, cluster_lost,
            }
        ),
        5 => (rarely, group.clone(), number.clone(), rarely)
            .prop_map(|(old, group, number, cluster)| Op::Lose { old, group, number, cluster }),
        3 => (group.clone(), number).prop_map(|(group, number)| Op::Return { group, number }),
        1 => group.prop_map(|group| Op::GiveUp { group }),
        3 => (1..4_u32, 0..2_u32).prop_map(|(process, ordinal)| Op::Node { process, ordinal }),
        1 => any::<bool>().prop_map(Op::Cancel),
        1 => Just(Op::EndTarget),
        1 => Just(Op::EndRun),
        2 => (0..3_u8).prop_map(Op::Resume),
        8 => (1..12_usize).prop_map(Op::Again),
    ]
}

/// One step of the log, with its answer.
struct Step {
    index: u64,
    command: Command,
    reply: Reply,
}

fn command(op: &Op, newest: Epoch, log: &[Step]) -> Option<Command> {
    let decide = |old: bool, decision| Change::Decide {
        epoch: if old { Epoch(newest.0 - 1) } else { newest },
        decision,
    };
    let change = match *op {
        Op::Claim(at) => return Some(claim("x", 100 + i64::from(at))),
        Op::Again(back) => return log.iter().rev().nth(back).map(|step| step.command.clone()),
        Op::HandOut { old, group, number, process: k } => decide(
            old,
            Decision::HandOut {
                attempt: attempt(group, number),
                process: process(0, k),
                worker: WorkerId::from("w"),
                reports: SPECS[group as usize],
            },
        ),
        Op::Report { group, number, ordinal, state, cluster_lost } => {
            let report = report(group, number, ordinal, state);
            Change::Report(Report { cluster_lost, ..report })
        }
        Op::Lose { old, group, number, cluster } => {
            let cause = if cluster { cluster_lost() } else { worker_lost() };
            decide(old, Decision::Lose { attempt: attempt(group, number), cause })
        }
        Op::Return { group, number } => {
            decide(false, Decision::Return { attempt: attempt(group, number) })
        }
        Op::GiveUp { group } => {
            let group = GroupId(group);
            decide(false, Decision::GiveUp { target: TARGET, group, cause: worker_lost() })
        }
        Op::Node { process: k, ordinal } => node(process(0, k), ordinal, SpecState::Passed),
        Op::Cancel(force) => Change::Cancel { by: "me".to_owned(), force, at: Timestamp(50) },
        Op::EndTarget => decide(
            false,
            Decision::EndTarget {
                target: TARGET,
                verdict: Verdict::Incomplete,
                cause: None,
                at: Timestamp(60),
            },
        ),
        Op::EndRun => decide(false, Decision::EndRun { at: Timestamp(61) }),
        Op::Resume(at) => decide(false, Decision::Resume { at: Timestamp(70 + i64::from(at)) }),
    };
    Some(Command::Run { run: run(), change })
}

/// Runs the operations and checks what can be checked at each step.
fn play(ops: &[Op]) -> (Bench, Vec<Step>) {
    let mut bench = Bench::new();
    let mut log: Vec<Step> = Vec::new();
    for op in ops {
        let Some(command) = command(op, bench.ledger.epoch(), &log) else {
            continue;
        };
        let reply = bench.apply(command.clone());
        log.push(Step { index: bench.index, command: command.clone(), reply: reply.clone() });
        // Whatever is said twice in a row changes nothing the second time.
        let before = (bench.ledger.claim.clone(), bench.ledger.runs.clone());
        let again = bench.apply(command.clone());
        assert_eq!(before, (bench.ledger.claim.clone(), bench.ledger.runs.clone()), "{command:?}");
        let repeated = match &reply {
            Reply::Done => Reply::Duplicate,
            other => other.clone(),
        };
        assert_eq!(again, repeated, "{command:?}");
    }
    (bench, log)
}

/// What the oracle finds about one attempt.
#[derive(Debug, Default)]
struct Story {
    /// First report of each ordinal that came while it was live, by ordinal: spec and index.
    reports: BTreeMap<u32, (SpecIndex, PayloadRef, SpecState)>,
    sealed: bool,
    lost: bool,
    returned: bool,
}

/// Reads the story of every attempt of a group off the log: it lives from the hand-out that was
/// done to the first loss, return, or give-up that was done; it is sealed if all its ordinals came
/// in between, and it was not the group's first loss of its cluster.
fn stories(log: &[Step], group: u32) -> BTreeMap<u32, Story> {
    let mut stories = BTreeMap::new();
    let mut excuse_used = false;
    for (place, step) in log.iter().enumerate() {
        let Some(number) = done_hand_out(step, group) else {
            continue;
        };
        let mut story = Story::default();
        let mut gone = false;
        for step in &log[place..] {
            let Command::Run { change, .. } = &step.command else {
                continue;
            };
            match change {
                Change::Report(r) if r.attempt == attempt(group, number) => {
                    let valid = r.ordinal < SPECS[group as usize];
                    if valid && !story.reports.contains_key(&r.ordinal) {
                        let at = PayloadRef { index: step.index };
                        story.reports.insert(r.ordinal, (r.spec, at, r.state));
                        gone |= r.cluster_lost && !excuse_used;
                    }
                    let complete = story.reports.len() == SPECS[group as usize] as usize;
                    if complete && !gone {
                        story.sealed = true;
                        break;
                    }
                }
                Change::Decide { decision, .. } if step.reply == Reply::Done => match decision {
                    Decision::Lose { attempt: id, cause } if *id == attempt(group, number) => {
                        story.lost = true;
                        excuse_used |= *cause == cluster_lost();
                        break;
                    }
                    Decision::Return { attempt: id } if *id == attempt(group, number) => {
                        story.returned = true;
                        break;
                    }
                    Decision::GiveUp { group: g, .. } if *g == GroupId(group) => {
                        story.lost = true;
                        break;
                    }
                    _ => {}
                },
                _ => {}
            }
        }
        assert!(stories.insert(number, story).is_none(), "attempt {number} was made twice");
    }
    stories
}

fn done_hand_out(step: &Step, group: u32) -> Option<u32> {
    match &step.command {
        Command::Run {
            change: Change::Decide { decision: Decision::HandOut { attempt, .. }, .. },
            ..
        } if step.reply == Reply::Done && attempt.group == GroupId(group) => Some(attempt.number),
        _ => None,
    }
}

fn plan() -> Vec<PlannedGroup> {
    (0..GROUPS)
        .map(|id| PlannedGroup {
            id: GroupId(id),
            selected: (0..SPECS[id as usize]).map(|ordinal| spec(id, ordinal)).collect(),
        })
        .collect()
}

/// What the report must say of each spec of a group, as read off the log. Mid-run, only sealed
/// attempts count; at the end, the last attempt that began does.
fn expected(log: &[Step], bench: &Bench, group: u32) -> BTreeMap<SpecIndex, Option<PayloadRef>> {
    let stories = stories(log, group);
    let record = &bench.record().targets[&TARGET];
    let given_up = record.groups.get(&GroupId(group)).is_some_and(|g| g.given_up.is_some());
    let over = record.end.is_some() || given_up;
    let sealed = stories.values().find(|story| story.sealed);
    let last = stories.values().rev().find(|story| !story.returned).filter(|_| over);
    let mut specs: BTreeMap<_, _> =
        (0..SPECS[group as usize]).map(|ordinal| (spec(group, ordinal), None)).collect();
    if let Some(story) = sealed.or(last) {
        for &(spec, at, state) in story.reports.values() {
            if story.sealed || state != SpecState::Skipped {
                specs.insert(spec, Some(at));
            }
        }
    }
    specs
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn random_logs_agree_with_the_oracle(ops in prop::collection::vec(op(), 1..150)) {
        let (bench, log) = play(&ops);
        let merged = merge(bench.record(), TARGET, &plan());
        // Every selected spec once, and from where the oracle says.
        let mut found = BTreeMap::new();
        let mut nodes = BTreeSet::new();
        for item in &merged.items {
            match item {
                Item::Spec { spec, payload, .. } => {
                    prop_assert!(found.insert(*spec, Some(*payload)).is_none());
                }
                Item::Interrupted { spec, .. } | Item::NotRun { spec, .. } => {
                    prop_assert!(found.insert(*spec, None).is_none());
                }
                Item::SuiteNode { payload, .. } => prop_assert!(nodes.insert(*payload)),
            }
        }
        let expected: BTreeMap<_, _> =
            (0..GROUPS).flat_map(|group| expected(&log, &bench, group)).collect();
        prop_assert_eq!(&found, &expected);
        let complete = found.values().all(Option::is_some);
        prop_assert_eq!(complete, merged.interrupted + merged.not_run == 0);
        for group in 0..GROUPS {
            let stories = stories(&log, group);
            // At most one attempt is sealed, it is the last one, and none was live beside another.
            let open = stories.values().filter(|s| !s.lost && !s.returned).count();
            prop_assert!(open <= 1, "{:?}", stories);
            if stories.values().any(|story| story.sealed) {
                prop_assert!(stories.values().next_back().is_some_and(|story| story.sealed));
            }
        }
    }

    #[test]
    fn acknowledged_seals_stay(ops in prop::collection::vec(op(), 1..150)) {
        let (bench, log) = play(&ops);
        for step in &log {
            if let (Command::Run { change: Change::Report(r), .. }, Reply::Sealed) =
                (&step.command, &step.reply)
            {
                let group = bench.record().group(TARGET, r.attempt.group).unwrap();
                prop_assert_eq!(group.sealed().map(|a| a.number), Some(r.attempt.number));
            }
        }
    }

    #[test]
    fn replicas_agree_and_snapshots_restore(
        ops in prop::collection::vec(op(), 1..80),
        cut in 0..80_usize,
    ) {
        let (bench, log) = play(&ops);
        let mut replica = Bench::new();
        for (place, step) in log.iter().enumerate() {
            if place == cut {
                let bytes = replica.ledger.snapshot();
                replica.ledger = Ledger::from_snapshot(&bytes).unwrap();
            }
            let command = Command::decode(&step.command.encode()).unwrap();
            prop_assert_eq!(replica.ledger.apply(step.index, &command), step.reply.clone());
            // What is kept of one comparison is right at the next one.
            let _ = replica.ledger.hash_and_keep();
            let again = replica.ledger.apply(step.index + 1, &command);
            prop_assert!(!matches!(again, Reply::Done), "{:?}", command);
        }
        prop_assert_eq!(bench.ledger.hash(), replica.ledger.hash());
        // One command more, and the hashes differ.
        replica.index = bench.index;
        replica.apply(claim("other", 999));
        prop_assert_ne!(bench.ledger.hash(), replica.ledger.hash());
    }
}
