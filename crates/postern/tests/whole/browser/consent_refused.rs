//! Each kind of failure once, from the guide's page to the sentence: a row a failure, with a picture of what is said.
//! One mailbox goes through them all, and is well at the end.
use super::chromium::Browser;
use super::newcomer::{as_far_as_config, fill_in, sends_by_the_same};
use super::{ANN, SUPPORT};
use crate::practice_walk::{Consent, Demo, Registered, register, until};
use crate::visitor::Visitor;

const MIA: &str = "mia.holt@contoso.example";

/// What is not as the guide has it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Wrong {
    /// *Cancel* on the page that asks.
    Declined,
    /// The Secret ID, say, in the place of its Value.
    Secret,
    /// Both endpoints name no tenant; the app is of one.
    Common,
    /// The portal has another redirect URI.
    Callback,
    /// The provider, by this switch of the practice provider.
    Provider(&'static str),
    Somebody,
    /// *Manage email apps*: IMAP is not ticked.
    Imap,
}

#[derive(Debug)]
struct Row {
    picture: &'static str,
    wrong: Wrong,
    /// What happened, in the provider's words too, and what to do. The first is new on the page.
    says: &'static [&'static str],
    /// Said by the provider's own page: it does not send the browser back.
    stays_there: bool,
}

const fn row(picture: &'static str, wrong: Wrong, says: &'static [&'static str]) -> Row {
    Row { picture, wrong, says, stays_there: matches!(wrong, Wrong::Common | Wrong::Callback) }
}

const ROWS: &[Row] = &[
    row(
        "consent-declined",
        Wrong::Declined,
        &["The person declined to consent", "AADSTS65004", "Authorize it again and accept"],
    ),
    row(
        "secret-wrong",
        Wrong::Secret,
        &["The Client Secret is wrong", "AADSTS7000215", "Paste the Value of the secret"],
    ),
    row(
        "secret-expired",
        Wrong::Provider("secret_expired"),
        &["The Client Secret has expired", "AADSTS7000222", "Make a new secret"],
    ),
    row("single-tenant-at-common", Wrong::Common, &["AADSTS50194"]),
    row("redirect-uri-wrong", Wrong::Callback, &["AADSTS50011"]),
    row(
        "conditional-access",
        Wrong::Provider("conditional_access"),
        &["A Conditional Access rule blocks this sign-in", "AADSTS53003", "trusted location"],
    ),
    row(
        "provider-503",
        Wrong::Provider("token_503"),
        &["AADSTS90033", "Authorize it again in a few minutes", "the state of the provider's service"],
    ),
    row("somebody-else", Wrong::Somebody, &["Another address has signed in", MIA, "Sign in again"]),
    row("not-connected", Wrong::Imap, &["authenticated but not connected", "Prove again"]),
];

#[tokio::test(flavor = "multi_thread")]
async fn each_failure_on_the_way_is_said_with_what_to_do_and_then_the_mailbox_is_well() {
    let demo = Demo::start();
    let browser = Browser::start().await;
    let (config, callback) = as_far_as_config(&browser, &demo, SUPPORT).await;
    let registered = register(&demo.portal, &callback, Consent::OfEach).await;
    let site = Site { demo: &demo, registered: &registered, callback: &callback };
    for row in ROWS {
        println!("{row:?}");
        site.breaks(row.wrong).await;
        browser.open(&config).await;
        fill_in(&browser, &site.entered(row.wrong)).await;
        browser.click("Submit").await;
        as_far_as(&browser, row).await;
        for words in row.says {
            browser.says(words).await;
        }
        let is_there = !browser.address().await.starts_with(&demo.server.url);
        assert_eq!(is_there, row.stays_there, "{row:?}: {}", browser.address().await);
        browser.picture(&format!("failure-{}", row.picture)).await;
        if row.stays_there {
            told_by_the_guide(&browser, &config, row).await;
        }
        assert_ne!(demo.mailbox(SUPPORT)["grant"]["state"], "fulfilled", "{row:?} is in use");
        site.mends(row.wrong).await;
        // A page that says no has a status that says so too; ours have nothing to complain of.
        let complaints = browser.complaints().await;
        let provider = demo.portal.trim_end_matches("/portal");
        assert!(complaints.iter().all(|line| line.starts_with(provider)), "{complaints:#?}");
    }
    // The tokens were kept: nobody signs in again for a box that was ticked meanwhile.
    browser.click("Prove again").await;
    browser.says(&format!("{SUPPORT} is authorized and works.")).await;
    browser.picture("failure-mended").await;
    browser.no_complaints().await;

    sending_is_switched_off(&browser, &demo).await;
    browser.click("Remote Mailbox").await;
    browser.click("Start fetching").await;
    browser.says("Pause fetching").await;
    demo.write(ANN, "All is well that ends well", "Is it?").await;
    super::the_ticket(&demo, "All is well that ends well").await;
    browser.no_complaints().await;
}

/// Nobody came back to be told, so the page that was left explains the number.
async fn told_by_the_guide(browser: &Browser, config: &str, row: &Row) {
    browser.open(config).await;
    browser.click("It ended on a page of Microsoft’s?").await;
    browser.says(row.says[0]).await;
    browser
        .says(if row.wrong == Wrong::Common {
            "registered for one tenant"
        } else {
            "Copy the Callback Endpoint exactly"
        })
        .await;
    browser.picture(&format!("failure-{}-explained", row.picture)).await;
}

/// *Authenticated SMTP* is not ticked, which is how a new Microsoft 365 has it.
async fn sending_is_switched_off(browser: &Browser, demo: &Demo) {
    switch(demo, "smtp_auth", false).await;
    sends_by_the_same(browser, demo).await;
    browser.click("Check this mailbox").await;
    for words in ["5.7.139", "Authenticated SMTP"] {
        browser.says(words).await;
    }
    browser.picture("failure-smtp-auth-off").await;
    switch(demo, "smtp_auth", true).await;
    browser.click("Check this mailbox").await;
    browser.says("Outgoing mail works").await;
}

/// The provider's pages, until one says what the row has.
async fn as_far_as(browser: &Browser, row: &Row) {
    let account = if row.wrong == Wrong::Somebody { MIA } else { SUPPORT };
    let answer = if row.wrong == Wrong::Declined { "Cancel" } else { "Accept" };
    until(row.says[0], async || {
        let words = browser.words().await;
        if words.contains("Pick an account") {
            browser.click_on(&format!("button[name=account][value='{account}']")).await;
        } else if words.contains("Enter password") {
            browser.fill("password", "practice").await;
            browser.click("Sign in").await;
        } else if words.contains("Permissions requested") {
            browser.click(answer).await;
        }
        words.contains(row.says[0]).then_some(())
    })
    .await;
}

struct Site<'a> {
    demo: &'a Demo,
    registered: &'a Registered,
    callback: &'a str,
}

impl Site<'_> {
    async fn breaks(&self, wrong: Wrong) {
        match wrong {
            Wrong::Callback => self.redirect_uri(self.callback, &format!("{}/", self.callback)).await,
            Wrong::Provider(fault) => self.demo.goes_wrong(fault, 0).await,
            Wrong::Imap => switch(self.demo, "imap", false).await,
            Wrong::Declined | Wrong::Secret | Wrong::Common | Wrong::Somebody => {}
        }
    }
    async fn mends(&self, wrong: Wrong) {
        match wrong {
            Wrong::Callback => self.redirect_uri(&format!("{}/", self.callback), self.callback).await,
            Wrong::Provider(_) => self.demo.mends().await,
            Wrong::Imap => switch(self.demo, "imap", true).await,
            Wrong::Declined | Wrong::Secret | Wrong::Common | Wrong::Somebody => {}
        }
    }
    /// What is pasted into the authorization page.
    fn entered(&self, wrong: Wrong) -> Registered {
        let Registered { client_id, secret, authorization_endpoint, token_endpoint } =
            self.registered.clone();
        let at = |endpoint: String| match wrong {
            Wrong::Common => {
                let (root, rest) = endpoint.split_once("/oauth2/").unwrap();
                let (root, _tenant) = root.rsplit_once('/').unwrap();
                format!("{root}/common/oauth2/{rest}")
            }
            _ => endpoint,
        };
        Registered {
            client_id,
            secret: if wrong == Wrong::Secret { "4b7f0d5c-secret-id".to_owned() } else { secret },
            authorization_endpoint: at(authorization_endpoint),
            token_endpoint: at(token_endpoint),
        }
    }
    /// *Authentication* of the app registration.
    async fn redirect_uri(&self, remove: &str, add: &str) {
        let mut visitor = Visitor::new();
        let address = format!("{}/apps/{}/authentication", self.demo.portal, self.registered.client_id);
        let page = visitor.get(address.as_str()).await;
        let page = visitor.submit(page.form("Save").set("add", add)).await;
        let page = visitor.submit(page.form("Delete").set("remove", remove)).await;
        page.says(add);
    }
}

/// *Manage email apps* of the mailbox.
async fn switch(demo: &Demo, what: &str, on: bool) {
    let address = format!("{}/exchange/switch", demo.portal);
    let body = format!("mailbox={SUPPORT}&what={what}&on={on}");
    let asked = crate::visitor::client().post(address);
    let answer = asked.header("content-type", "application/x-www-form-urlencoded").body(body).send();
    let answer = answer.await.unwrap();
    assert!(answer.status().is_success() || answer.status().is_redirection(), "{answer:?}");
}
