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
use multibeam_aggregator::store::{Disk, DiskStore, Identity};
use multibeam_ledger::node::disk::{Base, EntryKind, HardState, LogEntry, NodeId, Write};

/// Bytes of one entry: a report of an ordinary spec, compressed.
const ENTRY: usize = 1300;

/// The measurements take turns, this long each and this often, so that whatever else the machine
/// does hits all of them alike.
const TURN: Duration = Duration::from_millis(250);
const TURNS: usize = 24;

/// Entries of one write.
const BATCHES: [u64; 3] = [1, 16, 64];

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
    for batch in BATCHES {
        stores.push(Filled::open(&dir.join(format!("store{batch}")), &data)?);
    }
    let mut times: Vec<Times> = (0..2 + BATCHES.len()).map(|_| Times::default()).collect();
    for _ in 0..TURNS {
        let (plain, committed) = times.split_at_mut(2);
        plain[0].turn(|| {
            (&append).write_all(&data)?;
            Ok(append.sync_data()?)
        })?;
        plain[1].turn(|| {
            inside.write_all_at(&data, at)?;
            at = (at + data.len() as u64) % (63 << 20);
            Ok(inside.sync_data()?)
        })?;
        for ((times, store), batch) in committed.iter_mut().zip(&mut stores).zip(BATCHES) {
            times.turn(|| store.write(batch))?;
        }
    }
    let names = ["append of one entry, fdatasync", "the same where the file was written before"];
    let names = names.map(str::to_owned).into_iter();
    let names = names.chain(BATCHES.map(|batch| format!("commit of {batch}")));
    let entries = [1, 1].into_iter().chain(BATCHES);
    times.iter_mut().for_each(|times| times.each.sort_unstable());
    println!("{:<44} {:>9} {:>9} {:>10}", "", "median", "90 %", "entries/s");
    for ((times_of_one, name), entries) in times.iter().zip(names).zip(entries) {
        times_of_one.print(&name, entries, &times[0]);
    }
    for (store, batch) in stores.iter().zip(BATCHES) {
        let size = std::fs::metadata(dir.join(format!("store{batch}/log/db")))?.len();
        let ratio = size as f64 / store.bytes() as f64;
        println!("{:<44} {ratio:>8.2}x", format!("size of the file, commits of {batch}"));
    }
    Ok(())
}

/// A store that gets entries.
struct Filled {
    store: DiskStore,
    last: u64,
    data: Bytes,
}

impl Filled {
    fn open(dir: &Path, data: &[u8]) -> Outcome<Self> {
        let mut store = DiskStore::open(dir)?;
        let identity = Identity { node: NodeId(1), group: "speed".to_owned() };
        store.found(&identity, &Base { index: 1, term: 1, ..Base::default() }, b"state")?;
        Ok(Self { store, last: 1, data: Bytes::copy_from_slice(data) })
    }

    fn write(&mut self, batch: u64) -> Outcome<()> {
        let make =
            |index| LogEntry { index, term: 1, kind: EntryKind::Command, data: self.data.clone() };
        let entries: Vec<_> = (self.last + 1..=self.last + batch).map(make).collect();
        let hard = Some(HardState { term: 1, vote: 1, commit: self.last });
        self.store.write(&Write { entries, hard, sync: true })?;
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
    sum: Duration,
}

impl Times {
    fn turn(&mut self, mut once: impl FnMut() -> Outcome<()>) -> Outcome<()> {
        let begun = Instant::now();
        while begun.elapsed() < TURN {
            let before = Instant::now();
            once()?;
            self.each.push(before.elapsed());
        }
        self.sum += begun.elapsed();
        Ok(())
    }

    fn at(&self, percent: usize) -> f64 {
        self.each.get(self.each.len() * percent / 100).map_or(0.0, Duration::as_secs_f64)
    }

    fn print(&self, what: &str, entries: u64, other: &Self) {
        let ratio = |percent| self.at(percent) / other.at(50);
        let per_second = (self.each.len() as u64 * entries) as f64 / self.sum.as_secs_f64();
        let micros = self.at(50) * 1e6;
        println!(
            "{what:<44} {:>8.2}x {:>8.2}x {per_second:>10.0}   ({micros:.0} us)",
            ratio(50),
            ratio(90),
        );
    }
}
