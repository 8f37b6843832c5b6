//! Graph's mail against a small HTTP server on loopback that says what each test wants, hostile answers among it.

mod sending;
mod subscribing;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use secrecy::SecretString;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use wire::graph::{Gate, Listed, Next, Page, Raw, Session, Start};
use wire::letter::Room;
use wire::{Error, Kind, Security, Server};

use crate::oauth::{http, net};

const USER: &str = "help@contoso.example";
const TOKEN: &str = "EwBwA8l6BAAUs5-a-long-access-token";

/// What is answered to the requests, in order: bytes, and whether the link then hangs.
enum Say {
    Answer(String),
    /// The link ends without an answer.
    Nothing,
    /// These bytes, and silence.
    Hang(String),
}

struct Graph {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
    at_once: Arc<Mutex<(usize, usize)>>,
}

impl Graph {
    async fn saying(answers: Vec<Say>) -> Graph {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let at_once: Arc<Mutex<(usize, usize)>> = Arc::default();
        let (noted, counted) = (asked.clone(), at_once.clone());
        tokio::spawn(async move {
            let mut answers = answers.into_iter();
            while let Ok((stream, _)) = listener.accept().await {
                let say =
                    answers.next().unwrap_or_else(|| Say::Answer(http(500, "", "no more was expected")));
                tokio::spawn(serve(stream, say, port, noted.clone(), counted.clone()));
            }
        });
        Graph { port, asked, at_once }
    }

    async fn answering(answers: impl IntoIterator<Item = String>) -> Graph {
        Graph::saying(answers.into_iter().map(Say::Answer).collect()).await
    }

    fn session(&self) -> Session {
        self.session_of(USER, &Gate::default())
    }

    fn session_of(&self, user: &str, gate: &Gate) -> Session {
        let server = Server { host: "127.0.0.1".into(), port: self.port, security: Security::Plain };
        Session::new(&net(), &server, user, SecretString::from(TOKEN), gate).unwrap()
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

async fn serve(
    mut stream: TcpStream,
    say: Say,
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
    at_once: Arc<Mutex<(usize, usize)>>,
) {
    let mut input = Vec::new();
    while !is_whole(&input) && stream.read_buf(&mut input).await.unwrap_or(0) > 0 {}
    {
        let mut counted = at_once.lock().unwrap();
        counted.0 += 1;
        counted.1 = counted.1.max(counted.0);
    }
    let text = String::from_utf8_lossy(&input).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let line = head.lines().next().unwrap_or_default().trim_end_matches(" HTTP/1.1").to_owned();
    let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("-").to_owned();
    let noted = format!("{line} | {} | {} | {body}", field("authorization: "), field("prefer: "));
    asked.lock().unwrap().push(noted);
    tokio::time::sleep(Duration::from_millis(20)).await;
    at_once.lock().unwrap().0 -= 1;
    let root = format!("http://127.0.0.1:{port}/v1.0");
    match say {
        Say::Answer(answer) => drop(stream.write_all(with_length(&answer, &root).as_bytes()).await),
        Say::Nothing => {}
        Say::Hang(answer) => {
            stream.write_all(answer.as_bytes()).await.ok();
            tokio::time::sleep(Duration::from_secs(3600)).await;
        }
    }
}

/// `ROOT` in an answer is the server's own address, with the length put right.
fn with_length(answer: &str, root: &str) -> String {
    if !answer.contains("ROOT") {
        return answer.to_owned();
    }
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let body = body.replace("ROOT", root);
    let rest: Vec<&str> = head.lines().filter(|line| !line.starts_with("Content-Length")).collect();
    format!("{}\r\nContent-Length: {}\r\n\r\n{body}", rest.join("\r\n"), body.len())
}

fn is_whole(input: &[u8]) -> bool {
    let text = String::from_utf8_lossy(input);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.to_ascii_lowercase().lines().find_map(|line| {
        line.strip_prefix("content-length: ").and_then(|length| length.trim().parse::<usize>().ok())
    });
    body.len() >= length.unwrap_or(0)
}

fn json(body: &str) -> String {
    http(200, "Content-Type: application/json\r\n", body)
}

fn refused(status: u16, code: &str) -> String {
    http(status, "", &format!(r#"{{"error":{{"code":"{code}","message":"In words."}}}}"#))
}

fn page(value: &str, next: &str) -> String {
    json(&format!(r#"{{"value":[{value}],{next}}}"#))
}

const LATER: &str = r#""@odata.deltaLink":"ROOT/users/x/mailFolders/f/messages/delta?$deltatoken=d1""#;

async fn first(answer: String) -> (Graph, wire::Result<Option<Page>>) {
    let graph = Graph::answering([answer]).await;
    let page = graph.session().page(Start::Folder("f")).await;
    (graph, page)
}

#[tokio::test]
async fn a_folder_is_listed_page_by_page_and_then_from_where_it_stood() {
    let graph = Graph::answering([
        page(
            r#"{"id":"A=","receivedDateTime":"2026-11-24T12:00:00Z","@odata.etag":"W/1"},{"id":"B="}"#,
            r#""@odata.nextLink":"ROOT/users/x/mailFolders/f/messages/delta?$skiptoken=s1""#,
        ),
        page(r#"{"id":"A="},{"id":"C=","@removed":{"reason":"deleted"}}"#, LATER),
    ])
    .await;
    let session = graph.session();
    let page = session.page(Start::Folder("f/../g")).await.unwrap().unwrap();
    let noon = Some(1_795_521_600_000);
    let listed = [("A=", noon), ("B=", None)];
    assert_eq!(page.listed, listed.map(|(id, at)| Listed { id: id.into(), received_at: at }));
    let Next::Page(link) = page.next else { panic!("{page:?}") };
    let page = session.page(Start::Link(&link)).await.unwrap().unwrap();
    assert_eq!((page.listed.len(), page.removed), (1, vec!["C=".to_owned()]));
    assert!(matches!(page.next, Next::Later(link) if link.ends_with("$deltatoken=d1")));
    let asked = graph.asked();
    assert_eq!(
        asked[0],
        format!(
            "GET /v1.0/users/help@contoso.example/mailFolders/f%2F..%2Fg/messages/delta?%24select=id%2CreceivedDateTime | \
             Bearer {TOKEN} | IdType=\"ImmutableId\", odata.maxpagesize=250 | "
        )
    );
    assert!(asked[1].starts_with("GET /v1.0/users/x/mailFolders/f/messages/delta?$skiptoken=s1 | Bearer"));
    assert!(asked[1].contains("ImmutableId"), "{asked:?}");
}

#[tokio::test]
async fn a_link_leads_nowhere_else_with_the_token() {
    for elsewhere in [
        "https://evil.example/v1.0/users/x",
        "http://127.0.0.1:1/v1.0/users/x",
        "ROOT/../beta/users/x",
        "ROOT.evil.example/",
        "http://user:pw@127.0.0.1/v1.0/",
        "/v1.0/users/x",
        "ftp://127.0.0.1/v1.0/",
        "",
    ] {
        for kind in ["nextLink", "deltaLink"] {
            let (graph, page) = first(page("", &format!(r#""@odata.{kind}":"{elsewhere}""#))).await;
            let error = page.unwrap_err();
            assert_eq!(error.kind(), Kind::Broken, "{elsewhere}");
            let session = graph.session();
            let link = elsewhere.replace("ROOT", &format!("http://127.0.0.1:{}/v1.0", graph.port));
            assert_eq!(
                session.page(Start::Link(&link)).await.unwrap_err().kind(),
                Kind::Broken,
                "{elsewhere}"
            );
            assert_eq!(graph.asked().len(), 1, "{elsewhere} was followed");
        }
    }
    let long = format!(r#""@odata.nextLink":"ROOT/{}""#, "x".repeat(20_000));
    assert_eq!(first(page("", &long)).await.1.unwrap_err().kind(), Kind::Broken);
}

#[tokio::test]
async fn an_answer_that_is_none_of_graph_is_an_error_and_no_listing() {
    let many = vec![r#"{"id":"A="}"#; 5_001].join(",");
    for answer in [
        json("not json"),
        json("[]"),
        json(r#"{"value":{}}"#),
        json(r#"{"value":[7]}"#),
        json(r#"{"value":[{"id":7}],"@odata.deltaLink":"ROOT/x"}"#),
        json(r#"{"value":[]}"#),
        page("", &format!(r#"{LATER},"@odata.nextLink":"ROOT/x""#)),
        page(r#"{"id":""}"#, LATER),
        page(r#"{"id":".."}"#, LATER),
        page(&format!(r#"{{"id":"{}"}}"#, "A".repeat(10_000)), LATER),
        page(r#"{"id":"a\u0000b"}"#, LATER),
        page(&many, LATER),
        json(&" ".repeat(4 * 1024 * 1024 + 1)),
        json(&"[".repeat(100_000)),
    ] {
        let shown: String = answer.chars().take(200).collect();
        let error = first(answer).await.1.unwrap_err();
        assert_eq!(error.kind(), Kind::Broken, "{shown}: {error}");
    }
}

#[tokio::test]
async fn a_lost_state_asks_for_the_beginning_and_a_pause_is_kept_to() {
    for lost in [
        refused(410, "SyncStateNotFound"),
        refused(400, "SyncStateNotFound"),
        refused(404, "ErrorItemNotFound"),
        http(410, "", ""),
    ] {
        let graph = Graph::answering([lost]).await;
        let link = format!("http://127.0.0.1:{}/v1.0/x?$deltatoken=old", graph.port);
        assert_eq!(graph.session().page(Start::Link(&link)).await.unwrap(), None);
    }
    for (headers, status, wait) in [
        ("Retry-After: 120\r\n", 429, Some(120_000)),
        ("Retry-After: 5\r\n", 503, Some(5_000)),
        (
            "Date: Tue, 24 Nov 2026 12:00:00 GMT\r\nRetry-After: Tue, 24 Nov 2026 12:05:00 GMT\r\n",
            504,
            Some(300_000),
        ),
        ("", 429, Some(60_000)),
        ("", 503, None),
    ] {
        let answer = http(status, headers, r#"{"error":{"code":"ApplicationThrottled","message":"Wait."}}"#);
        let error = first(answer).await.1.unwrap_err();
        assert_eq!(error.kind(), Kind::Transient { retry_after_ms: wait }, "{error}");
    }
}

#[tokio::test]
async fn what_a_refusal_says_stands_in_the_error_without_the_token() {
    for (status, code, kind) in [
        (401, "InvalidAuthenticationToken", Kind::Unauthorized),
        (403, "ErrorAccessDenied", Kind::Rejected),
        (404, "MailboxNotEnabledForRESTAPI", Kind::Rejected),
    ] {
        let body = format!(r#"{{"error":{{"code":"{code}","message":"Not with {TOKEN}."}}}}"#);
        let error = first(http(status, "", &body)).await.1.unwrap_err();
        assert_eq!(error.kind(), kind);
        assert_eq!(error.server_text(), Some(format!("{code}: Not with [hidden].").as_str()));
        assert!(!format!("{error:?}").contains(TOKEN));
    }
}

#[tokio::test]
async fn a_message_comes_as_it_is_up_to_the_limit() {
    let letter = "From: a@b.example\r\n\r\nHällo";
    let graph = Graph::answering([
        http(200, "Content-Type: text/plain\r\n", letter),
        http(200, "", &"x".repeat(1_001)),
        format!("HTTP/1.1 200 x\r\nConnection: close\r\n\r\n{}", "x".repeat(1_001)),
        refused(404, "ErrorItemNotFound"),
        refused(404, "ErrorInvalidUser"),
    ])
    .await;
    let session = graph.session();
    let room = Room::in_memory(1_000);
    let Raw::Message(came) = session.raw("A/B+=", &room).await.unwrap() else { panic!("it is there") };
    assert_eq!(came.bytes(), Some(letter.as_bytes()));
    for id in ["B", "C"] {
        let raw = session.raw(id, &room).await.unwrap();
        assert!(matches!(raw, Raw::TooBig { size_bytes: 1_001 }), "{raw:?}");
    }
    assert!(matches!(session.raw("D", &room).await.unwrap(), Raw::Gone));
    assert_eq!(session.raw("E", &room).await.unwrap_err().kind(), Kind::Rejected);
    assert!(session.raw("..", &room).await.is_err(), "it would be another address");
    assert!(graph.asked()[0].starts_with("GET /v1.0/users/help@contoso.example/messages/A%2FB+=/$value | "));
}

#[tokio::test]
async fn a_page_of_somebody_between_is_no_letter_and_no_success() {
    let page = || http(200, "Content-Type: text/html; charset=utf-8\r\n", "<h1>Welcome to the hotel</h1>");
    let graph = Graph::answering([page(), json("{}"), page(), page(), page()]).await;
    let session = graph.session();
    for _ in 0..2 {
        let error = session.raw("A", &Room::in_memory(1_000)).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Broken, "{error}");
    }
    assert!(session.mark_read("A").await.is_err());
    assert!(session.move_to("A", "g").await.is_err());
    assert!(session.delete("A").await.is_err());
}

#[tokio::test]
async fn a_link_that_breaks_or_hangs_in_a_message_is_a_passing_trouble() {
    let half = "HTTP/1.1 200 x\r\nContent-Length: 100\r\n\r\nhalf".to_owned();
    let graph = Graph::saying(vec![Say::Answer(half.clone()), Say::Nothing, Say::Hang(half)]).await;
    let session = graph.session();
    for _ in 0..2 {
        let error = session.raw("A", &Room::in_memory(1_000)).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Transient { retry_after_ms: None }, "{error}");
    }
    let waiting = tokio::spawn(async move { session.raw("A", &Room::in_memory(1_000)).await });
    while graph.asked().len() < 3 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::pause();
    let error = waiting.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), Kind::Transient { retry_after_ms: None }, "{error}");
}

#[tokio::test]
async fn messages_are_marked_moved_and_deleted_and_one_that_is_gone_is_no_error() {
    let graph = Graph::answering([
        json("{}"),
        http(201, "", "{}"),
        http(204, "", ""),
        json(r#"{"id":"A","parentFolderId":"f"}"#),
        refused(404, "ErrorItemNotFound"),
        refused(404, "ErrorItemNotFound"),
        refused(403, "ErrorAccessDenied"),
    ])
    .await;
    let session = graph.session();
    assert!(session.mark_read("A").await.unwrap());
    assert!(session.move_to("A", "g").await.unwrap());
    assert!(session.delete("A").await.unwrap());
    assert_eq!(session.place("A").await.unwrap().as_deref(), Some("f"));
    assert!(!session.delete("A").await.unwrap());
    assert_eq!(session.place("A").await.unwrap(), None);
    assert_eq!(session.mark_read("A").await.unwrap_err().kind(), Kind::Rejected);
    let asked = graph.asked();
    let told = |at: usize| asked[at].replace("/v1.0/users/help@contoso.example/messages/", "");
    assert!(told(0).starts_with("PATCH A | ") && told(0).ends_with(r#" | {"isRead":true}"#), "{asked:?}");
    assert!(told(1).starts_with("POST A/move | ") && told(1).ends_with(r#" | {"destinationId":"g"}"#));
    assert!(told(2).starts_with("DELETE A | "));
}

#[tokio::test]
async fn folders_are_found_by_their_names_and_made_where_they_are_missing() {
    let none = r#"{"value":[]}"#;
    let graph = Graph::answering([
        json(r#"{"id":"in","displayName":"Posteingang","totalItemCount":7}"#),
        json(none),
        json(r#"{"value":[{"id":"o","displayName":"Other"}],"@odata.nextLink":"ROOT/more"}"#),
        json(r#"{"value":[{"id":"s","displayName":"SUPPORT"}]}"#),
        json(r#"{"value":[{"id":"n","displayName":"Bob's"}]}"#),
        json(none),
        json(r#"{"id":"in","displayName":"Posteingang"}"#),
        json(none),
        json(r#"{"id":"in","displayName":"Posteingang"}"#),
        json(none),
        http(201, "", r#"{"id":"d","displayName":"Done"}"#),
    ])
    .await;
    let session = graph.session();
    let inbox = session.folder("inbox").await.unwrap().unwrap();
    assert_eq!((inbox.id.as_str(), inbox.total), ("in", 7));
    assert_eq!(session.folder("Support/Bob's").await.unwrap().unwrap().id, "n");
    assert_eq!(session.folder_or_new("INBOX/Done").await.unwrap().id, "d");
    let asked = graph.asked();
    assert!(asked[3].starts_with("GET /v1.0/more | "), "{asked:?}");
    assert!(
        asked[4].contains("/mailFolders/s/childFolders?") && asked[4].contains("Bob%27%27s"),
        "{asked:?}"
    );
    let made = r#"POST /v1.0/users/help@contoso.example/mailFolders/in/childFolders | "#;
    assert!(asked[10].starts_with(made) && asked[10].ends_with(r#"{"displayName":"Done"}"#), "{asked:?}");

    let endless = json(r#"{"value":[],"@odata.nextLink":"ROOT/more"}"#);
    let graph = Graph::answering(vec![endless; 60]).await;
    assert_eq!(graph.session().folder("Nowhere").await.unwrap_err().kind(), Kind::Broken);
    assert_eq!(graph.asked().len(), 50);
}

#[tokio::test]
async fn one_request_for_a_mailbox_and_four_in_all_are_on_their_way() {
    let gate = Gate::default();
    let graph = Graph::answering(vec![json("{}"); 24]).await;
    let one = Arc::new(graph.session_of(USER, &gate));
    let same = Arc::new(graph.session_of("HELP@contoso.example", &gate));
    let ask = |session: Arc<Session>| tokio::spawn(async move { session.mark_read("A").await.unwrap() });
    for asking in [ask(one.clone()), ask(same.clone()), ask(one), ask(same)] {
        asking.await.unwrap();
    }
    assert_eq!(graph.at_once.lock().unwrap().1, 1);
    let many: Vec<_> =
        (0..20).map(|n| ask(Arc::new(graph.session_of(&format!("{n}@contoso.example"), &gate)))).collect();
    for asking in many {
        asking.await.unwrap();
    }
    assert_eq!(graph.at_once.lock().unwrap().1, 4);
}

#[tokio::test]
async fn plain_http_is_for_a_demo_and_a_mailbox_has_an_address() {
    let strict = wire::net::Net::new(wire::net::Policy::default()).unwrap();
    let server = Server { host: "127.0.0.1".into(), port: 9, security: Security::Plain };
    let session = |net, user| Session::new(net, &server, user, SecretString::from(TOKEN), &Gate::default());
    let error: Error = session(&strict, USER).unwrap().mark_read("A").await.unwrap_err();
    assert_eq!(error.kind(), Kind::Rejected, "{error}");
    let net = net();
    for odd in ["", "..", "me"] {
        assert!(session(&net, odd).is_err(), "{odd}");
    }
}

/// What is asked is not answered at all, and the clock runs on by itself from then on.
async fn unanswered<T: std::fmt::Debug + Send + 'static>(
    asking: impl Future<Output = wire::Result<T>> + Send + 'static,
    graph: &Graph,
) -> (Duration, Error) {
    let asking = tokio::spawn(asking);
    while graph.asked().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    let error = asking.await.unwrap().unwrap_err();
    (began.elapsed(), error)
}

#[tokio::test]
async fn a_message_of_which_nothing_comes_is_given_up_after_a_minute() {
    let graph = Graph::saying(vec![Say::Hang(String::new())]).await;
    let session = graph.session();
    let (after, error) =
        unanswered(async move { session.raw("AAMk1", &Room::in_memory(1_000_000)).await }, &graph).await;
    assert!(
        error.kind() == Kind::Transient { retry_after_ms: None }
            && error.to_string().contains("no answer within 60 s"),
        "{error}"
    );
    assert!(after <= Duration::from_secs(61), "{after:?}");
}
