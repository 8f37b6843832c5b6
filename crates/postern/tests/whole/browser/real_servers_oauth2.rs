//! The newcomer's walk by clicking once more, with Dovecot and Postfix in the place of the practice mail servers.
//! Dovecot asks the identity provider about each token, and Postfix asks Dovecot.
use super::chromium::Browser;
use super::newcomer::{ANSWER, LETTER, answer, close, comes_in_by_itself, connect, watch_the_list};
use crate::practice_walk::until;
use crate::real_servers_oauth2::{Rehearsal, SUPPORT, matter, number_of};
use crate::rig;

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_clicks_through_portal_and_guide_and_answers_through_dovecot_and_postfix() {
    let rehearsal = Rehearsal::start();
    let demo = &rehearsal.demo;
    let browser = Browser::start().await;
    connect(&browser, demo).await;
    watch_the_list(&browser).await;
    let (ann, subject) = (rig::address("ann", "nordwind.example"), matter("The gate squeaks"));
    rig::deliver(SUPPORT, &[rig::letter(&format!("Ann Porter <{ann}>"), SUPPORT, &subject, LETTER)]);
    comes_in_by_itself(&browser, &subject).await;
    answer(&browser, &subject).await;
    let letter = until("the reply in Ann's mailbox", async || rig::look(&ann, "INBOX").await.pop()).await;
    assert_eq!(letter.from[0].address.as_deref(), Some(SUPPORT));
    assert!(letter.text.contains(ANSWER), "{}", letter.text);
    close(&browser).await;
    let ticket = demo.ticket(&number_of(demo, &subject).unwrap());
    assert_eq!(ticket["state"], "closed", "{ticket}");
    assert_eq!(ticket["entries"][1]["deliveries"][0]["state"], "sent", "{ticket}");
    let mailbox = demo.mailbox(SUPPORT);
    assert_eq!((&mailbox["state"], &mailbox["grant"]["state"]), (&"ok".into(), &"fulfilled".into()));
    demo.run(&["check"]);
}
