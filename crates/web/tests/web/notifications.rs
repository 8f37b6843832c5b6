//! Where Microsoft tells of new mail: what it asks is said back, what holds no secret has no effect, and the answer is the same.
use crate::mailboxes::{MICROSOFT, with_email};
use crate::office::{Answer, NOON, Office};
use axum::body::Body;
use axum::http::{Method, StatusCode, header};
use desk::By;
use desk::mailboxes::subscription;
use desk::params;
use desk::site::mail_hold;

const PATH: &str = "/graph/notifications";
const SECRET: &str = "the-secret-that-comes-back";
const HOUR: i64 = 3_600_000;

/// An office with a mailbox that Microsoft tells of, whose next look is an hour away.
async fn office() -> Office {
    let office = Office::staffed();
    with_email(&office).await;
    let to = office.courier.site_url().join(PATH).unwrap();
    office.write(move |tx| {
        tx.execute(
            "UPDATE mailbox SET active = 1, notified = 1, in_protocol = 'graph', in_host = 'graph.example', state = 'ok',
                    in_port = 443, in_authentication = 'microsoft', last_fetch_at = $1",
            params![NOON - HOUR],
        )?;
        subscription::arrange(tx, &to, NOON, false)?;
        let (claim, _) = subscription::claim_due(tx, None, NOON, (HOUR, "test"), 1)?.remove(0);
        assert!(subscription::made(tx, claim, ("sub-1", SECRET, NOON + 72 * HOUR), NOON + HOUR, NOON)?);
        Ok(tx.execute("UPDATE mailbox SET due_at = $1", params![NOON + HOUR])?)
    });
    office
}

fn due(office: &Office) -> i64 {
    office.write(|tx| Ok(tx.one::<(i64,)>("SELECT due_at FROM mailbox", params![])?.0))
}

/// As a machine posts: no cookie, no page, no form.
async fn post(office: &Office, path: &str, body: impl Into<Body>) -> Answer {
    let mut machine = office.browser();
    let request = machine.request(Method::POST, path).header(header::CONTENT_TYPE, "application/json");
    let answer = machine.send(request.body(body.into()).unwrap()).await;
    assert!(machine.cookies.is_empty(), "nobody is given a cookie");
    answer
}

fn one(id: &str, secret: &str, more: &str) -> String {
    format!(
        r#"{{"subscriptionId":"{id}","clientState":"{secret}","changeType":"created","resource":"x"{more}}}"#
    )
}
fn all(items: &[String]) -> String {
    format!(r#"{{"value":[{}]}}"#, items.join(","))
}

#[test]
fn the_address_is_the_one_that_microsoft_is_given() {
    assert_eq!(PATH, format!("/{}", courier::NOTIFICATIONS_PATH));
}

#[tokio::test]
async fn what_microsoft_asks_is_said_back_as_text_and_nothing_else() {
    let office = office().await;
    let asked =
        "?validationToken=Validation%3a+Testing+%3Cscript%3Ealert(1)%3C%2Fscript%3E%C3%BC%0D%0AX-Evil%3A%201";
    let answer = post(&office, &format!("{PATH}{asked}"), Body::empty()).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.body, "Validation: Testing <script>alert(1)</script>ü\r\nX-Evil: 1");
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert!(!answer.headers.contains_key("x-evil"));
    let long = format!("{PATH}?validationToken={}", "x".repeat(5_000));
    assert_eq!(post(&office, &long, Body::empty()).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(due(&office), NOON + HOUR);
    // By this way alone.
    let mut browser = office.browser();
    assert_eq!(browser.get(PATH).await.status, StatusCode::METHOD_NOT_ALLOWED);
    browser.host = "elsewhere.example".into();
    let request = browser.request(Method::POST, PATH).body(Body::empty()).unwrap();
    assert_eq!(browser.send(request).await.status, StatusCode::MISDIRECTED_REQUEST);
}

#[tokio::test]
async fn only_what_holds_the_secret_makes_its_mailbox_due_and_the_answer_is_always_the_same() {
    let office = office().await;
    let flood: Vec<String> = (0..1_200).map(|n| one(&format!("none-{n}"), "x", "")).collect();
    let mut answers = Vec::new();
    for body in [
        all(&[one("sub-1", "wrong", "")]),
        all(&[one("sub-1", "", ""), one("sub-2", SECRET, "")]),
        all(&[one(r"\u0000", SECRET, "")]),
        all(&[one("sub-1", "wrong", r#","lifecycleEvent":"subscriptionRemoved""#)]),
        all(&[one("sub-1", SECRET, r#","lifecycleEvent":"somethingNew""#)]),
        all(&flood),
        all(&[]),
        String::new(),
        "<html>".to_owned(),
        r#"{"value":[{"subscriptionId":7}]}"#.to_owned(),
    ] {
        let answer = post(&office, PATH, body.clone()).await;
        assert_eq!((answer.status, answer.body.as_str()), (StatusCode::ACCEPTED, ""), "{body}");
        assert_eq!(due(&office), NOON + HOUR, "{body}");
        answers.push(format!("{:?}", answer.headers));
    }
    let good = all(&[one("sub-1", "wrong", ""), one("sub-1", SECRET, r#","resourceData":{"id":"AAk="}"#)]);
    let answer = post(&office, PATH, good.clone()).await;
    assert_eq!((answer.status, due(&office)), (StatusCode::ACCEPTED, NOON));
    answers.push(format!("{:?}", answer.headers));
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:#?}");
    assert_eq!(post(&office, PATH, good).await.status, StatusCode::ACCEPTED);

    let large = vec![b' '; web::routes::BODY_BYTES_MAX + 1];
    assert_eq!(post(&office, PATH, large).await.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn while_mail_is_on_hold_nothing_is_due() {
    let office = office().await;
    office.write(|tx| mail_hold::begin(tx, &By::system(NOON), None));
    let answer = post(&office, PATH, all(&[one("sub-1", SECRET, "")])).await;
    assert_eq!((answer.status, due(&office)), (StatusCode::ACCEPTED, NOON + HOUR));
}

#[tokio::test]
async fn the_page_offers_it_for_graph_and_says_what_came_of_it() {
    let office = Office::staffed();
    let mut maya = with_email(&office).await;
    let page = maya.get("/mailboxes/1/remote").await;
    page.shows("Be told of new mail by Microsoft (change notifications)");
    page.shows("https://help.contoso.example/graph/notifications")
        .shows("site.url is no public name with https");
    page.hides("Told of mail");
    let graph: Vec<(&str, &str)> =
        MICROSOFT.into_iter().chain([("protocol", "graph"), ("notified", "1")]).collect();
    let answer = maya.post("/mailboxes/1/remote", &graph).await;
    maya.follow(&answer).await.shows("name=\"notified\" value=\"1\" checked");
    // The box is hidden with another protocol, and sent all the same.
    let imap: Vec<(&str, &str)> =
        MICROSOFT.into_iter().chain([("protocol", "imap"), ("notified", "1")]).collect();
    let answer = maya.post("/mailboxes/1/remote", &imap).await;
    maya.follow(&answer).await.hides("name=\"notified\" value=\"1\" checked");

    let office = self::office().await;
    let mut maya = office.maya().await;
    maya.get("/mailboxes/1/remote")
        .await
        .shows("Told of mail")
        .shows("new mail is told of at once")
        .shows("renewed before");
    maya.get("/mailboxes/1").await.shows("Postern asked Microsoft to tell of new mail");
    office.write(|tx| {
        Ok(tx.execute(
            "UPDATE subscription SET state = 'wanted', reason = 'Microsoft could not reach us.', remedy = 'Open the door.'",
            params![],
        )?)
    });
    maya.get("/mailboxes/1/remote")
        .await
        .shows("Microsoft does not tell of new mail")
        .shows("Open the door.")
        .shows("next try");
}
