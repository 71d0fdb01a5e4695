//! A group of nodes replicates the ledger: elections, losses, states sent, members that change.
#![allow(clippy::unwrap_used, reason = "a failed test may panic")]

mod group;

use group::{Group, TICK};
use multibeam_ledger::Ledger;
use multibeam_ledger::node::disk::NodeId;
use multibeam_ledger::node::io::{Answer, Input};
use multibeam_ledger::node::members::{MemberChange, MemberRefusal};
use multibeam_ledger::node::{Codec, NodeError};
use multibeam_model::command::{
    COMMAND_FORMAT, Change, Command, Decision, DecodeError, Refusal, Reply, SuiteNode,
};
use multibeam_model::{
    ClusterId, Epoch, ProcessId, ProcessNumber, RunId, SessionId, SpecState, TargetId, Timestamp,
};

const ONE: NodeId = NodeId(1);
const TWO: NodeId = NodeId(2);
const THREE: NodeId = NodeId(3);
const FOUR: NodeId = NodeId(4);

fn run() -> RunId {
    RunId::from("r")
}

fn claim(who: &str, at: i64) -> Command {
    Command::Claim { coordinator: who.to_owned(), at: Timestamp(at), take_over: false }
}

/// A run with an open session, by the first coordinator.
fn beginning() -> Vec<Command> {
    let decide = |decision| Command::Run {
        run: run(),
        change: Change::Decide { epoch: Epoch(1), decision },
    };
    vec![
        claim("a", 1),
        Command::CreateRun { run: run(), spec: b"{}".to_vec(), seed: 7, at: Timestamp(2) },
        decide(Decision::OpenSession {
            session: SessionId(1),
            target: TargetId(0),
            cluster: ClusterId(0),
        }),
    ]
}

/// The report of a suite node, with a payload that tells which.
fn node(ordinal: u32) -> Command {
    let process = ProcessId { session: SessionId(1), number: ProcessNumber(1), incarnation: 1 };
    let payload = ordinal.to_le_bytes().repeat(100);
    let node = SuiteNode { process, ordinal, state: SpecState::Passed, payload };
    Command::Run { run: run(), change: Change::SuiteNode(node) }
}

/// Claims stand alone; everything else may go in batches.
fn begin(group: &mut Group) {
    for command in beginning() {
        let replies = group.propose(vec![command]);
        assert!(!matches!(replies[..], [Reply::Refused(_)]), "{replies:?}");
    }
}

#[test]
fn one_node_needs_nobody_and_finds_everything_after_a_crash() {
    let mut group = Group::new(1, |_| {});
    assert!(group.nodes[&ONE].leads(), "nothing is waited for");
    begin(&mut group);
    assert_eq!(group.propose((0..20).map(node).collect()), vec![Reply::Done; 20]);
    let before = group.nodes[&ONE].ledger().clone();
    group.stop(ONE);
    group.start(ONE);
    group.settle();
    assert_eq!(group.nodes[&ONE].ledger().runs().next(), before.runs().next());
    assert_eq!(group.propose(vec![node(3), node(20)]), [Reply::Duplicate, Reply::Done]);
}

#[test]
fn what_is_answered_survives_its_leader_and_is_never_doubled() {
    let mut group = Group::new(3, |_| {});
    begin(&mut group);
    let first = group.leader();
    group.propose(vec![node(0)]);
    // The leader is cut off: what it is given now is neither answered nor lost from sight.
    group.cut.insert(first);
    assert_eq!(group.propose_to(first, vec![node(1)]), None);
    let second = group.leader();
    assert_ne!(second, first);
    assert_eq!(group.propose(vec![node(0), node(2)]), [Reply::Duplicate, Reply::Done]);
    group.cut.clear();
    group.run(40);
    assert!(
        group.answers.values().any(|answer| matches!(answer, Answer::NotLeader(_))),
        "the old leader has told that it does not know"
    );
    // Asked once more, as every client does.
    assert_eq!(group.propose(vec![node(1)]), [Reply::Done]);
    group.assert_equal();
}

#[test]
fn a_minority_answers_nothing() {
    let mut group = Group::new(3, |_| {});
    begin(&mut group);
    let leader = group.leader();
    for id in [ONE, TWO, THREE].into_iter().filter(|id| *id != leader) {
        group.stop(id);
    }
    assert_eq!(group.propose_to(leader, vec![node(0)]), None);
    group.run(60);
    assert!(!group.nodes[&leader].leads(), "it has noticed");
    let answer = group.propose_to(leader, vec![node(1)]);
    assert_eq!(answer, Some(Answer::NotLeader(None)));
}

#[test]
fn a_node_that_was_away_for_long_gets_the_state_and_its_payloads() {
    let mut group = Group::new(3, |config| {
        config.compact_every = 100;
        config.trailing = 20;
        config.trailing_most = 50;
    });
    begin(&mut group);
    let leader = group.leader();
    let away = if leader == THREE { TWO } else { THREE };
    group.stop(away);
    for ordinal in 0..400 {
        group.propose(vec![node(ordinal)]);
    }
    let (log, kept) = group.disks[&leader].sizes();
    assert!(log < 200, "the log was cut: {log}");
    assert!(kept > 200, "payloads were kept: {kept}");
    group.start(away);
    group.run(60);
    assert_eq!(group.snapshots, 1);
    group.assert_equal();
    // It can lead and send the state on, with all payloads.
    let third = [ONE, TWO, THREE].into_iter().find(|id| *id != away && *id != leader).unwrap();
    group.stop(third);
    group.disks.insert(third, group::disk::Disk::founded(empty()));
    group.stop(leader);
    let record = group.nodes[&away].ledger().run(&run()).unwrap().clone();
    let nodes = &record.sessions[&SessionId(1)].nodes;
    for (ordinal, node) in nodes.values().flatten() {
        use multibeam_ledger::node::disk::ReadLog as _;
        let entry = group.disks[&away].entry(node.payload.index).unwrap().unwrap();
        let Command::Run { change: Change::SuiteNode(stored), .. } =
            Command::decode(&entry.data).unwrap()
        else {
            panic!("entry {} holds something else", node.payload.index)
        };
        assert_eq!(stored.payload, ordinal.to_le_bytes().repeat(100));
    }
    assert_eq!(nodes.values().map(|nodes| nodes.len()).sum::<usize>(), 400);
}

fn empty() -> multibeam_ledger::node::disk::Recovered {
    multibeam_ledger::node::disk::Recovered::default()
}

#[test]
fn a_restart_after_compaction_goes_on_from_the_base() {
    let mut group = Group::new(1, |config| {
        config.compact_every = 50;
        config.trailing = 10;
    });
    begin(&mut group);
    for ordinal in 0..180 {
        group.propose(vec![node(ordinal)]);
    }
    let before = group.nodes[&ONE].ledger().run(&run()).cloned();
    group.stop(ONE);
    group.start(ONE);
    group.settle();
    assert_eq!(group.nodes[&ONE].ledger().run(&run()).cloned(), before);
    assert_eq!(group.propose(vec![node(179), node(180)]), [Reply::Duplicate, Reply::Done]);
}

#[test]
fn a_state_that_is_long_in_the_making_is_the_one_of_its_moment() {
    let mut group = Group::new(1, |config| {
        config.compact_every = 10;
        config.trailing = 0;
    });
    begin(&mut group);
    let base = |group: &Group| group.disks[&ONE].recovered().base.index;
    group.held = Some(Vec::new());
    let before = base(&group);
    for ordinal in 0..100 {
        group.propose(vec![node(ordinal)]);
    }
    let held = group.held.as_ref().unwrap().len();
    assert_eq!((held, base(&group)), (1, before), "one at a time, and the node goes on");

    group.let_go();
    let at = base(&group);
    assert!(before < at && at < before + 20, "{before} and {at}");
    let state = Ledger::from_snapshot(&group.disks[&ONE].recovered().state).unwrap();
    assert_eq!(state.applied(), at);

    group.propose(vec![node(100)]);
    assert!(base(&group) > before + 100, "the next one follows at once");
    group.stop(ONE);
    group.start(ONE);
    group.settle();
    assert_eq!(group.propose(vec![node(100), node(101)]), [Reply::Duplicate, Reply::Done]);
}

#[test]
fn a_large_state_is_written_less_often() {
    let mut group = Group::new(1, |config| {
        config.compact_every = 10;
        config.trailing = 0;
        config.state_bytes_per_entry = 50;
    });
    begin(&mut group);
    let mut bases = Vec::new();
    for ordinal in 0..1500 {
        group.propose(vec![node(ordinal)]);
        let base = group.disks[&ONE].recovered().base.index;
        if bases.last() != Some(&base) {
            bases.push(base);
        }
    }
    let waits: Vec<u64> = bases.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(waits[1], 10, "a small one is not waited with: {waits:?}");
    assert!(waits.is_sorted() && *waits.last().unwrap() > 50, "{waits:?}");
}

#[test]
fn proposals_that_come_together_travel_together_and_are_answered_apart() {
    let mut group = Group::new(3, |_| {});
    begin(&mut group);
    let leader = group.leader();
    let before = group.messages;
    let tickets: Vec<_> =
        (0..200).map(|ordinal| group.ask(leader, vec![node(ordinal), node(ordinal)])).collect();
    group.settle();
    for ticket in tickets {
        let answer = Answer::Replies(vec![Reply::Done, Reply::Duplicate]);
        assert_eq!(group.answers[&ticket], answer);
    }
    let sent = group.messages - before;
    assert!(sent < 20, "{sent} messages for 200 proposals");
    group.assert_equal();
}

#[test]
fn proposals_find_the_log_as_if_each_had_come_alone() {
    let mut group = Group::new(3, |_| {});
    begin(&mut group);
    let leader = group.leader();
    // What is asked between two of them sees the first one and not what follows.
    let first = group.ask(leader, vec![node(0)]);
    let read = group.ticket();
    group.handle(leader, Input::Read { ticket: read });
    let second = group.ask(leader, vec![node(1)]);
    // Of two claims that come together, the second is judged after the first.
    let claims = [claim("b", 3), claim("c", 4)].map(|claim| {
        let Command::Claim { coordinator, at, .. } = claim else { unreachable!() };
        group.ask(leader, vec![Command::Claim { coordinator, at, take_over: true }])
    });
    let late = group.ask(leader, vec![claim("d", 5)]);
    group.settle();
    group.run(4);
    assert_eq!(group.answers[&read], Answer::Readable);
    for ticket in [first, second] {
        assert_eq!(group.answers[&ticket], Answer::Replies(vec![Reply::Done]));
    }
    let epochs = claims.map(|ticket| group.answers[&ticket].clone());
    assert_eq!(epochs, [2, 3].map(|epoch| Answer::Replies(vec![Reply::Claimed(Epoch(epoch))])));
    let refused = Reply::Refused(Refusal::InOffice { coordinator: "c".to_owned() });
    assert_eq!(group.answers[&late], Answer::Replies(vec![refused]));
}

#[test]
fn a_read_anywhere_sees_what_was_answered_anywhere() {
    let mut group = Group::new(3, |_| {});
    begin(&mut group);
    group.propose(vec![node(0)]);
    let leader = group.leader();
    for id in [ONE, TWO, THREE] {
        let ticket = group.ticket();
        group.handle(id, Input::Read { ticket });
        group.run(4);
        assert_eq!(group.answers[&ticket], Answer::Readable, "{id}");
        let record = group.nodes[&id].ledger().run(&run()).unwrap();
        assert_eq!(record.sessions[&SessionId(1)].nodes.len(), 1, "{id}");
    }
    // Cut off, a node gives no such answer, the old leader included.
    group.cut.insert(leader);
    let ticket = group.ticket();
    group.handle(leader, Input::Read { ticket });
    group.run(60);
    assert!(matches!(group.answers[&ticket], Answer::NotLeader(_)));
}

#[test]
fn members_come_as_learners_and_go() {
    let mut group = Group::new(3, |config| config.compact_every = 10);
    begin(&mut group);
    group.propose((0..30).map(node).collect());
    let change = |group: &mut Group, change| {
        let leader = group.leader();
        let ticket = group.ticket();
        group.handle(leader, Input::Members { ticket, change, force: false });
        group.settle();
        match group.answers.remove(&ticket) {
            Some(Answer::Members(begun)) => begun,
            other => panic!("{other:?}"),
        }
    };
    let add = |id| MemberChange::Add { id, address: format!("https://{id}:7401") };
    assert_eq!(change(&mut group, add(TWO)), Err(MemberRefusal::Exists(TWO)));
    assert_eq!(change(&mut group, add(FOUR)), Ok(()));
    group.run(4);
    assert_eq!(
        change(&mut group, MemberChange::Remove { id: NodeId(9) }),
        Err(MemberRefusal::Unknown(NodeId(9)))
    );
    let leader = group.leader();
    let votes = |group: &Group, id| {
        let members = group.nodes[&leader].status().members;
        members.iter().find(|member| member.id == id).map(|member| member.votes)
    };
    group.run(20);
    assert_eq!(votes(&group, FOUR), Some(false), "it does not run yet");
    group.start(FOUR);
    group.run(60);
    assert_eq!(votes(&group, FOUR), Some(true));
    group.assert_equal();
    // Of four, three must be alive to carry on.
    let gone = if leader == ONE { TWO } else { ONE };
    assert_eq!(change(&mut group, MemberChange::Remove { id: gone }), Ok(()));
    group.run(20);
    assert_eq!(votes(&group, gone), None);
    assert_eq!(group.propose(vec![node(30)]), [Reply::Done]);
    // The leader hands over before it goes.
    let leads = group.leader();
    let refused = change(&mut group, MemberChange::Remove { id: leads });
    assert_eq!(refused, Err(MemberRefusal::Leads(leads)));
    group.run(40);
    let next = group.leader();
    assert_ne!(next, leads);
    assert_eq!(change(&mut group, MemberChange::Remove { id: leads }), Ok(()));
    group.run(20);
    // Two are left; without the other one, one would be alone in the end.
    let members = group.nodes[&next].status().members;
    let other = members.iter().map(|member| member.id).find(|id| *id != next).unwrap();
    group.stop(other);
    group.run(10);
    assert_eq!(members.len(), 2);
}

#[test]
fn a_member_is_not_taken_from_those_that_need_it() {
    let mut group = Group::new(3, |_| {});
    let leader = group.leader();
    let others: Vec<NodeId> = [ONE, TWO, THREE].into_iter().filter(|id| *id != leader).collect();
    group.stop(others[1]);
    group.run(30);
    let ticket = group.ticket();
    let change = MemberChange::Remove { id: others[0] };
    group.handle(leader, Input::Members { ticket, change, force: false });
    group.settle();
    let refusal = MemberRefusal::Quorum { id: others[0], alive: 1, voters: 2 };
    assert_eq!(group.answers[&ticket], Answer::Members(Err(refusal)));
}

#[test]
fn a_coordinator_is_relieved_only_when_it_was_silent_for_long() {
    let mut group = Group::new(3, |_| {});
    assert_eq!(group.propose(vec![claim("a", 1)]), [Reply::Claimed(Epoch(1))]);
    let refusal = Reply::Refused(Refusal::InOffice { coordinator: "a".to_owned() });
    assert_eq!(group.propose(vec![claim("b", 2)]), std::slice::from_ref(&refusal));
    // The same claim once more is the same claim.
    assert_eq!(group.propose(vec![claim("a", 1)]), [Reply::Claimed(Epoch(1))]);
    let silence = 15_000 / u32::try_from(TICK.as_millis()).unwrap();
    group.run(silence / 2);
    let leader = group.leader();
    let attend = |group: &mut Group, id, epoch| {
        let ticket = group.ticket();
        group.handle(id, Input::Attend { ticket, epoch: Epoch(epoch) });
        group.settle();
        group.answers[&ticket].clone()
    };
    assert_eq!(attend(&mut group, leader, 1), Answer::InOffice(Ok(())));
    group.run(silence / 2 + 10);
    assert_eq!(
        group.propose(vec![claim("b", 2)]),
        std::slice::from_ref(&refusal),
        "it was heard from"
    );
    // A new leader counts anew.
    group.cut.insert(leader);
    let next = group.leader();
    group.run(10);
    assert_eq!(group.propose(vec![claim("b", 2)]), [refusal]);
    group.run(silence + 10);
    assert_eq!(group.propose(vec![claim("b", 3)]), [Reply::Claimed(Epoch(2))]);
    assert_eq!(attend(&mut group, next, 1), Answer::InOffice(Err(Epoch(2))));
    // Or somebody says so.
    let forced = Command::Claim { coordinator: "c".to_owned(), at: Timestamp(4), take_over: true };
    assert_eq!(group.propose(vec![forced]), [Reply::Claimed(Epoch(3))]);
}

#[test]
fn an_office_that_was_given_back_is_free_at_once() {
    let mut group = Group::new(3, |_| {});
    assert_eq!(group.propose(vec![claim("a", 1)]), [Reply::Claimed(Epoch(1))]);
    let leader = group.leader();
    let leave = |group: &mut Group, epoch| {
        let ticket = group.ticket();
        group.handle(leader, Input::Leave { ticket, epoch: Epoch(epoch) });
        group.settle();
        group.answers[&ticket].clone()
    };
    assert_eq!(leave(&mut group, 1), Answer::InOffice(Ok(())));
    assert_eq!(group.propose(vec![claim("b", 2)]), [Reply::Claimed(Epoch(2))]);
    let refusal = Reply::Refused(Refusal::InOffice { coordinator: "b".to_owned() });
    assert_eq!(group.propose(vec![claim("c", 3)]), std::slice::from_ref(&refusal), "once");
    // Told twice, or too late, it says nothing of the next one.
    assert_eq!(leave(&mut group, 1), Answer::InOffice(Err(Epoch(2))));
    assert_eq!(group.propose(vec![claim("c", 3)]), [refusal]);
}

/// Asks the leader for a claim, without waiting for its effect.
fn ask_for_office(
    group: &mut Group,
    leader: NodeId,
    who: &str,
    at: i64,
) -> multibeam_ledger::node::io::Ticket {
    let ticket = group.ticket();
    let command = claim(who, at);
    let bytes = command.encode().into();
    group.handle(leader, Input::Propose { ticket, commands: vec![(command, bytes)] });
    ticket
}

#[test]
fn of_two_claims_that_come_together_one_is_admitted() {
    let mut group = Group::new(3, |_| {});
    let leader = group.leader();
    let (first, second) =
        (ask_for_office(&mut group, leader, "a", 1), ask_for_office(&mut group, leader, "b", 2));
    group.settle();
    assert_eq!(group.answers[&first], Answer::Replies(vec![Reply::Claimed(Epoch(1))]));
    let refusal = Reply::Refused(Refusal::InOffice { coordinator: "a".to_owned() });
    assert_eq!(group.answers[&second], Answer::Replies(vec![refusal]));
}

#[test]
fn nobody_is_in_office_while_a_claim_is_on_its_way() {
    let mut group = Group::new(3, |_| {});
    assert_eq!(group.propose(vec![claim("a", 1)]), [Reply::Claimed(Epoch(1))]);
    group.run(15_000 / u32::try_from(TICK.as_millis()).unwrap() + 10);
    let leader = group.leader();
    let claimed = ask_for_office(&mut group, leader, "b", 2);
    // The first one comes back at this very moment.
    let ticket = group.ticket();
    group.handle(leader, Input::Attend { ticket, epoch: Epoch(1) });
    group.settle();
    assert_eq!(group.answers[&claimed], Answer::Replies(vec![Reply::Claimed(Epoch(2))]));
    assert_eq!(group.answers[&ticket], Answer::Busy);
}

#[test]
fn a_leader_that_was_replaced_tells_nobody_that_they_are_in_office() {
    let mut group = Group::new(3, |_| {});
    assert_eq!(group.propose(vec![claim("a", 1)]), [Reply::Claimed(Epoch(1))]);
    let leader = group.leader();
    group.cut.insert(leader);
    // It does not know yet that the others may have another leader.
    assert!(group.nodes[&leader].leads());
    let ticket = group.ticket();
    group.handle(leader, Input::Attend { ticket, epoch: Epoch(1) });
    group.settle();
    assert_eq!(group.answers.get(&ticket), None);
    group.run(60);
    assert!(matches!(group.answers[&ticket], Answer::NotLeader(_)));
}

#[test]
fn ended_runs_leave_with_their_payloads() {
    let mut group = Group::new(1, |config| {
        config.compact_every = 20;
        config.trailing = 5;
    });
    begin(&mut group);
    group.propose((0..40).map(node).collect());
    let refusal = Reply::Refused(Refusal::UnderWay { run: run() });
    assert_eq!(group.propose(vec![Command::Expire { runs: vec![run()] }]), [refusal]);
    let decision = Decision::EndRun { at: Timestamp(9) };
    let change = Change::Decide { epoch: Epoch(1), decision };
    group.propose(vec![Command::Run { run: run(), change }]);
    assert!(group.disks[&ONE].sizes().1 > 20);
    assert_eq!(group.propose(vec![Command::Expire { runs: vec![run()] }]), [Reply::Done]);
    assert_eq!(group.disks[&ONE].sizes().1, 0, "nothing is kept");
    assert_eq!(group.nodes[&ONE].ledger().runs().count(), 0);
}

#[test]
fn a_node_whose_state_differs_stops() {
    let mut group = Group::new(3, |config| config.witness_every = 10);
    begin(&mut group);
    let leader = group.leader();
    let wrong = if leader == TWO { THREE } else { TWO };
    // Its memory is damaged: it reads another command than was written.
    group.stop(wrong);
    group.configure = |config| {
        config.witness_every = 10;
        config.codec.decode = |bytes| {
            Command::decode(bytes).map(|command| match command {
                Command::Run { run, change: Change::SuiteNode(mut node) } => {
                    node.state = SpecState::Failed;
                    Command::Run { run, change: Change::SuiteNode(node) }
                }
                other => other,
            })
        };
    };
    group.start(wrong);
    group.run(10);
    for ordinal in 0..30 {
        group.propose(vec![node(ordinal)]);
    }
    group.run(10);
    assert!(matches!(group.ended[&wrong], NodeError::Diverged { .. }), "{:?}", group.ended);
    assert_eq!(group.nodes.len(), 2);
    group.assert_equal();
}

const NEXT: u8 = COMMAND_FORMAT + 1;

/// Commands of the next format: as the first one's, with another number in front.
fn next_format(bytes: &[u8]) -> Result<Command, DecodeError> {
    match bytes {
        [NEXT, body @ ..] => Command::decode(&[&[1], body].concat()),
        _ => Command::decode(bytes),
    }
}

fn upgraded(config: &mut multibeam_ledger::node::NodeConfig) {
    config.codec = Codec { reads: NEXT, decode: next_format };
}

fn in_next_format(command: &Command) -> bytes::Bytes {
    let mut bytes = command.encode();
    bytes[0] = NEXT;
    bytes.into()
}

#[test]
fn members_are_upgraded_one_by_one_and_newer_commands_wait_for_the_last() {
    let mut group = Group::new(3, |_| {});
    begin(&mut group);
    let propose_next = |group: &mut Group, ordinal| {
        let (leader, ticket) = (group.leader(), group.ticket());
        let command = node(ordinal);
        let bytes = in_next_format(&command);
        group.handle(leader, Input::Propose { ticket, commands: vec![(command, bytes)] });
        group.settle();
        group.answers.get(&ticket).cloned()
    };
    group.configure = upgraded;
    for (ordinal, id) in (0..).zip([ONE, TWO, THREE]) {
        // A new ledger takes the first format until its members have told each other what they read.
        let refused = propose_next(&mut group, ordinal);
        assert!(matches!(refused, Some(Answer::Format { newest }) if newest < NEXT), "{refused:?}");
        group.stop(id);
        group.run(30);
        group.propose(vec![node(ordinal)]);
        group.start(id);
        group.run(60);
        // What nodes tell each other when they connect.
        for (at, node, format) in [ONE, TWO, THREE]
            .into_iter()
            .flat_map(|at| [ONE, TWO, THREE].map(|n| (at, n, n)))
            .map(|(at, node, n)| (at, node, if n <= id { NEXT } else { COMMAND_FORMAT }))
        {
            group.handle(at, Input::Reads { node, format });
        }
        group.run(4);
    }
    assert_eq!(propose_next(&mut group, 3), Some(Answer::Replies(vec![Reply::Done])));
    group.run(4);
    group.assert_equal();
    assert_eq!(group.nodes[&ONE].ledger().format(), NEXT);
    // A node of before stops at the first entry that it cannot read; it never skips it.
    group.stop(THREE);
    group.configure = |_| {};
    group.start(THREE);
    group.run(60);
    assert!(
        matches!(
            group.ended[&THREE],
            NodeError::Entry { source: DecodeError::Format { found: NEXT }, .. }
        ),
        "{:?}",
        group.ended
    );
}
