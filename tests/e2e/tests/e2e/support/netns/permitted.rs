//! Whether this machine lets a test make networks, and the commands that make them.

use std::io::{ErrorKind, Write as _};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use super::fault::{Fault, script};

/// Runs a command to its end with this as its input.
pub(super) fn run(words: &[&str], input: &str) -> Result<String, String> {
    let what = words.join(" ");
    let child = Command::new(words[0])
        .args(&words[1..])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.map_err(|error| match error.kind() {
        ErrorKind::NotFound => {
            format!("there is no `{}` (hint: install iproute2 and nftables)", words[0])
        }
        _ => format!("{what}: {error}"),
    })?;
    // It may end without reading; then its status tells.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().map_err(|error| format!("{what}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{what}: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Why a test cannot make networks here, if it cannot. Found out by making one.
pub(super) fn obstacle() -> Option<&'static str> {
    static OBSTACLE: OnceLock<Option<String>> = OnceLock::new();
    let found = OBSTACLE.get_or_init(|| {
        let name = format!("{}probe", super::lab::own_prefix());
        let made = run(&["ip", "netns", "add", &name], "").and_then(|_| {
            let link = ["ip", "-n", &name, "link", "add", "one", "type", "veth", "peer", "two"];
            run(&link, "")?;
            // The rule that asks most of the kernel.
            let rule = script(&[Fault::Lossy("", &[""], 20)], &|_| "10.99.0.1".to_owned());
            run(&["ip", "netns", "exec", &name, "nft", "-f", "-"], &rule)?;
            let forward = "echo 1 > /proc/sys/net/ipv4/ip_forward";
            run(&["ip", "netns", "exec", &name, "sh", "-c", forward], "")
        });
        let _ = run(&["ip", "netns", "del", &name], "");
        made.err()
    });
    found.as_deref()
}
