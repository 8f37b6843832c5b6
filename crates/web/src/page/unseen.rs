//! What is here and cannot be seen, said in the strip of every page: mail that is no ticket, tickets that are not found.
use super::{Page, Trouble};
use desk::intake::inbox::Unfiled;

/// Everybody is told: what they look for may be there.
pub(super) fn not_found_by_words(is_administrator: bool) -> Trouble {
    let why = "The index of words was damaged and is being made anew; the tickets themselves are whole.";
    let more = " A disk that goes bad does such damage: `postern check` looks at everything.";
    Trouble {
        what: "Not all older tickets are found by their words at present".to_owned(),
        since: None,
        sentence: format!("{why}{}", if is_administrator { more } else { "" }),
        link: String::new(),
        color: "warn",
        button: "",
    }
}

/// Mail that no agent sees.
pub(super) fn not_filed(page: &Page, unfiled: Unfiled) -> Option<Trouble> {
    let Unfiled { kept, left, put_off } = unfiled;
    let said = |count: i64, one: &str, many: &str| match count {
        0 => None,
        1 => Some(one.to_owned()),
        count => Some(format!("{} messages {many}", page.count(&count))),
    };
    let all = [
        said(
            kept,
            "one message is stored, and could not be made a ticket",
            "are stored, and could not be made tickets",
        ),
        said(
            put_off,
            "one message could not be made a ticket so far, and is tried again",
            "could not be made tickets so far, and are tried again",
        ),
        said(left, "one message was left on its server", "were left on their servers"),
    ];
    let what = all.into_iter().flatten().collect::<Vec<_>>().join("; ");
    let mut letters = what.chars();
    let first = letters.next()?;
    let there = if kept + put_off > 0 {
        "it can be downloaded and tried again"
    } else {
        "its server can be asked again"
    };
    Some(Trouble {
        what: first.to_uppercase().chain(letters).collect(),
        since: None,
        sentence: format!("The Inbox has the reason of each; there {there}."),
        link: "/inbox".to_owned(),
        color: "bad",
        button: "Look at the Inbox",
    })
}
