//! Agents and oneself.
use crate::office::{Office, PASSWORD};
use axum::http::StatusCode;

const NEW: [(&str, &str); 4] = [
    ("email", "ines@contoso.example"),
    ("name", "Inês Duarte"),
    ("role", "agent"),
    ("password", "a new agent's password"),
];

#[tokio::test]
async fn an_administrator_adds_an_agent_who_then_signs_in() {
    let office = Office::staffed();
    let mut maya = office.maya().await;
    maya.get("/agents/new").await;
    let answer = maya.post("/agents", &NEW).await;
    maya.follow(&answer).await.shows("Inês Duarte").shows("can sign in now");
    let answer = office.browser().sign_in("ines@contoso.example", "a new agent's password").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_refused_agent_keeps_what_was_typed_but_the_password() {
    let office = Office::staffed();
    let mut maya = office.maya().await;
    maya.get("/agents/new").await;
    let taken =
        [("email", "leo@contoso.example"), ("name", "Another Leo"), ("password", "a new agent's password")];
    let answer = maya.post("/agents", &taken).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    answer
        .shows("is already here")
        .shows("Another Leo")
        .hides("new agent&#39;s password")
        .hides("new agent's password");
}

#[tokio::test]
async fn the_last_administrator_stays_one() {
    let office = Office::staffed();
    let mut maya = office.maya().await;
    maya.get("/agents/1").await.shows("Maya Kern");
    let answer =
        maya.post("/agents/1", &[("name", "Maya Kern"), ("role", "agent"), ("status", "enabled")]).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    answer.shows("last administrator");
    assert_eq!(maya.get("/agents").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_new_password_needs_the_current_one_and_ends_the_other_sessions() {
    let office = Office::staffed();
    let (mut here, mut there) = (office.leo().await, office.leo().await);
    here.get("/profile").await;
    let guess = [("current_password", "not it at all"), ("password", "another fine password")];
    let answer = here.post("/profile/password", &guess).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    answer.shows("current password is not right").hides("another fine password");
    assert_eq!(there.get("/profile").await.status, StatusCode::OK);

    let right = [("current_password", PASSWORD), ("password", "another fine password")];
    let answer = here.post("/profile/password", &right).await;
    here.follow(&answer).await.shows("Your new password is set");
    assert_eq!(there.get("/profile").await.status, StatusCode::SEE_OTHER);
    let answer = office.browser().sign_in("leo@contoso.example", "another fine password").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn an_unknown_time_zone_is_refused_and_a_known_one_sets_the_times() {
    let office = Office::staffed();
    let mut maya = office.maya().await;
    maya.get("/profile").await;
    let profile = |zone| [("name", "Maya Kern"), ("theme", "auto"), ("time_zone", zone)];
    let answer = maya.post("/profile", &profile("Mars/Olympus")).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    answer.shows("is not a time zone").shows("Mars/Olympus");
    assert_eq!(maya.post("/profile", &profile("Asia/Tokyo")).await.location(), "/profile?done=saved");
    office.clock.advance(3 * 60 * 60 * 1000);
    // Hired at noon UTC: in Tokyo it was nine in the evening, and now it is the day after.
    maya.get("/agents").await.shows("Yesterday 21:00");
}

#[tokio::test]
async fn one_signs_another_of_ones_own_browsers_out_and_nobody_elses() {
    let office = Office::staffed();
    let (mut here, mut there, mut maya) = (office.leo().await, office.leo().await, office.maya().await);
    let page = here.get("/profile").await;
    page.shows("this browser").shows("198.51.100.7");
    let (_, rest) = page.body.split_once("/profile/sessions/").unwrap();
    let other = rest.split_once('/').unwrap().0.to_owned();
    maya.get("/profile").await;
    let answer = maya.post(&format!("/profile/sessions/{other}/end"), &[]).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(there.get("/profile").await.status, StatusCode::OK);
    let answer = here.post(&format!("/profile/sessions/{other}/end"), &[]).await;
    here.follow(&answer).await.shows("That session has ended");
    assert_eq!(there.get("/profile").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn with_somebody_elses_session_the_password_is_guessed_no_faster_than_at_the_sign_in() {
    let office = Office::staffed();
    let mut stolen = office.maya().await;
    stolen.address.set_ip([203, 0, 113, 9].into());
    stolen.get("/profile").await;
    let (mut looked_at, mut waits) = (0, 0);
    for _ in 0..30 {
        let guess = [("current_password", "wrong wrong wrong"), ("password", "a new one, long enough")];
        let answer = stolen.post("/profile/password", &guess).await;
        looked_at += usize::from(answer.body.contains("is not right"));
        waits += usize::from(answer.body.contains("Too many tries"));
    }
    assert_eq!((looked_at, looked_at + waits), (5, 30));
    // The only administrator gets in all the same, from where she always does.
    office.maya().await.get("/profile").await.shows("Maya Kern");
}
