//! Hands on the keyboard: `/` finds, `j` goes down, `r` replies, Ctrl+Enter sends.
use super::chromium::Browser;
use super::{sign_in, with_a_ticket};
use crate::practice_walk::until;

const CONTROL: char = '\u{E009}';
const ENTER: char = '\u{E007}';

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_is_found_opened_and_answered_without_the_mouse() {
    let (demo, number) = with_a_ticket("The gate squeaks", "Please help.").await;
    let browser = Browser::start().await;
    sign_in(&browser, &demo).await;
    browser.open(&demo.url("/tickets")).await;
    browser.keys("/").await;
    focus(&browser, "find").await;
    browser.keys(&format!("squeaks{ENTER}")).await;
    until("the found page", async || browser.address().await.contains("find=squeaks").then_some(())).await;
    browser.says("The gate squeaks").await;
    browser.keys("j").await;
    until("the ticket under the focus", async || {
        let at = browser.run("return document.activeElement.textContent").await;
        at.as_str()?.contains("The gate squeaks").then_some(())
    })
    .await;
    browser.keys(&ENTER.to_string()).await;
    until("the ticket", async || {
        browser.address().await.contains(&format!("/tickets/{number}")).then_some(())
    })
    .await;
    browser.says("Please help.").await;
    browser.keys("r").await;
    focus(&browser, "text").await;
    browser.keys("Oil/r helps.").await; // keys are letters again where one types
    browser.keys(&format!("{CONTROL}{ENTER}")).await;
    browser.says("sent to").await;
    let shown = demo.ticket(&number);
    assert_eq!(shown["entries"].as_array().unwrap().len(), 2, "{shown}");
    assert_eq!(shown["entries"][1]["text"].as_str().unwrap().trim_end(), "Oil/r helps.", "{shown}");
    browser.no_complaints().await;
}

async fn focus(browser: &Browser, name: &str) {
    until(&format!("the focus in {name}"), async || {
        (browser.run("return document.activeElement.name").await == name).then_some(())
    })
    .await;
}
