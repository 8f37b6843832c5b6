//! What agents write, and what the rules refuse.
use crate::desk::{Day, MINUTE, SUPPORT};
use crate::mail;
use desk::files::{attachment::NewAttachment, blob};
use desk::mailboxes::mailbox;
use desk::outgoing::{outbox, reply, reply::NewNote, reply::Then};
use desk::people::{agent, agent::Role};
use desk::tickets::draft::{self, Draft, DraftFile};
use desk::tickets::entry::Kind;
use desk::{By, Error, Refusal, params};

fn day() -> Day {
    let day = Day::new();
    day.receive(mail::from("Ann Porter <ann@example.org>", "Printer", "It burns.").cc("office@example.org"));
    day
}

#[test]
fn a_reply_does_everything_it_causes_at_once() {
    let day = day();
    let bob = day.agent("Bob");
    let typed = Draft { text: "We are".to_owned(), saved_at: 1, ..Draft::default() };
    let ticket = day.ticket("10001");
    day.write(|tx| draft::save(tx, bob.id, ticket.id, Kind::Reply, &typed));
    bob.replies("10001", "We are on it.");
    assert_eq!(
        day.thread("10001"),
        "#10001 Printer · open · Bob\n\
         Ann Porter: It burns.\n\
         — assigned to Bob by Bob\n\
         Bob replies: We are on it. [ann@example.org queued, office@example.org queued]"
    );
    assert_eq!(day.read(|tx| draft::find(tx, bob.id, ticket.id, Kind::Reply)), None);
    let ticket = day.ticket("10001");
    assert_eq!((ticket.updated_at, ticket.entries), (day.now(), 2));
    day.is_whole();
}

#[test]
fn the_from_of_a_mailbox_without_a_name_is_its_address_alone() {
    let day = Day::new();
    day.mailbox("sales@desk.example", "");
    day.receive_at(
        "sales@desk.example",
        mail::from("Ann Porter <ann@example.org>", "Offer", "How much?").to("sales@desk.example"),
    );
    day.agent("Bob").replies("10001", "Ten.");
    let sent = ::mail::message::parse(&day.delivers()[0]);
    assert_eq!(sent.from[0].address.as_deref(), Some("sales@desk.example"));
    assert_eq!(sent.from[0].name, None);
}

#[test]
fn whoever_answers_an_assigned_ticket_leaves_it_with_its_assignee() {
    let day = day();
    day.agent("Maya").takes("10001");
    day.agent("Bob").replies("10001", "For Maya.");
    assert_eq!(day.ticket("10001").assignee.unwrap().1, "Maya");
}

#[test]
fn a_second_click_gets_the_first_answer() {
    let day = day();
    let bob = day.agent("Bob");
    let new = reply::NewReply { form_id: Some("form-1".to_owned()), ..bob.draft("10001", "We are on it.") };
    let first = bob.sends(&new).unwrap();
    let second = bob.sends(&reply::NewReply { random: [9; 16], ..new.clone() }).unwrap();
    assert_eq!(first, second);
    assert_eq!(day.entries("10001").len(), 2);
    assert_eq!(day.delivers().len(), 1);
    // A note's form as well.
    let note = NewNote {
        ticket_number: "10001".to_owned(),
        text: "Call her.".to_owned(),
        attachments: Vec::new(),
        draft_files: Vec::new(),
        form_id: Some("form-2".to_owned()),
    };
    let (viewer, by) = (bob.viewer(), bob.by());
    let noted = || day.write(|tx| reply::note(tx, &viewer, &by, &note));
    assert_eq!(noted(), noted());
    assert_eq!(day.entries("10001").len(), 3);
}

#[test]
fn two_clicks_at_once_are_one_reply() {
    let day = day();
    let bob = day.agent("Bob");
    let new = reply::NewReply { form_id: Some("form-1".to_owned()), ..bob.draft("10001", "We are on it.") };
    let (viewer, by) = (bob.viewer(), bob.by());
    let desk = &day.desk;
    let placed: Vec<reply::Placed> = std::thread::scope(|scope| {
        let (viewer, by, new) = (&viewer, &by, &new);
        let clicks: Vec<_> = (0..4_u8)
            .map(|n| {
                scope.spawn(move || {
                    let new = reply::NewReply { random: [n; 16], ..new.clone() };
                    let db = desk.db.clone();
                    db.write(|tx| reply::send(tx, viewer, by, &new)).unwrap()
                })
            })
            .collect();
        clicks.into_iter().map(|click| click.join().unwrap()).collect()
    });
    assert!(placed.iter().all(|p| *p == placed[0]), "{placed:?}");
    assert_eq!(day.delivers().len(), 1);
    day.is_whole();
}

#[test]
fn a_page_that_is_behind_is_refused_with_who_wrote() {
    let day = day();
    let (bob, maya) = (day.agent("Bob"), day.agent("Maya"));
    let seen = bob.looks("10001");
    let answer = reply::NewReply { seen_entry_id: Some(seen), ..bob.draft("10001", "We are on it.") };
    day.receive(
        mail::from("Ann Porter <ann@example.org>", "Re: Printer", "It stopped.")
            .answers(&day.last_id("10001")),
    );
    assert_eq!(bob.refused(&answer), Refusal::WrittenMeanwhile("Ann Porter".to_owned()));
    maya.notes("10001", "I call her.");
    assert_eq!(bob.refused(&answer), Refusal::WrittenMeanwhile("Maya".to_owned()));
    let seen = bob.looks("10001");
    bob.notes("10001", "My own note is no surprise to me.");
    bob.sends(&reply::NewReply { seen_entry_id: Some(seen), ..answer }).unwrap();
    assert_eq!(bob.news(), "", "who answered has seen it");
}

#[test]
fn two_agents_who_answer_at_once_are_told() {
    let day = day();
    let (bob, maya) = (day.agent("Bob"), day.agent("Maya"));
    let (seen, _) = (bob.looks("10001"), maya.looks("10001"));
    let of = |agent: &crate::desk::Agent<'_>, text| reply::NewReply {
        seen_entry_id: Some(seen),
        ..agent.draft("10001", text)
    };
    bob.sends(&of(&bob, "Bob here.")).unwrap();
    assert_eq!(maya.refused(&of(&maya, "Maya here.")), Refusal::WrittenMeanwhile("Bob".to_owned()));
}

#[test]
fn what_was_typed_is_said_back_when_it_is_no_address() {
    let day = day();
    let bob = day.agent("Bob");
    let to = |typed: &str| reply::NewReply {
        to: Some(typed.to_owned()),
        cc: Some(String::new()),
        ..bob.draft("10001", "Hi")
    };
    assert_eq!(
        bob.refused(&to("ann@example.org, bert(at)example.org")),
        Refusal::BadAddress("bert(at)example.org".to_owned())
    );
    assert_eq!(bob.refused(&to("")), Refusal::NoRecipient);
    assert_eq!(bob.refused(&to(" , ; ")), Refusal::NoRecipient);
    assert_eq!(day.entries("10001").len(), 1);
}

#[test]
fn a_line_end_among_the_addresses_makes_no_header() {
    let day = day();
    let bob = day.agent("Bob");
    let typed = "ann@example.org\r\nBcc: eve@example.net".to_owned();
    let placed = bob
        .sends(&reply::NewReply { to: Some(typed), cc: Some(String::new()), ..bob.draft("10001", "Hi") })
        .unwrap();
    assert_eq!(day.deliveries(placed.outbox_id), "ann@example.org queued, eve@example.net queued");
    let sent = ::mail::message::parse(&day.delivers().pop().unwrap());
    assert_eq!((sent.to.len(), sent.header("Bcc")), (2, None), "whoever gets it stands in To");
}

#[test]
fn our_own_mailboxes_and_doubles_are_taken_out() {
    let day = day();
    day.mailbox("billing@desk.example", "Billing");
    let bob = day.agent("Bob");
    let new = reply::NewReply {
        to: Some("Ann <ann@example.org>; SUPPORT@desk.example".to_owned()),
        cc: Some("ANN@example.org, billing@desk.example, bert@example.org, bert@EXAMPLE.org".to_owned()),
        ..bob.draft("10001", "Hi")
    };
    let placed = bob.sends(&new).unwrap();
    assert_eq!(day.deliveries(placed.outbox_id), "ann@example.org queued, bert@example.org queued");
    let only_us = reply::NewReply { to: Some(SUPPORT.to_owned()), cc: None, ..bob.draft("10001", "Hi") };
    assert_eq!(bob.refused(&only_us), Refusal::NoRecipient);
}

#[test]
fn a_reply_goes_to_a_hundred_people_at_most() {
    let day = day();
    let bob = day.agent("Bob");
    let crowd = |n: u32| (0..n).map(|n| format!("p{n}@example.org")).collect::<Vec<_>>().join(", ");
    let to = |n| reply::NewReply { to: Some(crowd(n)), cc: Some(String::new()), ..bob.draft("10001", "Hi") };
    assert!(matches!(bob.refused(&to(101)), Refusal::Other(_)));
    let placed = bob.sends(&to(100)).unwrap();
    assert_eq!(day.outbox(placed.outbox_id).deliveries.len(), 100);
    let (_, cc, _) = {
        let p = day.people("10001");
        let mut parts = p.splitn(3, " | ");
        (parts.next().unwrap().to_owned(), parts.next().unwrap().to_owned(), ())
    };
    assert_eq!(cc.matches('@').count(), 101, "all of them may answer now");
}

#[test]
fn the_rules_refuse_with_a_sentence() {
    let day = day();
    let bob = day.agent("Bob");
    assert_eq!(bob.refused(&bob.draft("10001", " \n\t ")), Refusal::EmptyText);
    assert_eq!(bob.refused(&bob.draft("99999", "Hi")), Refusal::NotFound("ticket"));
    let long = "a".repeat(reply::TEXT_BYTES_MAX + 1);
    assert!(matches!(bob.refused(&bob.draft("10001", &long)), Refusal::Other(_)));
    let id = day.mailbox_id(SUPPORT);
    day.write(|tx| Ok(tx.execute("UPDATE mailbox SET out_active = 0 WHERE id = $1", params![id])?));
    assert_eq!(bob.refused(&bob.draft("10001", "Hi")), Refusal::MailboxCannotSend(SUPPORT.to_owned()));
    let by = By::system(day.now());
    let system = day.try_write(|tx| reply::send(tx, &bob.viewer(), &by, &bob.draft("10001", "Hi")));
    assert!(matches!(system, Err(Error::Refused(Refusal::Other(_)))), "{system:?}");
    assert_eq!(day.entries("10001").len(), 1);
}

#[test]
fn an_agent_who_has_left_writes_no_more() {
    let day = day();
    day.hire("Cleo", Role::Agent);
    let cleo = day.agent("Cleo");
    let mut record = day.read(|tx| agent::find(tx, cleo.id)).unwrap();
    record.active = false;
    let by = By::system(day.now());
    day.write(|tx| agent::change(tx, &by, &record));
    let Refusal::Other(sentence) = cleo.refused(&cleo.draft("10001", "Hi")) else { panic!() };
    assert_eq!(sentence, "Cleo is no longer active and cannot write.");
    let ticket = day.ticket("10001").id;
    let assigned = day.try_write(|tx| desk::tickets::ticket::assign(tx, &by, ticket, Some(cleo.id)));
    assert!(matches!(assigned, Err(Error::Refused(Refusal::NotFound("agent")))));
}

#[test]
fn a_reply_to_a_closed_ticket_leaves_it_closed_and_send_and_close_closes() {
    let day = day();
    let bob = day.agent("Bob");
    bob.sends(&reply::NewReply { then: Then::Close, ..bob.draft("10001", "Done.") }).unwrap();
    bob.replies("10001", "PS: keep it dry.");
    assert_eq!(
        day.thread("10001"),
        "#10001 Printer · closed · Bob\n\
         Ann Porter: It burns.\n\
         — assigned to Bob by Bob\n\
         — closed by Bob\n\
         Bob replies: Done. [ann@example.org queued, office@example.org queued]\n\
         Bob replies: PS: keep it dry. [ann@example.org queued, office@example.org queued]"
    );
}

#[test]
fn closing_twice_is_once() {
    let day = day();
    day.agent("Bob").closes("10001");
    day.agent("Bob").closes("10001");
    assert_eq!(day.thread("10001").matches("closed by").count(), 1);
}

#[test]
fn a_note_stays_inside_and_moves_nothing() {
    let day = day();
    let before = day.ticket("10001");
    day.later(MINUTE);
    day.agent("Maya").notes("10001", "She is a good customer.");
    let ticket = day.ticket("10001");
    assert_eq!((ticket.updated_at, ticket.entries, ticket.assignee), (before.updated_at, 2, None));
    assert!(day.delivers().is_empty());
    day.agent("Bob").replies("10001", "We are on it.");
    for bytes in day.delivers() {
        assert!(!String::from_utf8_lossy(&bytes).contains("good customer"));
    }
    day.is_whole();
}

#[test]
fn somebody_who_is_added_gets_the_reply_and_nothing_earlier() {
    let day = day();
    let bob = day.agent("Bob");
    bob.sends(&reply::NewReply {
        cc: Some("bert@example.org".to_owned()),
        ..bob.draft("10001", "Bert, have a look.")
    })
    .unwrap();
    let sent = day.delivers().pop().unwrap();
    let sent = ::mail::message::parse(&sent);
    assert_eq!(sent.text.trim(), "Bert, have a look.");
    assert_eq!(
        day.people("10001"),
        "Ann Porter <ann@example.org> | office@example.org, bert@example.org | ()"
    );
    assert_eq!(sent.cc[0].address.as_deref(), Some("bert@example.org"));
}

#[test]
fn with_header_spoofing_off_a_foreign_sign_in_is_named_as_sender() {
    let day = day();
    let id = day.mailbox_id(SUPPORT);
    let placed = day.agent("Bob").replies("10001", "Hi");
    let sender = |user: &str, spoofing: i64| {
        day.write(|tx| {
            Ok(tx.execute(
                "UPDATE mailbox SET out_user = $2, header_spoofing = $3 WHERE id = $1",
                params![id, user, spoofing],
            )?)
        });
        let material = day.read(|tx| outbox::material(tx, placed.outbox_id));
        assert_eq!(
            material.draft.from.address.as_deref(),
            Some(SUPPORT),
            "the From is always the mailbox's own"
        );
        assert_eq!(material.envelope_from, SUPPORT);
        material.draft.sender.and_then(|s| s.address)
    };
    assert_eq!(sender("", 0), None);
    assert_eq!(sender("Support@desk.example", 0), None);
    assert_eq!(sender("login", 0), None, "a login that is no address names nobody");
    assert_eq!(sender("relay@desk.example", 0), Some("relay@desk.example".to_owned()));
    assert_eq!(sender("relay@desk.example", 1), None);
}

#[test]
fn files_go_with_a_reply_from_the_form_and_from_ones_own_draft_only() {
    let day = day();
    let (bob, maya) = (day.agent("Bob"), day.agent("Maya"));
    let stored = day.desk.store.put(b"the manual").unwrap();
    let secret = day.desk.store.put(b"somebody else's file").unwrap();
    let file = |blob_id| DraftFile {
        blob_id,
        name: "manual.txt".to_owned(),
        media_type: "text/plain".to_owned(),
        size_bytes: 10,
    };
    let (blob_id, secret_id) = day.write(|tx| Ok((blob::name(tx, &stored)?, blob::name(tx, &secret)?)));
    let ticket = day.ticket("10001").id;
    let kept = Draft { files: vec![file(blob_id)], saved_at: 1, ..Draft::default() };
    day.write(|tx| draft::save(tx, bob.id, ticket, Kind::Reply, &kept));
    let with = |agent: &crate::desk::Agent<'_>, id| reply::NewReply {
        draft_files: vec![file(id)],
        ..agent.draft("10001", "See there.")
    };
    assert!(matches!(bob.refused(&with(&bob, secret_id)), Refusal::Other(_)), "a guessed file");
    assert!(matches!(maya.refused(&with(&maya, blob_id)), Refusal::Other(_)), "another agent's draft");
    let photo = NewAttachment {
        stored: day.desk.store.put(b"photo").unwrap(),
        name: "photo.jpg".to_owned(),
        media_type: "image/jpeg".to_owned(),
        inline: false,
        content_id: None,
    };
    let placed = bob.sends(&reply::NewReply { attachments: vec![photo], ..with(&bob, blob_id) }).unwrap();
    let material = day.read(|tx| outbox::material(tx, placed.outbox_id));
    let names: Vec<&str> = material.files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names, ["manual.txt", "photo.jpg"]);
    let blob = &material.files[0].blob;
    assert_eq!(day.desk.store.get(&blob.place, &blob.hash).unwrap(), b"the manual");
    assert_eq!(day.entries("10001")[1].attachments.len(), 2);
    day.is_whole();
}

#[test]
fn a_draft_is_kept_as_typed_and_an_empty_one_is_none() {
    let day = day();
    let (bob, ticket) = (day.agent("Bob"), day.ticket("10001").id);
    let typed =
        Draft { text: "We ar".to_owned(), to: "ann@, bro ken".to_owned(), saved_at: 5, ..Draft::default() };
    let find = |kind| day.read(|tx| draft::find(tx, bob.id, ticket, kind));
    let save = |draft: &Draft| day.write(|tx| draft::save(tx, bob.id, ticket, Kind::Reply, draft));
    save(&typed);
    save(&Draft { saved_at: 6, ..typed.clone() });
    assert_eq!(find(Kind::Reply), Some(Draft { saved_at: 6, ..typed }));
    assert_eq!(find(Kind::Note), None);
    save(&Draft { text: " ".to_owned(), ..Draft::default() });
    assert_eq!(find(Kind::Reply), None);
}

#[test]
fn a_mailbox_that_was_removed_answers_no_more() {
    let day = day();
    let (id, by) = (day.mailbox_id(SUPPORT), By::system(day.now()));
    day.write(|tx| mailbox::remove(tx, &by, id));
    let bob = day.agent("Bob");
    assert_eq!(bob.refused(&bob.draft("10001", "Hi")), Refusal::MailboxCannotSend(SUPPORT.to_owned()));
    assert_eq!(day.entries("10001").len(), 1, "its tickets stay");
}
