//! Raft's own log lines, handed to the shell.

use std::fmt;

use slog::{Drain, Logger, OwnedKVList, Record, o};

use super::config::Level;

struct Forward(fn(Level, &fmt::Arguments<'_>));

impl Drain for Forward {
    type Ok = ();
    type Err = slog::Never;

    // Raft puts what matters into the text; the keys repeat it.
    fn log(&self, record: &Record<'_>, _: &OwnedKVList) -> Result<(), slog::Never> {
        let level = match record.level() {
            slog::Level::Critical | slog::Level::Error => Level::Error,
            slog::Level::Warning => Level::Warning,
            slog::Level::Info => Level::Info,
            slog::Level::Debug | slog::Level::Trace => Level::Debug,
        };
        (self.0)(level, record.msg());
        Ok(())
    }
}

pub(super) fn logger(to: fn(Level, &fmt::Arguments<'_>)) -> Logger {
    Logger::root(Forward(to), o!())
}
