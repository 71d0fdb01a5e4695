//! How long a run should take, and why: the real scheduler (`multibeam_sched`) against modelled
//! workers, in virtual time.
//!
//! The same code answers three questions: what `multibeam plan` prints before a run, how near the
//! schedule comes to what is possible at all (docs/performance.md), and what a change of the
//! scheduler is worth. It is pure: no clock, no I/O; the same scene gives the same course.

mod bound;
mod course;
mod draw;
mod forecast;
mod play;
mod process;
mod scene;
mod workers;

pub use bound::limit;
pub use course::{Bar, Course, Life};
pub use draw::Draw;
pub use forecast::{Forecast, ForecastError, MORE_PROCESSES, TargetForecast, forecast};
pub use play::{Takes, play, record};
pub use scene::{ClusterScene, Costs, Scene, TargetScene};
