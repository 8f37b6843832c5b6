//! Consent from the command line by pasting, against the practice provider, beside a server that runs.
use crate::faults::SUPPORT;
use crate::practice_walk::{Consent, Demo, sign_in, submitted};
use crate::program::Talk;
use crate::visitor::Visitor;

/// The address that a command prints for the browser.
fn address(talk: &mut Talk) -> String {
    talk.until(|line| line.trim().starts_with("http").then(|| line.trim().to_owned()))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_pasted_however_it_was_copied_and_counts_once() {
    let demo = Demo::start();
    submitted(&demo, &mut demo.signed_in().await, SUPPORT, Consent::ForAll).await;
    let mut talk = demo.program.talk(&["mailbox", "authorize", SUPPORT, "--paste"]);
    // In a browser that nobody has signed in to Postern with.
    let mut browser = Visitor::new();
    let page = browser.get(address(&mut talk)).await;
    let page = sign_in(&mut browser, page, SUPPORT).await;
    page.says("Copy the whole address of this page");
    let came_back = page.url.to_string();
    talk.answer("not an address");
    talk.answer(&came_back.replace("/oauth/callback/", "/oauth/callback/x"));
    let (first, second) = came_back.split_at(came_back.len() / 3);
    talk.answer(&format!("\"{first}"));
    talk.answer(&format!("   {second}\""));
    let ran = talk.end().fine();
    assert!(ran.out.contains(&format!("{SUPPORT} is authorized and works.")), "{ran:?}");
    assert!(ran.err.contains("holds no answer") && ran.err.contains("another registration"), "{ran:?}");
    assert_eq!(demo.mailbox(SUPPORT)["grant"]["state"], "fulfilled");
    let code = came_back.split("code=").nth(1).unwrap().split('&').next().unwrap();
    assert!(!demo.server.log().contains(code) && !ran.err.contains(code), "the code was told");

    // A try that fails leaves what is in use.
    let mut talk = demo.program.talk(&["mailbox", "reauthorize", SUPPORT]);
    address(&mut talk);
    talk.answer(&came_back);
    talk.end().fails(1, &["another sign-in", "nothing was authorized"]);
    assert_eq!(demo.mailbox(SUPPORT)["grant"]["state"], "fulfilled");
}
