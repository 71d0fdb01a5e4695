//! The order in which a process's story reaches the ledger and the coordinator.
//!
//! A process that has run a spec goes on while the spec's report is on its way to the ledger, but
//! nobody hears of what it does next before that report is durable. So whatever a coordinator knows
//! of a process comes in the order in which it happened, and it never knows of a spec that began
//! while an earlier one of the same process may still have to run again.

use std::collections::VecDeque;

use multibeam_ginkgo::protocol::Answer;
use multibeam_model::link::ProcessNews;

use super::{Output, Shipment, Ticket};

/// Something that waits for a shipment before it.
#[derive(Debug)]
enum Entry {
    News(ProcessNews),
    Shipment { ticket: Ticket, shipment: Shipment, goes_on: bool },
}

/// What one process ships and tells, in order: one shipment at a time.
#[derive(Debug, Default)]
pub(super) struct Journal {
    under_way: Option<Ticket>,
    entries: VecDeque<Entry>,
}

impl Journal {
    /// Tells something, once all that was shipped before is durable.
    pub(super) fn tell(&mut self, news: ProcessNews, out: &mut Vec<Output>) {
        self.entries.push_back(Entry::News(news));
        self.advance(out);
    }

    /// Ships something, once all that was shipped before is durable. A process that `goes_on` is
    /// answered as soon as it is under way, others when it is durable.
    pub(super) fn ship(
        &mut self,
        ticket: Ticket,
        shipment: Shipment,
        goes_on: bool,
        out: &mut Vec<Output>,
    ) {
        self.entries.push_back(Entry::Shipment { ticket, shipment, goes_on });
        self.advance(out);
    }

    /// A shipment is durable: `news` of it come before what waited for it.
    pub(super) fn shipped(
        &mut self,
        ticket: Ticket,
        news: impl IntoIterator<Item = ProcessNews>,
        out: &mut Vec<Output>,
    ) {
        if self.under_way == Some(ticket) {
            self.under_way = None;
        }
        out.extend(news.into_iter().map(Output::News));
        self.advance(out);
    }

    /// The process is gone, and nothing more becomes durable: tells what is left to tell.
    pub(super) fn close(&mut self, out: &mut Vec<Output>) {
        self.under_way = None;
        let told = self.entries.drain(..).filter_map(|entry| match entry {
            Entry::News(news) => Some(Output::News(news)),
            Entry::Shipment { .. } => None,
        });
        out.extend(told);
    }

    fn advance(&mut self, out: &mut Vec<Output>) {
        while self.under_way.is_none()
            && let Some(entry) = self.entries.pop_front()
        {
            match entry {
                Entry::News(news) => out.push(Output::News(news)),
                Entry::Shipment { ticket, shipment, goes_on } => {
                    self.under_way = Some(ticket);
                    out.push(Output::Ship(ticket, shipment));
                    if goes_on {
                        out.push(Output::Answer(ticket, Answer::Ok));
                    }
                }
            }
        }
    }
}
