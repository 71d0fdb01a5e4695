//! Plays the events of a run (`multibeam run --json > events.json`) to a view, to look at it:
//!
//! ```text
//! cargo run --example replay -- events.json [SPEED [live|plain]]
//! ```

use std::error::Error;
use std::io::{self, BufRead as _, BufReader};
use std::thread;
use std::time::{Duration, Instant};

use multibeam::args::ColorChoice;
use multibeam::view::{LiveView, PlainView, Style, View, summary};
use multibeam_model::event::Event;
use multibeam_model::status::RunStatus;
use multibeam_model::time::Timestamp;

const TICK: Duration = Duration::from_millis(200);

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let path = args.next().ok_or("expected a file of events")?;
    let speed: f64 = args.next().map_or(Ok(10.0), |speed| speed.parse())?;
    let style = Style::new(ColorChoice::Auto, true);
    let mut view: Box<dyn View> = match args.next().as_deref() {
        Some("plain") => Box::new(PlainView::new(io::stdout(), style)),
        _ => Box::new(LiveView::stdout(style)),
    };
    let lines = BufReader::new(std::fs::File::open(path)?).lines();
    // The first line is the stream's head.
    let events = lines.skip(1).map(|line| Ok(serde_json::from_str::<Event>(&line?)?));
    let events = events.collect::<Result<Vec<Event>, Box<dyn Error>>>()?;

    let first = events.first().ok_or("expected events in the file")?.at;
    let begun = Instant::now();
    let now = || {
        let nanos = (begun.elapsed().as_nanos() as f64 * speed) as i64;
        Timestamp(first.0 + nanos)
    };
    let mut status = RunStatus::default();
    for event in &events {
        while now() < event.at {
            view.tick(&status, now())?;
            let left = (event.at.0 - now().0).max(0) as f64 / speed;
            thread::sleep(TICK.min(Duration::from_nanos(left as u64)));
        }
        status.apply(event);
        view.update(&status, Some(event))?;
    }
    view.finish(&status)?;
    print!("{}", summary(&status, Some("results"), style));
    Ok(())
}
