//! The inbox page: what did not become an entry, why, and what can be done.
use crate::office::{Browser, Office};
use axum::http::StatusCode;
use desk::By;
use desk::intake::filing;
use desk::intake::inbox::{self, Arrival, Outcome};
use desk::mailboxes::cursor::Cursor;
use desk::mailboxes::mailbox;

const RAW: &[u8] = b"From: <ann@porter.example>\r\nSubject: <script>alert(1)</script>\r\n\r\nIt burns.\r\n";

/// One message that was fetched and could not be filed.
async fn with_failed(office: &Office) -> Browser {
    let (code, reason) = ("broken".to_owned(), "The store was full.".to_owned());
    with(office, &Outcome::Failed { code, reason, next_at: None });
    office.maya().await
}
/// One that waits for a decision, for this reason.
pub fn with_held(office: &Office, reason: &str) {
    let (code, reason) = ("automatic_answer".to_owned(), reason.to_owned());
    with(office, &Outcome::Held { code, reason });
}
/// One message that was fetched, with this outcome.
pub fn with(office: &Office, outcome: &Outcome) {
    let now = office.clock.now();
    let stored = office.desk.store.put(RAW).unwrap();
    let by = By::system(now);
    office.write(|tx| {
        let id = mailbox::create(tx, &by, "support@contoso.example", "Support", 1)?;
        let claim = mailbox::claim(tx, id, now, 60_000, "test")?.unwrap();
        let cursor = Cursor { folder: "INBOX".to_owned(), uid_validity: 1, uid_last: 7, start_after_uid: 0 };
        let arrival = Arrival {
            uid: 7,
            received_at: now,
            stored: stored.clone(),
            content_key: mail::message::ContentKey { key: [5; 32], earlier: None },
            message_id: Some("<odd@porter.example>".to_owned()),
            head: inbox::Head::default(),
            marks: Vec::new(),
            silent: false,
            same_as: None,
        };
        inbox::record(tx, &claim, &cursor, &[arrival], now)?;
        let claim = inbox::claim_due(tx, now, 60_000, "test", 1)?.remove(0);
        assert!(inbox::settle(tx, &claim, outcome, now)?);
        Ok(())
    });
}

#[tokio::test]
async fn an_agent_makes_a_ticket_of_held_mail_or_ignores_it() {
    let office = Office::staffed();
    let mut leo = office.leo().await;
    leo.get("/held").await.shows("No mail is held");
    leo.get("/tickets").await.hides("href=\"/held\"");
    with_held(&office, "An automatic answer: “<b>Away</b>”.");
    leo.get("/tickets").await.shows("href=\"/held\"");
    leo.get("/held").await.shows("“&#60;b&#62;Away").shows("Make a ticket").shows("support@contoso.example");
    let state = || office.write(|tx| inbox::find(tx, 1)).unwrap().state;
    let answer = leo.post("/held/1/dismissal", &[]).await;
    leo.follow(&answer).await.shows("Ignored.").shows("No mail is held");
    assert_eq!(state(), inbox::State::Ignored);

    // An administrator finds it again, and makes a ticket of it after all.
    let mut maya = office.maya().await;
    maya.get("/inbox?state=ignored").await.shows("Make a ticket").hides("Retry");
    let answer = maya.post("/held/1/acceptance", &[]).await;
    maya.follow(&answer).await.shows("becomes a ticket in a moment");
    assert_eq!(state(), inbox::State::New);
    let refused = maya.post("/held/1/dismissal", &[]).await;
    refused.shows("waits for no decision");
}

#[tokio::test]
async fn of_the_inbox_an_agent_sees_and_accepts_what_is_held_and_no_more() {
    let office = Office::staffed();
    with_held(&office, "An automatic answer.");
    let mut leo = office.leo().await;
    let raw = leo.get("/held/1/raw").await;
    assert_eq!((raw.status, raw.body.as_bytes()), (StatusCode::OK, RAW));
    leo.get("/held").await;
    leo.post("/held/1/dismissal", &[]).await;
    let raw = leo.get("/held/1/raw").await;
    assert_eq!(raw.status, StatusCode::NOT_FOUND);
    raw.hides("It burns.");
    assert_eq!(leo.post("/held/1/acceptance", &[]).await.status, StatusCode::NOT_FOUND);
    assert_eq!(office.write(|tx| inbox::find(tx, 1)).unwrap().state, inbox::State::Ignored);
}

#[tokio::test]
async fn a_held_page_that_is_none_is_a_page_that_says_so() {
    let office = Office::staffed();
    let mut leo = office.leo().await;
    leo.get("/held?after=x").await.shows("<!doctype html>").shows("after the question mark");
    leo.get("/held").await;
    let answer = leo.post("/held/x/dismissal", &[]).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    answer.shows("Nothing here");
}

#[tokio::test]
async fn ignore_all_goes_no_further_than_what_was_on_the_screen() {
    let office = Office::staffed();
    with_held(&office, "An automatic answer.");
    let mut leo = office.leo().await;
    leo.get("/held").await.shows("name=\"newest\" value=\"1\"");
    leo.post("/held/dismissal", &[("newest", "0")]).await;
    leo.get("/held").await.shows("An automatic answer.");
    leo.post("/held/dismissal", &[("newest", "1")]).await;
    leo.get("/held").await.shows("No mail is held");
}

#[tokio::test]
async fn a_message_that_failed_is_there_with_its_reason_and_can_be_tried_again() {
    let office = Office::staffed();
    let mut maya = with_failed(&office).await;
    maya.get("/inbox").await.shows("The store was full.").shows("support@contoso.example").shows("Retry");
    let answer = maya.post("/inbox/1/retry", &[]).await;
    maya.follow(&answer).await.shows("filed again in a moment").hides("The store was full.");
    maya.get("/inbox?state=new").await.shows("waits to be filed");
}

#[tokio::test]
async fn who_makes_a_ticket_is_led_back_and_to_the_ticket_as_soon_as_it_is_there() {
    let office = Office::staffed();
    let mut maya = with_failed(&office).await;
    maya.get("/inbox").await.shows("name=\"from\" value=\"inbox\"");
    let answer = maya.post("/held/1/acceptance", &[("from", "inbox"), ("state", "failed")]).await;
    assert_eq!(answer.location(), "/inbox?state=failed&done=accepted&message=1");
    let waits = "The message becomes a ticket in a moment.";
    maya.follow(&answer).await.shows(waits).shows("data-live=\"inbox mail_hold\"");
    let path = answer.location().to_owned();
    let by = By::system(office.clock.now());
    let hold = |on: bool| {
        office.write(|tx| match on {
            true => desk::site::mail_hold::begin(tx, &by, None).map(drop),
            false => desk::site::mail_hold::release(tx, &by).map(drop),
        });
    };
    hold(true);
    maya.get(&path).await.shows("becomes a ticket as soon as that is released").hides(waits);
    hold(false);
    office.write(|tx| {
        let (store, now) = (&office.desk.store, office.clock.now());
        let claim = inbox::claim_due(tx, now, 60_000, "test", 1)?.pop().unwrap();
        let prepared = filing::prepare(store, &store.get(&claim.place, &claim.hash)?)?;
        filing::file_alone(tx, &claim, &prepared, now).map(drop)
    });
    maya.get(&path)
        .await
        .shows("The message is on ticket <a href=\"/tickets/10001\">#10001</a>")
        .hides(waits);
    // The same from the journal, which shows the message itself.
    office.write(|tx| {
        Ok(tx.execute("UPDATE inbox SET state = 'held', ticket_id = NULL, entry_id = NULL", &[])?)
    });
    maya.get("/journal/1").await.shows("name=\"from\" value=\"journal\"");
    let answer = maya.post("/held/1/acceptance", &[("from", "journal"), ("of", "1")]).await;
    assert_eq!(answer.location(), "/journal/1?done=accepted");
    maya.follow(&answer).await.shows(waits);
}

#[tokio::test]
async fn what_failed_and_is_nobodys_loss_is_ignored_and_no_longer_told() {
    let office = Office::staffed();
    let mut maya = with_failed(&office).await;
    let mut leo = office.leo().await;
    leo.get("/held").await;
    assert_eq!(leo.post("/held/1/dismissal", &[]).await.status, StatusCode::NOT_FOUND);
    maya.get("/inbox").await.shows("Ignore</button>");
    let answer = maya.post("/held/1/dismissal", &[("from", "inbox"), ("state", "failed")]).await;
    assert_eq!(answer.location(), "/inbox?state=failed&done=ignored");
    maya.follow(&answer).await.shows("Ignored. It is under Ignored").shows("No message failed");
    maya.get("/tickets").await.hides("could not be made a ticket");
    maya.get("/inbox?state=ignored").await.shows("The store was full.").shows("Make a ticket");
    maya.get("/journal/1")
        .await
        .shows("Maya Kern: decided that it is ignored.")
        .shows("Ignored. The store was full.");
    // What is tried again by itself is not decided about.
    office.write(|tx| Ok(tx.execute("UPDATE inbox SET state = 'new', due_at = 9000000000000", &[])?));
    maya.get("/inbox").await.shows("The store was full.").hides("Ignore</button>");
    let refused = maya.post("/held/1/dismissal", &[("from", "inbox"), ("state", "failed")]).await;
    refused.shows("waits for no decision").shows("Every message that was fetched is kept.");
}

#[tokio::test]
async fn a_message_that_failed_is_told_to_administrators_on_every_page() {
    let office = Office::staffed();
    let mut maya = with_failed(&office).await;
    maya.get("/tickets")
        .await
        .shows("One message is stored, and could not be made a ticket.")
        .shows("href=\"/inbox\"");
    office.leo().await.get("/tickets").await.hides("could not be made a ticket");
    maya.post("/inbox/1/retry", &[]).await;
    maya.get("/tickets").await.hides("could not be made a ticket");
}

#[tokio::test]
async fn the_raw_message_is_a_download_and_never_a_page() {
    let office = Office::staffed();
    let mut maya = with_failed(&office).await;
    let answer = maya.get("/inbox/1/raw").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.body.as_bytes(), RAW);
    assert_eq!(answer.header("content-disposition"), "attachment; filename=\"message-1.eml\"");
    assert_eq!(answer.header("content-type"), "application/octet-stream");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert!(answer.header("content-security-policy").starts_with("sandbox"));
}
