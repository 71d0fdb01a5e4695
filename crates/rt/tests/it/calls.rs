//! What the layer around a server counts.

use crate::echo::Echo;
use multibeam_proto::aggregator::v1 as wire;
use multibeam_proto::aggregator::v1::ledger_client::LedgerClient;
use multibeam_rt::memory;
use multibeam_rt::metrics::Metrics;
use multibeam_rt::metrics::calls::CallMetrics;
use multibeam_rt::tasks::TaskGroup;

const LEDGER: &str = "multibeam.aggregator.v1.Ledger";

#[tokio::test]
async fn calls_are_counted_by_method_and_code() {
    let metrics = Metrics::new("multibeam-test", "1.2.3");
    let calls = metrics.register(CallMetrics::register);
    let group = TaskGroup::new();
    let (connector, incoming) = memory::duplex();
    let server = memory::server()
        .layer(calls)
        .layer(crate::echo::rules())
        .add_service(Echo::default().server())
        .serve_with_incoming(incoming);
    group.spawner().spawn("server", async move { server.await.unwrap() });
    let mut client = LedgerClient::new(connector.channel());

    for _ in 0..3 {
        client.propose(wire::ProposeRequest::default()).await.unwrap();
    }
    client.read_run(wire::ReadRunRequest::default()).await.unwrap_err();
    let request = wire::ReadCatalogRequest { run: String::new(), target: 1 };
    let mut stream = client.read_catalog(request.clone()).await.unwrap().into_inner();
    while stream.message().await.unwrap().is_some() {}
    drop(stream);
    // A stream that its caller gives up after the first piece of many.
    let request = wire::ReadCatalogRequest { target: 64 << 20, ..request };
    let mut stream = client.read_catalog(request).await.unwrap().into_inner();
    stream.message().await.unwrap();
    let samples = crate::openmetrics::parse(&metrics.encode());
    assert_eq!(samples["multibeam_grpc_server_in_flight"], 1.0);
    drop(stream);
    // A method that is not there, as anybody may invent it.
    let mut grpc = tonic::client::Grpc::new(connector.channel());
    for name in ["One", "Two"] {
        grpc.ready().await.unwrap();
        let path = format!("/invented.Service/{name}").parse().unwrap();
        let codec = tonic_prost::ProstCodec::<wire::ProposeRequest, wire::ProposeResponse>::new();
        let request = tonic::Request::new(wire::ProposeRequest::default());
        grpc.unary(request, path, codec).await.unwrap_err();
    }

    // The server notices a little later that a caller has gone.
    let samples = loop {
        let samples = crate::openmetrics::parse(&metrics.encode());
        if samples["multibeam_grpc_server_in_flight"] == 0.0 {
            break samples;
        }
        tokio::task::yield_now().await;
    };
    let count = |method: &str, code: &str| {
        let series =
            format!(r#"multibeam_grpc_server_calls_total{{method="{method}",code="{code}"}}"#);
        samples.get(&series).copied().unwrap_or_default()
    };
    assert_eq!(count(&format!("{LEDGER}/Propose"), "OK"), 3.0);
    assert_eq!(count(&format!("{LEDGER}/ReadRun"), "NOT_FOUND"), 1.0);
    assert_eq!(count(&format!("{LEDGER}/ReadCatalog"), "OK"), 1.0);
    assert_eq!(count(&format!("{LEDGER}/ReadCatalog"), "CANCELLED"), 1.0);
    assert_eq!(count("other", "UNIMPLEMENTED"), 2.0);
    assert!(!samples.keys().any(|series| series.contains("invented")));
    let answered =
        format!(r#"multibeam_grpc_server_answer_seconds_count{{method="{LEDGER}/Propose"}}"#);
    assert_eq!(samples[&answered], 3.0);
}
