//! A consent by a code that is typed in elsewhere, here in a second tab: the page that waits turns green by itself.
use super::chromium::Browser;
use super::newcomer::{as_far_as_config, comes_in_by_itself, consents, fill_in, watch_the_list};
use super::{ANN, SUPPORT};
use crate::practice_walk::{Consent, Demo, register, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_code_typed_in_a_second_tab_turns_the_waiting_page_green() {
    let demo = Demo::start();
    let browser = Browser::start().await;
    let (config, callback) = as_far_as_config(&browser, &demo, SUPPORT).await;
    let registered = register(&demo.portal, &callback, Consent::OfEach).await;
    browser.open(&config).await;
    fill_in(&browser, &registered).await;
    browser.click("Save only").await;
    browser.click_on("#ways > summary").await;
    browser.click("Get a code").await;
    let code = browser.text_of("#user-code").await;
    browser.says("Waiting for the sign-in").await;
    browser.run("window.stayed = true").await;
    browser.picture("device-code").await;

    let here = browser.client.window().await.unwrap();
    browser.click_on("#device a[target=_blank]").await;
    let there = until("the second tab", async || {
        browser.client.windows().await.ok()?.into_iter().find(|tab| *tab != here)
    })
    .await;
    browser.client.switch_to_window(there).await.unwrap();
    browser.fill("otc", &code).await;
    browser.picture("device-code-typed").await;
    browser.click("Next").await;
    consents(&browser, SUPPORT, "You may now close this window").await;
    browser.client.close_window().await.unwrap();
    browser.client.switch_to_window(here).await.unwrap();

    until("the consent", async || (demo.mailbox(SUPPORT)["grant"]["state"] == "fulfilled").then_some(()))
        .await;
    browser.says(&format!("{SUPPORT} is authorized and works.")).await;
    assert_eq!(browser.run("return window.stayed").await, true, "the page was reloaded");
    assert!(!browser.words().await.contains(&code), "a code that is used up is still shown");
    browser.picture("device-authorized").await;
    browser.no_complaints().await;

    browser.click("Go on").await;
    browser.click("Start fetching").await;
    browser.says("Pause fetching").await;
    watch_the_list(&browser).await;
    demo.write(ANN, "The code was short", "Nine letters.").await;
    comes_in_by_itself(&browser, "The code was short").await;
    browser.no_complaints().await;
}
