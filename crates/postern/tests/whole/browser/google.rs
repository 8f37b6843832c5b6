//! The guide for Google and for another provider, by clicking: console, client, consent with the box for Gmail, and what
//! is said when the box stays empty. Pictures of each page stay as artefacts (see `chromium`).
use super::chromium::Browser;
use super::sign_in;
use crate::practice_walk::{Demo, until};

const CARE: &str = "care@fabrikam.example";
const HILFE: &str = "hilfe@waldau.example";

/// What differs between the two on the way.
struct Way {
    address: &'static str,
    authentication: &'static str,
    /// Where its clients are made, as the guide's link has it.
    console: &'static str,
}

/// As far as the authorization page, with the console's client pasted; its address.
async fn registered(browser: &Browser, demo: &Demo, way: &Way) -> String {
    sign_in(browser, demo).await;
    browser.click("Admin Panel").await;
    browser.click("Emails").await;
    browser.click("Add New Email").await;
    browser.fill("address", way.address).await;
    browser.fill("name", "Care").await;
    browser.click_on("main form button.primary").await;
    browser.click("Remote Mailbox").await;
    browser.choose("authentication", way.authentication).await;
    // The provider is known by the address: its server need not be typed.
    browser.click("Config").await;
    let callback = browser.text_of("#callback").await;
    assert_eq!(browser.text_of("#guide-callback").await, callback);
    let portal = "return document.querySelector('.guide a').href";
    assert!(browser.run(portal).await.as_str().unwrap().ends_with(way.console), "the guide leads elsewhere");
    browser.picture(&format!("{}-guide", way.authentication)).await;
    let config = browser.address().await;
    browser.no_complaints().await;

    let console = format!("{}{}", demo.portal.trim_end_matches("/portal"), way.console);
    browser.open(&console).await;
    browser.fill("name", "Postern").await;
    browser.fill("redirect_uri", &callback).await;
    browser.click("Create").await;
    let (id, secret) = (browser.text_of("#client-id").await, browser.text_of("#client-secret").await);
    if way.authentication == "google" {
        browser.click("Make Internal").await; // Audience, as the guide says for Workspace
        browser.says("Make External").await;
    }
    browser.open(&config).await;
    browser.fill("client_id", &id).await;
    browser.fill("client_secret", &secret).await;
    config
}

/// Signs in at the provider as far as its consent.
async fn consent_page(browser: &Browser, address: &str) {
    browser.says("Choose an account").await;
    browser.field("account").await.select_by_label(address).await.unwrap();
    browser.fill("password", "practice").await;
    browser.click("Next").await;
    browser.says("wants access to your account").await;
}

/// Switched on both ways, and the demo says that it works.
async fn fetches(browser: &Browser, demo: &Demo, address: &str) {
    browser.click("Remote Mailbox").await;
    browser.click("Enable").await;
    browser.click("Save Changes").await;
    browser.says("Saved").await;
    demo.write_to(address, "ann.porter@nordwind.example", "Where is my parcel", "It is late.").await;
    until("the letter as a ticket", async || {
        demo.tickets().iter().any(|t| t["subject"] == "Where is my parcel").then_some(())
    })
    .await;
    let mailbox = demo.mailbox(address);
    assert_eq!((&mailbox["state"], &mailbox["grant"]["state"]), (&"ok".into(), &"fulfilled".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guide_for_google_ends_in_mail_and_an_empty_box_for_gmail_is_named() {
    let demo = Demo::start();
    let browser = Browser::start().await;
    let way = Way { address: CARE, authentication: "google", console: "/google/clients" };
    let config = registered(&browser, &demo, &way).await;

    // The box for Gmail stays empty, as it does for most who do not read.
    browser.click("Submit").await;
    consent_page(&browser, CARE).await;
    browser.picture("google-consent").await;
    browser.click("Continue").await;
    browser.says("Access to the mail was not given: https://mail.google.com/ is missing").await;
    browser.says("Authorize it again and tick the box").await;
    browser.picture("google-gmail-not-ticked").await;
    assert_ne!(demo.mailbox(CARE)["grant"]["state"], "fulfilled");

    browser.open(&config).await;
    browser.click("Submit").await;
    consent_page(&browser, CARE).await;
    browser.click_on("input[name=scope][value='https://mail.google.com/']").await;
    browser.click("Continue").await;
    browser.says(&format!("{CARE} is authorized")).await;
    assert!(!browser.address().await.contains("code="));
    browser.picture("google-authorized").await;
    browser.no_complaints().await;
    fetches(&browser, &demo, CARE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guide_for_another_provider_ends_in_mail() {
    let demo = Demo::start();
    let browser = Browser::start().await;
    let way = Way { address: HILFE, authentication: "other", console: "/waldau/clients" };
    registered(&browser, &demo, &way).await;
    browser.click("Submit").await;
    consent_page(&browser, HILFE).await;
    browser.click("Continue").await;
    browser.says(&format!("{HILFE} is authorized")).await;
    browser.picture("other-authorized").await;
    browser.no_complaints().await;
    fetches(&browser, &demo, HILFE).await;
}
