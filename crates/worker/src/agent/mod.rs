//! The agent: a worker's conversation with its coordinator, and the suite processes it keeps.
//!
//! One task owns everything here (`Agent::run`). Each suite process has a task of its own, which
//! the agent talks to by messages. When the stream to the coordinator breaks, the processes go on
//! and their news wait; when it stays away for longer than the lease, the guards kill them. Another
//! coordinator that takes over is told how all of them stand, and adopts them.

mod cluster;
mod end_reports;
mod executions;
mod holds;
mod lease;
mod link;
mod prepare;
mod process;
mod runs;
mod shared;
mod ship;
mod start;
mod starts;
mod target;
mod uploads;

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use multibeam_model::link::{CoordinatorMessage, Hello, ORDER_FORMAT, WorkerMessage};
use multibeam_model::{Epoch, WorkerId};
use multibeam_proto::aggregator::v1::ledger_client::LedgerClient;
use multibeam_proto::coordinator::v1::coordinator_client::CoordinatorClient;
use multibeam_rt::endpoints::Endpoints;
use multibeam_rt::tasks::TaskGroup;
use multibeam_rt::trace::Inject;
use tokio::sync::{mpsc, watch};

pub use cluster::{AccessMistake, Probing, check_kubeconfig};
use link::{Link, Received};
pub use multibeam_kubernetes::Server;
pub use prepare::{check_binary, discover_suite};
use runs::Runs;
pub use starts::Starts;

use crate::metrics::WorkerMetrics;
use crate::suite::process::GuardProgram;

/// News that may wait for the agent; a process whose news do not fit waits at a spec boundary.
const NEWS_QUEUE: usize = 256;

/// What a worker is and where it keeps things.
#[derive(Clone, Debug)]
pub struct AgentConfig {
    /// Its id.
    pub worker: WorkerId,
    /// Its cluster's name in run files.
    pub cluster: String,
    /// The cluster's kubeconfig on this host; `None` for suites that need no cluster.
    pub kubeconfig: Option<PathBuf>,
    /// The kubeconfig's context.
    pub context: Option<String>,
    /// How many suite processes it offers.
    pub slots: u32,
    /// The suite binary on this host, instead of the run file's path.
    pub suite: Option<PathBuf>,
    /// Output and private files of its processes. No other worker may use it; after a restart it
    /// tells which processes and locks were the worker's own.
    pub data: PathBuf,
    /// Discovery's cache.
    pub cache: PathBuf,
    /// How guards are started.
    pub guard: GuardProgram,
    /// When suite processes are started; shared by all workers of this program.
    pub starts: Starts,
    /// The host's name, for people.
    pub host: String,
    /// How the cluster's readiness is asked for.
    pub probing: Probing,
    /// Kept open by the guards as long as any suite process lives; a lock on it tells.
    pub alive: Option<Arc<File>>,
    /// Where it counts.
    pub metrics: WorkerMetrics,
}

/// Why a worker cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// The coordinator has given it up: its attempts are lost. It may come back under another id.
    #[error("the coordinator has given this worker up: {0}")]
    GivenUp(String),
    /// The coordinator does not want it, now or later.
    #[error("the coordinator refuses this worker: {0}")]
    Refused(String),
}

/// A worker.
#[derive(Debug)]
pub struct Agent {
    config: AgentConfig,
    runs: Runs,
    coordinators: Endpoints,
    news: mpsc::Receiver<WorkerMessage>,
}

impl Agent {
    /// A worker that will speak over these channels.
    #[must_use]
    pub fn new(config: AgentConfig, coordinator: Endpoints, aggregator: Endpoints) -> Self {
        let limit = multibeam_proto::MAX_MESSAGE_BYTES;
        let coordinators = coordinator.clone();
        let coordinator = CoordinatorClient::new(coordinator)
            .max_decoding_message_size(limit)
            .max_encoding_message_size(limit);
        let ledger = LedgerClient::new(Inject::new(aggregator))
            .max_decoding_message_size(limit)
            .max_encoding_message_size(limit);
        let (news_tx, news) = mpsc::channel(NEWS_QUEUE);
        let runs = Runs::new(config.clone(), coordinator, ledger, news_tx);
        Self { config, runs, coordinators, news }
    }

    /// Works until `shutdown` is ready, then ends every suite process.
    ///
    /// # Errors
    /// [`AgentError`] when the coordinator turns the worker away for good.
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) -> Result<(), AgentError> {
        let (hello_tx, hello) = watch::channel(self.hello());
        let (outgoing, outgoing_rx) = mpsc::channel(NEWS_QUEUE);
        let (received_tx, mut received) = mpsc::channel(NEWS_QUEUE);
        let (silence_tx, silence) = watch::channel(self.runs.silence());
        let link = Link::new(self.coordinators.clone(), hello, silence, outgoing_rx, received_tx);
        let tasks = TaskGroup::new();
        let link = tasks.spawner().spawn("link", link.run());
        let mut last_beat: Option<tokio::time::Instant> = None;
        let mut told = self.runs.epoch();
        tokio::pin!(shutdown);
        let end = loop {
            // A new run may want to hear more often than the ones before.
            let now = tokio::time::Instant::now();
            let next_beat = last_beat.map_or(now, |last| last + self.runs.heartbeat());
            self.config.metrics.stands(self.runs.live(), self.news.len());
            tokio::select! {
                () = &mut shutdown => break Ok(()),
                message = received.recv() => match message {
                    Some(Received::Message { message, contexts }) => {
                        let changes = matches!(
                            message,
                            CoordinatorMessage::Welcome { .. } | CoordinatorMessage::Process { .. }
                        );
                        self.runs.handle(message, contexts).await;
                        if changes {
                            hello_tx.send_replace(self.hello());
                        }
                        silence_tx.send_replace(self.runs.silence());
                    }
                    Some(Received::Refused(error)) => break Err(error),
                    None => break Err(AgentError::Refused("the link is gone".to_owned())),
                },
                // Room first: the link may be busy, and orders and the shutdown must not wait for it.
                // A new coordinator hears how everything stands between the news that are in there
                // and those that follow.
                Some((permit, news)) = async {
                    let permit = outgoing.reserve().await.ok()?;
                    if told != self.runs.epoch() {
                        return Some((permit, None));
                    }
                    Some((permit, Some(self.news.recv().await?)))
                } => match news {
                    Some(news) => {
                        self.runs.note(&news);
                        permit.send(news);
                    }
                    None => {
                        told = self.runs.epoch();
                        permit.send(self.runs.standing());
                    }
                },
                () = tokio::time::sleep_until(next_beat) => {
                    last_beat = Some(tokio::time::Instant::now());
                    let _ = outgoing.try_send(WorkerMessage::Heartbeat { sent_at: lease::now() });
                }
            }
        };
        // Processes end first, so that their last news are not waited for in vain.
        self.news.close();
        self.runs.end_all().await;
        drop((outgoing, received));
        link.abort();
        link.ended().await;
        end
    }

    fn hello(&self) -> Hello {
        Hello {
            worker: self.config.worker.clone(),
            cluster: self.config.cluster.clone(),
            slots: self.config.slots,
            epoch: self.runs.epoch().unwrap_or(Epoch(0)),
            host: self.config.host.clone(),
            processes: self.runs.processes(),
            format: ORDER_FORMAT,
        }
    }
}
