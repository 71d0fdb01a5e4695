//! Lines for a log: one per notable event, with the time since the run began.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use multibeam_model::event::{Event, What};
use multibeam_model::ids::TargetId;
use multibeam_model::status::RunStatus;
use multibeam_model::time::Timestamp;

use super::narrator::{Narrator, Note, queued, tally};
use super::style::{Line, Role, Style};
use super::text::width;
use super::time::{between, offset, short};
use super::{View, eta};

/// How often the progress of a target is told.
const PROGRESS_EVERY: Duration = Duration::from_secs(10);

/// Columns of the time.
const TIME: usize = 8;

/// Most columns of a target's name; longer ones push their line to the right.
const MOST_SUBJECT: usize = 30;

/// Prints a line per notable event. Waits for nothing: what it prints depends on the events alone.
#[derive(Debug)]
pub struct PlainView<W> {
    out: W,
    style: Style,
    narrator: Narrator,
    told: BTreeMap<TargetId, Timestamp>,
}

impl<W: Write> PlainView<W> {
    /// A view that writes to `out`.
    pub fn new(out: W, style: Style) -> Self {
        Self { out, style, narrator: Narrator::default(), told: BTreeMap::new() }
    }

    fn print(&mut self, status: &RunStatus, at: Timestamp, note: &Note) -> io::Result<()> {
        let names = status.targets.iter().map(|target| target.name.as_str());
        let names = names.chain(status.clusters.iter().map(|cluster| cluster.name.as_str()));
        let column = names.map(width).filter(|width| *width <= MOST_SUBJECT).max();
        let time = offset(between(status.started, at));
        let mut line = Line::of(Role::Dim, &format!("[{time:>TIME$}]"));
        if !note.subject.is_empty() {
            let blanks = column.unwrap_or(0).saturating_sub(width(&super::clean(&note.subject)));
            line.push(Role::Accent, &format!(" {}{}", note.subject, " ".repeat(blanks)));
            line.push(Role::Plain, " ");
        }
        line.push(note.role, &format!(" {}", note.text));
        writeln!(self.out, "{}", line.paint(self.style))?;
        for more in &note.more {
            let line = Line::of(Role::Plain, &format!("{:1$}{more}", "", TIME + 5));
            writeln!(self.out, "{}", line.paint(self.style))?;
        }
        Ok(())
    }

    /// The progress of a target, unless it was told a short while ago.
    fn progress(&mut self, status: &RunStatus, id: TargetId, at: Timestamp) -> Option<Note> {
        let target = status.targets.get(id.0 as usize)?;
        let last = *self.told.entry(id).or_insert(target.prepared_at);
        if between(last, at) < PROGRESS_EVERY {
            return None;
        }
        self.told.insert(id, at);
        let mut text = tally(target);
        if target.lost_attempts > 0 {
            text += &format!(", {} lost", target.lost_attempts);
        }
        if let Some(left) = eta::remaining(status, id.0 as usize, at) {
            text += &format!(", about {} left", short(left));
        }
        Some(Note {
            lasting: false,
            role: Role::Plain,
            subject: target.name.clone(),
            text,
            more: Vec::new(),
        })
    }
}

impl<W: Write + Send> View for PlainView<W> {
    fn update(&mut self, status: &RunStatus, event: Option<&Event>) -> io::Result<()> {
        let Some(event) = event else {
            let text = format!("following run {} of {}", status.run, status.name);
            self.note(&text)?;
            return queued(status).map_or(Ok(()), |text| self.note(&text));
        };
        for note in self.narrator.tell(status, event) {
            self.print(status, event.at, &note)?;
        }
        if let What::SpecDone { attempt, .. } = &event.what
            && let Some(note) = self.progress(status, attempt.target, event.at)
        {
            self.print(status, event.at, &note)?;
        }
        self.out.flush()
    }

    fn tick(&mut self, _: &RunStatus, _: Timestamp) -> io::Result<()> {
        Ok(())
    }

    fn note(&mut self, text: &str) -> io::Result<()> {
        for line in text.lines() {
            writeln!(self.out, "{}", Line::of(Role::Plain, line).paint(self.style))?;
        }
        self.out.flush()
    }

    fn finish(&mut self, _: &RunStatus) -> io::Result<()> {
        self.out.flush()
    }
}
