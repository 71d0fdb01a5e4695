//! The scheduler, told what happens and asked what it wants done.

mod ahead;
mod crowds;
mod hopeless;
mod recall;
mod rig;
mod routine;
mod scenarios;
mod sim;
mod simulation;
mod takeover;
