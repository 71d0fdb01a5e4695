//! What no peer can do to a server or client: hang, send too much, or vanish unnoticed.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::echo::Echo;
use multibeam_proto::aggregator::v1 as wire;
use multibeam_proto::aggregator::v1::ledger_client::LedgerClient;
use multibeam_proto::aggregator::v1::ledger_server::{Ledger, LedgerServer};
use multibeam_rt::backoff::{Recover, Recovery};
use multibeam_rt::deadline::Deadlines;
use multibeam_rt::limits;
use multibeam_rt::tasks::{Spawner, TaskGroup};
use multibeam_rt::tls::Security;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_stream::Stream;
use tonic::transport::Channel;
use tonic::{Code, Request, Response, Status};

type Chunks = Pin<Box<dyn Stream<Item = Result<wire::Chunk, Status>> + Send>>;

/// A ledger that answers nothing, and knows how many wait for it.
#[derive(Clone)]
struct Hangs {
    waiting: Arc<watch::Sender<usize>>,
}

impl Default for Hangs {
    fn default() -> Self {
        Self { waiting: Arc::new(watch::Sender::new(0)) }
    }
}

struct Waits(Arc<watch::Sender<usize>>);

impl Drop for Waits {
    fn drop(&mut self) {
        self.0.send_modify(|waiting| *waiting -= 1);
    }
}

impl Hangs {
    fn waits(&self) -> Waits {
        self.waiting.send_modify(|waiting| *waiting += 1);
        Waits(Arc::clone(&self.waiting))
    }

    async fn hang<T>(&self) -> T {
        let _waits = self.waits();
        std::future::pending().await
    }

    /// A stream that begins at once and never goes on.
    fn silence(&self) -> Chunks {
        let this = self.clone();
        Box::pin(futures::stream::once(async move { this.hang().await }))
    }

    async fn has_waiting(&self, expected: usize) {
        self.waiting.subscribe().wait_for(|waiting| *waiting == expected).await.unwrap();
    }
}

#[tonic::async_trait]
impl Ledger for Hangs {
    type ReadCatalogStream = Chunks;
    type ReadHistoryStream = Chunks;

    async fn propose(
        &self,
        _: Request<wire::ProposeRequest>,
    ) -> Result<Response<wire::ProposeResponse>, Status> {
        self.hang().await
    }

    async fn report(
        &self,
        _: Request<wire::ReportRequest>,
    ) -> Result<Response<wire::ReportResponse>, Status> {
        self.hang().await
    }

    async fn read_run(
        &self,
        _: Request<wire::ReadRunRequest>,
    ) -> Result<Response<wire::ReadRunResponse>, Status> {
        self.hang().await
    }

    async fn read_catalog(
        &self,
        _: Request<wire::ReadCatalogRequest>,
    ) -> Result<Response<Chunks>, Status> {
        Ok(Response::new(self.silence()))
    }

    async fn read_history(
        &self,
        _: Request<wire::ReadHistoryRequest>,
    ) -> Result<Response<Chunks>, Status> {
        Ok(Response::new(self.silence()))
    }

    async fn list_runs(
        &self,
        _: Request<wire::ListRunsRequest>,
    ) -> Result<Response<wire::ListRunsResponse>, Status> {
        self.hang().await
    }

    async fn attend(
        &self,
        _: Request<wire::AttendRequest>,
    ) -> Result<Response<wire::AttendResponse>, Status> {
        self.hang().await
    }
}

async fn serve<L: Ledger>(
    spawner: &Spawner,
    server: LedgerServer<L>,
    deadlines: Deadlines,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Security::Plaintext
        .server()
        .layer(deadlines)
        .layer(crate::echo::rules().accept_plaintext(true))
        .add_service(server);
    let mut incoming = Security::Plaintext.incoming(listener);
    let cutter = incoming.cutter();
    spawner.spawn("server", async move {
        let _cutter = cutter;
        router.serve_with_incoming(incoming).await.unwrap();
    });
    address
}

fn connect(address: SocketAddr) -> LedgerClient<Channel> {
    LedgerClient::new(Security::Plaintext.channel(&format!("http://{address}")).unwrap())
}

/// A call that goes on beside the test.
fn call(mut client: LedgerClient<Channel>) -> JoinSet<Result<(), Status>> {
    let mut call = JoinSet::new();
    call.spawn(async move { client.propose(wire::ProposeRequest::default()).await.map(|_| ()) });
    call
}

/// A line to `server` that can be cut: then nothing arrives any more, and nobody is told.
async fn line(spawner: &Spawner, server: SocketAddr) -> (SocketAddr, watch::Sender<bool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (cut, mut is_cut) = watch::channel(false);
    spawner.spawn("line", async move {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut server = TcpStream::connect(server).await.unwrap();
        let cut = async { is_cut.wait_for(|cut| *cut).await.is_ok() };
        tokio::select! {
            _ = tokio::io::copy_bidirectional(&mut client, &mut server) => return,
            _ = cut => {}
        }
        // Both sockets stay open.
        std::future::pending().await
    });
    (address, cut)
}

#[tokio::test(start_paused = true)]
async fn a_call_that_hangs_is_ended_at_its_deadline() {
    let (group, hangs) = (TaskGroup::new(), Hangs::default());
    let deadlines =
        Deadlines::new().set("/multibeam.aggregator.v1.Ledger/ReadRun", Duration::from_secs(100));
    let server = LedgerServer::new(hangs.clone());
    let mut client = connect(serve(&group.spawner(), server, deadlines).await);
    let mut other = client.clone();
    let begun = Instant::now();
    let status = client.propose(wire::ProposeRequest::default()).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert!(status.message().starts_with("no answer within 30 s (hint: "), "{status}");
    assert_eq!(status.recovery(), Recovery::Retry);
    assert_eq!(begun.elapsed().as_secs(), limits::CALL_DEADLINE.as_secs());
    // Nothing of it is left.
    hangs.has_waiting(0).await;

    let begun = Instant::now();
    let status = other.read_run(wire::ReadRunRequest::default()).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert_eq!(begun.elapsed().as_secs(), 100);
}

#[tokio::test(start_paused = true)]
async fn a_stream_has_no_deadline() {
    let (group, hangs) = (TaskGroup::new(), Hangs::default());
    let server = LedgerServer::new(hangs.clone());
    let mut client = connect(serve(&group.spawner(), server, Deadlines::new()).await);
    let request = wire::ReadCatalogRequest::default();
    let mut stream = client.read_catalog(request).await.unwrap().into_inner();
    let silent = tokio::time::timeout(limits::CALL_DEADLINE * 100, stream.message()).await;
    assert!(silent.is_err(), "the stream must go on: {silent:?}");
}

#[tokio::test(start_paused = true)]
async fn both_sides_notice_a_cut_line() {
    let (group, hangs) = (TaskGroup::new(), Hangs::default());
    let spawner = group.spawner();
    let server = LedgerServer::new(hangs.clone());
    let deadlines = Deadlines::new().without("/multibeam.aggregator.v1.Ledger/Propose");
    let (address, cut) = line(&spawner, serve(&spawner, server, deadlines).await).await;
    let client = connect(address);
    let mut call = call(client);
    hangs.has_waiting(1).await;
    // A line that is only silent stays.
    tokio::time::sleep(Duration::from_secs(100)).await;
    assert_eq!(*hangs.waiting.borrow(), 1);

    let begun = Instant::now();
    cut.send_replace(true);
    let status = call.join_next().await.unwrap().unwrap().unwrap_err();
    assert_eq!(status.recovery(), Recovery::Retry, "{status:?}");
    hangs.has_waiting(0).await;
    let limit = limits::KEEP_ALIVE_INTERVAL + limits::KEEP_ALIVE_TIMEOUT;
    assert!(begun.elapsed() <= limit + Duration::from_secs(1), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn connections_go_with_their_server() {
    let (group, hangs) = (TaskGroup::new(), Hangs::default());
    let server = LedgerServer::new(hangs.clone());
    let client = connect(serve(&group.spawner(), server, Deadlines::new()).await);
    let mut call = call(client);
    hangs.has_waiting(1).await;
    assert_eq!(group.shutdown(Duration::from_secs(1)).await, Ok(vec!["server".to_owned()]));
    call.join_next().await.unwrap().unwrap().unwrap_err();
    hangs.has_waiting(0).await;
}

#[tokio::test]
async fn too_large_a_message_is_refused_with_both_sizes() {
    let group = TaskGroup::new();
    let server = LedgerServer::new(Echo::default()).max_decoding_message_size(1000);
    let mut client = connect(serve(&group.spawner(), server, Deadlines::new()).await);
    let request = |bytes| wire::ProposeRequest { commands: vec![vec![0_u8; bytes].into()] };
    let status = client.propose(request(1001)).await.unwrap_err();
    assert_eq!(status.code(), Code::OutOfRange);
    assert!(status.message().contains("1000 bytes"), "{status}");
    assert_eq!(status.recovery(), Recovery::GiveUp);
    // The connection goes on.
    client.propose(request(900)).await.unwrap();
}

#[tokio::test]
async fn too_many_headers_are_refused() {
    let group = TaskGroup::new();
    let server = Echo::default().server();
    let mut client = connect(serve(&group.spawner(), server, Deadlines::new()).await);
    let mut request = Request::new(wire::ProposeRequest::default());
    let long = "x".repeat(limits::REQUEST_HEADER_BYTES as usize);
    request.metadata_mut().insert("x", long.parse().unwrap());
    client.propose(request).await.unwrap_err();
    client.propose(wire::ProposeRequest::default()).await.unwrap();
}
