//! The pages of the Mailbox Doctor and of the dry run: begun by a click, and what was found stays there.
use crate::office::{Browser, Office};
use axum::http::StatusCode;

async fn with_email(office: &Office) -> Browser {
    let mut maya = office.maya().await;
    maya.get("/mailboxes/new").await;
    let typed = [("address", "support@contoso.example"), ("name", "Contoso Support"), ("department", "1")];
    let answer = maya.post("/mailboxes", &typed).await;
    maya.follow(&answer).await.shows("/mailboxes/1/doctor");
    maya
}

#[tokio::test]
async fn what_was_found_stands_on_the_page_and_can_be_copied() {
    let office = Office::staffed();
    let mut maya = with_email(&office).await;
    maya.get("/mailboxes/1/doctor").await.shows("Look at every link").hides("Looked at");
    let answer = maya.post("/mailboxes/1/doctor", &[]).await;
    assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, "/mailboxes/1/doctor"));
    let page = maya.follow(&answer).await;
    page.shows("Nothing is broken").shows("Remote Mailbox is not filled in").shows("id=\"transcript\"");
    assert_eq!(page.header("refresh"), "", "it is done: {}", page.body);
}

#[tokio::test]
async fn a_broken_link_is_told_with_what_to_do_and_without_the_password() {
    let office = Office::staffed();
    let mut maya = with_email(&office).await;
    let typed = [
        ("host", "127.0.0.1"),
        ("port", "1"), // nobody listens there
        ("security", "plain"),
        ("authentication", "password"),
        ("password", "imap-passw0rd"),
        ("status", "disabled"),
        ("frequency", "60"),
        ("batch", "50"),
        ("fetched", "nothing"),
        ("start_from", "now"),
    ];
    let answer = maya.post("/mailboxes/1/remote", &typed).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    maya.get("/mailboxes/1/doctor").await;
    let answer = maya.post("/mailboxes/1/doctor", &[]).await;
    let page = maya.follow(&answer).await;
    page.shows("A link is broken").shows("TCP").shows("firewall").shows("What to do").hides("imap-passw0rd");
}

#[tokio::test]
async fn a_dry_run_that_cannot_read_says_why_and_what_to_do() {
    let office = Office::staffed();
    let mut maya = with_email(&office).await;
    maya.get("/mailboxes/1/dry-run").await.shows("Nothing is stored").hides("would open");
    let answer = maya.post("/mailboxes/1/dry-run", &[]).await;
    assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, "/mailboxes/1/dry-run"));
    let page = maya.follow(&answer).await;
    page.shows("The messages could not be read").shows("Remote Mailbox").shows("role=\"alert\"");
    assert_eq!(page.header("refresh"), "", "it is done: {}", page.body);
}
