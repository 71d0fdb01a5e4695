//! How long a run should take, and why: the real scheduler (`multibeam_sched`) against modelled
//! workers, in virtual time.
//!
//! The same code answers four questions: what `multibeam plan` prints before a run, how long a run
//! still takes that is under way, how near the schedule comes to what is possible at all
//! (docs/performance.md), and what a change of the scheduler is worth. It is pure: no clock, no I/O; the same scene gives the same course.

mod bound;
mod course;
mod draw;
mod forecast;
mod play;
mod process;
mod rest;
mod scene;
mod workers;

pub use bound::limit;
pub use course::{Bar, Course, Life};
pub use draw::Draw;
pub use forecast::{
    Forecast, ForecastError, MORE_PROCESSES, TargetForecast, forecast, planned, planned_groups,
};
pub use play::{Takes, play, record};
pub use rest::rest;
pub use scene::{ClusterScene, Costs, Scene, TargetScene};
