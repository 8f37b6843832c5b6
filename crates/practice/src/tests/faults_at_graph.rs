//! Each fault of Graph does what its row says, at the mailbox it is armed for.

use std::time::{Duration, Instant};

use serde_json::json;

use super::client::Talk;
use super::graph::{BILLING, Graph, code, mime, round};
use super::{SUPPORT, start};
use crate::breakdown::ROWS;
use crate::faults::Place;
use crate::{Fault, Times};

const MESSAGES: &str = "me/messages";

#[tokio::test]
async fn it_breaks_in_every_way_a_server_can() {
    let (practice, _) = start().await;
    let graph = Graph::support(&practice);
    let (_, [throttled, error, unavailable, garbage, stalls, slow, drops]) =
        ROWS.iter().find(|(place, _)| *place == Place::Graph).unwrap();
    let arm = |fault: &Fault| practice.faults.arm_for(*fault, Times::Exactly(1), SUPPORT);
    arm(throttled);
    let answer = graph.get(MESSAGES).await;
    assert_eq!(answer.headers["retry-after"], "7");
    assert_eq!(code(&answer), (429, "ApplicationThrottled".to_owned()));
    arm(unavailable);
    assert_eq!(graph.refused("GET", MESSAGES).await, (503, "serviceNotAvailable".to_owned()));
    arm(error);
    let answer = graph.get(MESSAGES).await;
    assert!(answer.status == 500 && answer.body.starts_with("<html>"));
    arm(garbage);
    let answer = graph.get(MESSAGES).await;
    assert!(answer.status == 200 && answer.body.contains("hotel"));
    arm(drops);
    assert!(graph.try_ask("GET", MESSAGES, "", "").await.is_err());
    arm(slow);
    let started = Instant::now();
    assert_eq!(graph.get(MESSAGES).await.status, 200);
    assert!(started.elapsed() >= Duration::from_secs(4));
    practice.faults.arm(*stalls, Times::Exactly(1));
    let mut talk = Talk::plain(practice.http_url.trim_start_matches("http://").parse().unwrap()).await;
    talk.send("GET /v1.0/me/messages HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n").await;
    assert!(talk.is_silent().await);
    // Armed for one mailbox, it leaves the others alone.
    practice.faults.arm_for(*error, Times::Exactly(1), SUPPORT);
    assert_eq!(graph.get(&format!("users/{BILLING}/messages")).await.status, 200);
}

#[tokio::test]
async fn refusals_come_in_graphs_words() {
    let (practice, _) = start().await;
    let graph = Graph::support(&practice);
    let id = graph.list(MESSAGES).await[0]["id"].as_str().unwrap().to_owned();
    let bytes = format!("me/messages/{id}/$value");
    let rows = [
        (Fault::GraphTokenRefused, MESSAGES, 401, "InvalidAuthenticationToken"),
        (Fault::GraphClaimsDemanded, MESSAGES, 401, "InvalidAuthenticationToken"),
        (Fault::GraphGone, MESSAGES, 410, "ErrorGone"),
        (Fault::GraphAccessDenied, MESSAGES, 403, "ErrorAccessDenied"),
        (Fault::GraphNoMailbox, MESSAGES, 404, "MailboxNotEnabledForRESTAPI"),
        (Fault::GraphLetterGone, &bytes, 404, "ErrorItemNotFound"),
        (Fault::GraphLetterBreaks, &bytes, 500, "ErrorInternalServerError"),
    ];
    for (fault, path, status, name) in rows {
        practice.faults.arm_for(fault, Times::Exactly(1), SUPPORT);
        assert_eq!(graph.refused("GET", path).await, (status, name.to_owned()));
        assert_eq!(graph.get(path).await.status, 200, "{fault:?} once");
    }
    practice.faults.arm(Fault::GraphThrottledLong, Times::Exactly(1));
    assert_eq!(graph.get(MESSAGES).await.headers["retry-after"], "300");
    practice.faults.arm(Fault::GraphMoveFails, Times::Exactly(1));
    let moved = graph.post(&format!("me/messages/{id}/move"), &json!({ "destinationId": "archive" })).await;
    assert_eq!(code(&moved), (400, "ErrorMoveCopyFailed".to_owned()));
    practice.faults.arm(Fault::GraphDropInLetter, Times::Exactly(1));
    let half = graph.get(&bytes).await;
    let announced: usize = half.headers["content-length"].parse().unwrap();
    assert_eq!(half.body.len(), announced / 2);
    assert_eq!(graph.get(&bytes).await.body.len(), announced);
}

#[tokio::test]
async fn a_fault_may_be_for_one_call_alone() {
    let (practice, _) = start().await;
    let graph = Graph::support(&practice);
    let id = graph.list(MESSAGES).await[0]["id"].as_str().unwrap().to_owned();
    let (delta, bytes) = ("me/mailFolders/inbox/messages/delta", format!("me/messages/{id}/$value"));
    practice.faults.arm_for(Fault::GraphUnavailable, Times::UntilCleared, "$value");
    assert_eq!(graph.refused("GET", &bytes).await.0, 503);
    assert_eq!((graph.get(delta).await.status, graph.get(MESSAGES).await.status), (200, 200));
    practice.faults.clear_all();
    practice.faults.arm_for(Fault::GraphClaimsDemanded, Times::UntilCleared, "delta");
    let answer = graph.get(delta).await;
    let challenge = answer.headers["www-authenticate"].clone();
    assert!(challenge.contains("insufficient_claims") && challenge.contains("claims=\"ey"), "{challenge}");
    assert_eq!(graph.get(&bytes).await.status, 200);
    practice.faults.clear_all();
    practice.faults.arm_for(Fault::GraphAccessDenied, Times::UntilCleared, "move");
    let moved = graph.post(&format!("me/messages/{id}/move"), &json!({ "destinationId": "archive" })).await;
    assert_eq!(code(&moved), (403, "ErrorAccessDenied".to_owned()));
    practice.faults.arm_for(Fault::GraphServerError, Times::UntilCleared, "delete");
    assert_eq!(graph.ask("DELETE", &format!("me/messages/{id}"), "", "").await.status, 500);
    assert_eq!(graph.get(&bytes).await.status, 200);
}

#[tokio::test]
async fn a_round_of_delta_goes_wrong() {
    let (practice, _) = start().await;
    let graph = Graph::support(&practice);
    let first = "me/mailFolders/inbox/messages/delta";
    practice.faults.arm(Fault::GraphRepeatsPage, Times::Exactly(1));
    let (told, _, link) = round(&graph, first).await;
    assert_eq!(told.len(), 18, "each letter twice");
    practice.faults.arm(Fault::GraphForeignNext, Times::Exactly(1));
    let page = graph.get(&link).await.json();
    let foreign = page["@odata.nextLink"].as_str().unwrap();
    assert!(foreign.starts_with("https://graph.elsewhere.example/v1.0/me/mailFolders/inbox/"), "{foreign}");
    practice.faults.arm(Fault::GraphSyncLost, Times::Exactly(1));
    assert_eq!(graph.get(first).await.status, 200, "a new round has nothing to lose");
    assert_eq!(graph.refused("GET", &link).await, (410, "SyncStateNotFound".to_owned()));
}

#[tokio::test]
async fn sending_goes_wrong() {
    let (practice, _) = start().await;
    let graph = Graph::support(&practice);
    let body = mime(SUPPORT, "ann.porter@nordwind.example");
    let arrived = || practice.letters("ann.porter@nordwind.example");
    practice.faults.arm(Fault::GraphSendDenied, Times::Exactly(1));
    let denied = graph.ask("POST", "me/sendMail", "text/plain", &body).await;
    assert_eq!((code(&denied), arrived().len()), ((403, "ErrorSendAsDenied".to_owned()), 0));
    practice.faults.arm(Fault::GraphDropAfterSend, Times::Exactly(1));
    assert!(graph.try_ask("POST", "me/sendMail", "text/plain", &body).await.is_err());
    assert_eq!(arrived().len(), 1, "it went");
    practice.faults.arm(Fault::GraphOwnMessageId, Times::Exactly(1));
    graph.ask("POST", "me/sendMail", "text/plain", &body).await;
    let sent = graph.list("me/mailFolders/sentitems/messages?$select=internetMessageId").await;
    let ids: Vec<&str> = sent.iter().map(|letter| letter["internetMessageId"].as_str().unwrap()).collect();
    assert!(
        ids.contains(&"<answer@desk.example>")
            && ids.iter().any(|id| id.ends_with("@practice.contoso.example>")),
        "{ids:?}"
    );
    practice.faults.arm_for(Fault::SmtpBounces, Times::Exactly(1), "ann.porter@nordwind.example");
    graph.ask("POST", "me/sendMail", "text/plain", &body).await;
    assert!(
        practice
            .letters(SUPPORT)
            .iter()
            .any(|letter| String::from_utf8_lossy(&letter.raw).contains("Undeliverable"))
    );
}

#[tokio::test]
async fn a_fifth_request_at_once_is_one_too_many() {
    let (practice, _) = start().await;
    practice.faults.arm(Fault::GraphSlow, Times::UntilCleared);
    let asked = (0..5).map(|_| {
        let graph = Graph::support(&practice);
        tokio::spawn(async move { graph.get(MESSAGES).await.status })
    });
    let mut statuses = Vec::new();
    for asked in asked.collect::<Vec<_>>() {
        statuses.push(asked.await.unwrap());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 200, 200, 429]);
}
