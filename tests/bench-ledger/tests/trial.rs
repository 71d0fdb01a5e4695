//! `make trial` with the programs as tests build them: kill -9 in each step of the ledger's life while 500
//! reports arrive every second, and none that was answered may be missing afterwards.

use std::path::Path;
use std::process::Command;

#[test]
fn nothing_that_was_answered_is_lost() {
    let bench = Path::new(env!("CARGO_BIN_EXE_multibeam-bench-ledger"));
    // As it was built last: by all tests, or by hand.
    let multibeam = bench.with_file_name("multibeam");
    assert!(multibeam.exists(), "{} is missing (hint: build the workspace)", multibeam.display());
    let mut trial = Command::new(bench);
    trial.arg("--multibeam").arg(multibeam).args(["--etcd", ""]);
    trial.args(["--dir", env!("CARGO_TARGET_TMPDIR")]).arg("trial");
    let ended = trial.output().unwrap();
    let (told, errors) =
        (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert!(ended.status.success(), "{}\n{told}\n{errors}", ended.status);
    // Four thousand reports in each of five steps, on each member.
    assert!(told.contains("All 20000 reports were answered"), "{told}");
    println!("{told}");
}
