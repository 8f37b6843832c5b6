//! Messages handed over for sending.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use wire::Kind;
use wire::smtp::{Envelope, Fate};

use super::{Graph, Say, USER, refused, unanswered};
use crate::oauth::http;

fn envelope(recipients: &[&str]) -> Envelope {
    Envelope { from: USER.into(), recipients: recipients.iter().map(|one| (*one).to_owned()).collect() }
}

const LETTER: &[u8] =
    b"From: help@contoso.example\r\nTo: Ann <ann@a.example>\r\nMessage-ID: <1@x>\r\n\r\nYes.\r\n";

#[tokio::test]
async fn a_message_is_sent_as_it_was_composed_and_counts_by_its_202() {
    let graph = Graph::answering([
        http(202, "", ""),
        http(202, "", ""),
        http(200, "", ""),
        refused(400, "ErrorInvalidRecipients"),
    ])
    .await;
    let session = graph.session();
    let sent = session.send(&envelope(&["Ann@A.example"]), LETTER).await.unwrap();
    assert!(matches!(&sent.fates[..], [(to, Fate::Accepted { .. })] if to == "Ann@A.example"), "{sent:?}");
    let asked = &graph.asked()[0];
    assert!(asked.starts_with("POST /v1.0/users/help@contoso.example/sendMail | "), "{asked}");
    assert_eq!(decoded(asked), LETTER);

    session.send(&envelope(&["ann@a.example", "bob@b.example"]), LETTER).await.unwrap();
    assert!(decoded(&graph.asked()[1]).starts_with(b"Bcc: bob@b.example\r\nFrom: "));

    let error = session.send(&envelope(&["ann@a.example"]), LETTER).await.unwrap_err();
    assert!(error.kind() == Kind::Rejected && error.to_string().contains("SMTP"), "{error}");

    let sent = session.send(&envelope(&["ann@a.example"]), LETTER).await.unwrap();
    let said = "ErrorInvalidRecipients: In words.".to_owned();
    assert_eq!(sent.fates, [("ann@a.example".to_owned(), Fate::Refused { code: 400, answer: said })]);
}

fn decoded(asked: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(asked.rsplit(" | ").next().unwrap()).unwrap()
}

#[tokio::test]
async fn what_graph_cannot_send_is_refused_before_it_is_asked() {
    let graph = Graph::answering([]).await;
    let session = graph.session();
    let large = [LETTER, &vec![b'x'; 3_000_001]].concat();
    let error = session.send(&envelope(&["ann@a.example"]), &large).await.unwrap_err();
    assert!(error.kind() == Kind::Rejected && error.to_string().contains("3000 kB: choose SMTP"), "{error}");
    let error = session.send(&envelope(&["bob@b.example"]), LETTER).await.unwrap_err();
    assert!(error.kind() == Kind::Rejected && error.to_string().contains("ann@a.example"), "{error}");
    let error = session.send(&envelope(&["ann@a.example", "x\r\nTo: y@z"]), LETTER).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Rejected, "{error}");
    assert!(graph.asked().is_empty());
}

#[tokio::test]
async fn a_link_that_breaks_after_a_message_left_is_told_from_one_that_was_never_there() {
    let graph = Graph::saying(vec![
        Say::Nothing,
        Say::Answer(refused(504, "UnknownError")),
        Say::Answer(refused(429, "ApplicationThrottled")),
        Say::Answer(refused(403, "ErrorSendAsDenied")),
    ])
    .await;
    let session = graph.session();
    for unsure in [true, true, false, false] {
        let error = session.send(&envelope(&["ann@a.example"]), LETTER).await.unwrap_err();
        assert_eq!(error.may_have_been_sent(), unsure, "{error}");
    }
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = nobody.local_addr().unwrap().port();
    drop(nobody);
    let session = Graph { port, asked: Arc::default(), at_once: Arc::default() }.session();
    let error = session.send(&envelope(&["ann@a.example"]), LETTER).await.unwrap_err();
    assert!(
        !error.may_have_been_sent() && error.kind() == Kind::Transient { retry_after_ms: None },
        "{error}"
    );
}

#[tokio::test]
async fn whether_one_may_send_is_seen_without_sending() {
    let graph = Graph::answering([
        refused(400, "ErrorMimeContentInvalidBase64String"),
        refused(403, "ErrorAccessDenied"),
        http(202, "", ""),
    ])
    .await;
    let session = graph.session();
    session.probe_send().await.unwrap();
    assert_eq!(session.probe_send().await.unwrap_err().kind(), Kind::Rejected);
    assert!(session.probe_send().await.is_err(), "whoever takes this as a message is none of Graph");
}

#[tokio::test]
async fn a_letter_that_is_handed_over_has_longer_by_its_size_before_it_is_given_up() {
    let graph = Graph::saying(vec![Say::Hang(String::new())]).await;
    let session = graph.session();
    let letter = [LETTER, "x".repeat(96 * 1024).as_bytes()].concat();
    let asking = async move { session.send(&envelope(&["ann@a.example"]), &letter).await };
    let (after, error) = unanswered(asking, &graph).await;
    assert!(error.may_have_been_sent() && error.to_string().contains("no answer within 188 s"), "{error}");
    assert!(after < Duration::from_secs(190), "{after:?}");
}
