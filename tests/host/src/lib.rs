//! What some tests need of the machine and not every machine gives. Where it is missing, they are
//! skipped, which they say; where a variable says that it must be there, they fail.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// `required` in this variable: small file systems must be had.
const DISKS: &str = "MULTIBEAM_DISK_TESTS";

/// A test cannot do its work here, and ends when this returns.
///
/// # Panics
/// When `variable` is set to `required`: a machine that is there to run such tests must not let them
/// out unseen.
pub fn skip(obstacle: &str, variable: &str) {
    let required = std::env::var_os(variable).is_some_and(|value| value == "required");
    assert!(!required, "{obstacle} (hint: {variable} is set to `required`)");
    let test = std::thread::current().name().unwrap_or_default().to_owned();
    // Not `eprintln`, which nobody sees of a test that passes.
    let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {obstacle}");
}

/// A small file system in memory, which is soon full. It goes with its owner.
#[derive(Debug)]
pub struct SmallDisk {
    at: PathBuf,
}

impl SmallDisk {
    /// Mounts one of a size such as `3m` on a directory; `None` where that is not permitted, which is
    /// told.
    #[must_use]
    pub fn mount(at: &Path, size: &str) -> Option<Self> {
        let options = format!("size={size}");
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(at).output();
        let obstacle = match mount {
            Ok(done) if done.status.success() => return Some(Self { at: at.to_owned() }),
            Ok(done) => String::from_utf8_lossy(&done.stderr).trim().to_owned(),
            Err(error) => format!("mount: {error}"),
        };
        skip(&format!("no small file systems here: {obstacle}"), DISKS);
        None
    }

    /// Gives it another size.
    ///
    /// # Panics
    /// When that fails.
    pub fn resize(&self, size: &str) {
        let options = format!("remount,size={size}");
        let mount = Command::new("mount").args(["-o", &options]).arg(&self.at).status();
        assert!(mount.unwrap().success(), "{} cannot be resized to {size}", self.at.display());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Somebody may still have a file open there; it goes when they have let go of it.
        let _ = Command::new("umount").arg("-l").arg(&self.at).status();
    }
}
