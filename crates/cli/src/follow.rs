//! Following a run: its updates go into a view, the user's Ctrl-C goes to the run.

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use multibeam_model::status::RunStatus;
use multibeam_proto::coordinator::v1::WatchRequest;
use multibeam_proto::coordinator::v1::watch_response::Update as Wire;
use tokio::signal::unix::{SignalKind, signal};

use crate::args::ColorChoice;
use crate::cancels::{Cancels, Heard};
use crate::commands::fail_status;
use crate::exit::Exit;
use crate::place::Served;
use crate::view::{JsonView, LiveView, PlainView, Style, Update, View, now};

/// How often the view is drawn.
const TICK: Duration = Duration::from_millis(200);

/// How the user wants to see a run.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// Events as JSON.
    pub json: bool,
    /// Lines, also on a terminal.
    pub plain: bool,
    /// Colours.
    pub color: ColorChoice,
}

impl Look {
    /// The style of standard output.
    #[must_use]
    pub fn style(self) -> Style {
        Style::new(self.color, io::stdout().is_terminal())
    }

    fn view(self) -> Box<dyn View> {
        if self.json {
            Box::new(JsonView::new(io::stdout()))
        } else if self.plain || !io::stdout().is_terminal() {
            Box::new(PlainView::new(io::stdout(), self.style()))
        } else {
            Box::new(LiveView::stdout(self.style()))
        }
    }
}

/// What Ctrl-C does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CtrlC {
    /// It cancels the run; a second one kills what is left.
    Cancels,
    /// It leaves; the run goes on.
    Leaves,
}

/// Shows a run until it ends, and gives its last status.
///
/// # Errors
/// When the run cannot be watched, or the output cannot be written.
pub async fn follow(served: &mut Served, look: Look, ctrl_c: CtrlC) -> Result<RunStatus, Exit> {
    let request = WatchRequest { run: served.run.clone() };
    let updates = served.coordinator.watch(request).await;
    let mut updates = updates.map_err(|status| fail_status(&status))?.into_inner();
    let mut view = look.view();
    let mut status = RunStatus::default();
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut signals = Signals::new()?;
    let mut cancels = Cancels::new(served.clone());
    let output = |error: io::Error| Exit::of_output(&error);
    loop {
        tokio::select! {
            update = updates.message() => match update {
                Ok(Some(update)) => {
                    let event = read(update.update)?.apply(&mut status);
                    view.update(&status, event.as_ref()).map_err(output)?;
                }
                Ok(None) => break,
                Err(error) => {
                    view.finish(&status).map_err(output)?;
                    return Err(fail_status(&error));
                }
            },
            _ = tick.tick() => view.tick(&status, now()).map_err(output)?,
            () = signals.next() => {
                if ctrl_c == CtrlC::Leaves {
                    view.finish(&status).map_err(output)?;
                    return Ok(status);
                }
                view.note(cancels.press()).map_err(output)?;
            }
            heard = cancels.next() => match heard {
                Heard::Note(text) => view.note(&text).map_err(output)?,
                Heard::End(status_of_call) => {
                    view.finish(&status).map_err(output)?;
                    return Err(fail_status(&status_of_call));
                }
            }
        }
    }
    view.finish(&status).map_err(output)?;
    Ok(status)
}

fn read(update: Option<Wire>) -> Result<Update, Exit> {
    let read = match update {
        Some(Wire::SnapshotJson(json)) => serde_json::from_slice(&json).map(Update::Snapshot),
        Some(Wire::EventJson(json)) => serde_json::from_slice(&json).map(Update::Event),
        None => return Err(unreadable("an update without content")),
    };
    read.map_err(|error| unreadable(&error.to_string()))
}

fn unreadable(what: &str) -> Exit {
    eprintln!(
        "error: the coordinator's update cannot be read: {what} (hint: do the versions match?)"
    );
    Exit::ENVIRONMENT
}

/// Ctrl-C and the polite kill, which mean the same here.
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> Result<Self, Exit> {
        let listen = |kind| {
            signal(kind).map_err(|error| {
                eprintln!("error: cannot listen to signals: {error}");
                Exit::ENVIRONMENT
            })
        };
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
