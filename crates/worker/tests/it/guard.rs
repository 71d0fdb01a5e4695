//! Guards over real processes.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::common::{alive, eventually, guard, number_in};
use multibeam_worker::guard::clock::BootMillis;
use multibeam_worker::guard::wire::{Exit, Signal};
use multibeam_worker::spool::Loss;
use multibeam_worker::suite::process::{Handle, Launch, SpawnError, spawn};
use nix::sys::signal::{Signal as Unix, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

const LONG: Duration = Duration::from_secs(3600);

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn launch(dir: &TempDir, program: &str, args: &[&str]) -> Launch {
    let lease = BootMillis::now().after(LONG);
    Launch::new(Path::new(program), dir.path(), &dir.path().join("spool"), lease).args(args)
}

async fn shell(dir: &TempDir, script: &str) -> Handle {
    spawn(&guard(), launch(dir, "/bin/sh", &["-c", script])).await.unwrap()
}

/// Starts the fixture with the deaf grandchild; gives the grandchild's process id.
async fn family(dir: &TempDir, then: &str, lease: BootMillis) -> (Handle, i32) {
    let pid_file = dir.path().join("grandchild");
    let script = fixture("family.sh");
    let mut launch = launch(dir, script.to_str().unwrap(), &[pid_file.to_str().unwrap(), then]);
    launch.lease = lease;
    let handle = spawn(&guard(), launch).await.unwrap();
    let grandchild = number_in(&pid_file).await;
    (handle, grandchild)
}

#[tokio::test]
async fn tells_how_a_process_ended_and_what_it_said() {
    let dir = tempfile::tempdir().unwrap();
    let mut handle = shell(&dir, "echo out; echo err >&2; exit 7").await;
    assert_eq!(handle.wait().await, Exit::Code(7));
    assert_eq!(handle.wait().await, Exit::Code(7), "asking again is allowed");
    assert_eq!(handle.output_tail(100), "out\nerr\n");

    let mut handle = shell(&dir, "kill -SEGV $$").await;
    assert_eq!(handle.wait().await, Exit::Signal(11));
    let mut handle = shell(&dir, "kill -KILL $$").await;
    assert_eq!(handle.wait().await, Exit::Signal(9), "nobody ordered that");
}

#[tokio::test]
async fn output_that_is_not_kept_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let full = |path: &Path, limit| {
        let script = "yes | head -c 300000; echo the end";
        let mut launch = launch(&dir, "/bin/sh", &["-c", script]);
        (launch.spool, launch.spool_limit) = (path.to_owned(), limit);
        launch
    };
    // A disk without room: the kernel has one for tests.
    let mut handle = spawn(&guard(), full(Path::new("/dev/full"), 1 << 20)).await.unwrap();
    assert!(handle.wait().await.is_success(), "a full disk ends no suite");
    let lost = handle.loss().borrow().clone().unwrap();
    assert!(lost.error.unwrap().contains("No space left on device"));
    assert_eq!(lost.bytes, 300_008);

    let mut handle = spawn(&guard(), full(&dir.path().join("spool"), 100_000)).await.unwrap();
    assert!(handle.wait().await.is_success());
    let lost = handle.loss().borrow().clone();
    let bytes = 200_008 - multibeam_worker::spool::TAIL as u64;
    assert_eq!(lost, Some(Loss { bytes, error: None }));
    assert!(handle.output_tail(20).ends_with("the end\n"));
}

#[tokio::test]
async fn passes_environment_and_directory() {
    let dir = tempfile::tempdir().unwrap();
    let launch = launch(&dir, "/bin/sh", &["-c", "echo $GINKGO_PARALLEL_PROTOCOL $MINE; pwd"]);
    let mut handle = spawn(&guard(), launch.env("MINE", "yours")).await.unwrap();
    assert!(handle.wait().await.is_success());
    let real = dir.path().canonicalize().unwrap();
    assert_eq!(handle.output_tail(1000), format!("HTTP yours\n{}\n", real.display()));
}

#[tokio::test]
async fn what_cannot_run_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let mut handle = spawn(&guard(), launch(&dir, "/no/such/program", &[])).await.unwrap();
    assert_eq!(handle.wait().await, Exit::Code(126));
    assert!(handle.output_tail(1000).contains("No such file"), "{}", handle.output_tail(1000));

    let mut unspoolable = launch(&dir, "/bin/true", &[]);
    unspoolable.spool = dir.path().join("no/such/directory");
    let error = spawn(&guard(), unspoolable).await.unwrap_err();
    assert!(matches!(&error, SpawnError::Suite { reason, .. } if reason.contains("spool")));
}

#[tokio::test]
async fn signals_reach_the_process_and_not_its_children() {
    let dir = tempfile::tempdir().unwrap();
    let script = r#"
        trap 'echo usr1' USR1
        trap 'echo int; kill $child; exit 5' INT
        sh -c 'trap "echo child hit" INT USR1; while :; do sleep 0.05; done' & child=$!
        echo ready
        while :; do sleep 0.05; done"#;
    // In the background of a script SIGINT is ignored, and a shell cannot trap what it was started
    // to ignore.
    let file = dir.path().join("script");
    std::fs::write(&file, script).unwrap();
    let start = format!("exec env --default-signal=INT sh {}", file.display());
    let mut handle = shell(&dir, &start).await;
    eventually("ready", || handle.output_tail(100).contains("ready").then_some(())).await;
    handle.signal(Signal::Progress).await;
    eventually("usr1", || handle.output_tail(100).contains("usr1").then_some(())).await;
    handle.signal(Signal::Interrupt).await;
    assert_eq!(handle.wait().await, Exit::Code(5));
    assert_eq!(handle.output_tail(100), "ready\nusr1\nint\n");
}

#[tokio::test]
async fn kill_takes_the_whole_tree() {
    let dir = tempfile::tempdir().unwrap();
    let (mut handle, grandchild) = family(&dir, "stay", BootMillis::now().after(LONG)).await;
    assert!(alive(grandchild) && alive(handle.pid()));
    handle.kill().await;
    assert_eq!(handle.wait().await, Exit::Killed);
    assert!(!alive(grandchild) && !alive(handle.pid()));
}

#[tokio::test]
async fn nothing_outlives_a_process_that_ends_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let (mut handle, grandchild) = family(&dir, "leave", BootMillis::now().after(LONG)).await;
    assert_eq!(handle.wait().await, Exit::Code(3));
    assert!(!alive(grandchild));
}

#[tokio::test]
async fn a_lost_worker_takes_the_tree_along() {
    let dir = tempfile::tempdir().unwrap();
    let (handle, grandchild) = family(&dir, "stay", BootMillis::now().after(LONG)).await;
    let pid = handle.pid();
    drop(handle);
    eventually("tree gone", || (!alive(grandchild) && !alive(pid)).then_some(())).await;
}

#[tokio::test]
async fn a_lease_that_is_not_renewed_ends_the_tree() {
    let dir = tempfile::tempdir().unwrap();
    let (mut handle, grandchild) = family(&dir, "stay", BootMillis::now().after(LONG)).await;
    handle.renew(BootMillis::now().after(Duration::from_millis(100))).await;
    assert_eq!(handle.wait().await, Exit::LeaseExpired);
    assert!(!alive(grandchild));
}

/// The worker is another process here: it renews, is stopped (its pipe stays open), and the tree
/// dies all the same.
#[tokio::test]
async fn a_stopped_worker_cannot_keep_the_tree_alive() {
    let dir = tempfile::tempdir().unwrap();
    let (worker_file, grandchild_file) = (dir.path().join("worker"), dir.path().join("grandchild"));
    let lease = BootMillis::now().after(Duration::from_secs(20));
    let mut worker = Command::new(fixture("renew.sh"))
        .arg(&worker_file)
        .arg("3000")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut guard = Command::new(env!("CARGO_BIN_EXE_guard-fixture"))
        .args(["guard", dir.path().join("spool").to_str().unwrap(), "1000", &lease.0.to_string()])
        // Its name and the program.
        .args([fixture("family.sh"), fixture("family.sh")])
        .arg(&grandchild_file)
        .arg("stay")
        .stdin(worker.stdout.take().unwrap())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let worker_pid = number_in(&worker_file).await;
    let grandchild = number_in(&grandchild_file).await;
    let started = BootMillis::now();
    // Longer than any single lease of this worker: it lives by renewals only.
    eventually("several leases", || {
        assert!(alive(grandchild), "the tree died although its lease was renewed");
        (BootMillis::now() > started.after(Duration::from_secs(5))).then_some(())
    })
    .await;
    kill(Pid::from_raw(worker_pid), Unix::SIGSTOP).unwrap();
    eventually("tree gone", || (!alive(grandchild)).then_some(())).await;
    assert!(guard.wait().unwrap().success());
    assert!(alive(worker_pid), "the worker was only stopped");
    worker.kill().unwrap();
    worker.wait().unwrap();
}

#[tokio::test]
async fn a_killed_guard_takes_its_suite_along() {
    let dir = tempfile::tempdir().unwrap();
    let mut handle = shell(&dir, "while :; do sleep 1; done").await;
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", handle.pid())).unwrap();
    let parent = stat.rsplit(')').next().unwrap().split_whitespace().nth(1).unwrap();
    let guard: i32 = parent.parse().unwrap();
    assert_ne!(guard, i32::try_from(std::process::id()).unwrap());
    kill(Pid::from_raw(guard), Unix::SIGKILL).unwrap();
    assert_eq!(handle.wait().await, Exit::GuardLost);
    let suite = handle.pid();
    eventually("suite gone", || (!alive(suite)).then_some(())).await;
}

#[tokio::test]
async fn a_guard_is_out_of_the_terminals_reach() {
    let dir = tempfile::tempdir().unwrap();
    let mut handle = shell(&dir, "while :; do sleep 1; done").await;
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", handle.pid())).unwrap();
    let fields: Vec<i32> = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .skip(1)
        .take(3)
        .map(|field| field.parse().unwrap())
        .collect();
    let [guard, group, session] = fields[..] else { panic!("{stat}") };
    assert_eq!(session, guard, "the guard leads a session");
    assert_eq!(group, handle.pid(), "the suite leads a group");
    handle.kill().await;
    assert_eq!(handle.wait().await, Exit::Killed);
}

#[tokio::test]
async fn output_is_bounded_and_never_blocks() {
    let dir = tempfile::tempdir().unwrap();
    let script = "echo begin; i=0; while [ $i -lt 300 ]; do printf '%01000d\n' $i; i=$((i+1)); done; echo the end";
    let mut launch = launch(&dir, "/bin/sh", &["-c", script]);
    launch.spool_limit = 1000;
    let mut handle = spawn(&guard(), launch).await.unwrap();
    assert!(handle.wait().await.is_success());
    let spool = std::fs::read_to_string(dir.path().join("spool")).unwrap();
    assert!(spool.starts_with("begin\n") && spool.ends_with("the end\n"));
    assert!(spool.contains("bytes of output left out"));
    assert!(spool.len() < 100_000, "{}", spool.len());
}

/// /dev/full is a disk that is always full.
#[tokio::test]
async fn a_full_disk_does_not_end_a_suite() {
    let dir = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/dev/full", dir.path().join("spool")).unwrap();
    let script = "i=0; while [ $i -lt 3000 ]; do printf '%01000d\n' $i; i=$((i+1)); done; exit 4";
    let mut handle = shell(&dir, script).await;
    assert_eq!(handle.wait().await, Exit::Code(4));
}
