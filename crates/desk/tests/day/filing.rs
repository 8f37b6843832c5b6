//! From a raw letter to an entry, whatever the letter is.
use crate::desk::{Day, SUPPORT};
use crate::mail;
use desk::files::attachment::NewAttachment;
use desk::intake::{inbox, inbox::Outcome};
use desk::outgoing::outbox;
use desk::people::viewer::Viewer;
use desk::tickets::entry::{self, Part};

fn ignored(outcome: &Outcome) -> (&str, &str) {
    match outcome {
        Outcome::Ignored { code, reason } => (code, reason),
        other => panic!("it should be ignored: {other:?}"),
    }
}

#[test]
fn a_mail_opens_a_ticket() {
    let day = Day::new();
    day.receive(mail::from("Ann Porter <ann@example.org>", "Printer", "It burns."));
    assert_eq!(day.thread("10001"), "#10001 Printer · open\nAnn Porter: It burns.");
    let ticket = day.ticket("10001");
    assert_eq!((ticket.department.as_str(), ticket.mailbox.as_deref()), ("Support", Some(SUPPORT)));
    assert_eq!(
        (ticket.requester_name.as_deref(), ticket.requester_address.as_str()),
        (Some("Ann Porter"), "ann@example.org")
    );
    assert_eq!((ticket.entries, ticket.unsent, ticket.updated_at), (1, 0, day.now()));
    day.is_whole();
}

#[test]
fn a_reply_to_a_closed_ticket_reopens_it_and_keeps_its_assignee() {
    let day = Day::new();
    day.receive(mail::from("ann@example.org", "Printer", "It burns."));
    day.agent("Bob").takes("10001");
    day.agent("Bob").closes("10001");
    assert!(day.ticket("10001").closed_at.is_some());
    day.receive(mail::from("ann@example.org", "Re: Printer", "Still burns.").answers(&day.last_id("10001")));
    assert_eq!(
        day.thread("10001"),
        "#10001 Printer · open · Bob\n\
         ann@example.org: It burns.\n\
         — assigned to Bob by Bob\n\
         — closed by Bob\n\
         — reopened by ann@example.org\n\
         ann@example.org: Still burns."
    );
    assert_eq!(day.ticket("10001").closed_at, None);
}

#[test]
fn an_automatic_answer_joins_its_ticket_and_does_not_reopen_it() {
    let day = Day::new();
    day.receive(mail::from("ann@example.org", "Printer", "It burns."));
    day.agent("Bob").replies("10001", "We are on it.");
    day.agent("Bob").closes("10001");
    let vacation = mail::from("ann@example.org", "Automatic reply: Printer", "I am away.")
        .answers(&day.last_id("10001"))
        .header("Auto-Submitted", "auto-replied");
    day.receive(vacation);
    let thread = day.thread("10001");
    assert!(thread.starts_with("#10001 Printer · closed"), "{thread}");
    assert!(thread.ends_with("ann@example.org (auto_replied): I am away."), "{thread}");
    assert!(!day.entries("10001").last().unwrap().may_answer);
}

#[test]
fn bulk_mail_that_joins_does_not_reopen_but_a_lists_letter_does() {
    let day = Day::new();
    day.receive(mail::from("ann@example.org", "Printer", "It burns."));
    let first = day.last_id("10001");
    day.agent("Bob").closes("10001");
    day.receive(
        mail::from("ann@example.org", "Re: Printer", "Sale!").answers(&first).header("Precedence", "bulk"),
    );
    assert!(day.thread("10001").starts_with("#10001 Printer · closed"));
    day.receive(
        mail::from("ann@example.org", "Re: Printer", "Help!")
            .answers(&first)
            .header("List-Id", "<all.example.org>"),
    );
    assert!(day.thread("10001").starts_with("#10001 Printer · open"));
}

#[test]
fn a_receipt_that_belongs_to_no_ticket_opens_none() {
    let day = Day::new();
    let raw = "From: ann@example.org\r\nTo: support@desk.example\r\nSubject: Read: Printer\r\nMessage-ID: <r1@example.org>\r\n\
        MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=disposition-notification; boundary=b\r\n\r\n\
        --b\r\nContent-Type: text/plain\r\n\r\nread\r\n--b\r\nContent-Type: message/disposition-notification\r\n\r\n\
        Final-Recipient: rfc822; ann@example.org\r\nDisposition: manual-action/MDN-sent-manually; displayed\r\n\r\n--b--\r\n";
    let outcome = day.receive_raw(SUPPORT, raw.as_bytes(), false);
    assert_eq!(ignored(&outcome).0, "report");
    day.is_whole();
}

#[test]
fn mail_from_an_agents_address_is_a_message_and_never_a_reply() {
    let day = Day::new();
    day.receive(mail::from("ann@example.org", "Printer", "It burns."));
    let placed = day.agent("Bob").replies("10001", "We are on it.");
    day.delivers();
    let forged = mail::from("Bob <bob@desk.example>", "Re: Printer [#10001]", "Pay here.")
        .answers(&day.last_id("10001"));
    day.receive(forged);
    assert_eq!(
        day.thread("10001").lines().count(),
        4,
        "nothing came to the ticket:\n{}",
        day.thread("10001")
    );
    assert_eq!(
        day.thread("10002"),
        "#10002 Re: Printer [#10001] · open · refers to #10001, from someone else\nBob: Pay here."
    );
    assert_eq!(day.entries("10002")[0].agent_id, None);
    assert_eq!(day.deliveries(placed.outbox_id), "ann@example.org sent");
    assert!(day.delivers().is_empty(), "nothing more goes out");
}

#[test]
fn old_mail_is_filed_without_news_and_reopens_nothing() {
    let day = Day::new();
    day.receive(mail::from("ann@example.org", "Printer", "It burns."));
    day.agent("Bob").closes("10001");
    day.receive(
        mail::from("ann@example.org", "Re: Printer", "From long ago.").answers(&day.last_id("10001")).old(),
    );
    day.receive(mail::from("bert@example.org", "Old matter", "From long ago.").old());
    assert!(day.thread("10001").starts_with("#10001 Printer · closed"));
    assert_eq!(day.agent("Bob").news(), "");
    day.receive(mail::from("bert@example.org", "New matter", "Now."));
    assert_eq!(day.agent("Bob").news(), "10003");
}

#[test]
fn mail_without_a_sender_is_a_ticket_that_nobody_can_write_to() {
    let day = Day::new();
    let raw = b"Subject: Hello\r\nMessage-ID: <x1@example.org>\r\n\r\nWho am I?\r\n";
    day.receive_raw(SUPPORT, raw, false);
    assert_eq!(day.thread("10001"), "#10001 Hello · open\n(no sender): Who am I?");
    assert!(day.entries("10001")[0].defects.contains(&"missing_from".to_owned()));
    // Another one without a sender does not pass for the first.
    let raw = b"Subject: Re: Hello [#10001]\r\nIn-Reply-To: <x1@example.org>\r\n\r\nMe too.\r\n";
    day.receive_raw(SUPPORT, raw, false);
    assert!(day.thread("10002").contains("refers to #10001"), "{}", day.thread("10002"));
    assert_eq!(day.agent("Bob").refused(&day.agent("Bob").draft("10001", "Hi")), desk::Refusal::NoRecipient);
}

#[test]
fn mail_without_from_is_known_by_its_envelope_sender() {
    let day = Day::new();
    day.receive_raw(SUPPORT, b"Return-Path: <ann@example.org>\r\nSubject: Hello\r\n\r\nIt burns.\r\n", false);
    assert_eq!(day.ticket("10001").requester_address, "ann@example.org");
}

#[test]
fn the_first_of_several_authors_is_the_requester_and_the_defect_is_kept() {
    let day = Day::new();
    day.receive(mail::from("ann@example.org, bert@example.org", "Two of us", "We burn."));
    assert_eq!(day.ticket("10001").requester_address, "ann@example.org");
    assert_eq!(day.entries("10001")[0].defects, ["many_from"]);
    // The second is not let in by it.
    day.receive(mail::from("bert@example.org", "Re: Two of us", "Me too.").answers(&day.last_id("10001")));
    assert!(day.thread("10002").contains("refers to #10001"));
}

#[test]
fn empty_mail_is_a_ticket_all_the_same() {
    let day = Day::new();
    day.receive_raw(SUPPORT, b"", false);
    day.receive(mail::from("ann@example.org", "", ""));
    assert_eq!(day.thread("10001"), "#10001 (no subject) · open\n(no sender): ");
    assert_eq!(day.thread("10002"), "#10002 (no subject) · open\nann@example.org: ");
    day.is_whole();
}

#[test]
fn control_characters_do_not_reach_what_people_read() {
    let day = Day::new();
    day.receive_raw(
        SUPPORT,
        b"From: \"A\x1b[2Jnn\" <ann@example.org>\r\nSubject: Pri\0nter\x07 \r\nMessage-ID: <x@y>\r\n\r\nIt \x1b[31mburns\0.\r\n",
        false,
    );
    let thread = day.thread("10001");
    assert!(!thread.chars().any(|c| c.is_control() && c != '\n'), "{thread:?}");
    assert!(thread.contains("burns"), "{thread}");
}

#[test]
fn a_huge_address_and_a_huge_message_id_are_no_reason_to_lose_a_letter() {
    let day = Day::new();
    let (address, id) = (format!("{}@example.org", "a".repeat(5000)), "i".repeat(20_000));
    let cc = format!("{}@example.org", "c".repeat(5000));
    let letter =
        mail::from(&address, "Long", "It is long.").id(&id).cc(&cc).header("References", &format!("<{id}>"));
    let outcome = day.receive(letter);
    assert!(matches!(outcome, Outcome::Filed { .. }), "{outcome:?}");
    assert_eq!(day.ticket("10001").requester_address, "");
}

#[test]
fn a_letter_with_attachments_and_html_keeps_every_part_and_its_raw_bytes() {
    let day = Day::new();
    let raw = b"From: ann@example.org\r\nTo: support@desk.example\r\nSubject: Pictures\r\nMessage-ID: <p1@example.org>\r\n\
MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=m\r\n\r\n\
--m\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>It <b>burns</b>.</p>\r\n\
--m\r\nContent-Type: image/png; name=\"fire.png\"\r\nContent-Disposition: attachment; filename=\"fire.png\"\r\n\
Content-Transfer-Encoding: base64\r\n\r\niVBORw0KGgo=\r\n--m--\r\n";
    day.receive_raw(SUPPORT, raw, false);
    let entry = &day.entries("10001")[0];
    assert!(entry.has_html);
    assert!(entry.text.contains("burns"));
    let [attachment] = entry.attachments.as_slice() else {
        panic!("one attachment: {:?}", entry.attachments)
    };
    assert_eq!(
        (attachment.name.as_str(), attachment.media_type.as_str(), attachment.size_bytes),
        ("fire.png", "image/png", 8)
    );
    let part = |part| {
        day.read(|tx| entry::part(tx, &Viewer::Operator, "10001", entry.id, part)).expect("the part is there")
    };
    let bytes = |blob: desk::files::blob::Blob| day.desk.store.get(&blob.place, &blob.hash).unwrap();
    assert_eq!(bytes(part(Part::Raw)), raw);
    assert!(String::from_utf8(bytes(part(Part::Html))).unwrap().contains("<b>burns</b>"));
    assert!(
        day.read(|tx| entry::part(tx, &Viewer::Operator, "10009", entry.id, Part::Raw)).is_none(),
        "by its ticket only"
    );
    day.is_whole();
}

#[test]
fn our_own_letter_coming_back_is_ignored() {
    let day = Day::new();
    day.receive(mail::from("ann@example.org", "Printer", "It burns."));
    day.agent("Bob").replies("10001", "We are on it.");
    let own = day.delivers().pop().unwrap();
    let before = day.thread("10001");
    let outcome = day.receive_raw(SUPPORT, &own, false);
    assert_eq!(
        ignored(&outcome),
        ("own", "This is our own letter on ticket #10001, coming back to its mailbox.")
    );
    assert_eq!(day.thread("10001"), before);
    day.is_whole();
}

/// A reply with awkward text and a file, as it went out.
fn our_letter(day: &Day) -> Vec<u8> {
    day.receive(mail::from("ann@example.org", "Drucker brennt – schon wieder", "It burns."));
    let bob = day.agent("Bob");
    let text = "Grüße,\tBob\n\n> It burns.\nFrom here on:\n.\n  kept\u{a0}blanks  \n-- \n".to_owned()
        + &"long ".repeat(300);
    let mut new = bob.draft("10001", &text);
    let stored = day.desk.store.put(b"a\nb\n").unwrap();
    let (name, media_type) = ("notes.txt".to_owned(), "text/plain".to_owned());
    new.attachments = vec![NewAttachment { stored, name, media_type, inline: false, content_id: None }];
    bob.sends(&new).unwrap();
    let material = day.read(|tx| {
        let claim = tx.one::<(i64,)>("SELECT id FROM outbox", &[])?;
        outbox::material(tx, claim.0)
    });
    let mut draft = material.draft;
    draft.attachments = vec![::mail::compose::File {
        name: "notes.txt".to_owned(),
        media_type: "text/plain".to_owned(),
        content: b"a\nb\n".to_vec(),
        content_id: None,
    }];
    day.delivers();
    ::mail::compose::compose(&draft)
}

#[test]
fn our_own_letter_is_known_again_after_servers_have_written_into_its_header() {
    let day = Day::new();
    let own = our_letter(&day);
    let before = day.thread("10001");
    let traced = [
        b"Return-Path: <support@desk.example>\r\nReceived: from a by b\r\nX-MS-Exchange: yes\r\n",
        own.as_slice(),
    ];
    let outcome = day.receive_raw(SUPPORT, &traced.concat(), false);
    assert_eq!(ignored(&outcome).0, "own");
    assert_eq!(day.thread("10001"), before);
}

#[test]
fn a_letter_with_our_message_id_and_other_content_is_a_letter() {
    let day = Day::new();
    let own = String::from_utf8(our_letter(&day)).unwrap();
    let id = day.last_id("10001");
    // Whoever has a letter of ours knows its id, and its other fields too.
    day.receive(mail::from("eve@example.net", "Invoice", "Please pay.").id(&id));
    assert_eq!(day.thread("10002"), "#10002 Invoice · open\neve@example.net: Please pay.");
    let subject = day.entries("10001").last().unwrap().subject.clone();
    day.receive(mail::from(SUPPORT, &subject, "Please pay.").id(&id).header("X-Postern-Ticket", "10001"));
    assert!(day.thread("10003").ends_with("Please pay."), "{}", day.thread("10003"));
    // A list that writes its name into the subject, somebody else as the author, another file.
    let listed = own.replacen("Subject: ", "Subject: [list] ", 1);
    let forged = own.replacen("From: ", "From: eve@example.net\r\nX-From: ", 1);
    let file = own.replacen("YQpiCg==", "YQpjCg==", 1);
    let before = day.thread("10001");
    for changed in [listed, forged, file] {
        assert_ne!(changed, own);
        let outcome = day.receive_raw(SUPPORT, changed.as_bytes(), false);
        assert!(matches!(outcome, Outcome::Filed { .. }), "{outcome:?}: {changed}");
    }
    assert_eq!(day.thread("10001"), before);
    day.is_whole();
}

#[test]
fn a_contact_form_that_writes_from_the_mailboxs_own_address_is_a_ticket() {
    let day = Day::new();
    day.receive(
        mail::from(SUPPORT, "Contact form", "Ann says it burns.").header("Reply-To", "ann@example.org"),
    );
    assert_eq!(day.thread("10001"), format!("#10001 Contact form · open\n{SUPPORT}: Ann says it burns."));
    assert_eq!(day.people("10001"), format!("{SUPPORT} |  | (ann@example.org)"));
}

#[test]
fn mail_between_two_mailboxes_of_the_desk_arrives_and_its_answers_find_their_tickets() {
    let day = Day::new();
    day.mailbox("billing@desk.example", "Billing");
    day.receive(mail::from("billing@desk.example", "A question of ours", "Who?"));
    day.agent("Bob").replies("10001", "We.");
    let reply = day.delivers().pop().expect("it goes to the other mailbox");
    day.receive_raw("billing@desk.example", &reply, false);
    assert!(
        day.thread("10002").starts_with("#10002 Re: A question of ours [#10001] · open · refers to #10001")
    );
    day.agent("Maya").replies("10002", "Thanks.");
    let answer = day.delivers().pop().expect("it goes back");
    day.receive_raw(SUPPORT, &answer, false);
    assert!(day.thread("10001").ends_with(": Thanks."), "{}", day.thread("10001"));
    day.is_whole();
}

#[test]
fn one_letter_to_two_mailboxes_is_one_ticket() {
    let day = Day::new();
    day.mailbox("billing@desk.example", "Billing");
    let letter = mail::from("ann@example.org", "Printer", "It burns.")
        .to("support@desk.example, billing@desk.example")
        .id("one@x");
    day.receive(letter.clone());
    let outcome = day.receive_at("billing@desk.example", letter);
    assert_eq!(ignored(&outcome).1, "The same letter came to support@desk.example and is on ticket #10001.");
    assert!(day.thread("10001").ends_with("— also received at billing@desk.example"));
    day.is_whole();
}

#[test]
fn a_letter_dated_by_a_clock_that_is_ahead_is_not_in_the_future() {
    let day = Day::new();
    let raw = mail::from("ann@example.org", "Printer", "It burns.").raw(1);
    let claim = day.claim_mailbox(SUPPORT);
    let mut arrival = day.arrival(1, &raw, false);
    arrival.received_at = day.now() + 1_000_000_000;
    let cursor = desk::mailboxes::cursor::Cursor {
        folder: "INBOX".to_owned(),
        uid_validity: 1,
        uid_last: 1,
        start_after_uid: 0,
    };
    let now = day.now();
    day.write(|tx| inbox::record(tx, &claim, &cursor, std::slice::from_ref(&arrival), now));
    day.file_all();
    assert_eq!(day.ticket("10001").updated_at, now);
}

#[test]
fn the_parts_of_many_letters_are_stored_at_once_and_each_letter_has_its_own() {
    let day = Day::new();
    let raw = |n: usize, files: usize| {
        let mut text = format!(
            "From: ann@example.org\r\nSubject: {n}\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
             --b\r\nContent-Type: text/html\r\n\r\n<p>Letter {n}</p>\r\n"
        );
        for file in 0..files {
            text += &format!(
                "--b\r\nContent-Type: application/x-y\r\nContent-Disposition: attachment; filename=f\r\n\r\nfile {file} of {n}\r\n"
            );
        }
        ::mail::message::parse(format!("{text}--b--\r\n").as_bytes())
    };
    let plain = ::mail::message::parse(b"From: ann@example.org\r\nSubject: plain\r\n\r\nNothing beside.\r\n");
    let kept = desk::intake::filing::keep(
        &day.desk.store,
        [raw(0, 2), plain, raw(2, 0), raw(3, 3)].map(Into::into).into(),
    )
    .unwrap();
    let content = |stored: &desk::files::store::Stored| {
        let bytes = day.desk.store.get(&stored.place, &stored.hash).unwrap();
        String::from_utf8(bytes).unwrap().trim().to_owned()
    };
    let seen: Vec<(Option<String>, Vec<String>)> = kept
        .iter()
        .map(|p| (p.html.as_ref().map(content), p.attachments.iter().map(content).collect()))
        .collect();
    let expected = |n: usize, files: usize| {
        (Some(format!("<p>Letter {n}</p>")), (0..files).map(|file| format!("file {file} of {n}")).collect())
    };
    assert_eq!(seen, [expected(0, 2), (None, Vec::new()), expected(2, 0), expected(3, 3)]);
}
