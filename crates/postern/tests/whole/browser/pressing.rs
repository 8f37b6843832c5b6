//! Buttons that a hand on the mouse reaches, and what the Enter key presses.
use super::chromium::Browser;
use super::{SUPPORT, sign_in, with_a_ticket};

const ENTER: char = '\u{E007}';

#[tokio::test(flavor = "multi_thread")]
async fn the_button_of_a_line_is_pressed_and_the_enter_key_saves_a_tab() {
    let (demo, _) = with_a_ticket("The gate squeaks", "Please help.").await;
    let browser = Browser::start().await;
    sign_in(&browser, &demo).await;
    browser.open(&demo.url("/mailboxes")).await;
    // Chromium presses what lies under the pointer, and says so where that is something else.
    browser.click("Fetch now").await;
    browser.says("It is fetched in a moment.").await;
    browser.click(SUPPORT).await;
    for tab in ["Remote Mailbox", "Outgoing (SMTP)"] {
        browser.click(tab).await;
        browser.field("host").await.send_keys(&ENTER.to_string()).await.unwrap();
        browser.says("Saved").await;
        assert!(!browser.address().await.contains("authorization"), "{tab}: Enter pressed Config");
    }
    browser.no_complaints().await;
}
