//! A letter from the mailbox to itself: sent, found, told, removed, and never a ticket.
use crate::pretend_dns::PretendDns;
use crate::pretend_imap::{Letter, PretendImap};
use crate::pretend_smtp::PretendSmtp;
use crate::stage::{ADDRESS, Stage, letter, until};
use courier::doctor::{self, Examination, Extent, Link, Part, Result, Step};
use courier::fetch;
use desk::mailboxes::mailbox::{self, Fetched, Shape, StartFrom};
use std::sync::{Arc, Mutex};

/// What the servers on the way do with a letter.
type Handling = fn(String) -> Option<String>;

struct Post {
    stage: Stage,
    imap: PretendImap,
    smtp: PretendSmtp,
    /// Every letter that was handed over, as it left.
    carried: Arc<Mutex<Vec<String>>>,
}

impl Post {
    /// What is sent is delivered, as the handling says.
    async fn of(stage: Stage, handling: Handling) -> Post {
        let (imap, smtp) = (PretendImap::start().await, PretendSmtp::start().await);
        stage.fetched_from(imap.address, StartFrom::Everything, Fetched::Nothing);
        stage.sent_through(smtp.address);
        let carried: Arc<Mutex<Vec<String>>> = Arc::default();
        let (from, to, seen, at) = (smtp.clone(), imap.clone(), carried.clone(), stage.clock.now());
        tokio::spawn(async move {
            loop {
                let taken: Vec<_> = std::mem::take(&mut from.state().taken);
                for (_, text) in taken {
                    seen.lock().unwrap().push(text.clone());
                    if let Some(text) = handling(text) {
                        to.deliver(at, text.into_bytes());
                    }
                }
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        });
        Post { stage, imap, smtp, carried }
    }

    async fn examined(&self) -> Examination {
        doctor::examine(&self.stage.courier, self.stage.mailbox_id, Extent::WithRoundTrip).await.unwrap()
    }
}

#[track_caller]
fn step(found: &Examination, link: Link) -> &Step {
    let step = found.steps.iter().find(|step| step.part == Part::RoundTrip && step.link == link);
    step.unwrap_or_else(|| panic!("{link:?}: {}", found.transcript()))
}

#[tokio::test]
async fn the_letter_goes_round_and_leaves_nothing_behind() {
    let post = Post::of(Stage::new(), Some).await;
    post.imap.deliver(post.stage.clock.now(), letter("Untouched"));
    let found = post.examined().await;
    assert!(found.is_well(), "{}", found.transcript());
    for (link, word) in [
        (Link::Sent, "2.0.0 taken"),
        (Link::Returned, "removed again"),
        (Link::SendAs, "with support@contoso.example as its sender"),
        (Link::Threads, "kept its Message-ID"),
    ] {
        let step = step(&found, link);
        assert!(step.result == Result::Good && step.found.contains(word), "{step:?}");
    }
    let sent = post.carried.lock().unwrap().clone();
    assert_eq!(sent.len(), 1);
    for field in ["Auto-Submitted: auto-generated", "X-Auto-Response-Suppress: All", &format!("<{ADDRESS}>")]
    {
        assert!(sent[0].contains(field), "{field}: {}", sent[0]);
    }
    assert_eq!(post.imap.state().letters.len(), 1, "only the other one is there");
    assert!(
        !post.imap.log().iter().any(|line| line.contains("FETCH 1 ")),
        "it was not read: {:?}",
        post.imap.log()
    );
    assert!(
        step(&found, Link::Sent).lines.contains(&"C: DATA".to_owned()),
        "{:?}",
        step(&found, Link::Sent).lines
    );
    assert!(!found.transcript().contains("Postern sent this letter"), "a letter is no line of a protocol");
}

#[tokio::test]
async fn while_mail_is_on_hold_no_letter_is_sent_whether_by_the_desk_or_by_the_flag() {
    let post = Post::of(Stage::new(), Some).await;
    let sent = || post.smtp.state().taken.len();
    let held = |found: &Examination, word: &str| {
        let step = step(found, Link::Sent);
        assert_eq!((step.result, sent()), (Result::Bad, 0), "{}", found.transcript());
        assert!(format!("{step:?}").contains(word), "{step:?}");
    };
    let by = post.stage.by();
    post.stage.write(|tx| desk::site::mail_hold::begin(tx, &by, None).map(drop));
    held(&post.examined().await, "Mail is on hold on this desk, so no letter is sent.");
    post.stage.write(|tx| desk::site::mail_hold::release(tx, &by).map(drop));
    assert_eq!(step(&post.examined().await, Link::Sent).result, Result::Good);
    let before = sent();
    post.stage.courier.hold_mail();
    let found = post.examined().await;
    assert_eq!((step(&found, Link::Sent).result, sent()), (Result::Bad, before));
    let refused = fetch::once(&post.stage.courier, post.stage.mailbox_id).await.unwrap_err().to_string();
    assert!(refused.contains("started with --hold-mail, so nothing is fetched"), "{refused}");
}

#[tokio::test]
async fn a_letter_that_is_fetched_first_is_no_ticket_and_no_news() {
    let post = Post::of(Stage::new(), Some).await;
    post.imap.state().hidden_from_subject_search = true; // until it has been fetched
    let examining = tokio::spawn({
        let (courier, id) = (post.stage.courier.clone(), post.stage.mailbox_id);
        async move { doctor::examine(&courier, id, Extent::WithRoundTrip).await.unwrap() }
    });
    until(&post.stage.courier, || !post.imap.state().letters.is_empty()).await;
    fetch::once(&post.stage.courier, post.stage.mailbox_id).await.unwrap();
    let (stored,): (i64,) = post.stage.read(|tx| Ok(tx.one("SELECT count(*) FROM inbox", desk::params![])?));
    assert_eq!(stored, 1, "it was fetched first");
    post.imap.state().hidden_from_subject_search = false;
    let found = examining.await.unwrap();
    assert_eq!(step(&found, Link::Returned).result, Result::Good, "{}", found.transcript());
    fetch::once(&post.stage.courier, post.stage.mailbox_id).await.unwrap();
    assert!(post.stage.tickets().is_empty());
    assert_eq!(post.stage.mailbox().last_mail_at, None, "no mail of anybody has come");
}

#[tokio::test]
async fn a_letter_that_fetching_has_taken_away_is_found_in_the_desk() {
    let post = Post::of(Stage::new(), Some).await;
    post.stage.fetched_from(post.imap.address, StartFrom::Everything, Fetched::Delete);
    // Fetched as soon as it is there, and deleted at once: the doctor never sees it on the server.
    let (courier, id, smtp) = (post.stage.courier.clone(), post.stage.mailbox_id, post.smtp.clone());
    post.imap.state().hidden_from_subject_search = true;
    let fetching = tokio::spawn(async move {
        while smtp.state().connections < 2 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        loop {
            fetch::once(&courier, id).await.unwrap();
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    });
    let found = post.examined().await;
    fetching.abort();
    let returned = step(&found, Link::Returned);
    assert!(
        returned.result == Result::Good && returned.found.contains("fetched like other mail"),
        "{returned:?}"
    );
    assert_eq!(step(&found, Link::Threads).result, Result::Good);
    assert!(post.stage.tickets().is_empty());
    let inbox = post.stage.inbox();
    assert_eq!(inbox.len(), 1);
    assert!(inbox[0].reason.contains("Mailbox Doctor"), "{:?}", inbox[0]);
}

#[tokio::test]
async fn a_sender_that_the_server_put_in_the_place_of_the_address_is_told() {
    let post = Post::of(Stage::new(), |text| {
        let at = text.find("From: ").unwrap();
        let end = at + text[at..].find('\r').unwrap();
        Some(format!("{}From: Ann <ann@contoso.example>{}", &text[..at], &text[end..]))
    })
    .await;
    let found = post.examined().await;
    let send_as = step(&found, Link::SendAs);
    assert_eq!(send_as.result, Result::Warning, "{send_as:?}");
    assert!(
        send_as.found.contains(&format!("sent as {ADDRESS} and came back as ann@contoso.example"))
            && send_as.remedy.contains("sign in as support@contoso.example"),
        "{send_as:?}"
    );
    assert!(found.is_well(), "letters do go out");
    let text = found.transcript();
    assert!(text.ends_with("\nNothing is broken. Worth a look: Send As.\n"), "{text}");
}

#[tokio::test]
async fn a_message_id_that_was_replaced_is_told() {
    let post = Post::of(Stage::new(), |text| {
        let at = text.find("Message-ID: <").unwrap();
        let end = at + text[at..].find('>').unwrap();
        Some(format!("{}Message-ID: <new@exchange.example{}", &text[..at], &text[end..]))
    })
    .await;
    let found = post.examined().await;
    let threads = step(&found, Link::Threads);
    assert_eq!(threads.result, Result::Warning, "{threads:?}");
    assert!(
        threads.found.contains("<new@exchange.example>") && threads.found.contains("round-trip@"),
        "{threads:?}"
    );
    assert!(found.is_well());
}

#[tokio::test]
async fn a_sender_that_is_refused_only_with_its_letter_is_told_as_send_as() {
    let post = Post::of(Stage::new(), Some).await;
    post.smtp.state().letter_answer =
        Some("550 5.7.60 SMTP; Client does not have permissions to send as this sender");
    let found = post.examined().await;
    let bad: Vec<&Step> = found.steps.iter().filter(|step| step.result == Result::Bad).collect();
    let [bad] = bad.as_slice() else { panic!("{}", found.transcript()) };
    assert_eq!((bad.part, bad.link), (Part::RoundTrip, Link::SendAs));
    assert!(bad.remedy.contains("Send As") && bad.found.contains("5.7.60"), "{bad:?}");
    assert!(!found.steps.iter().any(|step| step.part == Part::Domain), "it stops at the broken link");

    post.smtp.state().letter_answer = Some("452 4.2.2 the mailbox is full");
    let found = post.examined().await;
    assert_eq!(step(&found, Link::Sent).result, Result::Bad, "{}", found.transcript());
    assert_eq!(post.imap.state().letters.len(), 0);
}

#[tokio::test]
async fn a_delivery_report_in_its_place_is_told_with_its_reason() {
    let post = Post::of(Stage::new(), |text| {
        let id = text.lines().find_map(|line| line.strip_prefix("Message-ID: ")).unwrap().to_owned();
        let subject = text.lines().find(|line| line.starts_with("Subject: ")).unwrap().to_owned();
        Some(format!(
            "Return-Path: <>\r\nFrom: <mailer-daemon@mx.example>\r\nTo: {ADDRESS}\r\nSubject: Undelivered: {}\r\n\
             MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b1\r\n\r\n\
             --b1\r\n\r\nNo.\r\n--b1\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\n\
             Final-Recipient: rfc822; {ADDRESS}\r\nAction: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 no such user\r\n\r\n\
             --b1\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: {id}\r\n\r\n--b1--\r\n",
            &subject["Subject: ".len()..]
        ))
    })
    .await;
    let found = post.examined().await;
    let returned = step(&found, Link::Returned);
    assert_eq!((returned.result, returned.code.as_str()), (Result::Bad, "bounced"), "{returned:?}");
    assert!(returned.detail.contains("no such user"), "{returned:?}");
    fetch::once(&post.stage.courier, post.stage.mailbox_id).await.unwrap();
    assert!(post.stage.tickets().is_empty());
}

#[tokio::test]
async fn a_delivery_report_about_another_letter_is_left_where_it_is() {
    let post = Post::of(Stage::new(), Some).await;
    let another = format!(
        "Return-Path: <>\r\nFrom: <mailer-daemon@mx.example>\r\nTo: {ADDRESS}\r\nSubject: Undelivered: your answer\r\n\
         MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b1\r\n\r\n\
         --b1\r\n\r\nNo.\r\n--b1\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\n\
         Final-Recipient: rfc822; ann@fabrikam.example\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n\
         --b1\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <an.answer@contoso.example>\r\n\r\n--b1--\r\n"
    );
    post.imap.state().finds_everything = true;
    let at = post.stage.clock.now();
    // The newest there is, which is looked at first.
    let report = Letter { uid: 1000, at, bytes: another.into_bytes(), seen: false, deleted: false };
    post.imap.state().letters.push(report);
    let found = post.examined().await;
    assert_eq!(step(&found, Link::Returned).result, Result::Good, "{}", found.transcript());
    assert_eq!(post.imap.state().letters.len(), 1, "nobody has fetched it yet");
}

#[tokio::test]
async fn the_signature_of_the_letter_says_which_key_is_looked_for() {
    for (domain, result, word) in [
        ("contoso.example", Result::Good, "s7._domainkey.contoso.example"),
        ("contoso.onmicrosoft.example", Result::Warning, "not by contoso.example"),
    ] {
        let dns = PretendDns::start().await;
        dns.has("contoso.example", &["v=spf1 mx -all"]);
        dns.has("s7._domainkey.contoso.example", &["v=DKIM1; p=MIGf"]);
        let handling: Handling = match domain {
            "contoso.example" => {
                |text| Some(format!("DKIM-Signature: v=1; d=contoso.example; s=s7; b=x\r\n{text}"))
            }
            _ => |text| {
                Some(format!("DKIM-Signature: v=1; d=contoso.onmicrosoft.example; s=s7; b=x\r\n{text}"))
            },
        };
        let post = Post::of(Stage::asking(Some(dns.address)), handling).await;
        let found = post.examined().await;
        let dkim = found.steps.iter().find(|step| step.link == Link::Dkim).unwrap();
        assert!(dkim.result == result && dkim.found.contains(word), "{domain}: {dkim:?}");
    }
}

#[tokio::test]
async fn without_both_sides_no_letter_is_sent() {
    let stage = Stage::new();
    let imap = PretendImap::start().await;
    stage.fetched_from(imap.address, StartFrom::Everything, Fetched::Nothing);
    let found = doctor::examine(&stage.courier, stage.mailbox_id, Extent::WithRoundTrip).await.unwrap();
    assert_eq!(step(&found, Link::Sent).result, Result::Skipped, "{}", found.transcript());
}

/// A second address of the mailbox that is opened.
fn as_alias_of(post: &Post, opens: &str) {
    let (by, shape) = (desk::By::system(post.stage.clock.now()), Shape::Alias { opens: opens.to_owned() });
    let id = post.stage.mailbox_id;
    post.stage.write(|tx| mailbox::change_shape(tx, &by, id, &shape));
}

#[tokio::test]
async fn an_alias_is_shown_by_the_letter_that_comes_to_it_into_the_other_mailbox() {
    let post = Post::of(Stage::new(), Some).await;
    as_alias_of(&post, "boss@contoso.example");
    let found = post.examined().await;
    let alias = step(&found, Link::Alias);
    assert_eq!(alias.result, Result::Good, "{}", found.transcript());
    for word in [ADDRESS, "into the mailbox of boss@contoso.example", "filed under this email"] {
        assert!(alias.found.contains(word), "{word}: {alias:?}");
    }
    // Whose mailbox names the alias nowhere cannot tell its letters from its own.
    let rewritten: Handling =
        |text| Some(text.replace("\r\nTo: ", "\r\nTo: boss@contoso.example\r\nX-Was: "));
    let post = Post::of(Stage::new(), rewritten).await;
    as_alias_of(&post, "boss@contoso.example");
    let found = post.examined().await;
    let alias = step(&found, Link::Alias);
    assert!(
        alias.result == Result::Warning && alias.found.contains("under boss@contoso.example"),
        "{alias:?}"
    );
    assert!(!alias.remedy.is_empty());
}

#[tokio::test]
async fn a_server_that_takes_no_letter_to_the_alias_says_that_it_is_none() {
    let post = Post::of(Stage::new(), Some).await;
    as_alias_of(&post, "boss@contoso.example");
    post.smtp.state().answers.insert(ADDRESS.to_owned(), "550 5.1.1 no such person here");
    let found = post.examined().await;
    let broken = found.steps.iter().find(|step| step.result == Result::Bad).unwrap();
    assert!(broken.found.contains("is no alias of boss@contoso.example"), "{}", found.transcript());
    // The proof beside the form says the same.
    let proof = courier::probe::outgoing(&post.stage.courier, post.stage.mailbox_id).await.unwrap();
    assert!(!proof.ok && proof.sentence.contains("is no alias of"), "{proof:?}");
    assert!(proof.remedy.contains("Account"), "{proof:?}");
    post.smtp.state().answers.clear();
    let proof = courier::probe::outgoing(&post.stage.courier, post.stage.mailbox_id).await.unwrap();
    assert!(proof.ok && proof.detail.contains("an alias of boss@contoso.example"), "{proof:?}");
}
