//! A process that is killed with SIGKILL while it proposes loses nothing that was answered.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command as Process, Stdio};

use multibeam_aggregator::{Aggregator, Store};
use multibeam_model::command::{Command, Reply};
use multibeam_model::{RunId, Timestamp};

const DIR: &str = "MULTIBEAM_TEST_LEDGER_DIR";
const ROUND: &str = "MULTIBEAM_TEST_ROUND";
const TASKS: u64 = 6;

fn create(name: &str) -> Command {
    // The bytes follow from the name, so that the reader knows what must be there.
    let sum: u64 = name.bytes().fold(7, |sum, byte| sum * 31 % 99_991 + u64::from(byte));
    let length = if sum.is_multiple_of(5) { sum % 60_000 } else { sum % 900 };
    let spec = (0..length).map(|place| (place * sum % 251) as u8).collect();
    Command::CreateRun { run: RunId::from(name), spec, seed: sum as i64, at: Timestamp(1) }
}

/// The child: proposes until it is killed, and prints the name of each run that was answered.
/// Does nothing when the test runs in the ordinary way.
#[test]
fn child() {
    let (Ok(dir), Ok(round)) = (std::env::var(DIR), std::env::var(ROUND)) else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let handle = Aggregator::alone(Store::open(dir).unwrap()).unwrap();
        let mut tasks = tokio::task::JoinSet::new();
        for task in 0..TASKS {
            let (handle, round) = (handle.clone(), round.clone());
            tasks.spawn(async move {
                for number in 0.. {
                    let name = format!("{round}-{task}-{number}");
                    let replies = handle.propose(vec![create(&name)]).await.unwrap();
                    assert_eq!(replies, [Reply::Done]);
                    println!("\nanswered {name}");
                }
            });
        }
        tasks.join_all().await;
    });
}

fn run_and_kill(dir: &Path, round: usize, after: usize) -> Vec<String> {
    let mut child = Process::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill::child", "--nocapture"])
        .env(DIR, dir)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut answered = Vec::new();
    for line in lines {
        let Ok(line) = line else { break };
        answered.extend(line.strip_prefix("answered ").map(str::to_owned));
        if answered.len() == after {
            // What is still in the pipe was answered as well.
            child.kill().unwrap();
        }
    }
    let status = child.wait().unwrap();
    assert!(answered.len() >= after, "the child ended by itself: {status}");
    answered
}

#[test]
fn nothing_that_was_answered_is_missing() {
    let temp = tempfile::tempdir().unwrap();
    let mut answered = Vec::new();
    let mut before = 0;
    for (round, after) in [1, 250, 3, 90, 17, 600, 41, 2].into_iter().enumerate() {
        answered.extend(run_and_kill(temp.path(), round, after));
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let _context = runtime.enter();
        let handle = Aggregator::alone(Store::open(temp.path()).unwrap()).unwrap();
        let applied = *handle.applied().borrow();
        assert!(applied >= before, "the log got shorter");
        before = applied;
        for name in &answered {
            let Command::CreateRun { run, spec, seed, .. } = create(name) else { unreachable!() };
            let record = handle.record(&run).unwrap_or_else(|| panic!("{name} is lost"));
            assert!(record.spec == spec && record.seed == seed, "{name} is another one");
        }
        runtime.block_on(handle.shutdown()).unwrap();
    }
}
