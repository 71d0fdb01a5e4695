use hyper_util::client::legacy::connect::HttpConnector;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::*;

/// A server on this machine that answers by path, as often as it is asked; gives its address. It ends
/// with its tasks.
async fn server(tasks: &mut JoinSet<()>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tasks.spawn(async move {
        let mut conversations = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            conversations.spawn(converse(stream));
        }
    });
    format!("http://{address}")
}

async fn converse(mut stream: TcpStream) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { return };
        head.push(byte);
    }
    let head = String::from_utf8(head).unwrap();
    let mut words = head.split_whitespace();
    assert_eq!(words.next(), Some("HEAD"));
    match answer(words.next().unwrap()) {
        Some(answer) => drop(stream.write_all(answer.as_bytes()).await),
        // Never, but the connection stays open.
        None => std::future::pending().await,
    }
}

fn answer(path: &str) -> Option<String> {
    let to = |location: &str| head("302 Found", &format!("Location: {location}\r\n"));
    Some(match path {
        "/page" | "/docs/en/page" => head("200 OK", "Content-Type: text/html; charset=utf-8\r\n"),
        "/docs/en/page?v=2" => head("200 OK", "Content-Type: application/pdf\r\n"),
        "/untyped" => head("200 OK", ""),
        "/absolute" => to("/page"),
        "/docs/start" => to("en/page"),
        "/docs/en/up" => to("../en/./page"),
        "/docs/en/page?v=1" => to("?v=2"),
        "/fragment" => to("/page#top"),
        "/bad" => to("ht tp://"),
        "/nowhere" => head("302 Found", ""),
        "/loop" => to("/loop"),
        "/gone" => head("404 Not Found", "Content-Type: text/html\r\n"),
        "/large" => head("200 OK", &format!("Content-Type: {}\r\n", "x".repeat(1 << 20))),
        "/rubbish" => "this is no HTTP\r\n\r\n".to_owned(),
        _ => return None,
    })
}

fn head(status: &str, fields: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{fields}Connection: close\r\nContent-Length: 0\r\n\r\n")
}

/// What the server's answers come to; whoever does not answer is waited for only so long.
async fn asked(paths: &[&str], patience: Duration) -> Vec<UrlAnswer> {
    let mut tasks = JoinSet::new();
    let server = server(&mut tasks).await;
    let urls: Vec<String> = paths.iter().map(|path| format!("{server}{path}")).collect();
    let mut online = ask_over(HttpConnector::new(), urls.iter().cloned().collect(), patience).await;
    urls.iter().map(|url| online.answers.remove(url).unwrap()).collect()
}

#[tokio::test]
async fn redirects_of_every_kind_are_followed() {
    let paths = [
        "/page",
        "/absolute",
        "/docs/start",
        "/docs/en/up",
        "/fragment",
        "/docs/en/page?v=1",
        "/untyped",
        "/nowhere",
    ];
    let html = || UrlAnswer::ContentType("text/html; charset=utf-8".to_owned());
    let other = |kind: &str| UrlAnswer::ContentType(kind.to_owned());
    let expected =
        [html(), html(), html(), html(), html(), other("application/pdf"), other(""), other("")];
    assert_eq!(asked(&paths, PATIENCE).await, expected);
}

#[tokio::test]
async fn what_leads_nowhere_is_told_and_why() {
    let expected = [
        ("/loop", "more than 10 redirects"),
        ("/bad", "a redirect to \"ht tp://\": "),
        ("/gone", "the server says 404 Not Found"),
        ("/large", "too large"),
        ("/rubbish", "invalid"),
    ];
    let answers = asked(&expected.map(|(path, _)| path), PATIENCE).await;
    for ((path, why), answer) in expected.iter().zip(answers) {
        let UrlAnswer::Failed(said) = answer else { panic!("{path}: {answer:?}") };
        assert!(said.contains(why), "{path}: {said}");
    }
    let nobody = ["http://127.0.0.1:1/".to_owned()].into();
    let online = ask_over(HttpConnector::new(), nobody, PATIENCE).await;
    assert!(matches!(&online.answers["http://127.0.0.1:1/"], UrlAnswer::Failed(_)), "{online:?}");
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_waited_for_only_so_long() {
    let answers = asked(&["/silent"], Duration::from_millis(50)).await;
    assert_eq!(answers, [UrlAnswer::Failed("no answer within 0.05 s".to_owned())]);
}
