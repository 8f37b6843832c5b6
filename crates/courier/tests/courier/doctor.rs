//! The Mailbox Doctor, with each link broken in its turn.
use crate::pretend_imap::PretendImap;
use crate::pretend_provider::{PretendProvider, id_token};
use crate::pretend_smtp::PretendSmtp;
use crate::stage::{ADDRESS, PASSWORD, Stage, letter};
use courier::authorize::{self, CallbackQuery, Landing, Session};
use courier::doctor::{self, Examination, Extent, Link, Part, Result};
use desk::mailboxes::mailbox::{Fetched, Side, StartFrom};
use std::sync::Arc;

/// A mailbox that is opened with a password on both sides.
async fn with_password(fetched: Fetched) -> (Stage, PretendImap, PretendSmtp) {
    let stage = Stage::new();
    let (imap, smtp) = (PretendImap::start().await, PretendSmtp::start().await);
    stage.fetched_from(imap.address, StartFrom::Everything, fetched);
    stage.sent_through(smtp.address);
    (stage, imap, smtp)
}

async fn examine(stage: &Stage) -> Examination {
    doctor::examine(&stage.courier, stage.mailbox_id, Extent::Links).await.unwrap()
}

/// The broken links, in their order, with everything that is said of them.
fn broken(examination: &Examination) -> Vec<(Part, Link, String)> {
    let bad = examination.steps.iter().filter(|step| step.result == Result::Bad);
    bad.map(|step| (step.part, step.link, format!("{} {} {}", step.found, step.detail, step.remedy)))
        .collect()
}

/// One broken link, of which it is said what it is and what to do.
#[track_caller]
fn is_broken_at(examination: &Examination, side: Side, link: Link, words: &[&str]) {
    let found = broken(examination);
    let [(at, which, said)] = found.as_slice() else { panic!("{}", examination.transcript()) };
    assert_eq!((*at, *which), (side.into(), link), "{said}");
    for word in words {
        assert!(said.contains(word), "{word}: {said}");
    }
    let last = examination.steps.iter().rfind(|step| step.part == Part::from(side)).unwrap();
    assert_eq!(last.link, link, "it stops there: {}", examination.transcript());
    assert!(!last.remedy.is_empty() && !last.code.is_empty(), "{last:?}");
    assert!(!examination.is_well());
}

#[tokio::test]
async fn a_well_mailbox_is_looked_at_from_end_to_end_and_left_as_it_was() {
    let (stage, imap, smtp) = with_password(Fetched::Delete).await;
    imap.deliver(stage.clock.now(), letter("Untouched"));
    let found = examine(&stage).await;
    assert!(found.is_well(), "{}", found.transcript());
    let links: Vec<Link> = found.steps.iter().map(|step| step.link).collect();
    use Link::*;
    assert_eq!(
        links,
        [
            Settings,
            Dns,
            Tcp,
            Tls,
            Capabilities,
            SignIn,
            Folder,
            Folders,
            Rights,
            Settings,
            Dns,
            Tcp,
            Tls,
            Capabilities,
            SmtpAuth,
            SignIn,
            Sender,
            SendAs,
            Spf
        ]
    );
    let changes = ["STORE", "MOVE", "EXPUNGE", "APPEND", "FETCH"];
    let log = imap.log();
    assert!(!log.iter().any(|line| changes.iter().any(|verb| line.contains(verb))), "{log:?}");
    assert_eq!(smtp.state().taken.len(), 0);
    let text = found.transcript();
    assert!(text.contains(ADDRESS) && text.contains("Nothing is broken."), "{text}");
    assert!(!text.contains(PASSWORD) && !format!("{found:?}").contains(PASSWORD), "{text}");
}

#[tokio::test]
async fn sides_that_are_not_set_up_are_skipped_with_a_sentence() {
    let stage = Stage::new();
    let found = examine(&stage).await;
    let results: Vec<_> = found.steps.iter().map(|step| (step.part, step.result)).collect();
    assert_eq!(results, [(Part::Incoming, Result::Skipped), (Part::Outgoing, Result::Skipped)]);
    assert!(found.steps[1].found.contains("Outgoing (SMTP)"), "{}", found.transcript());
}

#[tokio::test]
async fn a_server_that_is_away_is_told_and_the_other_side_is_looked_at() {
    let (stage, imap, _smtp) = with_password(Fetched::Nothing).await;
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let away = free.local_addr().unwrap();
    drop(free);
    drop(imap);
    stage.fetched_from(away, StartFrom::Everything, Fetched::Nothing);
    let found = examine(&stage).await;
    is_broken_at(&found, Side::Incoming, Link::Tcp, &[&away.port().to_string(), "firewall"]);
    let step = found.steps.iter().find(|step| step.result == Result::Bad).unwrap();
    assert!(step.remedy.contains("never worked") && !step.remedy.contains("Nothing to do"), "{step:?}");
    let last = found.steps.iter().rfind(|step| step.part == Part::Outgoing).unwrap();
    assert_eq!((last.link, last.result), (Link::SendAs, Result::Good));
}

#[tokio::test]
async fn what_breaks_at_the_incoming_server_is_told_at_its_link() {
    let (stage, imap, _smtp) = with_password(Fetched::Nothing).await;
    imap.state().sign_in = Some("NO [AUTHENTICATIONFAILED] Wrong.".into());
    is_broken_at(&examine(&stage).await, Side::Incoming, Link::SignIn, &["password"]);
    imap.state().sign_in = None;
    imap.state().opening = Some("BAD User is authenticated but not connected.".into());
    is_broken_at(&examine(&stage).await, Side::Incoming, Link::Folder, &["authenticated but not connected"]);
    imap.state().opening = None;
    assert!(examine(&stage).await.is_well());
}

#[tokio::test]
async fn a_folder_that_may_only_be_read_is_told_where_letters_are_to_be_moved() {
    let (stage, imap, _smtp) = with_password(Fetched::Move("Done".into())).await;
    let found = examine(&stage).await;
    let folders = found.steps.iter().find(|step| step.link == Link::Folders).unwrap();
    assert_eq!(folders.result, Result::Warning, "there is no folder Done: {folders:?}");
    imap.state().read_only = true;
    is_broken_at(&examine(&stage).await, Side::Incoming, Link::Rights, &["Full Access", "moved"]);
}

#[tokio::test]
async fn what_breaks_at_the_outgoing_server_is_told_at_its_link() {
    let (stage, _imap, smtp) = with_password(Fetched::Nothing).await;
    let off = "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant.";
    smtp.state().sign_in = Some(off);
    is_broken_at(&examine(&stage).await, Side::Outgoing, Link::SmtpAuth, &["5.7.139"]);
    smtp.state().sign_in = Some("535 5.7.8 Wrong.");
    is_broken_at(&examine(&stage).await, Side::Outgoing, Link::SignIn, &["password"]);
    smtp.state().sign_in = None;
    smtp.state().sender_answer = Some("451 4.7.0 Later.");
    is_broken_at(&examine(&stage).await, Side::Outgoing, Link::Sender, &["Later."]);
    smtp.state().sender_answer =
        Some("550 5.7.60 SMTP; Client does not have permissions to send as this sender");
    is_broken_at(&examine(&stage).await, Side::Outgoing, Link::SendAs, &["5.7.60"]);
    // Postfix looks at the sender only when a recipient is named.
    smtp.state().sender_answer = None;
    let rejected = "553 5.7.1 <support@contoso.example>: Sender address rejected: not owned by user ann";
    smtp.state().answers.insert(ADDRESS.into(), rejected);
    is_broken_at(&examine(&stage).await, Side::Outgoing, Link::SendAs, &["not owned by"]);
    smtp.state().answers.insert(ADDRESS.into(), "550 5.1.1 no such person here");
    let found = examine(&stage).await;
    let sender = found.steps.iter().find(|step| step.link == Link::Sender).unwrap();
    assert!(found.is_well() && sender.result == Result::Warning, "{}", found.transcript());
    assert_eq!(smtp.state().taken.len(), 0);
}

#[tokio::test]
async fn rights_are_read_from_the_access_control_list_where_there_is_one() {
    for (fetched, inbox, done, right) in [
        (Fetched::Delete, "lrswite", "", true),
        (Fetched::Delete, "lrswit", "", false),
        (Fetched::Read, "lrs", "", true),
        (Fetched::Read, "lr", "", false),
        (Fetched::Move("Sent".into()), "lrte", "lri", true),
        (Fetched::Move("Sent".into()), "lrte", "lr", false),
        (Fetched::Move("Sent".into()), "lr", "lri", false),
        (Fetched::Move("New".into()), "lrte", "", true),
        (Fetched::Nothing, "lr", "", true),
    ] {
        let (stage, imap, _smtp) = with_password(fetched.clone()).await;
        imap.state().rights.insert("INBOX".into(), inbox.into());
        if !done.is_empty() {
            imap.state().rights.insert("Sent".into(), done.into());
        }
        let found = examine(&stage).await;
        if right {
            assert!(found.is_well(), "{fetched:?} {inbox} {done}: {}", found.transcript());
        } else {
            is_broken_at(&found, Side::Incoming, Link::Rights, &["MYRIGHTS", "Full Access"]);
        }
        let asked = imap.log().iter().any(|line| line.starts_with("MYRIGHTS"));
        assert_eq!(asked, fetched != Fetched::Nothing, "only what the setting needs");
    }
}

#[tokio::test]
async fn a_server_that_cannot_remove_single_letters_is_told_where_they_are_to_go() {
    for (fetched, warned) in
        [(Fetched::Delete, true), (Fetched::Move("Sent".into()), true), (Fetched::Read, false)]
    {
        let (stage, imap, _smtp) = with_password(fetched).await;
        imap.state().is_old = true;
        let found = examine(&stage).await;
        let rights = found.steps.iter().find(|step| step.link == Link::Rights).unwrap();
        assert_eq!(rights.result == Result::Warning, warned, "{rights:?}");
        assert_eq!(rights.found.contains("UIDPLUS"), warned, "{rights:?}");
    }
}

/// A secret as a server might write it back; of base64 without the end, which depends on what follows.
fn forms(secret: &str) -> Vec<String> {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
    let encoded: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let mut forms = vec![secret.to_owned(), encoded.clone(), encoded.replace('+', "%20")];
    for before in ["", &format!("\0{ADDRESS}\0"), &format!("user={ADDRESS}\x01auth=Bearer ")] {
        let line = format!("{before}{secret}");
        for mut form in [STANDARD_NO_PAD.encode(&line), URL_SAFE_NO_PAD.encode(&line)] {
            form.pop();
            forms.push(form);
        }
    }
    forms
}

/// Nothing of it: as it is, in base64 or for a URL, in the text, the steps or what is printed of them.
#[track_caller]
fn holds_no_secret(found: &Examination, secrets: &[&str]) {
    let text = format!("{} {found:?}", found.transcript());
    for form in secrets.iter().flat_map(|secret| forms(secret)) {
        assert!(!text.contains(&form), "{form}: {text}");
    }
}

#[tokio::test]
async fn what_was_said_stands_under_each_link_without_any_secret_even_where_a_server_echoes_it() {
    let (stage, imap, smtp) = with_password(Fetched::Delete).await;
    let found = examine(&stage).await;
    let lines = |link: Link| -> Vec<String> {
        found.steps.iter().filter(|step| step.link == link).flat_map(|step| step.lines.clone()).collect()
    };
    assert!(
        lines(Link::SignIn).contains(&"C: A2 AUTHENTICATE PLAIN [hidden]".to_owned()),
        "{:?}",
        lines(Link::SignIn)
    );
    assert!(lines(Link::Folder).iter().any(|line| line.contains("EXAMINE")), "{:?}", lines(Link::Folder));
    assert!(lines(Link::SmtpAuth).contains(&"S: 334".to_owned()), "{:?}", lines(Link::SmtpAuth));
    assert!(
        lines(Link::Sender).iter().any(|line| line.starts_with("C: RCPT TO")),
        "{:?}",
        lines(Link::Sender)
    );
    assert!(found.transcript().contains("| C: "), "{}", found.transcript());
    assert!(
        lines(Link::Settings).is_empty(),
        "the goodbye of one side is not the other's: {:?}",
        lines(Link::Settings)
    );
    holds_no_secret(&found, &[PASSWORD]);

    let echoes = forms(PASSWORD).join(" ");
    imap.state().sign_in = Some(format!("NO [AUTHENTICATIONFAILED] you said {echoes}"));
    smtp.state().sign_in = Some(Box::leak(format!("535 5.7.8 you said {echoes}").into_boxed_str()));
    let found = examine(&stage).await;
    assert!(found.transcript().contains("you said [hidden]"), "{}", found.transcript());
    holds_no_secret(&found, &[PASSWORD]);
}

/// A mailbox that was authorized; its provider, and the server that takes its second token.
async fn authorized() -> (Stage, PretendProvider, PretendImap) {
    authorized_at(Stage::new()).await
}

pub async fn authorized_at(stage: Stage) -> (Stage, PretendProvider, PretendImap) {
    let (provider, imap) = (PretendProvider::start().await, PretendImap::start().await);
    stage.authorized_at(provider.address, imap.address);
    let (session_id, by) = stage.administrator("admin@desk.example");
    let session = Session { session_id, by };
    let to = authorize::begin(&stage.courier, &session, stage.mailbox_id, Side::Incoming).await.unwrap();
    let asked: std::collections::HashMap<String, String> = to.query_pairs().into_owned().collect();
    provider.answers_tokens(1, 3600, Some(id_token(ADDRESS, &asked["nonce"], stage.clock.now())));
    imap.state().token = Some("access-1".into());
    let query = CallbackQuery {
        code: Some("the-code".into()),
        state: Some(asked["state"].clone()),
        ..CallbackQuery::default()
    };
    let landed = authorize::callback(&stage.courier, &session, "unguessable", query).await.unwrap();
    assert!(matches!(landed, Landing::Tab { .. }), "{landed:?}");
    assert!(stage.mailbox().incoming.grant_id.is_some());
    (stage, provider, imap)
}

#[tokio::test]
async fn a_token_is_asked_for_and_the_grant_goes_on_working() {
    let (stage, provider, imap) = authorized().await;
    provider.state().answers.clear();
    provider.answers_tokens(2, 3600, None);
    imap.state().token = Some("access-2".into());
    let found = examine(&stage).await;
    assert!(found.is_well(), "{}", found.transcript());
    let links: Vec<Link> = found.steps.iter().map(|step| step.link).take(4).collect();
    assert_eq!(links, [Link::Settings, Link::Site, Link::Client, Link::Token]);
    let asked = provider.state().asked.last().unwrap().clone();
    assert_eq!(asked["refresh_token"], "refresh-1");
    // The rotated one is what counts from now on.
    provider.state().answers.clear();
    provider.answers_tokens(3, 3600, None);
    imap.state().token = Some("access-3".into());
    assert!(examine(&stage).await.is_well());
    let asked = provider.state().asked.last().unwrap().clone();
    assert_eq!(asked["refresh_token"], "refresh-2");
    holds_no_secret(&found, &["access-2", "refresh-1", "refresh-2", "the secret"]);
}

#[tokio::test]
async fn a_refused_registration_and_an_ended_grant_are_told_before_any_server_is_asked() {
    for (error, number, words) in [
        ("invalid_client", "AADSTS7000215: Invalid client secret provided.", "Value"),
        (
            "invalid_grant",
            "AADSTS700082: The refresh token has expired due to inactivity.",
            "Authorize it again",
        ),
    ] {
        let (stage, provider, imap) = authorized().await;
        provider.state().answers.clear();
        provider.answers(400, serde_json::json!({ "error": error, "error_description": number }));
        let before = imap.log().len();
        let found = examine(&stage).await;
        is_broken_at(&found, Side::Incoming, Link::Client, &[words]);
        assert_eq!(imap.log().len(), before, "what comes after the broken link is not looked at");
    }
}

#[tokio::test]
async fn a_link_that_ends_when_the_folders_are_asked_for_is_told_as_exchange_does_it() {
    let (stage, provider, imap) = authorized().await;
    provider.state().answers.clear();
    provider.answers_tokens(2, 3600, None);
    {
        let mut state = imap.state();
        (state.token, state.cut_at_list) = (Some("access-2".into()), true);
    }
    is_broken_at(
        &examine(&stage).await,
        Side::Incoming,
        Link::Folders,
        &["Global Administrator", "closed the link"],
    );

    // Elsewhere it is a broken link.
    let (stage, imap, _smtp) = with_password(Fetched::Nothing).await;
    imap.state().cut_at_list = true;
    let found = examine(&stage).await;
    assert!(!found.transcript().contains("Global Administrator"), "{}", found.transcript());
    is_broken_at(&found, Side::Incoming, Link::Folders, &["closed the link"]);
}

/// An examination takes minutes where a server answers slowly, and whoever wrote down a server has it answer so.
#[tokio::test]
async fn a_password_that_is_entered_meanwhile_for_another_server_is_not_sent_to_the_one_before() {
    let (stage, imap, before) = with_password(Fetched::Nothing).await;
    let stage = Arc::new(stage);
    let mended = Arc::clone(&stage);
    imap.state().at_sign_in = Some(Box::new(move || {
        mended.sent_through(([127, 0, 0, 2], 587).into());
    }));
    let found = examine(&stage).await;
    is_broken_at(&found, Side::Outgoing, Link::Settings, &["changed", "Look again"]);
    assert_eq!(before.state().connections, 0, "it was not even reached");
    assert_eq!(stage.mailbox().outgoing.host, "127.0.0.2");
}
