//! Following a run: its updates go into a view, the user's Ctrl-C goes to the run.

use std::io::{self, IsTerminal as _};
use std::pin::Pin;
use std::time::Duration;

use multibeam_model::status::RunStatus;
use multibeam_proto::coordinator::v1::watch_response::Update as Wire;
use multibeam_proto::coordinator::v1::{WatchRequest, WatchResponse};
use multibeam_rt::backoff::{Recover as _, Recovery};
use tokio::signal::unix::{SignalKind, signal};
use tonic::{Status, Streaming};

use crate::args::ColorChoice;
use crate::cancels::{Cancels, Heard};
use crate::commands::fail_status;
use crate::connect;
use crate::exit::Exit;
use crate::place::Served;
use crate::view::{JsonView, LiveView, PlainView, Style, Update, View, now};

/// How often the view is drawn.
const TICK: Duration = Duration::from_millis(200);

/// How long a coordinator that has gone is waited for, or one that takes over from it.
const TAKEOVER: Duration = Duration::from_secs(120);

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
    let updates = watch(served.clone()).await;
    let mut updates = Some(updates.map_err(|status| fail_status(&status))?);
    let mut search: Option<Search> = None;
    let mut view = look.view();
    let mut status = RunStatus::default();
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut signals = Signals::new()?;
    let mut cancels = Cancels::new(served.clone());
    let output = |error: io::Error| Exit::of_output(&error);
    loop {
        tokio::select! {
            update = next(&mut updates) => match update {
                Ok(Some(update)) => if let Some(update) = read(update.update)? {
                    let event = update.apply(&mut status);
                    view.update(&status, event.as_ref()).map_err(output)?;
                }
                Ok(None) => break,
                Err(error) if served.is_standing() && error.recovery() == Recovery::Retry => {
                    view.note("the coordinator is gone; looking for the one in office")
                        .map_err(output)?;
                    updates = None;
                    search = Some(Box::pin(again(served.clone())));
                }
                Err(error) => {
                    view.finish(&status).map_err(output)?;
                    return Err(fail_status(&error));
                }
            },
            found = found(&mut search) => {
                search = None;
                match found {
                    Ok(found) => updates = Some(found),
                    Err(error) => {
                        view.finish(&status).map_err(output)?;
                        return Err(fail_status(&error));
                    }
                }
            }
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

/// Updates of a run.
type Updates = Streaming<WatchResponse>;

/// Looking for a coordinator that has the run.
type Search = Pin<Box<dyn Future<Output = Result<Updates, Status>> + Send>>;

async fn watch(mut served: Served) -> Result<Updates, Status> {
    let request = WatchRequest { run: served.run.clone() };
    Ok(served.coordinator.watch(request).await?.into_inner())
}

/// Watches the run at the coordinator that has taken over.
async fn again(served: Served) -> Result<Updates, Status> {
    served.endpoints.next();
    let mut last = None;
    let end = tokio::time::Instant::now() + TAKEOVER;
    while tokio::time::Instant::now() < end {
        // The run itself is asked for all the same: its answer tells more.
        let _ = connect::find_office(&served.endpoints, 1).await;
        match watch(served.clone()).await {
            Err(status) if status.recovery() == Recovery::Retry => last = Some(status),
            found => return found,
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    Err(last.unwrap_or_else(|| Status::unavailable("no coordinator has taken over")))
}

/// The next update; never while nobody is watched.
async fn next(updates: &mut Option<Updates>) -> Result<Option<WatchResponse>, Status> {
    match updates {
        Some(updates) => updates.message().await,
        None => std::future::pending().await,
    }
}

/// What a search has found; never without one.
async fn found(search: &mut Option<Search>) -> Result<Updates, Status> {
    match search {
        Some(search) => search.await,
        None => std::future::pending().await,
    }
}

/// An update; nothing for an event that only a newer coordinator knows: new ones may come at any time.
fn read(update: Option<Wire>) -> Result<Option<Update>, Exit> {
    let read = match update {
        Some(Wire::SnapshotJson(json)) => serde_json::from_slice(&json).map(Update::Snapshot),
        Some(Wire::EventJson(json)) => match serde_json::from_slice(&json) {
            Err(error) if is_of_unknown_kind(&error) => return Ok(None),
            read => read.map(Update::Event),
        },
        None => return Err(unreadable("an update without content")),
    };
    read.map(Some).map_err(|error| unreadable(&error.to_string()))
}

/// Whether it is another word than those that this program knows. serde has no other sign of it.
fn is_of_unknown_kind(error: &serde_json::Error) -> bool {
    error.is_data() && error.to_string().starts_with("unknown variant")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_of_newer_coordinators_are_passed_over_and_damaged_ones_are_not() {
        let read = |json: &str| read(Some(Wire::EventJson(json.as_bytes().to_vec().into())));
        let known = r#"{"at":0,"event":"warning","message":"m"}"#;
        assert!(matches!(read(known), Ok(Some(Update::Event(_)))));
        assert!(matches!(read(&known.replace("warning", "invented")), Ok(None)));
        assert!(read(&known.replace("message", "massage")).is_err());
        assert!(read("{").is_err());
    }
}
