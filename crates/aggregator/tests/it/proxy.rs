//! A network between two members that can be cut, with and without telling them.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Pass,
    /// Connections are reset, and new ones at once closed.
    Cut,
    /// Nothing passes, and nobody is told.
    Silent,
}

/// Stands before one member.
pub(crate) struct Proxy {
    pub(crate) address: String,
    mode: watch::Sender<Mode>,
    /// Bytes to the member until the network is cut by itself.
    left: Arc<AtomicU64>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    pub(crate) async fn before(address: &str) -> Self {
        let target = address.strip_prefix("http://").unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let mode = watch::Sender::new(Mode::Pass);
        let left = Arc::new(AtomicU64::new(u64::MAX));
        let mut tasks = JoinSet::new();
        let (modes, budget) = (mode.clone(), Arc::clone(&left));
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (client, _) = listener.accept().await.unwrap();
                if *modes.borrow() == Mode::Cut {
                    continue;
                }
                let Ok(server) = TcpStream::connect(&target).await else { continue };
                connections.spawn(connection(client, server, modes.clone(), budget.clone()));
            }
        });
        Self { address, mode, left, _tasks: tasks }
    }

    pub(crate) fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    /// Cuts once so many bytes more have passed to the member.
    pub(crate) fn cut_after(&self, bytes: u64) {
        self.left.store(bytes, Ordering::SeqCst);
    }
}

async fn connection(
    client: TcpStream,
    server: TcpStream,
    mode: watch::Sender<Mode>,
    left: Arc<AtomicU64>,
) {
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let mut modes = mode.subscribe();
    tokio::select! {
        () = copy(from_client, to_server, &mode, Some(&left)) => {}
        () = copy(from_server, to_client, &mode, None) => {}
        _ = modes.wait_for(|mode| *mode == Mode::Cut) => {}
    }
}

async fn copy(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mode: &watch::Sender<Mode>,
    left: Option<&AtomicU64>,
) {
    let mut buffer = vec![0; 16 << 10];
    let mut modes = mode.subscribe();
    loop {
        let Ok(count @ 1..) = from.read(&mut buffer).await else { return };
        let _ = modes.wait_for(|mode| *mode != Mode::Silent).await;
        if let Some(left) = left {
            let before = left.load(Ordering::SeqCst);
            if before < count as u64 {
                left.store(u64::MAX, Ordering::SeqCst);
                mode.send_replace(Mode::Cut);
                return;
            }
            left.store(before - count as u64, Ordering::SeqCst);
        }
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
