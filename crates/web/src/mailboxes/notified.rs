//! Whether the server tells of new mail by itself (change notifications of Microsoft Graph), in words, a folder each.
use crate::moment::Moment;
use crate::page::Page;
use desk::mailboxes::mailbox::Mailbox;
use desk::mailboxes::subscription::{self, State, Subscription};

#[derive(Clone, Debug)]
pub struct Notified {
    /// `good`, `warn` or empty: the color of its dot.
    pub color: &'static str,
    /// Empty: of the mailbox as a whole.
    pub folder: String,
    pub words: &'static str,
    /// When something happens next, and what.
    pub next: Option<(&'static str, Moment)>,
    pub reason: String,
    pub remedy: String,
}

impl Notified {
    /// Empty: nobody wants it, and nothing is left of it.
    pub fn all(mailbox: &Mailbox, there: &[Subscription], page: &Page) -> Vec<Notified> {
        if there.is_empty() && subscription::wants(mailbox) {
            let words = if page.on_hold { "mail is on hold" } else { "asked for once mail is fetched" };
            return vec![Notified { words, ..Notified::plain(String::new()) }];
        }
        there.iter().map(|one| Notified::of(one, page)).collect()
    }

    fn plain(folder: String) -> Notified {
        Notified { color: "", folder, words: "", next: None, reason: String::new(), remedy: String::new() }
    }

    fn of(one: &Subscription, page: &Page) -> Notified {
        let moment = |at: i64| page.moment(&at.max(page.now));
        let is_well = one.reason.is_empty();
        let (color, words) = match (one.state, is_well) {
            (State::Active, true) => ("good", "new mail is told of at once"),
            (State::Active, false) => ("warn", "new mail is told of, and that is not renewed"),
            (State::Wanted, true) => ("", "Microsoft is being asked"),
            (State::Wanted, false) => ("warn", "Microsoft does not tell of new mail"),
            (State::Ending, _) => ("", "being ended at Microsoft"),
        };
        let next = match (one.state, is_well) {
            (State::Active, true) => one.ends_at.map(|at| ("renewed before", moment(at))),
            _ if page.on_hold => None,
            _ => Some(("next try", moment(one.due_at))),
        };
        Notified {
            color,
            words,
            next,
            reason: one.reason.clone(),
            remedy: one.remedy.clone(),
            ..Notified::plain(one.folder.clone())
        }
    }
}
