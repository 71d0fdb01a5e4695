//! Do messages and states reach the other members, and nothing else?

mod certificates;
mod messages;
mod refusals;
mod robust;
mod states;
