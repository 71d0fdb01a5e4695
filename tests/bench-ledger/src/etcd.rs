//! The yardstick: three members of etcd on loopback, with the same certificates.
//!
//! The messages are the part of
//! [etcd's `rpc.proto`](https://github.com/etcd-io/etcd/blob/v3.4.23/etcdserver/etcdserverpb/rpc.proto)
//! that is used here; protobuf skips what they leave out.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use bytes::Bytes;
use multibeam_rt::endpoints::Endpoints;
use multibeam_rt::identity::Role;
use multibeam_rt::tls::{PemFiles, Security};
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;

use crate::Outcome;
use crate::group::{Authority, MEMBERS, free_urls, security};
use crate::processes::Process;
use crate::store::Store;

/// The most that etcd recommends; its default of 2 GB would end a longer measurement.
const QUOTA_BYTES: u64 = 8 << 30;

const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(50);

/// `PutRequest`.
#[derive(Clone, PartialEq, prost::Message)]
struct PutRequest {
    #[prost(bytes = "bytes", tag = "1")]
    key: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    value: Bytes,
}

/// `PutResponse`, without its header.
#[derive(Clone, PartialEq, prost::Message)]
struct PutResponse {}

/// `StatusRequest`.
#[derive(Clone, PartialEq, prost::Message)]
struct StatusRequest {}

/// `StatusResponse`.
#[derive(Clone, PartialEq, prost::Message)]
struct StatusResponse {
    #[prost(message, optional, tag = "1")]
    header: Option<ResponseHeader>,
    #[prost(uint64, tag = "4")]
    leader: u64,
    #[prost(uint64, tag = "5")]
    raft_index: u64,
}

/// `ResponseHeader`.
#[derive(Clone, PartialEq, prost::Message)]
struct ResponseHeader {
    #[prost(uint64, tag = "2")]
    member_id: u64,
}

/// Three members of etcd.
pub(crate) struct Etcd {
    commands: Vec<Box<dyn Fn() -> Command>>,
    logs: std::path::PathBuf,
    members: Vec<Process>,
    urls: Vec<String>,
    security: Security,
}

/// A client of etcd, with connections of its own.
#[derive(Clone)]
pub(crate) struct Puts(Endpoints);

/// A key and a value.
#[derive(Clone)]
pub(crate) struct Pair {
    pub(crate) key: Bytes,
    pub(crate) value: Bytes,
}

// === impl Etcd ===

impl Etcd {
    /// Its version, if the program is there.
    pub(crate) fn version(program: &str) -> Option<String> {
        let said = Command::new(program).arg("--version").output().ok()?;
        Some(String::from_utf8_lossy(&said.stdout).lines().next()?.replace("etcd Version: ", ""))
    }

    pub(crate) async fn start(program: &str, dir: &Path, pki: &Authority) -> Outcome<Self> {
        std::fs::create_dir_all(dir)?;
        let files = pki.issue(Role::Aggregator, "etcd")?;
        let mut urls = free_urls(2 * MEMBERS as usize)?;
        let peers = urls.split_off(MEMBERS as usize);
        let all = peers.iter().enumerate().map(|(place, url)| format!("m{place}={url}"));
        let all = all.collect::<Vec<_>>().join(",");
        let mut this = Self {
            commands: Vec::new(),
            logs: dir.to_owned(),
            members: Vec::new(),
            security: security(&files)?,
            urls: urls.clone(),
        };
        for (place, (url, peer)) in urls.into_iter().zip(peers).enumerate() {
            let (dir, all, files) = (dir.join(format!("etcd-{place}")), all.clone(), files.clone());
            let program = program.to_owned();
            this.commands.push(Box::new(move || {
                let mut command = Command::new(&program);
                command.args(["--name", &format!("m{place}"), "--initial-cluster", &all]);
                command.arg("--data-dir").arg(&dir);
                command.args(["--listen-client-urls", &url, "--advertise-client-urls", &url]);
                command.args(["--listen-peer-urls", &peer]);
                command.args(["--initial-advertise-peer-urls", &peer]);
                command.args(["--quota-backend-bytes", &QUOTA_BYTES.to_string()]);
                command.args(["--logger", "zap", "--log-level", "error"]);
                certificates(&mut command, "", &files);
                certificates(&mut command, "peer-", &files);
                command
            }));
            this.start_member(place)?;
        }
        this.leader().await?;
        Ok(this)
    }

    fn start_member(&mut self, place: usize) -> Outcome<()> {
        let log = self.logs.join(format!("etcd-{place}.log"));
        let process = Process::start(self.commands[place](), log)?;
        if place < self.members.len() {
            self.members[place] = process;
        } else {
            self.members.push(process);
        }
        Ok(())
    }

    pub(crate) fn ids(&self) -> Vec<u32> {
        self.members.iter().map(Process::id).collect()
    }

    /// Clients that ask the leader first, as it need not pass anything on.
    pub(crate) async fn clients(&mut self, count: usize) -> Outcome<Vec<Puts>> {
        let leader = self.leader().await?;
        let order: Vec<&String> = self.urls[leader..].iter().chain(&self.urls[..leader]).collect();
        let open = |url: &String| Ok((url.clone(), self.security.channel(url)?));
        let client = || {
            let channels = order.iter().map(|url| open(url)).collect::<Outcome<Vec<_>>>()?;
            Ok(Puts(Endpoints::new(channels)))
        };
        (0..count).map(|_| client()).collect()
    }

    /// Waits until all members know a leader and are as far as each other; the leader's place.
    pub(crate) async fn leader(&mut self) -> Outcome<usize> {
        let begun = tokio::time::Instant::now();
        loop {
            for process in &mut self.members {
                process.check()?;
            }
            let mut statuses = Vec::new();
            for url in &self.urls {
                statuses.push(status(self.security.channel(url)?).await);
            }
            let statuses: Result<Vec<_>, _> = statuses.into_iter().collect();
            if let Ok(statuses) = statuses {
                let leads = |it: &StatusResponse| {
                    it.leader != 0 && it.header.as_ref().is_some_and(|h| h.member_id == it.leader)
                };
                let last = statuses.iter().map(|it| it.raft_index).max().unwrap_or_default();
                let agree = statuses.iter().all(|it| it.leader != 0 && it.raft_index + 100 >= last);
                if let Some(leader) = statuses.iter().position(leads).filter(|_| agree) {
                    return Ok(leader);
                }
            }
            if begun.elapsed() > PATIENCE {
                return Err("etcd does not become healthy".into());
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    pub(crate) fn kill(&mut self, place: usize) -> Outcome<()> {
        self.members[place].kill()
    }

    /// Starts a member on what it left.
    pub(crate) fn restart(&mut self, place: usize) -> Outcome<()> {
        self.start_member(place)
    }
}

fn certificates(command: &mut Command, of: &str, files: &PemFiles) {
    command.arg(format!("--{of}client-cert-auth"));
    command.arg(format!("--{of}trusted-ca-file")).arg(&files.authority);
    command.arg(format!("--{of}cert-file")).arg(&files.certificate);
    command.arg(format!("--{of}key-file")).arg(&files.key);
}

async fn status(channel: tonic::transport::Channel) -> Result<StatusResponse, Status> {
    let mut client = Grpc::new(channel);
    client.ready().await.map_err(|error| Status::from_error(error.into()))?;
    let path = PathAndQuery::from_static("/etcdserverpb.Maintenance/Status");
    let codec = ProstCodec::<StatusRequest, StatusResponse>::default();
    Ok(client.unary(Request::new(StatusRequest {}), path, codec).await?.into_inner())
}

// === impl Puts ===

impl Store for Puts {
    type Item = Pair;

    async fn put(&self, Pair { key, value }: Pair) -> Result<(), Status> {
        let mut client = Grpc::new(self.0.clone());
        client.ready().await.map_err(|error| Status::from_error(error.into()))?;
        let path = PathAndQuery::from_static("/etcdserverpb.KV/Put");
        let codec = ProstCodec::<PutRequest, PutResponse>::default();
        let put = client.unary(Request::new(PutRequest { key, value }), path, codec).await;
        // It reports its own timeouts as `Unknown`. A put of the same pair may always be repeated.
        put.map(drop).map_err(|status| match status.code() {
            Code::Unknown => Status::unavailable(status.message()),
            _ => status,
        })
    }
}
