//! Aggregators on loopback, as a user starts them: processes of their own, mutual TLS.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use bytes::Bytes;
use multibeam_model::command::Reply;
use multibeam_proto::MAX_MESSAGE_BYTES;
use multibeam_proto::aggregator::v1 as wire;
use multibeam_proto::aggregator::v1::group_client::GroupClient;
use multibeam_proto::aggregator::v1::ledger_client::LedgerClient;
use multibeam_rt::backoff::{Backoff, random, retry};
use multibeam_rt::endpoints::Endpoints;
use multibeam_rt::identity::{Identity, Role};
use multibeam_rt::pki;
use multibeam_rt::tls::{Credentials, PemFiles, Security};
use tonic::Status;

use crate::Outcome;
use crate::processes::Process;
use crate::store::Store;

/// The founding members of a replicated ledger.
pub(crate) const MEMBERS: u64 = 3;

/// The cluster that all reports are of.
pub(crate) const CLUSTER: &str = "bench";

/// How long a group may take for what it is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// Certificates for everybody in this benchmark.
pub(crate) struct Authority {
    dir: PathBuf,
}

/// A group of aggregators.
pub(crate) struct Group {
    program: PathBuf,
    dir: PathBuf,
    founders: u64,
    /// Of the founding members, then of those that may join.
    urls: Vec<String>,
    certificate: PemFiles,
    pub(crate) members: BTreeMap<u64, Process>,
    worker: Security,
    coordinator: Security,
    aggregator: Security,
}

/// Changes the members of a group.
pub(crate) struct Admin {
    client: GroupClient<Endpoints>,
    urls: Vec<String>,
}

/// A worker's way to the ledger.
#[derive(Clone)]
pub(crate) struct Ledger(LedgerClient<Endpoints>);

// === impl Authority ===

impl Authority {
    const VALID: Duration = Duration::from_secs(24 * 60 * 60);

    pub(crate) fn new(dir: PathBuf) -> Outcome<Self> {
        pki::make_ca(&dir, Self::VALID)?;
        Ok(Self { dir })
    }

    pub(crate) fn issue(&self, role: Role, name: &str) -> Outcome<PemFiles> {
        let identity = Identity { role, name: name.to_owned() };
        let hosts = ["127.0.0.1".to_owned(), "localhost".to_owned()];
        Ok(pki::issue(&self.dir, &identity, &hosts, Self::VALID)?)
    }
}

/// How somebody with these certificates speaks with others.
pub(crate) fn security(files: &PemFiles) -> Outcome<Security> {
    Ok(Security::MutualTls(Credentials::read(files)?))
}

/// Addresses on loopback that nobody uses now. Members are told each other's before they listen.
pub(crate) fn free_urls(count: usize) -> Outcome<Vec<String>> {
    let listeners: Vec<_> =
        (0..count).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<Result<_, _>>()?;
    let url = |listener: &TcpListener| Ok(format!("https://{}", listener.local_addr()?));
    listeners.iter().map(url).collect()
}

// === impl Group ===

impl Group {
    /// Starts so many members on fresh directories, and waits until they have a leader.
    pub(crate) async fn start(
        program: &Path,
        dir: &Path,
        pki: &Authority,
        founders: u64,
    ) -> Outcome<Self> {
        fs::create_dir_all(dir)?;
        let certificate = pki.issue(Role::Aggregator, "bench")?;
        let mut this = Self {
            program: program.to_owned(),
            dir: dir.to_owned(),
            founders,
            urls: free_urls(founders as usize + 1)?,
            members: BTreeMap::new(),
            worker: security(&pki.issue(Role::Worker, CLUSTER)?)?,
            coordinator: security(&pki.issue(Role::Coordinator, "bench")?)?,
            aggregator: security(&certificate)?,
            certificate,
        };
        for node in 1..=founders {
            this.start_member(node)?;
        }
        this.healthy().await?;
        Ok(this)
    }

    /// Starts a founding member, anew or on what it left.
    pub(crate) fn start_member(&mut self, node: u64) -> Outcome<()> {
        let mut args = Vec::new();
        for (member, url) in (1..=self.founders).zip(&self.urls) {
            args.extend(["--member".to_owned(), format!("{member}={url}")]);
        }
        self.start_with(node, args)
    }

    /// Starts one that waits to be added.
    pub(crate) fn start_joining(&mut self, node: u64) -> Outcome<()> {
        let url = self.url(node).to_owned();
        self.start_with(node, vec!["--join".to_owned(), "--address".to_owned(), url])
    }

    fn start_with(&mut self, node: u64, args: Vec<String>) -> Outcome<()> {
        let listen = self.url(node).trim_start_matches("https://");
        let mut command = Command::new(&self.program);
        command.arg("aggregator").args(["--node", &node.to_string(), "--listen", listen]);
        command.arg("--data").arg(self.data(node)).args(args);
        command.arg("--ca").arg(&self.certificate.authority);
        command.arg("--cert").arg(&self.certificate.certificate);
        command.arg("--key").arg(&self.certificate.key);
        let process = Process::start(command, self.dir.join(format!("node-{node}.log")))?;
        self.members.insert(node, process);
        Ok(())
    }

    fn url(&self, node: u64) -> &str {
        &self.urls[node as usize - 1]
    }

    /// The directory of a member's ledger.
    pub(crate) fn data(&self, node: u64) -> PathBuf {
        self.dir.join(format!("ledger-{node}"))
    }

    /// The process of a member.
    pub(crate) fn member(&mut self, node: u64) -> Outcome<&mut Process> {
        Ok(self.members.get_mut(&node).ok_or("no such member runs")?)
    }

    pub(crate) fn ids(&self) -> Vec<u32> {
        self.members.values().map(Process::id).collect()
    }

    /// Ways of workers to the ledger, each with connections of its own.
    pub(crate) fn workers(&self, count: usize) -> Outcome<Vec<Ledger>> {
        (0..count).map(|_| self.ledger(&self.worker)).collect()
    }

    /// The way of a worker with these certificates.
    pub(crate) fn ledger(&self, worker: &Security) -> Outcome<Ledger> {
        Ok(Ledger(sized(self.endpoints(worker)?)))
    }

    /// Where the founding members serve.
    pub(crate) fn urls(&self) -> &[String] {
        &self.urls[..self.founders as usize]
    }

    /// A coordinator's way.
    pub(crate) fn coordinator(&self) -> Outcome<LedgerClient<Endpoints>> {
        Ok(sized(self.endpoints(&self.coordinator)?))
    }

    fn endpoints(&self, security: &Security) -> Outcome<Endpoints> {
        let open = |url: &String| Ok((url.clone(), security.channel(url)?));
        Ok(Endpoints::new(self.urls.iter().map(open).collect::<Outcome<Vec<_>>>()?))
    }

    /// The members as the leader sees them.
    pub(crate) async fn list(&self) -> Outcome<wire::ListMembersResponse> {
        tokio::time::timeout(PATIENCE, self.admin()?.list()).await?
    }

    pub(crate) async fn leader(&self) -> Outcome<u64> {
        let members = self.list().await?.members;
        let leader = members.iter().find(|member| member.leads).map(|member| member.node);
        Ok(leader.ok_or("the leader does not know that it leads")?)
    }

    /// Whoever changes the members.
    pub(crate) fn admin(&self) -> Outcome<Admin> {
        let client = GroupClient::new(self.endpoints(&self.aggregator)?);
        Ok(Admin { client, urls: self.urls.clone() })
    }

    /// A coordinator's way to one member only.
    pub(crate) fn coordinator_of(&self, node: u64) -> Outcome<LedgerClient<Endpoints>> {
        let url = self.url(node).to_owned();
        let channel = self.coordinator.channel(&url)?;
        Ok(sized(Endpoints::new(vec![(url, channel)])))
    }

    /// Waits until all members that run are alive, vote, and have what a majority has now.
    pub(crate) async fn healthy(&mut self) -> Outcome<()> {
        let begun = tokio::time::Instant::now();
        let running = self.members.len();
        let mut wanted = None;
        let mut seen = String::new();
        loop {
            for process in self.members.values_mut() {
                process.check()?;
            }
            if let Ok(list) = self.list().await {
                let wanted = *wanted.get_or_insert(list.commit);
                seen = format!("{list:?}");
                let members = list.members.iter();
                let good = members.filter(|it| it.alive() && it.votes && it.matched() >= wanted);
                if good.count() == running {
                    return Ok(());
                }
            }
            if begun.elapsed() > PATIENCE {
                let tails: Vec<String> = self.members.values().map(Process::last_words).collect();
                let tails = tails.join("\n");
                return Err(format!("the group does not become healthy: {seen}\n{tails}").into());
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

fn sized(endpoints: Endpoints) -> LedgerClient<Endpoints> {
    LedgerClient::new(endpoints)
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES)
}

// === impl Admin ===

impl Admin {
    /// Lets a member go; does not wait for more than that it is under way.
    pub(crate) async fn remove(&self, node: u64) -> Outcome<()> {
        let changed = retry(Backoff::SERVICE, random, || {
            let mut client = self.client.clone();
            async move { client.remove_member(wire::RemoveMemberRequest { node, force: false }).await }
        });
        self.done(changed.await.map(|_| ()), node, false).await
    }

    /// Lets a new member follow; it gets its vote by itself.
    pub(crate) async fn add(&self, node: u64) -> Outcome<()> {
        let address = &self.urls[node as usize - 1];
        let changed = retry(Backoff::SERVICE, random, || {
            let (mut client, address) = (self.client.clone(), address.clone());
            async move { client.add_member(wire::AddMemberRequest { node, address }).await }
        });
        self.done(changed.await.map(|_| ()), node, true).await
    }

    /// The members as the leader sees them.
    async fn list(&self) -> Outcome<wire::ListMembersResponse> {
        let asked = retry(Backoff::SERVICE, random, || {
            let mut client = self.client.clone();
            async move { client.list_members(wire::ListMembersRequest { stale: false }).await }
        });
        Ok(asked.await?.into_inner())
    }

    /// A refusal may be the answer to a repeat: what counts is whether the change was made.
    async fn done(&self, changed: Result<(), Status>, node: u64, member: bool) -> Outcome<()> {
        let Err(refusal) = changed else { return Ok(()) };
        let members = self.list().await?.members;
        match members.iter().any(|it| it.node == node) == member {
            true => Ok(()),
            false => Err(refusal.into()),
        }
    }
}

// === impl Ledger ===

impl Store for Ledger {
    /// Encoded commands; a worker sends one at a time.
    type Item = Vec<Bytes>;

    async fn put(&self, commands: Vec<Bytes>) -> Result<(), Status> {
        let mut client = self.0.clone();
        let answer = client.report(wire::ReportRequest { commands }).await?;
        for reply in answer.into_inner().replies {
            match Reply::decode(&reply) {
                Ok(Reply::Sealed) => {}
                other => return Err(Status::failed_precondition(format!("not sealed: {other:?}"))),
            }
        }
        Ok(())
    }
}
