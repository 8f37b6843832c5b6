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

    let nothing = demo.program.run_with(&["mailbox", "authorize", BILLING], "");
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
    let page = until("the code", async || {
        for number in 1..8 {
            let page = visitor.get(format!("{base}/remote/tries/{number}")).await;
            if page.status == 200 && page.text.contains("id=\"user-code\"") {
                return Some(page);
            }
        }
        None
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
