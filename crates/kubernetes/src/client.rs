//! The connection to one API server: builds the client, bounds every request, words every error.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Request;
use http_body_util::BodyExt;
use jiff::{SignedDuration, Timestamp};
use kube::client::Body;
use kube::config::{AuthInfo, ExecInteractiveMode, KubeConfigOptions};
use kube::{Client, Config};
use tokio::sync::{Mutex, oneshot};

use crate::certificate;
use crate::error::{ClusterError, Obstacle};
use crate::explain::Facts;
use crate::kubeconfig::{Access, Selected};
use crate::proxy::proxy_for;

/// Longest waits for an API server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection, TLS included.
    pub connect: Duration,
    /// For one request, from sending to the end of the answer.
    pub request: Duration,
    /// For an exec plugin to print a credential.
    pub exec_plugin: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            request: Duration::from_secs(30),
            // Some plugins start a cloud provider's command line tool, which takes its time.
            exec_plugin: Duration::from_secs(60),
        }
    }
}

/// A whole answer of the API server.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Vec<u8>,
}

pub(crate) struct Connection {
    pub(crate) facts: Arc<Facts>,
    pub(crate) timeouts: Timeouts,
    config: Config,
    client: Mutex<Client>,
}

impl Connection {
    pub(crate) async fn open(access: &Access, timeouts: Timeouts) -> Result<Self, ClusterError> {
        // Another part of the program may have chosen one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let selected = access.select()?;
        let auth = auth_info(&selected);
        let exec = auth.exec.as_ref();
        let facts = Arc::new(Facts {
            cluster: access.cluster.clone(),
            server: without_password(&selected.server),
            connect_timeout: timeouts.connect,
            certificate_not_after: client_certificate(&auth)
                .and_then(|pem| certificate::not_after(&pem)),
            exec_command: login_command(&auth),
            exec_secrets: exec.map(exec_secrets).unwrap_or_default(),
        });
        let config = configure(selected, &facts, timeouts).await?;
        let client = build(config.clone(), Arc::clone(&facts), timeouts).await?;
        Ok(Self { facts, timeouts, config, client: Mutex::new(client) })
    }

    /// The client; a new one when its certificate came from an exec plugin and is about to expire.
    pub(crate) async fn client(&self) -> Result<Client, ClusterError> {
        let mut client = self.client.lock().await;
        let soon = Timestamp::now() + SignedDuration::from_secs(60);
        if client.valid_until().is_some_and(|until| until < soon) {
            *client = build(self.config.clone(), Arc::clone(&self.facts), self.timeouts).await?;
        }
        Ok(client.clone())
    }

    /// Awaits `request` for at most the request timeout. `operation` is an infinitive without `to`.
    pub(crate) async fn bounded<T>(
        &self,
        operation: &str,
        request: impl Future<Output = kube::Result<T>>,
    ) -> Result<T, ClusterError> {
        self.bounded_by(operation, self.timeouts.request, request).await
    }

    async fn bounded_by<T>(
        &self,
        operation: &str,
        limit: Duration,
        request: impl Future<Output = kube::Result<T>>,
    ) -> Result<T, ClusterError> {
        match tokio::time::timeout(limit, request).await {
            Ok(answer) => answer.map_err(|error| self.facts.explain(operation, error)),
            Err(_) => Err(self.facts.unreachable(Obstacle::Timeout(limit))),
        }
    }

    /// GET `path`; whatever status the server answers with is a success here.
    pub(crate) async fn get(&self, path: &str, limit: Duration) -> Result<Answer, ClusterError> {
        let client = self.client().await?;
        let operation = format!("get {path}");
        self.bounded_by(&operation, limit, async {
            let request = Request::get(path).body(Body::empty()).map_err(kube::Error::HttpError)?;
            let (head, body) = client.send(request).await?.into_parts();
            let body = body.collect().await?.to_bytes().to_vec();
            Ok(Answer { status: head.status.as_u16(), headers: head.headers, body })
        })
        .await
    }
}

async fn configure(
    selected: Selected,
    facts: &Facts,
    timeouts: Timeouts,
) -> Result<Config, ClusterError> {
    let incomplete = |missing: String| ClusterError::IncompleteContext {
        cluster: facts.cluster.clone(),
        context: selected.context.clone(),
        missing,
    };
    let mut kubeconfig = selected.kubeconfig.clone();
    for named in &mut kubeconfig.auth_infos {
        if let Some(exec) = named.auth_info.as_mut().and_then(|auth| auth.exec.as_mut()) {
            if exec.interactive_mode == Some(ExecInteractiveMode::Always) {
                return Err(ClusterError::ExecPlugin {
                    cluster: facts.cluster.clone(),
                    command: facts.exec_command.clone().unwrap_or_default(),
                    reason: "wants a terminal (`interactiveMode: Always`), which a worker has not"
                        .to_owned(),
                    stderr: String::new(),
                });
            }
            // Its words then come to us instead of going to whatever terminal there is.
            exec.interactive_mode = Some(ExecInteractiveMode::Never);
        }
    }
    let own_proxy = kubeconfig
        .clusters
        .first()
        .and_then(|named| named.cluster.as_ref())
        .and_then(|cluster| cluster.proxy_url.clone())
        .is_some_and(|url| !url.is_empty());
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
        .await
        .map_err(|error| match error {
            kube::config::KubeconfigError::ParseClusterUrl(_) => {
                incomplete("its `server` is no URL".to_owned())
            }
            other => facts.credentials(&other),
        })?;
    if !own_proxy {
        config.proxy_url = environment_proxy(&config.cluster_url)
            .map(|url| url.parse())
            .transpose()
            .map_err(|_| facts.unreachable(Obstacle::Proxy("its URL is invalid".to_owned())))?;
    }
    config.connect_timeout = Some(timeouts.connect);
    // Retries would hide from the readiness probe what it is there to see; who wants them repeats.
    config.default_retry = false;
    Ok(config)
}

/// Builds a client. This runs the exec plugin or its forerunner, an authentication provider, if there
/// is one, so it happens on a thread of its own: a plugin that hangs must not hang the runtime, not even at its shutdown.
async fn build(
    config: Config,
    facts: Arc<Facts>,
    timeouts: Timeouts,
) -> Result<Client, ClusterError> {
    if config.auth_info.exec.is_none() && config.auth_info.auth_provider.is_none() {
        return Client::try_from(config).map_err(|error| facts.explain("set up the client", error));
    }
    let (done, result) = oneshot::channel();
    let runtime = tokio::runtime::Handle::current();
    let started = std::thread::Builder::new().name("exec-plugin".to_owned()).spawn(move || {
        let _inside = runtime.enter();
        // Nobody waits any more after the timeout.
        let _ = done.send(Client::try_from(config));
    });
    let gave_up = |reason: String| ClusterError::ExecPlugin {
        cluster: facts.cluster.clone(),
        command: facts.exec_command.clone().unwrap_or_default(),
        reason,
        stderr: String::new(),
    };
    if let Err(error) = started {
        return Err(gave_up(format!("cannot be started ({error})")));
    }
    match tokio::time::timeout(timeouts.exec_plugin, result).await {
        Ok(Ok(client)) => client.map_err(|error| facts.explain("set up the client", error)),
        Ok(Err(_)) => Err(gave_up("ended without a result".to_owned())),
        Err(_) => {
            Err(gave_up(format!("printed nothing within {} s", timeouts.exec_plugin.as_secs_f64())))
        }
    }
}

fn auth_info(selected: &Selected) -> AuthInfo {
    selected
        .kubeconfig
        .auth_infos
        .first()
        .and_then(|named| named.auth_info.clone())
        .unwrap_or_default()
}

fn client_certificate(auth: &AuthInfo) -> Option<Vec<u8>> {
    match (&auth.client_certificate_data, &auth.client_certificate) {
        (Some(data), _) => STANDARD.decode(data.trim()).ok(),
        (None, Some(path)) => std::fs::read(path).ok(),
        (None, None) => None,
    }
}

fn login_command(auth: &AuthInfo) -> Option<String> {
    let provider = || auth.auth_provider.as_ref()?.config.get("cmd-path").cloned();
    auth.exec.as_ref().and_then(|exec| exec.command.clone()).or_else(provider)
}

fn exec_secrets(exec: &kube::config::ExecConfig) -> Vec<String> {
    let values = exec.env.iter().flatten().filter_map(|variable| variable.get("value").cloned());
    // `--secret=x` hides x as well.
    let arguments = exec
        .args
        .iter()
        .flatten()
        .filter_map(|argument| argument.split_once('=').map(|(_, value)| value.to_owned()));
    values.chain(arguments).collect()
}

fn environment_proxy(server: &http::Uri) -> Option<String> {
    let variable = |upper: &str| {
        let lower = upper.to_ascii_lowercase();
        std::env::var(upper)
            .ok()
            .filter(|v| !v.is_empty())
            .or_else(|| std::env::var(lower).ok())
            .unwrap_or_default()
    };
    proxy_for(
        server.host()?,
        server.port_u16().unwrap_or(443),
        &variable("HTTPS_PROXY"),
        &variable("NO_PROXY"),
    )
}

/// `https://user:password@host` is a legal, if odd, `server`.
fn without_password(server: &str) -> String {
    match server.split_once("://") {
        Some((scheme, rest)) => {
            format!("{scheme}://{}", rest.rsplit_once('@').map_or(rest, |(_, host)| host))
        }
        None => server.to_owned(),
    }
}
