//! The parallel-protocol server, spoken to over plain sockets.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use multibeam_ginkgo::protocol::{Answer, Request};
use multibeam_worker::suite::server::{Incoming, Server};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, spawn_blocking};

struct Fixture {
    url: String,
    incoming: mpsc::Receiver<Incoming>,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
}

async fn start(body_limit: usize) -> Fixture {
    let server = Server::bind().await.unwrap().body_limit(body_limit);
    let url = server.urls().of(3);
    let (incoming_tx, incoming) = mpsc::channel(8);
    let (stop, stopped) = oneshot::channel();
    #[expect(clippy::disallowed_methods, reason = "tests end their own tasks")]
    let server = tokio::spawn(server.run(incoming_tx, async {
        let _ = stopped.await;
    }));
    Fixture { url, incoming, stop, server }
}

/// Host and port, and the path of the URL.
fn split(url: &str) -> (String, String) {
    let rest = url.strip_prefix("http://").unwrap();
    let slash = rest.find('/').unwrap();
    (rest[..slash].to_owned(), rest[slash..].to_owned())
}

struct Client {
    stream: BufReader<TcpStream>,
    base: String,
}

impl Client {
    fn connect(url: &str) -> Self {
        let (host, base) = split(url);
        Self { stream: BufReader::new(TcpStream::connect(host).unwrap()), base }
    }

    fn send(&mut self, method: &str, path: &str, body: &[u8]) {
        let head = format!(
            "{method} {}{path} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n",
            self.base,
            body.len()
        );
        let stream = self.stream.get_mut();
        stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
    }

    fn receive(&mut self) -> (u16, String) {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        let status = line.split(' ').nth(1).unwrap_or_else(|| panic!("no answer: {line:?}"));
        let status = status.parse().unwrap();
        let mut length = 0;
        loop {
            let mut header = String::new();
            self.stream.read_line(&mut header).unwrap();
            if header == "\r\n" {
                break;
            }
            if let Some(value) = header.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).unwrap();
        (status, String::from_utf8(body).unwrap())
    }

    fn ask(&mut self, method: &str, path: &str, body: &[u8]) -> (u16, String) {
        self.send(method, path, body);
        self.receive()
    }
}

#[tokio::test]
async fn a_connection_carries_many_questions() {
    let Fixture { url, mut incoming, stop, server } = start(1 << 20).await;
    let client = spawn_blocking(move || {
        let mut client = Client::connect(&url);
        assert_eq!(client.ask("GET", "/up", b""), (200, String::new()));
        assert_eq!(client.ask("GET", "/counter", b""), (200, "{\"Index\":5}".into()));
        assert_eq!(client.ask("GET", "/counter", b""), (425, String::new()));
        assert_eq!(client.ask("GET", "/abort", b""), (410, String::new()));
        assert_eq!(client.ask("POST", "/did-run", b"{\"LeafNodeType\":\"It\"}").0, 200);
    });
    let answers = [Answer::Ok, Answer::counter(5), Answer::TooEarly, Answer::Gone, Answer::Ok];
    let mut names = Vec::new();
    for answer in answers {
        let message = incoming.recv().await.unwrap();
        assert_eq!(message.process, 3);
        names.push(message.request.name());
        message.reply.send(answer).unwrap();
    }
    assert_eq!(names, ["up", "counter", "counter", "should-abort", "did-run"]);
    client.await.unwrap();
    stop.send(()).unwrap();
    server.await.unwrap();
}

#[tokio::test]
async fn strangers_learn_nothing() {
    let Fixture { url, mut incoming, stop: _stop, .. } = start(1 << 20).await;
    spawn_blocking(move || {
        let (host, path) = split(&url);
        let token = path.split('/').nth(1).unwrap().to_owned();
        assert_eq!(token.len(), 32, "128 bits");
        let wrong_end = format!("{}{}", &token[..31], if token.ends_with('0') { '1' } else { '0' });
        let paths = [
            "/up".to_owned(),
            format!("/{wrong_end}/3"),
            format!("/{}/3", &token[..31]),
            format!("/{token}"),
            format!("/{token}/x"),
            format!("/{token}/-1"),
        ];
        for path in paths {
            let mut client = Client::connect(&format!("http://{host}{path}"));
            assert_eq!(client.ask("GET", "/up", b""), (404, String::new()), "{path}");
        }
    })
    .await
    .unwrap();
    assert!(incoming.try_recv().is_err(), "nothing of it reached the handler");
}

#[tokio::test]
async fn bad_messages_are_refused() {
    let Fixture { url, mut incoming, stop: _stop, .. } = start(1000).await;
    spawn_blocking(move || {
        let mut client = Client::connect(&url);
        assert_eq!(client.ask("POST", "/did-run", b"{").0, 400);
        assert_eq!(client.ask("GET", "/new-endpoint", b"").0, 400);
        let mut client = Client::connect(&url);
        assert_eq!(client.ask("POST", "/emit-output", &[b'x'; 1001]).0, 413);
    })
    .await
    .unwrap();
    assert!(incoming.try_recv().is_err());
}

#[tokio::test]
async fn what_nobody_answers_is_held() {
    let Fixture { url, mut incoming, stop: _stop, .. } = start(1000).await;
    let mut held = Client::connect(&url);
    held.send("GET", "/have-nonprimary-procs-finished", b"");
    drop(incoming.recv().await.unwrap());
    // A later exchange over another connection shows that the server had time for an answer.
    let other = url.clone();
    let asked = spawn_blocking(move || Client::connect(&other).ask("GET", "/up", b""));
    let message = incoming.recv().await.unwrap();
    assert!(matches!(message.request, Request::Up));
    message.reply.send(Answer::Ok).unwrap();
    assert_eq!(asked.await.unwrap().0, 200);
    drop(incoming);
    let late = spawn_blocking(move || {
        let mut late = Client::connect(&url);
        late.send("GET", "/counter", b"");
        for client in [&mut held, &mut late] {
            let stream = client.stream.get_mut();
            stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
            let error = stream.read(&mut [0]).unwrap_err();
            assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock, "an answer or an end came");
        }
    });
    late.await.unwrap();
}
