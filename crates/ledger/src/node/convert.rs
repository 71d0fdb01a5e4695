//! Between the raft crate's types and those of the disk. Nothing else sees the raft crate's.

use raft::eraftpb::{ConfState, Entry, EntryType, HardState as RaftHardState};

use super::disk::{EntryKind, HardState, LogEntry, Membership, NodeId};

pub(super) fn stored(entry: &Entry) -> LogEntry {
    LogEntry {
        index: entry.index,
        term: entry.term,
        kind: match entry.get_entry_type() {
            EntryType::EntryNormal => EntryKind::Command,
            EntryType::EntryConfChange | EntryType::EntryConfChangeV2 => EntryKind::Members,
        },
        data: entry.data.clone(),
    }
}

pub(super) fn entry(stored: LogEntry) -> Entry {
    let mut entry =
        Entry { index: stored.index, term: stored.term, data: stored.data, ..Entry::default() };
    entry.set_entry_type(match stored.kind {
        EntryKind::Command => EntryType::EntryNormal,
        EntryKind::Members => EntryType::EntryConfChangeV2,
    });
    entry
}

pub(super) fn hard_state(raft: &RaftHardState) -> HardState {
    HardState { term: raft.term, vote: raft.vote, commit: raft.commit }
}

pub(super) fn raft_hard_state(hard: HardState) -> RaftHardState {
    RaftHardState {
        term: hard.term,
        vote: hard.vote,
        commit: hard.commit,
        ..RaftHardState::default()
    }
}

pub(super) fn membership(state: &ConfState) -> Membership {
    let ids = |ids: &[u64]| {
        // The raft crate keeps these in hash sets.
        let mut ids: Vec<NodeId> = ids.iter().copied().map(NodeId).collect();
        ids.sort_unstable();
        ids
    };
    Membership {
        voters: ids(&state.voters),
        learners: ids(&state.learners),
        outgoing: ids(&state.voters_outgoing),
        learners_next: ids(&state.learners_next),
        auto_leave: state.auto_leave,
    }
}

pub(super) fn conf_state(members: &Membership) -> ConfState {
    let ids = |ids: &[NodeId]| ids.iter().map(|id| id.0).collect::<Vec<_>>();
    ConfState {
        voters: ids(&members.voters),
        learners: ids(&members.learners),
        voters_outgoing: ids(&members.outgoing),
        learners_next: ids(&members.learners_next),
        auto_leave: members.auto_leave,
        ..ConfState::default()
    }
}
