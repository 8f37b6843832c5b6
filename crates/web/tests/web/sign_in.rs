//! Coming in and going out.
use crate::office::{NOON, Office, PASSWORD};
use axum::http::StatusCode;
use desk::By;
use desk::people::agent::Role;
use desk::people::{first_administrator, session};

#[tokio::test]
async fn an_agent_signs_in_and_out_again() {
    let office = Office::staffed();
    let mut browser = office.browser();
    let answer = browser.get("/profile").await;
    assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, "/sign-in?to=%2Fprofile"));

    let answer = browser.sign_in("leo@contoso.example", PASSWORD).await;
    assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, "/"));
    let set: Vec<&str> =
        answer.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap()).collect();
    let cookie = set.iter().find(|cookie| cookie.starts_with("__Host-postern=")).unwrap();
    for attribute in ["; Path=/", "; HttpOnly", "; SameSite=Lax", "; Secure"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    browser.get("/profile").await.shows("Leo Brandt").shows("leo@contoso.example");

    let signed_in = browser.cookies.clone();
    let answer = browser.post("/sign-out", &[]).await;
    assert_eq!(answer.location(), "/sign-in");
    assert!(!browser.cookies.contains_key("__Host-postern"));
    // The session itself is over, not only the browser's memory of it.
    browser.cookies = signed_in;
    assert_eq!(browser.get("/profile").await.location(), "/sign-in?to=%2Fprofile");
}

#[tokio::test]
async fn over_plain_http_the_cookie_has_no_prefix_and_still_no_script_reads_it() {
    let office = Office::at("http://localhost:8080");
    office.hire("maya@contoso.example", "Maya", Role::Administrator);
    let browser = office.maya().await;
    assert!(browser.cookies.contains_key("postern"), "{:?}", browser.cookies);
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_are_told_alike() {
    let office = Office::staffed();
    let mut browser = office.browser();
    let wrong = browser.sign_in("leo@contoso.example", "not this one, surely").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    wrong.shows("do not belong together").shows("leo@contoso.example").hides("not this one");
    let unknown = browser.sign_in("nobody@contoso.example", "not this one, surely").await;
    assert_eq!(unknown.status, wrong.status);
    unknown.shows("do not belong together");
    assert!(!browser.cookies.contains_key("__Host-postern"));
}

#[tokio::test]
async fn guessing_is_slowed_down_and_the_owner_still_gets_in() {
    let office = Office::staffed();
    let mut owner = office.browser();
    owner.address.set_ip([203, 0, 113, 9].into());
    let mut guesser = office.browser();
    let mut waits = false;
    for _ in 0..30 {
        let answer = guesser.sign_in("maya@contoso.example", "wrong wrong wrong").await;
        waits |= answer.body.contains("Too many tries");
    }
    assert!(waits, "thirty wrong passwords were all tried");
    // Right now not even the right password is looked at from there.
    guesser.sign_in("maya@contoso.example", PASSWORD).await.shows("Too many tries");
    let answer = owner.sign_in("maya@contoso.example", PASSWORD).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
}

#[tokio::test]
async fn guesses_that_come_at_once_are_slowed_down_like_those_that_come_after_each_other() {
    let office = Office::staffed();
    let mut guessers = Vec::new();
    for _ in 0..12 {
        let mut guesser = office.browser();
        guesser.get("/sign-in").await;
        guessers.push(guesser);
    }
    let typed = [("email", "maya@contoso.example"), ("password", "wrong wrong wrong")];
    let answers =
        futures_util::future::join_all(guessers.iter_mut().map(|guesser| guesser.post("/sign-in", &typed)));
    let answers = answers.await;
    let tried = answers.iter().filter(|answer| answer.body.contains("do not belong together")).count();
    assert!((1..=5).contains(&tried), "{tried} passwords were tried at once");
}

#[tokio::test]
async fn signing_in_never_carries_an_old_session_on() {
    let office = Office::staffed();
    let mut browser = office.leo().await;
    let before = browser.cookies["__Host-postern"].clone();
    browser.page = String::new();
    let form = base_form(&browser.cookies["__Host-postern-form"]);
    let answer = browser.post_exactly("/sign-in", &form).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_ne!(browser.cookies["__Host-postern"], before);
    browser.cookies.insert("__Host-postern".into(), before);
    assert_eq!(browser.get("/profile").await.status, StatusCode::SEE_OTHER);
}
fn base_form(token: &str) -> Vec<(String, String)> {
    [("form_token", token), ("email", "leo@contoso.example"), ("password", PASSWORD)]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
}

#[tokio::test]
async fn the_way_back_after_signing_in_stays_on_this_site() {
    let office = Office::staffed();
    for (to, leads) in [("/profile", "/profile"), ("//evil.example", "/"), ("https://evil.example", "/")] {
        let mut browser = office.browser();
        browser.get("/sign-in").await;
        let typed = [("email", "leo@contoso.example"), ("password", PASSWORD), ("to", to)];
        assert_eq!(browser.post("/sign-in", &typed).await.location(), leads);
    }
}

#[tokio::test]
async fn a_disabled_agent_is_out_at_once() {
    let office = Office::staffed();
    let mut leo = office.leo().await;
    let mut maya = office.maya().await;
    let list = maya.get("/agents").await;
    let id = list.body.split("/agents/").nth(2).unwrap().split('"').next().unwrap().to_owned();
    let id = if list.body.contains(&format!("/agents/{id}\">Leo")) { id } else { "2".to_owned() };
    maya.get(&format!("/agents/{id}")).await.shows("Leo Brandt");
    let typed = [("name", "Leo Brandt"), ("role", "agent"), ("status", "disabled")];
    assert_eq!(maya.post(&format!("/agents/{id}"), &typed).await.status, StatusCode::SEE_OTHER);
    assert_eq!(leo.get("/profile").await.location(), "/sign-in?to=%2Fprofile");
    leo.sign_in("leo@contoso.example", PASSWORD).await.shows("do not belong together");
}

#[tokio::test]
async fn the_first_administrator_is_made_once_by_the_link() {
    let office = Office::new();
    office.write(|tx| first_administrator::offer(tx, &By::system(NOON), [9; 16]));
    let link = web::links::set_up(office.courier.site_url(), &[9; 16]).path().to_owned();
    let mut browser = office.browser();
    browser.get("/sign-in").await.shows("no administrator yet");
    // Looking changes nothing, however often.
    browser.get(&link).await.shows("The first administrator");
    browser.get(&link).await.shows("The first administrator");
    browser.get("/setup/AAAAAAAAAAAAAAAAAAAAAA").await.shows("has been used").hides("password");

    browser.get(&link).await;
    let short = [("name", "Maya"), ("email", "maya@contoso.example"), ("password", "short")];
    let answer = browser.post(&link, &short).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    answer.shows("12 characters").shows("maya@contoso.example").hides("value=\"short\"");

    let right = [("name", "Maya"), ("email", "maya@contoso.example"), ("password", PASSWORD)];
    let answer = browser.post(&link, &right).await;
    assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, "/mailboxes"));
    browser.get("/mailboxes").await.shows("Add New Email");

    let mut second = office.browser();
    let answer = second.get(&link).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    answer.shows("There is an administrator already");
}

#[tokio::test]
async fn what_was_typed_when_the_session_had_ended_is_there_again_for_the_same_person() {
    let office = Office::staffed();
    let mut maya = office.maya().await;
    maya.get("/mailboxes/new").await;
    office.clock.advance(session::IDLE_MS + 1);
    let typed = [("address", "support@contoso.example"), ("name", "The desk"), ("password", "s3cret")];
    let answer = maya.post("/mailboxes", &typed).await;
    assert!(answer.location().starts_with("/sign-in?to=%2Fmailboxes%2Fnew&kept="), "{}", answer.location());
    let to_sign_in = answer.location().to_owned();

    // Somebody else who signs in at this browser does not get it.
    let (_, kept) = to_sign_in.split_once("kept=").unwrap();
    let mut leo = office.leo().await;
    leo.get(&format!("/profile?kept={kept}")).await.hides("The desk");

    maya.get(&to_sign_in).await.shows("What you typed is kept");
    let typed =
        [("email", "maya@contoso.example"), ("password", PASSWORD), ("to", "/mailboxes/new"), ("kept", kept)];
    let answer = maya.post("/sign-in", &typed).await;
    let page = maya.follow(&answer).await;
    page.shows("What you typed is here again")
        .shows("support@contoso.example")
        .shows("The desk")
        .hides("s3cret");
}
