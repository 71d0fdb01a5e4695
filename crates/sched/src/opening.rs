//! Sessions that open, and processes that join them.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use multibeam_model::command::Decision;
use multibeam_model::event::{Phase, What};
use multibeam_model::{ClusterId, ProcessNumber, SessionId, TargetId, WorkerId};

use crate::run::Run;
use crate::session::{Number, Session};
use crate::target::Target;
use crate::{Order, Output};

impl Run {
    /// Gives each free cluster a session of the target that was served longest ago there.
    pub(crate) fn open_sessions(&mut self) {
        let ids: Vec<ClusterId> = self.clusters.keys().copied().collect();
        for cluster in ids {
            let Some(state) = self.clusters.get(&cluster) else {
                continue;
            };
            if state.session.is_some() || !state.usable() {
                continue;
            }
            let mut turn: Vec<(Option<SessionId>, TargetId)> = self
                .targets
                .iter()
                .filter(|(_, target)| target.clusters.contains(&cluster))
                .map(|(&id, _)| (state.served.get(&id).copied(), id))
                .collect();
            turn.sort();
            for (_, target) in turn {
                if self.open(target, cluster) {
                    break;
                }
            }
        }
    }

    /// Opens a session if there is work for it.
    fn open(&mut self, target: TargetId, cluster: ClusterId) -> bool {
        if !self.serves(target, cluster) {
            return false;
        }
        let free = self.rooms(target, cluster);
        if free.is_empty() {
            return false;
        }
        let share = self.share_for(target, cluster);
        let groups = self.unclaimed(target, cluster);
        if share.is_empty() && groups == 0 {
            return false;
        }
        let id = SessionId(self.next_session);
        self.next_session += 1;
        if let Some(state) = self.targets.get_mut(&target) {
            state.sessions.insert(cluster, id);
            for group in &share {
                if let Some(group) = state.groups.get_mut(group) {
                    group.session = Some(id);
                }
            }
        }
        if let Some(state) = self.clusters.get_mut(&cluster) {
            state.session = Some(id);
            state.served.insert(target, id);
        }
        self.sessions.insert(id, Session::new(id, target, cluster, share));

        // All numbers are given out before the first process starts: each is told the total.
        let most = groups.min(self.room_on(cluster) as usize).max(1);
        let mut free: BinaryHeap<_> = free.into_iter().map(|(n, id)| (n, Reverse(id))).collect();
        let mut places = Vec::new();
        while places.len() < most
            && let Some((slots, Reverse(id))) = free.pop()
        {
            places.push(id.clone());
            if slots > 1 {
                free.push((slots - 1, Reverse(id)));
            }
        }
        let processes = u32::try_from(places.len()).unwrap_or(u32::MAX);
        if let Some(session) = self.sessions.get_mut(&id) {
            session.initial = processes;
        }
        let mut decisions = vec![Decision::OpenSession { session: id, target, cluster }];
        let mut then = Vec::new();
        for (number, worker) in (1..).map(ProcessNumber).zip(&places) {
            if let Some((decision, order)) = self.start(id, number, worker) {
                decisions.push(decision);
                then.push(order);
            }
        }
        self.out.push(Output::Commit { decisions, then });
        self.say(What::SessionOpened { session: id, target, cluster, processes });
        true
    }

    /// Whether another cluster is to be left a part of the serial groups when `cluster` takes
    /// its own: it works for the target or can, or it is the first round and it may yet come.
    pub(crate) fn expected(
        &self,
        id: TargetId,
        target: &Target,
        cluster: ClusterId,
        other: ClusterId,
    ) -> bool {
        let first_round =
            !target.sessions.contains_key(&cluster) && !target.sessions.contains_key(&other);
        let works = self.sessions.values().any(|s| s.target == id && s.cluster == other);
        let free = self.clusters.get(&other).is_some_and(|c| c.session.is_none());
        let can = free && self.roomiest(id, other).is_some();
        self.serves(id, other) && (first_round || works || can)
    }

    /// Starts further processes in open sessions, while there are groups for them: after the end
    /// of a process, when a worker joins late, or when work comes back.
    pub(crate) fn add_processes(&mut self) {
        let ids: Vec<SessionId> = self.sessions.keys().copied().collect();
        for id in ids {
            while let Some((number, worker)) = self.addition(id) {
                match self.start(id, number, &worker) {
                    Some((decision, order)) => self.commit_start(decision, order),
                    None => break,
                }
            }
        }
    }

    pub(crate) fn commit_start(&mut self, decision: Decision, order: Order) {
        self.out.push(Output::Commit { decisions: vec![decision], then: vec![order] });
    }

    /// The process to add to a session, if there is work and room for it.
    pub(crate) fn addition(&self, id: SessionId) -> Option<(ProcessNumber, WorkerId)> {
        let session = self.sessions.get(&id)?;
        // One that was not heard of yet may be at its serial groups.
        let told = session
            .first()
            .is_some_and(|first| first.alone_told || first.stop.is_some() || first.held.is_some());
        if session.lost
            || session.closing
            || session.phase == Phase::Serial
            || session.live.is_empty()
            || told
            || Self::first_restarts(session)
            || !self.serves(session.target, session.cluster)
        {
            return None;
        }
        let worker = self.roomiest(session.target, session.cluster)?;
        if self.unclaimed(session.target, session.cluster) == 0 {
            return None;
        }
        let reusable = |(number, entry): (&ProcessNumber, &Number)| {
            let again = !number.is_first() && !entry.finished && !session.live.contains_key(number);
            again.then_some(*number)
        };
        let next = session.numbers.keys().next_back().map_or(1, |last| last.0 + 1);
        let number = session.numbers.iter().find_map(reusable);
        Some((number.unwrap_or(ProcessNumber(next)), worker))
    }
}
