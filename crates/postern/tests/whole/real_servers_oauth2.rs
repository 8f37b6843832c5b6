//! The whole walk with OAuth2 against Dovecot and Postfix: consent at the practice identity provider, whom
//! Dovecot asks about each token; mail in by its IMAP, the reply out by Postfix, which asks Dovecot.
//!
//! `serve` knows no provider on plain http, so this is a demo whose mail servers are the real ones.
use crate::practice_walk::{Demo, connected, until};
use crate::program::Program;
use crate::rig;
use std::fs::File;

/// The helpdesk's address: its sign-in exists at the practice provider, its mailbox in Dovecot.
pub const SUPPORT: &str = "support@contoso.example";

/// A demo at the address that Dovecot asks. Only one can be there: the others wait for its lock.
pub struct Rehearsal {
    pub demo: Demo,
    _turn: File,
}

impl Rehearsal {
    pub fn start() -> Rehearsal {
        let turn = File::create(rig::ca().with_file_name("provider.lock")).unwrap();
        turn.lock().unwrap();
        let ca = rig::ca();
        let program = Program::new().with(&["--tls-extra-ca", ca.to_str().unwrap()]);
        std::fs::create_dir(program.data()).unwrap();
        let kept = serde_json::json!({
            "seed": vec![7; 32],
            "password": "rehearsal-rehearsal",
            "http": rig::variable("POSTERN_TEST_PROVIDER"),
            "imap": "127.0.0.1:0",
            "smtp": "127.0.0.1:0",
        });
        std::fs::write(program.data().join("demo.json"), kept.to_string()).unwrap();
        let mut demo = Demo::on(program);
        demo.imap_port = rig::port("POSTERN_TEST_IMAPS").to_string();
        demo.smtp_port = rig::port("POSTERN_TEST_SUBMISSION").to_string();
        Rehearsal { demo, _turn: turn }
    }
}

pub fn number_of(demo: &Demo, subject: &str) -> Option<String> {
    let found = demo.tickets().into_iter().find(|t| t["subject"] == subject);
    found.map(|t| t["number"].as_str().unwrap().to_owned())
}
/// The mailbox outlives the tests: no two write of the same matter.
pub fn matter(words: &str) -> String {
    format!("{words} {:08x}", rand::random::<u32>())
}
fn at(mailbox: &serde_json::Value, key: &str) -> String {
    mailbox["grant"][key].as_str().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn with_one_consent_mail_comes_from_dovecot_and_the_reply_goes_out_through_postfix() {
    let Rehearsal { demo, _turn } = Rehearsal::start();
    let mut visitor = demo.signed_in().await;
    // The first token is over before it is used: fetching has to fetch a new one first.
    demo.goes_wrong("momentary_tokens", 1).await;
    connected(&demo, &mut visitor, SUPPORT).await;
    let ann = rig::address("ann", "nordwind.example");
    let subject = matter("Tür klemmt");
    rig::deliver(SUPPORT, &[rig::letter(&format!("Ann Porter <{ann}>"), SUPPORT, &subject, "Seit gestern.")]);
    let ticket = until("the ticket", async || number_of(&demo, &subject)).await;

    let page = visitor.get(demo.url(&format!("/tickets/{ticket}"))).await;
    visitor.submit(page.form("Send").set("text", "Wir kommen.\n.\n..")).await.says("Wir kommen.");
    let letter = until("the reply in Ann's mailbox", async || rig::look(&ann, "INBOX").await.pop()).await;
    assert_eq!(letter.from[0].address.as_deref(), Some(SUPPORT));
    assert_eq!(letter.text.trim_end(), "Wir kommen.\n.\n..", "dots are stuffed and unstuffed");
    let id = letter.message_id.unwrap();
    let answer = rig::letter(&ann, SUPPORT, "Re: something else altogether", "Danke!");
    rig::deliver(SUPPORT, &[answer.replacen("Subject:", &format!("In-Reply-To: <{id}>\nSubject:"), 1)]);
    let shown = until("the answer on the ticket", async || {
        let shown = demo.ticket(&ticket);
        (shown["entries"].as_array().unwrap().len() == 3).then_some(shown)
    })
    .await;
    assert_eq!(shown["entries"][1]["deliveries"][0]["state"], "sent", "{shown}");
    let mailbox = demo.mailbox(SUPPORT);
    assert_eq!((&mailbox["state"], &mailbox["grant"]["state"]), (&"ok".into(), &"fulfilled".into()));
    assert!(!at(&mailbox, "refreshed_at").is_empty(), "the token was never refreshed: {mailbox}");

    // Started again, the grant still opens both servers.
    let Demo { program, server, .. } = demo;
    server.stop();
    let demo = Demo::on(program);
    let subject = matter("After the restart");
    rig::deliver(SUPPORT, &[rig::letter(&ann, SUPPORT, &subject, "Still there?")]);
    until("a ticket after the restart", async || number_of(&demo, &subject)).await;
    demo.run(&["check"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_soon_end_are_replaced_each_time_and_mail_keeps_flowing() {
    let Rehearsal { demo, _turn } = Rehearsal::start();
    let mut visitor = demo.signed_in().await;
    demo.goes_wrong("brief_tokens", 0).await;
    connected(&demo, &mut visitor, SUPPORT).await;
    let ann = rig::address("ann", "nordwind.example");
    let subject = matter("Short of breath");
    rig::deliver(SUPPORT, &[rig::letter(&ann, SUPPORT, &subject, "Quick.")]);
    let ticket = until("the ticket", async || number_of(&demo, &subject)).await;
    let first = at(&demo.mailbox(SUPPORT), "refreshed_at");
    demo.program.run_with(&["reply", &ticket, "--as", crate::program::ADMINISTRATOR], "Quick indeed.").fine();
    until("the reply in Ann's mailbox", async || rig::look(&ann, "INBOX").await.pop()).await;
    until("another refresh", async || {
        demo.run(&["mailbox", "fetch", SUPPORT]);
        let mailbox = demo.mailbox(SUPPORT);
        assert_eq!(mailbox["state"], "ok", "{mailbox}");
        (at(&mailbox, "refreshed_at") > first).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_dovecot_no_longer_honors_is_replaced_once_and_then_said() {
    let Rehearsal { demo, _turn } = Rehearsal::start();
    let mut visitor = demo.signed_in().await;
    connected(&demo, &mut visitor, SUPPORT).await;
    let subject = matter("First");
    rig::deliver(SUPPORT, &[rig::letter("ann@nordwind.example", SUPPORT, &subject, "1")]);
    until("the first ticket", async || number_of(&demo, &subject)).await;
    demo.goes_wrong("introspection_inactive", 1).await;
    let subject = matter("Second");
    rig::deliver(SUPPORT, &[rig::letter("ann@nordwind.example", SUPPORT, &subject, "2")]);
    demo.run(&["mailbox", "fetch", SUPPORT]);
    assert!(number_of(&demo, &subject).is_some());
    // For good: a person is asked, and nothing is lost.
    demo.goes_wrong("introspection_inactive", 0).await;
    let subject = matter("Third");
    rig::deliver(SUPPORT, &[rig::letter("ann@nordwind.example", SUPPORT, &subject, "3")]);
    demo.program.run(&["mailbox", "fetch", SUPPORT]).fails(1, &[SUPPORT]);
    let mailbox = demo.mailbox(SUPPORT);
    assert!(mailbox["reason"].is_string() && mailbox["remedy"].is_string(), "{mailbox}");
    demo.mends().await;
    demo.run(&["mailbox", "fetch", SUPPORT]);
    assert!(number_of(&demo, &subject).is_some());
    assert_eq!(demo.mailbox(SUPPORT)["state"], "ok");
    demo.run(&["check"]);
}
