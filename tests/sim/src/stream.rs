//! Streams between workers and coordinators: in order and without gaps until they break. Then both
//! sides notice, each in its time.

use multibeam_model::Moment;

use crate::message::{Frame, Packet};
use crate::world::{Event, Host, Timer, World};

/// A stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stream {
    pub(crate) worker: Host,
    pub(crate) coordinator: Host,
    broken: bool,
    /// When the last frame in each direction arrives.
    to_worker: Moment,
    to_coordinator: Moment,
}

impl World {
    pub(crate) fn open_stream(&mut self, worker: Host, coordinator: Host) -> u64 {
        let id = self.number();
        let stream = Stream {
            worker,
            coordinator,
            broken: false,
            to_worker: Moment(0),
            to_coordinator: Moment(0),
        };
        self.streams.insert(id, stream);
        id
    }

    /// Sends something within a stream.
    pub(crate) fn send_frame(&mut self, from: Host, id: u64, frame: Frame) {
        self.send_within(from, id, Packet::Frame { stream: id, frame });
    }

    pub(crate) fn send_within(&mut self, from: Host, id: u64, packet: Packet) {
        let Some(stream) = self.streams.get(&id).copied().filter(|stream| !stream.broken) else {
            return;
        };
        let to = if from == stream.worker { stream.coordinator } else { stream.worker };
        if !self.net.reaches(from, to) || self.rng.permille(self.net.loss / 4) {
            self.break_stream(id);
            return;
        }
        let at = self.now + self.delay();
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let last =
            if to == stream.worker { &mut stream.to_worker } else { &mut stream.to_coordinator };
        *last = at.max(*last);
        let after = last.since(self.now);
        self.at(after, Event::Arrival { from, to, packet });
    }

    /// All break at once, and everybody notices.
    pub(crate) fn reset_streams(&mut self) {
        for id in self.streams.keys().copied().collect::<Vec<_>>() {
            self.break_within(id, 60);
        }
    }

    /// Nothing gets through any more; both sides notice after a while.
    pub(crate) fn break_stream(&mut self, id: u64) {
        self.break_within(id, 3_000);
    }

    fn break_within(&mut self, id: u64, most: u64) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        if std::mem::replace(&mut stream.broken, true) {
            return;
        }
        let (worker, coordinator) = (stream.worker, stream.coordinator);
        self.seen.count("stream broken");
        for host in [worker, coordinator] {
            let after = self.some_ms(5, most);
            self.wake(host, after, Timer::Broken { stream: id });
        }
    }

    pub(crate) fn break_streams_of(&mut self, host: Host) {
        let of = |stream: &Stream| stream.worker == host || stream.coordinator == host;
        let ids: Vec<u64> =
            self.streams.iter().filter(|(_, stream)| of(stream)).map(|(id, _)| *id).collect();
        for id in ids {
            self.break_stream(id);
            self.streams.remove(&id);
        }
    }

    /// Whether a frame that is on its way still arrives.
    pub(crate) fn stream_holds(&mut self, from: Host, to: Host, id: u64) -> bool {
        let holds = self.streams.get(&id).is_some_and(|stream| !stream.broken);
        if holds && !self.net.reaches(from, to) {
            self.break_stream(id);
            return false;
        }
        holds
    }

    /// One side has closed it.
    pub(crate) fn close_stream(&mut self, from: Host, id: u64, refused: bool) {
        self.send_within(from, id, Packet::Close { stream: id, refused });
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.broken = true;
        }
    }

    /// A side notices that its stream is over.
    pub(crate) fn stream_ended(&mut self, host: Host, id: u64) {
        let first_worker = self.worker_host(0);
        if host >= first_worker {
            self.worker_lost_stream(host, id);
        } else {
            self.coordinator_lost_stream(host, id);
        }
    }

    pub(crate) fn frame_arrives(&mut self, to: Host, id: u64, frame: Frame) {
        let Some(stream) = self.streams.get(&id).copied() else { return };
        let from = if to == stream.worker { stream.coordinator } else { stream.worker };
        if self.stream_holds(from, to, id) {
            self.read_frame(to, id, frame);
        }
    }

    pub(crate) fn read_frame(&mut self, to: Host, id: u64, frame: Frame) {
        let Some(stream) = self.streams.get(&id) else { return };
        if to == stream.worker {
            self.order_arrives(to, id, frame);
        } else {
            self.news_arrive(to, id, frame);
        }
    }
}
