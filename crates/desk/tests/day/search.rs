//! Finding tickets: the same on both databases.
use crate::desk::Day;
use crate::mail;
use desk::people::viewer::Viewer;
use desk::tickets::{queue::After, queue::Wanted, search};

fn found(day: &Day, query: &str) -> String {
    let page = day.read(|tx| search::find(tx, &Viewer::Operator, &Wanted::default(), query, None, 50));
    page.lines.iter().map(|line| line.number.as_str()).collect::<Vec<_>>().join(" ")
}
fn day() -> Day {
    let day = Day::new();
    day.receive(mail::from(
        "Ann Porter <ann@example.org>",
        "Printer on floor 3",
        "It prints blank pages since Friday.",
    ));
    day.receive(mail::from("Juergen <jw@example.org>", "=?utf-8?q?K=C3=BCndigung?=", "Hiermit kündige ich."));
    day.receive(mail::from(
        "sato@example.jp",
        "=?utf-8?b?44GK6KaL56mN44KK44Gu44GK6aGY44GE?=",
        "株式会社サンプルの佐藤と申します。",
    ));
    day.receive(mail::from(
        "Ann Porter <ann@example.org>",
        "Order 88123",
        "Where is \"it\"? AND OR NOT (near) 10001*",
    ));
    day.agent("Bob").replies("10001", "Please press the green button.");
    day.agent("Maya").notes("10002", "Ask the Hamburg office.");
    day
}

#[test]
fn a_number_finds_its_ticket() {
    let day = day();
    for query in ["10002", "#10002", "[#10002]", " 10002 "] {
        assert_eq!(found(&day, query), "10002", "{query}");
    }
    assert_eq!(found(&day, "88123"), "10004", "a number that is no ticket is a word");
    assert_eq!(found(&day, "#88123"), "");
}

#[test]
fn an_address_finds_its_requesters_tickets() {
    let day = day();
    assert_eq!(found(&day, "ANN@example.org"), "10001 10004");
    assert_eq!(found(&day, "<jw@example.org>"), "10002");
    assert_eq!(found(&day, "nobody@example.org"), "");
}

#[test]
fn an_address_also_finds_the_tickets_its_owner_gets_copies_of() {
    let day = day();
    day.receive(mail::from("carl@example.org", "Fax", "It hums.").cc("Ann Porter <Ann@example.org>"));
    day.receive(
        mail::from("carl@example.org", "Phone", "I told eve@example.net of it.").cc("dora@example.org"),
    );
    assert_eq!(found(&day, "ann@example.org"), "10005 10001 10004", "asked and copied");
    assert_eq!(found(&day, "dora@example.org"), "10006", "copied alone");
    assert_eq!(found(&day, "eve@example.net"), "10006", "written of");
    day.receive(mail::from("ann@example.org", "Desk", "For me.").cc("ann@example.org"));
    assert_eq!(found(&day, "ann@example.org"), "10007 10005 10001 10004", "each once");
}

#[test]
fn what_is_found_is_narrowed_before_it_is_cut_into_pages() {
    let day = Day::new();
    for n in 1..=6 {
        day.receive(mail::from("ann@example.org", &format!("Printer {n}"), "It burns."));
    }
    for number in ["10004", "10005", "10006"] {
        day.agent("Bob").closes(number);
    }
    let pages = |query: &str, wanted: &Wanted| -> String {
        let (mut after, mut pages): (Option<After>, Vec<String>) = (None, Vec::new());
        loop {
            let page = day.read(|tx| search::find(tx, &Viewer::Operator, wanted, query, after.as_ref(), 2));
            pages.push(page.lines.into_iter().map(|line| line.number).collect::<Vec<_>>().join(" "));
            after = page.next;
            if after.is_none() {
                return pages.join(" | ");
            }
        }
    };
    let open = Wanted { open: true, ..Wanted::default() };
    let closed = Wanted { closed: true, ..Wanted::default() };
    for query in ["burns", "ann@example.org"] {
        assert_eq!(pages(query, &open), "10003 10002 | 10001", "{query}");
        assert_eq!(pages(query, &closed), "10006 10005 | 10004", "{query}");
    }
    assert_eq!(pages("#10001", &closed), "");
    assert_eq!(pages("#10001", &open), "10001");
}

#[test]
fn words_find_the_tickets_that_hold_all_of_them_the_last_by_its_beginning() {
    let day = day();
    assert_eq!(found(&day, "blank pages"), "10001");
    assert_eq!(found(&day, "pages bla"), "10001");
    assert_eq!(found(&day, "bla pages"), "", "only the last may be half");
    assert_eq!(found(&day, "porter"), "10001 10004", "names");
    assert_eq!(found(&day, "green button"), "10001", "what we wrote");
    assert_eq!(found(&day, "hamburg"), "10002", "notes");
    assert_eq!(found(&day, "printer hamburg"), "");
    assert_eq!(found(&day, "FLOOR 3"), "10001", "the subject");
}

#[test]
fn accents_do_not_matter() {
    let day = day();
    for query in ["Kündigung", "kundigung", "KÜNDIG", "ku\u{308}ndige"] {
        assert_eq!(found(&day, query), "10002", "{query}");
    }
}

#[test]
fn scripts_without_blanks_are_found_by_any_part() {
    let day = day();
    assert_eq!(found(&day, "見積"), "10003");
    assert_eq!(found(&day, "佐藤"), "10003");
    assert_eq!(found(&day, "積見"), "", "in their order");
}

#[test]
fn nothing_that_is_typed_is_an_operator_or_an_error() {
    let day = day();
    assert_eq!(found(&day, "\"it\" AND"), "10004");
    assert_eq!(found(&day, "NOT near"), "10004");
    for query in [
        "",
        "\"",
        "'",
        "*",
        "a*b\"",
        "col:x",
        "{a}",
        "^a",
        "NEAR(a b, 2)",
        "a\0b",
        "\\",
        "%",
        "🔥",
        "' OR 1=1 --",
        "!",
        "<->",
        "()",
        "&|!",
    ] {
        let _ = found(&day, query); // unwraps inside
    }
    let long = "word ".repeat(10_000);
    let _ = found(&day, &long);
}

#[test]
fn what_is_found_comes_in_pages_newest_first() {
    let day = Day::new();
    for n in 1..=7 {
        day.receive(mail::from("ann@example.org", &format!("Printer {n}"), "It burns."));
    }
    let (mut after, mut all): (Option<After>, Vec<String>) = (None, Vec::new());
    loop {
        let page =
            day.read(|tx| search::find(tx, &Viewer::Operator, &Wanted::default(), "burn", after.as_ref(), 3));
        all.extend(page.lines.into_iter().map(|line| line.number));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(all.join(" "), "10007 10006 10005 10004 10003 10002 10001");
}

#[test]
fn a_huge_text_is_indexed_within_bounds() {
    let day = Day::new();
    let many: String = (0..60_000).map(|n| format!("w{n}ord ")).collect();
    day.receive(mail::from("ann@example.org", "Huge", &many));
    day.receive(mail::from("ann@example.org", "Same", &"same ".repeat(60_000)));
    day.receive(mail::from("ann@example.org", "Long", &"x".repeat(300_000)));
    assert_eq!(found(&day, "w100ord"), "10001");
    assert_eq!(found(&day, "same"), "10002");
    day.is_whole();
}
