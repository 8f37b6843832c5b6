//! Subscriptions for change notifications: validated, told of, renewed, ended, and by whom they may be made.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::IntoResponse as _;
use axum::routing::post;
use serde_json::{Value, json};

use super::graph::{BILLING, Graph, code, letter};
use super::{NOON, SUPPORT, start};
use crate::{Fault, Practice, Times};

const DAY: i64 = 86_400_000;

/// An address that is told, and says tokens back as it was told to.
#[derive(Clone, Default)]
struct Ear {
    /// In place of a token.
    says: Arc<Mutex<Option<String>>>,
    heard: Arc<Mutex<Vec<Value>>>,
    asked: Arc<AtomicI64>,
}

impl Ear {
    async fn open() -> (Ear, String) {
        let ear = Ear::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/notifications", listener.local_addr().unwrap());
        let router = Router::new().route("/notifications", post(hear)).with_state(ear.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        (ear, url)
    }

    /// So many things have been told.
    async fn heard(&self, count: usize) -> Vec<Value> {
        for _ in 0..400 {
            let heard = self.heard.lock().unwrap().clone();
            if heard.len() >= count {
                return heard;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("{:?} was told, and not {count}", self.heard.lock().unwrap());
    }
}

async fn hear(
    State(ear): State<Ear>,
    Query(query): Query<HashMap<String, String>>,
    body: String,
) -> axum::response::Response {
    if let Some(token) = query.get("validationToken") {
        ear.asked.fetch_add(1, Ordering::SeqCst);
        let said = ear.says.lock().unwrap().clone().unwrap_or_else(|| token.clone());
        return ([(header::CONTENT_TYPE, "text/plain")], said).into_response();
    }
    let told: Value = serde_json::from_str(&body).unwrap();
    ear.heard.lock().unwrap().extend(told["value"].as_array().unwrap().iter().cloned());
    axum::http::StatusCode::ACCEPTED.into_response()
}

fn wanted(url: &str, resource: &str) -> Value {
    json!({
        "changeType": "created",
        "notificationUrl": url,
        "lifecycleNotificationUrl": url,
        "resource": resource,
        "expirationDateTime": "2026-11-27T12:00:00Z",
        "clientState": "secret",
    })
}

const INBOX: &str = "me/mailFolders('inbox')/messages";

async fn subscribed(practice: &Practice) -> (Graph, Ear, Value) {
    let (graph, (ear, url)) = (Graph::support(practice), Ear::open().await);
    let made = graph.post("subscriptions", &wanted(&url, INBOX)).await;
    assert_eq!(made.status, 201, "{}", made.body);
    (graph, ear, made.json())
}

#[tokio::test]
async fn a_letter_is_told_of_until_the_subscription_ends() {
    let (practice, clock) = start().await;
    let (graph, ear, made) = subscribed(&practice).await;
    assert_eq!(ear.asked.load(Ordering::SeqCst), 2, "both addresses are asked");
    assert_eq!(
        (&made["expirationDateTime"], &made["clientState"]),
        (&json!("2026-11-27T12:00:00.0000000Z"), &Value::Null)
    );
    practice.deliver(SUPPORT, &letter("one"));
    practice.deliver_to(SUPPORT, "Archive", &letter("elsewhere"));
    practice.deliver(SUPPORT, &letter("two"));
    let heard = ear.heard(2).await;
    let messages = graph.list("me/mailFolders/inbox/messages?$top=2").await;
    let ids: Vec<&Value> = messages.iter().rev().map(|message| &message["id"]).collect();
    assert_eq!(heard.iter().map(|one| &one["resourceData"]["id"]).collect::<Vec<_>>(), ids);
    for one in &heard {
        assert_eq!(
            (&one["subscriptionId"], &one["clientState"], &one["changeType"]),
            (&made["id"], &json!("secret"), &json!("created"))
        );
    }

    // Renewed, it lives beyond its first end; a week at most.
    let path = format!("subscriptions/{}", made["id"].as_str().unwrap());
    let renew = |until: &str| json!({ "expirationDateTime": until }).to_string();
    let renewed = graph.ask("PATCH", &path, "application/json", &renew("2026-11-30T12:00:00Z")).await;
    assert_eq!(
        (renewed.status, &renewed.json()["expirationDateTime"]),
        (200, &json!("2026-11-30T12:00:00.0000000Z"))
    );
    let too_long = graph.ask("PATCH", &path, "application/json", &renew("2026-12-02T12:00:00Z")).await;
    assert!(too_long.status == 400 && too_long.body.contains("10080 minutes"), "{}", too_long.body);
    clock.store(NOON + 4 * DAY, Ordering::SeqCst);
    let graph = Graph::support(&practice); // its token has ended meanwhile
    practice.deliver(SUPPORT, &letter("three"));
    ear.heard(3).await;
    clock.store(NOON + 7 * DAY, Ordering::SeqCst);
    let graph_later = Graph::support(&practice);
    assert!(graph_later.list("subscriptions").await.is_empty());
    assert_eq!(graph_later.refused("PATCH", &path).await, (404, "ResourceNotFound".to_owned()));
    drop(graph);
}

#[tokio::test]
async fn it_is_ended_by_the_application_that_made_it_alone() {
    let (practice, _) = start().await;
    let (graph, ear, made) = subscribed(&practice).await;
    let path = format!("subscriptions/{}", made["id"].as_str().unwrap());
    let other = Graph::of(&practice, practice.graph_token("another-app", SUPPORT));
    assert_eq!(other.refused("DELETE", &path).await, (404, "ResourceNotFound".to_owned()));
    assert!(other.list("subscriptions").await.is_empty());
    assert_eq!(graph.list("subscriptions").await.len(), 1);
    assert_eq!(graph.ask("DELETE", &path, "", "").await.status, 204);
    assert_eq!(graph.refused("DELETE", &path).await, (404, "ResourceNotFound".to_owned()));
    practice.deliver(SUPPORT, &letter("one"));
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(ear.heard.lock().unwrap().is_empty());
}

#[tokio::test]
async fn an_address_has_to_say_the_token_back_and_a_person_is_told_of_the_own_mailbox_alone() {
    let (practice, _) = start().await;
    let (graph, (ear, url)) = (Graph::support(&practice), Ear::open().await);
    let refused = async |graph: &Graph, body: Value| code(&graph.post("subscriptions", &body).await);
    let unreached = (400, "ValidationError".to_owned());
    *ear.says.lock().unwrap() = Some("something else".to_owned());
    assert_eq!(refused(&graph, wanted(&url, INBOX)).await, unreached);
    *ear.says.lock().unwrap() = None;
    for elsewhere in
        ["https://help.contoso.example/x", "http://10.0.0.1/x", "http://127.0.0.1:1/x", "file:///etc/passwd"]
    {
        assert_eq!(refused(&graph, wanted(elsewhere, INBOX)).await, unreached, "{elsewhere}");
    }
    assert_eq!(refused(&graph, wanted(&url, "me/events")).await, (501, "NotImplemented".to_owned()));
    let shared = format!("users/{BILLING}/mailFolders('inbox')/messages");
    assert_eq!(refused(&graph, wanted(&url, &shared)).await, (403, "ErrorAccessDenied".to_owned()));
    let mut long = wanted(&url, INBOX);
    long["clientState"] = json!("x".repeat(129));
    assert_eq!(refused(&graph, long).await, (400, "InvalidRequest".to_owned()));
    assert!(graph.list("subscriptions").await.is_empty());
}

#[tokio::test]
async fn faults_of_subscriptions_do_what_their_rows_say() {
    let (practice, _) = start().await;
    let (graph, ear, made) = subscribed(&practice).await;
    let arm = |fault| practice.faults.arm(fault, Times::Exactly(1));
    let url = made["notificationUrl"].as_str().unwrap();
    arm(Fault::GraphSubscribeDenied);
    assert_eq!(
        code(&graph.post("subscriptions", &wanted(url, INBOX)).await),
        (403, "ErrorAccessDenied".to_owned())
    );
    arm(Fault::GraphSubscribeUnreached);
    assert_eq!(
        code(&graph.post("subscriptions", &wanted(url, INBOX)).await),
        (400, "ValidationError".to_owned())
    );
    let events = |heard: Vec<Value>| -> Vec<String> {
        let word =
            |one: &Value| one["lifecycleEvent"].as_str().or(one["changeType"].as_str()).unwrap().to_owned();
        heard.iter().map(word).collect()
    };
    arm(Fault::GraphNotificationsMissed);
    practice.deliver(SUPPORT, &letter("one"));
    assert_eq!(events(ear.heard(1).await), ["missed"]);
    arm(Fault::GraphReauthorization);
    practice.deliver(SUPPORT, &letter("two"));
    assert_eq!(events(ear.heard(3).await)[1..], ["reauthorizationRequired", "created"]);
    arm(Fault::GraphSubscriptionRemoved);
    practice.deliver(SUPPORT, &letter("three"));
    let heard = ear.heard(4).await;
    assert_eq!(heard[3]["clientState"], "secret");
    assert_eq!(events(heard)[3..], ["subscriptionRemoved"]);
    assert!(graph.list("subscriptions").await.is_empty());
}
