//! Events as JSON, one per line, for scripts.

use std::io::{self, Write};

use multibeam_model::event::{EVENT_FORMAT, Event};
use multibeam_model::status::RunStatus;
use multibeam_model::time::Timestamp;
use serde::Serialize;

use super::View;

/// Prints `{"format":1}` and then every event on a line of its own. One who comes later finds the
/// status so far in the first line: `{"format":1,"status":{...}}`.
#[derive(Debug)]
pub struct JsonView<W> {
    out: W,
    begun: bool,
}

/// The first line.
#[derive(Serialize)]
struct Head<'a> {
    format: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'a RunStatus>,
}

impl<W: Write> JsonView<W> {
    /// A view that writes to `out`.
    pub fn new(out: W) -> Self {
        Self { out, begun: false }
    }

    fn line(&mut self, value: &impl Serialize) -> io::Result<()> {
        let mut line = serde_json::to_vec(value)?;
        line.push(b'\n');
        self.out.write_all(&line)
    }
}

impl<W: Write + Send> View for JsonView<W> {
    fn update(&mut self, status: &RunStatus, event: Option<&Event>) -> io::Result<()> {
        if !self.begun || event.is_none() {
            self.begun = true;
            self.line(&Head { format: EVENT_FORMAT, status: event.is_none().then_some(status) })?;
        }
        if let Some(event) = event {
            self.line(event)?;
        }
        self.out.flush()
    }

    fn tick(&mut self, _: &RunStatus, _: Timestamp) -> io::Result<()> {
        Ok(())
    }

    /// Goes to standard error: the output is for programs.
    fn note(&mut self, text: &str) -> io::Result<()> {
        writeln!(io::stderr(), "{text}")
    }

    fn finish(&mut self, _: &RunStatus) -> io::Result<()> {
        self.out.flush()
    }
}
