//! A mailbox that works until the provider asks for a second factor at a refresh: the open page turns red by itself and
//! says so, every page has the alert, and one button makes it well again in place.
use super::chromium::Browser;
use super::newcomer::{comes_in_by_itself, connect, consents, watch_the_list};
use super::{ANN, SUPPORT};
use crate::practice_walk::{Demo, until, until_within};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn a_second_factor_that_is_demanded_at_a_refresh_is_said_and_one_button_mends_it() {
    let demo = Demo::start();
    let browser = Browser::start().await;
    demo.goes_wrong("brief_tokens", 0).await; // a refresh within a minute
    connect(&browser, &demo).await;
    until("a mailbox that is well", async || (demo.mailbox(SUPPORT)["state"] == "ok").then_some(())).await;
    let mailbox_page = browser.address().await;
    let callback = callback(&browser).await;
    browser.open(&mailbox_page).await;
    browser.run("window.stayed = true").await;

    demo.goes_wrong("mfa_required", 1).await;
    until_within(Duration::from_secs(150), "a page that tells of the second factor", async || {
        browser.words().await.contains("The organization asks for a second factor").then_some(())
    })
    .await;
    for words in ["AADSTS50076", "confirm the second factor", "Authorize again"] {
        browser.says(words).await;
    }
    let mailbox = demo.mailbox(SUPPORT);
    assert_eq!((&mailbox["state"], &mailbox["grant"]["state"]), (&"ok".into(), &"lapsed".into()));
    let ahead = browser.text_of("#strip [role=status]").await;
    assert!(ahead.contains(SUPPORT) && ahead.contains("second factor"), "{ahead}");
    browser.says("Postern found that the consent has lapsed").await;
    browser.picture("second-factor-ahead").await;

    // The link that is open goes on with the old token; when it breaks, nothing opens another one.
    demo.goes_wrong("imap_drop_in_fetch", 1).await;
    demo.write(ANN, "Before the second factor", "Is anybody there?").await;
    until_within(Duration::from_secs(90), "a mailbox that needs a person", async || {
        (demo.mailbox(SUPPORT)["state"] == "needs_person").then_some(())
    })
    .await;
    until("a page that is red by itself", async || {
        browser
            .run("return document.querySelector('#headline .bad.tag') !== null")
            .await
            .as_bool()?
            .then_some(())
    })
    .await;
    assert_eq!(browser.run("return window.stayed").await, true, "the page was reloaded");
    browser.picture("failure-second-factor-at-a-refresh").await;

    // Wherever an administrator is, the alert is there and leads to the mailbox.
    browser.open(&demo.url("/tickets")).await;
    let alert = browser.text_of(".strip[role=alert]").await;
    assert!(alert.contains(SUPPORT) && alert.contains("second factor"), "{alert}");
    browser.picture("failure-second-factor-alert").await;
    browser.click_on(".strip[role=alert] a.button").await;
    browser.says("The organization asks for a second factor").await;
    browser.click("Authorize again").await;
    consents(&browser, SUPPORT, &format!("{SUPPORT} is authorized and works.")).await;
    browser.picture("second-factor-confirmed").await;
    assert_eq!(self::callback(&browser).await, callback, "the same registration, in place");

    until("a mailbox that is well", async || (demo.mailbox(SUPPORT)["state"] == "ok").then_some(())).await;
    watch_the_list(&browser).await;
    browser.says("Before the second factor").await;
    let strip = "return document.querySelector('#strip').innerText.trim()";
    until("a page without an alert", async || (browser.run(strip).await == "").then_some(())).await;
    demo.write(ANN, "After the second factor", "All is well again.").await;
    comes_in_by_itself(&browser, "After the second factor").await;
    browser.no_complaints().await;
}

/// As the authorization page shows it.
async fn callback(browser: &Browser) -> String {
    browser.click("Remote Mailbox").await;
    browser.click("Config").await;
    browser.text_of("#callback").await
}
