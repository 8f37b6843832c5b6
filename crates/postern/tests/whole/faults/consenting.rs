//! What goes wrong between Submit and the way back: said on the mailbox's tab, and nothing is authorized.
//! That a state ends after ten minutes is proved with a clock that is moved by hand, in courier.
use super::{SUPPORT, each};
use crate::practice_walk::{Consent, Demo, authorize_again, sign_in, submitted};
use crate::visitor::Page;

#[derive(Debug)]
struct Row {
    fault: &'static str,
    says: &'static [&'static str],
}
const ROWS: &[Row] = &[
    Row { fault: "authorize_server_error", says: &["AADSTS50000"] },
    Row { fault: "authorize_unavailable", says: &["AADSTS90033"] },
    Row { fault: "conditional_access", says: &["AADSTS53003"] },
    Row { fault: "wrong_nonce", says: &["belongs to another sign-in", "Authorize it again"] },
    Row { fault: "no_refresh_token", says: &["offline_access"] },
    Row { fault: "secret_wrong", says: &["AADSTS7000215", "Value of the secret"] },
    Row { fault: "secret_expired", says: &["AADSTS7000222"] },
    Row { fault: "momentary_tokens", says: &["already ended", "clock"] },
];

#[test]
fn what_goes_wrong_with_a_consent_is_said_on_the_tab_and_a_second_one_works() {
    each(ROWS, strikes);
}

async fn strikes(row: &'static Row) {
    let demo = Demo::start();
    let mut visitor = demo.signed_in().await;
    demo.goes_wrong(row.fault, 0).await;
    let begun = submitted(&demo, &mut visitor, SUPPORT, Consent::ForAll).await;
    // An error of authorize comes back at once.
    let page = match begun.page.url.as_str().starts_with(&demo.server.url) {
        true => begun.page,
        false => sign_in(&mut visitor, begun.page, SUPPORT).await,
    };
    for words in row.says {
        page.says(words);
    }
    nothing_is_authorized(&demo, &page);
    demo.mends().await;
    authorize_again(&demo, &mut visitor, &begun.base, SUPPORT).await;
}

#[track_caller]
fn nothing_is_authorized(demo: &Demo, page: &Page) {
    assert!(page.url.as_str().starts_with(&demo.server.url), "{}", page.url);
    assert!(!page.url.as_str().contains("code="), "{}", page.url);
    let mailbox = demo.mailbox(SUPPORT);
    assert_ne!(mailbox["grant"]["state"], "fulfilled", "{mailbox:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_consent_is_told_in_the_providers_words() {
    let demo = Demo::start();
    let mut visitor = demo.signed_in().await;
    let begun = submitted(&demo, &mut visitor, SUPPORT, Consent::OfEach).await;
    let page = visitor.submit(begun.page.form("Next").set("account", SUPPORT)).await;
    let page = visitor.submit(page.form("Sign in").set("password", "practice")).await;
    page.says("Permissions requested");
    let page = visitor.submit(page.form("Cancel")).await;
    page.says("User declined to consent to access the app");
    nothing_is_authorized(&demo, &page);
    authorize_again(&demo, &mut visitor, &begun.base, SUPPORT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_persons_sign_in_is_named_and_not_used() {
    let demo = Demo::start();
    let mut visitor = demo.signed_in().await;
    let begun = submitted(&demo, &mut visitor, SUPPORT, Consent::ForAll).await;
    let page = sign_in(&mut visitor, begun.page, "mia.holt@contoso.example").await;
    page.says("Another address has signed in")
        .says("mia.holt@contoso.example")
        .says("It is a shared mailbox");
    nothing_is_authorized(&demo, &page);
    authorize_again(&demo, &mut visitor, &begun.base, SUPPORT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_counts_once_and_only_in_the_session_that_began_it() {
    let demo = Demo::start();
    let mut visitor = demo.signed_in().await;
    let begun = submitted(&demo, &mut visitor, SUPPORT, Consent::ForAll).await;
    let page = visitor.submit(begun.page.form("Next").set("account", SUPPORT)).await;
    let back = visitor.submit_once(page.form("Sign in").set("password", "practice")).await;
    let callback = back.headers["location"].to_str().unwrap().to_owned();
    assert!(callback.contains("code=") && callback.contains("state="), "{callback}");

    // The same administrator in another browser; and somebody who changes the state.
    let page = demo.signed_in().await.get(&callback).await;
    page.says("This sign-in does not count").says("begun in another session");
    nothing_is_authorized(&demo, &page);
    let page = visitor.get(callback.replace("state=", "state=x")).await;
    nothing_is_authorized(&demo, &page);
    // Neither used it up.
    let answer = visitor.get_once(&callback).await;
    assert_eq!(answer.status, 303);
    assert_eq!(answer.headers["referrer-policy"], "no-referrer");
    assert_eq!(answer.headers["cache-control"], "no-store");
    let to = answer.headers["location"].to_str().unwrap().to_owned();
    visitor.get(demo.url(&to)).await.says(&format!("{SUPPORT} is authorized"));
    // A second time it is nothing, and what works goes on.
    let replayed = visitor.get(&callback).await;
    replayed.says("This sign-in does not count").says("used already");
    assert_eq!(demo.mailbox(SUPPORT)["grant"]["state"], "fulfilled");
}
