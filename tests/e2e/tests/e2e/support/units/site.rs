//! Hosts that are set up as deploy/README.md says, each below a directory and at an address of its
//! own.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use multibeam_e2e::{Program, Scratch, loopback, program_path, wait_for};
use nix::sys::signal::Signal;

use super::unit::Unit;

/// What a host is set up for.
pub(crate) struct Service<'a> {
    role: &'static str,
    /// Its file in deploy/systemd,
    unit: &'static str,
    /// what stands behind its `@`,
    instance: String,
    /// who its certificate is for,
    holder: String,
    /// and what its files below /etc/multibeam begin with.
    files: String,
    /// The suite of a worker.
    suite: Option<&'a Path>,
    /// Further files below /etc/multibeam.
    more: &'a [(String, PathBuf)],
}

impl<'a> Service<'a> {
    /// The member of the ledger with this number.
    pub(crate) fn aggregator(node: u64) -> Self {
        Self {
            role: "aggregator",
            unit: "multibeam-aggregator@.service",
            instance: node.to_string(),
            holder: node.to_string(),
            files: "aggregator".to_owned(),
            suite: None,
            more: &[],
        }
    }

    /// The coordinator of this name.
    pub(crate) fn coordinator(name: &str) -> Self {
        Self {
            role: "coordinator",
            unit: "multibeam-coordinator.service",
            instance: String::new(),
            holder: name.to_owned(),
            files: "coordinator".to_owned(),
            suite: None,
            more: &[],
        }
    }

    /// A worker of a cluster.
    pub(crate) fn worker(cluster: &str, suite: &'a Path, more: &'a [(String, PathBuf)]) -> Self {
        Self {
            role: "worker",
            unit: "multibeam-worker@.service",
            instance: cluster.to_owned(),
            holder: cluster.to_owned(),
            files: format!("worker-{cluster}"),
            suite: Some(suite),
            more,
        }
    }
}

/// A unit on a host.
pub(crate) struct Installed {
    unit: Unit,
    /// Where it serves its admin pages.
    admin: String,
    program: Option<Program>,
}

/// All hosts.
pub(crate) struct Site {
    pub(crate) scratch: Scratch,
    /// The examples' names of hosts, and the addresses that stand for them.
    addresses: BTreeMap<String, String>,
    hosts: u32,
}

impl Site {
    /// A site with these hosts, whose names stand in the examples of environment files.
    pub(crate) fn new(names: &[&str]) -> Self {
        let scratch = Scratch::new();
        let _ = scratch.run(["pki", "ca"]).expect(0);
        let addresses = names.iter().map(|name| ((*name).to_owned(), loopback())).collect();
        Self { scratch, addresses, hosts: 0 }
    }

    /// The address of a named host.
    pub(crate) fn address(&self, name: &str) -> &str {
        &self.addresses[name]
    }

    /// Installs a service on a host: program, unit, environment, certificate, and what else it
    /// names. Of the files in deploy/systemd nothing is changed but addresses and, where the
    /// example says that each host has its own, the name.
    pub(crate) fn install(&mut self, name: Option<&str>, service: &Service<'_>) -> Installed {
        let address = name.map_or_else(loopback, |name| self.addresses[name].clone());
        self.hosts += 1;
        let host = self.scratch.path().join(format!("host-{}", self.hosts));
        link(&program_path(), &host.join("usr/local/bin/multibeam"));
        let (etc, units) = (host.join("etc/multibeam"), host.join("etc/systemd/system"));
        fs::create_dir_all(&etc).unwrap();
        fs::create_dir_all(&units).unwrap();

        let Service { role, holder, files, .. } = service;
        let issue = ["pki", "issue", role, "--name", holder, "--host", &address];
        let _ = self.scratch.run(issue).expect(0);
        let pki = self.scratch.path().join("pki");
        fs::copy(pki.join("ca.pem"), etc.join("ca.pem")).unwrap();
        for kind in ["pem", "key"] {
            let issued = pki.join(format!("{role}-{holder}.{kind}"));
            fs::copy(issued, etc.join(format!("{files}.{kind}"))).unwrap();
        }
        let environment = self.environment(service, &address);
        fs::write(etc.join(format!("{files}.env")), &environment).unwrap();
        if let Some(suite) = service.suite {
            link(suite, &host.join(variable(&environment, "SUITE").trim_start_matches('/')));
        }
        for (name, from) in service.more {
            fs::copy(from, etc.join(name)).unwrap();
        }

        let unit = units.join(service.unit);
        fs::copy(deploy().join(service.unit), &unit).unwrap();
        let admin = variable(&environment, "ADMIN").to_owned();
        Installed { unit: Unit::read(&host, &unit, &service.instance), admin, program: None }
    }

    /// The example of a service's environment with the addresses of this site.
    fn environment(&self, service: &Service<'_>, address: &str) -> String {
        let example = deploy().join(format!("{}.env", service.role));
        let mut text = fs::read_to_string(example).unwrap();
        for (name, address) in &self.addresses {
            text = text.replace(&format!("{name}.example.com"), address);
        }
        assert!(!text.contains("example.com"), "a host is not of this site: {text}");
        // All hosts are this one.
        text = text.replace("0.0.0.0", address).replace("=127.0.0.1:", &format!("={address}:"));
        text.replace("NAME=coordinator-1", &format!("NAME={}", service.holder))
    }
}

impl Installed {
    /// `systemctl start`.
    pub(crate) fn start(&mut self) {
        assert!(self.program.is_none());
        self.program = Some(Program::start(self.unit.start()));
    }

    /// `systemctl reload`.
    pub(crate) fn reload(&self) {
        self.program.as_ref().unwrap().signal(Signal::SIGHUP);
    }

    /// `systemctl stop`. It must end by itself, as one that need not be started again.
    pub(crate) fn stop(&mut self) {
        let program = self.program.take().unwrap();
        program.signal(Signal::SIGTERM);
        let _ = program.wait().expect(0);
    }

    /// Whether its admin page says that it can do its work.
    pub(crate) fn is_ready(&self) -> bool {
        self.page("/ready").is_ok()
    }

    /// An admin page, if the answer is 200.
    pub(crate) fn page(&self, path: &str) -> Result<String, String> {
        let ask = || -> std::io::Result<String> {
            let mut stream = TcpStream::connect(&self.admin)?;
            stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes())?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        };
        let answer = ask().map_err(|error| format!("{}: {error}", self.admin))?;
        let (head, body) = answer.split_once("\r\n\r\n").ok_or("half an answer")?;
        match head.starts_with("HTTP/1.0 200") {
            true => Ok(body.to_owned()),
            false => Err(answer),
        }
    }

    /// Waits until it is.
    pub(crate) fn wait_until_ready(&self) {
        wait_for(&format!("{} to be ready", self.admin), || self.is_ready().then_some(()));
    }
}

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/systemd")
}

fn link(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    symlink(from, to).unwrap();
}

fn variable<'a>(environment: &'a str, name: &str) -> &'a str {
    let mut lines = environment.lines();
    lines.find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).unwrap()
}
