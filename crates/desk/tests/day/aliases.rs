//! Two addresses of one mailbox: fetched once, filed under the one that was written to.
use crate::desk::{Day, SUPPORT};
use desk::By;
use desk::intake::inbox::Outcome;
use desk::mailboxes::balance::{self, Asked};
use desk::mailboxes::mailbox::{self, Shape};
use desk::params;
use desk::tickets::ticket;
use std::collections::BTreeMap;

const HELP: &str = "help@desk.example";

/// help@ is an alias of support@, with a department of its own.
fn day() -> Day {
    let day = Day::new();
    let help = day.mailbox(HELP, "Help");
    let by = By::system(day.now());
    day.write(|tx| {
        let shape = Shape::Alias { opens: SUPPORT.to_owned() };
        mailbox::change_shape(tx, &by, help, &shape)?;
        let department =
            tx.insert("INSERT INTO department (name) VALUES ('Help') RETURNING id", params![])?;
        tx.execute("UPDATE mailbox SET department_id = $2 WHERE id = $1", params![help, department])?;
        Ok(())
    });
    day
}

#[test]
fn mail_is_filed_under_the_address_that_it_was_sent_to() {
    let day = day();
    for (head, to, mailbox) in [
        ("", SUPPORT, SUPPORT),
        ("", HELP, HELP),
        ("", "help@DESK.example, support@desk.example", HELP),
        ("", "support@desk.example, help@desk.example", SUPPORT),
        ("", "everybody@list.example", SUPPORT),
        (
            "X-Original-To: help@desk.example\r\nDelivered-To: support@desk.example\r\n",
            "undisclosed@list.example",
            HELP,
        ),
        ("Delivered-To: support@desk.example\r\n", HELP, HELP),
        ("Envelope-To: help@desk.example\r\n", SUPPORT, HELP),
        ("X-Original-To: else@desk.example\r\n", "else@desk.example", SUPPORT),
    ] {
        let outcome = day.receive_raw(SUPPORT, &letter(&day, head, to), false);
        let Outcome::Filed { ticket_id, .. } = outcome else { panic!("{head}{to}: {outcome:?}") };
        let ticket = day.read(|tx| ticket::find_for_system(tx, ticket_id)).unwrap();
        let department = if mailbox == HELP { "Help" } else { "Support" };
        assert_eq!(
            (ticket.mailbox.as_deref(), ticket.department.as_str()),
            (Some(mailbox), department),
            "{head}{to}"
        );
    }
}

#[test]
fn one_of_them_fetches_for_both_and_it_is_the_mailbox_itself() {
    let day = day();
    let first = |address: &str| {
        let id = day.mailbox_id(address);
        day.read(|tx| {
            let mailbox = mailbox::get(tx, id)?;
            let there = mailbox::in_one_folder(tx, &mailbox)?;
            Ok(there.into_iter().map(|mailbox| mailbox.address).collect::<Vec<_>>())
        })
    };
    assert_eq!(first(HELP), [SUPPORT, HELP]);
    assert_eq!(first(SUPPORT), [SUPPORT, HELP]);
    let by = By::system(day.now());
    day.write(|tx| mailbox::pause(tx, &by, day.mailbox_id(SUPPORT)));
    assert_eq!(first(HELP), [HELP, SUPPORT], "the alias fetches while the other is paused");
    day.write(|tx| mailbox::change_shape(tx, &by, day.mailbox_id(HELP), &Shape::Own));
    assert_eq!(first(HELP), [HELP]);
}

#[test]
fn what_an_alias_opens_is_the_desks_own_address() {
    let day = Day::new();
    let help = day.mailbox(HELP, "Help");
    let by = By::system(day.now());
    let opens = "team@desk.example".to_owned();
    day.write(|tx| mailbox::change_shape(tx, &by, help, &Shape::Alias { opens: opens.clone() }));
    assert!(day.read(mailbox::own_addresses).contains(&opens));
    let refused = |shape: Shape| {
        day.try_write(|tx| mailbox::change_shape(tx, &by, help, &shape)).unwrap_err().to_string()
    };
    assert!(refused(Shape::Alias { opens: HELP.to_owned() }).contains("another mailbox"));
    assert!(refused(Shape::Alias { opens: String::new() }).contains("is needed"));
    assert!(refused(Shape::Alias { opens: "nobody".to_owned() }).contains("nobody"));
}

fn letter(day: &Day, head: &str, to: &str) -> Vec<u8> {
    let id = day.later(1000);
    format!(
        "{head}From: Ann <ann@customer.example>\r\nTo: {to}\r\nSubject: Letter {id}\r\n\
         Message-ID: <{id}@customer.example>\r\n\r\nText {id}\r\n"
    )
    .into_bytes()
}

#[test]
fn an_answer_from_an_alias_is_known_when_it_comes_back_also_under_the_other_address() {
    let day = day();
    for substituted in [HELP, SUPPORT] {
        let outcome = day.receive_raw(SUPPORT, &letter(&day, "", HELP), false);
        let Outcome::Filed { ticket_id, .. } = outcome else { panic!("{outcome:?}") };
        let ticket = day.read(|tx| ticket::find_for_system(tx, ticket_id)).unwrap();
        day.agent("Bob").replies(&ticket.number, "It is on its way.");
        let sent = String::from_utf8(day.delivers().remove(0)).unwrap();
        assert!(sent.contains(HELP) && !sent.contains("Sender:"), "{sent}");
        let back = sent.replace(HELP, substituted);
        let outcome = day.receive_raw(SUPPORT, back.as_bytes(), false);
        assert!(matches!(&outcome, Outcome::Ignored { code, .. } if code == "own"), "{outcome:?}");
    }
}

/// The mailbox itself fetches the alias's further folder, and what that one lacks is told of the mailbox.
#[test]
fn a_folder_that_is_fetched_for_an_alias_is_accounted_for_where_it_is_fetched() {
    let day = day();
    let (help, support) = (day.mailbox_id(HELP), day.mailbox_id(SUPPORT));
    let by = By::system(day.now());
    day.write(|tx| Ok(tx.execute("UPDATE mailbox SET active = 1", params![])?));
    day.write(|tx| mailbox::change_folders(tx, &by, help, &["INBOX".to_owned(), "Billing".to_owned()]));
    let of = |id: i64| day.read(|tx| mailbox::get(tx, id));
    assert_eq!(day.read(|tx| mailbox::folders_of_round(tx, &of(support))), ["INBOX", "Billing"]);
    let asked = || {
        day.read(|tx| {
            let asked = "SELECT mailbox_id, folder FROM folder_balance WHERE asked = 'fetch' ORDER BY folder";
            Ok(tx.all::<(i64, String)>(asked, params![])?)
        })
    };
    for asks in [help, support] {
        day.write(|tx| balance::ask(tx, &by, &of(asks), Asked::Fetch));
        assert_eq!(asked(), [(support, "Billing".to_owned()), (support, "INBOX".to_owned())]);
        day.write(|tx| balance::cancel(tx, &by, &of(asks)));
        assert_eq!(asked(), []);
    }
    let lacks =
        "UPDATE folder_balance SET compared_at = 1, unaccounted = 3, unaccounted_since = 1, reason = 'Lost.'
                 WHERE folder = 'Billing'";
    day.write(|tx| Ok(tx.execute(lacks, params![])?));
    let shown = day.read(|tx| balance::of(tx, [&of(support)])).remove(&support).unwrap_or_default();
    assert_eq!(
        shown.iter().map(|b| (b.folder.as_str(), b.counts.unaccounted)).collect::<Vec<_>>(),
        [("Billing", 3)]
    );
    let told = day.read(|tx| desk::alerts::condition::current(tx, &BTreeMap::new(), day.now()));
    assert!(told.iter().any(|fact| fact.subject.contains("unaccounted")), "{told:?}");
    day.write(|tx| mailbox::change_folders(tx, &by, help, &["INBOX".to_owned()]));
    assert!(day.read(|tx| balance::of(tx, [&of(support)])).is_empty(), "nobody fetches it any more");
}

/// The third shares no folder with the first: the second, which fetches nothing itself, is between them.
#[test]
fn a_mailbox_at_the_end_of_a_row_of_aliases_is_fetched_with_the_others() {
    const SALES: &str = "sales@desk.example";
    let day = day();
    let (help, support, sales) = (day.mailbox_id(HELP), day.mailbox_id(SUPPORT), day.mailbox(SALES, "Sales"));
    let by = By::system(day.now());
    day.write(|tx| mailbox::change_shape(tx, &by, sales, &Shape::Alias { opens: SUPPORT.to_owned() }));
    day.write(|tx| Ok(tx.execute("UPDATE mailbox SET active = 1", params![])?));
    let alike = "UPDATE mailbox SET in_host = (SELECT in_host FROM mailbox WHERE id = $1),
                        in_port = (SELECT in_port FROM mailbox WHERE id = $1) WHERE id = $2";
    day.write(|tx| Ok(tx.execute(alike, params![support, sales])?));
    let reads = |id: i64, folders: &[&str]| {
        let folders: Vec<String> = folders.iter().map(|name| (*name).to_owned()).collect();
        day.write(|tx| mailbox::change_folders(tx, &by, id, &folders));
    };
    reads(help, &["INBOX", "Billing"]);
    reads(sales, &["Billing", "Quotes"]);
    let of = |id: i64| day.read(|tx| mailbox::get(tx, id));
    assert_eq!(day.read(|tx| mailbox::folders_of_round(tx, &of(support))), ["INBOX", "Billing", "Quotes"]);
    for id in [help, sales] {
        assert_eq!(
            day.read(|tx| mailbox::fetched_by(tx, &of(id))).map(|other| other.id),
            Some(support),
            "{id}"
        );
    }
    reads(help, &["INBOX"]);
    assert_eq!(day.read(|tx| mailbox::folders_of_round(tx, &of(support))), ["INBOX"]);
    assert!(day.read(|tx| mailbox::fetched_by(tx, &of(sales))).is_none(), "it fetches its own");
}

#[test]
fn an_alias_that_is_switched_on_later_brings_what_lies_in_its_folders_as_old_mail() {
    let day = day();
    let (help, support) = (day.mailbox_id(HELP), day.mailbox_id(SUPPORT));
    let by = By::system(day.now());
    day.write(|tx| Ok(tx.execute("UPDATE mailbox SET active = 1 WHERE id = $1", params![support])?));
    day.write(|tx| mailbox::change_folders(tx, &by, help, &["INBOX".to_owned(), "Sales".to_owned()]));
    let chosen = |folder: &str| day.read(|tx| balance::chosen_at(tx, support, folder));
    day.write(|tx| mailbox::pause(tx, &by, help));
    assert_eq!((chosen("Sales"), chosen("INBOX")), (None, None));
    let entered = "UPDATE mailbox SET in_password = $2 WHERE id = $1";
    day.write(|tx| Ok(tx.execute(entered, params![help, &[1_u8][..]])?));
    day.write(|tx| mailbox::resume(tx, &by, help));
    assert_eq!(
        (chosen("Sales"), chosen("INBOX")),
        (Some(by.at), None),
        "the other's own folder is as it was"
    );
}

#[test]
fn they_live_together_where_they_share_a_folder() {
    let day = day();
    let (help, support) = (day.mailbox_id(HELP), day.mailbox_id(SUPPORT));
    let by = By::system(day.now());
    let together = |folders: &[&str]| {
        let folders: Vec<String> = folders.iter().map(|name| (*name).to_owned()).collect();
        day.write(|tx| mailbox::change_folders(tx, &by, help, &folders));
        let mailbox = day.read(|tx| mailbox::get(tx, support));
        day.read(|tx| mailbox::in_one_folder(tx, &mailbox)).len() == 2
    };
    assert!(together(&["INBOX"]));
    day.write(|tx| Ok(tx.execute("UPDATE mailbox SET in_port = 143 WHERE id = $1", params![help])?));
    assert!(together(&["INBOX"]), "another port of the same server leads to the same folder");
    assert!(together(&["Help", "INBOX"]), "one is enough");
    let another = "UPDATE mailbox SET in_host = 'graph.example', in_protocol = 'graph' WHERE id = $1";
    day.write(|tx| Ok(tx.execute(another, params![help])?));
    assert!(together(&["INBOX"]), "an alias names the mailbox that it opens, whichever way it is read");
    assert!(!together(&["Help"]));
    day.write(|tx| mailbox::change_shape(tx, &by, help, &Shape::Own));
    assert!(!together(&["INBOX"]), "this one is another mailbox on another server");
}
