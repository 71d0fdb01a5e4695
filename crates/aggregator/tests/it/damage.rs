//! Whatever happens to the files, what is read is what was written, or there is a clear error:
//! never an older log or vote, never a hang, never a panic that gets out.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command as Process, Stdio};
use std::time::{Duration, Instant};

use crate::disk::*;
use multibeam_aggregator::StoreError;
use multibeam_aggregator::store::{Disk, Store, check};
use multibeam_host::SmallDisk;

const DIR: &str = "MULTIBEAM_TEST_DAMAGED_DIR";

/// What a process says that could not use a directory, with a clear error.
const REFUSED: i32 = 42;

/// The child: reads a damaged directory, and goes on with it if it can. The engine's threads are
/// the process's, so what damage does to them must not reach the next case.
#[test]
fn child() {
    let Ok(dir) = std::env::var(DIR) else { return };
    let dir = Path::new(&dir);
    verify(dir).unwrap_or_else(refuse);
    // What could be read can be gone on with, or it turns out now.
    let mut store = Store::open(dir).unwrap_or_else(refuse);
    let written = (LAST + 1..LAST + 60).try_for_each(|index| store.write(&write(index..=index)));
    written.unwrap_or_else(refuse);
    drop(store);
    let store = Store::open(dir).unwrap_or_else(refuse);
    let reader = store.reader();
    for index in LAST + 1..LAST + 60 {
        assert_eq!(reader.entry(index).unwrap(), Some(entry(index)));
    }
}

/// Ends the child with a clear error.
fn refuse<T>(error: StoreError) -> T {
    assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
    std::process::exit(REFUSED);
}

/// A directory that a child reads, within a time that is far too long for it.
struct Case {
    name: String,
    dir: PathBuf,
    child: Child,
}

impl Case {
    fn start(good: &Path, name: String, damage: impl FnOnce(&Path)) -> Self {
        let dir = good.with_file_name(name.replace(' ', "-"));
        copy(good, &dir);
        damage(&dir);
        let child = Process::new(std::env::current_exe().unwrap())
            .args(["--exact", "damage::child"])
            .env(DIR, &dir)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { name, dir, child }
    }

    /// Whether the damage was noticed.
    fn finish(mut self) -> bool {
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if begun.elapsed() > Duration::from_secs(120) {
                self.child.kill().unwrap();
                panic!("{}: it hangs", self.name);
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        if !status.success() && status.code() != Some(REFUSED) {
            let output = std::io::read_to_string(self.child.stdout.take().unwrap()).unwrap();
            panic!("{}: {status}\n{output}", self.name);
        }
        fs::remove_dir_all(&self.dir).unwrap();
        !status.success()
    }
}

fn overwrite(file: &Path, at: u64, change: impl Fn(u8) -> u8, length: usize) {
    let file = OpenOptions::new().read(true).write(true).open(file).unwrap();
    let mut bytes = vec![0; length];
    let length = file.read_at(&mut bytes, at).unwrap();
    bytes[..length].iter_mut().for_each(|byte| *byte = change(*byte));
    file.write_all_at(&bytes[..length], at).unwrap();
}

/// The files that matter, with a range of each for damage; the large one most often.
fn targets(dir: &Path) -> Vec<(PathBuf, u64)> {
    let names = files(dir).into_keys();
    let relative = names.map(|path| path.strip_prefix(dir).unwrap().to_owned());
    relative.map(|path| (path.clone(), fs::metadata(dir.join(path)).unwrap().len())).collect()
}

fn noise(seed: &mut u64) -> u64 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    *seed
}

#[test]
fn a_hundred_damages_are_errors_or_harmless() {
    let temp = tempfile::tempdir().unwrap();
    let good = temp.path().join("good");
    fill(&good);
    verify(&good).unwrap();
    let targets = targets(&good);
    let mut seed = std::env::var("SEED").map_or(0x9e37_79b9_7f4a_7c15, |s| s.parse().unwrap());
    let mut noticed = 0;
    let mut running = std::collections::VecDeque::new();
    for number in 0..100 {
        let draw = noise(&mut seed);
        // Nine of ten in the engine's large file.
        let (file, length) = match number % 10 {
            0 => targets[draw as usize % targets.len()].clone(),
            _ => targets.iter().max_by_key(|(_, length)| *length).unwrap().clone(),
        };
        if length == 0 {
            continue;
        }
        let at = noise(&mut seed) % length;
        let bytes = if number % 2 == 0 { 1 } else { 64 };
        let name = format!("damage {number} of {bytes} in {} at {at}", file.display());
        let name = name.replace('/', "_");
        let bit = 1 << (draw % 8);
        running.push_back(Case::start(&good, name, |dir| {
            let change = |byte| if bytes == 1 { byte ^ bit } else { 0xa5 };
            overwrite(&dir.join(&file), at, change, bytes);
        }));
        if running.len() == 3 {
            noticed += usize::from(running.pop_front().unwrap().finish());
        }
    }
    noticed += running.into_iter().filter_map(|case| case.finish().then_some(())).count();
    println!("{noticed} of 100 were noticed");
    assert!(noticed > 10, "{noticed}");
}

#[test]
fn a_cut_off_file_is_an_error_or_harmless() {
    let temp = tempfile::tempdir().unwrap();
    let good = temp.path().join("good");
    fill(&good);
    let length = fs::metadata(good.join("log/db")).unwrap().len();
    let mut seed = 77;
    for cut in [0, 1, 20, 512 << 10, length / 2, length - 1]
        .into_iter()
        .chain(std::iter::repeat_with(|| noise(&mut seed) % length).take(8))
    {
        let case = Case::start(&good, format!("cut at {cut}"), |dir| {
            let db = OpenOptions::new().write(true).open(dir.join("log/db")).unwrap();
            db.set_len(cut).unwrap();
        });
        let noticed = case.finish();
        assert!(noticed || cut >= length / 2, "cut at {cut} of {length}");
    }
}

/// The owner learns of what others find; see `damage_that_a_read_finds_stops_the_ledger`.
#[test]
fn damage_under_an_open_store_is_told_to_its_owner() {
    let temp = tempfile::tempdir().unwrap();
    fill(temp.path());
    let store = Store::open(temp.path()).unwrap();
    assert!(store.damage().is_none());
    let db = temp.path().join("log/db");
    let length = fs::metadata(&db).unwrap().len();
    overwrite(&db, 0, |_| 0xa5, usize::try_from(length).unwrap());
    let reader = store.reader();
    assert!((31..=LAST).any(|index| reader.entry(index).is_err()));
    assert!(matches!(store.damage(), Some(StoreError::Damaged { .. })));
    // What sled would write at its end is of no use to anybody.
    std::mem::forget(store);
}

#[test]
fn files_that_are_gone_are_missed() {
    let temp = tempfile::tempdir().unwrap();
    let good = temp.path().join("good");
    fill(&good);
    for gone in ["log", "log/db"] {
        let case = Case::start(&good, format!("without {}", gone.replace('/', "_")), |dir| {
            let path = dir.join(gone);
            let removed =
                if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
            removed.unwrap();
        });
        assert!(case.finish(), "nobody misses {gone}");
    }
}

/// A write that did not get to the disk as a whole, because the machine stopped: it was not
/// acknowledged, so everything before it is there and nothing of it needs to be.
#[test]
fn a_torn_last_write_is_no_damage() {
    let temp = tempfile::tempdir().unwrap();
    let good = temp.path().join("good");
    fill(&good);
    let before = fs::read(good.join("log/db")).unwrap();
    let more = temp.path().join("more");
    copy(&good, &more);
    let mut store = Store::open(&more).unwrap();
    store.write(&write(LAST + 1..=LAST + 20)).unwrap();
    // As a kill leaves it: what sled writes when it is closed is not there.
    let after = fs::read(more.join("log/db")).unwrap();
    drop(store);
    let mut seed = 5;
    let (mut whole, mut none) = (0, 0);
    for round in 0..20 {
        let dir = temp.path().join(format!("torn{round}"));
        copy(&good, &dir);
        // Pages of 4096 bytes get to the disk in any order.
        let mut torn = after.clone();
        let pages = torn.len().div_ceil(4096);
        for page in 0..pages {
            let range = page * 4096..((page + 1) * 4096).min(torn.len());
            let lost = round > 0 && noise(&mut seed) % 20 < round;
            if lost {
                for at in range {
                    torn[at] = before.get(at).copied().unwrap_or(0);
                }
            }
        }
        fs::write(dir.join("log/db"), torn).unwrap();
        let store = Store::open(&dir).unwrap();
        let recovered = store.recovered().unwrap();
        assert!([LAST, LAST + 20].contains(&recovered.last), "a part of a write: {recovered:?}");
        let reader = store.reader();
        for index in (3..31).step_by(3).chain(31..=recovered.last) {
            assert_eq!(reader.entry(index).unwrap(), Some(entry(index)));
        }
        whole += usize::from(recovered.last > LAST);
        none += usize::from(recovered.last == LAST);
    }
    assert!(whole > 0 && none > 0, "{whole} {none}");
}

#[test]
fn a_full_disk_is_named_and_loses_nothing() {
    let temp = tempfile::tempdir().unwrap();
    let small = temp.path().join("small");
    fs::create_dir(&small).unwrap();
    let Some(disk) = SmallDisk::mount(&small, "12m") else { return };
    let dir = small.join("ledger");
    fill(&dir);
    let mut store = Store::open(&dir).unwrap();
    let mut last = LAST;
    let error = loop {
        match store.write(&write(last + 1..=last + 5)) {
            Ok(()) => last += 5,
            Err(error) => break error,
        }
        assert!(last < 10_000, "it never gets full");
    };
    assert!(matches!(&error, StoreError::DiskFull { dir: at } if *at == dir), "{error:?}");
    assert!(error.to_string().contains("free some"), "{error}");
    let again = store.write(&write(last + 1..=last + 5)).unwrap_err();
    assert!(matches!(again, StoreError::Broken { .. }), "{again}");
    drop(store);
    // Room for a start, and for a copy there is none.
    let full = check(&dir);
    assert!(matches!(full, Err(StoreError::DiskFull { .. })), "{full:?}");
    disk.resize("64m");
    let mut store = Store::open(&dir).unwrap();
    let found = store.recovered().unwrap().last;
    assert!(found >= last, "{found} of {last}");
    store.write(&write(found + 1..=found + 5)).unwrap();
    drop(store);
    assert!(check(&dir).unwrap().is_sound());
}
