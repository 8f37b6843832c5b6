//! The newcomer's walk, by clicking: portal, guide, consent, a ticket that comes in by itself, reply, close.
use super::chromium::Browser;
use super::{ANN, SUPPORT, sign_in};
use crate::practice_walk::{Demo, Registered, until};
use std::time::Instant;

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_clicks_through_portal_and_guide_and_answers_the_first_ticket() {
    let demo = Demo::start();
    let browser = Browser::start().await;
    connect(&browser, &demo).await;
    watch_the_list(&browser).await;
    let sent = Instant::now();
    demo.write(ANN, SUBJECT, LETTER).await;
    comes_in_by_itself(&browser, SUBJECT).await;
    println!("a letter was a row of the open list {} ms after it was sent", sent.elapsed().as_millis());
    answer(&browser, SUBJECT).await;
    let letters = until("the reply in Ann's mailbox", async || {
        let letters = demo.letters(ANN).await;
        let ours = |l: &&serde_json::Value| l["subject"].as_str().unwrap().contains(SUBJECT);
        (letters.iter().filter(ours).count() == 1).then_some(letters)
    })
    .await;
    assert!(letters.iter().any(|l| l.to_string().contains(SUPPORT)), "{letters:?}");
    close(&browser).await;
}

const SUBJECT: &str = "The gate squeaks";
pub const LETTER: &str = "It squeaks each morning.";
pub const ANSWER: &str = "Some oil will help.";

/// Signs in, follows the guide, consents, and switches fetching and sending on.
pub async fn connect(browser: &Browser, demo: &Demo) {
    let (config, callback) = as_far_as_config(browser, demo, SUPPORT).await;
    assert_eq!(browser.text_of("#guide-callback").await, callback, "the guide has this site's own values");
    browser.no_complaints().await;

    follows_what_is_chosen(browser).await;

    // The portal, in the guide's order.
    let registered = in_the_portal(browser, demo, &callback).await;
    browser.no_complaints().await;

    // Back: paste, Submit, which leaves for the provider; consent; back again.
    browser.open(&config).await;
    assert_eq!(browser.text_of("#callback").await, callback, "it never changes");
    fill_in(browser, &registered).await;
    browser.click("Submit").await;
    consents(browser, SUPPORT, &format!("{SUPPORT} is authorized")).await;
    assert!(!browser.address().await.contains("code="));
    browser.no_complaints().await;

    // Outgoing and fetching.
    sends_by_the_same(browser, demo).await;
    browser.click("Remote Mailbox").await;
    browser.choose("start_from", "everything").await;
    browser.click("Enable").await;
    browser.click("Save Changes").await;
    browser.says("Saved").await;
    browser.no_complaints().await;
}

/// The guide beside the form is that of what is chosen in it, before anything is saved.
async fn follows_what_is_chosen(browser: &Browser) {
    let seen = "return [...document.querySelectorAll('.guide')].filter((one) => one.checkVisibility()).map((one) => \
                one.dataset.flow + ' ' + one.dataset.shows).join()";
    for (name, value, expected) in [
        ("flow", "code", "code secret"),
        ("client_authentication", "certificate", "code certificate"),
        ("flow", "app_only", "app_only certificate"),
        ("client_authentication", "secret", "app_only secret"),
        ("flow", "code", "code secret"),
    ] {
        let choose = format!("document.querySelector('[name={name}][value={value}]').click(); {seen}");
        assert_eq!(browser.run(&choose).await, expected, "{name} {value}");
    }
    let ways = "document.querySelector('.ways').open = true; \
                return document.querySelector('.guide .when-ways').checkVisibility()";
    assert_eq!(browser.run(ways).await, true, "the guide has the other ways, too");
    browser.run("document.querySelector('.ways').open = false; return 0").await;
}

/// *Outgoing (SMTP)*: the practice provider's server, with the consent of *Remote Mailbox*.
pub async fn sends_by_the_same(browser: &Browser, demo: &Demo) {
    browser.click("Outgoing (SMTP)").await;
    browser.fill("host", "localhost").await;
    browser.fill("port", &demo.smtp_port).await;
    browser.choose("security", "starttls").await;
    browser.choose("authentication", "same").await;
    browser.click("Enable").await;
    browser.click("Save Changes").await;
    browser.says("Saved").await;
}

/// Makes a System Email and opens its authorization page; that page's address, and the Callback Endpoint.
pub async fn as_far_as_config(browser: &Browser, demo: &Demo, address: &str) -> (String, String) {
    sign_in(browser, demo).await;
    browser.click("Admin Panel").await;
    browser.click("Emails").await;
    browser.click("Add New Email").await;
    browser.fill("address", address).await;
    browser.fill("name", "Contoso Support").await;
    browser.click_on("main form button.primary").await;
    browser.click("Remote Mailbox").await;
    browser.fill("host", "localhost").await;
    browser.fill("port", &demo.imap_port).await;
    browser.choose("security", "tls").await;
    browser.choose("authentication", "microsoft").await;
    browser.click("Config").await;
    let callback = browser.text_of("#callback").await;
    (browser.address().await, callback)
}

/// What the portal gave, pasted into the authorization page.
pub async fn fill_in(browser: &Browser, registered: &Registered) {
    browser.fill("client_id", &registered.client_id).await;
    browser.fill("client_secret", &registered.secret).await;
    browser.fill("authorization_endpoint", &registered.authorization_endpoint).await;
    browser.fill("token_endpoint", &registered.token_endpoint).await;
}

/// Signs in at the provider and accepts what it asks, until a page says this.
pub async fn consents(browser: &Browser, address: &str, until_it_says: &str) {
    browser.says("Pick an account").await;
    browser.click_on(&format!("button[name=account][value='{address}']")).await;
    browser.fill("password", "practice").await;
    browser.click("Sign in").await;
    until(&format!("consent, or “{until_it_says}”"), async || {
        let words = browser.words().await;
        if words.contains("Permissions requested") {
            browser.click("Accept").await;
        }
        words.contains(until_it_says).then_some(())
    })
    .await;
}

/// The list is open, and a mark tells whether it stays so.
pub async fn watch_the_list(browser: &Browser) {
    browser.click("Open").await;
    let open = "return location.pathname === '/tickets' && document.getElementById('list') !== null";
    until("the open list", async || (browser.run(open).await == true).then_some(())).await;
    browser.run("window.stayed = true").await;
}
/// A row of the list that nobody has loaded again.
pub async fn comes_in_by_itself(browser: &Browser, subject: &str) {
    browser.says(subject).await;
    assert_eq!(browser.run("return window.stayed").await, true, "the page was reloaded");
}
pub async fn answer(browser: &Browser, subject: &str) {
    browser.click(subject).await;
    browser.says(LETTER).await;
    browser.fill("text", ANSWER).await;
    browser.click_on("[data-composer=reply] [data-send]").await;
    browser.says("sent to").await;
}
pub async fn close(browser: &Browser) {
    browser.click("Close").await;
    browser.says("Reopen").await;
    browser.no_complaints().await;
}

async fn in_the_portal(browser: &Browser, demo: &Demo, callback: &str) -> Registered {
    browser.open(&demo.portal).await;
    for step in ["Microsoft Entra ID", "App registrations", "New registration"] {
        browser.click(step).await;
    }
    browser.fill("name", "Postern").await;
    browser.choose("platform", "web").await;
    browser.fill("redirect_uri", callback).await;
    browser.click("Register").await;
    browser.says("Application (client) ID").await;
    let client_id = browser.text_of("#client-id").await;
    for step in ["API permissions", "Add a permission", "Microsoft Graph", "Delegated permissions"] {
        browser.click(step).await;
    }
    for permission in ["offline_access", "IMAP.AccessAsUser.All", "POP.AccessAsUser.All", "SMTP.Send"] {
        browser.click_on(&format!("input[name=permission][value='{permission}']")).await;
    }
    browser.click("Add permissions").await;
    browser.click("Grant admin consent for Contoso").await;
    browser.click("Yes").await;
    browser.says("Granted for Contoso").await;
    browser.click("Certificates & secrets").await;
    browser.click("New client secret").await;
    browser.fill("description", "Postern").await;
    browser.click("Add").await;
    let secret = browser.text_of("#secret-value").await;
    browser.click_on(".app-nav a").await; // Overview
    browser.click("Endpoints").await;
    browser.says("/oauth2/v2.0/token").await;
    let words = browser.words().await;
    let endpoint = |ending: &str| words.split(' ').find(|w| w.ends_with(ending)).unwrap().to_owned();
    Registered {
        client_id,
        secret,
        authorization_endpoint: endpoint("/oauth2/v2.0/authorize"),
        token_endpoint: endpoint("/oauth2/v2.0/token"),
    }
}
