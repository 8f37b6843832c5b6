//! A shared mailbox, by clicking: its address has no sign-in, so somebody else's comes back, and one click says why.
use super::chromium::Browser;
use super::newcomer::{as_far_as_config, comes_in_by_itself, consents, fill_in, watch_the_list};
use super::{ANN, BILLING, SUPPORT};
use crate::practice_walk::{Consent, Demo, register};

#[tokio::test(flavor = "multi_thread")]
async fn another_persons_sign_in_opens_a_shared_mailbox_once_it_is_called_one() {
    let demo = Demo::start();
    let browser = Browser::start().await;
    let (config, callback) = as_far_as_config(&browser, &demo, BILLING).await;
    let registered = register(&demo.portal, &callback, Consent::OfEach).await;
    browser.open(&config).await;
    fill_in(&browser, &registered).await;
    browser.click("Submit").await;
    consents(&browser, SUPPORT, "Another address has signed in").await;
    for words in [SUPPORT, BILLING, "used for nothing until you choose", "It is an alias", "Sign in again"] {
        browser.says(words).await;
    }
    assert!(!browser.address().await.contains("code="), "{}", browser.address().await);
    assert!(demo.mailbox(BILLING)["grant"].is_null(), "nothing is in use yet");
    browser.picture("shared-question").await;

    browser.click("It is a shared mailbox").await;
    browser.says(&format!("{BILLING} is authorized and works.")).await;
    browser.says(&format!("Signed in as {SUPPORT}, to open {BILLING}.")).await;
    browser.picture("shared-authorized").await;
    let shown = demo.mailbox(BILLING);
    assert_eq!((&shown["shape"], &shown["grant"]["owner"]), (&"shared".into(), &SUPPORT.into()), "{shown}");

    browser.click("Start fetching").await;
    browser.says("Pause fetching").await;
    watch_the_list(&browser).await;
    demo.write_to(BILLING, ANN, "The invoice counts twice", "See line four.").await;
    comes_in_by_itself(&browser, "The invoice counts twice").await;
    browser.no_complaints().await;
}
