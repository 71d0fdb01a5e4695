//! How close to the limit the scheduler comes, in virtual time.

mod optimum;
mod robustness;
mod scale;
mod table;
