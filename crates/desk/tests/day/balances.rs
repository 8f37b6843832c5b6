//! Mail that is on the server and not here: shown at once, told when it stays.
use crate::alerts::{day, minutes, open, posts};
use crate::desk::{Day, SUPPORT};
use desk::alerts::fleet::{self, Wanted};
use desk::check;
use desk::mailboxes::balance::{self, Asked, Balance, Compared, Counts, Older};
use desk::mailboxes::listing::{self, Listing};
use desk::mailboxes::mailbox::{self, Round, State};
use desk::mailboxes::uid_set::UidSet;
use desk::{By, params};

fn compared(day: &Day, folder: &str, unaccounted: i64) {
    let id = day.mailbox_id(SUPPORT);
    let before = day.read(|tx| balance::find(tx, id, folder));
    compared_as_asked(day, folder, unaccounted, before.map_or(Asked::Nothing, |balance| balance.asked));
}
/// This had been asked for when the comparison began.
fn compared_as_asked(day: &Day, folder: &str, unaccounted: i64, asked: Asked) {
    let (id, now) = (day.mailbox_id(SUPPORT), day.later(1));
    let compared = Compared {
        folder: folder.to_owned(),
        uid_validity: 1,
        counts: Counts { held: 5, left: 0, older: 2, waiting: 0, unaccounted },
        reason: if unaccounted > 0 { "Rows were lost.".to_owned() } else { String::new() },
        older: Older::default(),
        asked,
        standing: String::new(),
        listing: None,
    };
    day.write(|tx| balance::keep(tx, id, &compared, now));
}
fn shown(day: &Day) -> Option<Balance> {
    let members = day.read(|tx| fleet::list(tx, Wanted::All, None, 99));
    members.into_iter().find(|member| member.mailbox.address == SUPPORT)?.balances.into_iter().next()
}

#[test]
fn what_a_folder_held_is_kept_for_its_uidvalidity_where_it_can_be_said_in_short() {
    let day = day();
    let (id, now) = (day.mailbox_id(SUPPORT), day.later(1));
    let keep = |uids: UidSet| {
        let listing = Listing { listed_at: now, mod_seq: i64::MAX, uids };
        let compared = Compared {
            folder: "INBOX".to_owned(),
            uid_validity: 4_000_000_000,
            counts: Counts::default(),
            reason: String::new(),
            older: Older::default(),
            asked: Asked::Nothing,
            standing: String::new(),
            listing: Some(listing.clone()),
        };
        day.write(|tx| balance::keep(tx, id, &compared, now));
        (listing, day.read(|tx| listing::find(tx, id, "INBOX", 4_000_000_000)))
    };
    let (listing, kept) = keep(UidSet::of(&[1, 2, 3, 9, u32::MAX]));
    assert_eq!(kept, Some(listing));
    assert_eq!(day.read(|tx| listing::find(tx, id, "INBOX", 1)), None, "of another one");
    assert_eq!(day.read(|tx| listing::find(tx, id, "Billing", 4_000_000_000)), None);
    let pieces: Vec<u32> = (1..20_000).map(|n| n * 2).collect();
    assert_eq!(keep(UidSet::of(&pieces)).1, None, "in so many pieces it is listed anew each time");
}

#[test]
fn mail_that_is_not_here_is_told_when_it_stays_so_and_when_it_has_come() {
    let day = day();
    day.write(|tx| Ok(tx.execute("UPDATE mailbox SET active = 1", params![])?));
    assert_eq!(shown(&day), None);
    compared(&day, "INBOX", 2);
    assert_eq!(shown(&day).map(|balance| balance.counts.on_server()), Some(9));
    minutes(&day, 10);
    // Another comparison, with more: since when is not forgotten.
    compared(&day, "INBOX", 3);
    assert!(open(&day).is_empty());
    minutes(&day, 6);
    let told = open(&day).remove(0).fact;
    assert_eq!(told.headline(), "support@desk.example lacks mail that is on its server");
    assert_eq!(told.reason, "3 messages in the folder INBOX are on the server and not here. Rows were lost.");
    assert!(told.remedy.contains("--unaccounted"), "{}", told.remedy);
    assert_eq!(posts(&day), ["alert.begun support@desk.example lacks mail that is on its server"]);
    let faults = check::check(&day.desk).unwrap().faults;
    assert_eq!(faults.iter().map(|fault| fault.kind).collect::<Vec<_>>(), ["unaccounted"], "{faults:?}");

    compared(&day, "INBOX", 0);
    assert_eq!(shown(&day).unwrap().unaccounted_since, None);
    minutes(&day, 15);
    assert_eq!(posts(&day), ["alert.ended support@desk.example has all mail of its server again"]);
    let report = check::check(&day.desk).unwrap();
    assert_eq!((report.faults, report.folders.len()), (vec![], 1));
}

#[test]
fn a_folder_that_is_fetched_no_more_is_nobodys_trouble() {
    let day = day();
    day.write(|tx| Ok(tx.execute("UPDATE mailbox SET active = 1", params![])?));
    compared(&day, "Archive", 4);
    minutes(&day, 30);
    assert!(open(&day).is_empty() && shown(&day).is_none());
    compared(&day, "INBOX", 1);
    minutes(&day, 1);
    day.write(|tx| Ok(tx.execute("UPDATE mailbox SET active = 0", params![])?));
    minutes(&day, 30);
    assert!(open(&day).is_empty(), "fetching is off");
}

#[test]
fn what_is_asked_for_waits_for_the_next_round_and_is_done_with_it() {
    let day = day();
    let (id, by) = (day.mailbox_id(SUPPORT), By::system(day.now()));
    let asked = || day.read(|tx| balance::find(tx, id, "INBOX")).map(|balance| balance.asked);
    let mailbox = || day.read(|tx| desk::mailboxes::mailbox::get(tx, id));
    day.write(|tx| Ok(tx.execute("UPDATE mailbox SET active = 0", params![])?));
    let refused = day.try_write(|tx| balance::ask(tx, &by, &mailbox(), Asked::Fetch)).unwrap_err();
    assert!(refused.to_string().contains("fetching is off"), "{refused}");
    day.write(|tx| Ok(tx.execute("UPDATE mailbox SET active = 1", params![])?));
    let mailbox = mailbox();
    day.write(|tx| balance::ask(tx, &by, &mailbox, Asked::Fetch));
    day.write(|tx| balance::ask(tx, &by, &mailbox, Asked::Compare));
    assert_eq!(asked(), Some(Asked::Fetch), "to compare is part of it");
    assert_eq!(shown(&day), None, "nothing is known yet");
    compared(&day, "INBOX", 0);
    assert_eq!(asked(), Some(Asked::Nothing));
}

#[test]
fn what_is_asked_for_while_a_round_compares_waits_for_the_next_one() {
    let day = day();
    let (id, by) = (day.mailbox_id(SUPPORT), By::system(day.now()));
    let asked = || day.read(|tx| balance::find(tx, id, "INBOX")).map(|balance| balance.asked);
    day.write(|tx| Ok(tx.execute("UPDATE mailbox SET active = 1", params![])?));
    let mailbox = day.read(|tx| desk::mailboxes::mailbox::get(tx, id));
    for before in [Asked::Nothing, Asked::Compare] {
        compared(&day, "INBOX", 3);
        if before != Asked::Nothing {
            day.write(|tx| balance::ask(tx, &by, &mailbox, before));
        }
        // The round lists the folder, and then somebody presses the button.
        day.write(|tx| balance::ask(tx, &by, &mailbox, Asked::Fetch));
        compared_as_asked(&day, "INBOX", 3, before);
        assert_eq!(asked(), Some(Asked::Fetch), "{before:?}");
        compared_as_asked(&day, "INBOX", 0, Asked::Fetch);
        assert_eq!(asked(), Some(Asked::Nothing), "{before:?}");
    }
}

#[test]
fn several_folders_are_counted_each_and_told_together() {
    let day = day();
    let id = day.mailbox_id(SUPPORT);
    day.write(|tx| {
        Ok(tx.execute("UPDATE mailbox SET active = 1, in_more_folders = 'Sales\nOld/Süd'", params![])?)
    });
    compared(&day, "Old/Süd", 1);
    compared(&day, "INBOX", 2);
    compared(&day, "Elsewhere", 7);
    let member = day.read(|tx| fleet::of(tx, id)).unwrap();
    let names: Vec<&str> = member.balances.iter().map(|balance| balance.folder.as_str()).collect();
    assert_eq!((names, member.unaccounted()), (vec!["INBOX", "Old/Süd"], 3), "in the order of the mailbox");
    minutes(&day, 16);
    let told = open(&day);
    assert_eq!(told.len(), 1, "one matter is one alert");
    let reason = &told[0].fact.reason;
    assert!(
        reason.contains("2 messages in the folder INBOX")
            && reason.contains("1 message in the folder Old/Süd"),
        "{reason}"
    );
}

#[test]
fn what_stands_in_the_way_of_a_folder_is_noted_beside_what_was_counted_last() {
    let day = day();
    let id = day.mailbox_id(SUPPORT);
    day.write(|tx| Ok(tx.execute("UPDATE mailbox SET active = 1, in_more_folders = 'Sales'", params![])?));
    compared(&day, "INBOX", 2);
    let now = day.later(1);
    let mailbox = day.read(|tx| mailbox::get(tx, id));
    let by = By::system(now);
    for asked in [Asked::Compare, Asked::Fetch] {
        day.write(|tx| balance::ask(tx, &by, &mailbox, asked));
        day.write(|tx| balance::note_uncounted(tx, id, ("INBOX", 1), "It says no.", now));
    }
    let found = day.read(|tx| balance::find(tx, id, "INBOX")).unwrap();
    assert_eq!((found.uncounted.as_str(), found.counts.unaccounted), ("It says no.", 2));
    assert_eq!(found.asked, Asked::Fetch, "what is to be fetched stays asked for");
    assert_eq!(day.read(|tx| balance::find(tx, id, "Sales")).unwrap().asked, Asked::Fetch);
    day.write(|tx| balance::cancel(tx, &by, &mailbox));
    for folder in ["INBOX", "Sales"] {
        assert_eq!(day.read(|tx| balance::find(tx, id, folder)).unwrap().asked, Asked::Nothing);
    }
    compared(&day, "INBOX", 0);
    assert_eq!(day.read(|tx| balance::find(tx, id, "INBOX")).unwrap().uncounted, "");

    let troubles = |of: &[(&str, &str)]| {
        let of: Vec<(String, String)> = of.iter().map(|(a, b)| ((*a).into(), (*b).into())).collect();
        day.write(|tx| balance::note_troubles(tx, id, &of));
        let member = day.read(|tx| fleet::of(tx, id)).unwrap();
        member.balances.into_iter().map(|balance| balance.trouble).collect::<Vec<_>>()
    };
    assert_eq!(troubles(&[("Sales", "It is gone.")]), ["", "It is gone."]);
    assert_eq!(troubles(&[("INBOX", "So is it.")]), ["So is it."]);
    assert_eq!(troubles(&[]), [""]);
}

#[test]
fn a_mailbox_some_of_whose_folders_are_not_fetched_goes_on_and_says_so() {
    let day = day();
    let id = day.mailbox_id(SUPPORT);
    day.write(|tx| Ok(tx.execute("UPDATE mailbox SET active = 1, failures = 3", params![])?));
    let now = day.later(1);
    let claim = day.write(|tx| mailbox::claim(tx, id, now, 30_000, "one")).unwrap();
    let round = Round::Partly {
        mail: true,
        next_at: now + 60_000,
        code: mailbox::SOME_FOLDERS.into(),
        reason: "The folder “Sales” is not well; the others are fetched. It is gone.".into(),
        remedy: "Choose another.".into(),
        needs_person: true,
    };
    assert!(day.write(|tx| mailbox::settle(tx, &claim, &round, now)));
    let kept = day.read(|tx| mailbox::get(tx, id));
    assert!(kept.lack().is_some());
    assert_eq!(
        (kept.incoming_health.state, kept.failures, kept.last_mail_at, kept.due_at),
        (State::NeedsPerson, 0, Some(now), now + 60_000)
    );
    minutes(&day, 1);
    assert_eq!(open(&day)[0].fact.headline(), "support@desk.example is not fetched whole");
}
