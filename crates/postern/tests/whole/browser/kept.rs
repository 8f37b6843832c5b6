//! Nothing typed is lost: not by a session that ended while it was typed, not by a page that is left.
use super::chromium::Browser;
use super::{sign_in, with_a_ticket};
use crate::practice_walk::until;

const WORDS: &str = "Dear Ann, this took me half an hour to write.";

#[tokio::test(flavor = "multi_thread")]
async fn words_sent_after_the_session_ended_come_back_after_signing_in_again() {
    let (demo, number) = with_a_ticket("The gate squeaks", "Please help.").await;
    let browser = Browser::start().await;
    sign_in(&browser, &demo).await;
    browser.open(&demo.url(&format!("/tickets/{number}"))).await;
    browser.fill("text", WORDS).await;
    let mut elsewhere = demo.signed_in().await;
    let profile = elsewhere.get(demo.url("/profile")).await;
    elsewhere.submit(profile.form("Sign it out")).await;
    browser.click_on("[data-composer=reply] [data-send]").await;
    browser.fill("email", &demo.email).await;
    browser.fill("password", &demo.password).await;
    browser.click("Sign in").await;
    typed(&browser).await;
    let entries = demo.ticket(&number)["entries"].as_array().unwrap().len();
    assert_eq!(entries, 1, "it was sent although nobody was signed in");
    browser.click_on("[data-composer=reply] [data-send]").await;
    browser.says("sent to").await;
    assert_eq!(demo.ticket(&number)["entries"].as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_half_written_reply_is_there_again_after_leaving_the_page() {
    let (demo, number) = with_a_ticket("The gate squeaks", "Please help.").await;
    let browser = Browser::start().await;
    sign_in(&browser, &demo).await;
    let ticket = demo.url(&format!("/tickets/{number}"));
    browser.open(&ticket).await;
    browser.fill("text", WORDS).await;
    browser.open(&demo.url("/tickets")).await; // at once, before any pause in typing
    until("the reply on the page", async || {
        browser.open(&ticket).await;
        (value(&browser).await == WORDS).then_some(())
    })
    .await;
    browser.no_complaints().await;
}

async fn value(browser: &Browser) -> String {
    let value =
        browser.run("return document.querySelector('[data-composer=reply] textarea')?.value ?? ''").await;
    value.as_str().unwrap_or_default().to_owned()
}
async fn typed(browser: &Browser) {
    until("the words in the composer", async || (value(browser).await == WORDS).then_some(())).await;
}
