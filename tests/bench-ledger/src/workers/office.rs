//! The coordinator under measurement.

use std::process::Command;
use std::time::Duration;

use multibeam_model::RunId;
use multibeam_proto::MAX_MESSAGE_BYTES;
use multibeam_proto::coordinator::v1 as wire;
use multibeam_proto::coordinator::v1::coordinator_client::CoordinatorClient;
use multibeam_rt::backoff::{Backoff, random, retry};
use multibeam_rt::endpoints::Endpoints;
use multibeam_rt::identity::Role;
use multibeam_rt::tls::Security;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use super::{Plan, cluster};
use crate::Outcome;
use crate::group::{Authority, Group, free_urls, security};
use crate::processes::Process;
use crate::runs;

/// How long it may take for what it is waited for.
const PATIENCE: Duration = Duration::from_secs(120);

/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// A coordinator in office.
pub(super) struct Office {
    pub(super) process: Process,
    url: String,
    /// Where its metrics are.
    admin: String,
    client: CoordinatorClient<Endpoints>,
}

impl Office {
    pub(super) async fn start(plan: &Plan, pki: &Authority, group: &Group) -> Outcome<Self> {
        let [url, admin] = <[String; 2]>::try_from(free_urls(2)?).map_err(|_| "two are wanted")?;
        let address = |url: &str| url.trim_start_matches("https://").to_owned();
        let files = pki.issue(Role::Coordinator, "office")?;
        let mut command = Command::new(&plan.program);
        command.args(["coordinator", "--listen", &address(&url), "--admin", &address(&admin)]);
        for aggregator in group.urls() {
            command.args(["--aggregator", aggregator]);
        }
        command.arg("--ca").arg(&files.authority);
        command.arg("--cert").arg(&files.certificate).arg("--key").arg(&files.key);
        let process = Process::start(command, plan.dir.join("coordinator.log"))?;
        let user = security(&pki.issue(Role::User, "office")?)?;
        let client = CoordinatorClient::new(endpoints(&url, &user)?)
            .max_encoding_message_size(MAX_MESSAGE_BYTES);
        Ok(Self { process, url, admin: address(&admin), client })
    }

    /// A worker's way to it.
    pub(super) fn endpoints(&self, worker: &Security) -> Outcome<Endpoints> {
        endpoints(&self.url, worker)
    }

    /// Submits a run for the whole suite.
    pub(super) async fn submit(&self, plan: &Plan) -> Outcome<RunId> {
        let clusters = (0..plan.clusters).map(cluster).collect();
        let per_cluster = u32::try_from(plan.workers / plan.clusters)? * plan.slots;
        let spec = serde_json::to_vec(&runs::run_spec(clusters, per_cluster))?;
        let request =
            wire::SubmitRequest { spec_json: spec.into(), ..wire::SubmitRequest::default() };
        let answer = retry(Backoff::SERVICE, random, || {
            let (mut client, request) = (self.client.clone(), request.clone());
            async move { client.submit(request).await }
        });
        Ok(RunId(answer.await?.into_inner().run))
    }

    /// Waits until so many workers have come.
    pub(super) async fn connected(&self, workers: usize) -> Outcome<()> {
        self.wait_for("multibeam_coordinator_workers", workers).await
    }

    /// Waits until so many groups were handed out.
    pub(super) async fn all_busy(&self, processes: usize) -> Outcome<()> {
        self.wait_for("multibeam_coordinator_hand_outs_total", processes).await
    }

    async fn wait_for(&self, metric: &str, wanted: usize) -> Outcome<()> {
        let begun = Instant::now();
        loop {
            let value = self.metric(metric).await.unwrap_or_default();
            if value >= wanted as f64 {
                return Ok(());
            }
            if begun.elapsed() > PATIENCE {
                let last = self.process.last_words();
                return Err(format!("{metric} stays at {value}, expected {wanted}\n{last}").into());
            }
            sleep(LOOK).await;
        }
    }

    async fn metric(&self, name: &str) -> Outcome<f64> {
        let mut stream = TcpStream::connect(&self.admin).await?;
        stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").await?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await?;
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        Ok(value.ok_or("no such metric")?.trim().parse()?)
    }
}

fn endpoints(url: &str, who: &Security) -> Outcome<Endpoints> {
    let url = url.to_owned();
    let channel = who.channel(&url)?;
    Ok(Endpoints::new(vec![(url, channel)]))
}
