//! Subscriptions for change notifications: made, renewed, ended, and what is refused.

use secrecy::SecretString;
use url::Url;
use wire::Kind;
use wire::graph::{Subscription, Wanted};

use super::{Graph, USER, refused};
use crate::oauth::http;

/// 2026-11-24 12:00:00 UTC.
const NOON: i64 = 1_795_521_600_000;
const SECRET: &str = "a-secret-that-nobody-sees";

fn made(status: u16, id: &str) -> String {
    let body =
        format!(r#"{{"id":"{id}","expirationDateTime":"2026-11-27T11:59:58.1234567Z","clientState":null}}"#);
    http(status, "Content-Type: application/json\r\n", &body)
}

async fn subscribe(graph: &Graph) -> wire::Result<Subscription> {
    let (to, secret) =
        (Url::parse("https://help.contoso.example/graph/notifications").unwrap(), SecretString::from(SECRET));
    let wanted = Wanted { folder_id: "AQ'k=", to: &to, client_state: &secret, ends_at: NOON };
    assert!(!format!("{wanted:?}").contains(SECRET));
    graph.session().subscribe(wanted).await
}

#[tokio::test]
async fn one_is_made_for_a_folder_renewed_and_ended() {
    let graph = Graph::answering([made(201, "7f10"), made(200, "7f10"), http(204, "", "")]).await;
    let one = subscribe(&graph).await.unwrap();
    assert_eq!(one, Subscription { id: "7f10".into(), ends_at: NOON + 3 * 86_400_000 - 1_877 });
    let asked = &graph.asked()[0];
    assert!(asked.starts_with("POST /v1.0/subscriptions | Bearer "), "{asked}");
    assert!(asked.contains("ImmutableId"), "the ids in what it tells are those of the listing: {asked}");
    let body: serde_json::Value = serde_json::from_str(asked.rsplit(" | ").next().unwrap()).unwrap();
    let to = "https://help.contoso.example/graph/notifications";
    let wanted = serde_json::json!({
        "changeType": "created",
        "notificationUrl": to,
        "lifecycleNotificationUrl": to,
        "resource": format!("users/{USER}/mailFolders('AQ''k=')/messages"),
        "expirationDateTime": "2026-11-24T12:00:00.000Z",
        "clientState": SECRET,
    });
    assert_eq!(body, wanted);

    let renewed = graph.session().renew_subscription("7f10", NOON + 1).await.unwrap();
    assert_eq!(renewed, Some(one));
    graph.session().unsubscribe("7f10").await.unwrap();
    let asked = graph.asked();
    assert!(asked[1].starts_with("PATCH /v1.0/subscriptions/7f10 | "), "{}", asked[1]);
    assert!(asked[1].ends_with(r#"{"expirationDateTime":"2026-11-24T12:00:00.001Z"}"#), "{}", asked[1]);
    assert!(asked[2].starts_with("DELETE /v1.0/subscriptions/7f10 | "), "{}", asked[2]);
}

#[tokio::test]
async fn one_that_is_gone_is_told_apart_from_a_page_on_the_way() {
    let graph = Graph::answering([
        refused(404, "ResourceNotFound"),
        http(404, "", "<html>no such page</html>"),
        refused(404, "ResourceNotFound"),
        http(404, "", "<html>no such page</html>"),
        refused(403, "ErrorAccessDenied"),
    ])
    .await;
    let session = graph.session();
    assert_eq!(session.renew_subscription("x", NOON).await.unwrap(), None);
    let error = session.renew_subscription("x", NOON).await.unwrap_err();
    assert!(matches!(error.kind(), Kind::Transient { .. }), "{error}");
    session.unsubscribe("x").await.unwrap();
    assert!(matches!(session.unsubscribe("x").await.unwrap_err().kind(), Kind::Transient { .. }));
    assert_eq!(session.unsubscribe("x").await.unwrap_err().kind(), Kind::Rejected);
    assert!(session.unsubscribe("..").await.is_err(), "an id never leads elsewhere");
    assert_eq!(graph.asked().len(), 5);
}

#[tokio::test]
async fn an_address_that_the_server_cannot_reach_is_said_to_be_one_and_the_secret_is_in_no_error() {
    let words = "The subscription validation request failed. Notification endpoint must respond with 200 OK to validation request.";
    let answer = |words: &str| {
        http(400, "", &format!(r#"{{"error":{{"code":"ValidationError","message":"{words}"}}}}"#))
    };
    let graph = Graph::answering([answer(words), answer(&format!("Echo: {SECRET}")), made(201, "..")]).await;
    let error = subscribe(&graph).await.unwrap_err();
    assert!(error.is_unreached_address() && error.kind() == Kind::Rejected, "{error}");
    let error = subscribe(&graph).await.unwrap_err();
    assert!(!error.is_unreached_address() && !error.to_string().contains(SECRET), "{error}");
    let error = subscribe(&graph).await.unwrap_err();
    assert!(error.to_string().contains("an id that is none"), "{error}");
}
