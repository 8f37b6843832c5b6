//! A session is over, or its cookie is gone, while something is typed: the writer gets it back, and nobody else.
use crate::office::{Browser, Office, PASSWORD};
use axum::body::Body;
use axum::http::{Method, StatusCode, header};
use desk::people::session;
use futures_util::StreamExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const TYPED: [(&str, &str); 2] = [("address", "support@contoso.example"), ("name", "The desk")];

/// The browser forgets its session.
fn clear(browser: &mut Browser) {
    browser.cookies.remove("__Host-postern").expect("it was signed in");
}

async fn sign_in_again(browser: &mut Browser, to_sign_in: &str) -> crate::office::Answer {
    let (_, kept) = to_sign_in.split_once("kept=").expect("it was kept");
    browser.get(to_sign_in).await.shows("What you typed is kept");
    let email = ("email", "maya@contoso.example");
    let typed = [email, ("password", PASSWORD), ("to", "/mailboxes/new"), ("kept", kept)];
    let answer = browser.post("/sign-in", &typed).await;
    browser.follow(&answer).await
}

#[tokio::test]
async fn what_was_typed_comes_back_when_the_cookie_is_gone_and_to_its_writer_alone() {
    let office = Office::staffed();
    let mut maya = office.maya().await;
    maya.get("/mailboxes/new").await;
    clear(&mut maya);
    let answer = maya.post("/mailboxes", &TYPED).await;
    let to_sign_in = answer.location().to_owned();
    assert!(to_sign_in.starts_with("/sign-in?to=%2Fmailboxes%2Fnew&kept="), "{to_sign_in}");
    let (_, kept) = to_sign_in.split_once("kept=").unwrap();
    let mut leo = office.leo().await;
    leo.get(&format!("/profile?kept={kept}")).await.hides("The desk");
    let page = sign_in_again(&mut maya, &to_sign_in).await;
    page.shows("What you typed is here again").shows("The desk");
}

#[tokio::test]
async fn a_page_left_open_over_a_holiday_gives_its_text_back_too() {
    let office = Office::staffed();
    let mut maya = office.maya().await;
    maya.get("/mailboxes/new").await;
    office.clock.advance(21 * 24 * 60 * 60 * 1000);
    let now = office.clock.now();
    office.write(|tx| session::forget_old(tx, now));
    let answer = maya.post("/mailboxes", &TYPED).await;
    sign_in_again(&mut maya, answer.location()).await.shows("The desk");
}

#[tokio::test]
async fn from_nobody_known_nothing_is_kept_and_only_the_beginning_is_read() {
    let office = Office::staffed();
    let mut stranger = office.browser();
    let read = Arc::new(AtomicUsize::new(0));
    let counted = read.clone();
    let endless = futures_util::stream::repeat_with(move || {
        counted.fetch_add(1_000, Ordering::Relaxed);
        Ok::<_, std::io::Error>(vec![b'x'; 1_000])
    })
    .take(60_000);
    let request = stranger
        .request(Method::POST, "/tickets/10001/replies")
        .header(header::CONTENT_TYPE, "multipart/form-data; boundary=xx")
        .header(header::ORIGIN, crate::office::SITE);
    let answer = stranger.send(request.body(Body::from_stream(endless)).unwrap()).await;
    assert_eq!(
        (answer.status, answer.location()),
        (StatusCode::SEE_OTHER, "/sign-in?to=%2Ftickets%2F10001%2Freplies&lost=1")
    );
    assert!(read.load(Ordering::Relaxed) < 10_000, "{} bytes were read", read.load(Ordering::Relaxed));
    stranger.get(answer.location()).await.shows("was not kept");
    let kept = office.read(|tx| Ok(tx.one::<(i64,)>("SELECT count(*) FROM kept_form", desk::params![])?));
    assert_eq!(kept, (0,));
}

#[tokio::test]
async fn another_site_cannot_have_anything_kept() {
    let office = Office::staffed();
    let mut maya = office.maya().await;
    maya.get("/mailboxes/new").await;
    clear(&mut maya);
    maya.origin = "https://evil.example".to_owned();
    assert_eq!(maya.post("/mailboxes", &TYPED).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn who_signs_in_after_somebody_else_at_a_browser_does_not_get_what_they_typed() {
    let office = Office::staffed();
    let mut leo = office.leo().await;
    leo.get("/profile").await;
    let (page_of_leo, mut maya) = (leo.page.clone(), office.maya().await);
    maya.get("/profile").await;
    maya.page = page_of_leo; // his tab is still open
    let answer = maya.post("/profile", &[("name", "Leo's own words"), ("time_zone", "UTC")]).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", answer.location());
}

#[tokio::test]
async fn the_sign_in_page_says_that_the_session_has_ended() {
    let office = Office::staffed();
    let mut leo = office.leo().await;
    office.clock.advance(session::IDLE_MS + 1);
    let answer = leo.get("/profile").await;
    leo.follow(&answer).await.shows("Your session has ended");
    leo.sign_in("leo@contoso.example", PASSWORD).await;
    leo.get("/profile").await;
    let answer = leo.post("/sign-out", &[]).await;
    leo.follow(&answer).await.hides("has ended"); // it did because it was told to
    office.browser().get("/sign-in").await.hides("has ended");
}
