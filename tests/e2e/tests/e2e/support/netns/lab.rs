//! Hosts and a router between them, each in a network namespace. Nothing leaves this machine, and
//! nothing of it is seen outside of the namespaces: neither addresses, nor links, nor rules.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, Once, PoisonError};

use multibeam_e2e::wait_for;
use multibeam_host::skip;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::fault::{self, Fault};
use super::permitted::{obstacle, run};

/// Namespaces of labs begin so, followed by the process that made them.
const PREFIX: &str = "mblab-";

/// `ip netns` prepares its directory when it is first used, which two at once do not survive.
static MAKING: Mutex<()> = Mutex::new(());

/// Where this variable is set to `required`, a test that cannot make networks fails instead of being
/// skipped: a machine that is there to run them must not let them out unseen.
const REQUIRED: &str = "MULTIBEAM_NETWORK_TESTS";

/// A network for one test. It goes with its owner, and so does everything that runs in it.
#[derive(Debug)]
pub(crate) struct Lab {
    name: String,
    hosts: Vec<&'static str>,
}

/// How the namespaces of this process begin.
pub(super) fn own_prefix() -> String {
    format!("{PREFIX}{}-", std::process::id())
}

impl Lab {
    /// A network of these hosts; `None` where none can be made, which is told.
    ///
    /// # Panics
    /// When networks are required, and none can be made.
    pub(crate) fn new(hosts: &[&'static str]) -> Option<Self> {
        static LABS: AtomicU32 = AtomicU32::new(1);
        static LEFTOVERS: Once = Once::new();
        let _making = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(obstacle) = obstacle() {
            skip(&format!("no network namespaces here: {obstacle}"), REQUIRED);
            return None;
        }
        LEFTOVERS.call_once(remove_leftovers);
        let name = format!("{}{}-", own_prefix(), LABS.fetch_add(1, Ordering::Relaxed));
        let lab = Self { name, hosts: hosts.to_vec() };
        lab.build();
        Some(lab)
    }

    fn build(&self) {
        let router = self.namespace("router");
        let names =
            [router.clone()].into_iter().chain(self.hosts.iter().map(|h| self.namespace(h)));
        let add: String = names.map(|name| format!("netns add {name}\n")).collect();
        must(&["ip", "-batch", "-"], &add);
        let mut links = String::new();
        for (place, host) in (1..).zip(&self.hosts) {
            let namespace = self.namespace(host);
            links += &format!("link add to{place} type veth peer name wire netns {namespace}\n");
            links += &format!("addr add 10.99.{place}.1/30 dev to{place}\n");
            links += &format!("link set to{place} up\n");
        }
        must(&["ip", "-n", &router, "-batch", "-"], &links);
        for (place, host) in (1..).zip(&self.hosts) {
            let link = format!(
                "link set lo up\naddr add 10.99.{place}.2/30 dev wire\nlink set wire up\n\
                 route add default via 10.99.{place}.1\n"
            );
            must(&["ip", "-n", &self.namespace(host), "-batch", "-"], &link);
        }
        let forward = "echo 1 > /proc/sys/net/ipv4/ip_forward";
        must(&["ip", "netns", "exec", &router, "sh", "-c", forward], "");
        self.faults(&[]);
    }

    fn namespace(&self, host: &str) -> String {
        format!("{}{host}", self.name)
    }

    /// The address of a host.
    pub(crate) fn address(&self, host: &str) -> String {
        let place = self.hosts.iter().position(|known| *known == host);
        format!("10.99.{}.2", place.unwrap_or_else(|| panic!("no host {host}")) + 1)
    }

    /// A command as it is given on a host.
    pub(crate) fn at(&self, host: &str, command: &Command) -> Command {
        let mut there = Command::new("ip");
        there.args(["netns", "exec", &self.namespace(host)]);
        there.arg(command.get_program()).args(command.get_args());
        if let Some(directory) = command.get_current_dir() {
            there.current_dir(directory);
        }
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => there.env(name, value),
                None => there.env_remove(name),
            };
        }
        there
    }

    /// From now on exactly these faults are there.
    pub(crate) fn faults(&self, faults: &[Fault<'_>]) {
        let script = fault::script(faults, &|host| self.address(host));
        must(&["ip", "netns", "exec", &self.namespace("router"), "nft", "-f", "-"], &script);
    }

    /// The processes on a host.
    pub(crate) fn processes(&self, host: &str) -> Vec<i32> {
        processes(&self.namespace(host))
    }

    /// Kills everything on a host.
    pub(crate) fn kill_all(&self, host: &str) {
        kill_all(&self.namespace(host));
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for host in &self.hosts {
            remove(&self.namespace(host));
        }
        remove(&self.namespace("router"));
    }
}

/// The test cannot go on without it.
fn must(words: &[&str], input: &str) {
    if let Err(error) = run(words, input) {
        panic!("{error}\n{input}");
    }
}

fn processes(namespace: &str) -> Vec<i32> {
    let listed = run(&["ip", "netns", "pids", namespace], "").unwrap_or_default();
    listed.lines().filter_map(|line| line.trim().parse().ok()).collect()
}

fn kill_all(namespace: &str) {
    // What dies may just have started something.
    wait_for("the end of all processes on a host", || {
        let left = processes(namespace);
        for pid in &left {
            let _ = kill(Pid::from_raw(*pid), Signal::SIGKILL);
        }
        left.is_empty().then_some(())
    });
}

/// A namespace whose processes live would live on without a name.
fn remove(namespace: &str) {
    for pid in processes(namespace) {
        let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
    }
    let _ = run(&["ip", "netns", "del", namespace], "");
}

/// Removes what test programs left that were killed.
fn remove_leftovers() {
    let listed = run(&["ip", "netns", "list"], "").unwrap_or_default();
    // Some are followed by a number.
    for name in listed.lines().filter_map(|line| line.split(' ').next()) {
        let maker = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next());
        let maker = maker.and_then(|maker| maker.parse::<i32>().ok());
        if maker.is_some_and(|maker| kill(Pid::from_raw(maker), None).is_err()) {
            remove(name);
        }
    }
}
