//! Which ticket a letter belongs to: invariant 12.
use crate::desk::{Day, SUPPORT};
use crate::mail;

/// Ann's ticket with a reply of Bob's: the start of most questions.
fn answered() -> Day {
    let day = Day::new();
    day.receive(mail::from("ann@example.org", "Printer", "It burns.").cc("Office <office@example.org>"));
    day.agent("Bob").replies("10001", "We are on it.");
    day.delivers();
    day
}
fn last(day: &Day, number: &str) -> String {
    day.thread(number).lines().last().unwrap().to_owned()
}
fn refers(day: &Day, number: &str) -> bool {
    day.thread(number).contains("refers to #10001, from someone else")
}

#[test]
fn an_answer_to_our_reply_joins_its_ticket() {
    let day = answered();
    day.receive(mail::from("Ann <ann@example.org>", "Re: Printer", "Thanks.").answers(&day.last_id("10001")));
    assert_eq!(last(&day, "10001"), "Ann: Thanks.");
}

#[test]
fn an_answer_that_names_us_in_references_alone_joins_its_ticket() {
    let day = answered();
    let references = format!("<unknown@else.example> <{}> <other@else.example>", day.last_id("10001"));
    day.receive(mail::from("ann@example.org", "Printer, again", "Thanks.").header("References", &references));
    assert_eq!(last(&day, "10001"), "ann@example.org: Thanks.");
}

#[test]
fn an_answer_that_lost_its_headers_joins_by_the_number_in_its_subject() {
    let day = answered();
    day.receive(mail::from("ann@example.org", "AW: Printer [#10001]", "Thanks."));
    assert_eq!(last(&day, "10001"), "ann@example.org: Thanks.");
}

#[test]
fn a_follow_up_to_ones_own_letter_joins_its_ticket() {
    let day = Day::new();
    day.receive(mail::from("ann@example.org", "Printer", "It burns.").id("mine@example.org"));
    day.receive(mail::from("ANN@example.org", "Fwd: Printer", "More fire.").answers("mine@example.org"));
    assert_eq!(last(&day, "10001"), "ANN@example.org: More fire.");
}

#[test]
fn the_same_subject_alone_joins_nothing() {
    let day = answered();
    day.receive(mail::from("ann@example.org", "Re: Printer", "Another one burns."));
    assert_eq!(day.thread("10002"), "#10002 Re: Printer · open\nann@example.org: Another one burns.");
}

#[test]
fn somebody_on_the_cc_line_of_the_opening_letter_may_answer() {
    let day = answered();
    assert_eq!(day.people("10001"), "ann@example.org | Office <office@example.org> | ()");
    day.receive(
        mail::from("office@example.org", "Re: Printer", "It is ours.").answers(&day.last_id("10001")),
    );
    assert_eq!(last(&day, "10001"), "office@example.org: It is ours.");
}

#[test]
fn somebody_on_a_later_cc_line_is_offered_and_may_not_answer_until_an_agent_lets_them() {
    let day = answered();
    let id = day.last_id("10001");
    day.receive(mail::from("ann@example.org", "Re: Printer", "Thanks.").answers(&id).cc("eve@example.net"));
    assert_eq!(day.people("10001"), "ann@example.org | Office <office@example.org> | (eve@example.net)");
    day.receive(mail::from("eve@example.net", "Re: Printer", "Send me everything.").answers(&id));
    assert!(refers(&day, "10002"));
    // The agent writes to her: now she is in.
    let bob = day.agent("Bob");
    let mut new = bob.draft("10001", "Eve, please look.");
    new.cc = Some("eve@example.net".to_owned());
    bob.sends(&new).unwrap();
    day.receive(mail::from("eve@example.net", "Re: Printer", "I look.").answers(&day.last_id("10001")));
    assert_eq!(last(&day, "10001"), "eve@example.net: I look.");
}

#[test]
fn a_reply_to_is_only_offered() {
    let day = Day::new();
    day.receive(mail::from("ann@example.org", "Printer", "It burns.").header("Reply-To", "eve@example.net"));
    assert_eq!(day.people("10001"), "ann@example.org |  | (eve@example.net)");
    day.receive(mail::from("eve@example.net", "Re: Printer", "Me.").answers(&day.last_id("10001")));
    assert!(refers(&day, "10002"));
}

#[test]
fn other_people_on_the_to_line_are_only_offered_and_our_mailboxes_never() {
    let day = Day::new();
    day.mailbox("billing@desk.example", "Billing");
    let letter = mail::from("ann@example.org", "Printer", "It burns.")
        .to("support@desk.example, carl@example.org")
        .cc("Billing@Desk.example, ann@example.org, dora@example.org");
    day.receive(letter);
    assert_eq!(day.people("10001"), "ann@example.org | dora@example.org | (carl@example.org)");
}

#[test]
fn at_most_fifty_people_of_one_letter_are_let_in() {
    let day = Day::new();
    let crowd: Vec<String> = (0..80).map(|n| format!("p{n}@example.org")).collect();
    day.receive(mail::from("ann@example.org", "Party", "All of you!").cc(&crowd.join(", ")));
    let people = day.people("10001");
    assert_eq!(people.matches("@example.org").count(), 1 + 50, "{people}");
}

#[test]
fn our_message_id_from_a_stranger_opens_a_ticket_that_says_what_it_refers_to() {
    let day = answered();
    let before = day.thread("10001");
    day.receive(
        mail::from("eve@example.net", "Re: Printer", "It was forwarded to me.")
            .answers(&day.last_id("10001")),
    );
    assert_eq!(day.thread("10001"), before);
    assert!(refers(&day, "10002"));
}

#[test]
fn a_number_from_somebody_else_opens_a_ticket_and_an_unknown_number_means_nothing() {
    let day = answered();
    day.receive(mail::from("eve@example.net", "Printer [#10001]", "I guess."));
    assert!(refers(&day, "10002"));
    day.receive(mail::from("eve@example.net", "Printer [#99999]", "I guess."));
    assert_eq!(day.thread("10003"), "#10003 Printer [#99999] · open\neve@example.net: I guess.");
}

#[test]
fn who_was_answered_on_two_tickets_joins_the_one_where_they_may_write() {
    let day = answered();
    day.receive(
        mail::from("eve@example.net", "Re: Printer", "Mine burns too.").answers(&day.last_id("10001")),
    );
    assert!(refers(&day, "10002"));
    day.agent("Bob").replies("10002", "Yours too.");
    // Her answer names letters of both tickets.
    let ids = format!("<{}> <{}>", day.last_id("10001"), day.last_id("10002"));
    day.receive(mail::from("eve@example.net", "Re: Printer", "Yes.").header("References", &ids));
    assert_eq!(last(&day, "10002"), "eve@example.net: Yes.");
}

#[test]
fn a_strangers_ticket_that_names_our_ids_does_not_draw_the_requesters_answers_to_it() {
    let day = answered();
    let id = day.last_id("10001");
    // Eve's letter carries our id, and puts Ann on its Cc line so that Ann may write there.
    day.receive(mail::from("eve@example.net", "Re: Printer", "Trap.").answers(&id).cc("ann@example.org"));
    assert!(refers(&day, "10002"));
    day.receive(mail::from("ann@example.org", "Re: Printer", "For Bob.").answers(&id));
    assert_eq!(last(&day, "10001"), "ann@example.org: For Bob.");
}

#[test]
fn a_letter_that_takes_our_message_id_for_its_own_gains_nothing() {
    let day = answered();
    day.mailbox("billing@desk.example", "Billing");
    let id = day.last_id("10001");
    let before = day.thread("10001");
    day.receive_at(
        "billing@desk.example",
        mail::from("eve@example.net", "Printer", "I am the reply.").id(&id),
    );
    assert_eq!(day.thread("10001"), before);
    day.receive(mail::from("ann@example.org", "Re: Printer", "For Bob.").answers(&id));
    assert_eq!(last(&day, "10001"), "ann@example.org: For Bob.");
}

#[test]
fn the_same_message_id_with_other_content_is_another_letter() {
    let day = Day::new();
    day.receive(mail::from("dhl@example.org", "Parcel 1", "It comes.").id("always-the-same@example.org"));
    day.receive(mail::from("dhl@example.org", "Parcel 2", "It comes too.").id("always-the-same@example.org"));
    assert_eq!(day.thread("10001"), "#10001 Parcel 1 · open\ndhl@example.org: It comes.");
    assert_eq!(day.thread("10002"), "#10002 Parcel 2 · open\ndhl@example.org: It comes too.");
}

#[test]
fn two_answers_to_a_letter_that_never_came_here_meet_on_one_ticket() {
    let day = Day::new();
    day.receive(
        mail::from("ann@example.org", "Re: Plan", "I agree.")
            .answers("plan@else.example")
            .cc("bert@example.org"),
    );
    day.receive(mail::from("bert@example.org", "Re: Plan", "So do I.").answers("plan@else.example"));
    assert_eq!(
        day.thread("10001"),
        "#10001 Re: Plan · open\nann@example.org: I agree.\nbert@example.org: So do I."
    );
}

#[test]
fn thousands_of_references_are_looked_at_within_bounds() {
    let day = answered();
    let mut ids: String = (0..3000).map(|n| format!("<r{n}@else.example>\r\n ")).collect();
    ids += &format!("<{}>", day.last_id("10001"));
    day.receive(mail::from("ann@example.org", "Re: Printer", "Long history.").header("References", &ids));
    assert_eq!(last(&day, "10001"), "ann@example.org: Long history.");
    day.is_whole();
}

#[test]
fn what_goes_out_carries_what_brings_its_answer_back() {
    let day = Day::new();
    day.receive(mail::from("ann@example.org", "Re: Printer [#77]", "It burns.").id("first@example.org"));
    day.agent("Bob").replies("10001", "We are on it.");
    let sent = ::mail::message::parse(&day.delivers().pop().unwrap());
    assert_eq!(sent.subject, "Re: Printer [#10001]");
    assert_eq!(sent.in_reply_to, ["first@example.org"]);
    assert_eq!(sent.references, ["first@example.org"]);
    assert_eq!(sent.from[0].address.as_deref(), Some(SUPPORT));
    assert_eq!(sent.from[0].name.as_deref(), Some("Support"));
    assert!(sent.message_id.as_ref().unwrap().ends_with("@desk.example"), "{:?}", sent.message_id);
    assert_eq!(sent.message_id.as_ref(), Some(&day.last_id("10001")));
    // Her answer, and our next one.
    day.receive(
        mail::from("ann@example.org", "Re: Printer", "And?")
            .answers(&day.last_id("10001"))
            .id("second@example.org"),
    );
    day.agent("Bob").replies("10001", "Still on it.");
    let next = ::mail::message::parse(&day.delivers().pop().unwrap());
    assert_eq!(next.in_reply_to, ["second@example.org"]);
    assert_eq!(
        next.references,
        ["first@example.org".to_owned(), sent.message_id.unwrap(), "second@example.org".to_owned()]
    );
}
