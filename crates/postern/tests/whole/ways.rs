//! Shapes of mailboxes, and the ways to give a consent, against the practice provider.
use crate::practice_walk::{Consent, Demo, Submitted, by_id, sign_in, submitted, until};
use crate::visitor::Visitor;
use std::sync::Arc;

const SUPPORT: &str = "support@contoso.example";
const BILLING: &str = "billing@contoso.example";

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_mailbox_is_opened_by_who_signed_in_and_never_needs_a_second_submit() {
    let demo = Arc::new(Demo::start());
    let mut visitor = demo.signed_in().await;
    let Submitted { base, page, .. } = submitted(&demo, &mut visitor, BILLING, Consent::ForAll).await;
    let page = sign_in(&mut visitor, page, SUPPORT).await;
    page.says("Another address has signed in").says(SUPPORT).says(BILLING).says("Sign in again");
    page.says("It is an alias").says("used for nothing until you choose");
    assert!(demo.mailbox(BILLING)["grant"].is_null(), "nothing is in use");
    let page = visitor.submit(page.form("It is a shared mailbox")).await;
    page.says(&format!("{BILLING} is authorized and works")).says("a shared mailbox");
    page.says(&format!("Signed in as {SUPPORT}, to open {BILLING}"));
    let shown = demo.mailbox(BILLING);
    assert_eq!((shown["shape"].as_str(), shown["opens"].as_str()), (Some("shared"), Some(BILLING)));
    assert_eq!(
        (shown["grant"]["state"].as_str(), shown["grant"]["owner"].as_str()),
        (Some("fulfilled"), Some(SUPPORT))
    );

    by_code(&demo, &mut visitor, &base).await;

    // A script may run twice.
    let again = demo.run(&["mailbox", "authorize", BILLING, "--device", "--json"]).json();
    assert_eq!((again["result"].as_str(), again["remedy"].is_null()), (Some("works"), true), "{again}");
    assert!(again["sentence"].as_str().unwrap().contains(SUPPORT), "{again}");
    let nobody = demo.program.run_with(&["mailbox", "reauthorize", BILLING], "");
    nobody.fails(2, &["--device", "--paste"]);
    let nothing = demo.program.run_with(&["mailbox", "reauthorize", BILLING, "--paste"], "");
    nothing.fails(2, &["Nothing was pasted"]);
    let wrong = demo
        .program
        .run_with(&["mailbox", "reauthorize", BILLING, "--paste"], "https://evil.example/?code=1\n");
    wrong.fails(1, &["begins with", "/oauth/callback/"]);
    assert_eq!(demo.mailbox(BILLING)["grant"]["state"], "fulfilled", "what failed left it in use");
    demo.run(&["mailbox", "prove", BILLING]);
    let said = demo.run(&["mailbox", "revoke", BILLING, "--json"]).json();
    assert_eq!(said["done"], "revoked");
    assert!(said["detail"].as_str().unwrap().contains("Revoke sessions"), "{said}");
    assert_eq!(demo.run(&["mailbox", "revoke", BILLING, "--json"]).json()["done"], "nothing");
    demo.program.run(&["mailbox", "authorize", "nobody@contoso.example"]).fails(3, &["no mailbox"]);
}

/// The command line waits, whoever asks; the page shows the same code.
async fn by_code(demo: &Arc<Demo>, visitor: &mut Visitor, base: &str) {
    let before = demo.mailbox(BILLING)["grant"]["refreshed_at"].clone();
    let of = Arc::clone(demo);
    let waiting = tokio::task::spawn_blocking(move || {
        of.program.run(&["mailbox", "reauthorize", BILLING, "--device", "--json"])
    });
    let config = format!("{base}/remote/authorization");
    let page = until("the code", async || {
        let page = visitor.get(&config).await;
        page.text.contains("id=\"user-code\"").then_some(page)
    })
    .await;
    let mut person = Visitor::new();
    let entered = person.get(page.link("/devicelogin")).await;
    let entered = person.submit(entered.form("Next").set("otc", &by_id(&page, "user-code"))).await;
    sign_in(&mut person, entered, SUPPORT).await;
    let ran = waiting.await.unwrap().fine();
    assert!(ran.err.contains("/devicelogin") && ran.err.contains(&by_id(&page, "user-code")), "{}", ran.err);
    assert_eq!(
        (ran.json()["result"].as_str(), ran.json()["address"].as_str()),
        (Some("proved"), Some(BILLING))
    );
    assert_ne!(demo.mailbox(BILLING)["grant"]["refreshed_at"], before);
    visitor.get(page.url.as_str()).await.says("is authorized and works");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_of_the_tenant_consents_by_a_link_and_nothing_else_is_believed() {
    let demo = Demo::start();
    let mut visitor = demo.signed_in().await;
    let Submitted { base, .. } = submitted(&demo, &mut visitor, SUPPORT, Consent::OfEach).await;
    let page = visitor.get(format!("{base}/remote/authorization")).await;
    let page = visitor.submit(page.form("Link for your administrator")).await;
    page.says("good for one week, and once");
    let link = by_id(&page, "admin-consent-link-1");
    assert!(link.contains("/v2.0/adminconsent?") && link.contains("IMAP.AccessAsUser.All"), "{link}");

    let mut elsewhere = Visitor::new();
    let page = elsewhere.get(&link).await;
    let page = sign_in(&mut elsewhere, page, "admin@contoso.example").await;
    page.says("the consent is given").says_not("To the emails");
    let answer = page.url.clone();
    assert!(
        answer.as_str().contains("admin_consent=True") && answer.as_str().contains("tenant="),
        "{answer}"
    );
    elsewhere.get(answer.as_str()).await.says("This link does not count any more");
    let forged = answer.as_str().split('?').next().unwrap().to_owned() + "?admin_consent=True&state=forged";
    let page = elsewhere.get(&forged).await;
    assert_eq!(page.status, 400);
    page.says("This link does not count any more");
    visitor.get(&base).await.says("was told that the administrator of the tenant consented");
    assert!(demo.mailbox(SUPPORT)["grant"].is_null(), "a consent for everybody signs nobody in");

    // Nobody is asked any more.
    let page = visitor.get(format!("{base}/remote/authorization")).await;
    let mut page = visitor.submit_and_leave(page.form("Submit")).await;
    if !page.text.contains("name=\"password\"") {
        page = visitor.submit(page.form("Next").set("account", SUPPORT)).await;
    }
    let page = visitor.submit(page.form("Sign in").set("password", "practice")).await;
    page.says(&format!("{SUPPORT} is authorized and works"));

    let printed = demo.run(&["mailbox", "consent-link", SUPPORT]).out;
    let printed_once = printed.trim();
    let other = demo.run(&["mailbox", "consent-link", SUPPORT, "--json"]).json();
    assert_eq!((other["address"].as_str(), other["side"].as_str()), (Some(SUPPORT), Some("incoming")));
    assert_ne!(other["links"][0].as_str(), Some(printed_once), "each has a state of its own");
    let mut page = elsewhere.get(printed_once).await;
    if !page.text.contains("name=\"password\"") {
        page = elsewhere.submit(page.form("Next").set("account", "admin@contoso.example")).await;
    }
    let page = elsewhere.submit(page.form("Sign in").set("password", "practice")).await;
    let page = elsewhere.submit(page.form("Cancel")).await;
    page.says("The consent was not given").says("declined").says("send a new one");
    visitor.get(&base).await.says("the administrator of the tenant did not consent");
    assert_eq!(demo.mailbox(SUPPORT)["grant"]["state"], "fulfilled", "what is in use stays");
}
