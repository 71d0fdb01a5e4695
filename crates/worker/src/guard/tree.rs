//! The descendants of a process, from /proc.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Kills every descendant of `ancestor` that exists at this moment. New ones may appear while it
/// looks, so it is called until nothing is left.
pub(super) fn kill_descendants(ancestor: Pid) {
    for pid in descendants(ancestor.as_raw(), &parents()) {
        // It may be gone already.
        let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
    }
}

/// Process id and parent of all processes.
fn parents() -> BTreeMap<i32, i32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return BTreeMap::new();
    };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid: i32| {
        let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
        Some((pid, parent(&stat)?))
    })
    .collect()
}

/// The fourth field; the second, the program's name in parentheses, may hold anything.
fn parent(stat: &[u8]) -> Option<i32> {
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(&stat[end + 1..]).ok()?;
    rest.split_ascii_whitespace().nth(1)?.parse().ok()
}

fn descendants(ancestor: i32, parents: &BTreeMap<i32, i32>) -> BTreeSet<i32> {
    let mut found = BTreeSet::new();
    loop {
        let more = parents.iter().filter(|(pid, parent)| {
            (**parent == ancestor || found.contains(*parent)) && !found.contains(*pid)
        });
        let more: Vec<i32> = more.map(|(pid, _)| *pid).collect();
        if more.is_empty() {
            return found;
        }
        found.extend(more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_parent_behind_any_name() {
        assert_eq!(parent(b"12 (sh) S 7 12 12 0"), Some(7));
        assert_eq!(parent(b"12 (a) 9 (b\xff) ) R 3 1"), Some(3));
        assert_eq!(parent(b"12 (sh"), None);
    }

    #[test]
    fn finds_all_generations() {
        let parents = BTreeMap::from([(1, 0), (5, 1), (4, 5), (3, 4), (9, 1), (10, 9)]);
        assert_eq!(descendants(5, &parents), BTreeSet::from([3, 4]));
        assert_eq!(descendants(7, &parents), BTreeSet::new());
    }

    #[test]
    fn sees_this_process() {
        assert!(parents().contains_key(&i32::try_from(std::process::id()).unwrap()));
    }
}
