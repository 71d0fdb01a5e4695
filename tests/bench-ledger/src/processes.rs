//! Programs under measurement, and what the kernel says of them.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::Outcome;

/// Ticks of a second in `/proc`: `USER_HZ`, which Linux keeps at 100 for programs, whatever its own is.
const TICKS: f64 = 100.0;

/// A running program. It is killed when this is dropped.
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts it; what it says goes to a file.
    pub(crate) fn start(mut command: Command, log: PathBuf) -> Outcome<Self> {
        let said = fs::OpenOptions::new().create(true).append(true).open(&log)?;
        let child =
            command.stdin(Stdio::null()).stdout(said.try_clone()?).stderr(said).spawn().map_err(
                |error| format!("cannot start {}: {error}", command.get_program().display()),
            )?;
        Ok(Self { child, log })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL, as a lost machine.
    pub(crate) fn kill(&mut self) -> Outcome<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// An error with what it said last, if it has ended by itself.
    pub(crate) fn check(&mut self) -> Outcome<()> {
        let Some(status) = self.child.try_wait()? else { return Ok(()) };
        let last = self.last_words();
        Err(format!("a program under measurement has ended ({status}):\n{last}").into())
    }

    /// The end of its log.
    pub(crate) fn last_words(&self) -> String {
        let said = fs::read_to_string(&self.log).unwrap_or_default();
        let last = said.lines().rev().take(20).collect::<Vec<_>>();
        last.into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    /// The most memory that it has had in RAM since it began, or since [`Process::forget_peak`].
    pub(crate) fn peak_bytes(&self) -> Outcome<u64> {
        let text = fs::read_to_string(format!("/proc/{}/status", self.id()))?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
        Ok(kib.ok_or("no VmHWM in /proc")? << 10)
    }

    /// Begins to look for the peak anew (proc(5), `clear_refs`): at what it has now, which it gives.
    pub(crate) fn forget_peak(&self) -> Outcome<u64> {
        fs::write(format!("/proc/{}/clear_refs", self.id()), "5")?;
        self.peak_bytes()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have been killed before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The processor time that processes use from now on.
pub(crate) struct Meter {
    processes: Vec<u32>,
    begun: Duration,
}

impl Meter {
    pub(crate) fn start(processes: Vec<u32>) -> Outcome<Self> {
        let begun = used(&processes)?;
        Ok(Self { processes, begun })
    }

    pub(crate) fn read(&self) -> Outcome<Duration> {
        Ok(used(&self.processes)?.saturating_sub(self.begun))
    }
}

/// User and system time (proc(5), fields 14 and 15 of `stat`).
fn used(processes: &[u32]) -> Outcome<Duration> {
    let mut ticks = 0;
    for process in processes {
        let text = fs::read_to_string(format!("/proc/{process}/stat"))?;
        // The name, in parentheses, may contain anything.
        let (_, rest) = text.rsplit_once(')').ok_or("/proc/…/stat has no name")?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        for field in [11, 12] {
            ticks += fields.get(field).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
        }
    }
    Ok(Duration::from_secs_f64(ticks as f64 / TICKS))
}

/// Bytes that the files below a directory occupy. Files that go meanwhile count nothing.
pub(crate) fn disk_bytes(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(data) if data.is_dir() => disk_bytes(&entry.path()),
            // The unit of `st_blocks` is 512 bytes, whatever the file system's is.
            Ok(data) => data.blocks() * 512,
            Err(_) => 0,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_words_are_understood() {
        let meter = Meter::start(vec![std::process::id()]).unwrap();
        let begun = std::time::Instant::now();
        while begun.elapsed() < Duration::from_millis(60) {
            std::hint::black_box(0);
        }
        assert!(meter.read().unwrap() >= Duration::from_millis(10));
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("inner")).unwrap();
        let before = disk_bytes(dir.path());
        fs::write(dir.path().join("inner/file"), vec![7; 100_000]).unwrap();
        fs::File::open(dir.path().join("inner/file")).unwrap().sync_all().unwrap();
        assert!(disk_bytes(dir.path()) >= before + 100_000);
    }
}
