//! How fast writes become durable, next to what the disk itself can do.
//!
//! ```console
//! cargo run --release -p multibeam-aggregator --example disk_speed [directory]
//! ```

use std::error::Error;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;
use multibeam_aggregator::store::{Disk, Identity, Store};
use multibeam_ledger::node::disk::{Base, EntryKind, HardState, LogEntry, NodeId, Write};

/// Bytes of one entry: a report of an ordinary spec, compressed.
const ENTRY: usize = 1300;

/// How long what is synced is measured, and then what is not. The measurements take turns, one
/// operation each, so that all of them see the same machine: with a time each, those that met a quiet
/// moment had more operations, and their median was one of that moment.
const TIME: Duration = Duration::from_secs(20);

/// Entries of one write, and whether it is synced. What is not shows what the rest costs.
const BATCHES: [(u64, bool); 6] =
    [(1, true), (16, true), (64, true), (1, false), (16, false), (64, false)];

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let dir = std::env::args_os().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    let dir = dir.join(format!("disk-speed-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    let measured = measure(&dir);
    std::fs::remove_dir_all(&dir)?;
    measured
}

fn measure(dir: &Path) -> Outcome<()> {
    let data: Vec<u8> = (0..ENTRY).map(|place| (place * 7919 % 253) as u8).collect();
    let append = File::create(dir.join("append"))?;
    let inside = OpenOptions::new().write(true).create_new(true).open(dir.join("inside"))?;
    inside.write_all_at(&vec![0; 64 << 20], 0)?;
    inside.sync_all()?;
    let mut at = 0;
    let mut stores = Vec::new();
    for (batch, sync) in BATCHES {
        stores.push(Filled::open(&dir.join(format!("store-{batch}-{sync}")), &data)?);
    }
    let synced = BATCHES.iter().filter(|(_, sync)| *sync).count();
    let mut times: Vec<Times> = (0..2 + BATCHES.len()).map(|_| Times::default()).collect();
    // What is not synced comes last: the machine still writes it when the next one has its turn.
    for rows in [0..2 + synced, 2 + synced..2 + BATCHES.len()] {
        let begun = Instant::now();
        let mut turn = 0;
        while begun.elapsed() < TIME {
            // Each begins once, so that none always has the same one before it.
            turn += 1;
            for row in 0..rows.len() {
                let row = rows.start + (row + turn) % rows.len();
                let before = Instant::now();
                match row {
                    0 => {
                        (&append).write_all(&data)?;
                        append.sync_data()?;
                    }
                    1 => {
                        inside.write_all_at(&data, at)?;
                        at = (at + data.len() as u64) % (63 << 20);
                        inside.sync_data()?;
                    }
                    _ => {
                        let (batch, sync) = BATCHES[row - 2];
                        stores[row - 2].write(batch, sync)?;
                    }
                }
                times[row].each.push(before.elapsed());
            }
        }
    }
    let names = ["append of one entry, fdatasync", "the same where the file was written before"];
    let names = names.map(str::to_owned).into_iter();
    let names = names.chain(BATCHES.map(|(batch, sync)| match sync {
        true => format!("commit of {batch}"),
        false => format!("write of {batch}, not synced"),
    }));
    let entries = [1, 1].into_iter().chain(BATCHES.map(|(batch, _)| batch));
    times.iter_mut().for_each(|times| times.each.sort_unstable());
    println!("{:<44} {:>9} {:>9} {:>9} {:>10}", "", "mean", "median", "90 %", "entries/s");
    for ((times_of_one, name), entries) in times.iter().zip(names).zip(entries) {
        times_of_one.print(&name, entries, &times[0]);
    }
    for (store, (batch, sync)) in stores.iter().zip(BATCHES).filter(|(_, (_, sync))| *sync) {
        let size = std::fs::metadata(dir.join(format!("store-{batch}-{sync}/log/db")))?.len();
        let ratio = size as f64 / store.bytes() as f64;
        println!("{:<44} {ratio:>8.2}x", format!("size of the file, commits of {batch}"));
    }
    Ok(())
}

/// A store that gets entries.
struct Filled {
    store: Store,
    last: u64,
    data: Bytes,
}

impl Filled {
    fn open(dir: &Path, data: &[u8]) -> Outcome<Self> {
        let mut store = Store::open(dir)?;
        let identity = Identity { node: NodeId(1), group: "speed".to_owned() };
        store.found(&identity, &Base { index: 1, term: 1, ..Base::default() }, b"state")?;
        Ok(Self { store, last: 1, data: Bytes::copy_from_slice(data) })
    }

    fn write(&mut self, batch: u64, sync: bool) -> Outcome<()> {
        let make =
            |index| LogEntry { index, term: 1, kind: EntryKind::Command, data: self.data.clone() };
        let entries: Vec<_> = (self.last + 1..=self.last + batch).map(make).collect();
        let hard = Some(HardState { term: 1, vote: 1, commit: self.last });
        self.store.write(&Write { entries, hard, sync })?;
        self.last += batch;
        Ok(())
    }

    fn bytes(&self) -> u64 {
        self.last * ENTRY as u64
    }
}

#[derive(Default)]
struct Times {
    each: Vec<Duration>,
}

impl Times {
    fn at(&self, percent: usize) -> f64 {
        self.each.get(self.each.len() * percent / 100).map_or(0.0, Duration::as_secs_f64)
    }

    fn mean(&self) -> f64 {
        self.each.iter().sum::<Duration>().as_secs_f64() / self.each.len().max(1) as f64
    }

    fn print(&self, what: &str, entries: u64, other: &Self) {
        let per_second = entries as f64 / self.mean();
        println!(
            "{what:<44} {:>8.2}x {:>8.2}x {:>8.2}x {per_second:>10.0}   ({:.0} us)",
            self.mean() / other.mean(),
            self.at(50) / other.at(50),
            self.at(90) / other.at(90),
            self.mean() * 1e6,
        );
    }
}
