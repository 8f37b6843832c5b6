//! The folder by Microsoft Graph, a stretch at a time: what has come since the link that the desk keeps, oldest first. Ids
//! are names that last and that no other message ever has, so that the desk keeps their numbers for good: a message that
//! somebody moves away and back is the same one.
mod again;
mod found;

use super::settling::Came;
use super::shelf::{Names, Opened, Whole};
use crate::Courier;
use crate::graph::{self, ask};
use crate::letter::arrived_at;
use crate::trouble::Trouble;
use desk::intake::on_server::OnServer;
use desk::mailboxes::cursor::{self, Link};
use desk::mailboxes::mailbox::{Fetched as Settings, Mailbox};
use desk::mailboxes::named::{self, Named};
use found::Found;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use wire::graph::{Listed, Next, Page, Raw, Start};
use wire::imap::Fetched;
use wire::letter::Room;

/// Listed before the first of them is fetched: as much as is kept in memory at once.
const STRETCH_MESSAGES: usize = 5_000;
const STRETCH_PAGES: usize = 50;
/// Pages of one round: half a million messages.
const ROUND_PAGES_MAX: usize = 2_000;
/// Of the ids of one folder: more than half a million messages have.
const WALK_BYTES_MAX: usize = 128 * 1024 * 1024;
/// As many letters show whether a server does to none what is asked for.
const SHOWN_BY: usize = 3;
/// Messages that are looked for one by one, as a listing names them both as being there and as gone. Of the others it shows when
/// they are fetched.
const BOTH_MAX: usize = 200;
/// Pages in a row that name nothing new.
const IDLE_PAGES_MAX: usize = 20;

#[derive(Debug)]
pub(crate) struct Graph {
    opened: Box<graph::Opened>,
    /// The one that is open.
    folder_id: String,
    /// By their names, those that were open on this link.
    folders: HashMap<String, String>,
    /// Of this stretch, by UID.
    listed: BTreeMap<u32, Listed>,
    /// Where this stretch began.
    from: Link,
    /// Where the next one begins, once all of this one is recorded.
    next: Link,
    has_more: bool,
    /// In this round the server told of something.
    told: bool,
    /// In this round it did not know any more what it had listed.
    is_lost: bool,
    /// Pages that may still be asked for in this round.
    pages_left: usize,
    /// Where fetched mail is moved to, by name, once it was looked for.
    moves_to: Option<(String, String)>,
}

impl Graph {
    pub(super) async fn open(
        courier: &Courier,
        mailbox: &Mailbox,
        opened: Box<graph::Opened>,
    ) -> Result<(Graph, Opened, Names), Trouble> {
        let mut graph = Graph {
            opened,
            folder_id: String::new(),
            folders: HashMap::new(),
            listed: BTreeMap::new(),
            from: Link::to_the_beginning(),
            next: Link::to_the_beginning(),
            has_more: false,
            told: false,
            is_lost: false,
            pages_left: 0,
            moves_to: None,
        };
        let (opened, names) = graph.begin(courier, mailbox).await?;
        Ok((graph, opened, names))
    }

    /// Looked for by its name, once a link: what is renamed meanwhile stays the same folder.
    async fn enter(&mut self, name: &str) -> Result<(), Trouble> {
        if let Some(id) = self.folders.get(name) {
            self.folder_id.clone_from(id);
            return Ok(());
        }
        let folder = self.opened.folder(name).await?;
        self.folders.insert(name.to_owned(), folder.id.clone());
        self.folder_id = folder.id;
        Ok(())
    }

    /// The first stretch of a round.
    pub(super) async fn begin(
        &mut self,
        courier: &Courier,
        mailbox: &Mailbox,
    ) -> Result<(Opened, Names), Trouble> {
        (self.pages_left, self.told, self.is_lost) = (ROUND_PAGES_MAX, false, false);
        let name = mailbox.folder_or_inbox();
        self.enter(name).await?;
        let listed = self.list(courier, mailbox).await;
        if listed.is_ok() {
            courier.inside.fetched.note_lost_place(mailbox, self.is_lost);
        } else {
            // It may have been made anew, with another id.
            self.folders.remove(name);
        }
        listed
    }

    /// The next stretch, after all of this one is recorded; `None` when there is none.
    pub(super) async fn go_on(
        &mut self,
        courier: &Courier,
        mailbox: &Mailbox,
    ) -> Result<Option<(Opened, Names)>, Trouble> {
        if !self.has_more {
            return Ok(None);
        }
        self.list(courier, mailbox).await.map(Some)
    }

    /// Where the listing goes on, when that is not where the desk has it already.
    pub(super) fn goes_on(&self) -> Option<&Link> {
        Some(&self.next).filter(|next| **next != self.from)
    }

    async fn list(&mut self, courier: &Courier, mailbox: &Mailbox) -> Result<(Opened, Names), Trouble> {
        let uid_validity = named::validity(mailbox);
        let (id, folder) = (mailbox.id, mailbox.folder_or_inbox().to_owned());
        let of_folder = folder.clone();
        self.from = courier.read(move |tx| cursor::link(tx, id, &of_folder, uid_validity)).await?;
        let known = self.from.clone();
        let found = self.pages().await.map_err(|error| Trouble::of(&error, self.opened.place()))?.in_order();
        if self.from != known {
            self.is_lost = true;
            let what = "Microsoft Graph does not know any more what was listed; listed from the beginning";
            tracing::info!(mailbox = mailbox.address, folder, "{what}");
            // It may know its messages by other ids now.
            courier.write_behind(move |tx| cursor::begin_after(tx, id, &folder, uid_validity)).await?;
        }
        let (mut uids, mut last) = given(courier, mailbox, &found).await?;
        let mut fresh = VecDeque::new();
        self.listed.clear();
        for listed in found {
            let uid = uids.remove(&listed.id).unwrap_or_else(|| {
                last = last.saturating_add(1);
                fresh.push_back(Named { uid: last, name: listed.id.clone() });
                last
            });
            self.listed.insert(uid, listed);
        }
        let opened =
            Opened { uid_validity, uid_next: Some(last.saturating_add(1)), walks: self.from.is_first_walk };
        Ok((opened, Names::of(fresh)))
    }

    async fn pages(&mut self) -> wire::Result<Found> {
        let (mut found, mut at, mut began_again) = (Found::default(), self.from.clone(), false);
        let mut idle = 0;
        for _ in 0..STRETCH_PAGES {
            let host = self.opened.host().to_owned();
            let broken = |why: &str| wire::Error::broken("list what is new", &host).remedy(why);
            self.pages_left =
                self.pages_left.checked_sub(1).ok_or_else(|| broken("its list of messages has no end"))?;
            let Some(page) = self.page(&at.at).await? else {
                if std::mem::replace(&mut began_again, true) {
                    return Err(broken("it loses again and again what was listed"));
                }
                // What is known is known by its id: nothing is doubled.
                self.from = Link::to_the_beginning();
                (found, at) = (Found::default(), Link::to_the_beginning());
                continue;
            };
            self.told |= !page.listed.is_empty() || !page.removed.is_empty();
            idle = if found.take(&page) { 0 } else { idle + 1 };
            match page.next {
                Next::Later(link) => {
                    (self.next, self.has_more) = (Link { at: link, is_first_walk: false }, false);
                    return self.without_gone(found).await;
                }
                Next::Page(_) if idle > IDLE_PAGES_MAX => {
                    return Err(broken("its list leads back to itself"));
                }
                Next::Page(link) => at.at = link,
            }
            if found.order.len() >= STRETCH_MESSAGES {
                break;
            }
        }
        (self.next, self.has_more) = (at, true);
        self.without_gone(found).await
    }

    /// What was moved away and back is there, and what came and was moved away is not.
    async fn without_gone(&mut self, mut found: Found) -> wire::Result<Found> {
        for id in found.both(BOTH_MAX) {
            match ask!(self.opened, |session| session.place(&id)) {
                Ok(place) if place.as_ref() != Some(&self.folder_id) => found.drop(&id),
                Ok(_) => {}
                // It is about this one: whether it is there shows when it is fetched.
                Err(error) if error.server_text().is_some() && error.retry_after_ms().is_none() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    /// From this link; empty: from the beginning of the folder. `None`: the server does not know the link any more.
    async fn page(&mut self, link: &str) -> wire::Result<Option<Page>> {
        let start = if link.is_empty() { Start::Folder(&self.folder_id) } else { Start::Link(link) };
        ask!(self.opened, |session| session.page(start))
    }

    pub(super) fn told(&self) -> bool {
        self.told
    }

    /// All that the folder holds, listed anew beside the listing of what is new.
    pub(super) async fn whole(&mut self, courier: &Courier, mailbox: &Mailbox) -> Result<Whole, Trouble> {
        let walked = self.walk("").await.and_then(|found| {
            let lost = || wire::Error::transient("list the folder", self.opened.host());
            found.ok_or_else(|| lost().remedy("it has lost what it had listed already"))
        });
        let found = walked.map_err(|error| Trouble::of(&error, self.opened.place()))?.in_order();
        let (uids, mut last) = given(courier, mailbox, &found).await?;
        let news = if uids.len() < found.len() { self.news().await? } else { None };
        let (mut whole, mut fresh) = (Whole::default(), VecDeque::new());
        self.listed.clear();
        for listed in found {
            let uid = match uids.get(&listed.id) {
                Some(uid) => *uid,
                None if news.as_ref().is_none_or(|news| news.contains(&listed.id)) => {
                    whole.to_be_told += 1;
                    continue;
                }
                None => {
                    last = last.saturating_add(1);
                    fresh.push_back(Named { uid: last, name: listed.id.clone() });
                    whole.untold.insert(last);
                    last
                }
            };
            self.listed.insert(uid, listed);
        }
        whole.uids = self.listed.keys().copied().collect();
        whole.names = Names::of(fresh);
        Ok(whole)
    }

    /// The ids of what the next round is told. `None`: of everything, from the beginning.
    async fn news(&mut self) -> Result<Option<HashSet<String>>, Trouble> {
        let next = self.next.at.clone();
        let walked = self.walk(&next).await;
        let walked = walked.map_err(|error| Trouble::of(&error, self.opened.place()))?;
        Ok(walked.map(|found| found.in_order().into_iter().map(|listed| listed.id).collect()))
    }

    /// From this link to the end of what there is now, as [`Graph::page`] has it; the desk keeps nothing of it.
    async fn walk(&mut self, from: &str) -> wire::Result<Option<Found>> {
        let host = self.opened.host().to_owned();
        let broken = |why: &str| wire::Error::broken("list the folder", &host).remedy(why);
        let (mut found, mut link, mut idle) = (Found::default(), from.to_owned(), 0);
        for _ in 0..ROUND_PAGES_MAX {
            let Some(page) = self.page(&link).await? else { return Ok(None) };
            idle = if found.take(&page) { 0 } else { idle + 1 };
            if found.bytes > WALK_BYTES_MAX {
                break;
            }
            match page.next {
                Next::Later(_) => return self.without_gone(found).await.map(Some),
                Next::Page(_) if idle > IDLE_PAGES_MAX => {
                    return Err(broken("its list leads back to itself"));
                }
                Next::Page(next) => link = next,
            }
        }
        Err(broken("its list of messages has no end"))
    }

    /// UIDs above this one, ascending.
    pub(super) fn uids_since(&self, uid: u32) -> Vec<u32> {
        self.listed.range(uid.saturating_add(1)..).map(|(uid, _)| *uid).collect()
    }

    pub(super) fn uids_since_date(&self, at: i64) -> Vec<u32> {
        let came = |listed: &Listed| listed.received_at.is_none_or(|came_at| came_at >= at);
        self.listed.iter().filter(|(_, listed)| came(listed)).map(|(uid, _)| *uid).collect()
    }

    pub(super) fn dates(&self, uids: &[u32]) -> HashMap<u32, Option<i64>> {
        uids.iter().filter_map(|uid| Some((*uid, self.listed.get(uid)?.received_at))).collect()
    }

    /// One message. One that is gone is not listed any more either.
    pub(super) async fn fetch(&mut self, uid: u32, room: &Room) -> wire::Result<Fetched> {
        let Some(Listed { id, received_at }) = self.listed.get(&uid).cloned() else {
            return Ok(Fetched::Missing { uid });
        };
        let raw = ask!(self.opened, |session| session.raw(&id, room))?;
        Ok(match raw {
            Raw::Message(letter) => {
                let internal_date_at = received_at.or_else(|| arrived_at(&letter));
                Fetched::Message { uid, internal_date_at, letter }
            }
            Raw::TooBig { size_bytes } => Fetched::TooBig { uid, internal_date_at: received_at, size_bytes },
            Raw::Gone => {
                // A server in trouble says it of one that is there, which then is asked for once more.
                if ask!(self.opened, |session| session.place(&id))?.is_none() {
                    self.listed.remove(&uid);
                }
                Fetched::Missing { uid }
            }
        })
    }

    /// What *Fetched Emails* says, done to these messages, one after another. One that is refused is passed over.
    pub(super) async fn settle(&mut self, settings: &Settings, messages: &[Named], works: bool) -> Came {
        let mut came = Came::default();
        // The newest is among the first that are asked for: it shows whether the server is to blame, or the oldest are.
        let (newest, older) =
            messages.split_last().map_or((None, messages), |(last, rest)| (Some(last), rest));
        let (first, rest) = older.split_at(older.len().min(SHOWN_BY - 1));
        for message in first.iter().chain(newest).chain(rest) {
            let error = match self.settle_one(settings, &message.name).await {
                Ok(became) => {
                    came.done.push((message.uid, became));
                    continue;
                }
                Err(error) => error,
            };
            // Without its words there is no server, and with a time it wants to be left alone.
            let is_about_it = error.server_text().is_some()
                && error.retry_after_ms().is_none()
                && error.kind() != wire::Kind::Unauthorized;
            if !is_about_it {
                came.end = Some(error);
                break;
            }
            came.refused.push((message.uid, error));
            let refuses_all = !works && came.done.is_empty() && came.refused.len() >= SHOWN_BY;
            if came.is_refused_too_often(works) || refuses_all {
                break;
            }
        }
        came.or_none(works)
    }

    /// Only where it was fetched from: a message that somebody has put away meanwhile is left there.
    async fn settle_one(&mut self, settings: &Settings, id: &str) -> wire::Result<OnServer> {
        let done = |is_there: bool| if is_there { OnServer::by(settings) } else { OnServer::Gone };
        let to = match settings {
            Settings::Nothing => return Ok(OnServer::Left),
            Settings::Read => return ask!(self.opened, |session| session.mark_read(id)).map(done),
            Settings::Delete => None,
            Settings::Move(name) => Some(self.folder_to_move_to(name).await?),
        };
        let place = ask!(self.opened, |session| session.place(id))?;
        if place.as_ref() != Some(&self.folder_id) {
            return Ok(OnServer::Gone);
        }
        let was_there = match &to {
            Some(to) => ask!(self.opened, |session| session.move_to(id, to)),
            None => ask!(self.opened, |session| session.delete(id)),
        };
        was_there.map(done)
    }

    async fn folder_to_move_to(&mut self, name: &str) -> wire::Result<String> {
        if let Some((known, id)) = &self.moves_to
            && known == name
        {
            return Ok(id.clone());
        }
        let folder = ask!(self.opened, |session| session.folder_or_new(name))?;
        self.moves_to = Some((name.to_owned(), folder.id.clone()));
        Ok(folder.id)
    }
}

/// The numbers that the desk has given to these already, by their ids, and the last that it gave.
async fn given(
    courier: &Courier,
    mailbox: &Mailbox,
    found: &[Listed],
) -> desk::Result<(HashMap<String, u32>, u32)> {
    let uid_validity = named::validity(mailbox);
    let (id, folder) = (mailbox.id, mailbox.folder_or_inbox().to_owned());
    let names: Vec<String> = found.iter().map(|listed| listed.id.clone()).collect();
    let read = courier.read(move |tx| {
        let known = named::find(tx, id, &folder, uid_validity, &names)?;
        Ok((known, cursor::last_given(tx, id, &folder, uid_validity)?))
    });
    let (known, last) = read.await?;
    Ok((known.into_iter().map(|named| (named.name, named.uid)).collect(), last))
}
