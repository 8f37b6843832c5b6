//! Alerts posted to a webhook, and how often the token endpoint is asked in simulated hours.
use crate::pretend_imap::PretendImap;
use crate::stage::{Stage, until};
use courier::{Process, rounds};
use desk::alerts::notice::{self, State};
use desk::alerts::test;
use desk::alerts::webhook::{self, Scheme, Set};
use desk::mailboxes::mailbox::{self, Round};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::watch;

const MINUTE: i64 = 60_000;
const SECRET: &str = "postern_test";

/// Whatever is posted, with its headers; answered with this status.
#[derive(Clone, Default)]
struct Receiver(Arc<Mutex<(u16, Vec<String>)>>);
impl Receiver {
    async fn start(status: u16) -> (Receiver, String) {
        let receiver = Receiver(Arc::new(Mutex::new((status, Vec::new()))));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let own = receiver.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let own = own.clone();
                tokio::spawn(async move {
                    let mut text = String::new();
                    let mut bytes = [0; 4096];
                    while !whole(&text) {
                        match stream.read(&mut bytes).await {
                            Ok(0) | Err(_) => return,
                            Ok(count) => text.push_str(std::str::from_utf8(&bytes[..count]).unwrap()),
                        }
                    }
                    let status = {
                        let mut state = own.0.lock().unwrap();
                        state.1.push(text);
                        state.0
                    };
                    let answer =
                        format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                    let _ = stream.write_all(answer.as_bytes()).await;
                });
            }
        });
        (receiver, url)
    }
    fn answers(&self, status: u16) {
        self.0.lock().unwrap().0 = status;
    }
    fn got(&self) -> Vec<String> {
        self.0.lock().unwrap().1.clone()
    }
}
fn whole(text: &str) -> bool {
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    header(head, "content-length").is_some_and(|length| body.len() >= length.parse().unwrap())
}
fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (key, value) = line.split_once(": ")?;
        key.eq_ignore_ascii_case(name).then_some(value)
    })
}

/// A mailbox that needs a person, and a webhook.
fn broken(stage: &Stage, url: &str) {
    let fresh = SECRET.to_owned().into();
    let (vault, id, now) = (&stage.courier.desk().vault, stage.mailbox_id, stage.clock.now());
    stage.write(|tx| {
        let set = Set { url, scheme: Scheme::Practice, fresh: &fresh, nonce: [1; 24], anew: false };
        webhook::set(tx, vault, &stage.by(), &set)?;
        let round = Round::NeedsPerson {
            code: "535".into(),
            reason: "It was refused.".into(),
            remedy: "Look at it.".into(),
            // Not so soon that a round finds it well before anybody has looked.
            next_at: now + 60 * 60_000,
        };
        let claim = mailbox::claim(tx, id, now, 0, "test")?.unwrap();
        mailbox::settle(tx, &claim, &round, now)
    });
}
async fn activated() -> (Stage, PretendImap) {
    use desk::mailboxes::mailbox::{Fetched, StartFrom};
    let (stage, imap) = (Stage::new(), PretendImap::start().await);
    stage.fetched_from(imap.address, StartFrom::Now, Fetched::Nothing);
    (stage, imap)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alert_is_posted_once_by_two_nodes_and_its_signature_is_right() {
    let ((stage, _imap), (receiver, url)) = (activated().await, Receiver::start(200).await);
    broken(&stage, &url);
    let second = stage.another(Process::named("test:two"));
    let (one, other) =
        tokio::join!(rounds::look_for_alerts(&stage.courier), rounds::look_for_alerts(&second));
    one.unwrap();
    other.unwrap();
    for _ in 0..3 {
        rounds::look_for_alerts(&second).await.unwrap();
    }
    let got = receiver.got();
    assert_eq!(got.len(), 1, "{got:?}");
    let (head, body) = got[0].split_once("\r\n\r\n").unwrap();
    let at_s = stage.clock.now() / 1000;
    let expected = format!("t={at_s},v1={}", wire::webhook::sign(&SECRET.to_owned().into(), at_s, body));
    assert_eq!(header(head, "postern-signature"), Some(expected.as_str()));
    assert!(header(head, "postern-id").is_some() && !head.contains(SECRET) && !body.contains(SECRET));
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!((body["event"].as_str(), body["alert"]["code"].as_str()), (Some("alert.begun"), Some("535")));
    assert_eq!(body["alert"]["mailbox"], crate::stage::ADDRESS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_that_is_away_is_tried_with_growing_pauses_and_its_last_answer_is_kept() {
    let ((stage, _imap), (receiver, url)) = (activated().await, Receiver::start(503).await);
    broken(&stage, &url);
    let mut tries = Vec::new();
    for minute in 0..60 {
        rounds::look_for_alerts(&stage.courier).await.unwrap();
        if receiver.got().len() > tries.len() {
            tries.push(minute);
        }
        stage.clock.advance(MINUTE);
    }
    assert!((4..=6).contains(&tries.len()), "in an hour: {tries:?}");
    assert!(tries.windows(3).all(|w| w[2] - w[1] >= w[1] - w[0]), "{tries:?}");
    let last = stage.read(|tx| notice::list(tx, 9)).into_iter().find(|n| n.answer.contains("503")).unwrap();
    assert_eq!(last.state, State::Waiting);
    receiver.answers(200);
    stage.clock.advance(60 * MINUTE);
    rounds::look_for_alerts(&stage.courier).await.unwrap();
    let last = stage.read(|tx| notice::list(tx, 9)).into_iter().find(|n| n.id == last.id).unwrap();
    assert_eq!((last.state, last.answer.as_str()), (State::Told, "HTTP status 200"));
    let bodies: std::collections::BTreeSet<String> =
        receiver.got().iter().map(|text| text.split_once("\r\n\r\n").unwrap().1.to_owned()).collect();
    assert_eq!(bodies.len(), 1, "the same at each attempt");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redirect_is_not_followed_and_not_tried_again() {
    let ((stage, _imap), (receiver, url)) = (activated().await, Receiver::start(302).await);
    broken(&stage, &url);
    for _ in 0..10 {
        rounds::look_for_alerts(&stage.courier).await.unwrap();
        stage.clock.advance(10 * MINUTE);
    }
    assert_eq!(receiver.got().len(), 1);
    let failed = stage.read(|tx| notice::list(tx, 9)).into_iter().find(|n| n.state == State::Failed).unwrap();
    assert!(failed.answer.contains("redirect"), "{}", failed.answer);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_round_looks_when_a_mailbox_changes_and_a_test_does_not_wait() {
    let ((stage, _imap), (receiver, url)) = (activated().await, Receiver::start(200).await);
    let (stop, stopped) = watch::channel(false);
    broken(&stage, &url);
    let rounds = rounds::start(stage.courier.clone(), stopped);
    until(&stage.courier, || !receiver.got().is_empty()).await;
    let asked = desk::alerts::look::Asked { site_url: "http://localhost:8080/".into(), random: [1; 16] };
    stage.write(|tx| test::post(tx, &stage.by(), &asked));
    until(&stage.courier, || receiver.got().iter().any(|text| text.contains("\"event\":\"test\""))).await;
    stop.send(true).unwrap();
    rounds.await.unwrap();
}
