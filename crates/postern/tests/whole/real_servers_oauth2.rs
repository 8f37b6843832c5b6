//! The whole walk with OAuth2 against Dovecot and Postfix: consent at the practice identity provider, whom
//! Dovecot asks about each token; mail in by its IMAP, the reply out by Postfix, which asks Dovecot.
//!
//! `serve` knows no provider on plain http, so this is a demo whose mail servers are the real ones.
use crate::practice_walk::{
    Consent, Demo, Registered, Submitted, authorize_again, connected, register, sign_in, submitted,
    switched_on, until,
};
use crate::program::{ADMINISTRATOR, Program};
use crate::rig;
use crate::visitor::{Visitor, client};
use std::fs::File;
use std::time::Duration;
use wire::sasl::Taken;
use wire::{Credential, Kind};

/// The helpdesk's address: its sign-in exists at the practice provider, its mailbox in Dovecot.
pub const SUPPORT: &str = "support@contoso.example";
/// No sign-in is of this name. Who signs in as SUPPORT may open it.
const BILLING: &str = "billing@contoso.example";
/// What is sent here lies in SUPPORT's mailbox.
const HELP: &str = "help@contoso.example";

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
async fn with_a_token_mail_comes_by_pop3_too() {
    let Rehearsal { demo, _turn } = Rehearsal::start();
    let mut visitor = demo.signed_in().await;
    let base = connected(&demo, &mut visitor, SUPPORT).await;
    let page = visitor.get(format!("{base}/remote")).await;
    let port = rig::port("POSTERN_TEST_POP3S").to_string();
    visitor.submit(page.form("Save Changes").set("protocol", "pop3").set("port", &port)).await;
    assert_eq!(demo.mailbox(SUPPORT)["incoming"]["protocol"], "pop3");
    let subject = matter("By post office");
    rig::deliver(SUPPORT, &[rig::letter("ann@nordwind.example", SUPPORT, &subject, "Hello.")]);
    demo.run(&["mailbox", "fetch", SUPPORT]);
    assert!(number_of(&demo, &subject).is_some());
    assert_eq!(demo.mailbox(SUPPORT)["state"], "ok");
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
    demo.program.run_with(&["reply", &ticket, "--as", ADMINISTRATOR], "Quick indeed.").fine();
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

/// Somebody signs in as SUPPORT for another address, and says what that is.
async fn told_what_it_is(demo: &Demo, visitor: &mut Visitor, address: &str, answer: &str) -> String {
    let Submitted { base, page, .. } = submitted(demo, visitor, address, Consent::ForAll).await;
    let page = sign_in(visitor, page, SUPPORT).await;
    page.says("Another address has signed in");
    visitor.submit(page.form(answer)).await.says(&format!("{address} is authorized and works"));
    switched_on(demo, visitor, &base).await;
    base
}

/// A letter to the address becomes a ticket, and its answer comes from there.
async fn asks_and_is_answered(demo: &Demo, lies_in: &str, address: &str) {
    let (ann, subject) = (rig::address("ann", "nordwind.example"), matter("Whose are you"));
    rig::deliver(
        lies_in,
        &[rig::letter(&format!("Ann Porter <{ann}>"), address, &subject, "And who is this?")],
    );
    let ticket = until("the ticket", async || number_of(demo, &subject)).await;
    demo.program.run_with(&["reply", &ticket, "--as", ADMINISTRATOR], "It is we.").fine();
    let letter = until("the reply in Ann's mailbox", async || rig::look(&ann, "INBOX").await.pop()).await;
    assert_eq!(letter.from[0].address.as_deref(), Some(address));
    let mailbox = demo.mailbox(address);
    assert_eq!(
        (&mailbox["state"], &mailbox["grant"]["state"]),
        (&"ok".into(), &"fulfilled".into()),
        "{mailbox}"
    );
    assert_eq!(mailbox["grant"]["owner"], SUPPORT, "{mailbox}");
}

async fn powershell(demo: &Demo, script: &str) {
    let answer = client().post(format!("{}/exchange", demo.portal)).form(&[("script", script)]).send();
    let answer = answer.await.unwrap().text().await.unwrap();
    assert!(!answer.contains("role=\"alert\""), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_mailbox_is_opened_with_another_persons_token_as_long_as_that_person_may() {
    let Rehearsal { demo, _turn } = Rehearsal::start();
    let mut visitor = demo.signed_in().await;
    told_what_it_is(&demo, &mut visitor, BILLING, "It is a shared mailbox").await;
    asks_and_is_answered(&demo, BILLING, BILLING).await;
    assert_eq!(demo.mailbox(BILLING)["shape"], "shared");

    let full_access = |verb: &str| {
        format!("{verb}-MailboxPermission -Identity {BILLING} -User {SUPPORT} -AccessRights FullAccess")
    };
    powershell(&demo, &full_access("Remove")).await;
    let subject = matter("In the meantime");
    rig::deliver(BILLING, &[rig::letter("ann@nordwind.example", BILLING, &subject, "?")]);
    demo.program.run(&["mailbox", "fetch", BILLING]).fails(1, &[BILLING]);
    let mailbox = demo.mailbox(BILLING);
    assert!(mailbox["reason"].is_string() && mailbox["remedy"].is_string(), "{mailbox}");
    assert!(number_of(&demo, &subject).is_none());
    powershell(&demo, &full_access("Add")).await;
    demo.run(&["mailbox", "fetch", BILLING]);
    assert!(number_of(&demo, &subject).is_some());
    demo.run(&["check"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alias_is_fetched_from_the_mailbox_behind_it_and_answers_under_its_own_name() {
    let Rehearsal { demo, _turn } = Rehearsal::start();
    let mut visitor = demo.signed_in().await;
    told_what_it_is(&demo, &mut visitor, HELP, "It is an alias").await;
    asks_and_is_answered(&demo, SUPPORT, HELP).await;
    let mailbox = demo.mailbox(HELP);
    assert_eq!((&mailbox["shape"], &mailbox["opens"]), (&"alias".into(), &SUPPORT.into()), "{mailbox}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_for_something_else_than_mail_is_refused_until_somebody_signs_in_again() {
    let Rehearsal { demo, _turn } = Rehearsal::start();
    let mut visitor = demo.signed_in().await;
    demo.goes_wrong("wrong_resource", 0).await;
    let Submitted { page, base, .. } = submitted(&demo, &mut visitor, SUPPORT, Consent::ForAll).await;
    let page = sign_in(&mut visitor, page, SUPPORT).await;
    page.says("does not accept").says("\"scope\":\"mail\"").says("Prove again");
    assert_ne!(demo.mailbox(SUPPORT)["grant"]["state"], "fulfilled");
    demo.mends().await;
    authorize_again(&demo, &mut visitor, &base, SUPPORT).await;
    switched_on(&demo, &mut visitor, &base).await;
    asks_and_is_answered(&demo, SUPPORT, SUPPORT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_two_and_a_half_kilobytes_open_both_servers() {
    let Rehearsal { demo, _turn } = Rehearsal::start();
    let mut visitor = demo.signed_in().await;
    demo.goes_wrong("long_tokens", 0).await;
    connected(&demo, &mut visitor, SUPPORT).await;
    asks_and_is_answered(&demo, SUPPORT, SUPPORT).await;
}

/// A token of SUPPORT's, as a client of its own gets one.
async fn access_token(demo: &Demo) -> String {
    let callback = "http://localhost/elsewhere";
    let Registered { client_id, secret, authorization_endpoint, token_endpoint } =
        register(&demo.portal, callback, Consent::ForAll).await;
    let scope = "https://outlook.office.com/IMAP.AccessAsUser.All https://outlook.office.com/SMTP.Send";
    let asked = [
        ("client_id", client_id.as_str()),
        ("redirect_uri", callback),
        ("response_type", "code"),
        ("scope", scope),
    ];
    let mut visitor = Visitor::new();
    let page =
        visitor.get(url::Url::parse_with_params(&authorization_endpoint, asked).unwrap().as_str()).await;
    let page = visitor.submit(page.form("Next").set("account", SUPPORT)).await;
    let back = visitor.submit_once(page.form("Sign in").set("password", "practice")).await;
    let back = url::Url::parse(back.headers["location"].to_str().unwrap()).unwrap();
    let code = back.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
    let asked = [
        ("grant_type", "authorization_code"),
        ("client_id", &client_id),
        ("client_secret", &secret),
        ("redirect_uri", callback),
        ("code", &code),
    ];
    let answer = client().post(token_endpoint).form(&asked).send().await.unwrap().text().await.unwrap();
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

/// Dovecot tells in a challenge why a token does not count, and waits for an answer before it says no. On the same
/// link another sign-in succeeds, so it was answered.
#[tokio::test(flavor = "multi_thread")]
async fn the_challenge_after_an_expired_token_is_answered_and_the_link_goes_on() {
    let Rehearsal { demo, _turn } = Rehearsal::start();
    demo.goes_wrong("momentary_tokens", 1).await;
    let expired = access_token(&demo).await;
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    let bearer = |token: &str| Credential::Bearer {
        user: SUPPORT.into(),
        token: token.into(),
        taken: Taken::Announced,
    };
    let good = bearer(&access_token(&demo).await);
    let mut imap = rig::imap().await;
    let refused = imap.login(&bearer(&expired)).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::Unauthorized, "{refused}");
    assert!(refused.to_string().contains("invalid_token"), "the challenge is told: {refused}");
    assert!(!refused.to_string().contains(&expired), "{refused}");
    imap.login(&good).await.unwrap();
    imap.examine("INBOX").await.unwrap();
    imap.logout().await.ok();

    let mut smtp = rig::smtp().await;
    let refused = smtp.login(&bearer(&expired)).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::Unauthorized, "{refused}");
    assert!(!refused.to_string().contains(&expired), "{refused}");
    smtp.login(&good).await.unwrap();
    smtp.probe(SUPPORT).await.unwrap();
    smtp.quit().await;
}
