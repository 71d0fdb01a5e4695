//! gRPC within a process and over a Unix socket.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use crate::echo::Echo;
use multibeam_proto::MAX_MESSAGE_BYTES;
use multibeam_proto::aggregator::v1 as wire;
use multibeam_proto::aggregator::v1::ledger_client::LedgerClient;
use multibeam_rt::access::Peer;
use multibeam_rt::memory;
use multibeam_rt::tasks::{Spawner, Task, TaskGroup};
use multibeam_rt::uds::{self, SocketError};
use tonic::Code;
use tonic::transport::Channel;

const GRACE: Duration = Duration::from_secs(60);

fn client(channel: Channel) -> LedgerClient<Channel> {
    LedgerClient::new(channel)
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES)
}

async fn echoes(client: &mut LedgerClient<Channel>, bytes: usize) {
    let commands = vec![vec![1_u8; bytes].into(), b"two".to_vec().into()];
    let request = wire::ProposeRequest { commands: commands.clone() };
    let reply = client.propose(request).await.unwrap().into_inner();
    assert!(reply.replies == commands, "the echo differs");
}

fn serve_memory(spawner: &Spawner, echo: &Echo, incoming: memory::Incoming) -> Task {
    let drain = spawner.drain();
    let server = memory::server()
        .layer(crate::echo::rules())
        .add_service(echo.server())
        .serve_with_incoming_shutdown(incoming, drain.requested());
    spawner.spawn("ledger", async move { server.await.unwrap() })
}

#[tokio::test]
async fn memory_carries_small_large_and_streamed_messages() {
    let group = TaskGroup::new();
    let (connector, incoming) = memory::duplex();
    let echo = Echo::default();
    serve_memory(&group.spawner(), &echo, incoming);
    let mut client = client(connector.channel());

    echoes(&mut client, 0).await;
    echoes(&mut client, 20 << 20).await;
    let request = wire::ReadCatalogRequest { run: "run".to_owned(), target: 1_000_000 };
    let mut stream = client.read_catalog(request).await.unwrap().into_inner();
    let mut bytes = 0;
    while let Some(chunk) = stream.message().await.unwrap() {
        bytes += chunk.data.len();
    }
    assert_eq!(bytes, 1_000_000);
    assert_eq!(*echo.callers.lock().unwrap(), [Peer::Embedded, Peer::Embedded]);
    drop(client);
    assert_eq!(group.shutdown(GRACE).await, Ok(Vec::new()));
}

#[tokio::test]
async fn many_calls_share_one_memory_connection() {
    let group = TaskGroup::new();
    let (connector, incoming) = memory::duplex();
    serve_memory(&group.spawner(), &Echo::default(), incoming);
    let channel = connector.channel();
    let calls = (0..64).map(|size| {
        let mut client = client(channel.clone());
        async move { echoes(&mut client, size * 10_000).await }
    });
    futures::future::join_all(calls).await;
}

#[tokio::test]
async fn a_memory_channel_connects_again() {
    let group = TaskGroup::new();
    let (connector, mut incoming) = memory::duplex();
    let mut client = client(connector.channel());

    // A server that hangs up on its first caller.
    let first = async {
        let connection = tokio_stream::StreamExt::next(&mut incoming).await;
        drop(connection);
    };
    let (broken, ()) =
        tokio::join!(client.list_runs(wire::ListRunsRequest { stale: false }), first);
    assert!(broken.is_err());

    let server = serve_memory(&group.spawner(), &Echo::default(), incoming);
    let again = multibeam_rt::backoff::retry(
        multibeam_rt::backoff::Backoff::SERVICE,
        || 0.0,
        || {
            let mut client = client.clone();
            async move { client.list_runs(wire::ListRunsRequest { stale: false }).await }
        },
    );
    tokio::time::timeout(GRACE, again).await.unwrap().unwrap();

    // Without a server the call fails instead of hanging.
    server.abort();
    server.ended().await;
    let error = client.list_runs(wire::ListRunsRequest { stale: false }).await;
    assert!(error.is_err());
}

async fn serve_socket(spawner: &Spawner, echo: &Echo, path: &Path) -> Task {
    let (incoming, file) = uds::listen(path).await.unwrap().into_incoming();
    let drain = spawner.drain();
    let server = uds::server()
        .layer(crate::echo::rules())
        .add_service(echo.server())
        .serve_with_incoming_shutdown(incoming, drain.requested());
    spawner.spawn("socket", async move {
        let _file = file;
        server.await.unwrap();
    })
}

#[tokio::test]
async fn a_socket_is_private_and_its_callers_are_users() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run.sock");
    let group = TaskGroup::new();
    let echo = Echo::default();
    serve_socket(&group.spawner(), &echo, &path).await;
    let mode = path.symlink_metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(dir.path().read_dir().unwrap().count(), 1, "only the socket");

    let mut client = client(uds::connect(&path).await.unwrap());
    client.list_runs(wire::ListRunsRequest { stale: false }).await.unwrap();
    assert_eq!(*echo.callers.lock().unwrap(), [Peer::Local]);
    let refused = client.propose(wire::ProposeRequest::default()).await;
    assert_eq!(refused.unwrap_err().code(), Code::PermissionDenied);

    assert!(matches!(uds::listen(&path).await, Err(SocketError::InUse { .. })));
    drop(client);
    group.shutdown(GRACE).await.unwrap();
    assert!(!path.exists(), "the socket goes with its server");
    assert!(matches!(uds::connect(&path).await, Err(SocketError::NotServed { .. })));
}

#[tokio::test]
async fn a_stale_socket_is_replaced_and_anything_else_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run.sock");
    // The standard library leaves the file behind, as a killed process does.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(matches!(uds::connect(&path).await, Err(SocketError::NotServed { .. })));
    let group = TaskGroup::new();
    serve_socket(&group.spawner(), &Echo::default(), &path).await;
    let mut client = client(uds::connect(&path).await.unwrap());
    client.list_runs(wire::ListRunsRequest { stale: false }).await.unwrap();

    let file = dir.path().join("file");
    std::fs::write(&file, "precious").unwrap();
    assert!(matches!(uds::listen(&file).await, Err(SocketError::NotASocket { .. })));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "precious");
}

#[tokio::test]
async fn a_socket_may_lie_deeper_than_a_socket_address_is_long() {
    let dir = tempfile::tempdir().unwrap();
    let deep = dir.path().join("d".repeat(100)).join("e".repeat(100));
    std::fs::create_dir_all(&deep).unwrap();
    let path = deep.join("run.sock");
    let group = TaskGroup::new();
    serve_socket(&group.spawner(), &Echo::default(), &path).await;
    let mut client = client(uds::connect(&path).await.unwrap());
    client.list_runs(wire::ListRunsRequest { stale: false }).await.unwrap();
}

#[tokio::test]
async fn a_server_that_goes_does_not_remove_its_successors_socket() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run.sock");
    let (old, old_file) = uds::listen(&path).await.unwrap().into_incoming();
    drop(old);
    let (_new, _new_file) = uds::listen(&path).await.unwrap().into_incoming();
    drop(old_file);
    assert!(path.exists());
}
